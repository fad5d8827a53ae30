"""The people file: names that a newsroom has pinned, with identifiers of its own.

It is CSV in UTF-8 with a header: `name`, the name to give; `aliases`, other names for the same speaker, with “;” between
them; `identifier`, a Wikidata id, say. Only `name` must be there. A speaker whom attribution has named is pinned where
that name is one of the file's; who spoke is never decided here.
"""

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from quotes.characters import plain
from quotes.document import Analysis, Quotation, Speaker, SpeakerKind
from quotes.errors import BadPeopleFile
from quotes.person_names import TITLES

_STROKES = str.maketrans("øłđħı", "oldhi")  # left out as accents are, but Unicode does not take strokes off


@dataclass(frozen=True, slots=True)
class Person:
    """A line of the file. `line` is where it begins, from 1."""

    name: str
    aliases: tuple[str, ...] = ()
    identifier: str | None = None
    line: int = 0


class PeopleFile:
    """Gives speakers the names that are pinned; with nobody in it, leaves every analysis as it is."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        """Raises BadPeopleFile where two people have one name or alias."""
        self._named: dict[str, Person] = {}
        self._untitled: dict[str, Person | None] = {}  # None: several people have it
        self._people = tuple(people)
        for person in self._people:
            for name in (person.name, *person.aliases):
                written = _folded(name)
                other = self._named.setdefault(written, person)
                if other is not person:
                    taken = f"“{name}” is already a name of {other.name}, on line {other.line}"
                    raise BadPeopleFile(f"line {person.line}: {taken}; leave it with one of the two")
                short = _without_titles(written)
                if short == written or " " in short:  # “Mr Orrin” does not make every Orrin his
                    self._untitled[short] = person if self._untitled.get(short, person) is person else None

    @classmethod
    def read(cls, path: Path | None) -> "PeopleFile":
        """The file at `path`; None is a file with nobody in it. Raises BadPeopleFile, which says where and what to do."""
        if path is None:
            return cls()
        try:
            return cls(_people(_decoded(path.read_bytes())))
        except OSError as error:
            reason = f"{error.strerror or error}; give --people or QUOTES_PEOPLE the path of a CSV file"
            raise BadPeopleFile(f"{path}: {reason}") from None
        except BadPeopleFile as error:
            raise BadPeopleFile(f"{path}, {error}") from None

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits: equal exactly when the names, aliases and identifiers are."""
        people = json.dumps([(person.name, person.aliases, person.identifier) for person in self._people])
        return hashlib.sha256(people.encode()).hexdigest()[:12]

    def pin(self, analysis: Analysis) -> Analysis:
        """The analysis with the file's name and identifier for every speaker in it, and an explanation that says so."""
        if not self._named:
            return analysis
        return replace(analysis, quotations=tuple(map(self._pinned, analysis.quotations)))

    def _pinned(self, quotation: Quotation) -> Quotation:
        speaker = quotation.speaker
        if speaker is None or (person := self._person(speaker)) is None:
            return quotation
        same = speaker.name == person.name
        how = (
            f"{person.name} is in the people file" if same else f"in the people file “{speaker.name}” is {person.name}"
        )
        evidence = replace(speaker.evidence, explanation=f"{speaker.evidence.explanation}; {how}")
        pinned = replace(speaker, name=person.name, identifier=person.identifier, evidence=evidence)
        return replace(quotation, speaker=pinned)

    def _person(self, speaker: Speaker) -> Person | None:
        if speaker.name is None:
            return None
        written = _folded(speaker.name)
        found = self._named.get(written)
        if found is None and speaker.kind is SpeakerKind.PERSON:
            # only a person's: “Democratic” and “General” are titles too, and parties and firms are called so
            found = self._untitled.get(_without_titles(written))
        return found


def _folded(name: str) -> str:
    """A name as it is compared: without case, accents, full stops, surplus blanks and a possessive at its end."""
    letters = unicodedata.normalize("NFKD", plain(name)).casefold()
    bare = "".join(c for c in letters if not unicodedata.combining(c) and c != ".").translate(_STROKES)
    return re.sub(r"'s?$", "", " ".join(bare.split()))


def _without_titles(folded: str) -> str:
    words = folded.split()
    while len(words) > 1 and words[0] in TITLES:
        del words[0]
    return " ".join(words)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02X}"
        raise BadPeopleFile(f"line {line}: {byte} is not UTF-8; save the file as “CSV UTF-8”") from None


def _people(text: str) -> Iterator[Person]:
    rows = _rows(text)
    line, header = next(rows, (1, []))
    columns = [cell.casefold() for cell in header]
    if columns.count("name") != 1:
        raise BadPeopleFile(f"line {line}: one column must be “name”; let the header be name,aliases,identifier")
    for line, cells in rows:
        if any(cells[len(columns) :]):
            raise BadPeopleFile(
                f"line {line}: it has {len(cells)} cells where the header has {len(columns)}; "
                "put quotation marks around a cell that has commas in it"
            )
        row = dict(zip(columns, cells, strict=False))
        name = row.get("name", "")
        if not _folded(name):
            raise BadPeopleFile(f"line {line}: the name is empty; fill it in or delete the line")
        aliases = (alias.strip() for alias in row.get("aliases", "").split(";"))
        yield Person(name, tuple(filter(_folded, aliases)), row.get("identifier") or None, line)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, blanks around their cells left out, each with the line that it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [" ".join(cell.split()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise BadPeopleFile(f"line {line}: it is not CSV: {error}; quotation marks in a cell are doubled") from None
        if any(cells):
            yield line, cells
