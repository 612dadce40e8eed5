"""The compiled loop that finds nearly the same text in the rows of an archive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel
from recommender.features.vectors import SCALE

_UNIT = SCALE * SCALE
_ROUNDING = 1e-3  # far more than unit rows of float32 are off
SKETCH = 32  # parts of a sketch: of pairs that are no copies it leaves one in thirty
_LONGEST = 255  # of a part, as a byte


def dense_cosine(vectors: NDArray[np.int16], a: int, b: int) -> float:
    """Multiply two rows of integers, exactly, to a cosine."""
    left, right, total = vectors[a], vectors[b], np.int32(0)
    for column in range(len(left)):
        total = np.int32(total + np.int32(np.int32(left[column]) * np.int32(right[column])))
    return float(total / _UNIT)


def reaches_cosine(terms: Any, a: int, b: int, least: float) -> bool:
    """Check whether the cosine of two unit rows is `least` or more; products are rounded to float32.

    What one row holds and the other does not is lost to their cosine: once too much is, the rest is not read.
    """
    total, lost_a, lost_b, most = 0.0, 0.0, 0.0, 1 - least * least + _ROUNDING
    i, j, last_i, last_j = terms[0][a], terms[0][b], terms[0][a + 1], terms[0][b + 1]
    while i < last_i and j < last_j and lost_a <= most and lost_b <= most:
        ours, theirs = terms[1][i], terms[1][j]
        weight, other = terms[2][i], terms[2][j]
        if ours == theirs:
            total += np.float64(np.float32(weight * other))
        elif ours < theirs:
            lost_a += np.float64(weight * weight)
        else:
            lost_b += np.float64(other * other)
        i += ours <= theirs
        j += theirs <= ours
    return total >= least


@kernel(least=64)
def sketch_words(start: int, stop: int, rows: NDArray[np.int64], terms: Any, sketches: NDArray[np.uint8]) -> None:
    """Sum up the terms of each row, (q, c), in `SKETCH` lengths: no part of a row is longer than its sketch says."""
    squares = np.empty(SKETCH, np.float64)
    for story in range(start, stop):
        for column in range(rows.shape[1]):
            row = rows[story, column]
            squares[:] = 0
            if row >= 0:
                for entry in range(terms[0][row], terms[0][row + 1]):
                    squares[terms[1][entry] % SKETCH] += np.float64(terms[2][entry]) ** 2
            for part in range(SKETCH):
                sketches[story, column, part] = min(np.ceil(_LONGEST * np.sqrt(squares[part])), _LONGEST)


@kernel(least=64, parts=(dense_cosine, reaches_cosine))
def mask_near_copies(
    start: int,
    stop: int,
    last: NDArray[np.int64],
    rows: NDArray[np.int64],
    sketches: NDArray[np.uint8],
    is_open: NDArray[np.bool_],
    vectors: NDArray[np.int16],
    has_vector: NDArray[np.bool_],
    terms: Any,
    least_dense: float,
    least_words: float,
    fewest_terms: int,
    is_copy: NDArray[np.bool_],
) -> None:
    """Check whether each open candidate, (q, c), has nearly the words of that in column `last`, (q,).

    Most candidates differ by their sketches: no cosine is greater than the product of these (Cauchy and Schwarz). Words
    cost most, and are compared only where the vectors are alike, or one text has none. Texts of fewer than
    `fewest_terms` terms say too little to be told apart.
    """
    least_product = (least_words - _ROUNDING) * _LONGEST * _LONGEST
    for story in range(start, stop):
        is_copy[story] = False
        if last[story] < 0:
            continue
        one, sketch = rows[story, last[story]], sketches[story, last[story]]
        for column in range(rows.shape[1]):
            other, other_sketch = rows[story, column], sketches[story, column]
            if other < 0 or not is_open[story, column]:
                continue
            product = np.int32(0)
            for part in range(SKETCH):
                product = np.int32(product + np.int32(np.int32(sketch[part]) * np.int32(other_sketch[part])))
            if product < least_product:
                continue
            if min(terms[0][one + 1] - terms[0][one], terms[0][other + 1] - terms[0][other]) >= fewest_terms:
                lacks_vector = not has_vector[one] or not has_vector[other]
                if lacks_vector or dense_cosine(vectors, one, other) >= least_dense:
                    is_copy[story, column] = reaches_cosine(terms, one, other, least_words)
