"""Vectors and search terms of a large archive -> the reach of each story: the only rows it is compared with."""

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

_CELLS, _MEMBERS = (64, 2_048), 64  # least and most cells, and the approximate number of stories of each
_PART = 16  # stories from which the centre of a cell is computed
_BLOCK = 1_024  # stories assigned to cells at a time
_FEW = 16  # so few are multiplied as integers: the library that multiplies many takes milliseconds to begin


@dataclass(frozen=True, eq=False)
class Reach:
    """The reach of stories, by row."""

    cut: NDArray[np.int32]  # (n,); the least estimate of a row that the story is compared with
    cell: NDArray[np.int32]  # (n,); the cell of each story; the last cell = without a vector
    centres: NDArray[np.int16]  # (c, d); centres of the cells

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Centres, for matrix products."""
        return self.centres.astype(np.float32)

    def take(self, rows: NDArray[np.int64]) -> Reach:
        """Return the reach of the stories at `rows`."""
        return Reach(self.cut[rows], self.cell[rows], self.centres)

    def append(self, other: Reach) -> Reach:
        """Return the reach of these stories followed by that of others."""
        return Reach(concatenate(self.cut, other.cut), concatenate(self.cell, other.cell), self.centres)


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The sample and the centres that decide the reach of stories, fixed for the epoch: new stories change no reach.

    The product of two stories is estimated from the words that both share (an inverted index; Zobel & Moffat, 2006)
    and from the centre of the cell of the row's vector (an inverted file; Jégou et al., 2011). The estimate depends on
    these two stories alone.
    """

    sample: Keys  # s rows; search terms of the sample, in the order of its cells
    cell: NDArray[np.int32]  # (s,); cells of the sample
    centres: NDArray[np.int16]  # (c, d); the last is that of stories without a vector: zeros
    rank: int  # the cut of a story is its `rank`-th greatest estimate in the sample
    vocabulary: int  # number of words

    @classmethod
    def fit(cls, ids: list[str], keys: Keys, vectors: NDArray[np.int16], vocabulary: int, limits: Limits) -> Shortlist:
        """Draw sample and centres by a hash of the ids, so the order of the stories does not matter."""
        key, size = id_hashes(ids), len(ids)
        order = np.argsort(key, kind="stable")
        sample = np.sort(order[: max(size * limits.rank // limits.near, limits.rank)])
        with_vector = order[np.asarray(vectors.any(axis=1))[order]][::-1]  # from the end: others than the sample
        cells = int(np.clip(2 ** round(np.log2(max(size / _MEMBERS, 1))), *_CELLS))
        centres = _centres(vectors[np.sort(with_vector[:cells])], vectors[np.sort(with_vector[: _PART * cells])])
        cell = np.concatenate([cell for cell, _ in _assign_cells(vectors[sample], centres, centres.astype(np.float32))])
        by_cell = np.argsort(cell, kind="stable")
        return cls(keys.take(sample[by_cell]), cell[by_cell], centres, limits.rank, vocabulary)

    @cached_property
    def postings(self) -> Postings:
        """The inverted index of the sample."""
        return Postings.from_keys(self.sample, self.vocabulary)

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Centres, for matrix products."""
        return self.centres.astype(np.float32)

    def reach(self, keys: Keys, vectors: NDArray[np.int16]) -> Reach:
        """Compute the reach of stories."""
        size, done = len(keys), 0
        reach = Reach(np.empty(size, np.int32), np.empty(size, np.int32), self.centres)
        for cell, centre_products in _assign_cells(vectors, self.centres, self.floats):
            part = slice(done, done + len(cell))
            reach.cell[part] = cell
            words = keys.words[part], keys.weights[part]
            loops.cuts(len(cell), *words, centre_products, *self.postings.arrays, self.cell, self.rank, reach.cut[part])
            done += len(cell)
        return reach


def products_with_centres(
    vectors: NDArray[np.int16], centres: NDArray[np.int16], floats: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute the products of stories with centres, (s, c): exact, since all sums are integers below 2**24."""
    if len(vectors) > _FEW:
        return np.asarray(vectors.astype(np.float32) @ floats.T)
    dense = np.empty((len(vectors), len(centres)), np.float32)
    products(len(centres), vectors, centres, dense)
    return dense


def _assign_cells(
    vectors: NDArray[np.int16], centres: NDArray[np.int16], floats: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Yield the nearest centre of each story, of equal ones the first, and its products with all, block by block."""
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK])
        products = products_with_centres(block, centres, floats)
        nearest = products[:, :-1].argmax(axis=1) if len(centres) > 1 else 0
        yield np.where(block.any(axis=1), nearest, len(centres) - 1).astype(np.int32), products


def _centres(seeds: NDArray[np.int16], stories: NDArray[np.int16]) -> NDArray[np.int16]:
    """Move each seed to the mean of the stories that are nearest to it, and append zeros, (c, d)."""
    zeros = np.zeros((1, seeds.shape[1]), np.int16)
    sums, first = seeds.astype(np.int64), np.concatenate([seeds, zeros])
    cells = [cell for cell, _ in _assign_cells(stories, first, first.astype(np.float32))]
    np.add.at(sums, np.concatenate([np.zeros(0, np.int32), *cells]), stories)
    lengths = np.sqrt((sums**2).sum(axis=1, keepdims=True).astype(np.float64))
    return np.concatenate([np.rint(sums * (SCALE / np.maximum(lengths, 1))).astype(np.int16), zeros])
