"""Labelled quotations to measure on, out of tables of any of the known formats."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

from quotes.document import Span, StanceLabel
from quotes.errors import InputError
from quotes.evaluation.tables import BadCell, BadRow, Record, Table, filled, read_table
from quotes.marks import find_quotations

LABELS = tuple(StanceLabel)
# What columns are called. Of several the first counts; of groups the first that no row leaves blank.
TEXT = ("quote", "quotation", "text", "tweet")
LABEL = ("label", "stance")
GROUP = ("group", "document", "conflict")
_MARK = "[“”„\"'‘’‚«»‹›]"

LabelMap = Mapping[str, StanceLabel]  # from a test set's own labels, in lower case


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled quotation. `position` counts all rows of the test set from 0, the bad ones too.

    `quotation` is where `text` stands in `context`; empty where nobody asked. `slices` has the values of the row in the
    columns that were asked for.
    """

    position: int
    line: int
    id: str | None
    text: str
    context: str
    gold: StanceLabel
    quotation: tuple[Span, ...] = ()
    group: str | None = None
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StanceSet:
    """A test set: its rows, and those that cannot be used. `group` is the column that tells which rows belong together.

    `encoding` and `sha256` are those of its file, if it comes from one.
    """

    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...]
    group: str | None
    encoding: str = "utf-8"
    sha256: str = ""

    @property
    def size(self) -> int:
        """How many rows there are, the bad ones too."""
        return len(self.rows) + len(self.bad)

    @property
    def groups(self) -> list[str]:
        """The name of each row's group; a row without one is a group by itself."""
        return [f"row {row.position}" if row.group is None else f"group {row.group}" for row in self.rows]


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a test set's columns; None: recognised."""

    text: str | None = None
    context: str | None = None
    label: str | None = None
    group: str | None = None
    slices: tuple[str, ...] = ()


def label_map(text: str) -> dict[str, StanceLabel]:
    """ "FAVOR=support,AGAINST=oppose" as a map. Raises InputError."""
    mapped = {}
    for pair in text.split(","):
        name, _, label = (part.strip() for part in pair.partition("="))
        if not name or label not in LABELS:
            raise InputError(f"--map: “{pair}” is not LABEL=STANCE, where STANCE is one of {', '.join(LABELS)}")
        mapped[name.casefold()] = StanceLabel(label)
    return mapped


def read_test_set(path: Path, columns: Columns, mapping: LabelMap, locate: bool) -> StanceSet:
    """A test set out of a file. `locate`: quotations must be found in their contexts.

    Raises InputError where there is no such file, no such column or nothing to recognise.
    """
    table = read_table(path)
    text = table.column(columns.text) if columns.text else table.recognised(TEXT, "; name one with --text")
    label = table.column(columns.label) if columns.label else table.recognised(LABEL, "; name one with --label")
    context = table.column(columns.context) if columns.context else table.first_of(("context",))
    group = table.column(columns.group) if columns.group else None
    slices = tuple(map(table.column, columns.slices))
    return labelled(table, Columns(text, context, label, group, slices), mapping, locate)


def labelled(table: Table, columns: Columns, mapping: LabelMap, locate: bool) -> StanceSet:
    """The rows of a table whose text and label columns are known; without a column of groups, that is recognised."""
    good: list[tuple[Record, Row]] = []
    bad = list(table.bad)
    for record in table.records:
        try:
            good.append((record, _row(record, columns, mapping, locate)))
        except BadCell as error:
            bad.append(BadRow.of(record, error))
    bad.sort(key=lambda row: row.position)
    group = columns.group or filled(GROUP, (record for record, _ in good))
    rows = tuple(replace(row, group=record.text(group)) for record, row in good)
    return StanceSet(rows, tuple(bad), group, table.encoding, table.sha256)


def located(quote: str, context: str) -> tuple[Span, ...]:
    """Where a quotation stands in its context: verbatim, best after a mark, or in pieces between which the reporter speaks.

    Raises ValueError where it does not.
    """
    found = re.search(f"(?<={_MARK}){re.escape(quote)}", context)
    start = found.start() if found else context.find(quote)
    if start >= 0:
        return (Span(start, start + len(quote)),)
    spans = sorted(span for quotation in find_quotations(context)[0] for span in quotation.spans)
    words, pieces = _words(quote), [_words(span.of(context)) for span in spans]
    # In one text the words of the pieces, compared at once: a page of short quotations has thousands of pieces.
    said, edges = "".join(pieces), [0, *accumulate(map(len, pieces))]
    for first, start in enumerate(edges[:-1]):
        if said.startswith(words, start):
            beyond = bisect_left(edges, start + len(words), lo=first + 1)
            if edges[beyond] == start + len(words):
                return tuple(spans[first:beyond])
    raise ValueError("the quotation does not stand in its context")


def _words(text: str) -> str:
    """The words, each with a blank behind it."""
    return "".join(f"{word} " for word in re.findall(r"\w+", text.casefold()))


def _row(record: Record, columns: Columns, mapping: LabelMap, locate: bool) -> Row:
    assert columns.text is not None
    assert columns.label is not None
    text = record.text(columns.text)
    if text is None:
        raise BadCell(columns.text, f"“{columns.text}” is blank")
    context = record.text(columns.context) or text
    gold = label_of(record, columns.label, mapping)
    quotation: tuple[Span, ...] = ()
    if locate:
        try:
            quotation = located(text, context)
        except ValueError as error:
            raise BadCell(columns.text, str(error)) from None
    slices = {name: record.values(name) for name in columns.slices}
    return Row(
        record.position,
        record.line,
        record.text("id"),
        text,
        context,
        gold,
        quotation,
        record.text(columns.group),
        slices,
    )


def label_of(record: Record, column: str, mapping: LabelMap) -> StanceLabel:
    """The stance that a row's label means. Raises BadCell."""
    text = record.text(column)
    if text is None:
        raise BadCell(column, f"“{column}” is blank")
    return stance_called(text, column, mapping)


def stance_called(text: str, column: str, mapping: LabelMap) -> StanceLabel:
    """The stance that a label means. Raises BadCell."""
    folded = text.casefold()
    label = mapping.get(folded, folded)
    if label not in LABELS:
        short = text if len(text) <= 40 else text[:40] + "…"
        reason = f"the label “{short}” is none of {', '.join(LABELS)}, and no map says which it is"
        raise BadCell(column, reason, unknown=short)
    return StanceLabel(label)
