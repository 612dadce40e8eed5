"""A compiled loop over the terms of reasons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

ALIKE = 0.6  # share of the longer of two terms that both begin with, from which on they are forms of one word
STEM = 4  # letters that both begin with, at least, where one of them is not the whole beginning of the other


@kernel(least=1_000)
def mark_repeated_forms(
    start: int,
    stop: int,
    terms: NDArray[np.int64],
    letters: NDArray[np.uint32],
    sizes: NDArray[np.int64],
    is_repeated: NDArray[np.bool_],
) -> None:
    """Mark terms of a row that are forms of a word of an earlier term: both mostly begin alike; -1 = no term."""
    for row in range(start, stop):
        for later in range(1, terms.shape[1]):
            term = terms[row, later]
            for earlier in range(later):
                other = terms[row, earlier]
                if term < 0 or other < 0:
                    continue
                shorter, longer = min(sizes[term], sizes[other]), max(sizes[term], sizes[other])
                n_alike = 0
                while n_alike < shorter and letters[term, n_alike] == letters[other, n_alike]:
                    n_alike += 1
                if n_alike >= ALIKE * longer and (n_alike == shorter or n_alike >= STEM):
                    is_repeated[row, later] = True
