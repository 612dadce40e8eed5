"""Compiled loops of the event test, over pairs of rows and over the candidates of stories.

Each takes the lines ``[start, stop)`` and writes into its last arrays, see `kernel`. `terms` are the parts of a sparse
matrix: indptr, indices, data. `model` is `SameEvent.parameters`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel
from recommender.features.loops import merged_cosine

_UNDATED = np.iinfo(np.int64).min
_HOUR_US = 3_600_000_000


def time_part(a: int, b: int, model: NDArray[np.float64]) -> float:
    """Compute what the time between two stories adds to the logit; nothing where one is undated."""
    if a == _UNDATED or b == _UNDATED:
        return 0.0
    return float(model[7] - model[6] * np.log1p(abs(a - b) / _HOUR_US))


def dense_part(cosine: float, scale: float, model: NDArray[np.float64]) -> float:
    """Compute what the vectors add to the logit, with the intercept; `scale` is NaN where a side has no vector."""
    if np.isnan(scale):
        return float(model[9])
    return float(model[2] + model[0] * (cosine - max(scale, model[4])))


def words_part(cosine: float, scale: float, blank: bool, model: NDArray[np.float64]) -> float:
    """Compute what the words add to the logit, more where one side has no vector."""
    beyond = min(cosine - max(scale, model[3]), model[5])
    return float((model[8] if blank else model[1]) * beyond)


def lesser(a: float, b: float) -> float:
    """Take the lesser of two scales; NaN where one is."""
    return a if a < b or np.isnan(a) else b


@kernel(least=512, parts=(time_part, dense_part, words_part, lesser, merged_cosine))
def pair_logits(
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
    found: NDArray[np.float64],
) -> None:
    """Compute the logit of each pair, (m,); minus infinity, words unread, where these cannot reach its least."""
    for pair in range(start, stop):
        one, other = a[pair], b[pair]
        near = lesser(np.float64(left_scale[one, 1]), np.float64(scale[other, 1]))
        blank = np.isnan(near)
        value = dense_part(np.float64(dense[pair]), near, model)
        if timed:
            value += time_part(left_published[one], published[other], model)
        found[pair] = -np.inf
        if value + words_part(2.0, 0.0, blank, model) >= least[pair]:
            crowd = lesser(np.float64(left_scale[one, 0]), np.float64(scale[other, 0]))
            found[pair] = value + words_part(merged_cosine(left, one, right, other), crowd, blank, model)
