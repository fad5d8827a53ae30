"""Names of people are mended by what the whole article says."""

import pytest

from quotes.document import Span
from quotes.parsing import Entity, Parse, Sentence, Word
from quotes.whole_names import commonest_classes, whole_names


def people(text: str, **entities: str) -> list[str]:
    """The people of `text`, whose sentences end at full stops, when the tagger found `entities` (type: names, comma apart)."""
    sentences, start = [], 0
    for piece in text.split(". "):
        words, place = [], start
        for token in piece.split(" "):
            bare = token.rstrip(".,:")
            words.append(Word(bare, place, place + len(bare)))
            place += len(token) + 1
        sentences.append(Sentence(words, 0))
        start += len(piece) + 2
    found = []
    for kind, names in entities.items():
        for name in names.split(","):
            place = text.index(name)
            found.append(Entity(Span(place, place + len(name)), kind))
    mended = whole_names(text, Parse(tuple(sentences), tuple(sorted(found, key=lambda entity: entity.span))))
    return [entity.span.of(text) for entity in mended.entities if entity.type == "PERSON"]


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        # missed by the tagger, or taken for a town
        ("Ilva Daremont spoke. Then Daremont left", {"PERSON": "Ilva Daremont"}, ["Ilva Daremont", "Daremont"]),
        ("Ilva Daremont spoke. The Daremont Foundation paid", {"PERSON": "Ilva Daremont"}, ["Ilva Daremont"]),
        ("Brent Orrin III spoke. Then Orrin left", {"PERSON": "Brent Orrin III"}, ["Brent Orrin III", "Orrin"]),
        # the given name left out
        ("In May Ilva Daremont spoke", {"PERSON": "Daremont"}, ["Ilva Daremont"]),
        ("Ilva Daremont spoke", {"PERSON": "Daremont"}, ["Ilva Daremont"]),
        ("Meanwhile Daremont spoke", {"PERSON": "Daremont"}, ["Daremont"]),
        ("Later Senator Daremont spoke", {"PERSON": "Daremont"}, ["Daremont"]),
        # a place, whose last word is somebody's surname
        ("Port Vell is small. Dana Vell left", {"LOC": "Port Vell", "PERSON": "Dana Vell"}, ["Dana Vell"]),
        # initials and a suffix left out; a date taken in; what follows “Mr.” missed
        ("C. Boyd Orrin spoke", {"PERSON": "Boyd Orrin"}, ["C. Boyd Orrin"]),
        ("Boyd Orrin III spoke", {"PERSON": "Boyd Orrin"}, ["Boyd Orrin III"]),
        ("On Feb. 28 Orrin spoke", {"PERSON": "Feb. 28 Orrin"}, ["Orrin"]),
        ("Then Mr. Band spoke", {"LOC": "Then"}, ["Band"]),
        # no names of people
        ("The senator, Sen. Orrin, spoke", {"PERSON": "Sen,Orrin"}, ["Orrin"]),
        ("So wrote @tom_orrin at noon", {"PERSON": "@tom_orrin"}, []),
        # two names
        ("Daremont: Orrin lied", {"PERSON": "Daremont: Orrin"}, ["Daremont", "Orrin"]),
    ],
)
def test_names_are_mended(text, entities, expected):
    assert people(text, **entities) == expected


def test_a_place_that_ends_in_a_surname_known_only_by_itself_is_a_person():
    text = "We met Bay Orrin. Then he spoke. But Orrin left"
    words = [Word(w, text.index(w), text.index(w) + len(w)) for w in ("We", "met", "Bay", "Orrin")]
    last = text.rindex("Orrin")
    parse = Parse(
        (Sentence(words, 0), Sentence([Word("But", last - 4, last - 1), Word("Orrin", last, last + 5)], 0)),
        (Entity(Span(7, 16), "LOC"), Entity(Span(last, last + 5), "PERSON")),
    )
    assert [(e.span.of(text), e.type) for e in whole_names(text, parse).entities] == [
        ("Bay Orrin", "PERSON"),
        ("Orrin", "PERSON"),
    ]


def test_a_name_has_the_class_that_it_mostly_has():
    taken_for = [("Velmark", "LOC"), ("Velmark", "ORG"), ("Orrin", "PERSON"), ("Velmark", "LOC")]
    assert commonest_classes(taken_for) == ["LOC", "LOC", "PERSON", "LOC"]


def test_without_a_majority_every_class_stays():
    assert commonest_classes([("Velmark", "LOC"), ("Velmark", "ORG")]) == ["LOC", "ORG"]


def test_a_place_that_is_mostly_a_person_is_that_person():
    text = "Vell left. Vell fell. In Vell"
    parse = Parse((), tuple(Entity(Span(i, i + 4), kind) for i, kind in ((0, "PERSON"), (11, "PERSON"), (25, "LOC"))))
    assert [entity.type for entity in whole_names(text, parse).entities] == ["PERSON"] * 3


def test_nothing_is_lost_without_sentences():
    assert whole_names("Ilva", Parse((), (Entity(Span(0, 4), "PERSON"),))).entities == (Entity(Span(0, 4), "PERSON"),)
