"""One spelling for what readers cannot tell apart: blanks, line ends and accents, with a way back to the article's own.

Whatever is given this text answers the same however the article was written: with no-break spaces, CRLF line ends or
combining accents. Where code points become fewer or more, offsets are taken back to the whole that the article wrote.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from quotes.characters import BLANKS
from quotes.document import Diagnostic, Quotation, Reason, Span, Speaker, Stance

_BLANK = re.compile(f"[{BLANKS}]")
# Below U+0300 nothing composes, so a run of that, up to what may be a mark on its last character, can be taken at once.
_STEP = re.compile(r"\r\n|[^\r\u0300-\U0010ffff]+(?![\u0300-\U0010ffff])|.", re.DOTALL)
_HANGUL_PARTS = range(0x1160, 0x1200)  # vowels and final consonants: no marks, but they join the letter before


@dataclass(frozen=True, slots=True)
class Uniform:
    """A text in one spelling, and where the original has what each of its code points stands for.

    `starts` and `ends`, code points into the original, end exclusive, have one entry more than the text, for its end. They
    are None where every code point stands for the one at its own place.
    """

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def original(self, span: Span) -> Span:
        """Where a stretch of `text` stands in the original."""
        if self.starts is None or self.ends is None:
            return span
        start = self.starts[span.start]
        return Span(start, self.ends[span.end - 1] if len(span) else start)

    def respelt(self, span: Span) -> Span:
        """Where a stretch of the original stands in `text`: the whole of what it touches."""
        if self.starts is None or self.ends is None:
            return span
        start = bisect_right(self.starts, span.start) - 1
        return Span(start, max(start, bisect_left(self.ends, span.end) + 1) if len(span) else start)

    def originals(
        self, quotations: Iterable[Quotation], diagnostics: Iterable[Diagnostic]
    ) -> tuple[tuple[Quotation, ...], tuple[Diagnostic, ...]]:
        """What was found in `text`, with all offsets, those of speakers and stances too, into the original."""
        if self.starts is None:
            return tuple(quotations), tuple(diagnostics)
        moved = (replace(diagnostic, span=self.original(diagnostic.span)) for diagnostic in diagnostics)
        return tuple(map(self._quotation, quotations)), tuple(moved)

    def _quotation(self, quotation: Quotation) -> Quotation:
        speaker, stance = quotation.speaker, quotation.stance
        return replace(
            quotation,
            spans=tuple(map(self.original, quotation.spans)),
            speaker=None if speaker is None else self._speaker(speaker),
            stance=None if stance is None else self._stance(stance),
        )

    def _speaker(self, speaker: Speaker) -> Speaker:
        evidence = speaker.evidence
        mention = None if evidence.mention is None else self.original(evidence.mention)
        cue = None if evidence.cue is None else self.original(evidence.cue)
        relayed_by = tuple(map(self.original, evidence.relayed_by))
        return replace(speaker, evidence=replace(evidence, mention=mention, cue=cue, relayed_by=relayed_by))

    def _stance(self, stance: Stance) -> Stance:
        return replace(stance, reasons=tuple(Reason(self.original(one.span), one.weight) for one in stance.reasons))


def uniform(text: str) -> Uniform:
    """`text` with every blank a space, CRLF a line feed, and letters composed with their accents (NFC)."""
    if "\r\n" not in text and unicodedata.is_normalized("NFC", text):
        return Uniform(_BLANK.sub(" ", text))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for whole in _wholes(text):
        written = whole.of(text)
        piece = _BLANK.sub(" ", unicodedata.normalize("NFC", written).replace("\r\n", "\n"))
        pieces.append(piece)
        if len(piece) == len(written):
            starts.extend(range(whole.start, whole.end))
            ends.extend(range(whole.start + 1, whole.end + 1))
        else:
            starts.extend([whole.start] * len(piece))
            ends.extend([whole.end] * len(piece))
    return Uniform("".join(pieces), (*starts, len(text)), (*ends, len(text)))


def _wholes(text: str) -> Iterator[Span]:
    """What is respelt as a whole: a character with the marks that follow it, CRLF, and runs that have neither."""
    start = 0
    for step in _STEP.finditer(text):
        if step.start() > start and not _joins(step[0][0]):
            yield Span(start, step.start())
            start = step.start()
    if text:
        yield Span(start, len(text))


def _joins(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" or ord(char) in _HANGUL_PARTS
