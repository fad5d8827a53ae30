"""The faster loops give what Stanza's own loops give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.common.crf import viterbi_decode
from stanza.models.common.data import get_long_tensor

from quotes.faster_stanza import REMEMBERED, Remembered, best_tags, best_tree, padded


def random_scores(seed: int, rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (rows, columns)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(2, 24), st.floats(-6, 6))
def test_best_tree_is_stanzas(seed, words, root_bias):
    scores = random_scores(seed, words, words)
    scores[:, 0] += root_bias  # many words that would be roots, or none
    before = scores.copy()
    assert best_tree(scores).tolist() == chuliu_edmonds_one_root(scores.copy()).tolist()
    assert (scores == before).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_best_tree_has_one_root_and_no_cycle(seed, words):
    heads = best_tree(random_scores(seed, words, words))
    assert np.count_nonzero(heads[1:] == 0) == 1
    for word in range(1, words):
        steps = 0
        while word:
            word, steps = heads[word], steps + 1
            assert steps < words


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 25))
def test_best_tags_are_stanzas(seed, words, tags):
    scores, transitions = random_scores(seed, words, tags), random_scores(seed + 1, tags, tags)
    path, score = best_tags(scores, transitions)
    expected, expected_score = viterbi_decode(scores, transitions)
    assert path == expected
    assert score == pytest.approx(expected_score)


@given(arrays.arrays(np.float32, (6, 3), elements=st.sampled_from([0.0, 1.0])))
def test_tags_that_score_alike_are_chosen_as_stanza_chooses(scores):
    transitions = np.zeros((3, 3), dtype=np.float32)
    assert best_tags(scores, transitions)[0] == viterbi_decode(scores, transitions)[0]


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 3))
def test_padding_is_stanzas(rows, pad):
    assert padded(rows, len(rows), pad).tolist() == get_long_tensor(rows, len(rows), pad).tolist()
    pairs = [[[number, number + 1] for number in row] for row in rows]
    assert padded(pairs, len(pairs), pad).tolist() == get_long_tensor(pairs, len(pairs), pad).tolist()


def test_lemmas_are_stanzas(pipeline):
    from stanza.models.common.doc import Document
    from stanza.pipeline.lemma_processor import LemmaProcessor

    lemmatiser = pipeline._english._processors["lemma"]
    words = [
        ("She", "PRON"),
        ("was", "AUX"),
        ("gribbling", "VERB"),
        ("Orrins", "PROPN"),
        ("mice", "NOUN"),
        ("☃", "SYM"),
    ]

    def lemmas(process):
        document = Document([[{"id": (i,), "text": w, "upos": t} for i, (w, t) in enumerate(words, 1)]])
        return [word.lemma for word in process(document).sentences[0].words]

    assert lemmas(lemmatiser.process) == lemmas(lambda document: LemmaProcessor.process(lemmatiser, document))


def test_remembered_answers_once_and_never_keeps_lists():
    asked = []

    def answer(key):
        asked.append(key)
        return [1] if key == "list" else len(key)

    remembered = Remembered(answer)
    assert [remembered["word"], remembered["word"], remembered["list"], remembered["list"]] == [4, 4, [1], [1]]
    assert asked == ["word", "list", "list"]


def test_remembered_does_not_grow_without_end():
    remembered = Remembered(int)
    for number in range(REMEMBERED + 10):
        assert remembered[str(number)] == number
    assert len(remembered) == REMEMBERED


def test_tokenizer_features_are_stanzas(pipeline):
    """The whole tokenizer, with and without the replacement, on text of every kind of character."""
    from stanza.models.tokenization.data import TokenizationDataset

    tokenizer = pipeline._english._processors["tokenize"]
    replaced = TokenizationDataset.para_to_sentences
    text = 'On 3 May, Ms. Orrin said: "We waited 12 days."  Nobody came…\n\nÉcole № 5 closed. 日本 ☃ 1,000\n\n\nx'
    original = replaced.__wrapped__

    def rows(method):
        TokenizationDataset.para_to_sentences = method
        try:
            data = TokenizationDataset(
                tokenizer.config, input_text=text, vocab=tokenizer.vocab, evaluation=True, dictionary=None
            )
            return [data.para_to_sentences(paragraph) for paragraph in data.data]
        finally:
            TokenizationDataset.para_to_sentences = replaced

    for ours, theirs in zip(rows(replaced), rows(original), strict=True):
        for (units, labels, features, raw), (units_, labels_, features_, raw_) in zip(ours, theirs, strict=True):
            assert units.tolist() == units_.tolist()
            assert labels.tolist() == labels_.tolist()
            assert features.tolist() == features_.tolist()
            assert raw == raw_
