"""Regression trees as arrays: read from lists, or made of what scikit-learn has grown."""

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

    Attributes
    ----------
    feature : ndarray of int32, shape (t, 2**depth - 1)
        Column that an inner node looks at.
    threshold : ndarray of float32, shape (t, 2**depth - 1)
        Values up to it go left.
    missing_left : ndarray of bool, shape (t, 2**depth - 1)
        Whether NaN goes left.
    value : ndarray of float64, shape (t, 2**depth)
        What a leaf adds.
    count : ndarray of float64, shape (t, 2**depth)
        Pairs that a leaf held in training; a leaf above the last level shares its pairs out among its copies.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    count: NDArray[np.float64]

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """What each node adds on average over the pairs of training, (t, 2**(depth + 1) - 1): from the root on."""
        means, counts = [self.value], self.count
        while means[0].shape[1] > 1:
            below = means[0] * counts
            counts = counts[:, ::2] + counts[:, 1::2]
            halved = (below[:, ::2] + below[:, 1::2]) / np.maximum(counts, 1e-9)
            means.insert(0, np.where(counts > 0, halved, (means[0][:, ::2] + means[0][:, 1::2]) / 2))
        return np.concatenate(means, axis=1)

    @property
    def depth(self) -> int:
        """Steps from the root to a leaf."""
        return int(self.value.shape[1]).bit_length() - 1

    def padded(self, depth: int) -> Trees:
        """Put questions whose two sides are alike below the leaves, down to a depth."""
        times = 1 << max(depth - self.depth, 0)
        more = ((0, 0), (0, times * self.value.shape[1] - 1 - self.feature.shape[1]))
        return Trees(
            np.pad(self.feature, more),
            np.pad(self.threshold, more),
            np.pad(self.missing_left, more),
            np.repeat(self.value, times, axis=1),
            np.repeat(self.count / times, times, axis=1),
        )


def trees_of(held: Mapping[str, Any], features: int) -> Trees:
    """Read trees from lists, checked so that no walk can leave its array."""
    feature, threshold = np.array(held["feature"], dtype=np.int32), np.array(held["threshold"], dtype=np.float32)
    missing_left, value = np.array(held["missing_left"], dtype=bool), np.array(held["value"], dtype=np.float64)
    count = np.array(held["count"], dtype=np.float64)
    if value.ndim != 2 or not len(value):
        raise ValueError("it holds no trees")
    leaves = value.shape[1]
    if leaves & (leaves - 1) or not 2 <= leaves <= 1 << _MOST_DEPTH:
        raise ValueError(f"trees of {leaves} leaves")
    shape = (len(value), leaves - 1)
    if not feature.shape == threshold.shape == missing_left.shape == shape:
        raise ValueError(f"trees of shapes {feature.shape}, {threshold.shape}, {missing_left.shape}, expected {shape}")
    if feature.min() < 0 or feature.max() >= features:
        raise ValueError(f"a tree reads column {feature.max()} of {features}")
    if count.shape != value.shape or not np.isfinite(count).all() or count.min() < 0:
        raise ValueError("its leaves held no number of pairs")
    if not np.isfinite(value).all() or not np.isfinite(threshold).all():
        raise ValueError("trees hold numbers beyond reason")
    return Trees(feature, threshold, missing_left, value, count)


def padded_trees(nodes: Sequence[Any], share: float, edges: Sequence[NDArray[np.float32]] | None = None) -> Trees:
    """Make padded trees of the node tables of scikit-learn's histogram gradient boosting.

    Parameters
    ----------
    nodes : sequence of structured ndarray
        `predictor.nodes` of each tree.
    share : float
        What each value counts: 1 / m where the trees of m models are averaged.
    edges : sequence of ndarray of float32, optional
        Upper ends of the bins of each feature, where the trees were grown on numbers of bins.
    """
    depth = max(1, max(int(table["depth"].max()) for table in nodes))
    inner = (1 << depth) - 1
    feature, missing = np.zeros((len(nodes), inner), np.int32), np.zeros((len(nodes), inner), bool)
    threshold, value = np.zeros((len(nodes), inner), np.float32), np.zeros((len(nodes), inner + 1))
    count = np.zeros_like(value)
    for tree, table in enumerate(nodes):
        waiting = [(0, 0)]  # (node of the table, place)
        while waiting:
            node, place = waiting.pop()
            one = table[node]
            if one["is_leaf"]:
                first, last = place, place
                while first < inner:  # all leaves below hold its value
                    first, last = 2 * first + 1, 2 * last + 2
                value[tree, first - inner : last - inner + 1] = one["value"] * share
                count[tree, first - inner : last - inner + 1] = one["count"] / (last - first + 1)
                continue
            # features are float32: the greatest of them that is not above the threshold splits alike
            limit = float(one["num_threshold"])  # infinite where only missing values go apart
            if edges is not None:
                ends = edges[one["feature_idx"]]
                limit = float(ends[int(limit)]) if limit < len(ends) else _LARGEST
            limit = min(limit, _LARGEST)
            at = np.float32(limit)
            threshold[tree, place] = at if at <= limit else np.nextafter(at, np.float32(-np.inf))
            feature[tree, place], missing[tree, place] = one["feature_idx"], one["missing_go_to_left"]
            waiting += [(int(one["left"]), 2 * place + 1), (int(one["right"]), 2 * place + 2)]
    return Trees(feature, threshold, missing, value, count)
