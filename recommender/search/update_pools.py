"""The update of saved pools: only stories whose pools may be wrong search again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import concatenate
from recommender.search.pools import Checkpoint, Pools, Queries
from recommender.search.retriever import Retriever
from recommender.search.windows import has_own_window

_BLOCK = 8_192  # stories whose windows are checked together


def update_pools(
    queries: Queries, pools: Pools, now: Retriever, was: Retriever, checkpoint: Checkpoint | None = None
) -> Pools:
    """Return what `now.pools` would return for all rows of its catalog, from the pools of an earlier state.

    Only newly visible rows are offered to the pools; new stories, those whose window grew, and those that lost too
    many rows search again.

    Parameters
    ----------
    queries : Queries
        All rows of the catalog, which is that of `was` with more rows.
    pools : Pools
        Of all rows of `was`.
    now, was : Retriever
        The search of this state and of the earlier one.
    """
    if not _comparable(now, was):
        return now.pools(queries, checkpoint)
    new = len(now.catalog) - len(was.catalog)
    pools = Pools(concatenate(pools.rows, Pools.empty(new, now.count, now.limits.spare).rows), now.limits.spare)
    again = np.arange(len(now.catalog)) >= len(was.catalog)
    if now.scope.timed and now.scope.as_of != was.scope.as_of and now.scope.days_before is not None:
        again |= _slide(queries, pools, now, was)
    shown = np.pad(was.scope.allowed, (0, new))
    for (indices, rows), (_, rows_before) in zip(
        now.by_language(queries, now.scope.allowed), was.by_language(queries, shown), strict=True
    ):
        within_reach = now.uses_reach(rows)
        if now.takes_all(rows) or was.takes_all(rows_before) or within_reach != was.uses_reach(rows_before):
            again[indices] = True
            continue
        kept, entered = indices[~again[indices]], rows[~shown[rows]]
        for start in range(0, len(kept) if len(entered) else 0, now.limits.offered):
            _offer(queries, entered, now, kept[start : start + now.limits.offered], pools, within_reach)
    again |= pools.mask_depleted(now.scope.allowed)
    pools.rows[again] = -1
    now.fill(queries, again, pools, checkpoint)
    return pools


def _comparable(now: Retriever, was: Retriever) -> bool:
    """Check whether most pools of the earlier state are still right."""
    scope, before = now.scope, was.scope
    same = now.width == was.width and scope.timed == before.timed and scope.as_of >= before.as_of
    same &= (scope.days_before, scope.days_around) == (before.days_before, before.days_around)
    same &= np.array_equal(scope.language[: len(was.catalog)], before.language)
    return bool(same)


def _slide(queries: Queries, pools: Pools, now: Retriever, was: Retriever) -> NDArray[np.bool_]:
    """Encode the rows that have left a story's window; mark the stories that have a window of their own only now."""
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = pools.rows[block]
        in_window = now.in_window(queries.take(np.arange(len(queries))[block]), np.maximum(rows, 0))
        pools.rows[block] = np.where((rows >= 0) & ~in_window, -2 - rows, rows)
    had_window = has_own_window(queries.published, was.scope, now.settings)
    return has_own_window(queries.published, now.scope, now.settings) & ~had_window


def _offer(
    queries: Queries,
    entered: NDArray[np.int64],
    now: Retriever,
    indices: NDArray[np.int64],
    pools: Pools,
    within_reach: bool,
) -> None:
    """Insert the newly visible rows that are good enough into the pools at `indices`."""
    stories, width = queries.take(indices), now.width
    last = now.products(stories, _decoded(pools.rows[indices, -1:]))[:, 0]
    count = min(len(entered), width)
    for block, best in now.nearest(stories, entered, count, within_reach=within_reach, least=last):
        has_row = best[:, 0] >= 0
        if has_row.any():
            changed = block[has_row]
            _insert(stories.take(changed), best[has_row], now, indices[changed], pools)


def _insert(
    queries: Queries, rows: NDArray[np.int64], now: Retriever, indices: NDArray[np.int64], pools: Pools
) -> None:
    """Insert rows, (q, c), best first, into the pools at `indices`."""
    pool_rows, width = pools.rows[indices], now.width
    # pairs of a story and a row to insert, the best row of a story first
    story, column = np.nonzero(rows >= 0)
    row = rows[story, column]
    rank = _find_rank(queries, now, row, pool_rows, story)
    # a row that was hidden for a while is still in the pool, in the column where it would be inserted
    is_new = _decoded(pool_rows[story, np.minimum(rank, width - 1)]) != row
    story, row, rank = story[is_new], row[is_new], rank[is_new]
    nth = np.arange(len(story)) - np.searchsorted(story, story)
    counts = np.bincount(story * (width + 1) + rank, minlength=len(pool_rows) * (width + 1))
    moved = np.arange(width) + np.cumsum(counts.reshape(len(pool_rows), width + 1), axis=1)[:, :width]
    merged = np.zeros((len(pool_rows), width + int(nth.max(initial=-1)) + 1), dtype=np.int32)
    np.put_along_axis(merged, moved, pool_rows, axis=1)
    merged[story, rank + nth] = row
    pools.rows[indices] = merged[:, :width]


def _find_rank(
    queries: Queries, now: Retriever, rows: NDArray[np.int64], pool_rows: NDArray[np.int32], story: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the rows that are better than each row to insert, in the pool of its `story`, (m,), by bisection."""
    id_rank, width = now.catalog.id_rank, pool_rows.shape[1]
    stories = queries.take(story)
    product = now.products(stories, rows[:, None])[:, 0]
    low, high = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), width)
    for _ in range(width.bit_length()):
        middle = (low + high) // 2
        other = _decoded(pool_rows[story, np.minimum(middle, width - 1)])
        other_product = now.products(stories, other[:, None])[:, 0]
        is_tie_before = (other_product == product) & (id_rank[other] < id_rank[rows])
        is_before = (other >= 0) & ((other_product > product) | is_tie_before)
        is_before &= middle < high  # otherwise this search has ended
        low, high = np.where(is_before, middle + 1, low), np.where(is_before, high, middle)
    return low


def _decoded(rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the rows of pools, with those that have left the story's window."""
    return np.where(rows < -1, -2 - rows, rows).astype(np.int64)
