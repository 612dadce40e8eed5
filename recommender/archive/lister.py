"""The one path from stories to their lists: candidates, ranking, selection, reasons, records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive, Pooled
from recommender.archive.pooling import covered, pools_among, retriever, standing, standing_among
from recommender.compute.parallel import in_order
from recommender.editorial.overlay import Tombstones
from recommender.editorial.rules import Marks
from recommender.errors import SettingsError
from recommender.lists.block import Block, Heading
from recommender.lists.parts import Parts, parts_of
from recommender.lists.readnext import Rejected
from recommender.lists.reasons import explain
from recommender.lists.records import rejections, to_batch
from recommender.ranking.score import Ranked, among, rank, rank_learned
from recommender.search.pools import Candidates, Keeper, Pools, Queries
from recommender.search.retriever import Retriever
from recommender.search.scope import Filters, Scope
from recommender.search.update_pools import renewed
from recommender.selection.context import Selection, Stories
from recommender.selection.fill import filled
from recommender.selection.pipeline import Trace, select, with_developments

BLOCK = 512  # stories whose lists are made together


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Make the lists of an archive for one moment, under what editors decided until then.

    Attributes
    ----------
    archive : Archive
    selection : Selection
        What the lists share: the rows that may be shown, and the rules.
    holds : bool
        Whether the pools of the archive hold for it.
    k : int
        Items of a list.
    blocked : frozenset of (str, str or None)
        Blocks of the overlay.
    """

    archive: Archive
    selection: Selection
    holds: bool
    k: int
    blocked: frozenset[tuple[str, str | None]]

    @classmethod
    def of(
        cls,
        archive: Archive,
        stones: Tombstones,
        moment: int,
        *,
        k: int | None = None,
        filters: Filters | None = None,
    ) -> Lister:
        """Prepare lists for a moment in microseconds, under the withdrawals and blocks of an overlay.

        Raises
        ------
        SettingsError
            If k is less than 1, or filters ask for days in an archive without dates.
        """
        k = archive.settings.selection.k if k is None else k
        if k < 1:
            raise SettingsError(f"k is {k}, expected at least 1")
        withdrawn, blocked = stones.withdrawn, stones.blocked
        if filters is None or filters == Filters():
            selection, holds = standing(archive, moment, withdrawn, blocked)
        else:
            days = filters.days_before_as_of is not None or filters.days_around_story is not None
            if days and not archive.dated:
                raise SettingsError("days_before_as_of and days_around_story need an archive with dates")
            selection = archive.selection(archive.scope(moment, filters, withdrawn), blocked)
            holds = covered(archive, selection.base)
        return cls(archive=archive, selection=selection, holds=holds, k=k, blocked=blocked)

    def lists(
        self, rows: NDArray[np.int64], *, version: str = "", pools: Pools | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Make the lists of catalog rows as Arrow records, in their order, a block at a time.

        `pools` are those of these rows, if they were found already.
        """
        archive = self.archive
        if pools is not None:
            places = np.arange(len(rows))
        else:
            pools, places = pools_among(archive, rows, self.selection.base, self.k, self.holds)

        def made(start: int) -> pa.RecordBatch:
            part = slice(start, start + BLOCK)
            stories, queries = archive.catalog.table.take(pa.array(rows[part])), archive.queries(rows[part])
            return self._records(stories, queries, pools=pools.take(places[part]), version=version)

        yield from in_order(made, range(0, len(rows), BLOCK))

    def draft(self, table: pa.Table, vectors: NDArray[np.int16]) -> pa.RecordBatch:
        """Make the list of a story that is not in the archive, one row with its vector; the archive stays as it is."""
        archive, scope = self.archive, self.selection.scope
        scope = replace(scope, allowed=scope.allowed.copy())
        if archive.settings.selection.drop_copies:
            scope.allowed[archive.catalog.copies_of(table.to_pylist()[0])] = False
        queries = archive.foreign_queries(table, vectors)
        # a draft may carry a time to come: it is asked for now
        queries = replace(queries, published=np.minimum(queries.published, scope.as_of))
        # rules that name the draft by its id, which the archive need not know
        article_id = table["id"][0].as_py()
        blocks = self.blocked.union((block.item, block.story) for block in archive.rules.blocks if block.item)
        blocked = archive.catalog.known_rows(item for item, story in blocks if item and story == article_id)
        scope.allowed[blocked] = False
        return replace(self, selection=replace(self.selection, scope=scope))._records(table, queries)

    def rejected(self, article_ids: Sequence[str]) -> dict[str, list[Rejected]]:
        """Find the candidates that are not in the lists of some stories, best first, each with what rejected it."""
        catalog = self.archive.catalog
        rows = catalog.rows(article_ids)
        found: dict[str, list[Rejected]] = {article_id: [] for article_id in article_ids}
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            stories = catalog.table.take(pa.array(block))

            def trace(rule: str, rejected: Ranked, ids: list[str] = stories["id"].to_pylist()) -> None:  # noqa: B008
                for place, one in rejections(rule, rejected, catalog):
                    found[ids[place]].append(one)

            batch = self._records(stories, self.archive.queries(block), trace=trace)
            for record in batch.select(["article_id", "items"]).to_pylist():  # filling may have brought some back
                shown = {item["article_id"] for item in record["items"]}
                story = record["article_id"]
                left = [one for one in found[story] if one.article_id not in shown]
                found[story] = sorted(left, key=lambda one: (-one.score, one.article_id))
        return found

    def pools(self, rows: NDArray[np.int64]) -> Pools:
        """Find the candidates of some rows."""
        return self._retriever().pools(self.archive.asks(rows))

    def pooled(
        self, *, before: Archive | None = None, found: Pools | None = None, keeper: Keeper | None = None
    ) -> Archive:
        """Keep the candidates of all stories in the archive: lists for this moment need no search then.

        Parameters
        ----------
        before : Archive, optional
            The archive in an earlier state, with pools and fewer stories; what has not changed since is not searched
            again. The outcome is the same.
        found : Pools, optional
            What was found for all rows elsewhere: there is no search then.
        keeper : Keeper, optional
            Keeps finished parts of the search, and gives them back.
        """
        archive, scope = self.archive, self.selection.base
        asks, search = archive.asks(np.arange(len(archive.catalog))), self._retriever()
        if found is not None:
            pools = found
        elif before is None or before.pooled is None:
            pools = search.pools(asks, keeper)
        else:
            was = retriever(before, before.pooled.scope, before.pooled.k)
            pools = renewed(asks, before.pooled.pools, search, was, keeper)
        return replace(archive, pooled=Pooled(pools, scope, self.selection.searched.allowed, self.k, self.blocked))

    def _retriever(self) -> Retriever:
        return retriever(self.archive, self.selection.base, self.k)

    def _records(
        self,
        stories: pa.Table,
        queries: Queries,
        *,
        pools: Pools | None = None,
        version: str = "",
        trace: Trace | None = None,
    ) -> pa.RecordBatch:
        """Make the lists of a block of stories as records; every way to a list goes through here.

        `pools` are those of the stories, found among `selection.base`; without them the stories search now.
        """
        archive, selection = self.archive, self.selection
        withheld = (queries.rows >= 0) & selection.rules.no_list[queries.rows]
        embargoed = queries.published > selection.scope.as_of
        chosen, parts = self._chosen(stories, queries, ~withheld & ~embargoed, trace, pools)
        block = Block(
            stories=stories,
            queries=queries,
            chosen=chosen,
            parts=parts,
            not_computed=embargoed,
            withheld=withheld,
            catalog=archive.catalog,
            texts=archive.parts,
            idf=archive.tfidf.idf,
            wording=archive.derived.vocabulary.wording,
            pinned_by=selection.rules.pinned_by,
        )
        as_of = selection.scope.as_of if archive.dated else None
        heading = Heading(k=self.k, version=version, as_of=as_of, settings=archive.fingerprint)
        return to_batch(block, explain(block), heading)

    def _chosen(
        self,
        stories: pa.Table,
        queries: Queries,
        wanted: NDArray[np.bool_],
        trace: Trace | None,
        pools: Pools | None,
    ) -> tuple[Ranked, Parts]:
        archive, selection, k = self.archive, self.selection, self.k
        settings, scope, rules = archive.settings, selection.scope, selection.rules
        pins, positions = rules.pinned(queries.rows)
        known = (queries.rows >= 0).all()
        asked = Stories(
            queries=queries,
            marks=Marks.of(stories, archive.rules),
            series=archive.series.editions[queries.rows]
            if known
            else archive.series.series.codes(stories, archive.looks_of(stories)),
            outlets=archive.outlets.codes[queries.rows] if known else archive.outlets.codes_of(stories),
            pins=np.where((pins >= 0) & scope.allowed[pins], pins, -1),
            positions=positions,
        )
        scope, base = selection.searched, selection.base

        def search(queries: Queries, scope: Scope) -> Candidates:
            return retriever(archive, scope, k).pools(queries.asks).candidates(scope.allowed)[0]

        if pools is None:
            pools = retriever(archive, base, k).pools(queries.asks)
        pool = standing_among(archive, queries.asks, pools, base, k)

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
                return retriever(archive, wide, k, times=times).pools(asks).candidates(scope.allowed)[0]

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
    """Take lines of several blocks as if they stood one below the other."""
    starts = np.cumsum([0, *map(len, blocks)])
    found = np.empty((len(places), blocks[0].shape[1]), dtype=np.float32)
    block = np.searchsorted(starts, places, side="right") - 1
    for number in np.unique(block):
        here = block == number
        found[here] = blocks[number][places[here] - starts[number]]
    return found
