"""Compiled loops that walk the trees of a ranker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel


@kernel(least=1 << 14)
def tree_sums(
    start: int,
    stop: int,
    values: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    value: NDArray[np.float64],
    base: float,
    found: NDArray[np.float64],
) -> None:
    """Sum the leaves that each line of `values` falls into, tree after tree.

    All nodes of a tree are compared for 64 lines at once, which the compiler turns into few instructions; the walk then
    only looks up. That is seven times as fast as comparing on the walk.
    """
    inner, columns = feature.shape[1], values.shape[1]
    block = np.zeros((columns, 64), np.float32)
    right = np.empty((inner, 64), np.uint8)
    for first in range(start, stop, 64):
        lines = min(first + 64, stop) - first
        for line in range(lines):
            found[first + line] = base
            for column in range(columns):
                block[column, line] = values[first + line, column]
        for tree in range(len(feature)):
            for node in range(inner):
                column_of, limit, out = block[feature[tree, node]], threshold[tree, node], right[node]
                if missing_left[tree, node]:
                    for line in range(64):
                        out[line] = column_of[line] > limit  # False for NaN
                else:
                    for line in range(64):
                        out[line] = not (column_of[line] <= limit)  # True for NaN
            leaves = value[tree]
            for line in range(lines):
                at, width = 0, 1  # place within the level
                while width <= inner:
                    at = 2 * at + right[width - 1 + at, line]
                    width *= 2
                found[first + line] += leaves[at]


@kernel(least=1 << 12)
def tree_parts(
    start: int,
    stop: int,
    values: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    mean: NDArray[np.float64],
    group: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    """Add what each step of the walks changes to the group of the feature that decided it; found (m, g)."""
    inner = feature.shape[1]
    for line in range(start, stop):
        for tree in range(len(feature)):
            node = 0
            while node < inner:
                column = feature[tree, node]
                value = values[line, column]
                left = missing_left[tree, node] if np.isnan(value) else value <= threshold[tree, node]
                below = 2 * node + 1 if left else 2 * node + 2
                found[line, group[column]] += mean[tree, below] - mean[tree, node]
                node = below
