"""Look up ids by bisection over the buffers of an Arrow array, which may stay on disk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_STEP = 16  # sorted ids on disk for each that is kept in memory


class IdBytes:
    """Ids as UTF-8 bytes, which sort as text does.

    Parameters
    ----------
    ids : pyarrow.LargeStringArray, length n
    order : ndarray of int64, shape (n,), optional
        Indices of the ids in sorted order; without it the ids are sorted.
    """

    def __init__(self, ids: pa.LargeStringArray, order: NDArray[np.int64] | None = None) -> None:
        _, offsets, data = ids.buffers() if len(ids) else (None, None, None)
        self._data = memoryview(data or b"")
        self._offsets = memoryview(offsets or b"\0" * 8).cast("q")[ids.offset :]
        self._order = None if order is None else order.data
        self._length = len(ids)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> bytes:
        index = position if self._order is None else self._order[position]
        return bytes(self._data[self._offsets[index] : self._offsets[index + 1]])


class SortedIds(IdBytes):
    """Sorted ids, of which every 16th is kept in memory, so that a look-up reads only four ids from disk."""

    def __init__(self, ids: pa.LargeStringArray) -> None:
        super().__init__(ids)
        self._in_memory = [self[index] for index in range(0, len(ids), _STEP)]

    def find(self, article_id: str) -> int | None:
        """Return the index of an id, or None."""
        wanted = encode_id(article_id)
        stop = bisect_right(self._in_memory, wanted) * _STEP
        index = bisect_left(self, wanted, max(stop - _STEP, 0), min(stop, len(self)))
        return index if index < len(self) and self[index] == wanted else None


def encode_id(article_id: str) -> bytes:
    """Encode an id as UTF-8; a lone surrogate, which Arrow cannot hold, equals no id of an archive."""
    return article_id.encode(errors="surrogatepass")
