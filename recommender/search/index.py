"""Exact inner-product search over vectors with FAISS."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 16_384  # rows converted to float32 at a time: 25 MB at 384 dimensions


class VectorIndex(Protocol):
    """Search over the archive's vectors; `rows` are catalog rows."""

    vectors: NDArray[np.int16]

    def search(self, queries: NDArray[np.int16], k: int, rows: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the rows of the k greatest cosines among `rows`, int64 (q, k), padded with -1.

        Parameters
        ----------
        queries : ndarray of int16, shape (q, d)
        k : int
        rows : slice or ndarray of int64, shape (m,)
            The only rows that may be found.
        """
        ...


class FlatIndex:
    """Brute force: exact, nothing to build, any rows allowed; blocks keep memory bounded."""

    def __init__(self, vectors: NDArray[np.int16], block: int = BLOCK) -> None:
        self.vectors, self._block = vectors, block

    def search(self, queries: NDArray[np.int16], k: int, rows: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        import faiss

        rows_at = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        k, width = min(k, len(rows_at)), k
        found = np.full((len(queries), width), -1, dtype=np.int64)
        if not k or not len(queries):
            return found
        sought = np.ascontiguousarray(queries, dtype=np.float32)
        heap = faiss.ResultHeap(len(queries), k, keep_max=True)
        for start in range(0, len(rows_at), self._block):
            stop = min(start + self._block, len(rows_at))
            part = slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]
            block = self.vectors[part].astype(np.float32)
            score, place = faiss.knn(sought, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            heap.add_result(score, place + start)
        heap.finalize()
        found[:, :k] = np.where(heap.I >= 0, rows_at[heap.I], -1)
        return found
