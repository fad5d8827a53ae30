"""95 % intervals by bootstrap: groups of rows are drawn with replacement, and a figure is computed anew from each draw.

Rows of one group (the quotations of an article, say) go right or wrong together: drawing rows one by one would make the
intervals too narrow. A figure must be a function of sums over rows; then a draw is a weighted sum over groups, and all
draws of all figures are one product of matrices. Percentile intervals: Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapter 13.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000  # draws of groups that an interval is read from
LEVEL = 0.95
SEED = 20261124
_BLOCK = 1000  # groups that are weighed at once, to spare memory

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


class Resampling:
    """The draws of a test set's groups: the same for every figure, so that two systems can be compared draw by draw."""

    def __init__(self, groups: Sequence[str], seed: int = SEED) -> None:
        """`groups` has the name of each row's group. A single one says nothing of others: then rows are drawn."""
        names, self._group = np.unique(np.array(groups), return_inverse=True)
        self.by_rows = len(names) == 1
        if self.by_rows:
            self._group = np.arange(len(groups))
        self.groups = len(groups) if self.by_rows else len(names)
        self._seed = seed
        self._times = np.ascontiguousarray(draws(self.groups, seed).T)  # shape (groups, RESAMPLES)

    def sums(self, values: Floats, rows: NDArray[np.intp] | None = None) -> tuple[Floats, Floats]:
        """The columns' sums over all rows, shape (columns,), and over the rows of each draw, shape (RESAMPLES, columns).

        `values` has shape (rows, columns); where `rows` is given, its rows are these ones of the test set. Where they are
        all of one group, they are drawn one by one.
        """
        touched, place = np.unique(self._group if rows is None else self._group[rows], return_inverse=True)
        if rows is not None and len(touched) == 1 < self.groups:
            return Resampling([""] * len(rows), self._seed).sums(values)
        by_group = np.zeros((len(touched), values.shape[1]))
        np.add.at(by_group, place, values)
        drawn = np.zeros((RESAMPLES, values.shape[1]))
        for first in range(0, len(touched), _BLOCK):
            block = slice(first, first + _BLOCK)
            drawn += self._times[touched[block]].T.astype(np.float64) @ by_group[block]
        return values.sum(axis=0), drawn


def draws(groups: int, seed: int = SEED) -> NDArray[np.uint16]:
    """How often each of so many groups is in each draw: shape (RESAMPLES, groups). The same seed gives the same draws."""
    random = np.random.default_rng(seed)
    shares = [1 / groups] * groups
    blocks = [random.multinomial(groups, shares, size=RESAMPLES // 20).astype(np.uint16) for _ in range(20)]
    return np.concatenate(blocks)


def bounds(drawn: Floats) -> Floats:
    """The 2.5th and 97.5th percentiles over draws (the first axis). Draws that say nothing (NaN) are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a figure that no draw says anything about is NaN
        return np.asarray(np.nanpercentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0))


def bootstrap(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> Floats:
    """The bounds of the ratio of each column's sums, over draws of rows; both have shape (rows, columns)."""
    times = draws(len(upper)).astype(np.int64)
    with np.errstate(invalid="ignore"):  # draws in which both sums are 0 say nothing and are left out
        return bounds((times @ upper) / (times @ lower))
