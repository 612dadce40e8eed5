"""Texts to vectors without a cache: each text once, and what is finished kept for a job that is interrupted."""

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
    """Encode each different text once, int16 (n, d); also tells how many texts were encoded.

    Equal texts are encoded once, and texts of one length together.

    Parameters
    ----------
    texts : sequence of str
    encode : callable
        Given all batches of distinct texts that are needed.
    block : int
        Texts of a batch.
    inputs : mapping of str to str, optional
        What decides about the vectors beside the texts; where it is not known, nothing is kept.
    ledgers : Ledgers, optional
        Keep finished shards where there is more than one.
    """
    order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), texts[row]))
    first = np.array([not at or texts[row] != texts[order[at - 1]] for at, row in enumerate(order)])
    rows, starts = np.array(order), np.append(np.flatnonzero(first), len(order))  # of those that share a text
    distinct = [texts[row] for row in rows[starts[:-1]]]
    shards = range(0, len(distinct), checkpoints.TEXTS)
    kept = None
    if ledgers is not None and inputs is not None and len(shards) > 1:
        kept = ledgers.open("vectors", {"stories": digest_of(distinct), **inputs}, len(shards))
    missing = []
    found: NDArray[np.int16] | None = None

    def put(start: int, vectors: NDArray[np.int16]) -> None:
        nonlocal found
        if found is None:
            found = np.empty((len(texts), vectors.shape[1]), dtype=np.int16)
        shared = starts[start : start + len(vectors) + 1]
        found[rows[shared[0] : shared[-1]]] = np.repeat(vectors, np.diff(shared), axis=0)

    for start in shards:
        held = kept and kept.arrays(_name(start))
        if held:
            put(start, held["vectors"])
        else:
            missing.append(range(start, min(start + checkpoints.TEXTS, len(distinct)), block))
    needed = sum(part.stop - part.start for part in missing)
    done = len(distinct) - needed
    encoded = encode(distinct[at : min(at + block, part.stop)] for part in missing for at in part)
    for part in missing:
        made = []
        for vectors in islice(encoded, len(part)):
            progress("embedding", done, len(distinct))
            made.append(vectors)
            done += len(vectors)
        shard = np.concatenate(made)
        put(part.start, shard)
        if kept:
            kept.keep(_name(part.start), vectors=shard)
    progress("embedding", len(distinct), len(distinct))
    assert found is not None
    return found, needed


def _name(start: int) -> str:
    return f"{start // checkpoints.TEXTS:05d}"
