"""The search terms of stories: the weightiest distinctive words of each, as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.compute.parallel import concatenate
from recommender.features.tfidf import Tfidf
from recommender.features.vectors import SCALE
from recommender.search import loops

KEYS = 64  # words of a story
_SHARE, _FEW, _MOST = 0.25, 1_000, 16_384  # stories that use a key: a share of all, at least and at most so many
_WORDS = 0.7  # of the product of a story with itself; the rest is that of its vector


@dataclass(frozen=True, eq=False)
class Keys:
    """Search terms of stories and their weights, by row."""

    words: NDArray[np.int32]  # (n, KEYS); indices in the vocabulary, ascending; -1 = none
    weights: NDArray[np.int16]  # (n, KEYS)

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def from_terms(cls, terms: sp.csr_matrix, is_distinctive: NDArray[np.bool_], vectors: NDArray[np.int16]) -> Keys:
        """Choose the distinctive words of greatest TF-IDF.

        Parameters
        ----------
        terms : csr_matrix, shape (n, v)
            TF-IDF, unit rows.
        is_distinctive : ndarray of bool, shape (v,)
            See `mask_distinctive_words`.
        vectors : ndarray of int16, shape (n, d)
            The words of a story without a vector have all the weight.
        """
        size = len(vectors)
        keys = cls(np.full((size, KEYS), -1, np.int32), np.zeros((size, KEYS), np.int16))
        scale = np.where(vectors.any(axis=1), np.sqrt(_WORDS), 1.0).astype(np.float32) * np.float32(SCALE)
        arrays = np.asarray(terms.indptr), np.asarray(terms.indices), np.asarray(terms.data)
        loops.heaviest(size, *arrays, is_distinctive, scale, keys.words, keys.weights)
        return keys

    def take(self, rows: NDArray[np.int64]) -> Keys:
        """Return the search terms of the stories at `rows`."""
        return Keys(self.words[rows], self.weights[rows])

    def append(self, other: Keys) -> Keys:
        """Return these search terms followed by those of other stories."""
        return Keys(concatenate(self.words, other.words), concatenate(self.weights, other.weights))


def mask_distinctive_words(tfidf: Tfidf) -> NDArray[np.bool_]:
    """Mark the words used by more than one story and by not too many, (v,)."""
    most = np.clip(_SHARE * tfidf.stories, _FEW, _MOST)
    return np.asarray(tfidf.shared & (tfidf.shares * tfidf.stories <= most))


@dataclass(frozen=True, eq=False)
class Postings:
    """The inverted index of search terms: the positions of the stories that use each word."""

    offsets: NDArray[np.int64]  # (v + 1,); where the positions of each word begin
    positions: NDArray[np.int32]  # (m,); ascending for each word
    weights: NDArray[np.int16]  # (m,)

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
        """The arrays in the order in which compiled loops take them."""
        return self.offsets, self.positions, self.weights

    @classmethod
    def from_keys(cls, keys: Keys, vocabulary: int, rows: NDArray[np.int64] | None = None) -> Postings:
        """Build the index of the stories at `rows`, by default of all; positions are indices in `rows`."""
        rows = np.arange(len(keys)) if rows is None else rows
        offsets = np.zeros(vocabulary + 1, np.int64)
        loops.count(len(rows), keys.words, rows, offsets)
        np.cumsum(offsets, out=offsets)
        positions, weights = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.int16)
        loops.post(len(rows), keys.words, keys.weights, rows, offsets[:-1].copy(), positions, weights)
        return cls(offsets, positions, weights)
