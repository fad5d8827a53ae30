"""Logistic regressions over sparse features, fitted and judged by cross-validation over articles."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline

from quotes.candidates import Features

FOLDS = 5
SEEN = 3  # rows that a feature must occur in; rarer ones double the file and change nothing


def fit_sparse(rows: Sequence[Features], labels: Sequence[bool], c: float) -> Pipeline:
    """A (DictVectorizer, LogisticRegression) pipeline; `c` is the inverse strength of regularisation."""
    seen = Counter(name for row in rows for name in row)
    common = [{name: value for name, value in row.items() if seen[name] >= SEEN} for row in rows]
    return make_pipeline(DictVectorizer(), LogisticRegression(C=c, max_iter=1000)).fit(common, labels)


def out_of_fold(rows: Sequence[Features], labels: Sequence[bool], groups: Sequence[int], c: float) -> np.ndarray:
    """For each row the probability of True from a model that has seen no row of its group; shape (rows,)."""
    scores = np.zeros(len(rows))
    for train, test in GroupKFold(FOLDS).split(rows, labels, groups):
        model = fit_sparse([rows[i] for i in train], [labels[i] for i in train], c)
        scores[test] = model.predict_proba([rows[i] for i in test])[:, 1]
    return scores


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
