"""Rows of JSON Lines, CSV and tab-separated files, each with the line that it begins in.

The format is told from the content. Names of columns are compared without case and blanks around them. Tab-separated files
are read as the tasks of SemEval write them: a line a row, quotation marks are marks; a cell that a spreadsheet has quoted
is recognised by its doubled marks. Files that are not UTF-8 are taken for Windows-1252, and said to be.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quotes.errors import BadRows, InputError, UnreadableArticle
from quotes.reading import check_characters

BLANK = "(blank)"  # the value of what is left blank
LISTED = 50  # bad rows in one message

_LINE = re.compile(r"\r\n|\n|\r")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class BadCell(ValueError):
    """Why a row cannot be used, the column that it is about, and where it is about a label that nobody knows, that."""

    def __init__(self, column: str | None, reason: str, unknown: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: where it stands (from 0 among the rows, its line from 1), in which column, and why.

    `unknown` is its label where the trouble is that nobody knows what that means.
    """

    position: int
    line: int
    column: str | None
    reason: str
    unknown: str | None = None

    @classmethod
    def of(cls, record: "Record", error: BadCell) -> "BadRow":
        """The row that a cell makes unusable."""
        return cls(record.position, record.line, error.column, str(error), error.unknown)


@dataclass(frozen=True, slots=True)
class Record:
    """A row: its cells by column, in lower case. They are strings, but what JSON gives in JSON Lines."""

    position: int
    line: int
    cells: Mapping[str, Any]

    def text(self, column: str | None) -> str | None:
        """A cell without the blanks around it; None where it is blank or absent. Raises BadCell for what is no text."""
        value = None if column is None else self.cells.get(column)
        if value is None:
            return None
        if not isinstance(value, str | int | float):
            raise BadCell(column, f"“{column}” is no text")
        try:
            check_characters(text := str(value))
        except InputError as error:
            raise BadCell(column, f"“{column}”: {error}") from None
        return text.strip() or None

    def values(self, column: str) -> tuple[str, ...]:
        """The values that a row has in a column: a list has several. Raises BadCell."""
        value = self.cells.get(column)
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, list | dict) for one in values):
            raise BadCell(column, f"“{column}” is neither a value nor a list of values")
        texts = [one if isinstance(one, str) else "" if one is None else json.dumps(one) for one in values]
        for text in texts:
            try:
                check_characters(text)
            except InputError as error:
                raise BadCell(column, f"“{column}”: {error}") from None
        return tuple(dict.fromkeys(text.strip() or BLANK for text in texts)) or (BLANK,)


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. `bad` has the rows that are no rows; their positions count."""

    path: Path
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    bad: tuple[BadRow, ...] = ()
    encoding: str = "utf-8"
    sha256: str = ""

    @property
    def size(self) -> int:
        """How many rows there are, the bad ones too."""
        return len(self.records) + len(self.bad)

    def column(self, name: str) -> str:
        """The column that is called so. Raises InputError, with the names that there are."""
        if (folded := _folded(name)) not in self.columns:
            raise InputError(f"{self.path}: there is no column “{name}”; there are {', '.join(self.columns)}")
        return folded

    def first_of(self, names: tuple[str, ...]) -> str | None:
        """The first of these columns that there is."""
        return next((name for name in names if name in self.columns), None)

    def recognised(self, names: tuple[str, ...], hint: str = "") -> str:
        """The same. Raises InputError where there is none; `hint` says what to do."""
        if (found := self.first_of(names)) is None:
            there = ", ".join(self.columns) or "none"
            raise InputError(f"{self.path}: no column is called {' or '.join(names)}{hint}; the columns are {there}")
        return found


def read_table(path: Path) -> Table:
    """Read a file. Raises InputError for one without rows, or whose header cannot be understood; BadRows where all are bad."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableArticle(f"{path}: {error.strerror or error}") from None
    text, encoding = _decoded(data)
    start = text.lstrip()[:1]
    if start == "[":
        raise InputError(f"{path}: it is a JSON list; write JSON Lines, an object a line")
    rows = _json_lines(text) if start == "{" else _separated(text, path)
    records, bad = [], []
    for position, (line, content) in enumerate(rows):
        if isinstance(content, str):
            bad.append(BadRow(position, line, None, content))
        else:
            records.append(Record(position, line, content))
    if not records:
        raise BadRows(listed(path, len(bad), bad)) if bad else InputError(f"{path}: there are no rows in it")
    columns = tuple(dict.fromkeys(name for record in records for name in record.cells))
    return Table(path, columns, tuple(records), tuple(bad), encoding, hashlib.sha256(data).hexdigest())


