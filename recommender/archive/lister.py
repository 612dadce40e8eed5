"""The one path from stories to their lists: candidates, ranking, selection, reasons, records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.editorial.rules import Marks
from recommender.lists.parts import Parts, parts_of
from recommender.lists.reasons import explain
from recommender.lists.records import to_batch
from recommender.ranking.score import Ranked, among, rank, rank_learned
from recommender.search.pools import Candidates, Pools, Queries
from recommender.search.scope import Scope
from recommender.selection.context import Selection, Stories
from recommender.selection.fill import filled
from recommender.selection.pipeline import Trace, select, with_developments


def related(
    archive: Archive,
    stories: pa.Table,
    queries: Queries,
    selection: Selection,
    k: int,
    version: str = "",
    trace: Trace | None = None,
    pools: Pools | None = None,
) -> pa.RecordBatch:
    """The lists of a block of stories as records; every other way to a list goes through here.

    `pools` are those of the stories, found among `selection.base`; without them the stories search now.
    """
    catalog, scope = archive.catalog, selection.scope
    withheld = (queries.rows >= 0) & selection.rules.no_list[queries.rows]
    embargoed = queries.published > scope.as_of
    chosen, parts = _chosen(archive, stories, queries, selection, k, ~withheld & ~embargoed, trace, pools)
    return to_batch(
        stories,
        chosen,
        catalog,
        explain(
            chosen,
            queries,
            stories,
            catalog,
            archive.terms,
            archive.wording,
            parts,
            selection.rules.pinned_by,
        ),
        parts=parts,
        k=k,
        version=version,
        as_of=scope.as_of if archive.dated else None,
        settings=archive.fingerprint,
        not_computed=embargoed,
        withheld=withheld,
    )


def _chosen(
    archive: Archive,
    stories: pa.Table,
    queries: Queries,
    selection: Selection,
    k: int,
    wanted: NDArray[np.bool_],
    trace: Trace | None,
    pools: Pools | None,
) -> tuple[Ranked, Parts]:
    settings, scope, rules = archive.settings, selection.scope, selection.rules
    pins, positions = rules.pinned(queries.rows)
    known = (queries.rows >= 0).all()
    asked = Stories(
        queries,
        Marks.of(stories, archive.rules),
        archive.series[1][queries.rows] if known else archive.series[0].codes(stories),
        archive.outlets[0][queries.rows] if known else archive.outlet_codes(stories),
        np.where((pins >= 0) & scope.allowed[pins], pins, -1),
        positions,
    )
    scope, base = selection.searched, selection.base

    def search(queries: Queries, scope: Scope) -> Candidates:
        return archive.retriever(scope, k).pools(queries.asks).candidates(scope.allowed)[0]

    if pools is None:
        pools = archive.retriever(base, k).pools(queries.asks)
    pool = archive.standing_among(queries.asks, pools, base, k)

    features: list[NDArray[np.float32]] = []  # of all pairs that were ranked, for the parts of those that are shown

    def ranked(places: NDArray[np.int64], candidates: Candidates) -> Ranked:
        some, ranker = queries.take(places), archive.ranker
        if ranker is None:
            return rank(some, candidates, archive.catalog, archive.vectors, archive.terms, scope, settings.ranking)
        found, values = rank_learned(
            some, candidates, Candidates(pool.rows[places]), archive.catalog, archive.table, scope, ranker
        )
        first = sum(map(len, features))
        features.append(values)
        return replace(found, pair=found.pair + first)

    found, lost = pools.candidates(scope.allowed)
    lost |= (scope.days_before, scope.days_around) != (base.days_before, base.days_around)  # pools know one window
    again = np.flatnonzero(lost)
    if len(again):
        found = found.scattered(again, search(queries.take(again), scope))
    if trace is not None:  # it wants to hear of candidates that are blocked everywhere, in no one's place
        held = pools.candidates(selection.scope.allowed)[0].rows
        found = found.beside(np.where(rules.blocked[held], held, -1))
    every = np.arange(len(queries))
    best = ranked(every, found.beside(asked.pins) if (asked.pins >= 0).any() else found).pinned(asked.pins)
    best = best.keep((best.rows >= 0) & wanted[:, None])
    told: list[tuple[str, Ranked]] = []
    chosen = select(best, asked, selection, k, trace=None if trace is None else lambda *one: told.append(one))
    if "more" in settings.selection.fill:

        def further(places: NDArray[np.int64], times: int) -> Candidates:
            own_window = (scope.days_before, scope.days_around) == (base.days_before, base.days_around)
            wide = replace(scope, days_before=None, days_around=None) if own_window else scope
            asks = queries.take(places).asks
            return archive.retriever(wide, k, times=times).pools(asks).candidates(scope.allowed)[0]

        chosen = filled(chosen, best, asked, replace(selection, scope=scope), k, wanted, further, ranked)
    if trace is not None:  # of the list that is shown: what was left out at first may fill it
        for rule, rejected in told:
            trace(rule, rejected.keep((rejected.rows >= 0) & ~among(rejected.rows, chosen.rows)))
    chosen = with_developments(chosen, asked, selection)
    if archive.ranker is None:
        return chosen, parts_of(chosen, settings.ranking)
    pairs = chosen.pair[chosen.rows >= 0]
    return chosen, Parts(archive.ranker.families, archive.ranker.contributions(_taken(features, pairs)))


def _taken(blocks: list[NDArray[np.float32]], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Lines of several blocks as if they stood one below the other."""
    starts = np.cumsum([0, *map(len, blocks)])
    found = np.empty((len(places), blocks[0].shape[1]), dtype=np.float32)
    block = np.searchsorted(starts, places, side="right") - 1
    for number in np.unique(block):
        here = block == number
        found[here] = blocks[number][places[here] - starts[number]]
    return found
