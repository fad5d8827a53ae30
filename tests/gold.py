"""The sample articles of seeds/articles with their gold answers, and how an analysis is held against them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from quotes import Analysis, Article, Quotation, QuotationKind, reading

FOLDER = Path(__file__).parent.parent / "seeds" / "articles"


@dataclass(frozen=True)
class Gold:
    """One gold quotation."""

    spans: tuple[str, ...]
    kind: str
    speakers: tuple[str, ...]  # the canonical name and its aliases; empty where nobody can be named
    stance: str | None


def names() -> list[str]:
    """The sample articles, by the name of their gold file."""
    return sorted(p.name.removesuffix(".gold.json") for p in FOLDER.glob("*.gold.json"))


def load(name: str) -> tuple[Article, list[Gold]]:
    """A sample article and its gold quotations in order."""
    stored = json.loads((FOLDER / f"{name}.gold.json").read_text(encoding="utf-8"))
    gold = [
        Gold(
            tuple(_blanks(s) for s in q["spans"]),
            q["kind"],
            tuple(n for n in [q["speaker"], *q.get("aliases", [])] if n),
            q["stance"],
        )
        for q in stored["quotations"]
    ]
    return reading.from_file(FOLDER / stored["source"]), gold


def pairs(analysis: Analysis, gold: list[Gold]) -> list[tuple[Gold, Quotation | None]]:
    """Each gold quotation with the one found for it: the same words in the same spans, in order."""
    found = [(tuple(_blanks(s.of(analysis.article.text)) for s in q.spans), q) for q in analysis.quotations]
    result: list[tuple[Gold, Quotation | None]] = []
    for wanted in gold:
        match = next((i for i, (spans, _) in enumerate(found) if spans == wanted.spans), None)
        result.append((wanted, found.pop(match)[1] if match is not None else None))
    return result


def speaker_is_right(gold: Gold, quotation: Quotation) -> bool:
    """Whether the speaker has one of the gold names, or the quotation is rightly nobody's speech."""
    if gold.kind == QuotationKind.NOT_SPEECH:
        return quotation.speaker is None
    name = quotation.speaker.name if quotation.speaker else None
    if name is None:
        return not gold.speakers
    given = _words(name)
    return any(given == _words(n) or (given and given <= _words(n)) for n in gold.speakers)


def speaker_is_wrong(gold: Gold, quotation: Quotation) -> bool:
    """Whether a name is given that is not the speaker's: worse than none."""
    return (
        quotation.speaker is not None and quotation.speaker.name is not None and not speaker_is_right(gold, quotation)
    )


def _blanks(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _words(name: str) -> set[str]:
    words = re.findall(r"\w+", re.sub(r"['’]s?\b", "", name.lower()))
    return set(words) - {"the", "a", "an", "mr", "ms", "mrs", "dr"}
