"""How far stories of a large archive look: what shares their words, or lies near them, is compared with them at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import joined
from recommender.features.hubness import id_hashes
from recommender.search import loops
from recommender.search.keys import Keys, Postings
from recommender.search.limits import Limits

CELLS = 64, 4_096  # least and most
_MOST = 16  # cells that a story looks into, at most
_BLOCK = 4_096  # stories placed at a time


@dataclass(frozen=True, eq=False)
class Reach:
    """How far some stories look, by row.

    Attributes
    ----------
    cut : ndarray of int32, shape (n,)
        Product of words from which on a row is compared.
    cells : ndarray of int32, shape (n, c)
        Cells whose rows are compared, the nearest first: the story lies in that one. -1 = without a vector.
    """

    cut: NDArray[np.int32]
    cells: NDArray[np.int32]

    def take(self, rows: NDArray[np.int64]) -> Reach:
        """Take the reach of some stories."""
        return Reach(self.cut[rows], self.cells[rows])

    def beside(self, more: Reach) -> Reach:
        """Put the reach of other stories behind this."""
        return Reach(joined(self.cut, more.cut), joined(self.cells, more.cells))


@dataclass(frozen=True, eq=False)
class Shortlist:
    """What tells how far a story looks, frozen with the epoch: so a story looks as far as before when others arrive.

    An inverted index (Zobel & Moffat, 2006) of the words, and cells around some of the stories, as in an inverted
    file of vectors (Jégou et al., 2011). Both decide about a pair of stories by these two alone.

    Attributes
    ----------
    sample : Keys, s rows
        Words of some stories.
    landmarks : ndarray of int16, shape (l, d)
        Vectors of the stories that cells lie around.
    looks : int
        Cells that a story looks into.
    rank : int
        A story's cut is the so many greatest product of its words with those of the sample.
    """

    sample: Keys
    landmarks: NDArray[np.int16]
    looks: int
    rank: int

    @classmethod
    def fit(cls, ids: list[str], keys: Keys, vectors: NDArray[np.int16], limits: Limits) -> Shortlist:
        """Draw sample and landmarks by a hash of the ids: the same stories, whatever their order."""
        key, size = id_hashes(ids), len(ids)
        order = np.argsort(key, kind="stable")
        sample = np.sort(order[: max(size * limits.rank // limits.near, limits.rank)])
        known = order[vectors[order].any(axis=1)][::-1]  # others than the sample
        cells = int(np.clip(2 ** round(np.log2(max(_MOST * size / limits.inside, 1))), *CELLS))
        chosen = np.sort(known[:cells])
        looks = int(np.clip(round(limits.inside * len(chosen) / max(size, 1)), 1, max(min(_MOST, len(chosen)), 1)))
        return cls(keys.take(sample), np.asarray(vectors[chosen]), looks, limits.rank)

    def reach(self, keys: Keys, vectors: NDArray[np.int16], vocabulary: int) -> Reach:
        """Tell how far some stories look."""
        size = len(keys)
        cut, cells = np.ones(size, np.int32), np.full((size, self.looks), -1, np.int32)
        postings = Postings.of(self.sample.words, self.sample.weights, vocabulary)
        loops.cuts(size, keys.words, keys.weights, *postings.parts, len(self.sample), self.rank, cut)
        landmarks = self.landmarks.astype(np.float32).T
        for start in range(0, size if len(self.landmarks) else 0, _BLOCK):
            some = np.asarray(vectors[start : start + _BLOCK]).astype(np.float32)
            products = some @ landmarks  # whole numbers below 2**24: exact
            loops.nearest_cells(len(some), products, some.any(axis=1), cells[start : start + _BLOCK])
        return Reach(cut, cells)
