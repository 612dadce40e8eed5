"""The one path from stories to their lists: candidates, ranking, selection, reasons, records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive, ArchivePools
from recommender.archive.candidates import candidates_of, pools_hold, pools_of
from recommender.compute.parallel import in_order
from recommender.editorial.overlay import Overlay
from recommender.editorial.rules import Marks
from recommender.errors import SettingsError
from recommender.lists.block import Block, Heading
from recommender.lists.readnext import Rejected
from recommender.lists.reasons import explain
from recommender.lists.records import to_batch
from recommender.lists.values import rejections, with_caps
from recommender.ranking.score import Contributions, Ranked, Scorer, is_among
from recommender.search.pools import Candidates, Checkpoint, Pools, StoryQueries
from recommender.search.scope import Filters
from recommender.search.update_pools import renewed
from recommender.selection.context import Selection, Stories
from recommender.selection.fill import filled
from recommender.selection.pipeline import Trace, mark_developments, select


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Make the lists of an archive for one moment, under what editors decided until then.

    Attributes
    ----------
    archive : Archive
    selection : Selection
        What the lists share: the rows that may be shown, and the rules.
    hold : bool
        Whether the pools of the archive hold for it.
    k : int
        Items of a list.
    blocked : frozenset of (str, str or None)
        Blocks of the overlay.
    """

    archive: Archive
    selection: Selection
    hold: bool
    k: int
    blocked: frozenset[tuple[str, str | None]]

    @classmethod
    def of(
        cls,
        archive: Archive,
        overlay: Overlay,
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
        withdrawn, blocked, filters = overlay.withdrawn, overlay.blocked, filters or Filters()
        days = filters.days_before_as_of is not None or filters.days_around_story is not None
        if days and not archive.dated:
            raise SettingsError("days_before_as_of and days_around_story need an archive with dates")

        def prepared() -> tuple[Selection, bool]:
            selection = archive.selection(archive.scope(moment, filters, withdrawn), blocked)
            return selection, pools_hold(archive, selection.base)

        # without filters the last one is kept: to make it takes the longer the larger the archive is, a list does not
        plain = filters == Filters()
        selection, hold = archive.latest.of((moment, withdrawn, blocked), prepared) if plain else prepared()
        return cls(archive=archive, selection=selection, hold=hold, k=k, blocked=blocked)

    def lists(
        self, rows: NDArray[np.int64], *, version: str = "", pools: Pools | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Make the lists of catalog rows as Arrow records, in their order, a block at a time.

        `pools` are those of these rows, if they were found already.
        """
        archive, step = self.archive, self.archive.limits.lists
        if pools is not None:
            places = np.arange(len(rows))
        else:
            pools, places = pools_of(archive, rows, self.selection.base, self.k, self.hold)

        def made(start: int) -> pa.RecordBatch:
            part = slice(start, start + step)
            stories, queries = archive.catalog.table.take(pa.array(rows[part])), archive.queries(rows[part])
            return self._records(stories, queries, pools=pools.take(places[part]), version=version)

        yield from in_order(made, range(0, len(rows), step))

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
        catalog, step = self.archive.catalog, self.archive.limits.lists
        caps = (*self.selection.settings.caps, *self.selection.rules.rules.caps)
        rows = catalog.rows(article_ids)
        found: dict[str, list[Rejected]] = {article_id: [] for article_id in article_ids}
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            stories = catalog.table.take(pa.array(block))

            def trace(rule: str, rejected: Ranked, ids: list[str] = stories["id"].to_pylist()) -> None:  # noqa: B008
                for place, one in rejections(rule, rejected, catalog):
                    found[ids[place]].append(one)

            batch = self._records(stories, self.archive.queries(block), trace=trace)
            for record in batch.select(
                ["article_id", "items", "reserves"]
            ).to_pylist():  # filling may have brought some back
                shown = {item["article_id"] for item in record["items"]}
                story = record["article_id"]
                listed = [*shown, *(item["article_id"] for item in record["reserves"])]
                left = [with_caps(one, listed, caps, catalog) for one in found[story] if one.article_id not in shown]
                found[story] = sorted(left, key=lambda one: (-one.score, one.article_id))
        return found

    def pools(self, rows: NDArray[np.int64]) -> Pools:
        """Find the candidates of some rows."""
        return self.archive.retriever(self.selection.base, self.k).pools(self.archive.queries(rows))

    def with_pools(
        self, *, before: Archive | None = None, found: Pools | None = None, checkpoint: Checkpoint | None = None
    ) -> Archive:
        """Keep the candidates of all stories in the archive: lists for this moment need no search then.

        Parameters
        ----------
        before : Archive, optional
            The archive in an earlier state, with pools and fewer stories; what has not changed since is not searched
            again. The outcome is the same.
        found : Pools, optional
            What was found for all rows elsewhere: there is no search then.
        checkpoint : Checkpoint, optional
            Keeps finished parts of the search, and gives them back.
        """
        archive, scope = self.archive, self.selection.base
        queries, search = archive.queries(np.arange(len(archive.catalog))), archive.retriever(scope, self.k)
        if found is not None:
            pools = found
        elif before is None or before.pools is None:
            pools = search.pools(queries, checkpoint)
        else:
            was = before.retriever(before.pools.scope, before.pools.k)
            pools = renewed(queries, before.pools.by_row, search, was, checkpoint)
        shown = self.selection.searched.allowed
        return replace(archive, pools=ArchivePools(pools, scope, shown, self.k, self.blocked))

    def _records(
        self,
        stories: pa.Table,
        queries: StoryQueries,
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
        chosen, contributions = self._chosen(stories, queries, ~withheld & ~embargoed, trace, pools)
        block = Block(
            stories=stories,
            queries=queries,
            chosen=chosen,
            contributions=contributions,
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
        queries: StoryQueries,
        wanted: NDArray[np.bool_],
        trace: Trace | None,
        pools: Pools | None,
    ) -> tuple[Ranked, Contributions]:
        """Choose the items of some stories: candidates, ranking, selection; and tell what their scores are made of."""
        archive, selection, k = self.archive, self.selection, self.k
        scope, base = selection.searched, selection.base
        asked = self._asked(stories, queries)
        if pools is None:
            pools = archive.retriever(base, k).pools(queries)
        pool, found = (candidates_of(archive, queries, pools, one, k, base) for one in (base, scope))
        scorer = Scorer(
            catalog=archive.catalog,
            table=archive.table,
            scope=scope,
            ranker=archive.ranker,
            settings=archive.settings.ranking,
            closeness=archive.closeness,
        )

        def ranked(places: NDArray[np.int64], candidates: Candidates) -> Ranked:
            return scorer.rank(queries.take(places), candidates, Candidates(pool.rows[places]))

        if trace is not None:  # it wants to hear of candidates that are blocked everywhere, in no one's place
            held = pools.candidates(selection.scope.allowed)[0].rows
            found = found.beside(np.where(selection.rules.blocked[held], held, -1))
        if (asked.pins >= 0).any():
            found = found.beside(asked.pins)
        best = ranked(np.arange(len(queries)), found).pins_first(asked.pins)
        best = best.keep(best.has_item & wanted[:, None])
        told: list[tuple[str, Ranked]] = []
        chosen = select(best, asked, selection, k, trace=None if trace is None else lambda *one: told.append(one))
        if "more" in archive.settings.selection.fill:
            further = partial(self._further, queries)
            chosen = filled(chosen, best, asked, replace(selection, scope=scope), k, wanted, further, ranked)
        if trace is not None:  # of the list that is shown: what was left out at first may fill it
            for rule, rejected in told:
                trace(rule, rejected.keep(rejected.has_item & ~is_among(rejected.rows, chosen.rows)))
        chosen = mark_developments(chosen, asked, selection)
        return chosen, scorer.contributions(chosen)

    def _asked(self, stories: pa.Table, queries: StoryQueries) -> Stories:
        """Gather what rules and limits look at in some stories."""
        archive, selection = self.archive, self.selection
        pins, positions = selection.rules.pinned(queries.rows)
        if (queries.rows >= 0).all():
            series, outlets = archive.series.editions[queries.rows], archive.outlets.codes[queries.rows]
        else:
            series = archive.series.series.codes(stories, archive.looks_of(stories))
            outlets = archive.outlets.codes_of(stories)
        return Stories(
            queries=queries,
            marks=Marks.of(stories, archive.rules),
            series=series,
            outlets=outlets,
            pins=np.where((pins >= 0) & selection.scope.allowed[pins], pins, -1),
            positions=positions,
        )

    def _further(self, queries: StoryQueries, places: NDArray[np.int64], times: int) -> Candidates:
        """Find so many times as many candidates of some stories, without the window of the settings."""
        scope, base = self.selection.searched, self.selection.base
        own_window = (scope.days_before, scope.days_around) == (base.days_before, base.days_around)
        wide = replace(scope, days_before=None, days_around=None) if own_window else scope
        search = self.archive.retriever(wide, self.k, times=times)
        return search.pools(queries.take(places)).candidates(scope.allowed)[0]
