"""Empty places of short lists filled, if the settings say so; each item says what it fills with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.ranking.score import SOURCES, Ranked
from recommender.search.pools import Candidates, Queries
from recommender.search.scope import Scope
from recommender.selection.pipeline import Selection, Stories, select

_NEWEST = 50  # newest stories that 'recent' looks at

Search = Callable[[Queries, Scope], Candidates]
Rank = Callable[[NDArray[np.int64], Candidates], Ranked]


def fill(
    chosen: Ranked,
    stories: Stories,
    selection: Selection,
    k: int,
    wanted: NDArray[np.bool_],
    search: Search,
    rank: Rank,
) -> Ranked:
    """Fill up to `k` places of each wanted story, source after source in the order of `selection.fill`.

    'window' relaxes the window, 'caps' the caps; 'same_section' takes the most relevant of the story's section and
    'recent' the newest stories, both whatever their relevance. Blocks, copies, events, series and language hold.

    Parameters
    ----------
    chosen : Ranked, shape (q, w)
    wanted : ndarray of bool, shape (q,)
    search, rank : callables
        Candidates of queries within a scope; the components of candidates of the stories in some places.
    """
    catalog, settings = selection.catalog, selection.settings
    without_reserves = replace(selection, settings=settings.model_copy(update={"reserves": 0}))
    for source in settings.fill:
        short = np.flatnonzero(((chosen.rows >= 0).sum(axis=1) < k) & wanted)
        if not len(short):
            break
        asked, given = stories.take(short), chosen.lines(short)
        given = replace(given, safe=given.rows >= 0)
        extra = rank(short, _candidates(source, asked, selection, search))
        if source == "recent":
            extra = replace(extra, key=catalog.published[extra.rows].astype(np.float64)).ordered(catalog.id_rank)
        extra = replace(extra, source=np.full_like(extra.source, SOURCES.index(source)))
        new = ~(extra.rows[:, :, None] == given.rows[:, None, :]).any(axis=2)
        if selection.scope.timed:  # timeless pieces have a place of their own
            new &= ~catalog.timeless[extra.rows]
        filled = select(
            given.beside(extra.keep((extra.rows >= 0) & new)),
            asked,
            without_reserves,
            k,
            floor=selection.floor if source in ("window", "caps") else None,
            limits=source != "caps",
        )
        width = max(chosen.rows.shape[1], filled.rows.shape[1])
        others = np.setdiff1d(np.arange(len(chosen.rows)), short)
        both = Ranked.stack([chosen.lines(others).padded(width), filled])
        chosen = both.lines(np.argsort(np.concatenate([others, short])))
    return chosen


def _candidates(source: str, stories: Stories, selection: Selection, search: Search) -> Candidates:
    queries, scope, catalog = stories.queries, selection.scope, selection.catalog
    if source == "window":
        return search(queries, replace(scope, days_before=None, days_around=None))
    if source == "caps":
        return search(queries, scope)
    if source == "same_section":
        parts, own = [], stories.sections
        for section in np.unique(own[own >= 0]):
            places = np.flatnonzero(own == section)
            within = replace(scope, allowed=scope.allowed & (selection.sections == section))
            parts.append((places, search(queries.take(places), within).rows))
        return _scattered(parts, len(queries))
    parts = []
    dated = scope.allowed & (catalog.published != UNDATED) & ~catalog.timeless
    for language in np.unique(queries.language):
        places = np.flatnonzero(queries.language == language)
        rows = np.flatnonzero(dated & (scope.language == language))
        newest = rows[np.lexsort((catalog.id_rank[rows], -catalog.published[rows]))][:_NEWEST]
        mine = np.tile(newest, (len(places), 1))
        parts.append((places, np.where(mine == queries.rows[places, None], -1, mine)))
    return _scattered(parts, len(queries))


def _scattered(parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]], size: int) -> Candidates:
    rows = np.full((size, max((found.shape[1] for _, found in parts), default=1)), -1, dtype=np.int64)
    for places, found in parts:
        rows[places, : found.shape[1]] = found
    return Candidates(rows)
