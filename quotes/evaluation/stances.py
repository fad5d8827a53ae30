"""How good stances are on a test set: scores with intervals, slices, calibration, and other systems held against them.

Labels are numbers: their places in LABELS. Every score is a function of sums over rows (a confusion matrix, squared errors
and bins of confidence), so that all draws of the bootstrap are scored at once. Undefined ratios (0/0) are NaN on the way and
None in the end; they are left out of means. The scores are defined in docs/evaluation.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quotes.document import Stance, StanceLabel
from quotes.evaluation.intervals import LEVEL, RESAMPLES, SEED, Estimate, Floats, Resampling, bounds
from quotes.evaluation.keywords import keyword_stance
from quotes.evaluation.predictions import Prediction
from quotes.evaluation.results import (
    Bin,
    Comparison,
    Coverage,
    Difference,
    Interval,
    LabelScores,
    McNemar,
    Scores,
    Slice,
    StanceMetrics,
)
from quotes.evaluation.testsets import LABELS, Row, StanceSet

BINS = 10  # of equal width, of the confidence in the answer given
COVERAGES = 20  # points of the curve of coverage and accuracy
LEAST_IN_SLICE = 5  # rows; values with fewer are told together
_N = len(LABELS)

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Answers:
    """A system's answers: labels of shape (rows,), and where it gives them probabilities of shape (rows, labels)."""

    labels: Ints
    probabilities: Floats | None = None

    @property
    def confidence(self) -> Floats | None:
        """The probability of each label that was given."""
        return None if self.probabilities is None else self.probabilities[np.arange(len(self.labels)), self.labels]


def answers_of(answers: Sequence[Stance] | Sequence[Prediction]) -> Answers:
    """Answers as arrays; probabilities where all have them."""
    labels = np.array([LABELS.index(one.label) for one in answers], np.intp)
    shares = [_in_order(one) for one in answers]
    given = [share for share in shares if share is not None]
    return Answers(labels, np.array(given) if len(given) == len(shares) else None)


def _in_order(answer: Stance | Prediction) -> tuple[float, ...] | None:
    if isinstance(answer, Prediction):
        return answer.probabilities
    return tuple(float(answer.probabilities.get(label, 0.0)) for label in LABELS)


def measure(
    test: StanceSet,
    answers: Answers,
    system: str,
    others: Mapping[str, Answers] | None = None,
    seed: int = SEED,
) -> StanceMetrics:
    """Measure a system's answers to the rows of a test set, and hold `others` and two simple baselines against it.

    The baselines are the label that most rows have, and `keyword_stance`. Raises ValueError for a test set without rows.
    """
    if not test.rows:
        raise ValueError("there are no rows to measure on")
    gold = np.array([LABELS.index(row.gold) for row in test.rows], np.intp)
    counts = np.bincount(gold, minlength=_N)
    draw = Resampling(test.groups, seed)
    measured = _Measured(gold, answers, draw)
    baselines = {
        f"majority ({LABELS[counts.argmax()]})": Answers(np.full_like(gold, counts.argmax())),
        "keywords": Answers(np.array([LABELS.index(keyword_stance(r.text, r.context)) for r in test.rows], np.intp)),
        **(others or {}),
    }
    over = "rows" if draw.by_rows or not test.group else test.group
    return StanceMetrics(
        system=system,
        rows=len(gold),
        labels=tuple(label for label, count in zip(LABELS, counts, strict=True) if count),
        interval=Interval(LEVEL, over, draw.groups, RESAMPLES, seed),
        scores=measured.scores(),
        by_label=measured.by_label(),
        confusion={g: dict(zip(LABELS, its, strict=True)) for g, its in zip(LABELS, measured.confusion, strict=True)},
        calibration=_bins(gold, answers),
        coverage=_coverage(gold, answers),
        baselines={name: _compared(measured, _Measured(gold, its, draw)) for name, its in baselines.items()},
        slices=_slices(test.rows, measured),
    )


