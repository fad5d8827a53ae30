"""An analysis on its way out: the one JSON shape that the command line and the API share, and CSV made from it."""

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from quotes.document import Analysis, Article, Quotation, Span, Speaker, Stance
from quotes.dom import Point
from quotes.positions import Selectors, selectors
from quotes.reading import source_span

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")

CSV_COLUMNS = (
    "article",
    "title",
    "url",
    "quotation",
    "kind",
    "start",
    "end",
    "speaker",
    "identifier",
    "speaker_kind",
    "confidence",
    "unresolved",
    "mention",
    "rule",
    "explanation",
    "stance",
    "probability",
    "uncertain",
    "runner_up",
)

_Cell = TypeVar("_Cell")

# What spreadsheets take for the beginning of a formula, in either width, or skip on the way to one.
_FORMULA = tuple("=+-@＝＋－＠\t\r\n")


def to_dict(analysis: Analysis) -> dict[str, Any]:
    """The analysis as plain values, ready for `json.dumps`.

    Wherever the article is pointed into, `text` says what is there; `start` and `end` count Unicode code points of the
    article's text, `utf16_start` and `utf16_end` UTF-16 code units of the same (JavaScript's), and for an article that
    came as HTML `source_start` and `source_end` count code points of that HTML, else they are null. All ends are
    exclusive. `article.text` is the text that was extracted from HTML, else null: the caller has it; `article.body` is a
    JSON pointer to what was read of a ninjs item, else null. The `selectors` of a quotation's spans are those of
    `quotes.positions`.
    """
    spans = list(dict.fromkeys(span for quotation in analysis.quotations for span in quotation.spans))
    return _Export(analysis.article, spans).analysis(analysis)


def stance_to_dict(context: str, quotation: Iterable[Span], stance: Stance) -> dict[str, Any]:
    """A stance that `Pipeline.label` has given, with the passages in its context as `to_dict` writes them."""
    export = _Export(Article(context))
    return {"spans": [export.passage(span) for span in quotation], "stance": export.stance(stance)}


def to_csv(analyses: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The header, then for each analysis, as `to_dict` gave it, its rows in one piece: a row a quotation.

    Lines end with CRLF (RFC 4180). Cells that a spreadsheet would run as a formula begin with an apostrophe.
    """
    yield _rows([CSV_COLUMNS])
    for analysis in analyses:
        yield _rows(_csv_row(analysis["article"], quotation) for quotation in analysis["quotations"])


class _Export:
    """Writes what points into one article; counts its UTF-16 surrogate pairs once, and parses its HTML once.

    `spans` are those of quotations, which have selectors.
    """

    def __init__(self, article: Article, spans: Sequence[Span] = ()) -> None:
        self._article = article
        self._astral = [match.start() for match in _ASTRAL.finditer(self._article.text)]
        self._selectors = dict(zip(spans, selectors(self._article, spans), strict=True))

    def analysis(self, analysis: Analysis) -> dict[str, Any]:
        article = self._article
        return {
            "article": {
                "id": article.id,
                "title": article.title,
                "url": article.url,
                "text": None if article.source is None else article.text,
                "body": article.body,
            },
            "models": dict(analysis.models),
            "quotations": [self._quotation(quotation) for quotation in analysis.quotations],
            "diagnostics": [
                {"code": diagnostic.code, "message": diagnostic.message, **self.passage(diagnostic.span)}
                for diagnostic in analysis.diagnostics
            ],
        }

    def _quotation(self, quotation: Quotation) -> dict[str, Any]:
        return {
            "text": quotation.text(self._article),
            "kind": quotation.kind.value,
            "spans": [
                {**self.passage(span), "selectors": _selectors(self._selectors[span])} for span in quotation.spans
            ],
            "speaker": None if quotation.speaker is None else self._speaker(quotation.speaker),
            "stance": None if quotation.stance is None else self.stance(quotation.stance),
        }

    def _speaker(self, speaker: Speaker) -> dict[str, Any]:
        evidence = speaker.evidence
        return {
            "name": speaker.name,
            "identifier": speaker.identifier,
            "kind": None if speaker.kind is None else speaker.kind.value,
            "confidence": float(speaker.confidence),
            "unresolved": speaker.unresolved,
            "mention": None if evidence.mention is None else self.passage(evidence.mention),
            "cue": None if evidence.cue is None else self.passage(evidence.cue),
            "relayed_by": [self.passage(mention) for mention in evidence.relayed_by],
            "rule": evidence.rule,
            "explanation": evidence.explanation,
        }

    def stance(self, stance: Stance) -> dict[str, Any]:
        return {
            "label": str(stance.label),
            "probability": float(stance.probability),
            "uncertain": stance.uncertain,
            "runner_up": str(stance.runner_up),
            "probabilities": {str(label): float(share) for label, share in stance.probabilities.items()},
            "reasons": [
                {**self.passage(reason.span), "weight": float(reason.weight)}  # numpy's floats are not JSON's
                for reason in stance.reasons
            ],
        }

    def passage(self, span: Span) -> dict[str, Any]:
        source = None if self._article.source is None else source_span(self._article, span)
        return {
            "text": span.of(self._article.text),
            "start": span.start,
            "end": span.end,
            "utf16_start": self._utf16(span.start),
            "utf16_end": self._utf16(span.end),
            "source_start": None if source is None else source.start,
            "source_end": None if source is None else source.end,
        }

    def _utf16(self, offset: int) -> int:
        return offset + bisect_left(self._astral, offset)


def _selectors(found: Selectors) -> dict[str, Any]:
    quote = {"exact": found.exact, "prefix": found.prefix, "suffix": found.suffix}
    position, place = found.position, found.range
    return {
        "quote": {"type": "TextQuoteSelector", **quote},
        "position": position and {"type": "TextPositionSelector", "start": position.start, "end": position.end},
        "range": place and {"start": _point(place.start), "end": _point(place.end)},
    }


def _point(point: Point) -> dict[str, Any]:
    return {"path": point.path, "offset": point.offset, "utf16_offset": point.utf16_offset}


def _csv_row(article: Mapping[str, Any], quotation: Mapping[str, Any]) -> list[object]:
    speaker, stance, spans = quotation["speaker"], quotation["stance"], quotation["spans"]
    row: list[object] = [
        article["id"],
        article["title"],
        article["url"],
        quotation["text"],
        quotation["kind"],
        spans[0]["start"],
        spans[-1]["end"],
    ]
    if speaker is None:
        row += [None] * 8
    else:
        row += [
            speaker["name"],
            speaker["identifier"],
            speaker["kind"],
            f"{speaker['confidence']:.3f}",
            speaker["unresolved"],
            speaker["mention"] and speaker["mention"]["text"],
            speaker["rule"],
            speaker["explanation"],
        ]
    if stance is None:
        return row + [None] * 4
    uncertain = "yes" if stance["uncertain"] else "no"
    return [*row, stance["label"], f"{stance['probability']:.3f}", uncertain, stance["runner_up"]]


def _rows(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: _Cell) -> _Cell | str:
    """A cell of a table, behind an apostrophe where a spreadsheet would run it as a formula."""
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
