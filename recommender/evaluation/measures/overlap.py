"""Rank-biased overlap: the similarity of the lists of two systems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.errors import InputError, SettingsError
from recommender.evaluation.measures.arrays import blocks, count_earlier_of_group, mean


def mean_overlap(a: NDArray[np.int64], b: NDArray[np.int64], p: float = 0.9) -> float:
    """Compute the mean rank-biased overlap of the lists of two systems; NaN where there are none.

    RBO_EXT of Webber, Moffat & Zobel (2010, eq. 32): from 0 (nothing in common) to 1 (equal); the first places count
    most. Lists may differ in length. An item given twice counts once. Two empty lists are equal; an empty list and
    another one have nothing in common.

    `a` (q, v) and `b` (q, w) are catalog rows, best first; -1 = empty place. `p` is the probability that a reader looks
    at the next place; at .9 the first ten places have 86 % of the weight.

    Raises `SettingsError` if `p` is not between 0 and 1, and `InputError` if the numbers of lists differ.

    Examples
    --------
    >>> mean_overlap(np.array([[4, 7], [1, -1]]), np.array([[4, 7], [2, -1]]))
    0.5
    """
    if not 0 < p < 1:
        raise SettingsError(f"p is {p}, expected a number between 0 and 1, such as 0.9")
    if len(a) != len(b):
        raise InputError(f"{len(a)} lists cannot be compared with {len(b)}; expected lists of the same stories")
    width = max(a.shape[1], b.shape[1], 1)
    overlaps = [_overlap(_distinct(a[block], width), _distinct(b[block], width), p) for block in blocks(a)]
    return mean(np.concatenate(overlaps))


def _overlap(a: NDArray[np.int64], b: NDArray[np.int64], p: float) -> NDArray[np.float64]:
    """Compute the overlap of lists of distinct items, (q, w) both."""
    lengths = np.stack([(a >= 0).sum(axis=1), (b >= 0).sum(axis=1)])
    short, long = lengths.min(axis=0)[:, None], lengths.max(axis=0)[:, None]
    equal = (a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]
    common = np.diagonal(equal.cumsum(axis=1).cumsum(axis=2), axis1=1, axis2=2)  # X_d of the paper
    at_short = np.take_along_axis(common, np.maximum(short - 1, 0), axis=1)
    # Beyond its end the shorter list is assumed to agree as it did before, and beyond the longer one both are.
    depth = np.minimum(np.arange(1, a.shape[1] + 1), np.maximum(long, 1))
    agreement = (common + at_short * np.maximum(depth - short, 0) / np.maximum(short, 1)) / depth
    weight = (1 - p) * p ** np.arange(a.shape[1])
    weight[-1] = p ** (a.shape[1] - 1)  # the last depth represents all greater ones
    return np.where(long[:, 0] > 0, np.average(agreement, axis=1, weights=weight), 1.0)


def _distinct(rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return each item once, empty places last, (q, width)."""
    rows = np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)
    rows = np.where(count_earlier_of_group(rows) > 0, -1, rows)
    return np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)
