"""The Worldwide English newswire corpus (Shan et al., Findings of EMNLP 2023) made ready for training named entities.

Nine classes become the five that the product uses. Clitics and closing marks are split off as the UD tokenizer splits
them: a model trained on the corpus's own tokens learns to swallow `'s`.
"""

import json
import random
import re
from pathlib import Path

from quotes.characters import plain

CLASSES = {
    "Person": "PERSON",
    "Organization": "ORG",
    "Location": "LOC",
    "Facility": "LOC",
    "NORP": "NORP",
    "Misc": "MISC",
    "Product": "MISC",
}
SPLIT_SEED = 20261124
CLITIC = re.compile(r"(?i)^(.+)('s|'re|'ve|'ll|'d|'m)$")
NEGATION = re.compile(r"(?i)^(.+)(n't)$")

Token = tuple[str, str]


def split(folder: Path) -> dict[str, list[Path]]:
    """Divide the annotated articles by document: a tenth for test, a tenth for dev, the rest for training."""
    files = sorted((folder / "processed_annotated").glob("*.tsv"))
    random.Random(SPLIT_SEED).shuffle(files)
    tenth = len(files) // 10
    return {"test": sorted(files[:tenth]), "dev": sorted(files[tenth : 2 * tenth]), "train": sorted(files[2 * tenth :])}


def read(path: Path) -> list[list[Token]]:
    """Sentences of (word, BIO tag) of one article; its first line, the address, is left out."""
    sentences: list[list[Token]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n")[1:]:
        cells = line.rstrip("\r").split("\t")
        if not line.strip():
            sentences.append([])
        elif cells[0].strip():
            position, _, name = (cells[1] if len(cells) > 1 else "O").partition("-")
            kind = CLASSES.get(name)
            sentences[-1] += [(w, f"{position}-{kind}" if kind else "O") for w in plain(cells[0]).split()]
    return [_repaired(_split_clitics(_join_apostrophes(s))) for s in sentences if s]


def _join_apostrophes(tokens: list[Token]) -> list[Token]:
    """`Israel ' s` and `don ' t`, as curly apostrophes were cut, become `Israel 's` and `do n't`."""
    result: list[Token] = []
    index = 0
    while index < len(tokens):
        word, tag = tokens[index]
        following = tokens[index + 1][0].lower() if index + 1 < len(tokens) else ""
        if word == "'" and result and following in {"s", "re", "ve", "ll", "d", "m"}:
            result.append(("'" + tokens[index + 1][0], tokens[index + 1][1] if tag != "O" else "O"))
            index += 2
        elif word == "'" and result and following == "t" and result[-1][0].lower().endswith("n"):
            last, last_tag = result.pop()
            if len(last) > 1:
                result.append((last[:-1], last_tag))
            result.append((last[-1] + "'" + tokens[index + 1][0], "O"))
            index += 2
        else:
            result.append((word, tag))
            index += 1
    return result


def _split_clitics(tokens: list[Token]) -> list[Token]:
    result: list[Token] = []
    for index, (word, tag) in enumerate(tokens):
        match = CLITIC.match(word) or NEGATION.match(word)
        following = tokens[index + 1][1] if index + 1 < len(tokens) else "O"
        if match:
            # "Israel's" is the entity "Israel"; the clitic is inside only when the entity goes on ("Children's Hospital")
            inside = tag != "O" and following == "I-" + tag[2:]
            result += [(match.group(1), tag), (match.group(2), "I-" + tag[2:] if inside else "O")]
        else:
            result.append((word, tag))
    return result


def _repaired(tokens: list[Token]) -> list[Token]:
    """Make the tags plain BIO: an `I-` that continues nothing begins an entity; a closing clitic ends one."""
    result: list[Token] = []
    previous = "O"
    for index, (word, tag) in enumerate(tokens):
        following = tokens[index + 1][1] if index + 1 < len(tokens) else "O"
        if word.lower() == "'s" and tag != "O" and following != "I-" + tag[2:]:
            tag = "O"
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            tag = "B-" + tag[2:]
        result.append((word, tag))
        previous = tag
    return result


def write_json(path: Path, files: list[Path]) -> int:
    """Write articles in the form Stanza's NER trainer reads (BIOES); return the number of sentences."""
    sentences = [[{"text": w, "ner": t} for w, t in _bioes(s)] for f in files for s in read(f)]
    path.write_text(json.dumps(sentences, ensure_ascii=False), encoding="utf-8")
    return len(sentences)


def _bioes(tokens: list[Token]) -> list[Token]:
    result = []
    for index, (word, tag) in enumerate(tokens):
        goes_on = index + 1 < len(tokens) and tokens[index + 1][1] == "I-" + tag[2:]
        if tag.startswith("B-") and not goes_on:
            tag = "S-" + tag[2:]
        elif tag.startswith("I-") and not goes_on:
            tag = "E-" + tag[2:]
        result.append((word, tag))
    return result
