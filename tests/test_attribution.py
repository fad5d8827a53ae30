"""Who said it, on the project's own articles: floors that may only rise, and the things that must never happen."""

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotes import QuotationKind, SpeakerKind, StanceLabel, reading
from quotes.attribution import sentences_to_parse
from quotes.candidates import Candidates
from quotes.marks import find_quotations
from quotes.ranker import SpeakerRanker
from tests import gold

FLOORS = json.loads((Path(__file__).parent / "floors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def judged(pipeline):
    """Every gold quotation with what was found for it, by article."""
    result = {}
    for name in gold.names():
        article, wanted = gold.load(name)
        result[name] = gold.pairs(pipeline.analyse(article), wanted)
    return result


def everything(judged):
    return [(name, wanted, found) for name, rows in judged.items() for wanted, found in rows]


def test_quotations_of_the_sample_articles_are_found(judged):
    missed = [(name, wanted.spans) for name, wanted, found in everything(judged) if found is None]
    assert len(missed) <= FLOORS["missed_quotations_at_most"], missed


def test_speakers_of_the_sample_articles(judged):
    rows = [(w, f) for _, w, f in everything(judged) if f is not None]
    right = sum(gold.speaker_is_right(w, f) for w, f in rows) / len(rows)
    wrong = sum(gold.speaker_is_wrong(w, f) for w, f in rows) / len(rows)
    assert right >= FLOORS["speakers_right"], f"{right:.3f}"
    assert wrong <= FLOORS["speakers_wrong_at_most"], f"{wrong:.3f}"


def test_stances_of_the_sample_articles(judged):
    rows = [(w.stance, f.stance.label) for _, w, f in everything(judged) if f and f.stance and w.stance]
    right = sum(wanted == label for wanted, label in rows) / len(rows)
    assert right >= FLOORS["stances_right"], f"{right:.3f}"


def test_every_answer_has_its_evidence(pipeline):
    article, _ = gold.load("harbour_interview")
    for quotation in pipeline.analyse(article).quotations:
        if quotation.kind is QuotationKind.NOT_SPEECH:
            assert quotation.speaker is None
            assert quotation.stance is None
            continue
        speaker = quotation.speaker
        assert speaker is not None
        assert speaker.evidence.explanation
        assert (speaker.name is None) == (speaker.unresolved is not None)
        if speaker.name is not None:
            assert speaker.evidence.mention is not None
            assert speaker.evidence.mention.of(article.text) in speaker.evidence.explanation
            assert 0 < speaker.confidence <= 1


# The article that the project was created from; copyright of its publisher, so it is used only where it is present.
EXPECTED = [
    ("abandoned", ["Benjamin Netanyahu"], None),
    ("unimaginable", ["Aid groups"], StanceLabel.NONE),
    ("immediate ceasefire", ["resolution", "UN Security Council", "Security Council"], None),
    ("immediate and unconditional release of all hostages", ["resolution", "UN Security Council"], None),
    ("Today’s resolution gives Hamas hope", ["Benjamin Netanyahu’s office"], StanceLabel.OPPOSE),
    ("in light of the change in US position,", ["Benjamin Netanyahu’s office"], None),
    ("disappointing", ["John Kirby"], StanceLabel.NONE),
    ("major ground offensive in Rafah would be a major mistake", ["John Kirby"], None),
]


def test_article_that_the_project_was_created_from(pipeline, shared):
    article = reading.from_file(shared / "seeds" / "ceasefire_vote.txt")
    quotations = pipeline.analyse(article).quotations
    assert len(quotations) == len(EXPECTED)
    for quotation, (words, speakers, stance) in zip(quotations, EXPECTED, strict=True):
        assert quotation.text(article).startswith(words)
        assert quotation.speaker is not None
        assert quotation.speaker.name in speakers
        if stance is not None:
            assert quotation.stance is not None
            assert quotation.stance.label is stance


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (
            "Premier Ilva Daremont accused the envoys of having “abandoned” the talks.",
            "Ilva Daremont",
            SpeakerKind.PERSON,
        ),
        (
            "Ilva Daremont spoke on Monday. Daremont’s office said in a statement: “We will study the text with care.”",
            "Ilva Daremont’s office",
            SpeakerKind.ORGANISATION,
        ),
        (
            "Tomas Orrin, the mayor, crossed the square. “Nobody sleeps here any more,” the mayor said.",
            "Tomas Orrin",
            SpeakerKind.PERSON,
        ),
        (
            "Nadia Velkamp left the hall with her sister. “We have waited for ten years,” she said.",
            "Nadia Velkamp",
            SpeakerKind.PERSON,
        ),
    ],
)
def test_general_rules_hold_for_invented_people(pipeline, text, name, kind):
    (quotation,) = pipeline.analyse(reading.from_text(text)).quotations
    assert quotation.speaker is not None
    assert (quotation.speaker.name, quotation.speaker.kind) == (name, kind)


def test_whoever_passes_words_on_is_kept(pipeline):
    text = "Ulf Orrin said that Nadia Velkamp had called the plan “absurd and late”."
    quotations, _ = find_quotations(text)
    parse = pipeline._english.annotate(text, quotations, partial(sentences_to_parse, quotations))
    found = Candidates(text, quotations, parse).of(quotations[0], None, None)
    relays = {c.lemma: [mention.of(text) for mention in c.relays] for c in found if c.rule == "verb"}
    assert relays == {"say": [], "call": ["Ulf Orrin"]}


def test_the_explanation_says_who_passes_the_words_on(pipeline, monkeypatch):
    text = "Ulf Orrin said that Nadia Velkamp had called the plan “absurd and late”."

    def innermost(ranker, quotation, candidates, questions):
        return [(0.99, c) for c in candidates if c.relays]

    monkeypatch.setattr(SpeakerRanker, "rank", innermost)
    (quotation,) = pipeline.analyse(reading.from_text(text)).quotations
    assert quotation.speaker is not None
    assert quotation.speaker.name == "Nadia Velkamp"
    assert [mention.of(text) for mention in quotation.speaker.evidence.relayed_by] == ["Ulf Orrin"]
    assert "passed on by “Ulf Orrin”" in quotation.speaker.evidence.explanation


def test_words_that_nobody_is_said_to_say_have_no_speaker(pipeline):
    text = "“The river keeps what it is given, and gives back what it must.”"
    (quotation,) = pipeline.analyse(reading.from_text(text)).quotations
    assert quotation.speaker is None or quotation.speaker.name is None


PIECES = st.sampled_from(
    """“No_truce,”_|“We_left|”_|said_Ilva_Daremont._|he_said,_|‘Never,’_|according_to_the_ministry|:_|The_resolution_calls_for_
    |Tomas_Orrin_|―_Nadia_Velkamp|"|'|_._""".replace("\n    ", "")
    .replace("_", " ")
    .split("|")
    + ["\n\n", "\r\n", "\u00a0", "e\u0301", "\U0001f600"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=14))
def test_any_text_is_analysed_with_spans_inside_it(pipeline, pieces):
    text = "".join(pieces)
    if not text.strip():
        return
    analysis = pipeline.analyse(reading.from_text(text))
    places = []
    for quotation in analysis.quotations:
        places += quotation.spans
        if quotation.speaker is not None:
            evidence = quotation.speaker.evidence
            places += [span for span in (evidence.mention, evidence.cue) if span is not None]
        if quotation.stance is not None:
            places += [reason.span for reason in quotation.stance.reasons]
            assert abs(sum(quotation.stance.probabilities.values()) - 1) < 1e-6
    assert all(0 <= span.start < span.end <= len(text) for span in places)
