"""Array helpers of the measures: blocks of lists, means without NaN, and members of a group counted along a list."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_PLACES = 1 << 14  # places of lists in a block: 25 MB of vectors at 384 dimensions


def blocks(rows: NDArray[np.int64]) -> Iterator[slice]:
    """Yield slices that divide lists into blocks, at least one."""
    step = max(_PLACES // max(rows.shape[1], 1), 1)
    for start in range(0, max(len(rows), 1), step):
        yield slice(start, start + step)


def ratio(numerator: NDArray[np.floating], denominator: NDArray[np.number]) -> NDArray[np.float64]:
    """Divide two arrays; the result is NaN where the denominator is 0."""
    return np.where(denominator > 0, numerator, np.nan) / np.where(denominator > 0, denominator, 1)


def mean(values: NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]) -> float:
    """Compute the mean of the values that are not NaN; NaN if there are none."""
    valid = values[~np.isnan(values)]
    return float(valid.mean()) if len(valid) else float("nan")


def count_earlier_of_group(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the earlier places of the same group at each place of a list, (q, c); a negative group is none.

    Examples
    --------
    >>> count_earlier_of_group(np.array([[7, 5, 7, 7, 5, -1, -1]])).tolist()
    [[0, 0, 1, 2, 1, 0, 0]]
    """
    counts = np.zeros(groups.shape, dtype=np.int64)
    unique = np.where(groups < 0, -1 - np.arange(groups.shape[1]), groups)  # places without a group differ from all
    in_order = np.sort(unique, axis=1)
    has_recurring = np.flatnonzero((in_order[:, 1:] == in_order[:, :-1]).any(axis=1))
    order = np.argsort(unique[has_recurring], axis=1, kind="stable")
    in_order = in_order[has_recurring]
    column = np.broadcast_to(np.arange(groups.shape[1]), in_order.shape)
    is_start = np.ones(in_order.shape, dtype=bool)
    is_start[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    start_of_group = np.maximum.accumulate(np.where(is_start, column, 0), axis=1)
    recurring = np.empty_like(order)
    np.put_along_axis(recurring, order, column - start_of_group, axis=1)
    counts[has_recurring] = recurring
    return counts
