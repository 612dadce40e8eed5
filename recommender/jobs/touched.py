"""The stories whose lists may differ between two states of an archive."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.articles.article import UNDATED
from recommender.publishing import PublishedLists
from recommender.ranking.score import MORE, SOURCES
from recommender.search.pools import Pools
from recommender.selection.rules import every_rule

_BLOCK = 8_192  # stories whose candidates are compared at a time
_NO_BOOSTS = {"boosts": (), "desk": ()}  # those touch the lists alone that have a candidate whose factor they change


def touched(before: Archive, after: Archive) -> NDArray[np.bool_]:
    """Find the rows whose lists may differ between two states with pools, (n,) of the later, new ones among them."""
    was, now = before.pools, after.pools
    assert was is not None
    assert now is not None
    old, new = len(before.catalog), len(after.catalog)
    found = np.arange(new) >= old
    moved = was.scope.as_of != now.scope.as_of
    everything = (
        (before.settings, before.dated, was.k) != (after.settings, after.dated, now.k)
        or before.rules.model_copy(update=_NO_BOOSTS) != after.rules.model_copy(update=_NO_BOOSTS)
        or before.fingerprint != after.fingerprint
        or (moved and after.ranker is None and after.settings.ranking.anchor == "as_of")
        or not np.array_equal(before.languages, after.languages[:old])
    )
    if everything:
        return np.ones(new, dtype=bool)
    changed = _changed(before, after)
    found[:old] |= changed
    shown = (was.scope.allowed != now.scope.allowed[:old]) | (was.shown != now.shown[:old])
    unsettled = np.append(changed | shown, np.zeros(new - old, dtype=bool))
    for start in range(0, old, _BLOCK):
        part = slice(start, min(start + _BLOCK, old))
        # whose pool lost too many to editors searches again for each list: that looks at the whole archive
        found[part] |= now.by_row.take(part).candidates(now.shown)[1] | was.by_row.take(part).candidates(was.shown)[1]
        # most pools are as they were: only of the others it matters which rows are candidates
        some = start + np.flatnonzero(_differ(now.by_row.take(part), was.by_row.take(part), unsettled))
        # the candidates, and the whole pool, which a candidate's standing is told by
        for allowed, allowed_before in ((now.shown, was.shown), (now.scope.allowed, was.scope.allowed)):
            rows, _ = now.by_row.take(some).candidates(allowed)
            before_, _ = was.by_row.take(some).candidates(allowed_before)
            width = max(rows.rows.shape[1], before_.rows.shape[1])
            wide, wide_before = (
                np.pad(one.rows, ((0, 0), (0, width - one.rows.shape[1])), constant_values=-1)
                for one in (rows, before_)
            )
            differ = (wide != wide_before).any(axis=1)
            found[some] |= differ | ((wide >= 0) & np.append(changed, np.zeros(new - old, bool))[wide]).any(axis=1)
    stories = {story for _, story in was.blocks ^ now.blocks if story is not None}
    if moved:
        ends = (
            pin.story
            for pin in after.rules.pins
            if pin.holds(_time(was.scope.as_of)) != pin.holds(_time(now.scope.as_of))
        )
        stories.update(ends)
        published = after.catalog.published
        found |= published > min(was.scope.as_of, now.scope.as_of)  # an embargo was reached
        if after.ranker is None and after.settings.ranking.half_life_days is not None:
            found |= published == UNDATED  # ages count from the moment
    # a pinned item is no candidate: whether it may be shown is looked up
    for pin in after.rules.pins:
        row = after.catalog.known_rows([pin.item])
        gone = not len(row) and bool(len(before.catalog.known_rows([pin.item])))  # the input took it back
        if gone or (len(row) and (row[0] >= old or changed[row[0]] or was.shown[row[0]] != now.shown[row[0]])):
            stories.add(pin.story)
    found[after.catalog.known_rows(stories)] = True
    return found


def _differ(pool: Pools, earlier: Pools, unsettled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which stories' pools hold other rows than before, or a row that may be judged otherwise now; (q,)."""
    if pool.rows.shape != earlier.rows.shape:
        return np.ones(len(pool.rows), dtype=bool)
    return np.asarray((pool.rows != earlier.rows).any(axis=1) | unsettled[np.maximum(pool.rows, 0)].any(axis=1))


def _changed(before: Archive, after: Archive) -> NDArray[np.bool_]:
    """Find the rows of the earlier state that rules may judge otherwise now, or lift or lower otherwise."""
    assert before.pools is not None
    assert after.pools is not None
    changed = np.zeros(len(before.catalog), dtype=bool)
    was, now = (state.selection(state.pools.scope) for state in (before, after) if state.pools is not None)
    for rule in every_rule():
        old, new = rule.depends_on(was), rule.depends_on(now)
        if old is not None and new is not None:
            if rule.groups:
                old, new = _partition(old), _partition(new)
            changed |= old != new[: len(changed)]
    return np.asarray(changed | (was.rules.boost != now.rules.boost[: len(changed)]))


def looked_past(lists: PublishedLists, archive: Archive) -> NDArray[np.bool_]:
    """Find the rows whose published lists were filled from the whole archive, past their candidates.

    These are lists with an item that is no candidate, and lists that stayed short all the same.
    """
    pools = archive.pools
    assert pools is not None
    found, short, of, more = np.zeros(len(archive.catalog), dtype=bool), [], [], []
    if "more" not in archive.settings.selection.fill:
        return found
    for batch in lists.records():
        ids, status = batch.column("article_id").cast(pa.large_string()), batch.column("status")
        short.append(ids.filter(pc.is_in(status, pa.array(["short", "empty"]))))
        filled = pc.equal(status, "filled")
        items = batch.column("items").filter(filled)
        shown, story = items.flatten(), pc.list_parent_indices(items)
        extra = pc.equal(shown.field("source"), SOURCES[MORE])
        of.append(ids.filter(filled).take(story.filter(extra)))
        more.append(shown.field("article_id").filter(extra).cast(pa.large_string()))
    found[archive.catalog.known_rows(pa.chunked_array(short, pa.large_string()).to_pylist())] = True
    rows, further = (
        archive.catalog.find(pa.chunked_array(column, pa.large_string()).to_pylist()) for column in (of, more)
    )
    rows, further = rows[rows >= 0], further[rows >= 0]
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        candidates = pools.by_row.take(rows[part]).candidates(pools.shown)[0].rows
        found[rows[part][(candidates != further[part, None]).all(axis=1)]] = True
    return found


def _partition(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Name groups by their first member, whatever their numbers; -1 stays."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.where(group < 0, -1, first[inverse]), dtype=np.int64)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
