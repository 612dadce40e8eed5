"""The compiled loops over the keys of passages: which recur at all, and copies of their texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


@kernel(least=1 << 62)
def tally(start: int, stop: int, key: _Hashes, counts: NDArray[np.uint16]) -> None:
    """Count keys by the ends of their hashes; `counts` is a power of two long, and stays where it is full."""
    last = np.uint64(len(counts) - 1)
    for place in range(start, stop):
        end = key[place] & last
        if counts[end] < 65_535:
            counts[end] += 1


@kernel(least=512)
def gather(start: int, stop: int, data: _Bytes, begin: _Rows, length: _Rows, offset: _Rows, target: _Bytes) -> None:
    """Copy the part of `data` that each text is made of to its place in `target`."""
    for text in range(start, stop):
        target[offset[text] : offset[text] + length[text]] = data[begin[text] : begin[text] + length[text]]


@kernel(least=64)
def distinct(start: int, stop: int, room: _Rows, key: _Hashes, count: _Rows) -> None:
    """Sort the keys of each text, which begin at its `room`, leave out repeated ones, and correct their number."""
    for text in range(start, stop):
        own = np.sort(key[room[text] : room[text] + count[text]])
        size = 0
        for place in range(len(own)):
            if size == 0 or own[place] != own[place - 1]:
                key[room[text] + size] = own[place]
                size += 1
        count[text] = size
