"""Unit vectors as integers, and exact cosines between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.features import loops

SCALE = 4064
"""Components are stored as `round(SCALE * x)`. The products of two unit vectors then sum to less
than 2**24, so that float32 arithmetic on them is exact: the same cosine in any order of
summation, batch, thread count or BLAS."""


def quantise(vectors: NDArray[np.floating]) -> NDArray[np.int16]:
    """Quantise vectors (n, d) to integers of unit length, which is `SCALE` at most; zero vectors stay zero.

    Examples
    --------
    >>> quantise(np.array([[3.0, 4.0]])).tolist()
    [[2438, 3251]]
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.rint(SCALE * vectors / np.where(norm > 0, norm, 1)).astype(np.int16)


def cosines(queries: NDArray[np.int16], vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Compute the exact cosine of each query (q, d) with each of its candidates, float32 (q, c); 0 for row -1."""
    return (dots(queries, np.arange(len(queries)), vectors, rows) / SCALE**2).astype(np.float32)


def dots(
    queries: NDArray[np.int16], query_rows: NDArray[np.int64], vectors: NDArray[np.int16], rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Compute the product of each query in `query_rows` with each of its candidates, int32 (q, c); 0 for row -1."""
    products = np.empty(rows.shape, dtype=np.int32)
    loops.dots(len(rows), np.asarray(queries), query_rows, np.asarray(vectors), np.ascontiguousarray(rows), products)
    return products


def gram(vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Compute exact cosines among the candidates of each story, float32 (q, w, w); -1 stands only behind the last."""
    cosines = np.zeros((*rows.shape, rows.shape[1]), dtype=np.float32)
    loops.grams(len(rows), np.asarray(vectors), np.ascontiguousarray(rows), cosines)
    cosines /= np.float32(SCALE**2)
    return cosines
