"""Encode texts without a cache: each text once, with finished shards kept for an interrupted job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommender.embedders import Encode
from recommender.progress import Progress, silent
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledgers
from recommender.storage.digests import digest_of


def encode_distinct(
    texts: Sequence[str],
    encode: Encode,
    block: int,
    inputs: Mapping[str, str] | None = None,
    ledgers: Ledgers | None = None,
    progress: Progress = silent,
) -> tuple[NDArray[np.int16], int]:
    """Encode each distinct text once, and return the vectors, int16 (n, d), and the number of encoded texts.

    Parameters
    ----------
    texts : sequence of str
    encode : callable
        Takes all batches of distinct texts that are needed; a batch has texts of similar length.
    block : int
        Texts of a batch.
    inputs : mapping of str to str, optional
        Everything but the texts that determines the vectors; without it nothing is kept.
    ledgers : Ledgers, optional
        Keep finished shards where there is more than one.
    """
    order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), texts[row]))
    is_first = np.array([not index or texts[row] != texts[order[index - 1]] for index, row in enumerate(order)])
    rows, offsets = np.array(order), np.append(np.flatnonzero(is_first), len(order))  # rows of each distinct text
    distinct = [texts[row] for row in rows[offsets[:-1]]]
    shards = range(0, len(distinct), checkpoints.TEXTS)
    ledger = None
    if ledgers is not None and inputs is not None and len(shards) > 1:
        ledger = ledgers.open("vectors", {"stories": digest_of(distinct), **inputs}, len(shards))
    result: NDArray[np.int16] | None = None

    def write(start: int, vectors: NDArray[np.int16]) -> None:
        nonlocal result
        if result is None:
            result = np.empty((len(texts), vectors.shape[1]), dtype=np.int16)
        bounds = offsets[start : start + len(vectors) + 1]
        result[rows[bounds[0] : bounds[-1]]] = np.repeat(vectors, np.diff(bounds), axis=0)

    missing = []
    for start in shards:
        kept = ledger and ledger.arrays(_name(start))
        if kept:
            write(start, kept["vectors"])
        else:
            missing.append(range(start, min(start + checkpoints.TEXTS, len(distinct)), block))
    n_missing = sum(shard.stop - shard.start for shard in missing)
    done = len(distinct) - n_missing
    encoded = encode(distinct[start : min(start + block, shard.stop)] for shard in missing for start in shard)
    for shard in missing:
        batches = []
        for vectors in islice(encoded, len(shard)):
            progress("embedding", done, len(distinct))
            batches.append(vectors)
            done += len(vectors)
        shard_vectors = np.concatenate(batches)
        write(shard.start, shard_vectors)
        if ledger:
            ledger.keep(_name(shard.start), vectors=shard_vectors)
    progress("embedding", len(distinct), len(distinct))
    assert result is not None
    return result, n_missing


def _name(start: int) -> str:
    return f"{start // checkpoints.TEXTS:05d}"