class _Measured:
    """The sums of one system over a test set and over its draws."""

    def __init__(self, gold: Ints, answers: Answers, draw: Resampling) -> None:
        self.draw = draw
        self.gold = gold
        self.answers = answers
        self.columns = _columns(gold, answers)
        self.used = np.flatnonzero(np.bincount(gold, minlength=_N))
        total, drawn = draw.sums(self.columns)
        self.total = _figures(total, self.used)
        self.drawn = _figures(drawn, self.used)
        self.confusion: list[list[int]] = total[: _N * _N].reshape(_N, _N).astype(int).tolist()

    def estimate(self, name: str) -> Estimate | None:
        """A figure with its interval; None where it is undefined."""
        value = float(self.total[name])
        return None if np.isnan(value) else _estimate(value, self.drawn[name])

    def scores(self) -> Scores:
        accuracy, macro_f1 = self.estimate("accuracy"), self.estimate("macro_f1")
        assert accuracy is not None  # there are rows
        assert macro_f1 is not None
        means = any(LABELS[label] in (StanceLabel.SUPPORT, StanceLabel.OPPOSE) for label in self.used)
        given = self.answers.probabilities is not None
        return Scores(
            accuracy,
            macro_f1,
            self.estimate("semeval_f") if means else None,
            self.estimate("brier") if given else None,
            self.estimate("calibration_error") if given else None,
        )

    def by_label(self) -> dict[StanceLabel, LabelScores]:
        """Of each label that a row has or was given."""
        scores = {}
        for place, label in enumerate(LABELS):
            support, predicted = sum(self.confusion[place]), sum(row[place] for row in self.confusion)
            if support or predicted:
                ratios = [self.estimate(f"{name} {place}") for name in ("precision", "recall", "f1")]
                scores[label] = LabelScores(support, predicted, *ratios)
        return scores


def _columns(gold: Ints, answers: Answers) -> Floats:
    """What is summed up of each row: its cell of the confusion matrix; its squared error; its gap, in its bin."""
    columns = [np.eye(_N * _N)[gold * _N + answers.labels]]
    confidence = answers.confidence
    if answers.probabilities is not None and confidence is not None:
        columns.append(((answers.probabilities - np.eye(_N)[gold]) ** 2).sum(axis=1, keepdims=True))
        columns.append(np.eye(BINS)[_bin(confidence)] * ((answers.labels == gold) - confidence)[:, None])
    return np.concatenate(columns, axis=1)


def _figures(sums: Floats, used: Ints) -> dict[str, Floats]:
    """Every figure from sums of shape (…, columns): each of shape (…)."""
    matrix = sums[..., : _N * _N].reshape(*sums.shape[:-1], _N, _N)
    right, truly, given = np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1), matrix.sum(axis=-2)
    rows = matrix.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = {"precision": right / given, "recall": right / truly, "f1": 2 * right / (truly + given)}
        figures = {f"{name} {place}": ratio[..., place] for name, ratio in ratios.items() for place in range(_N)}
        f1 = ratios["f1"]
        figures["accuracy"] = right.sum(axis=-1) / rows
        known = ~np.isnan(f1[..., used])
        figures["macro_f1"] = np.where(known, f1[..., used], 0).sum(axis=-1) / known.sum(axis=-1)
        # the task's own scorer counts a label that is neither there nor given as an F of 0
        sides = [np.nan_to_num(f1[..., LABELS.index(side)]) for side in (StanceLabel.SUPPORT, StanceLabel.OPPOSE)]
        figures["semeval_f"] = np.where(rows > 0, (sides[0] + sides[1]) / 2, np.nan)
        if sums.shape[-1] > _N * _N:
            figures["brier"] = sums[..., _N * _N] / rows
            figures["calibration_error"] = np.abs(sums[..., _N * _N + 1 :]).sum(axis=-1) / rows
    return figures


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = bounds(drawn)
    return Estimate(value, float(low), float(high))


