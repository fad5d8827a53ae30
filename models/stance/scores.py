"""What is measured of predicted probabilities: F1, accuracy, calibration, with bootstrap intervals over groups."""

from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float, float]  # value, lower and upper end of the 95 % interval
DRAWS = 1000
BINS = 10


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts of shape (classes, classes): true label by predicted label."""
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def class_scores(matrix: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 of each class from confusion counts (…, classes, classes): shape (3, …, classes)."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1).astype(float)
    predicted, true = matrix.sum(axis=-2), matrix.sum(axis=-1)
    return np.stack(
        [
            right / np.maximum(predicted, 1),
            right / np.maximum(true, 1),
            2 * right / np.maximum(predicted + true, 1),
        ]
    )


def calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error of the answers given: ten bins of equal width."""
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(correct[bins == b].sum() - confidence[bins == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(truth))


def brier(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Multiclass Brier score: 0 is perfect, 2 the worst."""
    return float(((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1).mean())


def coverage(truth: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float]) -> list[tuple[float, ...]]:
    """For each threshold: itself, the share of answers at least so sure, the share of those that are right, and the share of
    the others whose label is one of the two likeliest. Shares of nothing are NaN."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    in_two = (probabilities.argsort(axis=1)[:, -2:] == truth[:, None]).any(axis=1)
    points = []
    for threshold in thresholds:
        kept = confidence >= threshold
        shares = [float(of.mean()) if len(of) else float("nan") for of in (right[kept], in_two[~kept])]
        points.append((threshold, float(kept.mean()), *shares))
    return points


def intervals(truth: np.ndarray, probabilities: np.ndarray, groups: Sequence[str], seed: int) -> dict[str, Interval]:
    """Macro-F1, accuracy, calibration error and Brier score, with intervals over resampled groups."""
    classes = probabilities.shape[1]
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    owner = np.array([names[group] for group in groups])
    members = [np.flatnonzero(owner == i) for i in range(len(names))]
    random = np.random.default_rng(seed)
    draws = [
        np.concatenate([members[i] for i in random.integers(len(members), size=len(members))]) for _ in range(DRAWS)
    ]

    def all_scores(rows: np.ndarray) -> tuple[float, ...]:
        matrix = confusion(truth[rows], probabilities[rows].argmax(axis=1), classes)
        return (
            float(class_scores(matrix)[2].mean()),
            float(np.trace(matrix) / len(rows)),
            calibration_error(truth[rows], probabilities[rows]),
            brier(truth[rows], probabilities[rows]),
        )

    values = all_scores(np.arange(len(truth)))
    low, high = np.quantile([all_scores(rows) for rows in draws], [0.025, 0.975], axis=0)
    keys = ("macro_f1", "accuracy", "calibration_error", "brier")
    return {
        key: (round(value, 3), round(float(a), 3), round(float(b), 3))
        for key, value, a, b in zip(keys, values, low, high, strict=True)
    }
