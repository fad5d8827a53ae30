"""Where quotations stand in what the caller has: selectors of the W3C Web Annotation model, and ranges of the DOM.

For plain text both selectors speak of the text. For HTML they speak of the text of the tree that a browser makes of it
(`textContent`), with its blanks as they are, because that is where tools look for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quotes.document import Article, Span
from quotes.dom import Range, Stretch, locate
from quotes.reading import source_span

_AROUND = 32  # code points of prefix and suffix


@dataclass(frozen=True, slots=True)
class Selectors:
    """Three ways to find a span again.

    `exact`, `prefix` and `suffix` are those of a TextQuoteSelector, `position` is that of a TextPositionSelector (code
    points; None where scripts decide it), `range` is where HTML has it in the DOM (None where that is not certain).
    """

    exact: str
    prefix: str
    suffix: str
    position: Span | None
    range: Range | None


def selectors(article: Article, spans: Sequence[Span]) -> list[Selectors]:
    """The selectors of each span of an article's text."""
    if article.source is None:
        return [_in_text(article.text, span, span) for span in spans]
    stretches = [_stretch(article, span) for span in spans]
    places = iter(locate(article.source, [stretch for stretch in stretches if stretch is not None], _AROUND))
    found = [None if stretch is None else next(places) for stretch in stretches]
    return [
        _in_text(article.text, span, None)
        if place is None
        else Selectors(place.words, place.before, place.after, place.position, place)
        for span, place in zip(spans, found, strict=True)
    ]


def _in_text(text: str, span: Span, position: Span | None) -> Selectors:
    before, after = text[max(0, span.start - _AROUND) : span.start], text[span.end : span.end + _AROUND]
    return Selectors(span.of(text), before, after, position, None)


def _stretch(article: Article, span: Span) -> Stretch | None:
    """What a span covers in the source, without what only stands for a tag there: blanks, the marks of <q>."""
    text, source, offsets = article.text, article.source, article.source_offsets
    assert source is not None
    assert offsets is not None
    seen = [
        at
        for at, character in enumerate(span.of(text), span.start)
        if not character.isspace() and (character == "<" or source[offsets[at]] != "<")
    ]
    if not seen:
        return None
    end = source_span(article, Span(seen[-1], seen[-1] + 1)).end
    return Stretch(Span(offsets[seen[0]], end), "".join(text[at] for at in seen))
