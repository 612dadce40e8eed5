"""Vectors of a table of stories, by whatever keeps or makes them."""

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
    """Make vectors of stories, by whatever keeps or makes them.

    Attributes
    ----------
    embedder : Embedder
    cache : VectorCache, optional
        Without one the ledgers of a job keep the vectors.
    encode : callable, optional
        Stands in for the embedder's own.
    ledgers : Ledgers, optional
    """

    embedder: Embedder
    cache: VectorCache | None = None
    encode: Encode | None = None
    ledgers: Ledgers | None = None

    def of(self, table: pa.Table, site: str, progress: Progress = silent) -> tuple[NDArray[np.int16], int]:
        """Embed stories; those in a language that the embedder does not know get zeros: their cosines say nothing.

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
        known = is_in_known_language(table, self.embedder.languages, site)
        if known.all():
            return self._embedded(table, progress)
        # without a known story, one is embedded all the same: it tells the dimensions
        some = table.filter(pa.array(known)) if known.any() else table.slice(0, 1)
        found, embedded = self._embedded(some, progress)
        vectors = np.zeros((len(table), found.shape[1]), dtype=found.dtype)
        vectors[known] = found[: known.sum()]
        return vectors, embedded

    def _embedded(self, table: pa.Table, progress: Progress) -> tuple[NDArray[np.int16], int]:
        embedder = self.embedder
        texts, encode = embedder.prepare(table), self.encode or partial(map, embedder.encode)
        if self.cache is not None and embedder.fingerprint:
            return self.cache.vectors(texts, embedder.fingerprint, encode, progress)
        if isinstance(embedder, GivenVectors):  # nothing to compute, and maybe nothing to copy
            return embedder.encode(texts), len(texts)
        inputs = {"embedding": embedder.fingerprint} if embedder.fingerprint else None
        return encode_distinct(texts, encode, BLOCK, inputs, self.ledgers, progress)
