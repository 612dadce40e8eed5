"""What compiled loops must find, bit for bit, by NumPy and SciPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features.vectors import SCALE
from recommender.search.scan import Asking, Block, Held, Rows

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


def lengths(vectors: NDArray[np.int16]) -> NDArray[np.int32]:
    """Squared lengths, and those of what bfloat16 takes from each vector; (2, n)."""
    value = np.abs(vectors).astype(np.int32)
    step = np.int32(1) << sum((value >= bound).astype(np.int32) for bound in (256, 512, 1024, 2048))
    rest = value & (step - 1)
    rest = np.minimum(rest, step - rest)
    return np.stack([(part * part).sum(axis=1, dtype=np.int32) for part in (value, rest)])


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


# -- search -------------------------------------------------------------------------------------


def offer(
    products: NDArray[Any],
    least: NDArray[np.float64],
    block: Block,
    asking: Asking,
    rows: Rows,
    held: Held,
    by_row: bool,
) -> None:
    """All pairs of a block together; those for which a line has no room wait until it is thinned."""
    products = products.T if by_row else products
    story, row = np.nonzero(products >= block.bound(least)[:, None])
    asks, at = block.stories[story], row + block.start
    a, b, c, d = asking.spans[asks].T
    able = rows.shown[at] & (at != asking.own[asks]) & (((at >= a) & (at < b)) | ((at >= c) & (at < d)))
    asks, at = asks[able], at[able]
    if block.exact:
        dot = products[story, row][able].astype(np.int32)
    else:
        dot = dots(asking.vectors, asking.rows[asks], rows.vectors, rows.rows[at][:, None])[:, 0]
    score = dot * block.weight[np.abs(asking.hour[asks] - rows.hour[at])]
    able = (dot >= block.least) & (dot > 0)
    room = held.place.shape[1]
    while True:
        able &= score >= held.worst[asks]
        asks, at, dot, score = asks[able], at[able], dot[able], score[able]
        if not len(asks):
            return
        to = held.size[asks] + np.arange(len(asks)) - np.searchsorted(asks, asks)
        able = to >= room
        now = ~able
        held.place[asks[now], to[now]], held.dot[asks[now], to[now]] = at[now], dot[now]
        who, counts = np.unique(asks, return_counts=True)
        held.size[who] = np.minimum(held.size[who] + counts, room)
        full = who[held.size[who] == room]
        if len(full):
            thin(held, full, asking, rows, block.weight)


def thin(held: Held, stories: NDArray[np.int64], asking: Asking, rows: Rows, weight: NDArray[np.float64]) -> None:
    """Keep the best `keep` of each of some stories, which hold as many or more."""
    width, keep = int(held.size[stories].max()), held.keep
    score = held._score(stories, width, asking, rows, weight)
    worst = np.partition(score, width - keep, axis=1)[:, width - keep]
    above, kept = score > worst[:, None], score >= worst[:, None]
    wanted = keep - above.sum(axis=1)
    tied = np.flatnonzero(kept.sum(axis=1) > keep)  # more equal ones than there is room for
    if len(tied):
        equal = kept[tied] & ~above[tied]
        place = np.where(equal, held.place[stories[tied], :width], 0)
        ids = np.where(equal, rows.id_rank[place], np.iinfo(np.int64).max)
        last = np.take_along_axis(np.sort(ids, axis=1), wanted[tied, None] - 1, axis=1)
        kept[tied] = above[tied] | (equal & (ids <= last))
    at = np.nonzero(kept)[1].reshape(len(stories), keep)
    held.place[stories, :keep] = held.place[stories[:, None], at]
    held.dot[stories, :keep] = held.dot[stories[:, None], at]
    held.size[stories], held.worst[stories] = keep, worst
