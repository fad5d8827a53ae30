"""The stance of a quotation, read in its context by two models and a judge of both.

A linear model weighs the features of quotes.stance_features; a small transformer (quotes.stance_encoder) reads the words in
their order; a logistic regression over both answers gives the probabilities. Where the linear model has no doubt the transformer
is not asked: that is most quotations of most articles. The words behind an answer are those that moved the linear model's part of
it: each feature knows the tokens that it came from. This module is the only one that knows scikit-learn. models/stance trains
what it loads.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.document import Reason, Span, Stance, StanceLabel
from quotes.errors import ArtefactAltered
from quotes.stance_features import NAME, Features, StanceQuestion, Token, read

if TYPE_CHECKING:
    from quotes.stance_encoder import StanceEncoder

FILE, HEAD, WORDS = "stance.skops", "head.skops", "words.txt"
# Types beyond those that skops trusts by itself. A file that needs any other is refused.
TRUSTED = [
    "quotes.stance.Vocabulary",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
]
# From this probability of its answer on, the linear model is believed without asking the encoder, which takes most of the time:
# in ordinary news seven of ten. Cross-validated with 0.8 to 1: macro-F1 moved by less than 0.01.
SURE = 0.9

Floats = NDArray[np.float64]


class Vocabulary(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Features (dicts of name to value) to columns of a sparse matrix; names in fewer than `min_df` rows are left out.

    scikit-learn's DictVectorizer does the same, but a dict of 100,000 names takes skops ten seconds to load.
    """

    def __init__(self, min_df: int = 1) -> None:
        self.min_df = min_df

    def fit(self, rows: Sequence[dict[str, float]], labels: Any = None) -> "Vocabulary":
        """Learn the names."""
        counts = Counter(name for row in rows for name in row)
        self.names_ = "\n".join(sorted(name for name, count in counts.items() if count >= self.min_df))
        self.__dict__.pop("columns", None)
        return self

    def transform(self, rows: Sequence[dict[str, float]]) -> csr_matrix:
        """A float32 matrix of shape (rows, names); unknown names are skipped."""
        columns = self.columns
        indices: list[int] = []
        values: list[float] = []
        ends = [0]
        for row in rows:
            for name, value in row.items():
                column = columns.get(name)
                if column is not None:
                    indices.append(column)
                    values.append(value)
            ends.append(len(indices))
        shape = (len(rows), len(columns))
        matrix = csr_matrix((np.array(values, np.float32), np.array(indices, np.int32), np.array(ends)), shape=shape)
        matrix.sort_indices()
        return matrix

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of every name."""
        return {name: column for column, name in enumerate(self.names_.split("\n"))}

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("columns", None)
        return state


class StanceClassifier:
    """The loaded classifier."""

    def __init__(
        self,
        linear: Any,
        known: frozenset[str],
        encoder: "StanceEncoder",
        head: Any,
        uncertain_below: float,
        artefact: Artefact | None = None,
    ) -> None:
        """`linear` is (Vocabulary, TfidfTransformer, CalibratedClassifierCV over one LogisticRegression), fitted.

        `head` is a LogisticRegression over the logarithms of the linear model's and then the encoder's probabilities. Answers
        with a probability less than `uncertain_below` are marked as uncertain.
        """
        self.artefact = artefact
        self.linear = linear
        self.encoder = encoder
        self.head = head
        self._known = known
        self._uncertain_below = uncertain_below
        self._vocabulary: Vocabulary = linear[0]
        self._classifier = linear[-1]
        stances = frozenset(StanceLabel)
        self.labels = [StanceLabel(label) if label in stances else str(label) for label in self._classifier.classes_]
        (calibrated,) = self._classifier.calibrated_classifiers_
        (temperature,) = calibrated.calibrators
        # What each feature adds to the logarithm of a label's probability: shape (labels, features).
        self._weights = calibrated.estimator.coef_ * temperature.beta_

    @classmethod
    def load(cls, artefact: Artefact | None = None) -> "StanceClassifier":
        """Load models/stance, or the artefact given.

        Raises ArtefactMissing when a file is not there; ArtefactAltered when one is not what the manifest names, or
        needs a type that is not on the list.
        """
        from quotes.stance_encoder import StanceEncoder

        artefact = artefact or artefacts.find("stance")
        linear, head = _stored(artefact, FILE), _stored(artefact, HEAD)
        known = frozenset((artefact.folder / WORDS).read_text(encoding="utf-8").split())
        encoder = StanceEncoder.load(artefact.folder)
        return cls(linear, known, encoder, head, artefact.manifest["settings"]["uncertain_below"], artefact)

    def label(self, text: str, quotation: tuple[Span, ...], context: Span, masked: tuple[Span, ...] = ()) -> Stance:
        """The stance of one quotation of `text`; see StanceQuestion. Raises ValueError for spans outside the text."""
        return self.label_many(text, [StanceQuestion(quotation, context, masked)])[0]

    def label_many(self, text: str, questions: Iterable[StanceQuestion]) -> list[Stance]:
        """The stances of an article's quotations, in order. Raises ValueError for spans outside the text."""
        read_ones = [read(text, question, self._known) for question in questions]
        if not read_ones:
            return []
        matrix = self.linear[:-1].transform([features.values for _, features in read_ones])
        shares: Floats = self._classifier.predict_proba(matrix)
        toward = _contrasts(shares)
        asked = np.flatnonzero(shares.max(axis=1) < SURE)
        if len(asked):
            linear = shares[asked]
            encoder = self.encoder.probabilities([self.encoder.reader.read(read_ones[row][0]) for row in asked])
            shares[asked] = judged(self.head, linear, encoder)
            toward[asked] = _of_linear(_contrasts(shares[asked]) @ self.head.coef_[:, : len(self.labels)], linear)
        stances = []
        for row, (tokens, features) in enumerate(read_ones):
            here = slice(matrix.indptr[row], matrix.indptr[row + 1])
            columns = matrix.indices[here]
            pushes = matrix.data[here] * (toward[row] @ self._weights[:, columns])
            by_column = dict(zip(columns.tolist(), pushes.tolist(), strict=True))
            by_label = dict(zip(self.labels, shares[row].tolist(), strict=True))
            best = self.labels[int(shares[row].argmax())]
            uncertain = by_label[best] < self._uncertain_below
            stances.append(Stance(best, by_label, self._reasons(tokens, features, by_column), uncertain))
        return stances

    def _reasons(self, tokens: Sequence[Token], features: Features, pushes: dict[int, float]) -> tuple[Reason, ...]:
        """Share each feature's push among its tokens, join neighbours that push the same way, keep the strongest."""
        weights = [0.0] * len(tokens)
        columns = self._vocabulary.columns
        for name, places in features.places.items():
            push = pushes.get(columns.get(name, -1), 0.0)
            if push:
                for first, last in places:
                    share = push / len(places) / (last - first + 1)
                    for position in range(first, last + 1):
                        weights[position] += share
        return _strongest(tokens, weights)


