"""The compiled loops that estimate how much of one text another holds, from samples of both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.articles.loops import count_shared, sampling_level
from recommender.compute.kernels import kernel

SHARED = 0.4  # share of the shingles of the shorter text: journalists link no two stories that share so much
DEVIATIONS = 1.5  # standard ones, that a sample must show more than this share: a small one may mislead
FEWEST = 4  # shingles in common: fewer of a sample prove nothing
LONGER = 8  # times as long as the shorter text: a longer one tells much more, and of the shorter one little is sampled
WORDS = 8  # of 64 bits, in a signature: by chance two texts have about five bits in common, of about 45


@kernel(least=64)
def sign_samples(start: int, stop: int, rows: NDArray[np.int64], samples: Any, signatures: NDArray[np.uint64]) -> None:
    """Set a bit for each sampled shingle of rows, (q, c); -1 = none."""
    _, begins, ends, shingles = samples
    for story in range(start, stop):
        for column in range(rows.shape[1]):
            row = rows[story, column]
            for word in range(WORDS):
                signatures[story, column, word] = 0
            if row >= 0:
                for entry in range(begins[row], ends[row]):
                    bit = int(shingles[entry]) % (64 * WORDS)
                    signatures[story, column, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)


def shared_bits(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> int:
    """Count the bits that two signatures share."""
    total = 0
    for word in range(WORDS):
        bits = a[word] & b[word]
        bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
        bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
        bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += int((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return total


@kernel(least=64, parts=(sampling_level, count_shared, shared_bits))
def mask_shared_texts(
    start: int,
    stop: int,
    others: NDArray[np.int64],
    other_samples: Any,
    other_signatures: NDArray[np.uint64],
    rows: NDArray[np.int64],
    samples: Any,
    signatures: NDArray[np.uint64],
    is_open: NDArray[np.bool_],
    is_shared: NDArray[np.bool_],
) -> None:
    """Check which open candidates, (q, c), share most of the shorter text with another text of each story.

    Parameters
    ----------
    others : ndarray of int64, shape (q,)
        Row of the other text in `other_samples`; -1 = none.
    other_samples, samples : tuple
        As in `TextSamples`.
    other_signatures : ndarray of uint64, shape (q, WORDS)
    signatures : ndarray of uint64, shape (q, c, WORDS)
    """
    for story in range(start, stop):
        is_shared[story] = False
        other = others[story]
        if other < 0 or other_samples[1][other] == other_samples[2][other]:
            continue
        other_words = other_samples[0][other]
        other_sample = other_samples[3][other_samples[1][other] : other_samples[2][other]]
        for column in range(rows.shape[1]):
            row = rows[story, column]
            if row < 0 or not is_open[story, column] or samples[1][row] == samples[2][row]:
                continue
            shorter, longer = min(other_words, samples[0][row]), max(other_words, samples[0][row])
            if longer > LONGER * shorter:
                continue
            # of the longer text fewer shingles are sampled, and of the shorter one only these can be compared
            level = sampling_level(longer)
            expected = SHARED * (shorter >> level) / 2  # half of what is wanted: samples differ in size
            if shared_bits(other_signatures[story], signatures[story, column]) < max(FEWEST, expected):
                continue
            sample = samples[3][samples[1][row] : samples[2][row]]
            of_other, of_row, shared = count_shared(other_sample, sample, 2**32 >> level)
            of_shorter = min(of_other, of_row)
            least = SHARED * of_shorter + DEVIATIONS * np.sqrt(SHARED * (1 - SHARED) * of_shorter)
            is_shared[story, column] = shared >= max(FEWEST, least)
