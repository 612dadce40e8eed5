"""How near a story's neighbours are: in a crowded corner of the archive a cosine says less than in an empty one."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features import pair_loops as loops

SAMPLE = 4_096  # stories that neighbours are sought among
NEAREST = 10


@dataclass(frozen=True, eq=False)
class Hubness:
    """A sample of an archive, frozen with the epoch, so that a story's hubness does not change as others arrive.

    Attributes
    ----------
    terms : csr_matrix of float32, shape (s, v)
        TF-IDF rows of the sample.
    keys : ndarray of int64, shape (s,)
        Hashes of their ids.
    """

    terms: sp.csr_matrix
    keys: NDArray[np.int64]

    @classmethod
    def fit(cls, ids: list[str], terms: sp.csr_matrix) -> Hubness:
        """Draw the sample by a hash of the ids: the same stories, whatever their order."""
        key = _keys(ids)
        rows = np.sort(np.argsort(key, kind="stable")[:SAMPLE])
        return cls(terms[rows].tocsr(), key[rows])

    def without(self, ids: list[str], terms: NDArray[np.int64]) -> Hubness:
        """Without some stories, in any of their versions, and with only some columns of terms."""
        held = ~np.isin(self.keys, _keys(ids))
        return Hubness(self.terms[held][:, terms].tocsr(), self.keys[held])

    def of(self, terms: sp.csr_matrix) -> NDArray[np.float32]:
        """Mean cosine of each row with its ten nearest in the sample, float32 (n,); a row's own text does not count.

        With fewer than ten the missing ones count as 0.
        """
        found = np.empty(terms.shape[0], dtype=np.float32)
        by_term = self.terms.tocsc()
        loops.nearest_mean(
            terms.shape[0],
            *(np.asarray(part) for part in (terms.indptr, terms.indices, terms.data)),
            *(np.asarray(part) for part in (by_term.indptr, by_term.indices, by_term.data)),
            self.terms.shape[0],
            NEAREST,
            found,
        )
        return found


def _keys(ids: list[str]) -> NDArray[np.int64]:
    return np.array([zlib.crc32(article_id.encode()) for article_id in ids], dtype=np.int64)
