"""The best rows of many stories, exactly: blocks of products, offered to the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import in_order, torch_workers
from recommender.search import loops
from recommender.search.products import Products, Side

Task = TypeVar("Task")
Result = TypeVar("Result")

TORCH = 1 << 24  # products from which on importing torch pays
_SPARE = 32  # rows that a line can hold beyond its best, where twice as many is less


class Rows(NamedTuple):
    """Rows that may be found.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    rows : ndarray of int64, shape (m,)
        Rows of `vectors`.
    shown : ndarray of bool, shape (m,)
        False where a story only asks.
    free : int
        The first so many may be found by every story; the rest are in order of time.
    id_rank : ndarray of int64, shape (m,)
        Equal products go by it, ascending.
    """

    vectors: NDArray[np.int16]
    rows: NDArray[np.int64]
    shown: NDArray[np.bool_]
    free: int
    id_rank: NDArray[np.int64]

    @classmethod
    def of(cls, vectors: NDArray[np.int16], rows: NDArray[np.int64], id_rank: NDArray[np.int64], free: int = 0) -> Rows:
        """Gather rows that are all shown."""
        return cls(vectors, rows, np.ones(len(rows), dtype=bool), free, id_rank)


class Asking(NamedTuple):
    """Stories that look for rows.

    Attributes
    ----------
    vectors : ndarray of int16, shape (m, d)
    at : ndarray of int64, shape (q,)
        Rows of `vectors`.
    own : ndarray of int64, shape (q,)
        The row that is the story itself, which it never finds; -1 = none.
    spans : ndarray of int64, shape (q, 4)
        A story may find the places `[a, b)` and `[c, d)` among the rows, and those that are free.
    """

    vectors: NDArray[np.int16]
    at: NDArray[np.int64]
    own: NDArray[np.int64]
    spans: NDArray[np.int64]

    def take(self, places: NDArray[np.int64] | slice) -> Asking:
        """Take some of the stories that ask."""
        return Asking(self.vectors, self.at[places], self.own[places], self.spans[places])


class _Held(NamedTuple):
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
            product = np.where(filled, self.dot[:, :width], -1)
            order = np.lexsort((rows.id_rank[place], -product), axis=1)[:, : self.keep]
            best = np.take_along_axis(np.where(filled, rows.rows[place], -1), order, axis=1)
            found[:, : order.shape[1]] = best
        return found


def nearest(
    asking: Asking,
    rows: Rows,
    count: int,
    *,
    least: NDArray[np.int32] | None = None,
    torch: bool = False,
    block: int = 2_048,
) -> NDArray[np.int64]:
    """Find the `count` rows of greatest positive product for each story.

    Parameters
    ----------
    asking : Asking, q stories
    rows : Rows, m rows
    count : int
    least : ndarray of int32, shape (q,), optional
        Products of integer vectors that are of no use to a story if they are smaller.
    torch : bool, default False
        Whether PyTorch may multiply, see `worth_torch`.
    block : int, default 2,048
        Rows that are multiplied at a time.

    Returns
    -------
    ndarray of int64, shape (q, count)
        Best first, equal ones by `id_rank`; -1 = none.
    """
    stories, size = len(asking.at), len(rows.rows)
    held = _Held.empty(stories, count, least)
    if stories and size:
        multiply = Products(stories, size, torch)
        side = multiply.side(asking.vectors, asking.at)
        for start in range(0, size, block):
            part = slice(start, min(start + block, size))
            if _reaches(asking, rows, part):
                near = multiply.side(rows.vectors, rows.rows[part])
                _offer(multiply, multiply(side, near), side, near, asking, rows, part, held)
    return held.best(rows)


def nearest_of_each_other(
    asking: Asking, rows: Rows, count: int, least: NDArray[np.int32], *, torch: bool, block: int = 1_024
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Find what `nearest` finds where story `i` is row `i`: each product serves both.

    Parameters
    ----------
    asking : Asking, m stories
    rows : Rows, m rows
    count : int
    least : ndarray of int32, shape (m,)
        Products of no use if they are smaller; the greatest integer for a row that does not ask.
    torch : bool
    block : int, default 1,024

    Yields
    ------
    part : slice
        Places of stories, in order.
    found : ndarray of int64, shape (s, count)
    """
    size = len(rows.rows)
    parts = [slice(start, min(start + block, size)) for start in range(0, size, block)]
    held, multiply = _Held.empty(size, count, least), Products(size, size, torch)
    asks, locks = [asking.take(part) for part in parts], [Lock() for _ in parts]

    def pair(task: tuple[int, int]) -> tuple[int, int]:
        """Multiply two blocks once, and offer the rows of each to the stories of the other."""
        sides = (task, task[::-1]) if task[0] != task[1] else (task,)
        wanted = [_reaches(asks[mine], rows, parts[other]) for mine, other in sides]
        if not any(wanted):
            return task
        converted = [multiply.side(rows.vectors, rows.rows[parts[number]]) for number in task]
        products = multiply(*converted)
        for turned, (mine, other) in enumerate(sides):
            if wanted[turned]:
                with locks[mine]:
                    side, near = converted[turned], converted[1 - turned]
                    line = multiply.turned(products, len(near.values), len(side.values)) if turned else products
                    _offer(multiply, line, side, near, asks[mine], rows, parts[other], held.part(parts[mine]))
        return task

    # a block has met all others once it is through with those behind it
    tasks = ((mine, other) for mine in range(len(parts)) for other in range(mine, len(parts)))
    for mine, other in shared_out(pair, tasks, torch):
        if other == len(parts) - 1:
            yield parts[mine], held.part(parts[mine]).best(rows)


def worth_torch(products: int) -> bool:
    """Tell whether a search with so many products is worth the import of PyTorch."""
    return products >= TORCH


def shared_out(run: Callable[[Task], Result], tasks: Iterable[Task], torch: bool) -> Iterator[Result]:
    """Search in tasks, by as many threads as there are cores where PyTorch multiplies; gives results in order."""
    return in_order(run, tasks, torch_workers()) if torch else map(run, tasks)


def _reaches(asking: Asking, rows: Rows, part: slice) -> bool:
    """Tell whether a story may find a row of a block."""
    a, b, c, d = asking.spans.T
    reached = ((a < part.stop) & (b > part.start)) | ((c < part.stop) & (d > part.start))
    return part.start < rows.free or bool(reached.any())


def _offer(
    multiply: Products,
    products: NDArray[Any],
    side: Side,
    near: Side,
    asking: Asking,
    rows: Rows,
    part: slice,
    held: _Held,
) -> None:
    """Offer the rows of a block to stories, by their products."""
    slack = multiply.slack(side, near)
    bound, width = multiply.bound(held.worst, slack), part.stop - part.start
    loops.offer(len(asking.at), products, bound, slack, part.start, width, not multiply.half, asking, rows, held)
