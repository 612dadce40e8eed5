"""Compiled loops over the keys of passages, and one that copies parts of texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


@kernel(least=1 << 62)
def tally(start: int, stop: int, keys: _Hashes, counts: NDArray[np.uint16]) -> None:
    """Count keys by their lowest bits; `counts` has a power of two entries, which stay at their greatest number."""
    mask = np.uint64(len(counts) - 1)
    for index in range(start, stop):
        bucket = keys[index] & mask
        if counts[bucket] < 65_535:
            counts[bucket] += 1


@kernel(least=512)
def gather(start: int, stop: int, data: _Bytes, begins: _Rows, lengths: _Rows, offsets: _Rows, target: _Bytes) -> None:
    """Copy a part of `data` for each text to its offset in `target`."""
    for text in range(start, stop):
        target[offsets[text] : offsets[text] + lengths[text]] = data[begins[text] : begins[text] + lengths[text]]


@kernel(least=64, results=2)
def distinct(start: int, stop: int, offsets: _Rows, keys: _Hashes, counts: _Rows) -> None:
    """Sort the keys of each text, which begin at its offset, remove repeated ones, and update the counts."""
    for text in range(start, stop):
        sorted_keys = np.sort(keys[offsets[text] : offsets[text] + counts[text]])
        size = 0
        for index in range(len(sorted_keys)):
            if size == 0 or sorted_keys[index] != sorted_keys[index - 1]:
                keys[offsets[text] + size] = sorted_keys[index]
                size += 1
        counts[text] = size
