"""The stance of a quotation, read in its context: a linear classifier over the features of quotes.stance_features.

Each feature knows the tokens that it came from, which is how an answer can show the words behind it. This module is the only
one that knows scikit-learn. models/stance trains what it loads.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.document import Reason, Span, Stance, StanceLabel
from quotes.errors import ArtefactAltered
from quotes.stance_features import NAME, Features, StanceQuestion, Token, read

FILE = "stance.skops"
WORDS = "words.txt"
# Types beyond those that skops trusts by itself. A file that needs any other is refused.
TRUSTED = [
    "quotes.stance.Vocabulary",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
]


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

    def __init__(self, pipeline: Any, known: frozenset[str], artefact: Artefact | None = None) -> None:
        """`pipeline` is (Vocabulary, TfidfTransformer, CalibratedClassifierCV over one LogisticRegression), fitted."""
        self.artefact = artefact
        self._known = known
        self.pipeline = pipeline
        self._vocabulary: Vocabulary = pipeline[0]
        self._features = pipeline[:-1]
        self._classifier = pipeline[-1]
        self._labels = [StanceLabel(label) for label in self._classifier.classes_]
        weights = self._classifier.calibrated_classifiers_[0].estimator.coef_
        # How much more a feature speaks for each label than for the others: shape (labels, features).
        self._pushes = weights - (weights.sum(axis=0) - weights) / (len(weights) - 1)

    @classmethod
    def load(cls, artefact: Artefact | None = None) -> "StanceClassifier":
        """Load models/stance, or the artefact given.

        Raises ArtefactMissing when a file is not there; ArtefactAltered when one is not what the manifest names, or
        needs a type that is not on the list.
        """
        import skops.io

        artefact = artefact or artefacts.find("stance")
        path = artefact.folder / FILE
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise ArtefactAltered(f"{path} holds types that are not on the list: {', '.join(unknown)}; train it anew")
        known = frozenset((artefact.folder / WORDS).read_text(encoding="utf-8").split())
        return cls(skops.io.load(path, trusted=TRUSTED), known, artefact)

    def label(self, text: str, quotation: tuple[Span, ...], context: Span, masked: tuple[Span, ...] = ()) -> Stance:
        """The stance of one quotation of `text`; see StanceQuestion. Raises ValueError for spans outside the text."""
        return self.label_many(text, [StanceQuestion(quotation, context, masked)])[0]

    def label_many(self, text: str, questions: Iterable[StanceQuestion]) -> list[Stance]:
        """The stances of an article's quotations, in order. Raises ValueError for spans outside the text."""
        read_ones = [read(text, question, self._known) for question in questions]
        if not read_ones:
            return []
        matrix = self._features.transform([features.values for _, features in read_ones])
        stances = []
        for row, probabilities in enumerate(self._classifier.predict_proba(matrix)):
            best = int(probabilities.argmax())
            here = slice(matrix.indptr[row], matrix.indptr[row + 1])
            columns = matrix.indices[here]
            pushes = matrix.data[here] * self._pushes[best, columns]
            by_column = dict(zip(columns.tolist(), pushes.tolist(), strict=True))
            by_label = dict(zip(self._labels, probabilities.tolist(), strict=True))
            tokens, features = read_ones[row]
            stances.append(Stance(self._labels[best], by_label, self._reasons(tokens, features, by_column)))
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
