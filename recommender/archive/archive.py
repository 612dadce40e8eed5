"""An archive made searchable: what lists are made of, by row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.derived import Derived, Outlets, RecurringFormats, find_format_keys
from recommender.articles.catalog import Catalog
from recommender.articles.columns import to_micros
from recommender.articles.copies import Marks
from recommender.articles.links import ResolvedLinks
from recommender.editorial.rules import NO_RULES, RowRules, Rules
from recommender.features.hubness import Hubness, Neighbours
from recommender.features.spelling import Spelling
from recommender.features.table import FeatureTable, section_codes
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf
from recommender.plugins import releases
from recommender.ranking.closeness import Closeness
from recommender.ranking.ranker import Ranker
from recommender.ranking.relevance_floor import relevance_floor
from recommender.search.index import SearchIndex
from recommender.search.keys import Keys
from recommender.search.limits import LIMITS, Limits
from recommender.search.pools import Pools, StoryQueries
from recommender.search.retriever import Retriever
from recommender.search.scope import Filters, Scope, make_scope
from recommender.search.shortlist import Shortlist
from recommender.search.table import SearchTable
from recommender.selection.context import Selection
from recommender.selection.events import EventTest
from recommender.selection.same_event import SameEvent
from recommender.settings import SeriesRule, Settings

Value = TypeVar("Value")


class ArchivePools(NamedTuple):
    """The pools of all rows, and what they were found for.

    A scope, the rows of it that editors had not withdrawn or blocked, lists of `k`, and the blocks of single stories.
    `state` identifies all that a job made lists from: versions whose manifest names the same were made from this.
    """

    by_row: Pools
    scope: Scope
    shown: NDArray[np.bool_]
    k: int
    blocks: frozenset[tuple[str, str | None]]
    state: str = ""


class Latest(Generic[Value]):
    """A cache of one value: that of the latest key."""

    def __init__(self) -> None:
        self._latest: tuple[Hashable, Value] | None = None

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, and make it first unless it is the latest."""
        latest = self._latest  # other threads may replace it meanwhile
        if latest is None or latest[0] != key:
            self._latest = latest = key, make()
        return latest[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Archive:
    """Catalog, vectors and terms by row; replaced as a whole, so that other threads see the old or the new.

    Attributes
    ----------
    catalog : Catalog, n rows
    searched : SearchTable, n rows
        What stories are searched by: vectors, words and, in a large archive, how far each looks.
    parts : TextParts, n rows
        Terms of whole texts, titles, leads and names.
    spelling : Spelling
        How names are written.
    hubness : Hubness
        What a newcomer's neighbours are sought among.
    neighbours : Neighbours, n rows
        How near the neighbours of each row are.
    shortlist : Shortlist or None
        What tells how far a story of a large archive looks for candidates.
    related_at : float or None
        Relevance from which on an item counts as related.
    ranker : Ranker or None
        Orders the candidates; none = by the weighted sum of cosines.
    limits : Limits
        Sizes that its candidates and lists are made in; part of what is frozen with it.
    calibration : str
        Name under which the embedder's judgments are kept.
    pools : ArchivePools or None
        Pools that lists are made of without a search, if they fit what is asked.
    index : SearchIndex or None
        FAISS index over the vectors, once it was asked for.
    derived : Derived
        What all of these tell; of an archive that this one was made of, what it still holds is kept.
    """

    catalog: Catalog
    searched: SearchTable
    tfidf: Tfidf
    parts: TextParts
    spelling: Spelling
    hubness: Hubness
    neighbours: Neighbours
    settings: Settings
    related_at: float | None
    shortlist: Shortlist | None = None
    ranker: Ranker | None = None
    limits: Limits = LIMITS
    calibration: str = ""
    rules: Rules = NO_RULES
    pools: ArchivePools | None = None
    index: SearchIndex | None = None
    derived: Derived = None  # type: ignore[assignment]  # filled in from the other values

    def __post_init__(self) -> None:
        derived = Derived.from_values(
            catalog=self.catalog,
            site_language=self.settings.reading.site_language,
            series_rules=self._series_rules,
            tfidf=self.tfidf,
            spelling=self.spelling,
            vectors=self.vectors,
            parts=self.parts,
            neighbours=self.neighbours,
            before=self.derived,
        )
        object.__setattr__(self, "derived", derived)

    def with_settings(self, settings: Settings) -> Archive:
        """Return the archive under other settings of retrieval, ranking and selection, with their cut."""
        retrieval, before = settings.retrieval, self.settings.retrieval
        index = self.index if (retrieval.index, retrieval.min_recall) == (before.index, before.min_recall) else None
        if self.ranker is not None:
            wanted = settings.selection.related_at
            related_at = self.ranker.related_at if wanted == "auto" else wanted
        else:
            related_at = relevance_floor(self.queries, self.catalog, self.table, settings, self.calibration)
        same = (self.settings.ranking, before) == (settings.ranking, retrieval)
        pools = self.pools if same else None
        return replace(self, settings=settings, related_at=related_at, pools=pools, index=index)

    def indexed(self) -> Archive:
        """Build the FAISS index that the settings ask for, or add what it lacks."""
        if self.index is not None and self.index.report.rows == len(self.vectors):
            return self
        if self.index is not None:
            return replace(self, index=self.index.with_added_rows(self.vectors))
        retrieval = self.settings.retrieval
        return replace(self, index=SearchIndex.build(self.vectors, retrieval.index, retrieval.min_recall))

    @property
    def wants_index(self) -> bool:
        """Whether the settings name an index, which is then saved with the archive."""
        return self.settings.retrieval.index != "auto"

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when a setting, the ranker, a size or a rule of another package does."""
        settings = self.settings.fingerprint()
        sizes = [] if self.limits == LIMITS else [repr(self.limits)]
        more = [*([self.ranker.sha256] if self.ranker is not None else []), *releases("rules"), *sizes]
        return hashlib.sha256(" ".join([settings, *more]).encode()).hexdigest()[:16] if more else settings

    @property
    def closeness(self) -> Closeness | None:
        """What the ranker asks of a related item besides its relevance; None where a setting says what is related."""
        if self.ranker is None or self.settings.selection.related_at != "auto":
            return None
        return self.ranker.closeness

    @property
    def table(self) -> FeatureTable:
        """What the ranker's features are made of, by row."""
        return self.derived.compared.table

    @property
    def vectors(self) -> NDArray[np.int16]:
        """Vectors of the stories' meaning, (n, d)."""
        return self.searched.vectors

    @property
    def terms(self) -> sp.csr_matrix:
        """TF-IDF of the whole texts, (n, v)."""
        return self.parts.whole

    @property
    def dated(self) -> bool:
        """Whether time counts: at least half of the current stories carry a date."""
        return self.derived.stories.dated

    @property
    def has_main_outlet(self) -> bool:
        """Whether this is the archive of one newsroom: one outlet published at least half of the current stories."""
        return self.derived.stories.has_main_outlet

    def newest(self, now: datetime) -> int:
        """Find the newest publication time not after `now`, in microseconds; 0 where there is none."""
        times = self.derived.stories.times
        count = int(np.searchsorted(times, to_micros(now), side="right"))
        return max(int(times[count - 1]), 0) if count else 0

    def moment(self, as_of: datetime | None) -> int:
        """Convert a moment that lists are for to microseconds; None = the newest publication time up to now."""
        if as_of is not None:
            return to_micros(as_of)
        now = datetime.now(UTC)
        return self.newest(now) if self.dated else to_micros(now)

    @property
    def site(self) -> str:
        """The language of stories that name none."""
        return self.derived.stories.languages.site

    @property
    def languages(self) -> NDArray[np.int32]:
        """Code of each row's language, (n,)."""
        return self.derived.stories.languages.codes

    def queries(self, rows: NDArray[np.int64]) -> StoryQueries:
        """Make queries of stories of the archive."""
        return StoryQueries(
            search=self.searched,
            at=rows,
            rows=rows,
            published=self.catalog.published[rows],
            language=self.languages[rows],
            features=self.table,
            copy_group=self.catalog.copy_group[rows],
        )

    def foreign_queries(
        self, table: pa.Table, vectors: NDArray[np.int16], cleaned: pa.Table | None = None
    ) -> StoryQueries:
        """Make queries of stories from outside; one whose id is in the archive will not find itself.

        They belong to no copy group: `Catalog.copies_of` tells what to leave out. `cleaned` are the stories with their
        texts as they are compared, if these are at hand.
        """
        _, code_of, site = self.derived.stories.languages
        texts = self.catalog.boilerplate.cleaned(table) if cleaned is None else cleaned
        parts = TextParts.of_few(texts, self.tfidf)
        published = Catalog(table, np.ones(len(table), dtype=bool), 0).published
        neighbours = self.hubness.neighbours(parts.whole, vectors)
        features = FeatureTable(
            vectors=vectors,
            parts=parts,
            published=published,
            sections=section_codes(table["section"], self.derived.stories.section_levels),
            hubness=neighbours.hubness,
            scale=neighbours.scale,
            rarity=self.table.rarity,
        )
        return StoryQueries(
            search=self.search_table(parts.whole, vectors),
            at=np.arange(len(table)),
            rows=self.catalog.find(table["id"].to_pylist()),
            published=published,
            language=np.array(
                [code_of.get(name or site, -1) for name in table["language"].to_pylist()], dtype=np.int32
            ),
            features=features,
            copy_group=np.full(len(table), -1),
        )

    def search_table(self, terms: sp.csr_matrix, vectors: NDArray[np.int16]) -> SearchTable:
        """Make what stories from outside are searched by."""
        keys = Keys.from_terms(terms, self.derived.vocabulary.is_distinctive, vectors)
        size = terms.shape[1]
        reach = None if self.shortlist is None else self.shortlist.reach(keys, vectors)
        return SearchTable(vectors, keys, size, reach)

    def scope(self, moment: int, filters: Filters, withdrawn: frozenset[str]) -> Scope:
        """Find the rows that lists of one moment may show."""
        days = filters.days_before_as_of is not None or filters.days_around_story is not None
        ranking = self.settings.ranking
        timed = self.ranker is not None or ranking.half_life_days or self.settings.retrieval.window_days or days
        return make_scope(
            self.catalog,
            self.languages,
            self.catalog.known_rows(withdrawn),
            moment,
            filters,
            self.settings.retrieval,
            timed=self.dated and bool(timed),
        )

    @property
    def formats(self) -> RecurringFormats:
        """The recurring formats, and the number of each row's; -1 = none, or not asked for."""
        return self.derived.formats.recurring

    def series_of(self, stories: pa.Table, cleaned: pa.Table, marks: Marks) -> NDArray[np.int64]:
        """Find the recurring format of each story from outside, (q,); -1 = none; `marks` are those of the bodies."""
        return self.formats.series.codes(stories, find_format_keys(stories, cleaned, marks))

    @property
    def _series_rules(self) -> tuple[SeriesRule, ...] | None:
        """Rules for recurring formats, of editors and of the settings; None where series do not count."""
        selection = self.settings.selection
        return (*self.rules.series, *selection.series) if selection.series_limit else None

    @property
    def outlets(self) -> Outlets:
        """The outlet that published each row."""
        return self.derived.stories.outlets

    @property
    def links(self) -> ResolvedLinks:
        """Editors' links between the stories of the archive."""
        return self.derived.stories.links

    @cached_property
    def event_test(self) -> EventTest:
        """The test of whether rows report the same event."""
        model = SameEvent.load("archive", self.calibration, self.tfidf.stories)
        settings = self.settings.selection
        if not self.has_main_outlet:  # readers of many newspapers want one report of an event, whoever published it
            settings = settings.model_copy(update={"event_threshold_own": settings.event_threshold})
        return EventTest(
            vectors=self.vectors,
            terms=self.terms,
            rarity=self.table.rarity,
            scale=self.neighbours.scale,
            published=self.catalog.published,
            outlets=self.outlets.codes,
            model=model,
            settings=settings,
            timed=self.dated,
        )

    def selection(self, scope: Scope, blocks: Collection[tuple[str, str | None]] = ()) -> Selection:
        """Gather what the steps of one moment share; `blocks` are those of the overlay."""
        settings = self.settings.selection
        columns = {cap.by for cap in (*settings.caps, *self.rules.caps)}
        moment = datetime.fromtimestamp(scope.as_of / 1e6, UTC)
        return Selection(
            catalog=self.catalog,
            scope=scope,
            settings=settings,
            related_at=self.related_at,
            rules=RowRules.compile(self.rules, self.catalog, moment, blocks),
            events=self.event_test,
            series=self.formats.codes,
            codes={column: self.catalog.codes(column) for column in sorted(columns)},
            pool_scope=self.pool_scope(scope.as_of),
            learned=self.ranker is not None,
            same_language=self.settings.retrieval.same_language,
        )

    def retriever(self, scope: Scope, k: int, times: int = 1) -> Retriever:
        """Prepare the search for candidates within a scope, for lists of `k`.

        `times` as many candidates as the settings say are found, if there are so many rows.
        """
        count = max(self.settings.retrieval.candidates, k + self.settings.selection.reserves)
        count = max(count, min(times * count, len(self.catalog)))  # more than there are would only take memory
        return Retriever(
            catalog=self.catalog,
            search=self.searched,
            scope=scope,
            settings=self.settings.retrieval,
            count=count,
            limits=self.limits,
        )

    def pool_scope(self, moment: int) -> Scope:
        """Find the rows that pools of a moment are found among: before editors and filters take some out."""
        return self._latest_pool_scope.get(moment, lambda: self.scope(moment, Filters(), frozenset()))

    @cached_property
    def _latest_pool_scope(self) -> Latest[Scope]:
        return Latest()

    @cached_property
    def latest_selection(self) -> Latest[tuple[Selection, bool]]:
        """What lists of the latest moment share, see `Lister.for_moment`."""
        return Latest()
