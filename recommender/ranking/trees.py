"""Regression trees as arrays, read from lists or converted from those of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_DEPTH = 8
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Trees:
    """Regression trees, all padded to one depth, so that a walk is a fixed number of steps.

    The root of a tree is node 0, the children of node `i` are `2 i + 1` and `2 i + 2`, and the leaves follow.
    """

    feature: NDArray[np.int32]  # (t, 2**depth - 1); column that an inner node compares with its threshold
    threshold: NDArray[np.float32]  # (t, 2**depth - 1); values up to it go left
    missing_left: NDArray[np.bool_]  # (t, 2**depth - 1); whether NaN goes left
    value: NDArray[np.float64]  # (t, 2**depth); what a leaf adds
    # (t, 2**depth); pairs that a leaf held in training; a leaf above the last level shares its pairs out among its
    # copies
    count: NDArray[np.float64]

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """What each node adds on average over the pairs of training, (t, 2**(depth + 1) - 1): from the root on."""
        means, counts = [self.value], self.count
        while means[0].shape[1] > 1:
            children = means[0]
            sums = children * counts
            counts = counts[:, ::2] + counts[:, 1::2]
            weighted = (sums[:, ::2] + sums[:, 1::2]) / np.maximum(counts, 1e-9)
            means.insert(0, np.where(counts > 0, weighted, (children[:, ::2] + children[:, 1::2]) / 2))
        return np.concatenate(means, axis=1)

    @property
    def depth(self) -> int:
        """Steps from the root to a leaf."""
        return int(self.value.shape[1]).bit_length() - 1

    def pad(self, depth: int) -> Trees:
        """Append nodes whose two sides are alike below the leaves, down to a depth."""
        copies = 1 << max(depth - self.depth, 0)
        padding = ((0, 0), (0, copies * self.value.shape[1] - 1 - self.feature.shape[1]))
        return Trees(
            np.pad(self.feature, padding),
            np.pad(self.threshold, padding),
            np.pad(self.missing_left, padding),
            np.repeat(self.value, copies, axis=1),
            np.repeat(self.count / copies, copies, axis=1),
        )


def trees_from_lists(content: Mapping[str, Any], n_features: int) -> Trees:
    """Read trees from lists, checked so that no walk can leave its array."""
    feature, threshold = np.array(content["feature"], dtype=np.int32), np.array(content["threshold"], dtype=np.float32)
    missing_left, value = np.array(content["missing_left"], dtype=bool), np.array(content["value"], dtype=np.float64)
    count = np.array(content["count"], dtype=np.float64)
    if value.ndim != 2 or not len(value):
        raise ValueError("it holds no trees")
    leaves = value.shape[1]
    if leaves & (leaves - 1) or not 2 <= leaves <= 1 << _MOST_DEPTH:
        raise ValueError(f"trees of {leaves} leaves")
    shape = (len(value), leaves - 1)
    if not feature.shape == threshold.shape == missing_left.shape == shape:
        raise ValueError(f"trees of shapes {feature.shape}, {threshold.shape}, {missing_left.shape}, expected {shape}")
    if feature.min() < 0 or feature.max() >= n_features:
        raise ValueError(f"a tree reads column {feature.max()} of {n_features}")
    if count.shape != value.shape or not np.isfinite(count).all() or count.min() < 0:
        raise ValueError("its leaves held no number of pairs")
    if not np.isfinite(value).all() or not np.isfinite(threshold).all():
        raise ValueError("trees hold numbers beyond reason")
    return Trees(feature, threshold, missing_left, value, count)


def trees_from_sklearn(
    tables: Sequence[Any], weight: float, edges: Sequence[NDArray[np.float32]] | None = None
) -> Trees:
    """Convert the node tables of scikit-learn's histogram gradient boosting to padded trees.

    Parameters
    ----------
    tables : sequence of structured ndarray
        `predictor.nodes` of each tree.
    weight : float
        Factor of the values: 1 / m where the trees of m models are averaged.
    edges : sequence of ndarray of float32, optional
        Upper ends of the bins of each feature, where the trees were grown on numbers of bins.
    """
    depth = max(1, max(int(table["depth"].max()) for table in tables))
    n_inner = (1 << depth) - 1
    trees = Trees(
        feature=np.zeros((len(tables), n_inner), np.int32),
        threshold=np.zeros((len(tables), n_inner), np.float32),
        missing_left=np.zeros((len(tables), n_inner), bool),
        value=np.zeros((len(tables), n_inner + 1)),
        count=np.zeros((len(tables), n_inner + 1)),
    )
    for tree, table in enumerate(tables):
        waiting = [(0, 0)]  # (row of the table, node of the padded tree)
        while waiting:
            row, node = waiting.pop()
            entry = table[row]
            if entry["is_leaf"]:
                _fill_leaves(trees, tree, node, entry["value"] * weight, entry["count"])
                continue
            trees.threshold[tree, node] = _threshold(entry, edges)
            trees.feature[tree, node] = entry["feature_idx"]
            trees.missing_left[tree, node] = entry["missing_go_to_left"]
            waiting += [(int(entry["left"]), 2 * node + 1), (int(entry["right"]), 2 * node + 2)]
    return trees


def _fill_leaves(trees: Trees, tree: int, node: int, value: float, count: int) -> None:
    """Give all leaves below a node the value of a leaf, and an equal part of its pairs."""
    n_inner = trees.feature.shape[1]
    first, last = node, node
    while first < n_inner:
        first, last = 2 * first + 1, 2 * last + 2
    leaves = slice(first - n_inner, last - n_inner + 1)
    trees.value[tree, leaves] = value
    trees.count[tree, leaves] = count / (last - first + 1)


def _threshold(entry: Any, edges: Sequence[NDArray[np.float32]] | None) -> np.float32:
    """Return the greatest float32 that is not above a node's threshold, which splits float32 features alike."""
    limit = float(entry["num_threshold"])  # infinite where only missing values are split off
    if edges is not None:
        ends = edges[entry["feature_idx"]]
        limit = float(ends[int(limit)]) if limit < len(ends) else _LARGEST
    limit = min(limit, _LARGEST)
    rounded = np.float32(limit)
    return rounded if rounded <= limit else np.nextafter(rounded, np.float32(-np.inf))
