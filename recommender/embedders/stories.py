"""Compute the vectors of a table of stories, with a cache or the ledgers of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.languages import is_in_known_language
from recommender.embedders.cache import VectorCache
from recommender.embedders.given import GivenVectors
from recommender.embedders.protocol import Embedder, Encode
from recommender.progress import Progress, silent
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledgers
from recommender.storage.digests import digest_of

BLOCK = 512  # texts of a batch


@dataclass(frozen=True, kw_only=True)
class StoryVectors:
    """Computes vectors of stories, and keeps them in a cache or in the ledgers of a job."""

    embedder: Embedder
    cache: VectorCache | None = None
    encode: Encode | None = None  # in place of the embedder's
    ledgers: Ledgers | None = None  # used without a cache

    def embed(self, table: pa.Table, site: str, progress: Progress = silent) -> tuple[NDArray[np.int16], int]:
        """Return the vectors of stories, int16 (n, d), and the number of texts that had to be embedded.

        Stories in a language that the embedder does not know get zero vectors; `site` is the language of stories
        without one.
        """
        is_known = is_in_known_language(table, self.embedder.languages, site)
        if is_known.all():
            return self._embed_all(table, progress)
        # At least one story is embedded, since the vector shows the number of dimensions.
        known = table.filter(pa.array(is_known)) if is_known.any() else table.slice(0, 1)
        known_vectors, embedded = self._embed_all(known, progress)
        vectors = np.zeros((len(table), known_vectors.shape[1]), dtype=known_vectors.dtype)
        vectors[is_known] = known_vectors[: is_known.sum()]
        return vectors, embedded

    def _embed_all(self, table: pa.Table, progress: Progress) -> tuple[NDArray[np.int16], int]:
        embedder = self.embedder
        texts, encode = embedder.prepare(table), self.encode or partial(map, embedder.encode)
        if self.cache is not None and embedder.fingerprint:
            return self.cache.vectors(texts, embedder.fingerprint, encode, progress)
        if isinstance(embedder, GivenVectors):  # nothing to compute, often nothing to copy
            return embedder.encode(texts), len(texts)
        inputs = {"embedding": embedder.fingerprint} if embedder.fingerprint else None
        return _encode_distinct(texts, encode, inputs, self.ledgers, progress)


def _encode_distinct(
    texts: Sequence[str],
    encode: Encode,
    inputs: Mapping[str, str] | None = None,
    ledgers: Ledgers | None = None,
    progress: Progress = silent,
) -> tuple[NDArray[np.int16], int]:
    """Encode each distinct text once, and return the vectors, int16 (n, d), and the number of encoded texts.

    `encode` takes all needed batches of `BLOCK` distinct texts of similar length. If there is more than one shard,
    finished shards are kept in `ledgers` under `inputs`, everything but the texts that determines the vectors.
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
        kept = ledger and ledger.arrays(_shard_name(start))
        if kept:
            write(start, kept["vectors"])
        else:
            missing.append(range(start, min(start + checkpoints.TEXTS, len(distinct)), BLOCK))
    n_missing = sum(shard.stop - shard.start for shard in missing)
    done = len(distinct) - n_missing
    encoded = encode(distinct[start : min(start + BLOCK, shard.stop)] for shard in missing for start in shard)
    for shard in missing:
        batches = []
        for vectors in islice(encoded, len(shard)):
            progress("embedding", done, len(distinct))
            batches.append(vectors)
            done += len(vectors)
        shard_vectors = np.concatenate(batches)
        write(shard.start, shard_vectors)
        if ledger:
            ledger.keep(_shard_name(shard.start), vectors=shard_vectors)
    progress("embedding", len(distinct), len(distinct))
    assert result is not None
    return result, n_missing


def _shard_name(start: int) -> str:
    return f"{start // checkpoints.TEXTS:05d}"
