"""Linear models over sparse features, fitted and judged by cross-validation over articles."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from quotes.candidates import Features
from quotes.ranker import LinearModel

FOLDS = 5
SEEN = 3  # rows that a feature must occur in; rarer ones double the file and change nothing


def fit_sparse(rows: Sequence[Features], labels: Sequence[bool], c: float) -> Pipeline:
    """A (DictVectorizer, LogisticRegression) pipeline; `c` is the inverse strength of regularisation."""
    seen = Counter(name for row in rows for name in row)
    common = [{name: value for name, value in row.items() if seen[name] >= SEEN} for row in rows]
    return make_pipeline(DictVectorizer(), LogisticRegression(C=c, max_iter=1000)).fit(common, labels)


Choice = tuple[Sequence[Features], Sequence[bool]]
"""The rows among which one is chosen, and which of them are right: several, one or none."""


def fit_choice(choices: Sequence[Choice], penalty: float) -> Pipeline:
    """A conditional logit (McFadden, *Conditional logit analysis of qualitative choice behavior*, 1974).

    The probability of a row is exp(score) over the sum of that for all rows of its choice and 1, which stands for none of
    them. The weights minimise the negative log-likelihood of the right rows, together where there are several, and
    `penalty` times their squares. The form of the result, (DictVectorizer, LogisticRegression), is for storing: both are
    linear.
    """
    seen = Counter(name for rows, _ in choices for row in rows for name in row)
    common = [{n: value for n, value in row.items() if seen[n] >= SEEN} for rows, _ in choices for row in rows]
    vectorizer = DictVectorizer()
    table = vectorizer.fit_transform(common)
    sizes = np.array([len(rows) for rows, _ in choices])
    group = np.repeat(np.arange(len(choices)), sizes)
    right = np.array([ok for _, rights in choices for ok in rights], dtype=bool)
    none = np.bincount(group, weights=right, minlength=len(choices)) == 0

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = table @ weights
        most = np.zeros(len(choices))
        np.maximum.at(most, group, scores)
        odds = np.exp(scores - most[group])
        total = np.bincount(group, weights=odds, minlength=len(choices)) + np.exp(-most)
        wanted = np.bincount(group, weights=odds * right, minlength=len(choices)) + none * np.exp(-most)
        slope = table.T @ (odds / total[group] - right * odds / wanted[group])
        return float(np.log(total / wanted).sum() + penalty * weights @ weights), slope + 2 * penalty * weights

    fitted = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    model = LogisticRegression()
    model.classes_, model.n_features_in_ = np.array([False, True]), table.shape[1]
    model.coef_, model.intercept_ = fitted.x[np.newaxis], np.zeros(1)
    return make_pipeline(vectorizer, model)


Folds = Sequence[Pipeline]
"""Models that have each seen all groups but those of one fold; a group's fold is its number modulo `FOLDS`."""


Model = TypeVar("Model")


def left_out(groups: Sequence[int], fit: Callable[[list[int]], Model], folds: int = FOLDS) -> list[Model]:
    """For each fold a model that has not seen it; `fit` makes one from the positions that it may see."""
    return [fit([i for i, group in enumerate(groups) if group % folds != fold]) for fold in range(folds)]


def choices_left_out(choices: Sequence[Choice], groups: Sequence[int], penalty: float) -> Folds:
    """For each fold a conditional logit that has seen no choice of it."""
    return left_out(groups, lambda seen: fit_choice([choices[i] for i in seen], penalty))


def choices_out_of_fold(choices: Sequence[Choice], groups: Sequence[int], models: Folds) -> list[list[float]]:
    """For each choice the probabilities of its rows, from the model that has not seen its group."""
    rankers = [LinearModel(model) for model in models]
    return [rankers[group % FOLDS].choice(rows) for (rows, _), group in zip(choices, groups, strict=True)]


def sparse_left_out(rows: Sequence[Features], labels: Sequence[bool], groups: Sequence[int], c: float) -> Folds:
    """For each fold a logistic regression that has seen no row of it."""
    return left_out(groups, lambda seen: fit_sparse([rows[i] for i in seen], [labels[i] for i in seen], c))


def out_of_fold(rows: Sequence[Features], groups: Sequence[int], models: Folds) -> np.ndarray:
    """For each row the probability of True from the model that has not seen its group; shape (rows,)."""
    rankers = [LinearModel(model) for model in models]
    return np.array([rankers[group % FOLDS].probabilities([row])[0] for row, group in zip(rows, groups, strict=True)])


def reliability(scores: np.ndarray, labels: Sequence[bool], bins: int = 10) -> list[list[float]]:
    """For each bin of equal width that holds any: mean probability, share that is right, how many."""
    gold, places = np.array(labels, dtype=float), np.minimum((scores * bins).astype(int), bins - 1)
    return [
        [
            round(float(scores[places == b].mean()), 3),
            round(float(gold[places == b].mean()), 3),
            int((places == b).sum()),
        ]
        for b in np.unique(places)
    ]


def calibration_error(scores: np.ndarray, labels: Sequence[bool]) -> float:
    """Expected calibration error over ten bins of equal width."""
    table = reliability(scores, labels)
    return float(sum(abs(mean - right) * n for mean, right, n in table) / len(labels))
