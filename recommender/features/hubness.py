"""Measure how near a story's neighbours are, since a cosine says less in a crowded corner of the archive."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features import pair_loops as loops
from recommender.features.tfidf import csr_arrays
from recommender.features.vectors import SCALE

SAMPLE = 4_096  # stories that neighbours are sought among
NEAREST = 10
SCALE_NEAREST = 50  # neighbours that the local scale is computed from
OWN = 2  # the nearest of them, which may be reports of the story's own event and do not count
_ITSELF = 0.999  # cosine of two vectors from which on they are those of one text


@dataclass(frozen=True, eq=False)
class Neighbours:
    """How near the neighbours of some stories are."""

    hubness: NDArray[np.float32]  # (n,); mean TF-IDF cosine with the ten nearest
    # (n, 2); local scale: mean cosine with the third to the fiftieth nearest, by TF-IDF and by vectors. The second is
    # NaN where a story has no vector
    scale: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> Neighbours:
        """Return the neighbours of the stories in `rows`."""
        return Neighbours(self.hubness[rows], self.scale[rows])

    def append(self, more: Neighbours) -> Neighbours:
        """Append the neighbours of further stories."""
        return Neighbours(np.concatenate([self.hubness, more.hubness]), np.concatenate([self.scale, more.scale]))


@dataclass(frozen=True, eq=False)
class Hubness:
    """A sample of an archive, frozen with the epoch, so that a story's neighbours do not change as others arrive."""

    terms: sp.csr_matrix  # (s, v); TF-IDF rows of the sample
    vectors: NDArray[np.int16]  # (s, d)
    keys: NDArray[np.int64]  # (s,); hashes of their ids

    @classmethod
    def fit(cls, ids: list[str], terms: sp.csr_matrix, vectors: NDArray[np.int16]) -> Hubness:
        """Draw the sample by a hash of the ids: the same stories, whatever their order."""
        keys = id_hashes(ids)
        rows = np.sort(np.argsort(keys, kind="stable")[:SAMPLE])
        return cls(terms[rows].tocsr(), np.asarray(vectors[rows]), keys[rows])

    def drop(self, ids: list[str], *, terms: NDArray[np.int64]) -> Hubness:
        """Return the sample without the stories in `ids`, and with the columns in `terms` alone."""
        is_kept = ~np.isin(self.keys, id_hashes(ids))
        return Hubness(self.terms[is_kept][:, terms].tocsr(), self.vectors[is_kept], self.keys[is_kept])

    @cached_property
    def _by_term(self) -> sp.csc_matrix:
        return self.terms.tocsc()

    def neighbours(self, terms: sp.csr_matrix, vectors: NDArray[np.int16]) -> Neighbours:
        """Measure how near the neighbours of stories are within the sample; a story's own text does not count.

        Neighbours that a small sample lacks count as 0.
        """
        by_words = np.empty((terms.shape[0], 2), dtype=np.float32)
        loops.nearest_mean(
            terms.shape[0],
            *csr_arrays(terms),
            *csr_arrays(self._by_term),
            self.terms.shape[0],
            NEAREST,
            SCALE_NEAREST,
            OWN,
            by_words,
        )
        by_vectors = np.empty(len(vectors), dtype=np.float64)
        vectors, same_text = np.asarray(vectors), int(_ITSELF * SCALE**2)
        loops.nearest_products(
            len(vectors), vectors, np.asarray(self.vectors), same_text, SCALE_NEAREST, OWN, by_vectors
        )
        dense = np.where(vectors.any(axis=1), by_vectors / SCALE**2, np.nan)
        return Neighbours(by_words[:, 0].copy(), np.stack([by_words[:, 1], dense], axis=1).astype(np.float32))


def id_hashes(ids: list[str]) -> NDArray[np.int64]:
    """Compute the CRC-32 of each id, (n,)."""
    return np.array([zlib.crc32(article_id.encode()) for article_id in ids], dtype=np.int64)
