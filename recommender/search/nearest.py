"""The best rows of many stories: of all rows, or of those within the reach of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.features.loops import products
from recommender.search import loops
from recommender.search.pools import Queries
from recommender.search.shortlist import products_with_centres
from recommender.search.table import Rows

TORCH = 1 << 24  # products from which on importing torch pays
_SPARE = 32  # rows that a line can hold beyond its best, where twice as many is less
_PRODUCTS = 1 << 22  # held at a time
_FEW = 16  # so few stories or rows are multiplied as integers: converting the others costs more than it gains


class _Held(NamedTuple):
    """The best rows so far of some stories, among others that are not: the fuller lines are thinned to their best.

    Cheaper than a heap: most rows that enter are soon beaten, and never compared with more than a few.

    Attributes
    ----------
    place : ndarray of int32, shape (q, room)
        Places in `Rows`.
    dot : ndarray of int32, shape (q, room)
    size : ndarray of int32, shape (q,)
        How many are held.
    worst : ndarray of int32, shape (q,)
        Product that a row must reach: that of the last of the best `keep` when last thinned.
    keep : int
    """

    place: NDArray[np.int32]
    dot: NDArray[np.int32]
    size: NDArray[np.int32]
    worst: NDArray[np.int32]
    keep: int

    @classmethod
    def empty(cls, stories: int, count: int, least: NDArray[np.int32] | None) -> _Held:
        room = count + max(count, _SPARE)
        worst = np.zeros(stories, np.int32) if least is None else least.copy()
        place, dot = np.empty((stories, room), np.int32), np.empty((stories, room), np.int32)
        return cls(place, dot, np.zeros(stories, np.int32), worst, count)

    def part(self, places: slice) -> _Held:
        """Give some lines, which share their memory with the others."""
        return _Held(self.place[places], self.dot[places], self.size[places], self.worst[places], self.keep)

    def best(self, rows: Rows) -> NDArray[np.int64]:
        """Sort what is held, and give the rows of the best, (q, keep); -1 = none."""
        found = np.full((len(self.size), self.keep), -1, dtype=np.int64)
        width = int(self.size.max(initial=0))
        if width:
            filled = np.arange(width) < self.size[:, None]
            place = np.where(filled, self.place[:, :width], 0)
            product = np.where(filled, self.dot[:, :width], -1).astype(np.int64)
            order = np.argsort(rows.id_rank[place] - (product << 32), axis=1)[:, : self.keep]
            best = np.take_along_axis(np.where(filled, rows.rows[place], -1), order, axis=1)
            found[:, : order.shape[1]] = best
        return found


def nearest(
    queries: Queries,
    rows: Rows,
    count: int,
    *,
    near: bool = False,
    windows: NDArray[np.int64] | None = None,
    least: NDArray[np.int32] | None = None,
    torch: bool = False,
) -> NDArray[np.int64]:
    """Find the `count` rows of greatest positive product for each story.

    Parameters
    ----------
    queries : Queries, q stories
    rows : Rows, m rows
    count : int
    near : bool, default False
        Whether only rows within a story's reach count, in whatever time.
    windows : ndarray of int64, shape (q, 4), optional
        Times `[a, b]` and `[c, d]` that each story may find, besides rows that are free.
    least : ndarray of int32, shape (q,), optional
        Products that are of no use to a story if they are smaller.
    torch : bool, default False
        Whether PyTorch may multiply, see `worth_torch`.

    Returns
    -------
    ndarray of int64, shape (q, count)
        Best first, equal ones by `id_rank`; -1 = none.
    """
    held = _Held.empty(len(queries), count, least)
    if not len(queries) or not len(rows):
        return held.best(rows)
    mine = queries.search.take(queries.at)
    words = mine.keys.words, mine.keys.weights
    if near:
        assert mine.reach is not None
        assert rows.table.reach is not None
        known = rows.table.reach
        centres = products_with_centres(mine.vectors, known.centres, known.floats)
        centres = np.take(centres, rows.cells, axis=1)  # indexed by `[:, cells]` they would lie column by column
        others = *rows.vectors_at, rows.postings.parts, rows.first
        reach = mine.reach.cut, centres
        loops.best_of_near(len(queries), mine.vectors, *words, *reach, queries.rows, *others, rows.parts, held)
        return held.best(rows)
    windows = np.zeros((len(queries), 4), np.int64) if windows is None else windows
    step = max(_PRODUCTS // len(rows), _FEW)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        dense = _products(mine.vectors[part], rows, torch)
        some = (one[part] for one in (*words, queries.rows, windows))
        loops.best_of_all(len(dense), dense, *some, rows.postings.parts, rows.parts, held.part(part))
    return held.best(rows)


def _products(vectors: NDArray[np.int16], rows: Rows, torch: bool) -> NDArray[np.float32]:
    """Multiply the vectors of stories with those of rows, (s, m): exactly, since all sums stay below 2**24."""
    if len(vectors) <= _FEW or len(rows) <= _FEW:
        found = np.empty((len(vectors), len(rows)), np.float32)
        products(len(rows), vectors, rows.vectors, found)
        return found
    if not torch:
        return np.asarray(vectors.astype(np.float32) @ rows.floats.T)
    from torch import from_numpy

    return np.asarray((from_numpy(vectors.astype(np.float32)) @ from_numpy(rows.floats).T).numpy())


def worth_torch(products: int) -> bool:
    """Tell whether a search with so many products is worth the import of PyTorch."""
    return products >= TORCH
