"""The encoder beneath attribution: what it is asked, and how it answers."""

import shutil
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from quotes.artefacts import MODELS
from quotes.attribution import sentences_to_parse
from quotes.document import Span
from quotes.errors import ArtefactAltered
from quotes.marks import find_quotations
from quotes.speaker_encoder import (
    AFTER,
    ANTECEDENT_BEFORE,
    BEFORE,
    LONGEST_QUOTATION,
    Questions,
    SpeakerEncoder,
    SpeakerNetwork,
)
from quotes.transformer import PIECES, WEIGHTS, unpacked


@pytest.fixture(scope="session")
def encoder():
    return SpeakerEncoder.load(MODELS / "attribution")


@pytest.fixture
def asked(pipeline, encoder):
    """From a text to its quotations and its questions."""

    def ask(text):
        quotations, _ = find_quotations(text)
        parse = pipeline._english.annotate(text, quotations, partial(sentences_to_parse, quotations))
        return quotations, Questions(quotations, parse, encoder.pieces)

    return ask


def words_of(encoder, question, kinds):
    chosen = [piece for piece, kind in zip(question.ids, question.kinds, strict=True) if kind in kinds]
    return encoder.pieces.tokeniser.decode(chosen, skip_special_tokens=True)


def test_the_question_tells_the_reporter_from_the_quoted(asked, encoder):
    text = "Nadia Velkamp frowned. “We left early,” said Tomas Orrin, who had called it “a mess” before."
    quotations, questions = asked(text)
    mention = Span(text.index("Tomas"), text.index(", who"))
    question = questions.speaker(quotations[0].spans, [mention])
    assert words_of(encoder, question, {1}) == "we left early,"
    assert words_of(encoder, question, {2}) == "a mess"
    assert words_of(encoder, question, {3}) == "tomas orrin"
    (places,) = question.mentions
    assert encoder.pieces.tokeniser.decode([question.ids[place] for place in places]) == "tomas orrin"


def test_the_question_whom_a_pronoun_means_shows_the_pronoun(asked, encoder):
    text = "Nadia Velkamp frowned. “We left early,” she said."
    quotations, questions = asked(text)
    pronoun = Span(text.index("she"), text.index("she") + 3)
    question = questions.antecedent(quotations[0].spans, pronoun, [Span(0, 13)])
    assert words_of(encoder, question, {3}) == "nadia velkamp"
    assert words_of(encoder, question, {4}) == "she"
    assert len(encoder.odds(question)) == 1


def test_long_quotations_keep_their_edges(asked, encoder):
    middle = " ".join(f"The {word} hut burned." for word in "first second third fourth fifth sixth seventh".split())
    text = f"“We begin. {middle} We end,” said Tomas Orrin."
    quotations, questions = asked(text)
    read = words_of(encoder, questions.speaker(quotations[0].spans, []), {1})
    assert read.startswith("we begin.")
    assert read.endswith("we end,")
    assert "..." in read.replace(" ", "")
    assert "fourth" not in read


def test_a_mention_too_far_away_has_no_place(asked):
    text = "Tomas Orrin arrived.\n\n" + "It rained on the harbour all day.\n\n" * 30 + "“We left,” she said."
    quotations, questions = asked(text)
    assert questions.speaker(quotations[0].spans, [Span(0, 11)]).mentions == [[]]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["“We left,” ", "said Tomas Orrin. ", "“", "”", "\n\n", "\U0001f600 ", "She “ran” on. ", "x" * 300]
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_question_is_short_and_its_places_are_inside(asked, encoder, pieces):
    text = "".join(pieces)
    quotations, questions = asked(text) if text.strip() else ((), None)
    for quotation in quotations:
        mentions = [Span(0, min(5, len(text))), quotation.spans[0]]
        for question, before in (
            (questions.speaker(quotation.spans, mentions), BEFORE),
            (questions.antecedent(quotation.spans, mentions[0], mentions[1:]), ANTECEDENT_BEFORE),
        ):
            assert len(question.ids) == len(question.kinds) <= before + LONGEST_QUOTATION + 1 + AFTER + 2
            assert max(question.kinds) < encoder.weights["kinds.weight"].shape[0]
            assert all(0 < place < len(question) - 1 for places in question.mentions for place in places)
            assert len(encoder.odds(question)) == len(question.mentions)


def test_packed_network_answers_like_the_one_in_single_precision(asked, encoder):
    text = "“We left early,” said Tomas Orrin of Nadia Velkamp."
    quotations, questions = asked(text)
    mentions = [Span(text.index(name), text.index(name) + len(name)) for name in ("Tomas Orrin", "Nadia Velkamp")]
    question = questions.speaker(quotations[0].spans, mentions)
    network = SpeakerNetwork()
    network.load_state_dict(unpacked(encoder.weights))
    network.eval()
    with torch.inference_mode():
        (exact,) = network([question])
    odds = encoder.odds(question)
    assert odds == pytest.approx(exact.tolist(), abs=0.5)
    assert odds[0] > max(0, odds[1])


def test_nobody_to_choose_from_is_no_error(asked, encoder):
    quotations, questions = asked("“We left early.”")
    assert encoder.odds(questions.speaker(quotations[0].spans, [])) == []


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_other_weights_are_refused(tmp_path, change):
    weights = load_file(MODELS / "attribution" / WEIGHTS)
    if change == "missing":
        del weights["absent"]
    else:
        weights["norm.bias"] = torch.zeros(7)
    save_file(weights, tmp_path / WEIGHTS)
    shutil.copy(MODELS / "attribution" / PIECES, tmp_path)
    with pytest.raises(ArtefactAltered, match="train it anew"):
        SpeakerEncoder.load(tmp_path)
