"""Choose settings by grouped cross-validation, on plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.statistics import Estimate

_PASSES = 2  # the best value of a setting may change with those chosen after it

Point = tuple[float | str | None, ...]
"""A value for each setting that is tuned."""
Values = Callable[[Point], NDArray[np.float64]]
"""Computes values by story under some settings, (folds + 1, q): row f without the judgments of fold f, NaN for its own
stories; the last row with all judgments."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The settings that cross-validation chose, and their gain."""

    final: Point  # the choice on all stories
    folds: tuple[Point, ...]  # the choice without each fold
    differences: NDArray[np.float64]  # value of each story under the choice without its fold, minus that of the start
    gain: Estimate  # mean difference, with its interval by groups
    p: float  # two-sided

    def verdict(self, judged_gap: float = 0.0) -> str:
        """Return the `statistics.verdict` on the gain: 'better' is a gain."""
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
    """Choose without each fold, measure the choice on the fold, and choose on all stories.

    `options` are the values to try for each setting, in order of size, that of the start among them; `fold` and
    `groups` are those of each story, (q,).
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
        for number, tried in enumerate(options):
            candidates = [(*point[:number], value, *point[number + 1 :]) for value in tried]
            measured = np.array([values(candidate)[without] for candidate in candidates])
            point = candidates[one_standard_error(measured, groups, list(tried).index(start[number]))]
        if point == before:
            break
    return point


def one_standard_error(values: NDArray[np.float64], groups: NDArray[np.integer], start: int) -> int:
    """Return the row nearest to row `start` within one standard error of the best row (Breiman et al. 1984).

    The standard error is that of the mean paired difference to the best row, from sums over groups (Liang & Zeger
    1986). Of two rows equally near, the one with the greater mean is chosen. A row, (v, q), has the values by story
    under one value of the setting, in order of size; stories with NaN do not count.

    Examples
    --------
    >>> one_standard_error(np.array([[0.5, 0.5, 0.2], [0.4, 0.7, 0.3], [0.1, 0.1, 0.1]]), np.arange(3), start=0)
    0
    """
    counts = ~np.isnan(values).any(axis=0)
    if not counts.any():
        return start
    values, codes = values[:, counts], np.unique(groups[counts], return_inverse=True)[1]
    means = values.mean(axis=1).round(12)  # equal terms summed in another order are a tie
    best = min(range(len(values)), key=lambda row: (-means[row], abs(row - start), row))
    losses = values[best] - values
    residuals = np.array([np.bincount(codes, row) for row in losses - losses.mean(axis=1, keepdims=True)])
    n_groups = residuals.shape[1]
    standard_error = np.sqrt((residuals**2).sum(axis=1) * n_groups / max(n_groups - 1, 1)) / values.shape[1]
    good_enough = np.flatnonzero(losses.mean(axis=1) <= standard_error)
    return int(min(good_enough, key=lambda row: (abs(row - start), -means[row], row)))