def judged(head: Any, linear: Floats, encoder: Floats) -> Floats:
    """The probabilities that the head gives to those of the linear model and of the encoder, all of shape (rows, labels)."""
    shares: Floats = head.predict_proba(np.log(np.clip(np.hstack([linear, encoder]), 1e-6, None)))
    return shares


def _contrasts(shares: Floats) -> Floats:
    """For each row 1 at its likeliest label and what makes the sum 0 at the others: by how much the answer leads."""
    best = np.eye(shares.shape[1])[shares.argmax(axis=1)]
    leads: Floats = best - (1 - best) / (shares.shape[1] - 1)
    return leads


def _of_linear(direction: Floats, shares: Floats) -> Floats:
    """A direction in the logarithms of the linear model's probabilities as the direction in its sums of weights."""
    below: Floats = direction - shares * direction.sum(axis=1, keepdims=True)
    return below


def _stored(artefact: Artefact, name: str) -> Any:
    """What a skops file holds. Raises ArtefactAltered when it needs a type that is not on the list."""
    import skops.io

    path = artefact.folder / name
    unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    if unknown:
        raise ArtefactAltered(f"{path} holds types that are not on the list: {', '.join(unknown)}; train it anew")
    return skops.io.load(path, trusted=TRUSTED)


# A token counts as a reason from this share of the strongest one's weight; at most so many reasons for, and against.
# Chosen by reading answers: with less, function words crowd in.
_NOTICED, _FOR, _AGAINST = 0.25, 3, 2


def _strongest(tokens: Sequence[Token], weights: Sequence[float]) -> tuple[Reason, ...]:
    least = _NOTICED * max(map(abs, weights), default=0.0)
    reasons: list[Reason] = []
    before: Token | None = None
    for token, weight in zip(tokens, weights, strict=True):
        if token.word == NAME or not token.word[0].isalnum() or abs(weight) < least or weight == 0:
            before = None
            continue
        if before and before.quoted == token.quoted and (reasons[-1].weight > 0) == (weight > 0):
            last = reasons.pop()
            reasons.append(Reason(Span(last.span.start, token.end), last.weight + weight))
        else:
            reasons.append(Reason(Span(token.start, token.end), weight))
        before = token
    reasons.sort(key=lambda reason: -reason.weight)
    return (*[r for r in reasons if r.weight > 0][:_FOR], *[r for r in reasons if r.weight < 0][-_AGAINST:])
