"""Vectors and words of a large archive -> how far each story looks; the search compares it with no other rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import concatenate
from recommender.features.hubness import id_hashes
from recommender.features.loops import products
from recommender.features.vectors import SCALE
from recommender.search import loops
from recommender.search.keys import Keys, Postings
from recommender.search.limits import Limits

_CELLS, _MEMBERS = (64, 2_048), 64  # least and most, and stories of each, about
_PART = 16  # stories by which the centre of a cell is told
_BLOCK = 4_096  # stories placed at a time
_FEW = 16  # so few are multiplied as integers: the library that multiplies many takes milliseconds to begin


@dataclass(frozen=True, eq=False)
class Reach:
    """How far some stories look, by row.

    Attributes
    ----------
    cut : ndarray of int32, shape (n,)
        Estimate from which on a row is compared.
    cell : ndarray of int32, shape (n,)
        Where each lies; the last = without a vector.
    centres : ndarray of int16, shape (c, d)
        Of the cells.
    """

    cut: NDArray[np.int32]
    cell: NDArray[np.int32]
    centres: NDArray[np.int16]

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Centres, as many stories are multiplied with them."""
        return self.centres.astype(np.float32)

    def take(self, rows: NDArray[np.int64]) -> Reach:
        """Take the reach of some stories."""
        return Reach(self.cut[rows], self.cell[rows], self.centres)

    def beside(self, more: Reach) -> Reach:
        """Put the reach of other stories behind this."""
        return Reach(concatenate(self.cut, more.cut), concatenate(self.cell, more.cell), self.centres)


@dataclass(frozen=True, eq=False)
class Shortlist:
    """What tells how far a story looks, frozen with the epoch: so a story looks as far as before when others arrive.

    How near a row may be is estimated by the words that both share (an inverted index; Zobel & Moffat, 2006) and by
    the centre of the cell that the row's vector lies in (an inverted file; Jégou et al., 2011). What this tells of two
    stories depends on these two alone.

    Attributes
    ----------
    sample : Keys, s rows
        Words of some stories, in the order of their cells.
    cell : ndarray of int32, shape (s,)
        Where these lie.
    centres : ndarray of int16, shape (c, d)
        The last is that of stories without a vector: zeros.
    rank : int
        A story's cut is its so many greatest estimate in the sample.
    vocabulary : int
        Words that there are.
    """

    sample: Keys
    cell: NDArray[np.int32]
    centres: NDArray[np.int16]
    rank: int
    vocabulary: int

    @classmethod
    def fit(cls, ids: list[str], keys: Keys, vectors: NDArray[np.int16], vocabulary: int, limits: Limits) -> Shortlist:
        """Draw sample and centres by a hash of the ids: the same stories, whatever their order."""
        key, size = id_hashes(ids), len(ids)
        order = np.argsort(key, kind="stable")
        sample = np.sort(order[: max(size * limits.rank // limits.near, limits.rank)])
        known = order[np.asarray(vectors.any(axis=1))[order]][::-1]  # others than the sample
        cells = int(np.clip(2 ** round(np.log2(max(size / _MEMBERS, 1))), *_CELLS))
        centres = _centres(vectors[np.sort(known[:cells])], vectors[np.sort(known[: _PART * cells])])
        cell = np.concatenate([cell for cell, _ in _placed(vectors[sample], centres, centres.astype(np.float32))])
        by_cell = np.argsort(cell, kind="stable")
        return cls(keys.take(sample[by_cell]), cell[by_cell], centres, limits.rank, vocabulary)

    @cached_property
    def postings(self) -> Postings:
        """Where each word stands in the sample."""
        return Postings.of(self.sample, self.vocabulary)

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Centres, as many stories are multiplied with them."""
        return self.centres.astype(np.float32)

    def reach(self, keys: Keys, vectors: NDArray[np.int16]) -> Reach:
        """Tell how far some stories look."""
        size, done = len(keys), 0
        found = Reach(np.empty(size, np.int32), np.empty(size, np.int32), self.centres)
        for cell, near in _placed(vectors, self.centres, self.floats):
            part = slice(done, done + len(cell))
            found.cell[part] = cell
            words = keys.words[part], keys.weights[part]
            loops.cuts(len(cell), *words, near, *self.postings.parts, self.cell, self.rank, found.cut[part])
            done += len(cell)
        return found


def products_with_centres(
    vectors: NDArray[np.int16], centres: NDArray[np.int16], floats: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Multiply stories with centres, (s, c): either way in whole numbers below 2**24, and so exactly."""
    if len(vectors) > _FEW:
        return np.asarray(vectors.astype(np.float32) @ floats.T)
    found = np.empty((len(vectors), len(centres)), np.float32)
    products(len(centres), vectors, centres, found)
    return found


def _placed(
    vectors: NDArray[np.int16], centres: NDArray[np.int16], floats: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Find the nearest centre of each story, and its products with all, block by block; of equal ones the first."""
    for start in range(0, len(vectors), _BLOCK):
        some = np.asarray(vectors[start : start + _BLOCK])
        near = products_with_centres(some, centres, floats)
        nearest = near[:, :-1].argmax(axis=1) if len(centres) > 1 else 0
        yield np.where(some.any(axis=1), nearest, len(centres) - 1).astype(np.int32), near


def _centres(seeds: NDArray[np.int16], stories: NDArray[np.int16]) -> NDArray[np.int16]:
    """Move each seed to the middle of the stories that it is the nearest of, and put zeros behind: (c, d)."""
    none = np.zeros((1, seeds.shape[1]), np.int16)
    sums, before = seeds.astype(np.int64), np.concatenate([seeds, none])
    own = [cell for cell, _ in _placed(stories, before, before.astype(np.float32))]
    np.add.at(sums, np.concatenate([np.zeros(0, np.int32), *own]), stories)
    lengths = np.sqrt((sums**2).sum(axis=1, keepdims=True).astype(np.float64))
    return np.concatenate([np.rint(sums * (SCALE / np.maximum(lengths, 1))).astype(np.int16), none])
