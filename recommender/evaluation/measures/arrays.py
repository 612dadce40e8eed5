"""What measures of lists share: places worked on in blocks, means without NaN, and groups counted down a list."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_PLACES = 1 << 14  # places of lists worked on at a time: 25 MB of vectors at 384 dimensions


def blocks(rows: NDArray[np.int64]) -> Iterator[slice]:
    """Cut lists into slices, at least one."""
    step = max(_PLACES // max(rows.shape[1], 1), 1)
    for start in range(0, max(len(rows), 1), step):
        yield slice(start, start + step)


def ratio(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide; NaN where the count is 0."""
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def mean(values: NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]) -> float:
    """Average those that are not NaN; NaN where there is none."""
    left = values[~np.isnan(values)]
    return float(left.mean()) if len(left) else float("nan")


def nth_of_group(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count how many of its group stand before each place of its line, (q, c); 0 for a negative one: no group.

    Examples
    --------
    >>> nth_of_group(np.array([[7, 5, 7, 7, 5, -1, -1]])).tolist()
    [[0, 0, 1, 2, 1, 0, 0]]
    """
    nth = np.zeros(groups.shape, dtype=np.int64)
    alone = np.where(groups < 0, -1 - np.arange(groups.shape[1]), groups)
    along = np.sort(alone, axis=1)
    lines = np.flatnonzero((along[:, 1:] == along[:, :-1]).any(axis=1))  # the only ones in which a group recurs
    order = np.argsort(alone[lines], axis=1, kind="stable")
    along = along[lines]
    place = np.broadcast_to(np.arange(groups.shape[1]), along.shape)
    starts = np.ones(along.shape, dtype=bool)
    starts[:, 1:] = along[:, 1:] != along[:, :-1]
    some = np.empty_like(order)
    np.put_along_axis(some, order, place - np.maximum.accumulate(np.where(starts, place, 0), axis=1), axis=1)
    nth[lines] = some
    return nth
