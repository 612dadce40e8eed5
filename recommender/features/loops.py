"""Compiled loops over vectors of integers and over sparse rows of terms.

Each takes the lines ``[start, stop)`` and writes into its last arrays, see `kernel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel


@kernel(least=16)
def dots(
    start: int,
    stop: int,
    queries: NDArray[np.int16],
    at: NDArray[np.int64],
    vectors: NDArray[np.int16],
    rows: NDArray[np.int64],
    found: NDArray[np.int32],
) -> None:
    """Multiply the queries `at`, (q,), with the vectors of their rows, (q, c); 0 where a row is -1."""
    for line in range(start, stop):
        query = queries[at[line]]
        for place in range(rows.shape[1]):
            total = np.int32(0)
            if rows[line, place] >= 0:
                vector = vectors[rows[line, place]]
                for k in range(len(query)):
                    total = np.int32(total + np.int32(np.int32(query[k]) * np.int32(vector[k])))
            found[line, place] = total


@kernel(least=512)
def products(
    start: int, stop: int, asking: NDArray[np.int16], rows: NDArray[np.int16], found: NDArray[np.float32]
) -> None:
    """Multiply a few stories (s, d) with rows (w, d), exactly: (s, w); the lines are rows."""
    for line in range(start, stop):
        for ask in range(len(asking)):
            total = np.int32(0)
            for k in range(rows.shape[1]):
                total = np.int32(total + np.int32(np.int32(asking[ask, k]) * np.int32(rows[line, k])))
            found[ask, line] = total


@kernel(least=8)
def grams(
    start: int, stop: int, vectors: NDArray[np.int16], rows: NDArray[np.int64], found: NDArray[np.float32]
) -> None:
    """Multiply the vectors of each line's rows with each other, (q, w) -> (q, w, w), up to the first row that is -1."""
    near = np.empty((rows.shape[1], vectors.shape[1]), dtype=np.int16)  # half as long to read as floats
    for line in range(start, stop):
        held = 0
        while held < rows.shape[1] and rows[line, held] >= 0:
            near[held] = vectors[rows[line, held]]
            held += 1
        for i in range(held):
            left = near[i]
            for j in range(i + 1):
                right = near[j]
                total = np.int32(0)
                for k in range(len(left)):
                    total = np.int32(total + np.int32(np.int32(left[k]) * np.int32(right[k])))
                found[line, i, j] = found[line, j, i] = total


@kernel(least=16)
def sparse_cosines(
    start: int,
    stop: int,
    query_indptr: NDArray[np.int32],
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    indptr: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    rows: NDArray[np.int64],
    vocabulary: int,
    found: NDArray[np.float32],
) -> None:
    """Multiply each sparse query with the sparse rows of its candidates, (q, c); 0 where a row is -1."""
    spread = np.zeros(vocabulary, dtype=np.float32)
    for line in range(start, stop):
        for at in range(query_indptr[line], query_indptr[line + 1]):
            spread[query_terms[at]] = query_weights[at]
        for place in range(rows.shape[1]):
            row = rows[line, place]
            total = 0.0
            if row >= 0:
                for at in range(indptr[row], indptr[row + 1]):
                    total += np.float64(np.float32(spread[terms[at]] * weights[at]))
            found[line, place] = total
        for at in range(query_indptr[line], query_indptr[line + 1]):
            spread[query_terms[at]] = 0


def merged_cosine(left: Any, a: int, right: Any, b: int) -> float:
    """Multiply row a of one sparse matrix with row b of another, each given as indptr, terms and weights.

    Products are rounded to float32 and added in the order of terms, which ascend within a row.
    """
    total = 0.0
    i, j, last_i, last_j = left[0][a], right[0][b], left[0][a + 1], right[0][b + 1]
    while i < last_i and j < last_j:
        ours, theirs = left[1][i], right[1][j]
        if ours == theirs:
            total += np.float64(np.float32(left[2][i] * right[2][j]))
        i += ours <= theirs
        j += theirs <= ours
    return total


@kernel(least=1024, parts=(merged_cosine,))
def row_cosines(
    start: int,
    stop: int,
    left_indptr: NDArray[np.int32],
    left_terms: NDArray[np.int32],
    left_data: NDArray[np.float32],
    right_indptr: NDArray[np.int32],
    right_terms: NDArray[np.int32],
    right_data: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    """Multiply rows a and b, (m,), see `merged_cosine`."""
    left, right = (left_indptr, left_terms, left_data), (right_indptr, right_terms, right_data)
    for pair in range(start, stop):
        found[pair] = merged_cosine(left, a[pair], right, b[pair])


@kernel(least=256)
def heaviest_shared(
    start: int,
    stop: int,
    left_indptr: NDArray[np.int32],
    left_terms: NDArray[np.int32],
    left_weights: NDArray[np.float32],
    right_indptr: NDArray[np.int32],
    right_terms: NDArray[np.int32],
    right_weights: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    found: NDArray[np.int32],
    products: NDArray[np.float32],
) -> None:
    """Find the wanted terms of greatest product that rows a and b share, (m, count); -1 = none."""
    count = found.shape[1]
    for pair in range(start, stop):
        found[pair] = -1
        products[pair] = 0
        i, last_i = left_indptr[a[pair]], left_indptr[a[pair] + 1]
        j, last_j = right_indptr[b[pair]], right_indptr[b[pair] + 1]
        while i < last_i and j < last_j:
            left, right = left_terms[i], right_terms[j]
            if left == right and wanted[left]:
                product = np.float32(left_weights[i] * right_weights[j])
                if product > products[pair, count - 1]:
                    at = count - 1
                    while at > 0 and products[pair, at - 1] < product:
                        products[pair, at] = products[pair, at - 1]
                        found[pair, at] = found[pair, at - 1]
                        at -= 1
                    products[pair, at] = product
                    found[pair, at] = left
            i += left <= right
            j += right <= left
