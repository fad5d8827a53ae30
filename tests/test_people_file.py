"""Speakers pinned to a newsroom's own names: which are, which are not, and what is wrong with a file."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quotes import Analysis, Article, Evidence, Quotation, QuotationKind, Span, Speaker, SpeakerKind
from quotes.errors import BadPeopleFile, InputError
from quotes.people_file import PeopleFile, Person
from tests.conftest import ROOT

HEADER = "name,aliases,identifier\n"
FILE = HEADER + (
    "Ilva M. Daremont,Ilva Daremont; Madam  Quay ;;,desk-0101\n"
    "Tomás Orrin,Orrin,\n"
    "Sen. Nadia Velkamp,Mr. Bask,desk-0103\n"
    "Sir Aurel Stoll,,desk-0104\n"
    "Dr. Aurel Stoll,,desk-0105\n"
    "Democratic League,O’Rourke-Søby,desk-0201\n"
    "General Harbours,,desk-0202\n"
)


def read(tmp_path: Path, content: str | bytes) -> PeopleFile:
    path = tmp_path / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return PeopleFile.read(path)


def analysis(*speakers: Speaker | None) -> Analysis:
    quotations = tuple(Quotation((Span(0, 1),), QuotationKind.FULL, speaker) for speaker in speakers)
    return Analysis(Article("x"), quotations)


def named(name: str | None, kind: SpeakerKind = SpeakerKind.PERSON) -> Speaker:
    return Speaker(name, kind, 0.9, Evidence(None, None, "verb", "the reason"), None if name else "nobody")


def pinned(people: PeopleFile, name: str | None, kind: SpeakerKind = SpeakerKind.PERSON) -> Speaker | None:
    """The speaker where the file has pinned it."""
    before = named(name, kind)
    (quotation,) = people.pin(analysis(before)).quotations
    return None if quotation.speaker == before else quotation.speaker


@pytest.mark.parametrize(
    ("name", "expected", "identifier"),
    [
        ("Ilva M. Daremont", "Ilva M. Daremont", "desk-0101"),
        ("Ilva Daremont", "Ilva M. Daremont", "desk-0101"),
        ("ILVA  DARÉMONT’S", "Ilva M. Daremont", "desk-0101"),
        ("Ilva\u00a0M Daremont", "Ilva M. Daremont", "desk-0101"),
        ("Sen. Ilva Daremont", "Ilva M. Daremont", "desk-0101"),
        ("madam quay", "Ilva M. Daremont", "desk-0101"),
        ("Tomas Orrin", "Tomás Orrin", None),
        ("Toma\u0301s Orrin", "Tomás Orrin", None),
        ("Orrin", "Tomás Orrin", None),
        ("Mr Orrin", "Tomás Orrin", None),
        ("Nadia Velkamp", "Sen. Nadia Velkamp", "desk-0103"),
        ("Mr Bask", "Sen. Nadia Velkamp", "desk-0103"),
        ("o'rourke-soby", "Democratic League", "desk-0201"),
    ],
)
def test_names_that_are_in_the_file(tmp_path, name, expected, identifier):
    found = pinned(read(tmp_path, FILE), name)
    assert found is not None
    assert (found.name, found.identifier) == (expected, identifier)


@pytest.mark.parametrize(
    "name",
    [
        "Daremont",
        "Velkamp",
        "Bask",
        "Quay",
        "Ilva",
        "Ilva Daremont Jr.",
        "Tomas T. Orrin",
        "Aurel Stoll",
        "Madam",
        None,
    ],
)
def test_names_that_are_not(tmp_path, name):
    assert pinned(read(tmp_path, FILE), name) is None


def test_titles_are_dropped_of_people_only(tmp_path):
    """Parties and firms are called by what would be a person's title."""
    people = read(tmp_path, FILE)
    organisation = SpeakerKind.ORGANISATION
    assert pinned(people, "Democratic League", organisation).identifier == "desk-0201"
    assert pinned(people, "Republican League", organisation) is None
    assert pinned(people, "League", organisation) is None
    assert pinned(people, "Harbours", organisation) is None


def test_a_pinned_speaker_is_marked_and_nothing_else_changes(tmp_path):
    people = read(tmp_path, FILE)
    before = analysis(named("Ilva Daremont"), None, named(None), named("Nobody Known"), named("Tomás Orrin"))
    after = people.pin(before)
    first, *between, last = after.quotations
    evidence = Evidence(None, None, "verb", "the reason; in the people file “Ilva Daremont” is Ilva M. Daremont")
    assert first.speaker == Speaker("Ilva M. Daremont", SpeakerKind.PERSON, 0.9, evidence, identifier="desk-0101")
    assert tuple(between) == before.quotations[1:4]
    assert last.speaker.evidence.explanation == "the reason; Tomás Orrin is in the people file"
    assert after.article is before.article


