"""Compiled loops that index texts by their sampled shingles, and find those that a text from outside may repeat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles.loops import count_shared, may_be_copies, sampling_level
from recommender.compute.kernels import kernel

_Rows = NDArray[np.int64]


@kernel(least=1 << 62)
def count_shingles(
    start: int, stop: int, rows: _Rows, sample_offsets: _Rows, sample: NDArray[np.uint32], counts: _Rows
) -> None:
    """Count the sampled shingles of some rows in each bucket, at index `bucket + 1`."""
    bucket_mask = len(counts) - 2
    for index in range(start, stop):
        for entry in range(sample_offsets[rows[index]], sample_offsets[rows[index] + 1]):
            counts[(int(sample[entry]) & bucket_mask) + 1] += 1


@kernel(least=1 << 62, results=2)
def hold_shingles(
    start: int,
    stop: int,
    rows: _Rows,
    sample_offsets: _Rows,
    sample: NDArray[np.uint32],
    next_free: _Rows,
    holder: NDArray[np.int32],
) -> None:
    """Write the index of the row of each sampled shingle into its bucket, from `next_free` on."""
    bucket_mask = len(next_free) - 1
    for index in range(start, stop):
        for entry in range(sample_offsets[rows[index]], sample_offsets[rows[index] + 1]):
            bucket = int(sample[entry]) & bucket_mask
            holder[next_free[bucket]] = index
            next_free[bucket] += 1


@kernel(least=1 << 62, parts=(sampling_level, count_shared, may_be_copies))
def mark_holders(
    start: int,
    stop: int,
    rows: _Rows,
    words: NDArray[np.int32],
    sample_offsets: _Rows,
    sample: NDArray[np.uint32],
    bucket_begin: _Rows,
    holder: NDArray[np.int32],
    story_words: int,
    story_sample: NDArray[np.uint32],
    may_be_copy: NDArray[np.bool_],
) -> None:
    """Mark the rows that may be copies of a story by their samples, (m,); `start` and `stop` are in `story_sample`."""
    bucket_mask = len(bucket_begin) - 2
    common = np.zeros(len(rows), dtype=np.int32)
    candidates, n_candidates = np.empty(len(rows), dtype=np.int32), 0
    for number in range(start, stop):
        bucket = int(story_sample[number]) & bucket_mask
        for entry in range(bucket_begin[bucket], bucket_begin[bucket + 1]):
            candidate = holder[entry]
            if not common[candidate]:
                candidates[n_candidates] = candidate
                n_candidates += 1
            common[candidate] += 1
    for number in range(n_candidates):
        candidate = candidates[number]
        if common[candidate] < len(story_sample) // 8:  # few of the texts with a shingle in common have many
            continue
        row = rows[candidate]
        row_sample = sample[sample_offsets[row] : sample_offsets[row + 1]]
        if may_be_copies(story_words, words[row], story_sample, row_sample):
            may_be_copy[candidate] = True
