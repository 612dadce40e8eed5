"""The stories whose lists may differ between two states of an archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.archive.archive import Archive, ArchivePools
from recommender.articles.article import UNDATED
from recommender.publishing import PublishedLists
from recommender.ranking.score import MORE, SOURCES
from recommender.search.pools import Pools
from recommender.search.retriever import Retriever
from recommender.selection.fill import TIMES
from recommender.selection.rules import every_rule

_BLOCK = 8_192  # stories whose candidates are compared at a time
_MOST_REACH = 4  # times the approximate number of rows within a story's reach: no story has so many
_NO_BOOSTS = {"boosts": (), "desk": ()}  # a boost touches only the lists that have a candidate whose factor it changes


class Filled(NamedTuple):
    """Lists that were filled past their candidates, by the row of their story, (n,)."""

    past_candidates: NDArray[np.bool_]
    past_reach: NDArray[np.bool_]  # those among them for which all rows were searched in the end


def mask_touched(before: Archive, after: Archive, filled: Filled) -> NDArray[np.bool_]:
    """Mark the rows of the later state whose lists may differ from those of the earlier one; both have pools.

    Rows that are new in the later state are marked as well. A list depends on all candidates of its story, as the
    ranker asks how many of them are closer: with 200 candidates each, changes to one story in a hundred touch nearly
    nine lists in ten. A list that was filled past its candidates, see `find_filled`, depends on all rows that its story
    was compared with.
    """
    old_pools, new_pools = _pools(before), _pools(after)
    if _differ_as_a_whole(before, after):
        return np.ones(len(after.catalog), dtype=bool)
    has_changed = _mask_changed(before, after)
    is_touched = np.ones(len(after.catalog), dtype=bool)
    is_touched[: len(before.catalog)] = has_changed | _mask_other_candidates(old_pools, new_pools, has_changed)
    rows = np.flatnonzero(filled.past_candidates & ~is_touched[: len(has_changed)])
    is_touched[rows] = _mask_near_changes(before, after, rows, filled.past_reach[rows], has_changed)
    is_touched |= _mask_reached_by_time(after, old_pools, new_pools)
    stories = {story for _, story in old_pools.blocks ^ new_pools.blocks if story is not None}
    stories.update(_stories_of_changed_pins(before, after, has_changed))
    is_touched[after.catalog.known_rows(stories)] = True
    return is_touched


def _pools(archive: Archive) -> ArchivePools:
    assert archive.pools is not None
    return archive.pools


def _differ_as_a_whole(before: Archive, after: Archive) -> bool:
    """Check whether something differs that every list depends on."""
    old_pools, new_pools = _pools(before), _pools(after)
    has_moved = old_pools.scope.as_of != new_pools.scope.as_of
    return bool(
        (before.settings, before.dated, old_pools.k) != (after.settings, after.dated, new_pools.k)
        or before.has_main_outlet != after.has_main_outlet
        or before.rules.model_copy(update=_NO_BOOSTS) != after.rules.model_copy(update=_NO_BOOSTS)
        or before.fingerprint != after.fingerprint
        or (has_moved and after.ranker is None and after.settings.ranking.anchor == "as_of")
        or not np.array_equal(before.languages, after.languages[: len(before.catalog)])
    )


def _mask_changed(before: Archive, after: Archive) -> NDArray[np.bool_]:
    """Mark the rows of the earlier state that rules may judge, or boosts may move, otherwise now."""
    has_changed = np.zeros(len(before.catalog), dtype=bool)
    old_selection, new_selection = before.selection(_pools(before).scope), after.selection(_pools(after).scope)
    for rule in every_rule():
        if rule.depends_on is None:
            continue
        old, new = rule.depends_on(old_selection), rule.depends_on(new_selection)
        if old is not None and new is not None:
            if rule.groups:
                old, new = _by_first_member(old), _by_first_member(new)
            has_changed |= old != new[: len(has_changed)]
    has_changed |= old_selection.rules.boost != new_selection.rules.boost[: len(has_changed)]
    return has_changed


def _by_first_member(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber groups by the index of their first member, so that two numberings can be compared; -1 stays."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.where(groups < 0, -1, first[inverse]), dtype=np.int64)


def _mask_other_candidates(
    before: ArchivePools, after: ArchivePools, has_changed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the rows of the earlier state that have other candidates now, or a candidate that has changed."""
    n_old = len(has_changed)
    is_allowed_otherwise = before.scope.allowed != after.scope.allowed[:n_old]
    is_allowed_otherwise |= before.shown != after.shown[:n_old]
    added = np.zeros(len(after.shown) - n_old, dtype=bool)
    is_unsettled = np.append(has_changed | is_allowed_otherwise, added)
    has_changed = np.append(has_changed, added)
    differs = np.zeros(n_old, dtype=bool)
    for start in range(0, n_old, _BLOCK):
        block = slice(start, min(start + _BLOCK, n_old))
        old, new = before.by_row.take(block), after.by_row.take(block)
        # A story whose pool lost too many rows to editors searches the whole archive for each list.
        differs[block] |= new.mask_depleted(after.shown) | old.mask_depleted(before.shown)
        # Most pools are as they were: only of the others it matters which rows are candidates.
        rows = start + np.flatnonzero(_mask_other_pools(old, new, is_unsettled))
        old, new = before.by_row.take(rows), after.by_row.take(rows)
        # The whole pool counts as well as the candidates shown: a candidate's standing is its rank in the pool.
        differs[rows] |= _differ(old, new, before.shown, after.shown, has_changed)
        differs[rows] |= _differ(old, new, before.scope.allowed, after.scope.allowed, has_changed)
    return differs


