"""The one path from stories to their lists: candidates, ranking, selection, reasons, records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.editorial.rules import Marks
from recommender.lists.reasons import explain
from recommender.lists.records import to_batch
from recommender.ranking.score import Ranked, rank
from recommender.search.pools import Candidates, Pools, Queries
from recommender.search.scope import Scope
from recommender.selection.fill import fill
from recommender.selection.pipeline import Selection, Stories, Trace, select


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

    Without `pools` the stories search now.
    """
    settings, catalog, scope = archive.settings, archive.catalog, selection.scope
    withheld = (queries.rows >= 0) & selection.rules.no_list[queries.rows]
    embargoed = queries.published > scope.as_of
    chosen = _chosen(archive, stories, queries, selection, k, ~withheld & ~embargoed, trace, pools)
    names, telling = archive.term_names
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
            names,
            telling,
            settings.ranking,
            selection.rules.pinned_by,
        ),
        k=k,
        version=version,
        as_of=scope.as_of if archive.dated else None,
        settings=settings.fingerprint(),
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
) -> Ranked:
    settings, scope, rules = archive.settings, selection.scope, selection.rules
    pins, positions = rules.pinned(queries.rows)
    known = (queries.rows >= 0).all()
    number = {name: code for code, name in enumerate(archive.sections[1])}
    asked = Stories(
        queries,
        Marks.of(stories, archive.rules),
        archive.series[1][queries.rows] if known else archive.series[0].codes(stories),
        np.array([number.get(name, -1) for name in stories["section"].to_pylist()], dtype=np.int32),
        np.where((pins >= 0) & scope.allowed[pins], pins, -1),
        positions,
    )
    # a trace wants to hear of blocked candidates too
    scope = scope if trace is not None else selection.searched

    def search(queries: Queries, scope: Scope, floor: float | None) -> Candidates:
        return archive.retriever(scope, k, floor).pools(queries.asks).candidates(scope.allowed)[0]

    def held() -> Candidates:
        if pools is None:
            return search(queries, scope, archive.floor)
        found, lost = pools.candidates(scope.allowed)
        again = np.flatnonzero(lost)
        return found.scattered(again, search(queries.take(again), scope, archive.floor)) if len(again) else found

    def ranked(queries: Queries, candidates: Candidates) -> Ranked:
        return rank(queries, candidates, archive.catalog, archive.vectors, archive.terms, scope, settings.ranking)

    found = ranked(queries, held().beside(asked.pins)).pinned(asked.pins)
    found = found.keep((found.rows >= 0) & wanted[:, None])
    chosen = select(found, asked, selection, k, floor=archive.floor, trace=trace)
    if settings.selection.fill:
        chosen = fill(chosen, asked, replace(selection, scope=scope), k, wanted, search, ranked)
    return chosen
