"""The compiled loop of the event test, over pairs of rows.

It takes the pairs ``[start, stop)`` and writes into its last array, see `kernel`. Terms are the arrays of a sparse
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
    """Compute what the time between two stories adds to the logit; 0 where one is undated."""
    if a == _UNDATED or b == _UNDATED:
        return 0.0
    return float(model[7] - model[6] * np.log1p(abs(a - b) / _HOUR_US))


def dense_part(cosine: float, scale: float, model: NDArray[np.float64]) -> float:
    """Compute what the vectors add to the logit, with the intercept; `scale` is NaN where a story has no vector."""
    if np.isnan(scale):
        return float(model[9])
    return float(model[2] + model[0] * (cosine - max(scale, model[4])))


def words_part(cosine: float, rare: float, scale: float, lacks_vector: bool, model: NDArray[np.float64]) -> float:
    """Compute what the words add to the logit, more where a story has no vector; `rare` is their summed rarity."""
    beyond, rare = min(cosine - max(scale, model[3]), model[5]), min(np.log1p(rare), model[12])
    if lacks_vector:
        return float(model[8] * beyond + model[11] * rare)
    return float(model[1] * beyond + model[10] * rare)


def shared_terms(left: Any, a: int, right: Any, b: int, rarity: NDArray[np.float32]) -> tuple[float, float]:
    """Compute the cosine of row a of a sparse matrix with row b of another, and the summed rarity of their terms.

    As `merged_cosine` does, in the order of terms.
    """
    cosine, rare = 0.0, 0.0
    i, j, last_i, last_j = left[0][a], right[0][b], left[0][a + 1], right[0][b + 1]
    while i < last_i and j < last_j:
        ours, theirs = left[1][i], right[1][j]
        if ours == theirs:
            cosine += np.float64(np.float32(left[2][i] * right[2][j]))
            rare += np.float64(rarity[ours])
        i += ours <= theirs
        j += theirs <= ours
    return cosine, rare


def lesser(a: float, b: float) -> float:
    """Return the lesser of two scales; NaN where one is."""
    return a if a < b or np.isnan(a) else b


@kernel(least=512, parts=(time_part, dense_part, words_part, lesser, shared_terms))
def pair_logits(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    terms_a: Any,
    scale_a: NDArray[np.float32],
    published_a: NDArray[np.int64],
    terms_b: Any,
    scale_b: NDArray[np.float32],
    published_b: NDArray[np.int64],
    rarity: NDArray[np.float32],
    least: NDArray[np.float64],
    timed: bool,
    model: NDArray[np.float64],
    logits: NDArray[np.float64],
) -> None:
    """Compute the logit of each pair, (m,); minus infinity, words unread, where these cannot reach its least."""
    for pair in range(start, stop):
        one, other = a[pair], b[pair]
        dense_scale = lesser(np.float64(scale_a[one, 1]), np.float64(scale_b[other, 1]))
        lacks_vector = np.isnan(dense_scale)
        value = dense_part(np.float64(dense[pair]), dense_scale, model)
        if timed:
            value += time_part(published_a[one], published_b[other], model)
        logits[pair] = -np.inf
        if value + words_part(2.0, np.inf, 0.0, lacks_vector, model) >= least[pair]:
            words_scale = lesser(np.float64(scale_a[one, 0]), np.float64(scale_b[other, 0]))
            cosine, rare = shared_terms(terms_a, one, terms_b, other, rarity)
            logits[pair] = value + words_part(cosine, rare, words_scale, lacks_vector, model)
