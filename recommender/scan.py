"""Offering blocks of products to the best-so-far of many stories: compiled where numba is installed, else NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender import kernels


class Rows(NamedTuple):
    """Rows that may be found, oldest first.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    rows : ndarray of int64, shape (m,)
        Rows of `vectors`.
    shown : ndarray of bool, shape (m,)
        False where a story only asks.
    hour : ndarray of int64, shape (m,)
        Publication time.
    id_rank : ndarray of int64, shape (m,)
        Equal scores go by it, ascending.
    """

    vectors: NDArray[np.int16]
    rows: NDArray[np.int64]
    shown: NDArray[np.bool_]
    hour: NDArray[np.int64]
    id_rank: NDArray[np.int64]


class Asking(NamedTuple):
    """Stories that look for rows.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    rows : ndarray of int64, shape (q,)
        Rows of `vectors`.
    own : ndarray of int64, shape (q,)
        Place of the story itself in `Rows`, which it never finds; -1 = none.
    hour : ndarray of int64, shape (q,)
        Moment that ages are counted from.
    spans : ndarray of int64, shape (q, 4)
        It may find the places `[a, b)` and `[c, d)` in `Rows`.
    """

    vectors: NDArray[np.int16]
    rows: NDArray[np.int64]
    own: NDArray[np.int64]
    hour: NDArray[np.int64]
    spans: NDArray[np.int64]

    def take(self, places: NDArray[np.int64] | slice) -> Asking:
        """Some of them."""
        return Asking(self.vectors, self.rows[places], self.own[places], self.hour[places], self.spans[places])


class Best(NamedTuple):
    """The best rows so far of some stories: a heap a story, the worst on top.

    Attributes
    ----------
    place : ndarray of int32, shape (q, count)
        Places in `Rows`.
    dot : ndarray of int32, shape (q, count)
        Exact products of the integer vectors.
    score : ndarray of float64, shape (q, count)
        `dot * weight[age]`.
    size : ndarray of int32, shape (q,)
        How many are held.
    """

    place: NDArray[np.int32]
    dot: NDArray[np.int32]
    score: NDArray[np.float64]
    size: NDArray[np.int32]

    @classmethod
    def empty(cls, stories: int, count: int) -> Best:
        """Room for `count` rows of each story."""
        shape = (stories, count)
        return cls(
            np.zeros(shape, np.int32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float64),
            np.zeros(stories, np.int32),
        )

    def take(self, places: NDArray[np.bool_]) -> Best:
        """Of some stories."""
        return Best(*(part[places] for part in self))

    def worst(self) -> NDArray[np.float64]:
        """Score that a row must reach, (q,); 0 while there is room."""
        return np.where(self.size == self.place.shape[1], self.score[:, 0], 0.0)

    def ordered(self, id_rank: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Places and products, best first, (q, count) each; -1 and 0 = none."""
        held = np.arange(self.place.shape[1]) < self.size[:, None]
        ids = np.where(held, id_rank[self.place], 0)
        order = np.lexsort((ids, np.where(held, -self.score, np.inf)), axis=1)
        place = np.where(held, self.place, -1).astype(np.int64)
        dot = np.where(held, self.dot, 0).astype(np.int32)
        return np.take_along_axis(place, order, axis=1), np.take_along_axis(dot, order, axis=1)


class Block(NamedTuple):
    """Where a block of products stands.

    Attributes
    ----------
    stories : ndarray of int64, shape (s,)
        Places in `Asking` and `Best`.
    start : int
        Place in `Rows` of its first row.
    least : int
        Least exact product.
    weight : ndarray of float64
        Factor by age in hours.
    exact : bool
        Whether the products are exact; otherwise those that may enter are computed again.
    """

    stories: NDArray[np.int64]
    start: int
    least: int
    weight: NDArray[np.float64]
    exact: bool


def offer(
    products: NDArray[Any],
    bound: NDArray[Any],
    block: Block,
    asking: Asking,
    rows: Rows,
    best: Best,
    by_row: bool,
) -> None:
    """Offer rows to stories; `best` is changed.

    Parameters
    ----------
    products : ndarray of float32 or, as the bits of bfloat16, int16
        One line a story, (s, w); with `by_row` one line a row, (w, s).
    bound : ndarray of the same dtype, shape (s,)
        Products below it cannot enter.
    by_row : bool
    """
    if kernels.compiled:
        kernels.offer(len(bound), products, bound, block, asking, rows, best, by_row)
        return
    line, column = np.nonzero(products >= (bound if by_row else bound[:, None]))
    story, row = (column, line) if by_row else (line, column)
    _offer_plain(products[line, column], block.stories[story], row + block.start, block, asking, rows, best)


def _offer_plain(
    product: NDArray[Any],
    asks: NDArray[np.int64],
    at: NDArray[np.int64],
    block: Block,
    asking: Asking,
    rows: Rows,
    best: Best,
) -> None:
    a, b, c, d = asking.spans[asks].T
    able = rows.shown[at] & (at != asking.own[asks]) & (((at >= a) & (at < b)) | ((at >= c) & (at < d)))
    product, asks, at = product[able], asks[able], at[able]
    if block.exact:
        dot = product.astype(np.int32)
    else:
        left, right = asking.vectors[asking.rows[asks]], rows.vectors[rows.rows[at]]
        dot = np.einsum("ij,ij->i", left.astype(np.int32), right.astype(np.int32)).astype(np.int32)
    score = dot * block.weight[np.abs(asking.hour[asks] - rows.hour[at])]
    enough = (dot >= block.least) & (dot > 0)
    asks, at, dot, score = asks[enough], at[enough], dot[enough], score[enough]
    if not len(asks):
        return
    # the held and the new together; the best of each story stay, the worst first as in a heap
    touched, owner = np.unique(asks, return_inverse=True)
    count = best.place.shape[1]
    held = np.nonzero(np.arange(count) < best.size[touched][:, None])
    owner = np.concatenate([held[0], owner])
    place, dot, score = (
        np.concatenate([old[touched][held], new])
        for old, new in ((best.place, at), (best.dot, dot), (best.score, score))
    )
    order = np.lexsort((rows.id_rank[place], -score, owner))
    nth = np.arange(len(order)) - np.searchsorted(owner[order], np.arange(len(touched)))[owner[order]]
    kept, nth = order[nth < count], nth[nth < count]
    size = np.bincount(owner[kept], minlength=len(touched))
    target = touched[owner[kept]], size[owner[kept]] - 1 - nth
    best.size[touched] = size
    best.place[target], best.dot[target], best.score[target] = place[kept], dot[kept], score[kept]
