"""What is measured of a system's stances, as plain values: the shape of metrics.json and of the API's answer.

The figures are defined in docs/evaluation.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quotes.document import StanceLabel
from quotes.evaluation.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Interval:
    """How the intervals were made: `over` names the column whose values were drawn, or says that rows were."""

    level: float
    over: str
    groups: int
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores over all rows. Those of probabilities are None where there are none, SemEval's F where it means nothing."""

    accuracy: Estimate
    macro_f1: Estimate
    semeval_f: Estimate | None
    brier: Estimate | None
    calibration_error: Estimate | None


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores of one label; `support` and `predicted` count the rows that have it and that were given it."""

    support: int
    predicted: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers with a confidence of at least `low` and less than `high` (the last bin has 1 too)."""

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of answers with at least this confidence, and how many of them are right."""

    confidence: float
    coverage: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Slice:
    """Scores of the rows that have one value in a column; macro-F1 is over the labels that these rows have."""

    rows: int
    accuracy: Estimate
    macro_f1: Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """The system's score less the baseline's, over the same draws, and the two-sided p-value of its being 0."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """Rows that only the system and only the baseline has right, and the exact two-sided p-value (McNemar 1947)."""

    only_system: int
    only_baseline: int
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another system, and how it compares."""

    scores: Scores
    accuracy_difference: Difference
    macro_f1_difference: Difference
    mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class StanceMetrics:
    """All that is measured. `labels` are those that the test set uses; macro-F1 is the mean of their F1.

    `confusion` counts rows by their label, then by the answer. `slices` is by column, then by value.
    """

    system: str
    rows: int
    labels: tuple[StanceLabel, ...]
    interval: Interval
    scores: Scores
    by_label: Mapping[StanceLabel, LabelScores]
    confusion: Mapping[StanceLabel, Mapping[StanceLabel, int]]
    calibration: tuple[Bin, ...] | None
    coverage: tuple[Coverage, ...] | None
    baselines: Mapping[str, Comparison]
    slices: Mapping[str, Mapping[str, Slice]]


def to_dict(metrics: StanceMetrics) -> dict[str, Any]:
    """The metrics as plain values, with six digits after the point: the shape of metrics.json and of the API's answer."""
    plain: dict[str, Any] = _rounded(asdict(metrics))
    return plain


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value
