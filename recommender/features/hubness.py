"""How near a story's neighbours are: in a crowded corner of the archive a cosine says less than in an empty one."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features import pair_loops as loops
from recommender.features.vectors import SCALE

SAMPLE = 4_096  # stories that neighbours are sought among
NEAREST = 10
SCALE_NEAREST = 50  # neighbours that the local scale is told by
OWN = 2  # of them, the nearest, which may be reports of the story's own event and do not count
_ITSELF = 0.999  # cosine of two vectors from which on they are those of one text


@dataclass(frozen=True, eq=False)
class Neighbours:
    """How near the neighbours of some stories are.

    Attributes
    ----------
    hubness : ndarray of float32, shape (n,)
        Mean TF-IDF cosine with the ten nearest.
    scale : ndarray of float32, shape (n, 2)
        Local scale: mean cosine with the third to the fiftieth nearest, by TF-IDF and by vectors. The second is NaN
        where a story has no vector.
    """

    hubness: NDArray[np.float32]
    scale: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> Neighbours:
        """Take the neighbours of some stories."""
        return Neighbours(self.hubness[rows], self.scale[rows])

    def beside(self, more: Neighbours) -> Neighbours:
        """Put the neighbours of other stories behind these."""
        return Neighbours(np.concatenate([self.hubness, more.hubness]), np.concatenate([self.scale, more.scale]))


@dataclass(frozen=True, eq=False)
class Hubness:
    """A sample of an archive, frozen with the epoch, so that a story's neighbours do not change as others arrive.

    Attributes
    ----------
    terms : csr_matrix of float32, shape (s, v)
        TF-IDF rows of the sample.
    vectors : ndarray of int16, shape (s, d)
    keys : ndarray of int64, shape (s,)
        Hashes of their ids.
    """

    terms: sp.csr_matrix
    vectors: NDArray[np.int16]
    keys: NDArray[np.int64]

    @classmethod
    def fit(cls, ids: list[str], terms: sp.csr_matrix, vectors: NDArray[np.int16]) -> Hubness:
        """Draw the sample by a hash of the ids: the same stories, whatever their order."""
        key = id_hashes(ids)
        rows = np.sort(np.argsort(key, kind="stable")[:SAMPLE])
        return cls(terms[rows].tocsr(), np.asarray(vectors[rows]), key[rows])

    def without(self, ids: list[str], terms: NDArray[np.int64]) -> Hubness:
        """Leave out some stories, in any of their versions, and all but some columns of terms."""
        held = ~np.isin(self.keys, id_hashes(ids))
        return Hubness(self.terms[held][:, terms].tocsr(), self.vectors[held], self.keys[held])

    def of(self, terms: sp.csr_matrix, vectors: NDArray[np.int16]) -> Neighbours:
        """Measure how near the sample is to each of some stories; a story's own text does not count.

        Where there are fewer the missing ones count as 0.
        """
        words = np.empty((terms.shape[0], 2), dtype=np.float32)
        by_term = self.terms.tocsc()
        loops.nearest_mean(
            terms.shape[0],
            *(np.asarray(part) for part in (terms.indptr, terms.indices, terms.data)),
            *(np.asarray(part) for part in (by_term.indptr, by_term.indices, by_term.data)),
            self.terms.shape[0],
            NEAREST,
            SCALE_NEAREST,
            OWN,
            words,
        )
        product = np.empty(len(vectors), dtype=np.float64)
        vectors, limit = np.asarray(vectors), int(_ITSELF * SCALE**2)
        loops.nearest_products(len(vectors), vectors, np.asarray(self.vectors), limit, SCALE_NEAREST, OWN, product)
        dense = np.where(vectors.any(axis=1), product / SCALE**2, np.nan)
        return Neighbours(words[:, 0].copy(), np.stack([words[:, 1], dense], axis=1).astype(np.float32))


def id_hashes(ids: list[str]) -> NDArray[np.int64]:
    """Hash ids, (n,)."""
    return np.array([zlib.crc32(article_id.encode()) for article_id in ids], dtype=np.int64)
