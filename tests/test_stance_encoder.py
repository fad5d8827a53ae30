"""The encoder beneath the stance classifier: what it reads, how it is stored, and how it explains itself."""

import re
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from quotes.artefacts import MODELS
from quotes.document import Span
from quotes.errors import ArtefactAltered
from quotes.stance_encoder import LONGEST, Network, StanceEncoder
from quotes.stance_features import StanceQuestion, Token, expressions, tokenise
from quotes.transformer import PIECES, WEIGHTS, unpacked


@pytest.fixture(scope="session")
def encoder():
    return StanceEncoder.load(MODELS / "stance")


def tokens_of(text):
    """The tokens of a text whose quotation stands in curly marks; every lower-case word is known."""
    spans = tuple(Span(*m.span(1)) for m in re.finditer("“(.*?)”", text))
    return tokenise(text, StanceQuestion(spans, Span(0, len(text))), frozenset(re.findall(r"\w+", text.lower())))


def test_expressions_of_stopping_and_going_on_are_told_apart():
    tokens = tokens_of("“Stop this war,” she said. “We will fight on.” The battle and the bread.")
    found = {
        token.word: expression for token, expression in zip(tokens, expressions(tokens), strict=True) if expression
    }
    assert found == {"stop": "STOP", "this": "STOP", "war": "STOP", "fight": "ON", "on": "ON", "battle": "FIGHT"}


def test_pieces_know_their_tokens_and_what_is_quoted(encoder):
    tokens = tokens_of("The envoy said “unmistakably, an armistice” again")
    pieces = encoder.reader.read(tokens)
    quoted = [place for place, kind in zip(pieces.tokens, pieces.kinds, strict=True) if kind % 2 and place >= 0]
    assert {tokens[place].word for place in quoted} == {"unmistakably", ",", "an", "armistice"}
    assert len(quoted) > 4  # rare words fall into pieces
    assert {place for place in pieces.tokens if place >= 0} == set(range(len(tokens)))


@given(
    st.lists(st.tuples(st.sampled_from(["truce", "unmistakably", "NAME", "NUM", "x" * 200, "é", ","]), st.booleans()))
)
def test_however_long_the_text_the_quotation_is_read(encoder, words):
    tokens = [Token(word, 0, 1, quoted) for word, quoted in words * 40]
    pieces = encoder.reader.read(tokens)
    assert len(pieces) == len(pieces.kinds) == len(pieces.tokens) <= LONGEST + 2
    assert any(kind % 2 for kind in pieces.kinds) == any(quoted for _, quoted in words)
    assert max(pieces.kinds) < encoder.weights["kinds.weight"].shape[0]


def test_answers_do_not_depend_on_what_else_is_asked(encoder):
    texts = ["“Stop.”", "“We will stop when they stop, and not a day before that,” he said.", "It “rained” all day."]
    questions = [encoder.reader.read(tokens_of(text)) for text in texts]
    singly = np.concatenate([encoder.probabilities([question]) for question in questions])
    assert encoder.probabilities(questions).tolist() == singly.tolist()
    assert singly.sum(axis=1) == pytest.approx(1)


def test_packed_network_reads_like_the_one_in_single_precision(encoder):
    network = Network(4)
    network.load_state_dict(unpacked(encoder.weights))
    network.eval()
    questions = [
        encoder.reader.read(tokens_of("“We reject any ceasefire,” the general said.")),
        encoder.reader.read([]),
    ]
    with torch.inference_mode():
        exact = network(questions).softmax(dim=1).numpy()
    assert encoder.probabilities(questions) == pytest.approx(exact, abs=0.05)


def test_questions_read_together_get_the_answers_that_each_gets_alone(encoder):
    texts = [
        "“We reject any ceasefire,” the general said.",
        "“No,” she said.",
        "It rained.",
        "They “will” stop, he wrote.",
    ]
    questions = [encoder.reader.read(tokens_of(text)) for text in texts * 6]
    alone = [encoder.probabilities([question])[0].tolist() for question in questions]
    assert encoder.probabilities(questions).tolist() == alone


@pytest.mark.parametrize("change", ["missing", "shape", "no file of weights"])
def test_other_weights_are_refused(tmp_path, change):
    weights = load_file(MODELS / "stance" / WEIGHTS)
    if change == "missing":
        del weights["kinds.weight"]
    else:
        weights["norm.bias"] = torch.zeros(7)
    save_file(weights, tmp_path / WEIGHTS)
    if change == "no file of weights":
        (tmp_path / WEIGHTS).write_bytes(b"not safetensors")
    shutil.copy(MODELS / "stance" / PIECES, tmp_path)
    with pytest.raises(ArtefactAltered, match="train it anew"):
        StanceEncoder.load(tmp_path)
