"""Universal Dependencies treebanks made ready for training.

A sentence is a list of CoNLL-U lines (comments and words). All text is passed through `quotes.characters.plain`, as it is
when the models are used, so that training and use see the same characters.
"""

import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from quotes.characters import plain

Sentence = list[str]

# Abbreviations after which the small models must not end a sentence. UD has too few of them (EWT has "Sen." twice), so
# `with_abbreviations` writes more of them before names, nouns and numbers that the treebanks already hold.
TITLES = (
    "Mr. Mrs. Ms. Dr. Sen. Rep. Gov. Gen. Lt. Col. Sgt. Capt. Maj. Cmdr. Prof. Rev. Sens. Reps. Adm. Lt._Gov.".split()
)
COUNTRIES = ["U.S.", "U.N.", "U.K.", "D.C."]
NUMBERS = ["No.", "Nos."]
ABBREVIATION_RATE = 0.04  # share of the fitting places; not swept


def read(path: Path) -> list[Sentence]:
    """Read a CoNLL-U file; words, lemmas and the text comment are made plain, empty nodes dropped."""
    sentences: list[Sentence] = []
    current: Sentence = []
    for raw in path.read_text(encoding="utf-8").split("\n"):
        line = raw.rstrip("\r")
        if not line:
            if current:
                sentences.append(current)
            current = []
        elif line.startswith("# text ="):
            current.append(plain(line))
        elif line.startswith("#"):
            current.append(line)
        else:
            columns = line.split("\t")
            if "." in columns[0]:
                continue
            columns[1], columns[2] = plain(columns[1]), plain(columns[2])
            columns[8] = "_"
            columns[9] = "SpaceAfter=No" if "SpaceAfter=No" in columns[9].split("|") else "_"
            current.append("\t".join(columns))
    if current:
        sentences.append(current)
    return sentences


def write(path: Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences as CoNLL-U."""
    path.write_text("".join("\n".join(s) + "\n\n" for s in sentences), encoding="utf-8")


def without_columns(sentences: Iterable[Sentence], *columns: int) -> list[Sentence]:
    """Blank CoNLL-U columns (0-based), so that a model is not asked to learn them."""
    result = []
    for sentence in sentences:
        lines = []
        for line in sentence:
            cells = line.split("\t")
            if len(cells) == 10:
                for column in columns:
                    cells[column] = "_"
            lines.append("\t".join(cells))
        result.append(lines)
    return result


def surface(sentence: Sentence) -> Iterator[tuple[str, bool]]:
    """Yield each surface token (multi-word tokens whole) and whether a space follows it."""
    inside = 0
    for line in sentence:
        cells = line.split("\t")
        if len(cells) != 10:
            continue
        if "-" in cells[0]:
            inside = int(cells[0].split("-")[1])
        elif int(cells[0]) <= inside:
            continue
        yield cells[1], "SpaceAfter=No" not in cells[9]


def paragraphs(sentences: Iterable[Sentence]) -> list[str]:
    """The raw text, one string a paragraph (`# newpar` or `# newdoc` begins one)."""
    result: list[str] = []
    for sentence in sentences:
        if not result or any(line.startswith(("# newpar", "# newdoc")) for line in sentence):
            result.append("")
        result[-1] += "".join(token + " " * space for token, space in surface(sentence))
    return [re.sub(r"\s+", " ", p).strip() for p in result]


def with_abbreviations(sentences: Iterable[Sentence], seed: int) -> list[Sentence]:
    """Copy sentences with titles put before names, "U.S." before nouns and "No." before numbers, for the tokenizer.

    Only the words and spaces of the result are meant for use: heads and numbering are those of the source.
    """
    rng = random.Random(seed)
    result = []
    for sentence in sentences:
        lines: Sentence = []
        before = ""
        for line in sentence:
            cells = line.split("\t")
            if len(cells) == 10 and "-" not in cells[0]:
                inserted = _abbreviation(before, cells, rng)
                # never inside a multi-word token, whose range of words must stay whole
                if inserted and not _in_multiword(lines, int(cells[0])):
                    for word in inserted.split("_"):
                        lines.append("\t".join(["0", word, word, "PROPN", "NNP", "_", "0", "flat", "_", "_"]))
                before = cells[3]
            lines.append(line)
        result.append(_renumbered(lines))
    return result


def _abbreviation(before: str, cells: list[str], rng: random.Random) -> str | None:
    if rng.random() >= ABBREVIATION_RATE or not cells[1][0].isalnum():
        return None
    if cells[3] == "PROPN" and before != "PROPN" and cells[1][0].isupper():
        return rng.choice(TITLES)
    if cells[3] == "NOUN" and before in ("DET", "ADP"):
        return rng.choice(COUNTRIES)
    if cells[3] == "NUM" and cells[1].isdigit():
        return rng.choice(NUMBERS)
    return None


def _in_multiword(lines: Sentence, number: int) -> bool:
    for line in reversed(lines):
        if re.match(r"\d+-\d+\t", line):
            first, last = map(int, line.split("\t")[0].split("-"))
            return first <= number <= last
    return False


def _renumbered(lines: Sentence) -> Sentence:
    result: Sentence = []
    number = 0
    for line in lines:
        cells = line.split("\t")
        if len(cells) == 10:
            if "-" in cells[0]:
                first, last = map(int, cells[0].split("-"))
                cells[0] = f"{number + 1}-{number + 1 + last - first}"
            else:
                number += 1
                cells[0] = str(number)
                cells[6] = str(number - 1)
        result.append("\t".join(cells))
    return result
