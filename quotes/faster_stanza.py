"""Stanza's inner loops, done faster with the same results.

Much of Stanza's time on one core goes into Python: looking every character and word up one call at a time, searching for
cycles in trees that have none, scoring tags that nobody asked about. `make_faster` replaces these loops in a loaded
pipeline. Every replacement gives what Stanza's own gives, which tests/test_faster_stanza.py holds against the originals; with
a release of Stanza that has moved a loop, `make_faster` raises AttributeError instead of leaving it slow in silence.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

# Different words and characters remembered for one vocabulary; text is mostly words seen before.
REMEMBERED = 50_000
REMEMBERED_WORDS = 20_000  # with the vectors of their characters, 16 MB for 200 numbers each; then all are forgotten
MOST_ROOTS = 1  # roots that are tried before the search is left to Stanza


def make_faster(processors: Mapping[str, Any]) -> None:
    """Replace the slow loops of a pipeline's processors (`stanza.Pipeline.processors`)."""
    from stanza.models.common import char_model
    from stanza.models.common.vocab import BaseVocab
    from stanza.models.depparse import data as parser_data
    from stanza.models.depparse import head_constraints
    from stanza.models.depparse import model as parser
    from stanza.models.ner import data as ner_data
    from stanza.models.ner import model as ner_model
    from stanza.models.ner import trainer as ner_trainer
    from stanza.models.pos import data as tagger_data
    from stanza.models.tokenization.data import TokenizationDataset

    # The originals must be where they were; the first use of a name that is gone says so.
    parser.chuliu_edmonds_one_root, head_constraints.chuliu_edmonds_one_root, ner_trainer.viterbi_decode  # noqa: B018
    parser.chuliu_edmonds_one_root = head_constraints.chuliu_edmonds_one_root = best_tree
    ner_trainer.viterbi_decode = best_tags
    if not hasattr(TokenizationDataset.para_to_sentences, "__wrapped__"):  # another pipeline may have been made faster
        TokenizationDataset.para_to_sentences = _remembering_features(TokenizationDataset.para_to_sentences)
    BaseVocab.map = _map
    for module in (char_model, parser_data, ner_data, ner_model, tagger_data):
        module.get_long_tensor = padded
    processors["lemma"].process = _lemmatising(processors["lemma"])
    for name in ("pos", "depparse", "ner"):
        if hasattr(model := processors[name].trainer.model, "charmodel"):
            model.charmodel.forward = remembering_words(model.charmodel)
    graph_parser = processors["depparse"].trainer.model
    if isinstance(graph_parser, parser.GraphParser) and not any(map(graph_parser.args.get, _MORE_SCORES)):
        graph_parser.predict = _labelling_last(graph_parser)
    for name in ("tokenize", "pos", "depparse", "ner"):
        vocabularies = processors[name].vocab
        parts = getattr(vocabularies, "_vocabs", None) or {"units": vocabularies}
        for vocabulary in parts.values():
            if isinstance(vocabulary, BaseVocab):
                vocabulary.unit2id = Remembered(vocabulary.unit2id).__getitem__
    _remember_tags(processors["pos"].vocab["xpos"])
    tagger = processors["ner"].trainer.model
    for loss in tagger.crits:
        loss.forward = _only_transitions(loss)


