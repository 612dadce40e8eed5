"""The best rows of many stories, exactly: blocks of products, one product for both directions where both are asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import together
from recommender.search import scan
from recommender.search.products import FEW, Products, Side, slack
from recommender.search.scan import Asking, Best, Block, Held, Rows

BLOCK = 4_096
_BLOCKS = 32  # into which fewer rows are divided
_TOP = 1 << 24  # no product of two quantised unit vectors is greater
_TINY = 1e-300  # a weight of 0 as a divisor
TIMELESS = np.ones(1)  # weights where age does not count


def nearest(
    asking: Asking,
    rows: Rows,
    count: int,
    *,
    least: int = 0,
    weight: NDArray[np.float64] = TIMELESS,
    reach: NDArray[np.float64] | None = None,
) -> Best:
    """Find the `count` rows of greatest `product * weight[age]` for each story.

    Rows near in time come first. As soon as no story of a block can gain by rows so far away, the rest stay unread.

    Parameters
    ----------
    asking : Asking, q stories
    rows : Rows, m rows
    count : int
    least : int
        Least product of integer vectors, `SCALE**2` times the cosine; only positive products are ever found.
    weight : ndarray of float64
        Factor by age in hours, falling.
    reach : ndarray of float64, shape (q,), optional
        Score below which rows are of no use to a story; some may be found all the same.

    Returns
    -------
    Best
    """
    held = Held.empty(len(asking.rows), count)
    # a few rows of many years: in smaller blocks most of them stay unread
    block = BLOCK if len(asking.rows) <= FEW else min(BLOCK, 1 << max(len(rows.rows) // _BLOCKS, FEW).bit_length() - 1)
    search = _Search(rows, len(asking.rows), block, least, weight, reach)
    for start in range(0, len(asking.rows), BLOCK):
        some = np.arange(start, min(start + BLOCK, len(asking.rows)))
        hours = asking.hour[some]
        away = np.maximum(search.oldest - hours.max(), hours.min() - search.newest)
        search.extend(some, np.argsort(np.maximum(away, 0), kind="stable"), asking, held)
    return held.best(asking, rows, weight)


def every(
    asking: Asking, rows: Rows, count: int, *, least: int = 0, weight: NDArray[np.float64] = TIMELESS
) -> Iterator[tuple[int, Best]]:
    """Search for all rows at once: story `i` of `asking` is row `i` of `rows`, and each product serves both.

    Yields
    ------
    start : int
        Place of the block's first story; blocks come in order.
    best : Best
        Of up to `BLOCK` stories.
    """
    search = _Search(rows, len(rows.rows), BLOCK, least, weight)
    blocks = len(search.oldest)
    open_: dict[int, Held] = {}  # blocks that look for newer rows
    done: dict[int, Held] = {}
    asks = [asking.take(search.part(number)) for number in range(blocks)]
    given = 0
    for new in range(blocks):
        open_[new] = held = Held.empty(len(asks[new].rows), count)
        search.pair(new, new, asks, open_)
        older = True
        for old in range(new - 1, -1, -1):
            if not older and old < min(open_):
                break
            newer = old in open_
            forward = search.share(asks[old], open_[old], new) if newer else 0.0
            backward = search.share(asks[new], held, old) if older else 0.0
            if newer and older and forward + backward >= 1:
                search.pair(old, new, asks, open_)
                continue
            # a product for those that still look is cheaper than one for two whole blocks
            if newer:
                search.extend(np.arange(len(asks[old].rows)), range(new, blocks), asks[old], open_[old])
                done[old] = open_.pop(old)
            if older:
                search.extend(np.arange(len(asks[new].rows)), range(old, -1, -1), asks[new], held)
                older = False
        while given in done:
            yield given * BLOCK, done.pop(given).best(asks[given], rows, weight)
            given += 1
    done.update(open_)
    open_.clear()
    for number in range(given, blocks):
        yield number * BLOCK, done.pop(number).best(asks[number], rows, weight)


class _Search:
    """Products of blocks of stories and rows, offered to the best so far."""

    def __init__(
        self,
        rows: Rows,
        stories: int,
        block: int,
        least: int,
        weight: NDArray[np.float64],
        reach: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.block, self.least, self.weight, self.reach = rows, block, least, weight, reach
        starts = np.arange(0, max(len(rows.rows), 1), block)
        hour = rows.hour if len(rows.rows) else np.zeros(1, np.int64)
        self.oldest = np.minimum.reduceat(hour, starts)
        self.newest = np.maximum.reduceat(hour, starts)
        self.products = Products(rows.vectors, rows.rows, stories, block)

    def part(self, number: int) -> slice:
        """Find the places of the rows of a block."""
        return slice(number * self.block, min((number + 1) * self.block, len(self.rows.rows)))

    def extend(self, stories: NDArray[np.int64], blocks: Iterable[int], asking: Asking, held: Held) -> None:
        """Offer blocks of rows to those of some stories that can still gain by them."""
        blocks = list(blocks)
        parts = np.array_split(stories, min(self.products.workers, len(stories)))
        together(lambda part: self._extend(part, blocks, asking, held), parts)

    def _extend(self, stories: NDArray[np.int64], blocks: list[int], asking: Asking, held: Held) -> None:
        side: Side | None = None
        hours, worst = asking.hour[stories], self.worst(held, stories)
        first, last, least_worst = int(hours.min()), int(hours.max()), float(worst.min())
        for number in blocks:
            away = max(int(self.oldest[number]) - last, first - int(self.newest[number]), 0)
            if self._weight(away) * _TOP < least_worst:
                continue
            bound, reach, able = self.bound(stories, asking, held, number)
            if able.any():
                places, rows = np.flatnonzero(able), self.products.block(number)
                if side is None:
                    side = self.products.side(asking.vectors, asking.rows[stories])
                some = side if len(places) == len(stories) else side.take(places)
                block = self._block(stories[places], self.part(number).start, reach[places], some, rows)
                scan.offer(self.products(some, rows), bound[places], block, asking, self.rows, held, by_row=False)
                least_worst = float(self.worst(held, stories).min())

    def worst(self, held: Held, stories: NDArray[np.int64]) -> NDArray[np.float64]:
        """Find the score that a row must reach, (s,)."""
        found = held.worst[stories]
        return found if self.reach is None else np.maximum(found, self.reach[stories])

    def share(self, asking: Asking, held: Held, number: int) -> float:
        """Compute the share of the stories of a block that can still gain by a block of rows."""
        return float(self.bound(np.arange(len(asking.rows)), asking, held, number)[2].mean())

    def pair(self, old: int, new: int, asks: list[Asking], held: dict[int, Held]) -> None:
        """Multiply two blocks once: the older stories look for newer rows, the newer ones for older rows.

        Each worker multiplies a part of one block by a part of the other, in as many turns as there are parts: no
        two of them offer rows to the same stories at once.
        """
        left, right = (self.products.parts(len(asks[number].rows)) for number in (old, new))
        for turn in range(len(right)):
            turned = right[turn:] + right[:turn]
            together(lambda parts: self._pair(old, new, *parts, asks, held), zip(left, turned, strict=True))

    def _pair(self, old: int, new: int, left: slice, right: slice, asks: list[Asking], held: dict[int, Held]) -> None:
        older, newer = self.products.block(old).take(left), self.products.block(new).take(right)
        products = self.products(older, newer)
        sides = ((old, left, older, new, right, newer), (new, right, newer, old, left, older))
        for mine, part, side, other, places, rows in sides[: 1 + (old != new)]:
            stories = np.arange(part.start, part.stop)
            bound, reach, _ = self.bound(stories, asks[mine], held[mine], other)
            block = self._block(stories, self.part(other).start + places.start, reach, side, rows)
            scan.offer(products, bound, block, asks[mine], self.rows, held[mine], by_row=mine != old)

    def bound(
        self, stories: NDArray[np.int64], asking: Asking, held: Held, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Find the least product by which a row of a block could enter, its greatest weight, and if any can; (s,)."""
        hours, part = asking.hour[stories], self.part(number)
        away = np.maximum(np.maximum(self.oldest[number] - hours, hours - self.newest[number]), 0)
        reach = np.maximum(self._weight(away), _TINY)
        bound = np.clip(np.floor(self.worst(held, stories) / reach) - 1, max(self.least, 1), 2 * _TOP)
        a, b, c, d = asking.spans[stories].T
        inside = ((a < part.stop) & (b > part.start)) | ((c < part.stop) & (d > part.start))
        return bound, reach, inside & (bound <= _TOP)

    def _block(
        self, stories: NDArray[np.int64], start: int, reach: NDArray[np.float64], side: Side, rows: Side
    ) -> Block:
        return Block(stories, start, reach, slack(side, rows), self.least, self.weight, self.products.exact)

    def _weight(self, away: Any) -> Any:
        return self.weight[np.minimum(away, len(self.weight) - 1)]