def filled(names: tuple[str, ...], records: Iterable[Record]) -> str | None:
    """The first of these columns that none of the records leaves blank."""

    def is_filled(value: Any) -> bool:
        return isinstance(value, str | int | float) and bool(str(value).strip())

    every = [record.cells for record in records]
    return next((name for name in names if all(is_filled(cells.get(name)) for cells in every)), None)


def listed(path: Path, size: int, bad: Sequence[BadRow]) -> str:
    """What is wrong with the rows of a file that has `size`, in lines."""
    lines = [f"{path}: {len(bad)} of {size} rows cannot be used:"]
    lines += [f"  line {row.line}: {row.reason}" for row in bad[:LISTED]]
    if len(bad) > LISTED:
        lines.append(f"  and {len(bad) - LISTED} more")
    if unknown := list(dict.fromkeys(row.unknown for row in bad if row.unknown)):
        labels = ", ".join(unknown[:8]) + (", …" if len(unknown) > 8 else "")
        lines.append(f"labels to explain: {labels}; for example with --map FAVOR=support,AGAINST=oppose,NONE=none")
    return "\n".join(lines)


def _decoded(data: bytes) -> tuple[str, str]:
    """Text, and its encoding."""
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what Excel calls Unicode text
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "windows-1252"):
        try:
            return data.decode(encoding), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            pass
    return data.decode("latin-1"), "latin-1"  # has a character for every byte


def _folded(name: str) -> str:
    return name.strip().casefold()


_Row = tuple[int, dict[str, Any] | str]  # the line, and the cells or what is wrong with them


def _json_lines(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                yield number, f"it is not JSON: {error.msg} at character {error.colno}"
            except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
                yield number, "it is not JSON that can be read"
            else:
                cells = {_folded(k): v for k, v in value.items()} if isinstance(value, dict) else "it is no JSON object"
                yield number, cells


def _separated(text: str, path: Path) -> Iterator[_Row]:
    header = next((line for line in _LINE.split(text) if line.strip()), "")
    delimiter = max("\t,;", key=header.count)
    rows = _tabbed(text) if delimiter == "\t" else _commas(text, delimiter, path)
    line, first = next(rows, (1, []))
    if isinstance(first, str):
        raise InputError(f"{path}, line {line}: {first}")
    names = [_folded(name) for name in first]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise InputError(f"{path}: two columns are called “{twice[0]}”; rename one")
    for line, cells in rows:
        if isinstance(cells, str):
            yield line, cells
        elif len(cells) != len(names):
            yield line, f"it has {len(cells)} cells where the header has {len(names)}"
        else:
            yield line, {name: cell for name, cell in zip(names, cells, strict=True) if name}


def _tabbed(text: str) -> Iterator[tuple[int, list[str] | str]]:
    for number, line in enumerate(_LINE.split(text), 1):
        if line.strip():
            cells = line.split("\t")
            yield number, [c[1:-1].replace('""', '"') if '""' in c[1:-1] and _QUOTED.fullmatch(c) else c for c in cells]


def _commas(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise InputError(f"{path}, line {line}: a cell opens with a quotation mark and never closes") from None
            yield line, f"it is not CSV: {error}"
        else:
            if cells:
                yield line, cells