def _bin(confidence: Floats) -> Ints:
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


def _bins(gold: Ints, answers: Answers) -> tuple[Bin, ...] | None:
    if (confidence := answers.confidence) is None:
        return None
    place, right = _bin(confidence), answers.labels == gold
    bins = []
    for number in range(BINS):
        inside = place == number
        rows = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if rows else (None, None)
        bins.append(Bin(number / BINS, (number + 1) / BINS, rows, *means))
    return tuple(bins)


def _coverage(gold: Ints, answers: Answers) -> tuple[Coverage, ...] | None:
    """Points at equal steps of coverage; where confidences are equal, steps fall together."""
    if (confidence := answers.confidence) is None:
        return None
    right = answers.labels == gold
    ranks = -(-len(gold) * np.arange(1, COVERAGES + 1) // COVERAGES) - 1
    points = []
    for least in sorted(set(np.sort(confidence)[::-1][ranks].tolist()), reverse=True):
        kept = confidence >= least
        points.append(Coverage(least, float(kept.mean()), float(right[kept].mean())))
    return tuple(points)


def _compared(system: _Measured, baseline: _Measured) -> Comparison:
    ours, theirs = (one.answers.labels == one.gold for one in (system, baseline))
    return Comparison(
        baseline.scores(),
        _difference(system, baseline, "accuracy"),
        _difference(system, baseline, "macro_f1"),
        mcnemar(int((ours & ~theirs).sum()), int((theirs & ~ours).sum())),
    )


def _difference(system: _Measured, baseline: _Measured, name: str) -> Difference:
    value = float(system.total[name] - baseline.total[name])
    drawn = np.round(system.drawn[name] - baseline.drawn[name], 12)  # what is 0 may come out as 1e-17
    low, high = bounds(drawn)
    # The share of draws on the far side of 0, twice; with one draw more on either, since a bootstrap cannot show p = 0.
    tail = (1 + min((drawn <= 0).sum(), (drawn >= 0).sum())) / (1 + len(drawn))
    return Difference(value, float(low), float(high), min(1.0, 2 * float(tail)))


def mcnemar(only_system: int, only_baseline: int) -> McNemar:
    """McNemar's exact test: under the null hypothesis each of these rows is either's with probability 1/2."""
    rows = only_system + only_baseline
    tail = ways = 1  # of min(...) heads or fewer in so many tosses
    for heads in range(min(only_system, only_baseline)):
        ways = ways * (rows - heads) // (heads + 1)
        tail += ways
    return McNemar(only_system, only_baseline, min(1.0, 2 * tail / 2**rows))


def _slices(rows: Sequence[Row], measured: _Measured) -> dict[str, dict[str, Slice]]:
    """Values by how many rows they have; those of few rows together."""
    slices: dict[str, dict[str, Slice]] = {}
    for column in dict.fromkeys(name for row in rows for name in row.slices):
        by_value: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            for value in row.slices[column]:
                by_value.setdefault(value, []).append(number)
        rare = [value for value, its in by_value.items() if len(its) < LEAST_IN_SLICE]
        if len(rare) > 1:
            together = sorted({number for value in rare for number in by_value.pop(value)})
            by_value[f"({len(rare)} values of fewer than {LEAST_IN_SLICE} rows)"] = together
        ordered = sorted(by_value.items(), key=lambda item: (item[0].startswith("("), -len(item[1]), item[0]))
        slices[column] = {value: _slice(np.array(its, np.intp), measured) for value, its in ordered}
    return slices


def _slice(rows: Ints, measured: _Measured) -> Slice:
    used = np.flatnonzero(np.bincount(measured.gold[rows], minlength=_N))
    total, drawn = (_figures(sums, used) for sums in measured.draw.sums(measured.columns[rows], rows))
    accuracy, macro_f1 = (_estimate(float(total[name]), drawn[name]) for name in ("accuracy", "macro_f1"))
    return Slice(len(rows), accuracy, macro_f1)
