"""Finds direct quotations by their quotation marks: characters alone, no language model.

Double marks (“ ” „ « » " and ``…''), single marks (British ‘ ’ and straight ') told from apostrophes, nested marks (they
belong to the outer quotation), quotations that reopen at every paragraph and close only in the last, quotations
interrupted by the reporter, unclosed and stray marks, block quotations without marks. Nothing here raises: what is odd
becomes a `Diagnostic`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quotes.document import Diagnostic, Quotation, QuotationKind, Span
from quotes.uniform import uniform

OPENING = "“„‟«〝"
CLOSING = "”»〞〟"
STRAIGHT = '"＂″'
SINGLE_OPENING = "‘‚‛‹"
SINGLE_CLOSING = "’›"
SINGLE_STRAIGHT = "'`´ʼ"
_MARK = re.compile(rf"``|''|[{OPENING}{CLOSING}{STRAIGHT}{SINGLE_OPENING}{SINGLE_CLOSING}{SINGLE_STRAIGHT}]")

_ANY_MARK = OPENING + CLOSING + STRAIGHT + SINGLE_OPENING + SINGLE_CLOSING + SINGLE_STRAIGHT
_TERMINAL = ".!?…"
_BRACKETS = "([{—–-/"
# Words that begin with an apostrophe: a mark before them does not open a quotation.
_ELISIONS = re.compile(r"(?:\d\ds?|em|tis|twas|til|cause|bout|n|round|neath|ere|t)\b", re.IGNORECASE)
# ‘The Sailors’ Daughter’: after a possessive in a title, more of the title and its closing mark.
_TITLE_GOES_ON = re.compile(r"(?:[A-Z]\w+\s+){0,3}[A-Z]\w+[’'](?!\w)")
# A full quotation has a clause in it; shorter ones are read as the reporter's words unless they stand on their own.
FULL_WORDS = 5
# The reporter's words between two parts of one sentence: “We tried,” she said on Monday, “and failed.”
INTERRUPTION_WORDS = 14


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    char: str


def find_quotations(
    text: str, blockquotes: Sequence[Span] = ()
) -> tuple[tuple[Quotation, ...], tuple[Diagnostic, ...]]:
    """Find every quotation of `text`, in order, with its kind by form (full or partial), and what was odd.

    `blockquotes` are the stretches that the article's mark-up sets off as quotations: one that holds no mark is a quotation
    as it stands. Spans exclude the marks and the blanks just inside them, and never overlap.
    """
    spelt = uniform(text)
    quotations, odd = _find(spelt.text)
    found = [span for quotation in quotations for span in quotation.spans]
    for block in map(spelt.respelt, blockquotes):
        spans = [] if any(block.overlaps(span) for span in found) else _unsigned(spelt.text, block)
        if spans:
            quotations.append(Quotation(tuple(spans), _kind(spelt.text, spans)))
    return spelt.originals(sorted(quotations, key=lambda quotation: quotation.start), odd)


def _find(text: str) -> tuple[list[Quotation], list[Diagnostic]]:
    blocks = list(paragraphs(text))
    found: list[tuple[list[Span], bool]] = []  # the spans, and whether it goes on in the next paragraph
    odd: list[Diagnostic] = []
    for number, block in enumerate(blocks):
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        spans, unclosed = _scan(text, block)
        carried = bool(found) and found[-1][1]
        if carried:
            found[-1] = (found[-1][0], False)
        goes_on = False
        if unclosed is not None:
            goes_on = following is not None and _reopens(text, following)
            if not goes_on:
                odd.append(
                    Diagnostic(
                        "unclosed_mark", "this quotation mark is never closed", Span(unclosed.start, unclosed.end)
                    )
                )
        for index, span in enumerate(spans):
            if carried and index == 0 and _leads(text, block, span):
                found[-1][0].append(span)
            else:
                found.append(([span], False))
        if goes_on and spans:
            found[-1] = (found[-1][0], True)
    joined = _join_interrupted(text, [spans for spans, _ in found])
    return [Quotation(tuple(spans), _kind(text, spans)) for spans in joined], odd


def _unsigned(text: str, block: Span) -> list[Span]:
    """The paragraphs of a block quotation, without a line that begins with a dash and so signs it (― Name)."""
    spans: list[Span] = []
    for paragraph in paragraphs(block.of(text)):
        if not re.match(r"\s*[—–―-]", paragraph.of(block.of(text))):
            _append(text, spans, block.start + paragraph.start, block.start + paragraph.end)
    return spans


def paragraphs(text: str) -> Iterator[Span]:
    """The non-blank paragraphs. A line break inside a sentence (hard-wrapped text) does not end one."""
    start: int | None = None
    end = 0
    for match in re.finditer(r"[^\n\r\u2028\u2029\x85]*\S[^\n\r\u2028\u2029\x85]*", text):
        if start is not None and _wraps(text, end, match):
            end = match.end()
            continue
        if start is not None:
            yield Span(start, end)
        start, end = match.start(), match.end()
    if start is not None:
        yield Span(start, end)


def _wraps(text: str, end: int, line: re.Match[str]) -> bool:
    """Whether the line goes on the sentence that the line before it left open."""
    gap = text[end : line.start()].replace("\r\n", "\n")
    if gap != "\n":
        return False
    before, after = text[:end][-1:], line.group().lstrip()[:1]
    return (before.isalnum() or before in ",;—–-") and after.islower()


def _scan(text: str, block: Span) -> tuple[list[Span], _Mark | None]:
    """The quotations of one paragraph; and the mark that was left open at its end, if any."""
    marks = [_Mark(m.start(), m.end(), m.group()) for m in _MARK.finditer(text, block.start, block.end)]
    spans: list[Span] = []
    opened: _Mark | None = None
    depth = 0
    index = 0
    while index < len(marks):
        mark = marks[index]
        if opened is None:
            if _opens_double(text, block, mark):
                opened, depth = mark, 1
            elif _opens_single(text, block, mark):
                close = _single_close(text, block, marks, index)
                if close is not None:
                    _append(text, spans, mark.end, marks[close].start)
                    index = close
        elif _is_double(mark):
            depth += _change(text, block, opened, mark)
            if depth == 0:
                _append(text, spans, opened.end, mark.start)
                opened = None
        index += 1
    if opened is not None:
        if depth > 1 or any(_is_double(m) and m.start > opened.start for m in marks):
            # an opening mark was forgotten to be closed and others follow: read them again, each closing the one before
            return _scan_flat(text, block, spans, opened, marks)
        _append(text, spans, opened.end, block.end)
    return spans, opened


def _scan_flat(
    text: str, block: Span, spans: list[Span], opened: _Mark, marks: list[_Mark]
) -> tuple[list[Span], _Mark | None]:
    """As `_scan` from an unclosed mark on, but a second opening mark ends the quotation before it."""
    pending: _Mark | None = opened
    for mark in marks:
        if mark.start <= opened.start or not _is_double(mark):
            continue
        if pending is None:
            pending = mark if _opens_double(text, block, mark) else None
        elif _change(text, block, pending, mark) < 0:
            _append(text, spans, pending.end, mark.start)
            pending = None
        elif mark.char in OPENING + "``":
            _append(text, spans, pending.end, mark.start)
            pending = mark
    if pending is not None:
        _append(text, spans, pending.end, block.end)
    return spans, pending


def _append(text: str, spans: list[Span], start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if any(c.isalnum() for c in text[start:end]):
        spans.append(Span(start, end))


def _around(text: str, block: Span, mark: _Mark) -> tuple[str, str]:
    before = text[mark.start - 1] if mark.start > block.start else " "
    after = text[mark.end] if mark.end < block.end else " "
    return before, after


def _is_double(mark: _Mark) -> bool:
    return len(mark.char) == 2 or mark.char in OPENING + CLOSING + STRAIGHT


def _opens_double(text: str, block: Span, mark: _Mark) -> bool:
    if not _is_double(mark):
        return False
    before, after = _around(text, block, mark)
    if mark.char in OPENING or mark.char == "``":
        return True
    if mark.char in STRAIGHT and before.isdigit():
        return False  # inches, seconds
    return not after.isspace() and after not in ".,;:!?)" and not before.isalnum()


def _change(text: str, block: Span, opened: _Mark, mark: _Mark) -> int:
    """What a double mark inside an open quotation does to the depth: 1 opens, -1 closes, 0 neither."""
    before, after = _around(text, block, mark)
    if opened.char in ("``", "''"):
        return 1 if mark.char == "``" else -1 if mark.char == "''" else 0
    if opened.char == "„":
        return 1 if mark.char == "„" else -1  # „so“ or „so”
    if opened.char == "»":
        return 1 if mark.char == "»" else -1 if mark.char == "«" else 0
    if mark.char in CLOSING:
        return -1
    if mark.char in OPENING:
        return 1 if not after.isspace() or before.isspace() else -1
    if mark.char in STRAIGHT:
        if before.isdigit() and opened.char not in STRAIGHT:
            return 0
        opens = (before.isspace() or before in _BRACKETS[:-2]) and (after.isalnum() or after in "‘'$[(…#@")
        return 1 if opens else -1
    return 0  # '' inside other marks: two apostrophes


def _opens_single(text: str, block: Span, mark: _Mark) -> bool:
    before, after = _around(text, block, mark)
    if mark.char not in SINGLE_OPENING + SINGLE_STRAIGHT:
        return False
    boundary = before.isspace() or before in _BRACKETS or before in OPENING + STRAIGHT
    starts = after.isalnum() or after in '“"[(…£$€' or (after in "’'" and text[mark.end + 1 : mark.end + 2].isalnum())
    return boundary and starts and not _ELISIONS.match(text, mark.end, block.end)


def _single_close(text: str, block: Span, marks: list[_Mark], index: int) -> int | None:
    """The index of the mark that closes the single quotation opened at `index`, or None where nothing does.

    Closing marks look like apostrophes. One after a full stop, a comma and the like is sure; one after a letter closes
    unless it can be a plural possessive (the workers’ rights) and a surer one comes in the same sentence, before the next
    quotation opens.
    """
    straight = marks[index].char in SINGLE_STRAIGHT
    possible: int | None = None
    inside_double = 0
    for number in range(index + 1, len(marks)):
        mark = marks[number]
        before, after = _around(text, block, mark)
        if _is_double(mark):
            if mark.char in OPENING or (mark.char in STRAIGHT and not inside_double):
                inside_double += 1
            else:
                inside_double = max(0, inside_double - 1)
            continue
        if mark.char in SINGLE_OPENING or (
            straight and mark.char in SINGLE_STRAIGHT and _opens_single(text, block, mark)
        ):
            if possible is not None:
                return possible
            continue
        if possible is not None and re.search(r"[.!?]\s+[^\W\d_a-z]", text[marks[possible].end : mark.start]):
            return possible
        rock_and_roll = before in "nN" and text[mark.start - 2] in SINGLE_CLOSING + SINGLE_STRAIGHT
        if after.isalnum() or before.isspace() or inside_double or rock_and_roll:
            continue
        if before in ".,!?…;:—–)]" or _is_double_char(before):
            return number
        rest = text[mark.end : block.end].lstrip()
        titled = _TITLE_GOES_ON.match(rest) and text[marks[index].end : mark.start].istitle()
        possessive = before in "sS" and after.isspace() and (rest[:1].islower() or titled)
        if not possessive:
            return number
        possible = number if possible is None else possible
    return possible


def _is_double_char(char: str) -> bool:
    return char in OPENING + CLOSING + STRAIGHT


def _reopens(text: str, block: Span) -> bool:
    first = re.compile(r"\s*").match(text, block.start, block.end)
    start = first.end() if first else block.start
    return text[start : start + 1] in set(OPENING + STRAIGHT) or text.startswith("``", start)


def _leads(text: str, block: Span, span: Span) -> bool:
    """Whether the span opens its paragraph."""
    return not any(c.isalnum() for c in text[block.start : span.start])


def _join_interrupted(text: str, groups: list[list[Span]]) -> list[list[Span]]:
    """Join “We tried,” she said, “and failed.” into one quotation of two spans."""
    result: list[list[Span]] = []
    for spans in groups:
        if result and _interrupted(text, result[-1][-1], spans[0]):
            result[-1].extend(spans)
        else:
            result.append(spans)
    return result


def _interrupted(text: str, first: Span, second: Span) -> bool:
    gap = text[first.end : second.start]
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", gap)
    if "\n" in gap or not 1 < len(words) <= INTERRUPTION_WORDS or gap[-1:] not in _ANY_MARK:
        return False
    spoken = first.of(text)
    clause = gap.strip(_ANY_MARK + " \t")
    # the sentence must be left open by a comma or a dash inside the marks, and be taken up after the reporter's comma
    if spoken[-1:] not in ",—–-" or any(c in clause for c in _TERMINAL[1:] + ";"):
        return False
    ended = clause.endswith(".") or re.search(r"[a-z]\. [A-Z]", clause)
    return not ended and clause.endswith((",", "—", "–"))


def _kind(text: str, spans: list[Span]) -> QuotationKind:
    """Full or partial, by form: does it stand as a sentence of its own?"""
    words = sum(len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", s.of(text))) for s in spans)
    first, last = spans[0], spans[-1]
    quoted = first.of(text).lstrip("’‘'[(…. ")
    before = text[: first.start].rstrip()[:-1].rstrip()
    starts = quoted[:1].isupper() or quoted[:1].isdigit()
    own = not before or before[-1] in ".!?:,…\n”\"'’»)" or text[: first.start].rstrip("“\"„«‘'` ")[-1:] in ("", "\n")
    closed_by = last.of(text)[-1:] in ".,!?…—–"
    if starts and closed_by and (own or words >= FULL_WORDS):
        return QuotationKind.FULL
    if starts and own and words >= FULL_WORDS:
        return QuotationKind.FULL
    return QuotationKind.FULL if closed_by and words >= 2 * FULL_WORDS else QuotationKind.PARTIAL
