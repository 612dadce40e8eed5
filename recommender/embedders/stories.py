"""Compute the vectors of a table of stories, with a cache or the ledgers of a job."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.languages import is_in_known_language
from recommender.embedders.cache import VectorCache
from recommender.embedders.encoding import encode_distinct
from recommender.embedders.given import GivenVectors
from recommender.embedders.protocol import Embedder, Encode
from recommender.progress import Progress, silent
from recommender.storage.checkpoints import Ledgers

BLOCK = 512  # texts of a batch


@dataclass(frozen=True, kw_only=True)
class StoryVectors:
    """Computes vectors of stories, and keeps them.

    Attributes
    ----------
    embedder : Embedder
    cache : VectorCache, optional
        Without a cache the ledgers of a job keep the vectors.
    encode : callable, optional
        Replaces `encode` of the embedder.
    ledgers : Ledgers, optional
    """

    embedder: Embedder
    cache: VectorCache | None = None
    encode: Encode | None = None
    ledgers: Ledgers | None = None

    def embed(self, table: pa.Table, site: str, progress: Progress = silent) -> tuple[NDArray[np.int16], int]:
        """Embed stories; those in a language that the embedder does not know get zero vectors.

        Parameters
        ----------
        table : pyarrow.Table, n rows
        site : str
            Language of stories that name none.
        progress : callable

        Returns
        -------
        vectors : ndarray of int16, shape (n, d)
        embedded : int
            Texts that had to be embedded.
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
        return encode_distinct(texts, encode, BLOCK, inputs, self.ledgers, progress)