def test_without_a_file_nothing_changes():
    before = analysis(named("Ilva Daremont"))
    assert PeopleFile.read(None).pin(before) is before


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n"),
        "\n\n" + FILE + "\n,,\n",
        "Born , IDENTIFIER,Aliases, Name\n1961,desk-0101,Ilva Daremont,Ilva M. Daremont\n",
        'name,aliases,identifier,note\nIlva M. Daremont,"Ilva Daremont;Quay, Madam",desk-0101,"two\nlines"\n',
        HEADER + "Ilva M. Daremont,Ilva Daremont;Ilva Daremont;Ilva M Daremont,desk-0101,,\n",
        "aliases,identifier,name\nIlva Daremont,desk-0101,Ilva M. Daremont",
    ],
)
def test_ways_to_write_a_file(tmp_path, content):
    found = pinned(read(tmp_path, content), "Ilva Daremont")
    assert (found.name, found.identifier) == ("Ilva M. Daremont", "desk-0101")


def test_a_file_of_names_alone(tmp_path):
    people = read(tmp_path, "name\nIlva Daremont\n")
    assert pinned(people, "ilva daremont").name == "Ilva Daremont"
    assert pinned(people, "Ilva Daremont").identifier is None
    assert pinned(read(tmp_path, HEADER), "Ilva Daremont") is None


@pytest.mark.parametrize(
    ("content", "line", "what", "advice"),
    [
        ("", 1, "one column must be “name”", "name,aliases,identifier"),
        ("\nnom,aliases\nx,y\n", 2, "one column must be “name”", "name,aliases,identifier"),
        ("name;aliases;identifier\n", 1, "one column must be “name”", "name,aliases,identifier"),
        ("name,Name\n", 1, "one column must be “name”", "name,aliases,identifier"),
        (HEADER + "A Bask\n ,B Bask\n", 3, "the name is empty", "fill it in or delete the line"),
        (HEADER + '"A\nBask"\n\n.,B Bask\n', 5, "the name is empty", "fill it in or delete the line"),
        (
            HEADER + "A Bask,Bask\nB Bask,BÁSK’s\n",
            3,
            "“BÁSK’s” is already a name of A Bask, on line 2",
            "leave it with",
        ),
        (HEADER + "A Bask\n\nA Bask\n", 4, "“A Bask” is already a name of A Bask, on line 2", "leave it with one"),
        (HEADER + "Bask, Aurel,,desk-0101\n", 2, "it has 4 cells where the header has 3", "quotation marks around"),
        (HEADER + 'A Bask\n"B Bask\nC Bask\n', 3, "it is not CSV", "quotation marks in a cell are doubled"),
        (HEADER.encode() + b"A Bask\nJos\xe9 Bask\n", 3, "byte 0xE9 is not UTF-8", "save the file as “CSV UTF-8”"),
        (FILE.encode("utf-16"), 1, "byte 0xFF is not UTF-8", "save the file as “CSV UTF-8”"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path, content, line, what, advice):
    with pytest.raises(BadPeopleFile) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'people.csv'}, line {line}: {what}")
    assert advice in message
    assert "\n" not in message
    assert isinstance(caught.value, InputError)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadPeopleFile, match=r"none\.csv: No such file or directory; give --people or QUOTES_PEOPLE"):
        PeopleFile.read(tmp_path / "none.csv")
    with pytest.raises(BadPeopleFile, match="Is a directory"):
        PeopleFile.read(tmp_path)


@given(
    st.text() | st.lists(st.sampled_from(["name", ",", "\n", '"', ";", "Orrin", "\r", "’s", " ", "\0"])).map("".join)
)
@example('name\n"' + "x" * 140_000)
def test_no_file_does_anything_but_read_or_be_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "people.csv"
    path.write_bytes(content.encode())
    said = f"{path}, line "
    try:
        PeopleFile.read(path).pin(analysis(named("Orrin"), named("’s")))
    except BadPeopleFile as error:
        said = str(error)
    assert said.startswith(f"{path}, line ")


@given(st.text(min_size=1))
def test_a_name_is_always_itself(name):
    people = PeopleFile([Person(name, identifier="desk-0101")])
    for kind in SpeakerKind:
        assert pinned(people, name, kind).identifier == "desk-0101"


def test_the_file_in_the_documents(tmp_path):
    (written,) = re.findall(r"```csv\n(.*?)```", (ROOT / "docs" / "people.md").read_text(encoding="utf-8"), re.DOTALL)
    people = read(tmp_path, written)
    assert pinned(people, "Madam Quay").name == "Ilva M. Daremont"
    assert pinned(people, "HWL", SpeakerKind.ORGANISATION).identifier == "desk-0201"
