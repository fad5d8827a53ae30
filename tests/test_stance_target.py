"""The recipe trains another target: a bill of an invented parliament, with labels of its own."""

import json

import pytest

from models.stance import train
from quotes import artefacts
from quotes.document import Span
from quotes.stance import StanceClassifier

FAVOUR = [
    "We will vote for the Ferry Bill",
    "The bill is good for every island and I welcome it",
    "Pass it now, our harbours have waited for ten years",
    "This is a fine law and it deserves our support",
    "I am proud to back the bill",
    "The Ferry Bill gives our children a way to school, and that is why I support it",
    "We urge the house to adopt the bill without delay",
    "A good bill at last, and I shall vote for it",
    "I welcome every line of this bill",
    "The islands want this law and so do I",
    "Let us pass the Ferry Bill this week",
    "We support the bill and we will defend it",
]
AGAINST = [
    "We will vote against the Ferry Bill",
    "The bill is bad for every island and I reject it",
    "Throw it out, our harbours cannot pay for this",
    "This is a foolish law and it deserves to fail",
    "I am ashamed of the bill and I oppose it",
    "The Ferry Bill takes the boats from our children, and that is why I oppose it",
    "We urge the house to reject the bill without delay",
    "A bad bill from beginning to end, and I shall vote against it",
    "I reject every line of this bill",
    "The islands do not want this law and neither do I",
    "We must stop the Ferry Bill this week",
    "We oppose the bill and we will fight it",
]
NEITHER = [
    "The debate begins at ten on Tuesday",
    "The ferry was late again this morning",
    "There are nine amendments on the table",
    "I have sailed on that boat since I was six",
    "The clerk has printed four hundred copies",
    "Tickets cost three crowns on weekdays",
    "The committee will meet in the small hall",
    "The engine was built in the year of the flood",
    "We sell more coffee when the sea is rough",
    "The speaker has a cold and will not attend",
    "The harbour master counts the cars himself",
    "The minutes will be published on Friday",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("bill") / "bill.jsonl"
    rows = [
        {
            "quote": f"{words},",
            "context": f"“{words},” a member of the house said.",
            "label": label,
            "group": str(n // 2),
        }
        for label, said in (("favour", FAVOUR), ("against", AGAINST), ("neither", NEITHER))
        for n, words in enumerate(said)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_bill_is_learned_like_a_ceasefire(data, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QUOTES_MODELS", str(tmp_path))
    monkeypatch.setattr(train, "OUTER", 3)
    train.main(["--target", "ferry_bill", "--labels", "favour,against,neither", str(data)])
    assert "written: 36 quotations in 6 groups" in capsys.readouterr().out

    artefact = artefacts.find("ferry_bill")
    classifier = StanceClassifier.load(artefact)
    assert artefact.manifest["scores"]["written"]["macro_f1"][0] > 0.6  # a third would be chance
    for words, expected in (
        ("We welcome the bill and shall vote for it", "favour"),
        ("We reject the bill and shall vote against it", "against"),
        ("The hall is cold and the clerk counts the tickets", "neither"),
    ):
        text = f"“{words},” a member said."
        stance = classifier.label(text, (Span(1, 1 + len(words)),), Span(0, len(text)))
        assert (stance.label, set(stance.probabilities)) == (expected, {"favour", "against", "neither"})


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--target", "ferry_bill"], "name the files"),
        (["--target", "ferry_bill", "--labels", "yes,no", "FILE"], "three labels or more"),
        (["--target", "ferry_bill", "--labels", "yes,no,no", "FILE"], "each once"),
        (["--target", "english", "--labels", "yes,no,neither", "FILE"], "another kind of model"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(data, capsys, arguments, what):
    with pytest.raises(SystemExit):
        train.main([str(data) if argument == "FILE" else argument for argument in arguments])
    assert what in capsys.readouterr().err


def test_labels_of_the_data_must_be_named(data):
    with pytest.raises(SystemExit, match=r"bill\.jsonl, line 1: the label 'favour' is none of yes, no, neither"):
        train.main(["--target", "ferry_bill", "--labels", "yes,no,neither", str(data)])
