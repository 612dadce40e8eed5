"""Compiled loops of the event test, over pairs of rows and over the candidates of stories.

Each takes the lines ``[start, stop)`` and writes into its last arrays, see `kernel`. `terms` are the parts of a sparse
matrix: indptr, indices, data. `model` is `SameEvent.parameters`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

_UNDATED = np.iinfo(np.int64).min
_HOUR_US = 3_600_000_000


def time_part(a: int, b: int, model: NDArray[np.float64]) -> float:
    """What the time between two stories adds to the logit; nothing where one is undated."""
    if a == _UNDATED or b == _UNDATED:
        return 0.0
    return float(model[7] - model[6] * np.log1p(abs(a - b) / _HOUR_US))


def dense_part(cosine: float, scale: float, model: NDArray[np.float64]) -> float:
    """What the vectors say, with the intercept; `scale`, the lesser of both sides, is NaN where one has no vector."""
    if np.isnan(scale):
        return float(model[9])
    return float(model[2] + model[0] * (cosine - max(scale, model[4])))


def words_part(cosine: float, scale: float, blank: bool, model: NDArray[np.float64]) -> float:
    """What the words say, more where one side has no vector."""
    beyond = min(cosine - max(scale, model[3]), model[5])
    return float((model[8] if blank else model[1]) * beyond)


def lesser(a: float, b: float) -> float:
    """The lesser of two scales; NaN where one is."""
    return a if a < b or np.isnan(a) else b


def spread_out(terms: Any, row: int, spread: NDArray[np.float32], wanted: bool) -> None:
    """Write the weights of a row's terms where `words_cosine` looks them up, or take them away again."""
    for at in range(terms[0][row], terms[0][row + 1]):
        spread[terms[1][at]] = terms[2][at] if wanted else np.float32(0)


def words_cosine(terms: Any, row: int, spread: NDArray[np.float32]) -> float:
    """Product of a sparse row with the one that was spread out, rounded to float32 and added in the order of terms."""
    total = 0.0
    for at in range(terms[0][row], terms[0][row + 1]):
        total += np.float64(np.float32(spread[terms[1][at]] * terms[2][at]))
    return total


@kernel(least=512, parts=(time_part, dense_part, words_part, lesser, spread_out, words_cosine))
def pair_logits(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    terms: Any,
    vocabulary: int,
    scale: NDArray[np.float32],
    published: NDArray[np.int64],
    timed: bool,
    model: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Logit of each pair of rows, (m,)."""
    spread = np.zeros(vocabulary, dtype=np.float32)
    for pair in range(start, stop):
        one, other = min(a[pair], b[pair]), max(a[pair], b[pair])
        spread_out(terms, one, spread, True)
        words = words_cosine(terms, other, spread)
        spread_out(terms, one, spread, False)
        nearness = lesser(np.float64(scale[one, 1]), np.float64(scale[other, 1]))
        value = dense_part(np.float64(dense[pair]), nearness, model)
        if timed:
            value += time_part(published[one], published[other], model)
        crowd = lesser(np.float64(scale[one, 0]), np.float64(scale[other, 0]))
        found[pair] = value + words_part(words, crowd, np.isnan(nearness), model)


def merged_cosine(left: Any, a: int, right: Any, b: int) -> float:
    """Product of two sparse rows whose terms ascend, rounded to float32 and added in the order of terms."""
    total = 0.0
    i, j, last_i, last_j = left[0][a], right[0][b], left[0][a + 1], right[0][b + 1]
    while i < last_i and j < last_j:
        if left[1][i] < right[1][j]:
            i += 1
        elif left[1][i] > right[1][j]:
            j += 1
        else:
            total += np.float64(np.float32(left[2][i] * right[2][j]))
            i += 1
            j += 1
    return total


@kernel(least=512, parts=(time_part, dense_part, words_part, lesser, merged_cosine))
def joined(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    left: Any,
    left_scale: NDArray[np.float32],
    left_published: NDArray[np.int64],
    right: Any,
    scale: NDArray[np.float32],
    published: NDArray[np.int64],
    least: NDArray[np.float64],
    timed: bool,
    model: NDArray[np.float64],
    found: NDArray[np.bool_],
) -> None:
    """Whether the logit of each pair, (m,), reaches its least; words are compared only where they can decide."""
    for pair in range(start, stop):
        one, other = a[pair], b[pair]
        near = lesser(np.float64(left_scale[one, 1]), np.float64(scale[other, 1]))
        blank = np.isnan(near)
        value = dense_part(np.float64(dense[pair]), near, model)
        if timed:
            value += time_part(left_published[one], published[other], model)
        found[pair] = False
        if value + words_part(2.0, 0.0, blank, model) >= least[pair]:
            crowd = lesser(np.float64(left_scale[one, 0]), np.float64(scale[other, 0]))
            value += words_part(merged_cosine(left, one, right, other), crowd, blank, model)
            found[pair] = value >= least[pair]
