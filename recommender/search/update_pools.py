"""Pools of an earlier state made those of now: what still holds is not searched again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import concatenate
from recommender.search import windows
from recommender.search.pools import Checkpoint, Pools, Queries
from recommender.search.retriever import Retriever

_BLOCK = 8_192  # stories whose windows are looked at together


def renewed(
    queries: Queries, pools: Pools, now: Retriever, was: Retriever, checkpoint: Checkpoint | None = None
) -> Pools:
    """Make what `now.pools` would return for all rows of its catalog, made from the pools of an earlier state.

    Only rows that may be shown now and could not be before are offered to the pools; new stories, those
    whose window grew, and those that lost too many rows search again.

    Parameters
    ----------
    queries : Queries
        All rows of the catalog, which is that of `was` with more rows.
    pools : Pools
        Of all rows of `was`.
    """
    if not _comparable(now, was):
        return now.pools(queries, checkpoint)
    new = len(now.catalog) - len(was.catalog)
    pools = Pools(concatenate(pools.rows, Pools.empty(new, now.count, now.limits.spare).rows), now.limits.spare)
    again = np.arange(len(now.catalog)) >= len(was.catalog)
    if now.scope.timed and now.scope.as_of != was.scope.as_of and now.scope.days_before is not None:
        again |= _slide(queries, pools, now, was)
    shown = np.pad(was.scope.allowed, (0, new))
    for (places, found), (_, before) in zip(
        now.by_language(queries, now.scope.allowed), was.by_language(queries, shown), strict=True
    ):
        if now.holds(found) or was.holds(before) or now.near(found) != was.near(before):
            again[places] = True
            continue
        kept, entered = places[~again[places]], found[~shown[found]]
        for start in range(0, len(kept) if len(entered) else 0, now.limits.offered):
            _admit(queries, entered, now, kept[start : start + now.limits.offered], pools, now.near(found))
    again |= pools.lost(now.scope.allowed)
    pools.rows[again] = -1
    now.fill(queries, again, pools, checkpoint)
    return pools


def _comparable(now: Retriever, was: Retriever) -> bool:
    """Tell whether most of what the earlier state found is still right."""
    scope, before = now.scope, was.scope
    same = now.width == was.width and scope.timed == before.timed and scope.as_of >= before.as_of
    same &= (scope.days_before, scope.days_around) == (before.days_before, before.days_around)
    same &= np.array_equal(scope.language[: len(was.catalog)], before.language)
    return bool(same)


def _slide(queries: Queries, pools: Pools, now: Retriever, was: Retriever) -> NDArray[np.bool_]:
    """Mark the rows that have left a story's window; gives the stories that have a window of their own now."""
    for start in range(0, len(queries), _BLOCK):
        part = slice(start, start + _BLOCK)
        rows = pools.rows[part]
        inside = now.inside(queries.take(np.arange(len(queries))[part]), np.maximum(rows, 0))
        pools.rows[part] = np.where((rows >= 0) & ~inside, -2 - rows, rows)
    own, before = (windows.has_own(queries.published, one.scope, now.settings) for one in (now, was))
    return own & ~before


def _admit(
    queries: Queries,
    entered: NDArray[np.int64],
    now: Retriever,
    places: NDArray[np.int64],
    pools: Pools,
    near: bool,
) -> None:
    """Put those of the rows that entered into the pools of some stories that belong there."""
    some, width = queries.take(places), now.width
    last = now.products(some, _decoded(pools.rows[places, -1:]))[:, 0]
    for at, rows in now.nearest(some, entered, min(len(entered), width), near=near, least=last):
        held = at[rows[:, 0] >= 0]
        if len(held):
            _insert(some.take(held), rows[rows[:, 0] >= 0], now, places[held], pools)


def _insert(queries: Queries, rows: NDArray[np.int64], now: Retriever, places: NDArray[np.int64], pools: Pools) -> None:
    """Put rows, (q, c), best first, into the pools of their stories."""
    held, width = pools.rows[places], now.width
    # from here on by pairs of a story and a row that comes in, the best of a story first
    story, column = np.nonzero(rows >= 0)
    row = rows[story, column]
    behind = _behind(queries, now, row, held, story)
    # others are shown once more, and were never forgotten: they stand where they would come in
    fresh = _decoded(held[story, np.minimum(behind, width - 1)]) != row
    story, row, behind = story[fresh], row[fresh], behind[fresh]
    nth = np.arange(len(story)) - np.searchsorted(story, story)
    counts = np.bincount(story * (width + 1) + behind, minlength=len(held) * (width + 1))
    moved = np.arange(width) + np.cumsum(counts.reshape(len(held), width + 1), axis=1)[:, :width]
    line = np.zeros((len(held), width + int(nth.max(initial=-1)) + 1), dtype=np.int32)
    np.put_along_axis(line, moved, held, axis=1)
    line[story, behind + nth] = row
    pools.rows[places] = line[:, :width]


def _behind(
    queries: Queries, now: Retriever, rows: NDArray[np.int64], held: NDArray[np.int32], line: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the rows of the pool in a line of `held` before each row that comes in, (m,): by bisection."""
    id_rank, width = now.catalog.id_rank, held.shape[1]
    asking = queries.take(line)
    product = now.products(asking, rows[:, None])[:, 0]
    low, high = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), width)
    for _ in range(width.bit_length()):
        middle = (low + high) // 2
        other = _decoded(held[line, np.minimum(middle, width - 1)])
        theirs = now.products(asking, other[:, None])[:, 0]
        before = (other >= 0) & ((theirs > product) | ((theirs == product) & (id_rank[other] < id_rank[rows])))
        before &= middle < high  # nothing is left to ask
        low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
    return low


def _decoded(rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give the rows of pools, those that have left a story's window as well."""
    return np.where(rows < -1, -2 - rows, rows).astype(np.int64)
