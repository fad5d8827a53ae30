"""How far two annotators agree: share of equal labels, Cohen's kappa, Krippendorff's alpha, and where they differ.

Both coefficients are functions of the counts of pairs of labels, so that all draws of the bootstrap are computed at once.
The labels may be any; case does not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quotes.errors import BadRows, InputError
from quotes.evaluation.intervals import LEVEL, RESAMPLES, SEED, Estimate, Floats, Resampling, bounds
from quotes.evaluation.results import Interval
from quotes.evaluation.tables import BadCell, BadRow, filled, listed, read_table
from quotes.evaluation.testsets import GROUP, LABEL, TEXT


@dataclass(frozen=True, slots=True)
class Labelled:
    """What an annotator gave one row."""

    label: str
    text: str | None
    group: str | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator labelled, by id; `group` is the column that tells which rows belong together."""

    rows: Mapping[str, Labelled]
    group: str | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row that the two labelled differently."""

    id: str
    first: str
    second: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two annotators agree on. A coefficient is None where both use a single label only: chance explains all.

    `confusion` counts rows by the first's label, then by the second's; the other two list ids that only one of them has.
    """

    rows: int
    labels: tuple[str, ...]
    interval: Interval
    equal: Estimate
    kappa: Estimate | None
    alpha: Estimate | None
    confusion: Mapping[str, Mapping[str, int]]
    disagreements: tuple[Disagreement, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def read_annotation(path: Path, label: str | None = None, group: str | None = None) -> Annotation:
    """The labels of one annotator; columns that are not named are recognised. Raises InputError, or BadRows."""
    table = read_table(path)
    label = table.column(label) if label else table.recognised(LABEL, "; name one with --label")
    id_column = table.column("id")
    group = table.column(group) if group else filled(GROUP, table.records)
    text = table.first_of(TEXT)
    rows: dict[str, Labelled] = {}
    lines: dict[str, int] = {}
    bad = list(table.bad)
    for record in table.records:
        try:
            name, given = record.text(id_column), record.text(label)
            if name is None or given is None:
                raise BadCell(None, "it has no id" if name is None else "it has no label")
            if name in lines:
                raise BadCell(id_column, f"it repeats the id of line {lines[name]}")
            rows[name] = Labelled(given.casefold(), record.text(text), record.text(group))
            lines[name] = record.line
        except BadCell as error:
            bad.append(BadRow.of(record, error))
    if bad:
        raise BadRows(listed(path, table.size, sorted(bad, key=lambda row: row.position)))
    return Annotation(rows, group)


def agree(first: Annotation, second: Annotation, seed: int = SEED) -> Agreement:
    """Compare two annotators on the rows that both have; groups are the first's. Raises InputError where there are none."""
    both = [name for name in first.rows if name in second.rows]
    if not both:
        raise InputError("the two files have no id in common; compare their columns “id”")
    pairs = [(first.rows[name], second.rows[name]) for name in both]
    labels = tuple(sorted({one.label for pair in pairs for one in pair}))
    place = {label: number for number, label in enumerate(labels)}
    size = len(labels)
    cells = np.array([place[a.label] * size + place[b.label] for a, b in pairs])
    groups = [f"row {n}" if a.group is None else f"group {a.group}" for n, (a, _) in enumerate(pairs)]
    draw = Resampling(groups, seed)
    total, drawn = draw.sums(np.eye(size * size)[cells])
    values, spread = (_coefficients(sums.reshape(*sums.shape[:-1], size, size)) for sums in (total, drawn))

    def estimate(name: str) -> Estimate | None:
        value = float(values[name])
        low, high = bounds(spread[name])
        return None if np.isnan(value) else Estimate(value, float(low), float(high))

    equal = estimate("equal")
    assert equal is not None  # there are rows
    counts = total.reshape(size, size).astype(int).tolist()
    return Agreement(
        len(both),
        labels,
        Interval(LEVEL, "rows" if draw.by_rows or not first.group else first.group, draw.groups, RESAMPLES, seed),
        equal,
        estimate("kappa"),
        estimate("alpha"),
        {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, counts, strict=True)},
        tuple(
            Disagreement(name, a.label, b.label, a.text or b.text)
            for name, (a, b) in zip(both, pairs, strict=True)
            if a.label != b.label
        ),
        tuple(name for name in first.rows if name not in second.rows),
        tuple(name for name in second.rows if name not in first.rows),
    )


def _coefficients(counts: Floats) -> dict[str, Floats]:
    """From counts of pairs, shape (…, labels, labels): the share of equal ones, and the coefficients, NaN where undefined.

    kappa = (p - q) / (1 - q), where q is the chance of being equal if each kept to its own shares of labels (Cohen 1960).
    alpha = 1 - observed / expected disagreement, where one pool has the labels of both and pairs are drawn from it without
    replacement (Krippendorff, Content Analysis, nominal data, two coders, no missing labels).
    """
    rows = counts.sum(axis=(-2, -1))
    firsts, seconds = counts.sum(axis=-1), counts.sum(axis=-2)
    pool = firsts + seconds
    with np.errstate(invalid="ignore", divide="ignore"):
        equal = np.trace(counts, axis1=-2, axis2=-1) / rows
        chance = (firsts * seconds).sum(axis=-1) / rows**2
        kappa = np.where(chance < 1, (equal - chance) / (1 - chance), np.nan)
        expected = 1 - (pool * (pool - 1)).sum(axis=-1) / (2 * rows * (2 * rows - 1))
        alpha = np.where(expected > 0, 1 - (1 - equal) / expected, np.nan)
    return {"equal": equal, "kappa": kappa, "alpha": alpha}