class Remembered(dict[Any, Any]):
    """The answers of a function of one hashable argument; lists are never remembered, since callers might change them."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Any) -> Any:
        answer = self._function(key)
        if isinstance(answer, int) and len(self) < REMEMBERED:
            self[key] = answer
        return answer


def best_tree(scores: np.ndarray) -> np.ndarray:
    """The highest-scoring dependency tree with one root; `scores[word, head]`, word 0 being the root. Shape (words,).

    Stanza makes the root so dear that its search must break a cycle for nearly every word. Here every word's best head is
    tried first, then the best tree of all: where that has one root, nothing scores more. Otherwise each word is tried as
    the only root, in the order of what a tree under it can score at most, until no other can score more; where that takes
    long (a page of one mark, where all score alike), Stanza's search is left to do it.
    """
    from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root, prepare_scores

    original, scores = scores, np.array(scores, dtype=np.float64)
    prepare_scores(scores)
    heads = _spanning_tree(scores)
    if np.count_nonzero(heads[1:] == 0) == 1:
        return heads
    inner = scores.copy()
    inner[1:, 0] = -np.inf
    most = inner[1:].max(axis=1)
    bounds = most.sum() - most + scores[1:, 0]
    best, best_score = heads, -np.inf
    for tried, root in enumerate(np.argsort(-bounds) + 1):
        if bounds[root - 1] <= best_score:
            break
        if tried == MOST_ROOTS:
            return np.asarray(chuliu_edmonds_one_root(original))
        under = inner.copy()
        under[root] = -np.inf
        under[root, 0] = scores[root, 0]
        heads = _spanning_tree(under)
        score = scores[np.arange(len(heads)), heads].sum()
        if score > best_score:
            best, best_score = heads, score
    return best


def _spanning_tree(scores: np.ndarray) -> np.ndarray:
    """The highest-scoring tree with any number of roots; `scores` are left as they are."""
    from stanza.models.common.chuliu_edmonds import chuliu_edmonds

    heads: np.ndarray = scores.argmax(axis=1)
    return heads if _is_tree(heads.tolist()) else np.asarray(chuliu_edmonds(scores.copy()))


def _is_tree(heads: Sequence[int]) -> bool:
    """Whether every word reaches word 0."""
    reached = [False] * len(heads)
    reached[0] = True
    for word in range(1, len(heads)):
        path = []
        while not reached[word]:
            reached[word] = True  # for now: a path that comes back to itself is found below
            path.append(word)
            word = heads[word]
            if word in path:
                return False
    return True


def best_tags(scores: np.ndarray, transitions: np.ndarray) -> tuple[list[Any], Any]:
    """The best path through tags (Viterbi) and its score; `scores` of shape (words, tags), `transitions` (tags, tags)."""
    pointers = np.zeros(scores.shape, dtype=np.intp)
    by_next = np.ascontiguousarray(transitions.T)  # rows are the tags that follow, so that maxima run along memory
    columns = np.arange(scores.shape[1])
    best = scores[0]
    for place in range(1, len(scores)):
        sums = by_next + best
        pointers[place] = here = sums.argmax(axis=1)
        best = scores[place] + sums[columns, here]
    path = [best.argmax()]
    for back in pointers[:0:-1]:
        path.append(back[path[-1]])
    path.reverse()
    return path, best.max()


_MORE_SCORES = ("use_arc_embedding", "linearization", "distance")  # of parsers that score arcs in other ways as well


def _labelling_last(model: Any) -> Callable[..., Any]:
    """A graph parser's `predict` that scores relations only where a tree has an arc, not between all words."""
    import torch
    from stanza.models.common.vocab import VOCAB_PREFIX_SIZE
    from stanza.models.depparse.head_constraints import (
        find_head_constraint_violations,
        resolve_head_constraint_violations,
    )

    scorer, vocabulary = model.deprel, model.vocab["deprel"]

    def with_one(vectors: Any) -> Any:
        return torch.cat([vectors, vectors.new_ones(*vectors.shape[:-1], 1)], -1)

    def predict(word: Any, *inputs: Any, resolve_head_constraints: bool = False) -> list[list[list[Any]]]:
        *_, sizes, _, _ = inputs  # of sentences, of words, the words themselves
        states = model.embed(word, *inputs)
        arcs = model.unlabeled(states, states).squeeze(3)
        arcs.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        arcs = torch.log_softmax(arcs, 2).numpy()
        dependents = with_one(torch.relu(scorer.W1(states)))
        heads = with_one(torch.relu(scorer.W2(states)))
        bilinear = scorer.scorer.W_bilin
        trees = [best_tree(arcs[number, :size, :size]) for number, size in enumerate(sizes)]
        sentences = np.repeat(np.arange(len(trees)), [size - 1 for size in sizes])
        words = np.concatenate([np.arange(1, size) for size in sizes])
        governed = dependents[sentences, words]
        governing = heads[sentences, np.concatenate([tree[1:] for tree in trees])]
        relations, dimensions = bilinear.weight.shape[2], governed.shape[1]
        # every dependent's half of the product with the weights, shape (words, dimensions of a head, relations)
        halves = (governed @ bilinear.weight.reshape(dimensions, -1)).view(len(words), -1, relations)
        best = torch.bmm(governing.unsqueeze(1), halves).squeeze(1).add_(bilinear.bias).argmax(1).numpy()
        answers = []
        place = 0
        for number, (tree, size) in enumerate(zip(trees, sizes, strict=True)):
            chosen = best[place : place + size - 1]
            labels = vocabulary.unmap((chosen + VOCAB_PREFIX_SIZE).tolist())
            if resolve_head_constraints and find_head_constraint_violations(tree, labels):
                every = torch.einsum("wjo,hj->who", halves[place : place + size - 1], heads[number, :size])
                scores = torch.log_softmax(every + bilinear.bias, 2).numpy()
                scores = np.concatenate([scores[:1], scores])  # of the root, which nobody asks about
                found = resolve_head_constraint_violations(arcs[number, :size, :size], scores, tree, vocabulary)
                tree, labels = found[0], vocabulary.unmap([label + VOCAB_PREFIX_SIZE for label in found[1]])
            answers.append([[head, label] for head, label in zip(tree[1:], labels, strict=True)])
            place += size - 1
        return answers

    return predict


