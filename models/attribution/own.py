"""The project's own sample articles (seeds/articles) as training examples.

They hold what political news of one country lacks: resolutions, letters and ministries that speak, British marks,
transcripts, interviews. Their gold gives names, not mentions: a candidate is right when the name that its mention is
resolved to is the speaker's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from quotes.candidates import Candidate
from quotes.document import Article, Quotation, Span
from quotes.names import Names
from quotes.reading import from_file

FOLDER = Path(__file__).resolve().parent.parent.parent / "seeds" / "articles"


def articles() -> Iterator[tuple[Article, list[dict[str, object]]]]:
    """Each article with its gold quotations (see seeds/README.md)."""
    for path in sorted(FOLDER.glob("*.gold.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        yield from_file(FOLDER / stored["source"]), stored["quotations"]


def gold_of(article: Article, quotation: Quotation, gold: list[dict[str, object]]) -> dict[str, object] | None:
    """The gold entry with the same words, or None."""
    words = [_blanks(span.of(article.text)) for span in quotation.spans]
    return next((g for g in gold if [_blanks(s) for s in g["spans"]] == words), None)  # type: ignore[attr-defined]


def right_mentions(gold: dict[str, object], candidates: list[Candidate], names: Names) -> list[Span] | None:
    """The mentions of the candidates that mean the gold speaker, or None for what is not speech."""
    if gold["kind"] == "not_speech":
        return None
    wanted = [_words(n) for n in [gold["speaker"], *gold.get("aliases", [])] if n]  # type: ignore[misc]
    found = []
    for candidate in candidates:
        given = _words(names.resolve(candidate.mention, candidate.head, candidate.definite, None, ())[0].name or "")
        if given and any(given == w or given <= w for w in wanted):
            found.append(candidate.mention)
    return found


def _blanks(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _words(name: str) -> set[str]:
    words = re.findall(r"\w+", re.sub(r"['’]s?\b", "", name.lower()))
    return set(words) - {"the", "a", "an", "mr", "ms", "mrs", "dr"}
