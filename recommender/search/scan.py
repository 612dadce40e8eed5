"""Offering blocks of products to the best-so-far of many stories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.search import loops

_SPARE = 32  # rows that a line can hold beyond its best, where twice as many is less


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
        """Take some of the stories that ask."""
        return Asking(self.vectors, self.rows[places], self.own[places], self.hour[places], self.spans[places])


class Best(NamedTuple):
    """The best rows of some stories, best first.

    Attributes
    ----------
    place : ndarray of int64, shape (q, count)
        Places in `Rows`; -1 = none.
    dot : ndarray of int32, shape (q, count)
        Exact products of the integer vectors; 0 = none.
    """

    place: NDArray[np.int64]
    dot: NDArray[np.int32]

    def take(self, places: NDArray[np.bool_]) -> Best:
        """Take the rows of some stories."""
        return Best(self.place[places], self.dot[places])

    @property
    def size(self) -> NDArray[np.int64]:
        """Number of rows found, (q,)."""
        return np.asarray((self.place >= 0).sum(axis=1))


class Held(NamedTuple):
    """The best rows so far of some stories, among others that are not: the fuller lines are thinned to their best.

    Cheaper than a heap: most rows that enter are soon beaten, and never compared with more than a few.

    Attributes
    ----------
    place : ndarray of int32, shape (q, room)
        Places in `Rows`.
    dot : ndarray of int32, shape (q, room)
        Exact products of the integer vectors.
    size : ndarray of int32, shape (q,)
        How many are held.
    worst : ndarray of float64, shape (q,)
        Score that a row must reach: that of the last of the best `keep` when last thinned; 0 before.
    keep : int
    """

    place: NDArray[np.int32]
    dot: NDArray[np.int32]
    size: NDArray[np.int32]
    worst: NDArray[np.float64]
    keep: int

    @classmethod
    def empty(cls, stories: int, count: int) -> Held:
        """Make room for the best `count` rows of each story."""
        shape = (stories, count + max(count, _SPARE))
        size, worst = np.zeros(stories, np.int32), np.zeros(stories, np.float64)
        return cls(np.empty(shape, np.int32), np.empty(shape, np.int32), size, worst, count)

    def best(self, asking: Asking, rows: Rows, weight: NDArray[np.float64]) -> Best:
        """Find the best `keep` rows of each story."""
        width = max(int(self.size.max(initial=0)), 1)
        score = self._score(np.arange(len(self.size)), width, asking, rows, weight)
        held = score >= 0
        place = np.where(held, self.place[:, :width], 0)
        order = np.lexsort((rows.id_rank[place] if len(rows.rows) else place, -score), axis=1)[:, : self.keep]
        found = np.full((len(place), self.keep), -1, dtype=np.int64)
        dot = np.zeros(found.shape, dtype=np.int32)
        found[:, : order.shape[1]] = np.take_along_axis(np.where(held, place, -1), order, axis=1)
        dot[:, : order.shape[1]] = np.take_along_axis(np.where(held, self.dot[:, :width], 0), order, axis=1)
        return Best(found, dot)

    def _score(
        self, stories: NDArray[np.int64], width: int, asking: Asking, rows: Rows, weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Give the scores of the first places, (s, width); -1 = empty."""
        held = np.arange(width) < self.size[stories, None]
        score = self.dot[stories, :width].astype(np.float64)
        if len(weight) > 1:
            place = np.where(held, self.place[stories, :width], 0)
            hour = rows.hour[place] if len(rows.rows) else place
            score *= weight[np.where(held, np.abs(asking.hour[stories, None] - hour), 0)]
        else:
            score *= weight[0]
        return np.where(held, score, -1.0)


class Block(NamedTuple):
    """Where a block of products stands.

    Attributes
    ----------
    stories : ndarray of int64, shape (s,)
        Places in `Asking` and `Held`.
    start : int
        Place in `Rows` of its first row.
    reach : ndarray of float64, shape (s,)
        Greatest weight of any of its rows.
    slack : ndarray of float64, shape (s,)
        What its products may be too small by, before they were rounded; 0 where they are exact.
    least : int
        Least exact product.
    weight : ndarray of float64
        Factor by age in hours.
    exact : bool
        Whether the products are exact; otherwise those that may enter are computed again.
    """

    stories: NDArray[np.int64]
    start: int
    reach: NDArray[np.float64]
    slack: NDArray[np.float64]
    least: int
    weight: NDArray[np.float64]
    exact: bool

    def bound(self, product: NDArray[np.float64]) -> NDArray[Any]:
        """Find what products are compared with, so that none is lost whose exact value reaches `product`; (s,)."""
        if self.exact:
            return product.astype(np.float32)
        # positive bfloat16 numbers are ordered as their bits, and negative ones lie below
        bits = ((product - self.slack) * loops.HALF).astype(np.float32).view(np.int32) >> 16
        return np.where(product > self.slack, bits, np.iinfo(np.int16).min).astype(np.int16)


def offer(
    products: NDArray[Any],
    least: NDArray[np.float64],
    block: Block,
    asking: Asking,
    rows: Rows,
    held: Held,
    by_row: bool,
) -> None:
    """Offer rows to stories; the lines of `held` of just these stories are changed.

    Parameters
    ----------
    products : ndarray of float32 or, as the bits of bfloat16, int16
        One line a story, (s, w); with `by_row` one line a row, (w, s).
    least : ndarray of float64, shape (s,)
        Exact products below it cannot enter.
    by_row : bool
    """
    loops.offer(len(least), products, block.bound(least), block, asking, rows, held, by_row)
