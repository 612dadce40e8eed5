"""The best rows for many stories: of all rows, or of those within the reach of each."""

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
_SPARE = 32  # room of a buffer beyond the wanted rows, if twice these is less
_PRODUCTS = 1 << 22  # in memory at a time
_FEW = 16  # so few stories or rows are multiplied as integers: converting the others costs more than it gains


class _Buffers(NamedTuple):
    """The best rows so far of each story among others: a full buffer is thinned to its best rows.

    Cheaper than a heap: most rows that enter are soon beaten, and never compared with more than a few.
    """

    position: NDArray[np.int32]  # (q, room); indices in `Rows`
    product: NDArray[np.int32]  # (q, room)
    size: NDArray[np.int32]  # (q,); number of rows in each buffer
    # (q,); the product that a row must reach: that of the last of the best `keep` when last thinned
    worst: NDArray[np.int32]
    keep: int

    @classmethod
    def empty(cls, stories: int, count: int, least: NDArray[np.int32] | None) -> _Buffers:
        room = count + max(count, _SPARE)
        worst = np.zeros(stories, np.int32) if least is None else least.copy()
        position, product = np.empty((stories, room), np.int32), np.empty((stories, room), np.int32)
        return cls(position, product, np.zeros(stories, np.int32), worst, count)

    def view(self, part: slice) -> _Buffers:
        """Return the buffers of some stories, which share memory with these."""
        return _Buffers(self.position[part], self.product[part], self.size[part], self.worst[part], self.keep)

    def best(self, rows: Rows) -> NDArray[np.int64]:
        """Return the best rows in order, (q, keep); -1 = none."""
        best = np.full((len(self.size), self.keep), -1, dtype=np.int64)
        width = int(self.size.max(initial=0))
        if width:
            is_filled = np.arange(width) < self.size[:, None]
            position = np.where(is_filled, self.position[:, :width], 0)
            product = np.where(is_filled, self.product[:, :width], -1).astype(np.int64)
            order = np.argsort(rows.id_rank[position] - (product << 32), axis=1)[:, : self.keep]
            best[:, : order.shape[1]] = np.take_along_axis(np.where(is_filled, rows.rows[position], -1), order, axis=1)
        return best


def nearest(
    queries: Queries,
    rows: Rows,
    count: int,
    *,
    within_reach: bool = False,
    windows: NDArray[np.int64] | None = None,
    least: NDArray[np.int32] | None = None,
    torch: bool = False,
) -> NDArray[np.int64]:
    """Find the `count` rows of greatest positive product for each story.

    Parameters
    ----------
    rows : Rows, m rows
    within_reach : bool, default False
        Whether only rows within a story's reach count, whatever their time.
    windows : ndarray of int64, shape (q, 4), optional
        The time intervals `[a, b]` and `[c, d]` of each story; rows without a window are always found.
    least : ndarray of int32, shape (q,), optional
        The least product that is of use to each story.
    torch : bool, default False
        Whether PyTorch may multiply, see `worth_torch`.

    Returns
    -------
    ndarray of int64, shape (q, count)
        Best first, equal ones by `id_rank`; -1 = none.
    """
    buffers = _Buffers.empty(len(queries), count, least)
    if not len(queries) or not len(rows):
        return buffers.best(rows)
    stories = queries.search.take(queries.at)
    keys = stories.keys.words, stories.keys.weights
    if within_reach:
        assert stories.reach is not None
        assert rows.table.reach is not None
        reach_of_rows, cells = rows.table.reach, rows.cells
        centres = products_with_centres(stories.vectors, reach_of_rows.centres[cells], reach_of_rows.floats[cells])
        reach = stories.reach.cut, centres
        others = *rows.vectors_and_rows, rows.postings.arrays, rows.cell_offsets
        loops.best_of_near(len(queries), stories.vectors, *keys, *reach, queries.rows, *others, rows.arrays, buffers)
        return buffers.best(rows)
    windows = np.zeros((len(queries), 4), np.int64) if windows is None else windows
    step = max(_PRODUCTS // len(rows), _FEW)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        dense = _products(stories.vectors[part], rows, torch)
        block = (values[part] for values in (*keys, queries.rows, windows))
        loops.best_of_all(len(dense), dense, *block, rows.postings.arrays, rows.arrays, buffers.view(part))
    return buffers.best(rows)


def _products(vectors: NDArray[np.int16], rows: Rows, torch: bool) -> NDArray[np.float32]:
    """Compute the products of stories' vectors with those of rows, (s, m): exact, since all sums are below 2**24."""
    if len(vectors) <= _FEW or len(rows) <= _FEW:
        dense = np.empty((len(vectors), len(rows)), np.float32)
        products(len(rows), vectors, rows.vectors, dense)
        return dense
    if not torch:
        return np.asarray(vectors.astype(np.float32) @ rows.floats.T)
    from torch import from_numpy

    return np.asarray((from_numpy(vectors.astype(np.float32)) @ from_numpy(rows.floats).T).numpy())


def worth_torch(products: int) -> bool:
    """Check whether a search with so many products is worth the import of PyTorch."""
    return products >= TORCH
