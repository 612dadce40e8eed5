"""Compiled loops over vectors of integers and over sparse rows of terms.

Each processes the rows ``[start, stop)`` of its output and writes into its last arrays, see `kernel`.
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
    query_rows: NDArray[np.int64],
    vectors: NDArray[np.int16],
    rows: NDArray[np.int64],
    out: NDArray[np.int32],
) -> None:
    """Multiply the queries in `query_rows`, (q,), with the vectors of their candidates, (q, c); 0 where a row is -1."""
    for query in range(start, stop):
        vector = queries[query_rows[query]]
        for column in range(rows.shape[1]):
            total = np.int32(0)
            if rows[query, column] >= 0:
                other = vectors[rows[query, column]]
                for k in range(len(vector)):
                    total = np.int32(total + np.int32(np.int32(vector[k]) * np.int32(other[k])))
            out[query, column] = total


@kernel(least=2_048)
def products(
    start: int, stop: int, stories: NDArray[np.int16], rows: NDArray[np.int16], out: NDArray[np.float32]
) -> None:
    """Multiply a few stories (s, d) with rows (w, d), exactly: (s, w). `start` and `stop` count rows."""
    for row in range(start, stop):
        for story in range(len(stories)):
            total = np.int32(0)
            for k in range(rows.shape[1]):
                total = np.int32(total + np.int32(np.int32(stories[story, k]) * np.int32(rows[row, k])))
            out[story, row] = total


@kernel(least=8)
def grams(start: int, stop: int, vectors: NDArray[np.int16], rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Multiply each story's candidates with each other, (q, w) -> (q, w, w), up to the first row that is -1."""
    gathered = np.empty((rows.shape[1], vectors.shape[1]), dtype=np.int16)  # half as long to read as floats
    for query in range(start, stop):
        count = 0
        while count < rows.shape[1] and rows[query, count] >= 0:
            gathered[count] = vectors[rows[query, count]]
            count += 1
        for i in range(count):
            left = gathered[i]
            for j in range(i + 1):
                right = gathered[j]
                total = np.int32(0)
                for k in range(len(left)):
                    total = np.int32(total + np.int32(np.int32(left[k]) * np.int32(right[k])))
                out[query, i, j] = out[query, j, i] = total


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
    out: NDArray[np.float32],
) -> None:
    """Multiply each sparse query with the sparse rows of its candidates, (q, c); 0 where a row is -1."""
    dense = np.zeros(vocabulary, dtype=np.float32)
    for query in range(start, stop):
        for entry in range(query_indptr[query], query_indptr[query + 1]):
            dense[query_terms[entry]] = query_weights[entry]
        for column in range(rows.shape[1]):
            row = rows[query, column]
            total = 0.0
            if row >= 0:
                for entry in range(indptr[row], indptr[row + 1]):
                    total += np.float64(np.float32(dense[terms[entry]] * weights[entry]))
            out[query, column] = total
        for entry in range(query_indptr[query], query_indptr[query + 1]):
            dense[query_terms[entry]] = 0


def merged_cosine(left: Any, a: int, right: Any, b: int) -> float:
    """Multiply row a of a sparse matrix with row b of another, each given as indptr, terms and weights.

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
    out: NDArray[np.float64],
) -> None:
    """Multiply each row of `a` with the row of `b` of the same index, (m,), see `merged_cosine`."""
    left, right = (left_indptr, left_terms, left_data), (right_indptr, right_terms, right_data)
    for pair in range(start, stop):
        out[pair] = merged_cosine(left, a[pair], right, b[pair])


@kernel(least=512)
def mark_shared(
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    terms: NDArray[np.int32],
    part_indptr: NDArray[np.int32],
    part_terms: NDArray[np.int32],
    out: NDArray[np.bool_],
) -> None:
    """Mark the entries of sparse rows whose terms the same row of another matrix has, too; terms ascend in a row."""
    for row in range(start, stop):
        entry, last = indptr[row], indptr[row + 1]
        for other in range(part_indptr[row], part_indptr[row + 1]):
            while entry < last and terms[entry] < part_terms[other]:
                entry += 1
            if entry < last and terms[entry] == part_terms[other]:
                out[entry] = True


@kernel(least=4_096)
def find_weights(
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[Any],
    rows: NDArray[np.int64],
    wanted: NDArray[np.int64],
    out: NDArray[Any],
) -> None:
    """Look up the weights of terms in sparse rows, (m,), by bisection; terms ascend in a row."""
    for pair in range(start, stop):
        low, high = indptr[rows[pair]], indptr[rows[pair] + 1]
        last = high
        while low < high:
            middle = (low + high) // 2
            if terms[middle] < wanted[pair]:
                low = middle + 1
            else:
                high = middle
        if low < last and terms[low] == wanted[pair]:
            out[pair] = weights[low]


@kernel(least=256, results=2)
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
    out: NDArray[np.int32],
    products: NDArray[np.float32],
) -> None:
    """Find the wanted terms of greatest product that rows a and b share, (m, n_terms); -1 = none."""
    n_terms = out.shape[1]
    for pair in range(start, stop):
        out[pair] = -1
        products[pair] = 0
        i, last_i = left_indptr[a[pair]], left_indptr[a[pair] + 1]
        j, last_j = right_indptr[b[pair]], right_indptr[b[pair] + 1]
        while i < last_i and j < last_j:
            left, right = left_terms[i], right_terms[j]
            if left == right and wanted[left]:
                product = np.float32(left_weights[i] * right_weights[j])
                if product > products[pair, n_terms - 1]:
                    rank = n_terms - 1
                    while rank > 0 and products[pair, rank - 1] < product:
                        products[pair, rank] = products[pair, rank - 1]
                        out[pair, rank] = out[pair, rank - 1]
                        rank -= 1
                    products[pair, rank] = product
                    out[pair, rank] = left
            i += left <= right
            j += right <= left
