"""What compiled loops must find, bit for bit, by NumPy and SciPy alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features.vectors import SCALE

# -- vectors ------------------------------------------------------------------------------------


def dots(
    queries: NDArray[np.int16], at: NDArray[np.int64], vectors: NDArray[np.int16], rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    near = vectors[np.maximum(rows, 0)].astype(np.float32)
    products = np.matmul(near, queries[at].astype(np.float32)[:, :, None])[:, :, 0]
    return np.where(rows >= 0, products, 0).astype(np.int32)


def gram(vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    near = vectors[np.maximum(rows, 0)].astype(np.float32)
    return np.asarray(np.matmul(near, near.transpose(0, 2, 1)) / np.float32(SCALE**2))


# -- sparse rows of terms -----------------------------------------------------------------------


def cosines(queries: sp.csr_matrix, candidates: sp.csr_matrix, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    line, place = np.nonzero(rows >= 0)
    found = np.zeros(rows.shape)
    found[line, place] = row_cosines(queries, candidates, line, rows[line, place])
    return found.astype(np.float32)


def row_cosines(
    left: sp.csr_matrix, right: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    shared = left[a].multiply(right[b]).tocsr()
    pair = np.repeat(np.arange(len(a)), np.diff(shared.indptr))
    return np.asarray(np.bincount(pair, weights=shared.data, minlength=len(a)), dtype=np.float64)


def heaviest_shared(
    left: sp.csr_matrix,
    right: sp.csr_matrix,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    count: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    shared = left[a].multiply(right[b]).tocsr()
    shared.data *= wanted[shared.indices]
    shared.eliminate_zeros()
    pair, first = _first(shared, -shared.data, count)
    nth = np.arange(len(pair)) - np.searchsorted(pair, pair)
    terms = np.full((len(a), count), -1, dtype=np.int32)
    products = np.zeros((len(a), count), dtype=np.float32)
    terms[pair, nth], products[pair, nth] = shared.indices[first], shared.data[first]
    return terms, products


def _first(matrix: sp.csr_matrix, key: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The `count` entries of least key of each row, then least column: their rows and places in the data."""
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((matrix.indices, key, row))  # rows stay where they are
    first = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths) < count
    return row[first], order[first]


# -- the loss of an order -----------------------------------------------------------------------


def order_derivatives(
    story: NDArray[np.int64], is_linked: NDArray[np.bool_], scores: NDArray[np.float64], places: int, flat: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute both derivatives story by story, over a matrix of its linked candidates by the others."""
    gradient, hessian = np.zeros(len(scores)), np.zeros(len(scores))
    for number in np.unique(story):
        rows = np.flatnonzero(story == number)
        place = np.empty(len(rows), np.int64)
        place[np.argsort(-scores[rows], kind="stable")] = np.arange(len(rows))
        linked, other = np.flatnonzero(is_linked[rows]), np.flatnonzero(~is_linked[rows])
        if not len(linked) or not len(other):
            continue
        ideal = (1 / np.log2(np.arange(min(len(linked), places)) + 2.0)).sum()
        ahead = scores[rows[linked]][:, None] - scores[rows[other]]
        discount = 1 / np.log2(place + 2.0)
        weight = np.abs(discount[linked][:, None] - discount[other]) / ideal / (flat + np.abs(ahead))
        weight[np.minimum(place[linked][:, None], place[other]) >= places] = 0
        wrong = 1 / (1 + np.exp(np.clip(ahead, -50, 50)))
        push, curve = wrong * weight, wrong * (1 - wrong) * weight
        total = 2 * push.sum()
        factor = np.log2(1 + total) / total if total else 1.0
        gradient[rows[linked]], gradient[rows[other]] = -factor * push.sum(axis=1), factor * push.sum(axis=0)
        hessian[rows[linked]], hessian[rows[other]] = factor * curve.sum(axis=1), factor * curve.sum(axis=0)
    return gradient, hessian
