"""Vectors as exact integers, and exact inner-product search over them with FAISS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute import kernels

SCALE = 4064
"""Components are stored as `round(SCALE * x)`. The products of two unit vectors then sum to less
than 2**24, so that float32 arithmetic on them is exact: the same cosine in any order of
summation, batch, thread count or BLAS."""

_GATHERED = 1 << 13  # pairs gathered at a time: 20 MB at 640 dimensions


def quantise(vectors: NDArray[np.floating]) -> NDArray[np.int16]:
    """Unit vectors (n, d) as integers; the length is at most `SCALE`, zero vectors stay zero.

    Examples
    --------
    >>> quantise(np.array([[3.0, 4.0]])).tolist()
    [[2438, 3251]]
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.rint(SCALE * vectors / np.where(norm > 0, norm, 1)).astype(np.int16)


def cosines(queries: NDArray[np.int16], vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Exact cosine of each query (q, d) with each of its candidates, float32 (q, c); 0 where `rows` is -1."""
    return (dots(queries, np.arange(len(queries)), vectors, rows) / SCALE**2).astype(np.float32)


def dots(
    queries: NDArray[np.int16], at: NDArray[np.int64], vectors: NDArray[np.int16], rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Products of the queries `at` with their candidates, int32 (q, c); 0 where `rows` is -1."""
    if not kernels.compiled:
        return _dots(queries, at, vectors, rows)
    found = np.empty(rows.shape, dtype=np.int32)
    kernels.dots(len(rows), np.asarray(queries), at, np.asarray(vectors), np.ascontiguousarray(rows), found)
    return found


def _dots(
    queries: NDArray[np.int16], at: NDArray[np.int64], vectors: NDArray[np.int16], rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    found = np.zeros(rows.shape, dtype=np.int32)
    step = max(_GATHERED // max(rows.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        near = vectors[np.maximum(rows[part], 0)].astype(np.float32)
        products = np.matmul(near, queries[at[part]].astype(np.float32)[:, :, None])[:, :, 0]
        found[part] = np.where(rows[part] >= 0, products, 0)
    return found


def gram(vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Exact cosines among the rows of each line, float32 (q, w, w); each ends with -1 for none, never read."""
    if not kernels.compiled:
        return _gram(vectors, rows)
    found = np.zeros((*rows.shape, rows.shape[1]), dtype=np.float32)
    kernels.grams(len(rows), np.asarray(vectors), np.ascontiguousarray(rows), found)
    found /= np.float32(SCALE**2)
    return found


def _gram(vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    near = vectors[np.maximum(rows, 0)].astype(np.float32)
    return np.asarray(np.matmul(near, near.transpose(0, 2, 1)) / np.float32(SCALE**2))
