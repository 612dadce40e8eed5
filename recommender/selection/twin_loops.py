"""The compiled loop that finds nearly the same text in the rows of an archive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel
from recommender.features.loops import merged_cosine
from recommender.features.vectors import SCALE

_UNIT = SCALE * SCALE


def dense_cosine(vectors: NDArray[np.int16], a: int, b: int) -> float:
    """Multiply two rows of integers, exactly, to a cosine."""
    total = np.int32(0)
    for place in range(vectors.shape[1]):
        total += np.int32(vectors[a, place]) * np.int32(vectors[b, place])
    return float(total / _UNIT)


@kernel(least=64, parts=(dense_cosine, merged_cosine))
def twins(
    start: int,
    stop: int,
    last: NDArray[np.int64],
    rows: NDArray[np.int64],
    open_: NDArray[np.bool_],
    vectors: NDArray[np.int16],
    embedded: NDArray[np.bool_],
    terms: Any,
    likely: float,
    least: float,
    fewest: int,
    found: NDArray[np.bool_],
) -> None:
    """Tell whether each open candidate, (q, c), has nearly the words of the row `last`, (q,).

    Words cost most, and are compared only where the vectors are alike, or one has none. Of fewer than `fewest` terms no
    text is told from another so.
    """
    for line in range(start, stop):
        one = last[line]
        for column in range(rows.shape[1]):
            found[line, column] = False
            other = rows[line, column]
            if one < 0 or other < 0 or not open_[line, column]:
                continue
            if min(terms[0][one + 1] - terms[0][one], terms[0][other + 1] - terms[0][other]) >= fewest:
                blank = not embedded[one] or not embedded[other]
                if blank or dense_cosine(vectors, one, other) >= likely:
                    found[line, column] = merged_cosine(terms, one, terms, other) >= least