def remembering_words(model: Any) -> Callable[..., Any]:
    """A character model's `forward` that reads the characters of a word once: its vector depends on nothing else."""
    import torch
    from stanza.models.common.utils import tensor_unsort
    from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

    original = model.forward
    known: dict[bytes, Any] = {}

    def forward(chars: Any, mask: Any, order: Sequence[int], sizes: Sequence[int], lengths: Sequence[int]) -> Any:
        words = [row[:length].tobytes() for row, length in zip(chars.numpy(), lengths, strict=True)]
        new = {word: number for number, word in enumerate(words) if word not in known}
        if len(known) + len(new) > REMEMBERED_WORDS:
            known.clear()
            new = {word: number for number, word in enumerate(words)}
        if new:
            # Stanza gives the longest words first, so the new ones are in that order too
            numbers = list(new.values())
            longest = lengths[numbers[0]]
            read = original(
                chars[numbers, :longest],
                mask[numbers, :longest],
                range(len(new)),
                [len(new)],
                [lengths[number] for number in numbers],
            )
            known.update(zip(new, read.data if isinstance(read, PackedSequence) else read[0], strict=True))
        vectors = tensor_unsort(torch.stack([known[word] for word in words]), order)
        packed = pack_sequence(vectors.split(sizes))
        return pad_packed_sequence(packed, batch_first=True)[0] if model.pad else packed

    return forward


def _remember_tags(vocabulary: Any) -> None:
    """Make a vocabulary of tags in parts put each tag together once."""
    original = vocabulary.id2unit
    known: dict[tuple[int, ...], str] = {}

    def id2unit(parts: Any) -> str:
        key = tuple(parts) if isinstance(parts, list) else (parts,)
        if key not in known:
            known[key] = original(parts)
        return known[key]

    vocabulary.id2unit = id2unit


def padded(rows: Sequence[Sequence[Any]], batch_size: int, pad_id: int = 0) -> Any:
    """Lists of numbers (or of equally long lists of numbers) as one padded tensor; shape (batch_size, longest, …)."""
    import torch

    sizes, level = [], rows
    while isinstance(level[0], list):
        sizes.append(max(map(len, level)))
        level = [item for row in level for item in row]
    table = np.full((batch_size, *sizes), pad_id, dtype=np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return torch.from_numpy(table)


def _lemmatising(processor: Any) -> Callable[[Any], Any]:
    """The lemmatiser's `process`, which makes ready only the words that its dictionary lacks."""
    from stanza.models.common.doc import LEMMA, TEXT, UPOS
    from stanza.models.lemma.data import DataLoader

    original, trainer, config = processor.process, processor.trainer, processor.config
    plain = not (processor.use_identity or config.get("dict_only") or processor.store_results)
    if not (plain and config.get("ensemble_dict")) or trainer.has_contextual_lemmatizers():
        return original  # type: ignore[no-any-return]

    def process(document: Any) -> Any:
        import torch

        words = document.get([TEXT, UPOS])
        known = trainer.skip_seq2seq(words)
        batches = DataLoader(
            document,
            config["batch_size"],
            config,
            vocab=processor.vocab,
            evaluation=True,
            skip=known,
            expand_unk_vocab=True,
        )
        guesses: list[str] = []
        edits: list[Any] = []
        with torch.no_grad():
            for batch in batches:
                guessed, edited = trainer.predict(batch, config["beam_size"], batches.vocab)
                guesses += guessed
                edits += edited or []
        unknown = [word for (word, _), skipped in zip(words, known, strict=True) if not skipped]
        found = iter(trainer.postprocess(unknown, guesses, edits=edits))
        lemmas = trainer.ensemble(words, ["" if skipped else next(found) for skipped in known])
        document.set([LEMMA], [lemma or "_" for lemma in lemmas])
        return document

    return process


def _map(vocabulary: Any, units: Sequence[Any]) -> list[Any]:
    return list(map(vocabulary.unit2id, units))


def _only_transitions(loss: Any) -> Callable[..., Any]:
    """A conditional random field's layer without its loss, which is of use in training alone."""
    return lambda *inputs: (0, loss._transitions)


_PLACES = ("end_of_para", "start_of_para")


def _remembering_features(original: Any) -> Any:
    """The tokenizer's `para_to_sentences` with the features of a character remembered, where it has no others."""
    from stanza.models.tokenization.data import PER_CHAR_FEAT_FUNCS

    known: dict[tuple[str, ...], dict[str, list[int]]] = {}

    @wraps(original)
    def para_to_sentences(dataset: Any, paragraph: Any) -> Any:
        wanted = dataset.args["feat_funcs"]
        by_character = tuple(name for name in wanted if name in PER_CHAR_FEAT_FUNCS)
        others = [name for name in wanted if name not in by_character and name not in _PLACES]
        if not dataset.eval or not paragraph or others or dataset.args["use_dictionary"]:
            return original(dataset, paragraph)
        features_of = known.setdefault(by_character, {})
        units = [unit for unit, _ in paragraph]
        for unit in set(units):
            if unit not in features_of:
                features_of[unit] = [PER_CHAR_FEAT_FUNCS[name](unit) for name in by_character]
        features = np.array([features_of[unit] for unit in units])
        for name, place in zip(_PLACES, (-1, 0), strict=True):
            if name in wanted:
                column = np.zeros((len(units), 1), dtype=features.dtype)
                column[place] = 1
                features = np.hstack([features, column])
        labels = np.array([label for _, label in paragraph])
        return [(np.array(dataset.vocab.map(units)), labels, features, units)]

    return para_to_sentences
