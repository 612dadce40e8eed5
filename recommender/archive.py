"""An archive made searchable, and the one path from stories to their lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles import UNDATED, Catalog
from recommender.explain import explain, telling_terms
from recommender.filters import Filters, Scope, make_scope, to_micros
from recommender.floor import relevance_floor
from recommender.index import FlatIndex, VectorIndex
from recommender.languages import site_language
from recommender.lexical import Tfidf
from recommender.lists import to_batch
from recommender.ranking import rank
from recommender.retrieval import Queries, retrieve
from recommender.selection import select
from recommender.settings import Settings
from recommender.text import whole_texts


@dataclass(frozen=True)
class Archive:
    """Catalog, vectors and terms by row; replaced as a whole, so that other threads see the old or the new.

    Attributes
    ----------
    catalog : Catalog, n rows
    vectors : ndarray of int16, shape (n, d)
    tfidf : Tfidf
    terms : csr_matrix of float32, shape (n, v)
    settings : Settings
    floor : float or None
        The least relevance of an item.
    """

    catalog: Catalog
    vectors: NDArray[np.int16]
    tfidf: Tfidf
    terms: sp.csr_matrix
    settings: Settings
    floor: float | None

    @classmethod
    def fit(cls, catalog: Catalog, vectors: NDArray[np.int16], settings: Settings, calibration: str) -> Archive:
        """Fit the terms and the floor on a catalog with its vectors."""
        tfidf, terms = Tfidf.fit(whole_texts(catalog.table).to_pylist())
        fitted = cls(catalog, vectors, tfidf, terms, settings, None)
        return replace(fitted, floor=relevance_floor(fitted.queries, catalog, vectors, terms, settings, calibration))

    def extended(self, catalog: Catalog, added: pa.Table, vectors: NDArray[np.int16]) -> Archive:
        """With more rows at the end; vocabulary and floor stay."""
        terms = sp.vstack([self.terms, self.tfidf.transform(whole_texts(added).to_pylist())], format="csr")
        return replace(self, catalog=catalog, vectors=np.concatenate([self.vectors, vectors]), terms=terms)

    def compacted(self) -> Archive:
        """Without replaced versions, all rows in publication order."""
        catalog = Catalog.of(self.catalog.table.take(pa.array(np.flatnonzero(self.catalog.alive))))
        old = self.catalog.rows(catalog.ids.to_pylist())
        return replace(self, catalog=catalog, vectors=self.vectors[old], terms=self.terms[old])

    @cached_property
    def index(self) -> VectorIndex:
        """Search over the vectors."""
        return FlatIndex(self.vectors)

    @cached_property
    def dated(self) -> bool:
        """Whether time counts: at least half of the current stories carry a date."""
        published = self.catalog.published[self.catalog.alive]
        return bool(len(published)) and bool((published != UNDATED).mean() >= 0.5)

    def newest(self, now: datetime) -> int:
        """The newest publication time not after `now`, in microseconds; 0 where there is none."""
        published = self.catalog.published[self.catalog.alive]
        return int(max(published[published <= to_micros(now)].max(initial=0), 0))

    @cached_property
    def _languages(self) -> tuple[NDArray[np.int32], dict[str, int], str]:
        """Code of each row, code of each name, and the site's language, which a story without one has."""
        site = self.settings.reading.site_language
        if site is None:
            site = site_language(self.catalog.table)
        codes, names = self.catalog.codes("language", default=site)
        return codes, {name: code for code, name in enumerate(names)}, site

    @cached_property
    def _term_names(self) -> tuple[pa.Array, NDArray[np.bool_]]:
        names = pa.array(self.tfidf.terms, pa.string())
        return names, telling_terms(names)

    def queries(self, rows: NDArray[np.int64]) -> Queries:
        """Stories of the archive as queries."""
        return Queries(
            rows,
            np.asarray(self.vectors[rows]),
            self.terms[rows],
            self.catalog.published[rows],
            self._languages[0][rows],
            self.catalog.copy_group[rows],
        )

    def foreign_queries(self, table: pa.Table, vectors: NDArray[np.int16]) -> Queries:
        """Stories from outside as queries; one whose id is in the archive will not find itself."""
        _, code_of, site = self._languages
        held = (self.catalog.known_rows([article_id]) for article_id in table["id"].to_pylist())
        return Queries(
            np.array([rows[0] if len(rows) else -1 for rows in held]),
            vectors,
            self.tfidf.transform(whole_texts(table).to_pylist()),
            Catalog(table, np.ones(len(table), dtype=bool), 0).published,
            np.array([code_of.get(name or site, -1) for name in table["language"].to_pylist()], dtype=np.int32),
            np.array([self.catalog.group_of_text(story) for story in table.to_pylist()]),
        )

    def scope(self, moment: int, filters: Filters, withdrawn: frozenset[str]) -> Scope:
        """The rows that lists of one moment may show."""
        days = filters.days_before_as_of is not None or filters.days_around_story is not None
        timed = self.settings.ranking.half_life_days or self.settings.retrieval.window_days or days
        return make_scope(
            self.catalog,
            self._languages[0],
            self.catalog.known_rows(withdrawn),
            moment,
            filters,
            self.settings.retrieval,
            timed=self.dated and bool(timed),
        )

    def lists(self, stories: pa.Table, queries: Queries, scope: Scope, k: int, version: str) -> pa.RecordBatch:
        """The lists of a block of stories as records; every other way to a list goes through here."""
        settings, catalog = self.settings, self.catalog
        count = max(settings.retrieval.candidates, k + settings.selection.reserves)
        candidates = retrieve(queries, catalog, self.index, scope, settings.retrieval, settings.ranking, count)
        ranked = rank(queries, candidates, catalog, self.vectors, self.terms, scope, settings.ranking)
        embargoed = queries.published > scope.as_of
        ranked = ranked.keep((ranked.rows >= 0) & ~embargoed[:, None])
        chosen = select(ranked, queries, catalog, scope, settings.selection, self.floor, k)
        names, telling = self._term_names
        return to_batch(
            stories,
            chosen,
            catalog,
            explain(chosen, queries, stories, catalog, self.terms, names, telling, settings.ranking, {}),
            k=k,
            version=version,
            as_of=scope.as_of if self.dated else None,
            settings=settings.fingerprint(),
            not_computed=embargoed,
        )
