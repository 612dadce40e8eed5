"""The one path from stories to their lists: candidates, ranking, selection, reasons, records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive, ArchivePools
from recommender.archive.build import Draft
from recommender.archive.candidates import find_candidates, find_pools, has_valid_pools
from recommender.articles.boilerplate import TEXTS
from recommender.articles.columns import as_array
from recommender.articles.copies import Marks, headline_digests
from recommender.compute.hardware import release_memory
from recommender.compute.parallel import in_order
from recommender.editorial.overlay import Overlay
from recommender.editorial.rules import RuleMarks
from recommender.errors import SettingsError
from recommender.lists.block import Block, Heading
from recommender.lists.readnext import Rejected
from recommender.lists.reasons import explain
from recommender.lists.records import to_batch
from recommender.lists.rejected import add_reached_caps, to_rejected
from recommender.ranking.choices import Choices
from recommender.ranking.score import Contributions, Ranked, Scorer, is_among
from recommender.search.pools import Candidates, Checkpoint, Pools, StoryQueries
from recommender.search.scope import Filters
from recommender.search.update_pools import update_pools
from recommender.selection.context import Selection, Stories
from recommender.selection.fill import fill_lists
from recommender.selection.pipeline import After, Trace, mark_developments, select
from recommender.selection.rules import Rule
from recommender.selection.shared_text import TextSamples

_MAX_K = 1_000  # items of a list in an archive of any size, as `selection.k` allows
_TOGETHER = 1 << 15  # stories whose items are chosen before the first of their lists is made


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Make the lists of an archive for one moment, under what editors decided until then."""

    archive: Archive
    selection: Selection  # what the lists share: the rows that may be shown, and the rules
    uses_pools: bool  # whether the pools of the archive are valid for the moment
    k: int  # items of a list
    blocked: frozenset[tuple[str, str | None]]  # blocks of the overlay

    @classmethod
    def for_moment(
        cls,
        archive: Archive,
        overlay: Overlay,
        moment: int,
        *,
        k: int | None = None,
        filters: Filters | None = None,
    ) -> Lister:
        """Prepare lists for a moment in microseconds, under the withdrawals and blocks of an overlay.

        Raises `SettingsError` if k is less than 1 or greater than the archive, or filters ask for days in an archive
        without dates.
        """
        k = archive.settings.selection.k if k is None else k
        if not isinstance(k, Integral) or k < 1:
            raise SettingsError(f"k is {k!r}, expected a whole number of at least 1")
        if k > max(_MAX_K, len(archive.catalog)):  # what a list takes grows with it
            raise SettingsError(f"k is {k:,}, expected at most the {len(archive.catalog):,} stories of the archive")
        withdrawn, blocked, filters = overlay.withdrawn, overlay.blocked, filters or Filters()
        needs_dates = filters.days_before_as_of is not None or filters.days_around_story is not None
        if needs_dates and not archive.dated:
            raise SettingsError("days_before_as_of and days_around_story need an archive with dates")

        def prepare() -> tuple[Selection, bool]:
            selection = archive.selection(archive.scope(moment, filters, withdrawn), blocked)
            return selection, has_valid_pools(archive, selection.pool_scope)

        # without filters the last one is kept: making it takes longer in a larger archive, making a list does not
        if filters == Filters():
            selection, uses_pools = archive.latest_selection.get((moment, withdrawn, blocked), prepare)
        else:
            selection, uses_pools = prepare()
        return cls(archive=archive, selection=selection, uses_pools=uses_pools, k=k, blocked=blocked)

    def lists(
        self, rows: NDArray[np.int64], *, version: str = "", pools: Pools | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the lists of catalog rows as Arrow records, in their order, a block at a time.

        `pools` are those of these rows, if they were found already.
        """
        if pools is not None:
            pool_rows = np.arange(len(rows))
        else:
            pools, pool_rows = find_pools(self.archive, rows, self.selection.pool_scope, self.k, self.uses_pools)
        for start in range(0, len(rows), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            yield from self._lists(rows[part], pools, pool_rows[part], version)

    def _lists(
        self, rows: NDArray[np.int64], pools: Pools, pool_rows: NDArray[np.int64], version: str
    ) -> Iterator[pa.RecordBatch]:
        archive, size = self.archive, self.archive.limits.lists
        choices = self._choose_by_cell(rows, pools, pool_rows) if archive.searched.reach and len(rows) > size else None

        def make_block(start: int) -> pa.RecordBatch:
            block = slice(start, start + size)
            stories = archive.catalog.take(rows[block])
            queries = archive.queries(rows[block])
            choice = choices.take(block) if choices else None
            return self._records(stories, queries, pools=pools.take(pool_rows[block]), version=version, choice=choice)

        yield from in_order(make_block, range(0, len(rows), size))

    def _choose_by_cell(self, rows: NDArray[np.int64], pools: Pools, pool_rows: NDArray[np.int64]) -> Choices | None:
        """Choose the items of many stories cell by cell: those of a cell share candidates, which stay in the cache."""
        archive, size, choices = self.archive, self.archive.limits.lists, None
        assert archive.searched.reach is not None
        order = np.argsort(archive.searched.reach.cell[rows], kind="stable")
        blocks = [order[start : start + size] for start in range(0, len(rows), size)]

        def choose(block: NDArray[np.int64]) -> tuple[Ranked, Contributions]:
            stories = archive.catalog.table.take(pa.array(rows[block]))
            return self._choose(stories, archive.queries(rows[block]), None, pools.take(pool_rows[block]))

        for block, choice in zip(blocks, in_order(choose, blocks), strict=True):
            choices = choices or Choices.empty(len(rows), self.k + self.selection.settings.reserves, choice)
            choices.put(block, *choice)
        release_memory()  # records are made in other memory
        return choices

    def draft(self, draft: Draft) -> pa.RecordBatch:
        """Make the list of a story that is not in the archive, which stays as it is."""
        archive, scope = self.archive, self.selection.scope
        (story,) = draft.cleaned.select(["id", "canonical_id", *TEXTS]).to_pylist()
        left_out = [self._rows_blocked_under(story["id"])]
        if archive.settings.selection.drop_copies:
            left_out.append(archive.catalog.copies_of(story))
        allowed = scope.allowed.copy()
        allowed[np.concatenate(left_out)] = False
        queries = archive.foreign_queries(draft.table, draft.vectors, draft.cleaned)
        # a draft may carry a time to come: its list is made for now
        queries = replace(queries, published=np.minimum(queries.published, scope.as_of))
        selection = replace(self.selection, scope=replace(scope, allowed=allowed))
        return replace(self, selection=selection)._records(draft.table, queries, cleaned=draft.cleaned)

    def _rows_blocked_under(self, article_id: str) -> NDArray[np.int64]:
        """Find the rows of items that rules block under a story by its id, which the archive need not know."""
        blocks = self.blocked.union((block.item, block.story) for block in self.archive.rules.blocks if block.item)
        return self.archive.catalog.known_rows(item for item, story in blocks if item and story == article_id)

    def rejected(self, article_ids: Sequence[str]) -> dict[str, list[Rejected]]:
        """Find the candidates that are not in the lists of some stories, best first, each with what rejected it."""
        size = self.archive.limits.lists
        rows = self.archive.catalog.rows(list(dict.fromkeys(article_ids)))
        rejected: dict[str, list[Rejected]] = {}
        for start in range(0, len(rows), size):
            rejected |= self._rejected_of_block(rows[start : start + size])
        return rejected

    def _rejected_of_block(self, rows: NDArray[np.int64]) -> dict[str, list[Rejected]]:
        catalog, selection = self.archive.catalog, self.selection
        caps = (*selection.settings.caps, *selection.rules.rules.caps)
        stories = catalog.table.take(pa.array(rows))
        ids = stories["id"].to_pylist()
        rejected: dict[str, list[Rejected]] = {article_id: [] for article_id in ids}

        def trace(rule: Rule | None, candidates: Ranked, after: After) -> None:
            for story, candidate in to_rejected(rule, candidates, after, catalog):
                rejected[ids[story]].append(candidate)

        batch = self._records(stories, self.archive.queries(rows), trace=trace)
        for record in batch.select(["article_id", "items", "reserves"]).to_pylist():
            article_id = record["article_id"]
            items, reserves = ([item["article_id"] for item in record[name]] for name in ("items", "reserves"))
            # filling may have brought back what was rejected at first
            left = [candidate for candidate in rejected[article_id] if candidate.article_id not in items]
            left = [add_reached_caps(candidate, [*items, *reserves], caps, catalog) for candidate in left]
            rejected[article_id] = sorted(left, key=lambda candidate: (-candidate.score, candidate.article_id))
        return rejected

    def pools(self, rows: NDArray[np.int64]) -> Pools:
        """Find the candidates of some rows."""
        return self.archive.retriever(self.selection.pool_scope, self.k).pools(self.archive.queries(rows))

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
        archive, scope = self.archive, self.selection.pool_scope
        queries, search = archive.queries(np.arange(len(archive.catalog))), archive.retriever(scope, self.k)
        if found is not None:
            pools = found
        elif before is None or before.pools is None:
            pools = search.pools(queries, checkpoint)
        else:
            earlier_search = before.retriever(before.pools.scope, before.pools.k)
            pools = update_pools(queries, before.pools.by_row, search, earlier_search, checkpoint)
        shown = self.selection.unblocked_scope.allowed
        return replace(archive, pools=ArchivePools(pools, scope, shown, self.k, self.blocked))

    def _records(
        self,
        stories: pa.Table,
        queries: StoryQueries,
        *,
        pools: Pools | None = None,
        version: str = "",
        trace: Trace | None = None,
        choice: tuple[Ranked, Contributions] | None = None,
        cleaned: pa.Table | None = None,
    ) -> pa.RecordBatch:
        """Make the lists of a block of stories as records; every way to a list goes through here.

        `pools` are those of the stories, found among `selection.pool_scope`; without them the stories search now.
        `choice` is what `_choose` returned for these stories, if it was called before. `cleaned` are stories from
        outside, with their texts as they are compared.
        """
        archive, selection = self.archive, self.selection
        is_withheld, is_embargoed = self._without_list(queries)
        chosen, contributions = choice or self._choose(stories, queries, trace, pools, cleaned)
        block = Block(
            stories=stories,
            queries=queries,
            chosen=chosen,
            contributions=contributions,
            not_computed=is_embargoed,
            withheld=is_withheld,
            catalog=archive.catalog,
            texts=archive.parts,
            idf=archive.tfidf.idf,
            wording=archive.derived.vocabulary.wording,
            pinned_by=selection.rules.pinned_by,
        )
        as_of = selection.scope.as_of if archive.dated else None
        heading = Heading(k=self.k, version=version, as_of=as_of, settings=archive.fingerprint)
        return to_batch(block, explain(block), heading)

    def _without_list(self, queries: StoryQueries) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Mark the stories whose list editors withhold, and those that are not public at the moment, (q,) each."""
        is_withheld = (queries.rows >= 0) & self.selection.rules.no_list[queries.rows]
        return is_withheld, queries.published > self.selection.scope.as_of

    def _choose(
        self,
        table: pa.Table,
        queries: StoryQueries,
        trace: Trace | None,
        pools: Pools | None,
        cleaned: pa.Table | None = None,
    ) -> tuple[Ranked, Contributions]:
        """Choose the items of some stories: candidates, ranking, selection; with what families contribute to each."""
        archive, k = self.archive, self.k
        is_withheld, is_embargoed = self._without_list(queries)
        has_list = ~is_withheld & ~is_embargoed
        stories = self._stories(table, queries, cleaned)
        selection = replace(self.selection, scope=self.selection.unblocked_scope)
        candidates, pool = self._candidates(stories, pools, with_blocked=trace is not None)
        scorer = Scorer(
            catalog=archive.catalog,
            table=archive.table,
            scope=selection.scope,
            ranker=archive.ranker,
            settings=archive.settings.ranking,
            closeness=archive.closeness,
        )

        def rank(indices: NDArray[np.int64], candidates: Candidates) -> Ranked:
            return scorer.rank(queries.take(indices), candidates, Candidates(pool.rows[indices]))

        ranked = rank(np.arange(len(queries)), candidates).pins_first(stories.pins)
        ranked = ranked.keep(ranked.has_item & has_list[:, None])
        rejected: list[tuple[Rule | None, Ranked, After]] = []
        collect = None if trace is None else lambda *traced: rejected.append(traced)
        chosen = select(ranked, stories, self.selection, k, trace=collect)
        if "more" in archive.settings.selection.fill:
            chosen = fill_lists(
                chosen,
                ranked,
                stories=stories,
                selection=selection,
                k=k,
                has_list=has_list,
                find_more=partial(self._find_more, queries),
                rank=rank,
            )
        if trace is not None:
            _trace_left_out(rejected, chosen, trace)
        chosen = mark_developments(chosen, stories, self.selection)
        return chosen, scorer.contributions(chosen)

    def _candidates(
        self, stories: Stories, pools: Pools | None, *, with_blocked: bool
    ) -> tuple[Candidates, Candidates]:
        """Find the candidates of some stories, with pinned items, and the pools that tell a candidate's standing."""
        archive, selection, queries = self.archive, self.selection, stories.queries
        pool_scope = selection.pool_scope
        if pools is None:
            pools = archive.retriever(pool_scope, self.k).pools(queries)
        pool = find_candidates(archive, queries, pools, pool_scope, self.k, pool_scope)
        candidates = find_candidates(archive, queries, pools, selection.unblocked_scope, self.k, pool_scope)
        if with_blocked:  # for a trace: what is blocked everywhere, besides the candidates and in the place of none
            rows = pools.candidates(selection.scope.allowed)[0].rows
            candidates = candidates.append(np.where(selection.rules.blocked[rows], rows, -1))
        if (stories.pins >= 0).any():
            candidates = candidates.append(stories.pins)
        return candidates, pool

    def _stories(self, table: pa.Table, queries: StoryQueries, cleaned: pa.Table | None) -> Stories:
        """Gather what rules and limits look at in some stories."""
        archive, selection = self.archive, self.selection
        pins, positions = selection.rules.pinned_rows(queries.rows)
        if cleaned is None:
            series, outlets = archive.formats.codes[queries.rows], archive.outlets.codes[queries.rows]
            texts = selection.text_samples.take(queries.rows)
        else:
            marks = Marks.from_texts(as_array(cleaned["body"]))
            series, outlets = archive.series_of(table, cleaned, marks), archive.outlets.codes_of(table)
            texts = TextSamples.from_marks(marks)
        return Stories(
            queries=queries,
            marks=RuleMarks.from_table(table, archive.rules),
            series=series,
            outlets=outlets,
            headlines=headline_digests(table["title"]),
            texts=texts,
            pins=np.where((pins >= 0) & selection.scope.allowed[pins], pins, -1),
            positions=positions,
        )

    def _find_more(self, queries: StoryQueries, indices: NDArray[np.int64], times: int) -> Candidates:
        """Find so many times as many candidates of the stories at some indices, without the window of the settings."""
        scope, pool_scope = self.selection.unblocked_scope, self.selection.pool_scope
        if (scope.days_before, scope.days_around) == (pool_scope.days_before, pool_scope.days_around):
            scope = replace(scope, days_before=None, days_around=None)  # a window of the call's filters stays
        search = self.archive.retriever(scope, self.k, times=times)
        return search.pools(queries.take(indices)).candidates(scope.allowed)[0]


def _trace_left_out(rejected: list[tuple[Rule | None, Ranked, After]], chosen: Ranked, trace: Trace) -> None:
    """Trace what rules rejected, unless filling has brought it back."""
    for rule, candidates, after in rejected:
        is_left_out = candidates.has_item & ~is_among(candidates.rows, chosen.rows)
        trace(rule, candidates.keep(is_left_out), after)
