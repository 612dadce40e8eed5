"""Pools of an earlier state made those of now: what still holds is not searched again."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import in_order, joined
from recommender.search import exact, windows
from recommender.search.candidates import Channel, Retriever, Task
from recommender.search.pools import Asks, Keeper, Pool, Pools
from recommender.search.scope import Scope

_OFFERED = 32_768  # stories that newcomers are offered to at a time
_BLOCK = 8_192  # stories whose windows are looked at together


def renewed(asks: Asks, pools: Pools, now: Retriever, was: Retriever, keeper: Keeper | None = None) -> Pools:
    """Make what `now.pools` would return for all rows of its catalog, made from the pools of an earlier state.

    Only rows that may be shown now and could not be before are offered to the pools; new stories, those
    whose window grew, and those that lost too many rows search again.

    Parameters
    ----------
    asks : Asks
        All rows of the catalog, which is that of `was` with more rows.
    pools : Pools
        Of all rows of `was`.
    """
    channels = zip(now.channels, was.channels, pools, strict=True)
    return Pools(*(_renewed(asks, pool, now, channel, was, old, keeper) for channel, old, pool in channels))


def _renewed(
    asks: Asks, pool: Pool, now: Retriever, channel: Channel, was: Retriever, old: Channel, keeper: Keeper | None
) -> Pool:
    """Renew the pool of a channel."""
    if not _comparable(asks, now, channel, was, old):
        return now.found(asks, channel, keeper)
    new = len(now.catalog) - len(was.catalog)
    pool = Pool(joined(pool.rows, Pool.empty(new, channel.width).rows))
    again = np.arange(len(now.catalog)) >= len(was.catalog)
    if channel.scope.timed and channel.scope.as_of != old.scope.as_of and channel.scope.days_before is not None:
        again |= _slide(asks, pool, now, channel.scope, old.scope)
    entered = channel.shown & ~np.pad(old.shown, (0, new))
    for places, found in now.by_language(asks, entered):
        kept = places[~again[places]]

        def offer(start: int, kept: NDArray[np.int64] = kept, found: NDArray[np.int64] = found) -> None:
            some = kept[start : start + _OFFERED]
            _offer(asks.take(some), found, now, channel, some, pool)

        deque(in_order(offer, range(0, len(kept) if len(found) else 0, _OFFERED)), 0)
    again |= pool.lost(channel.shown)
    pool.rows[again] = -1
    now.fill(asks, channel, again, pool, keeper)
    return pool


def _comparable(asks: Asks, now: Retriever, channel: Channel, was: Retriever, old: Channel) -> bool:
    """Tell whether most of what the earlier state found is still right."""
    scope, before = now.scope, was.scope
    same = channel.width == old.width > 0 and scope.timed == before.timed
    same &= (scope.days_before, scope.days_around) == (before.days_before, before.days_around)
    if not same or not np.array_equal(scope.language[: len(was.catalog)], before.language):
        return False
    if channel.scope.as_of < old.scope.as_of:
        return False
    states = ((now, channel), (was, old))
    return not any(one.holds(found) for state, one in states for _, found in state.by_language(asks, one.shown))


def _slide(asks: Asks, pool: Pool, retriever: Retriever, now: Scope, was: Scope) -> NDArray[np.bool_]:
    """Mark the rows that have left a story's window; returns the stories that have a window of their own now."""
    published, settings = retriever.catalog.published, retriever.settings
    for start in range(0, len(asks), _BLOCK):
        part = slice(start, start + _BLOCK)
        rows = pool.rows[part]
        times = published[np.maximum(rows, 0)]
        a, b, c, d = windows.times(asks.published[part], now, settings).T[:, :, None]
        inside = ((times >= a) & (times <= b)) | ((times >= c) & (times <= d))
        pool.rows[part] = np.where((rows >= 0) & ~inside, -2 - rows, rows)
    return windows.has_own(asks.published, now, settings) & ~windows.has_own(asks.published, was, settings)


def _offer(
    asks: Asks, found: NDArray[np.int64], now: Retriever, channel: Channel, places: NDArray[np.int64], pool: Pool
) -> None:
    """Put those of the rows `found` into the pools of some stories that belong there."""
    task, width = now.task(asks, found, channel.scope), channel.width
    last = now.scores(task, np.arange(len(asks)), _decoded(pool.rows[places, -1:]))[:, 0]
    reach, count = np.maximum(last, 0.0), min(len(found), width)
    best = exact.nearest(task.asking, task.rows, count, weight=task.weight, reach=reach)
    some = np.flatnonzero(best.size)
    held = pool.rows[places[some]]
    # from here on by pairs of a story and a row that comes in, the best of a story first
    place = best.place[some]
    story, column = np.nonzero(place >= 0)
    row = found[place[story, column]]
    behind = _behind(task, now, some[story], row, held, story)
    # others are shown once more, and were never forgotten: they stand where they would come in
    fresh = _decoded(held[story, np.minimum(behind, width - 1)]) != row
    story, row, behind = story[fresh], row[fresh], behind[fresh]
    nth = np.arange(len(story)) - np.searchsorted(story, story)
    counts = np.bincount(story * (width + 1) + behind, minlength=len(some) * (width + 1))
    moved = np.arange(width) + np.cumsum(counts.reshape(len(some), width + 1), axis=1)[:, :width]
    line = np.zeros((len(some), width + int(nth.max(initial=-1)) + 1), dtype=np.int32)
    np.put_along_axis(line, moved, held, axis=1)
    line[story, behind + nth] = row
    pool.rows[places[some]] = line[:, :width]


def _behind(
    task: Task,
    now: Retriever,
    stories: NDArray[np.int64],
    rows: NDArray[np.int64],
    held: NDArray[np.int32],
    line: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count the rows of the pool in a line of `held` before each row that comes in, (m,): by bisection."""
    id_rank, width = now.catalog.id_rank, held.shape[1]
    score = now.scores(task, stories, rows[:, None])[:, 0]
    low, high = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), width)
    for _ in range(width.bit_length()):
        middle = (low + high) // 2
        other = _decoded(held[line, np.minimum(middle, width - 1)])
        theirs = now.scores(task, stories, other[:, None])[:, 0]
        before = (theirs > score) | ((theirs == score) & (id_rank[other] < id_rank[rows]))
        before &= middle < high  # nothing is left to ask
        low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
    return low


def _decoded(rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give the rows of a pool, those that have left a story's window as well."""
    return np.where(rows < -1, -2 - rows, rows).astype(np.int64)
