"""The words that stories are searched by: of each its most telling ones, as integers."""

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
    """Words of some stories and what they weigh, by row.

    Attributes
    ----------
    words : ndarray of int32, shape (n, KEYS)
        Places in the vocabulary, ascending; -1 = none.
    weights : ndarray of int16, shape (n, KEYS)
    """

    words: NDArray[np.int32]
    weights: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, terms: sp.csr_matrix, telling: NDArray[np.bool_], vectors: NDArray[np.int16]) -> Keys:
        """Choose the words of greatest TF-IDF among those that may tell stories apart.

        Parameters
        ----------
        terms : csr_matrix, shape (n, v)
            TF-IDF, unit rows.
        telling : ndarray of bool, shape (v,)
            See `telling_words`.
        vectors : ndarray of int16, shape (n, d)
            Where a story has none its words have all the weight.
        """
        size = len(vectors)
        found = cls(np.full((size, KEYS), -1, np.int32), np.zeros((size, KEYS), np.int16))
        scale = np.where(vectors.any(axis=1), np.sqrt(_WORDS), 1.0).astype(np.float32) * np.float32(SCALE)
        parts = np.asarray(terms.indptr), np.asarray(terms.indices), np.asarray(terms.data)
        loops.heaviest(size, *parts, telling, scale, found.words, found.weights)
        return found

    def take(self, rows: NDArray[np.int64]) -> Keys:
        """Take the words of some stories."""
        return Keys(self.words[rows], self.weights[rows])

    def beside(self, more: Keys) -> Keys:
        """Put the words of other stories behind these."""
        return Keys(concatenate(self.words, more.words), concatenate(self.weights, more.weights))


def telling_words(tfidf: Tfidf) -> NDArray[np.bool_]:
    """Find the words that tell stories apart: of more than one, and not of very many; (v,)."""
    most = np.clip(_SHARE * tfidf.stories, _FEW, _MOST)
    return np.asarray(tfidf.shared & (tfidf.shares * tfidf.stories <= most))


@dataclass(frozen=True, eq=False)
class Postings:
    """The places at which each word stands.

    Attributes
    ----------
    first : ndarray of int64, shape (v + 1,)
        Where those of each begin.
    place : ndarray of int32, shape (m,)
        Ascending for each.
    weight : ndarray of int16, shape (m,)
    """

    first: NDArray[np.int64]
    place: NDArray[np.int32]
    weight: NDArray[np.int16]

    @property
    def parts(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]]:
        """The arrays, as compiled loops take them."""
        return self.first, self.place, self.weight

    @classmethod
    def of(cls, keys: Keys, vocabulary: int, rows: NDArray[np.int64] | None = None) -> Postings:
        """Turn words by row into places by word; `rows` are those that stand at the places."""
        rows = np.arange(len(keys)) if rows is None else rows
        first = np.zeros(vocabulary + 1, np.int64)
        loops.count(len(rows), keys.words, rows, first)
        np.cumsum(first, out=first)
        place, weight = np.empty(first[-1], np.int32), np.empty(first[-1], np.int16)
        loops.post(len(rows), keys.words, keys.weights, rows, first[:-1].copy(), place, weight)
        return cls(first, place, weight)
