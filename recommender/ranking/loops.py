"""Compiled loops that walk the trees of a ranker, and that compute what trees of the order learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

_PAIRS = 256  # compared with a node at once; a constant, for compiled loops of a known length are faster


@kernel(least=1 << 14)
def tree_sums(
    start: int,
    stop: int,
    columns: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    value: NDArray[np.float64],
    base: float,
    out: NDArray[np.float64],
) -> None:
    """Sum the leaves that each pair of `columns`, (features, m), falls into, tree after tree.

    No pair walks down a tree: from the last level up, each node is compared with many pairs at once, and notes the leaf
    that each would reach from there. The compiler turns that into few instructions of many bytes.
    """
    inner = feature.shape[1]
    block = np.zeros((len(columns), _PAIRS), dtype=np.float32)
    leaf = np.zeros((2 * inner + 1, _PAIRS), dtype=np.uint8)  # by node; leaves themselves are at 0 below their parent
    sums = np.empty(_PAIRS, dtype=np.float64)
    for first in range(start, stop, _PAIRS):
        count = min(first + _PAIRS, stop) - first
        for column in range(len(columns)):
            block[column, :count] = columns[column, first : first + count]
        sums[:] = base
        for tree in range(len(feature)):
            width, to_right = (inner + 1) // 2, np.uint8(1)
            while width:
                for node in range(width - 1, 2 * width - 1):
                    values, limit = block[feature[tree, node]], threshold[tree, node]
                    found, left, right = leaf[node], leaf[2 * node + 1], leaf[2 * node + 2]
                    if missing_left[tree, node]:
                        for pair in range(_PAIRS):
                            found[pair] = np.uint8(to_right | right[pair]) if values[pair] > limit else left[pair]
                    else:
                        for pair in range(_PAIRS):
                            found[pair] = left[pair] if values[pair] <= limit else np.uint8(to_right | right[pair])
                width //= 2
                to_right = np.uint8(to_right << 1)
            leaves, reached = value[tree], leaf[0]
            for pair in range(_PAIRS):
                sums[pair] += leaves[reached[pair]]
        out[first : first + count] = sums[:count]


@kernel(least=1 << 12)
def tree_contributions(
    start: int,
    stop: int,
    values: NDArray[np.float32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    mean: NDArray[np.float64],
    family: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Add what each step of the walks changes to the family of the feature that decided it; out (m, families)."""
    inner = feature.shape[1]
    for pair in range(start, stop):
        for tree in range(len(feature)):
            node = 0
            while node < inner:
                column = feature[tree, node]
                value = values[pair, column]
                left = missing_left[tree, node] if np.isnan(value) else value <= threshold[tree, node]
                below = 2 * node + 1 if left else 2 * node + 2
                out[pair, family[column]] += mean[tree, below] - mean[tree, node]
                node = below


@kernel(least=256, results=2)
def order_derivatives(
    start: int,
    stop: int,
    first: NDArray[np.int64],
    is_linked: NDArray[np.bool_],
    scores: NDArray[np.float64],
    discounts: NDArray[np.float64],
    ideal: NDArray[np.float64],
    n_places: int,
    flat: float,
    least: float,
    gradient: NDArray[np.float64],
    hessian: NDArray[np.float64],
) -> None:
    """Compute both derivatives of the order loss, see `OrderLoss`, pair by pair.

    Rows `first[s]` to `first[s + 1]` belong to story s. Sums are taken in the order of the rows, so that they do not
    depend on how stories are shared out.
    """
    for story in range(start, stop):
        low, count = first[story], first[story + 1] - first[story]
        best_first = np.argsort(-scores[low : low + count], kind="mergesort")  # equal scores keep their order
        place = np.empty(count, np.int64)
        for rank in range(count):
            place[best_first[rank]] = rank
        pushes, curves, total = np.zeros(count), np.zeros(count), 0.0
        for one in range(count):
            if not is_linked[low + one]:
                continue
            push_sum, curve_sum = 0.0, 0.0
            for other in range(count):
                if is_linked[low + other] or min(place[one], place[other]) >= n_places:
                    continue
                ahead = scores[low + one] - scores[low + other]
                gain = abs(discounts[place[one]] - discounts[place[other]]) / ideal[story]
                weight = gain / (flat + abs(ahead))
                wrong = 1 / (1 + np.exp(min(max(ahead, -50.0), 50.0)))
                push, curve = wrong * weight, wrong * (1 - wrong) * weight
                pushes[other] += push
                curves[other] += curve
                push_sum += push
                curve_sum += curve
                total += 2 * push
            pushes[one] -= push_sum
            curves[one] += curve_sum
        factor = np.log2(1 + total) / total if total > 0 else 1.0
        for one in range(count):
            gradient[low + one] = pushes[one] * factor
            hessian[low + one] = max(curves[one] * factor, least)
