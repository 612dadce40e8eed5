"""Compiled loops of the event test, over pairs of rows and over the candidates of stories.

Each takes the lines ``[start, stop)`` and writes into its last arrays, see `kernel`. `terms` are the parts of a sparse
matrix: indptr, indices, data. `model` is `SameEvent.parameters`; `rule` the least logit, the span in microseconds (-1 =
time does not count) and the least cosine of copies. Words cost most, and are compared only where they can decide.
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


def promise(
    cosine: float, scale: float, a: int, b: int, rule: tuple[float, int, float], model: NDArray[np.float64]
) -> float:
    """The logit of a pair before its words are compared; minus infinity where they are too far apart in time."""
    _, span, _ = rule
    found = dense_part(cosine, scale, model)
    if span < 0:
        return found
    if a == _UNDATED or b == _UNDATED or abs(a - b) > span:
        return -np.inf
    return found + time_part(a, b, model)


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


@kernel(least=4, parts=(time_part, dense_part, words_part, lesser, spread_out, words_cosine, promise))
def among(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    rows: NDArray[np.int64],
    terms: Any,
    vocabulary: int,
    scale: NDArray[np.float32],
    published: NDArray[np.int64],
    rule: tuple[float, int, float],
    model: NDArray[np.float64],
    same: NDArray[np.bool_],
    copy: NDArray[np.bool_],
) -> None:
    """Compare the candidates of each story with each other: (q, w) -> (q, w, w), up to the first row that is -1."""
    least, _, copied = rule
    spread = np.zeros(vocabulary, dtype=np.float32)
    width = rows.shape[1]
    crowd, near, time = np.empty(width), np.empty(width), np.empty(width, dtype=np.int64)
    for line in range(start, stop):
        held = 0
        while held < width and rows[line, held] >= 0:
            row = rows[line, held]
            crowd[held], near[held], time[held] = scale[row, 0], scale[row, 1], published[row]
            held += 1
        for i in range(held):
            waiting = True
            for j in range(i):
                cosine, scaled = np.float64(dense[line, i, j]), lesser(near[i], near[j])
                blank = np.isnan(scaled)
                promised = promise(cosine, scaled, time[i], time[j], rule, model)
                likely = promised + words_part(2.0, 0.0, blank, model) >= least
                twins = blank or cosine >= copied
                if likely or twins:
                    if waiting:
                        spread_out(terms, rows[line, i], spread, True)
                        waiting = False
                    words = words_cosine(terms, rows[line, j], spread)
                    value = promised + words_part(words, lesser(crowd[i], crowd[j]), blank, model)
                    same[line, i, j] = same[line, j, i] = value >= least
                    copy[line, i, j] = copy[line, j, i] = twins and words >= copied
            if not waiting:
                spread_out(terms, rows[line, i], spread, False)


@kernel(least=16, parts=(time_part, dense_part, words_part, lesser, spread_out, words_cosine, promise))
def own(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    rows: NDArray[np.int64],
    story_terms: Any,
    story_scale: NDArray[np.float32],
    story_published: NDArray[np.int64],
    terms: Any,
    vocabulary: int,
    scale: NDArray[np.float32],
    published: NDArray[np.int64],
    rule: tuple[float, int, float],
    model: NDArray[np.float64],
    same: NDArray[np.bool_],
    copy: NDArray[np.bool_],
) -> None:
    """Compare each story with its candidates: (q, w); -1 = none."""
    least, _, copied = rule
    spread = np.zeros(vocabulary, dtype=np.float32)
    for line in range(start, stop):
        spread_out(story_terms, line, spread, True)
        crowd, near = np.float64(story_scale[line, 0]), np.float64(story_scale[line, 1])
        for i in range(rows.shape[1]):
            row = rows[line, i]
            if row >= 0:
                cosine, scaled = np.float64(dense[line, i]), lesser(near, np.float64(scale[row, 1]))
                blank = np.isnan(scaled)
                promised = promise(cosine, scaled, story_published[line], published[row], rule, model)
                likely = promised + words_part(2.0, 0.0, blank, model) >= least
                twins = blank or cosine >= copied
                if likely or twins:
                    words = words_cosine(terms, row, spread)
                    value = promised + words_part(words, lesser(crowd, np.float64(scale[row, 0])), blank, model)
                    same[line, i] = value >= least
                    copy[line, i] = twins and words >= copied
        spread_out(story_terms, line, spread, False)
