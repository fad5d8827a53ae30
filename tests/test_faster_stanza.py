"""The faster loops give what Stanza's own loops give."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.common.crf import viterbi_decode
from stanza.models.common.data import get_long_tensor

from quotes.faster_stanza import REMEMBERED, Remembered, best_tags, best_tree, padded, remembering_words


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


# Two subjects and two objects of one verb in some of them, which Stanza repairs in its own way.
SENTENCES = [
    "Orrin gave the harbour crew bread tea soap and they thanked her .",
    "What she said that Mr. Tull he never wrote surprised the council the mayor .",
    "Boats .",
    "The quay that the storm the winter before had broken was , the engineers told us , never repaired .",
]


def parser_batch(pipeline):
    from stanza.models.common.doc import Document
    from stanza.models.depparse.data import DataLoader
    from stanza.models.depparse.trainer import unpack_batch

    parser = pipeline._english._processors["depparse"]
    document = Document([[{"id": (i,), "text": w} for i, w in enumerate(s.split(), 1)] for s in SENTENCES])
    for component in ("pos", "lemma"):
        document = pipeline._english._processors[component].process(document)
    batches = DataLoader(document, 400, parser.config, parser.pretrain, vocab=parser.vocab, evaluation=True)
    inputs, _, order, sizes, lengths, text = unpack_batch(next(iter(batches)), "cpu")
    return parser.trainer.model, (*inputs, order, sizes, lengths, text)


def test_parses_are_stanzas(pipeline):
    import torch

    model, batch = parser_batch(pipeline)

    def parses(predict, repaired):
        with torch.inference_mode():
            found = predict(*batch, resolve_head_constraints=repaired)
        return [[(int(head), label) for head, label in sentence] for sentence in found]

    model.eval()
    for repaired in (True, False):
        assert parses(model.predict, repaired) == parses(partial(type(model).predict, model), repaired)
    assert parses(model.predict, True) != parses(model.predict, False)


def test_vectors_of_words_are_stanzas_whether_known_or_new(pipeline, monkeypatch):
    import torch

    model, batch = parser_batch(pipeline)
    _, _, chars, mask = batch[:4]
    order, sizes, lengths = batch[-4:-1]
    model.eval()
    with torch.inference_mode():
        original = type(model.charmodel).forward(model.charmodel, chars, mask, order, sizes, lengths)
        with monkeypatch.context() as patched:
            patched.setattr(model.charmodel, "forward", type(model.charmodel).forward.__get__(model.charmodel))
            faster = remembering_words(model.charmodel)
        some = len(lengths[::2])
        faster(chars[::2], mask[::2], range(some), [some], lengths[::2])
        all_of_them = faster(chars, mask, order, sizes, lengths)
    assert all_of_them.batch_sizes.tolist() == original.batch_sizes.tolist()
    assert torch.allclose(all_of_them.data, original.data, atol=1e-5)
