"""Choose a point by grouped cross-validation, on plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.statistics import Estimate

_PASSES = 2  # what one setting is worth may change with those after it: the second pass tries each once more

Point = tuple[float | str | None, ...]
"""One value for each setting that is tuned."""
Values = Callable[[Point], NDArray[np.float64]]
"""Values by story under some settings, (folds + 1, q): line f as one may look at them when choosing for fold f, NaN
for its own stories; the last line with all judgments."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """What cross-validation chose, and what the choice is worth.

    Attributes
    ----------
    final : tuple
        Chosen on all stories.
    folds : tuple of tuple
        Chosen without each fold.
    differences : ndarray of float64, shape (q,)
        Value of a story under the choice made without its fold, minus that under the start.
    gain : Estimate
        Mean of them, with its 95 % interval by groups.
    p : float
        Two-sided.
    """

    final: Point
    folds: tuple[Point, ...]
    differences: NDArray[np.float64]
    gain: Estimate
    p: float

    def verdict(self, judged_gap: float = 0.0) -> str:
        """Judge the gain as `statistics.verdict` does: 'better' is a gain."""
        identical = not np.nan_to_num(self.differences).any()
        return statistics.verdict(self.gain, self.p, identical=identical, judged_gap=judged_gap)


def cross_validated(
    values: Values,
    options: Sequence[Sequence[float | str | None]],
    start: Point,
    fold: NDArray[np.int64],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
) -> Chosen:
    """Choose without each fold, measure on it, and choose once more on all.

    Parameters
    ----------
    values : callable
    options : sequence of sequences
        Values to try of each setting, in order of size; that of the start is among them.
    start : tuple
    fold, groups : ndarray of int, shape (q,)
    seed : int, default 0
        Of resampling.
    """
    base = values(start)[-1]
    chosen = tuple(one_by_one(values, options, start, without, groups) for without in range(int(fold.max()) + 1))
    held_out = np.array([values(point)[-1] for point in chosen])[fold, np.arange(len(fold))]
    differences = held_out - base
    return Chosen(
        one_by_one(values, options, start, -1, groups),
        chosen,
        differences,
        statistics.bootstrap(differences, groups, seed=seed),
        statistics.randomisation(differences, groups, seed=seed),
    )


def one_by_one(
    values: Values,
    options: Sequence[Sequence[float | str | None]],
    start: Point,
    without: int,
    groups: NDArray[np.integer],
) -> Point:
    """Choose the value of one setting after another by the one-standard-error rule, until nothing changes.

    `without` is the fold whose stories do not count; -1 = all count.
    """
    point = start
    for _ in range(_PASSES):
        before = point
        for place, tried in enumerate(options):
            points = [(*point[:place], value, *point[place + 1 :]) for value in tried]
            found = np.array([values(one)[without] for one in points])
            point = points[one_standard_error(found, groups, list(tried).index(start[place]))]
        if point == before:
            break
    return point


def one_standard_error(values: NDArray[np.float64], groups: NDArray[np.integer], start: int) -> int:
    """Find the row nearest to row `start` within one standard error of the best (Breiman et al. 1984).

    The standard error is that of the mean paired difference to the best row, from sums over groups (Liang & Zeger
    1986). Of two rows equally near the one with the greater mean is taken.

    Parameters
    ----------
    values : ndarray of float64, shape (v, q)
        One row per value tried, in order of size; a story's column is NaN where it does not count.
    groups : ndarray of int, shape (q,)
    start : int

    Examples
    --------
    >>> one_standard_error(np.array([[0.5, 0.5, 0.2], [0.4, 0.7, 0.3], [0.1, 0.1, 0.1]]), np.arange(3), start=0)
    0
    """
    held = ~np.isnan(values).any(axis=0)
    if not held.any():
        return start
    values, code = values[:, held], np.unique(groups[held], return_inverse=True)[1]
    means = values.mean(axis=1).round(12)  # equal terms in another order are a tie
    best = min(range(len(values)), key=lambda row: (-means[row], abs(row - start), row))
    behind = values[best] - values
    off = np.array([np.bincount(code, line) for line in behind - behind.mean(axis=1, keepdims=True)])
    number = off.shape[1]
    error = np.sqrt((off**2).sum(axis=1) * number / max(number - 1, 1)) / values.shape[1]
    near = np.flatnonzero(behind.mean(axis=1) <= error)
    return int(min(near, key=lambda row: (abs(row - start), -means[row], row)))
