"""PolNeAR (Newell, Margolin and Ruths, LREC 2018) read as gold speakers of direct quotations.

The corpus marks Source, Cue and Content spans in brat files, one file an annotator. A quoted span is attributed when most
annotators of its article cover at least 60 % of it by the Content of an attribution that has a Source.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quotes.document import Quotation, Span
from quotes.uniform import Uniform, uniform

COVERED = 0.6
_WORD = re.compile(r"[^\W_]+")
# Words of a Source that do not tell it from another.
_WEAK = frozenset(
    """a an the of in on at to for from by with and or but as who which that his her their its he she it they we i said says
    according s""".split()
)


@dataclass(frozen=True, slots=True)
class GoldArticle:
    """An article in one spelling, as analysis sees it, and its annotators' attributions: (Content spans, Source spans) each."""

    stem: str
    spelt: Uniform
    annotators: list[list[tuple[list[Span], list[Span]]]]

    @property
    def text(self) -> str:
        """What the spans point into."""
        return self.spelt.text


def articles(folder: Path) -> Iterator[GoldArticle]:
    """The articles of one split: `folder` holds text/ and attributions/."""
    for path in sorted((folder / "text").glob("*.txt")):
        with path.open(encoding="utf-8", newline="") as stream:
            spelt = uniform(written := stream.read())
        files = sorted(p for p in (folder / "attributions").glob("*.ann") if p.stem.rsplit("_", 1)[0] == path.stem)
        yield GoldArticle(path.stem, spelt, [_read(file, written, spelt) for file in files])


def gold_words(article: GoldArticle, quotation: Quotation) -> list[Span] | None:
    """The telling words of the Sources of a quotation (its first span decides), or None where it is not attributed."""
    found = [_sources(annotator, quotation.spans[0]) for annotator in article.annotators]
    attributed = [sources for sources in found if sources]
    if len(attributed) * 2 <= len(article.annotators):
        return None
    sources = sorted({s for some in attributed for s in some})
    words = [Span(s.start + m.start(), s.start + m.end()) for s in sources for m in _WORD.finditer(s.of(article.text))]
    return [w for w in words if w.of(article.text).lower() not in _WEAK] or words


def _sources(attributions: list[tuple[list[Span], list[Span]]], span: Span) -> list[Span]:
    best: tuple[float, list[Span]] = (0.0, [])
    for content, source in attributions:
        inside = {i for c in content for i in range(max(c.start, span.start), min(c.end, span.end))}
        share = len(inside) / max(1, len(span))
        if source and share > best[0]:
            best = (share, source)
    return best[1] if best[0] >= COVERED else []


def _read(path: Path, written: str, spelt: Uniform) -> list[tuple[list[Span], list[Span]]]:
    spans: dict[str, list[Span]] = {}
    events: list[list[tuple[str, str]]] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        cells = line.rstrip("\r").split("\t")
        if re.fullmatch(r"T\d+", cells[0]) and len(cells) > 1:
            pieces = cells[1].split(" ", 1)[1].split(";")
            spans[cells[0]] = [Span(*map(int, piece.split())) for piece in pieces]
        elif re.fullmatch(r"E\d+", cells[0]) and len(cells) > 1:
            roles = [role.split(":") for role in cells[1].split()[1:]]
            events.append([(re.sub(r"\d+$", "", name), target) for name, target in roles])
    result = []
    for roles in events:
        by_role = {
            r: [s for role, t in roles if role == r for s in spans.get(t, [])] for r in ("Content", "Source", "Cue")
        }
        source = by_role["Source"]
        if source and all(s.of(written).lower() in ("said", "says") for s in source):
            source = by_role["Cue"] or source  # a dozen annotations have the two swapped
        result.append((list(map(spelt.respelt, by_role["Content"])), list(map(spelt.respelt, source))))
    return result