def _mask_other_pools(old: Pools, new: Pools, is_unsettled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the stories whose pools hold other rows than before, or a row that may be judged otherwise now; (q,)."""
    if new.rows.shape != old.rows.shape:
        return np.ones(len(new.rows), dtype=bool)
    return np.asarray((new.rows != old.rows).any(axis=1) | is_unsettled[np.maximum(new.rows, 0)].any(axis=1))


def _differ(
    old: Pools,
    new: Pools,
    was_allowed: NDArray[np.bool_],
    is_allowed: NDArray[np.bool_],
    has_changed: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Mark the stories whose allowed rows are others than before, or have changed; (q,)."""
    old_rows, new_rows = old.candidates(was_allowed)[0].rows, new.candidates(is_allowed)[0].rows
    width = max(old_rows.shape[1], new_rows.shape[1])
    old_rows, new_rows = _padded(old_rows, width), _padded(new_rows, width)
    return np.asarray((new_rows != old_rows).any(axis=1) | ((new_rows >= 0) & has_changed[new_rows]).any(axis=1))


def _mask_near_changes(
    before: Archive,
    after: Archive,
    stories: NDArray[np.int64],
    is_past_reach: NDArray[np.bool_],
    has_changed: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Mark the stories, (q,), that are compared with a row that is new, shown otherwise than before, or has changed.

    Those whose lists were filled past their reach, (q,), are compared with all rows.
    """
    old_pools, new_pools, n_old = _pools(before), _pools(after), len(has_changed)
    differs = np.append(has_changed | (old_pools.shown != new_pools.shown[:n_old]), new_pools.shown[n_old:])
    is_near, queries = np.ones(len(stories), dtype=bool), after.queries(stories)
    # where editors hide most rows, lists are made of other searches
    if any(2 * pools.shown.sum() < pools.scope.allowed.sum() for pools in (old_pools, new_pools)):
        return is_near
    was, now = _search_without_window(before, old_pools), _search_without_window(after, new_pools)
    was_shown = np.append(old_pools.shown, np.zeros(len(differs) - n_old, dtype=bool))
    groups = zip(
        was.by_language(queries, was_shown),
        now.by_language(queries, new_pools.shown),
        now.by_language(queries, differs),
        strict=True,
    )
    for (_, rows_before), (_, rows_now), (indices, changed) in groups:
        is_near[indices] = len(changed) > 0
        if _is_filled_within_reach(was, rows_before) and _is_filled_within_reach(now, rows_now):
            indices = indices[~is_past_reach[indices]]
            for block, best in now.nearest(queries.take(indices), changed, 1, within_reach=True):
                is_near[indices[block]] = best[:, 0] >= 0
    return is_near


def _search_without_window(archive: Archive, pools: ArchivePools) -> Retriever:
    """Prepare the search that fills lists, before it finds all rows that there are."""
    scope = replace(pools.scope, allowed=pools.shown, days_before=None, days_around=None)
    return archive.retriever(scope, pools.k, TIMES[-2])


def _is_filled_within_reach(search: Retriever, rows: NDArray[np.int64]) -> bool:
    """Check whether a search of some rows for filling finds the whole reach of every story, and nothing else."""
    finds_reach = search.count >= _MOST_REACH * search.limits.near
    return finds_reach and search.uses_reach(rows) and not search.takes_all(rows)


def _padded(rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)


def _mask_reached_by_time(after: Archive, old_pools: ArchivePools, new_pools: ArchivePools) -> NDArray[np.bool_]:
    """Mark the rows whose lists differ because the moment has moved on."""
    old_moment, new_moment = old_pools.scope.as_of, new_pools.scope.as_of
    published = after.catalog.published
    if old_moment == new_moment:
        return np.zeros(len(published), dtype=bool)
    is_reached = published > min(old_moment, new_moment)  # the end of an embargo
    if after.ranker is None and after.settings.ranking.half_life_days is not None:
        is_reached |= published == UNDATED  # the ages of candidates then count from the moment
    return is_reached


def _stories_of_changed_pins(before: Archive, after: Archive, has_changed: NDArray[np.bool_]) -> Iterator[str]:
    """Yield the stories with a pin that holds only at one of the moments, or whose item is shown otherwise now."""
    old_pools, new_pools = _pools(before), _pools(after)
    old_moment, new_moment = old_pools.scope.as_of, new_pools.scope.as_of
    for pin in after.rules.pins:
        if old_moment != new_moment and pin.holds(_to_time(old_moment)) != pin.holds(_to_time(new_moment)):
            yield pin.story
        # A pinned item is no candidate, so whether it may be shown is looked up.
        rows = after.catalog.known_rows([pin.item])
        if not len(rows):
            was_taken_back = len(before.catalog.known_rows([pin.item])) > 0
            if was_taken_back:
                yield pin.story
            continue
        row = rows[0]
        is_new = row >= len(before.catalog)
        if is_new or has_changed[row] or old_pools.shown[row] != new_pools.shown[row]:
            yield pin.story


def _to_time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def find_filled(lists: PublishedLists, archive: Archive) -> Filled:
    """Find the rows whose published lists were filled past the candidates and past the reach of their stories.

    These are lists with an item that is no candidate, or not within reach, and lists that stayed short all the same.
    """
    pools = _pools(archive)
    filled = Filled(*(np.zeros(len(archive.catalog), dtype=bool) for _ in Filled._fields))
    if "more" not in archive.settings.selection.fill:
        return filled
    short_ids, story_ids, item_ids = [], [], []  # the latter two of each item that is only the next best
    for batch in lists.records(["article_id", "status", "items.article_id", "items.source"]):
        ids, status = batch.column("article_id"), batch.column("status")
        short_ids.append(ids.filter(pc.is_in(status, pa.array(["short", "empty"]))))
        has_filling = pc.equal(status, "filled")
        items_of_lists = batch.column("items").filter(has_filling)
        items, list_index = items_of_lists.flatten(), pc.list_parent_indices(items_of_lists)
        is_more = pc.equal(items.field("source"), SOURCES[MORE])
        story_ids.append(ids.filter(has_filling).take(list_index.filter(is_more)))
        item_ids.append(items.field("article_id").filter(is_more))
    short_rows, story_rows, item_rows = (
        archive.catalog.find(pa.chunked_array([chunk.cast(pa.large_string()) for chunk in ids], pa.large_string()))
        for ids in (short_ids, story_ids, item_ids)
    )
    for is_filled in filled:
        is_filled[short_rows[short_rows >= 0]] = True
    is_known = story_rows >= 0
    story_rows, item_rows = story_rows[is_known], item_rows[is_known]
    for start in range(0, len(story_rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        is_candidate = pools.by_row.take(story_rows[block]).mask_candidates(item_rows[block], pools.shown)
        rows, items = story_rows[block][~is_candidate], item_rows[block][~is_candidate]
        filled.past_candidates[rows] = True
        filled.past_reach[rows[~archive.searched.mask_within_reach(rows, items)]] = True
    return filled
