"""Ids in order, found by bisection over the buffers of an Arrow array, which may stay on disk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_STEP = 16  # of sorted ids on disk, every so many-th is kept in memory


class IdBytes:
    """Ids as UTF-8 bytes, which sort as text does.

    Parameters
    ----------
    ids : pyarrow.LargeStringArray, length n
    order : ndarray of int64, shape (n,), optional
        Where the first, second ... of them in order stands; without it they are taken as they are.
    """

    def __init__(self, ids: pa.LargeStringArray, order: NDArray[np.int64] | None = None) -> None:
        _, ends, data = ids.buffers() if len(ids) else (None, None, None)
        self._data = memoryview(data or b"")
        self._ends = memoryview(ends or b"\0" * 8).cast("q")[ids.offset :]
        self._order = None if order is None else order.data
        self._length = len(ids)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, place: int) -> bytes:
        at = place if self._order is None else self._order[place]
        return bytes(self._data[self._ends[at] : self._ends[at + 1]])


class SortedIds(IdBytes):
    """Sorted ids of which one of 16 is kept in memory.

    It tells where to look: two bisections in C, the second of four reads.
    """

    def __init__(self, ids: pa.LargeStringArray) -> None:
        super().__init__(ids)
        self._every = [self[place] for place in range(0, len(ids), _STEP)]

    def place(self, article_id: str) -> int | None:
        """Find where an id stands, or None."""
        wanted = encoded(article_id)
        stop = bisect_right(self._every, wanted) * _STEP
        place = bisect_left(self, wanted, max(stop - _STEP, 0), min(stop, len(self)))
        return place if place < len(self) and self[place] == wanted else None


def encoded(article_id: str) -> bytes:
    """Encode an id as UTF-8; what Arrow could not hold (a lone surrogate) equals no id."""
    return article_id.encode(errors="surrogatepass")
