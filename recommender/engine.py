"""The facade: fit, update, withdraw, recommend, save, load."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender import lexical, selection
from recommender.articles import UNDATED, Article, Catalog, row_digest
from recommender.cache import VectorCache
from recommender.embedders import Embedder, make_embedder
from recommender.errors import NotFittedError, SettingsError, WithdrawnArticleError
from recommender.explain import explain
from recommender.floor import relevance_floor
from recommender.index import FlatIndex
from recommender.languages import unknown_language_warning
from recommender.lists import ReadNext, to_batch
from recommender.progress import Progress, silent
from recommender.ranking import rank
from recommender.reading import ReadReport, Source, read_articles
from recommender.retrieval import Filters, Queries, Scope, make_scope, retrieve, to_micros
from recommender.settings import Settings
from recommender.text import whole_texts
from recommender.tombstones import Tombstones

BLOCK = 1_024  # stories whose lists are computed together


@dataclass(frozen=True, slots=True)
class Changes:
    """What `Recommender.update` did, in stories."""

    added: int
    replaced: int
    unchanged: int


class Recommender:
    """Related articles for every story of an archive.

    Parameters
    ----------
    settings : Settings, optional
    embedder : Embedder, optional
        Default: the one that `settings.embedding` names.
    cache : path, optional
        File of the vector cache; without it every `fit` embeds anew.

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}, "selection": {"floor": 0.05}}))
    >>> _ = rec.fit([
    ...     {"id": "a", "title": "Ferry aground off Gull Point"},
    ...     {"id": "b", "title": "Inquiry into the ferry that ran aground"},
    ...     {"id": "c", "title": "Opera names a new director"},
    ... ])
    >>> [item.article_id for item in rec.recommend("a", k=2)]
    ['b']
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        embedder: Embedder | None = None,
        cache: str | Path | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.embedder = embedder or make_embedder(self.settings.embedding)
        self.cache = VectorCache(cache) if cache is not None else None
        self.tombstones = Tombstones()
        self.report = ReadReport()
        self.embedded = 0
        self._state: _State | None = None

    # -- building -----------------------------------------------------------------------------

    def fit(
        self,
        articles: Source,
        *,
        columns: Mapping[str, str] | None = None,
        strict: bool = False,
        progress: Progress = silent,
    ) -> Recommender:
        """Read a whole archive and make it searchable.

        Parameters
        ----------
        articles : path, list of paths, pyarrow.Table, or iterable of Article or dict
        columns : mapping, optional
            Field -> column, for column names that are not recognised.
        strict : bool, default False
            Raise at the first bad row. Otherwise bad rows are left out, counted in `report`,
            and a warning says so.
        progress : callable, optional
            Called with (stage, done, total).

        Returns
        -------
        Recommender
            Itself.

        Raises
        ------
        InputError
            If a file is missing, a column mapping is wrong, no story is left, or a row is bad in strict mode.
        """
        table, self.report = read_articles(
            articles, settings=self.settings.reading, columns=columns, strict=strict, progress=progress
        )
        if self.report.rejected:
            first = self.report.rejected[0]
            warnings.warn(
                f"{len(self.report.rejected)} of {self.report.read} rows were rejected; "
                f"the first: {first.file}, line {first.line}: {first.reason}",
                stacklevel=2,
            )
        return self.fit_table(table, progress=progress)

    def fit_table(self, table: pa.Table, *, progress: Progress = silent) -> Recommender:
        """`fit` for a table that `read_articles` returned."""
        catalog = Catalog.of(table)
        if message := unknown_language_warning(catalog.table, self.embedder, self.settings.reading.site_language):
            warnings.warn(message, stacklevel=3)
        self.embedder.fit(catalog.table)
        vectors = self._embed(catalog.table, progress)
        progress("terms", 0, len(catalog))
        tfidf, terms = lexical.Tfidf.fit(whole_texts(catalog.table).to_pylist())
        state = _State(catalog, vectors, tfidf, terms, self.settings)
        floor = relevance_floor(state.queries, catalog, vectors, terms, self.settings, self.embedder.calibration)
        self._state = replace(state, floor=floor)
        progress("terms", len(catalog), len(catalog))
        return self

    def _embed(self, table: pa.Table, progress: Progress = silent) -> NDArray[np.int16]:
        texts = self.embedder.prepare(table)
        if self.cache is not None and self.embedder.fingerprint:
            vectors, self.embedded = self.cache.vectors(
                texts, self.embedder.fingerprint, self.embedder.encode, progress
            )
            return vectors
        self.embedded = len(texts)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        parts: list[NDArray[np.int16]] = []
        for start in range(0, max(len(order), 1), BLOCK):
            parts.append(self.embedder.encode([texts[row] for row in order[start : start + BLOCK]]))
            progress("embedding", min(start + BLOCK, len(order)), len(order))
        vectors = np.concatenate(parts)
        vectors[order] = vectors.copy()
        return vectors

    def update(self, articles: Source, *, columns: Mapping[str, str] | None = None, strict: bool = False) -> Changes:
        """Add stories and replace changed ones. Vocabulary, floor and fitted vectors stay as `fit` made them.

        A version older than the one held (by `updated_at`) counts as unchanged. Stories missing
        from `articles` stay: only `withdraw` takes a story out.
        """
        state = self._fitted
        table, self.report = read_articles(
            articles, settings=self.settings.reading, columns=columns, strict=strict
        )
        fresh, replaces, unchanged = [], [], 0
        for place, row in enumerate(table.to_pylist()):
            if row["id"] not in state.catalog:
                fresh.append(place)
                continue
            held = state.catalog.row(row["id"])
            old = state.catalog.table.slice(held, 1).to_pylist()[0]
            older = (old["updated_at"] or _NEVER) > (row["updated_at"] or _NEVER)
            if older or row_digest(old) == row_digest(row):
                unchanged += 1
            else:
                fresh.append(place)
                replaces.append(held)
        if fresh:
            added = table.take(pa.array(fresh))
            self._state = state.extended(
                state.catalog.append(added, np.array(replaces, dtype=np.int64)),
                self._embed(added),
                state.tfidf.transform(whole_texts(added).to_pylist()),
            )
        return Changes(len(fresh) - len(replaces), len(replaces), unchanged)

    def compact(self) -> Recommender:
        """Drop replaced versions and put all rows in publication order again; lists do not change."""
        state = self._fitted
        live = np.flatnonzero(state.catalog.alive)
        catalog = Catalog.of(state.catalog.table.take(pa.array(live)))
        old = state.catalog.rows(catalog.ids.to_pylist())
        self._state = replace(state, catalog=catalog, vectors=state.vectors[old], terms=state.terms[old])
        return self

    # -- withdrawing --------------------------------------------------------------------------

    def withdraw(self, ids: str | Iterable[str]) -> int:
        """Take stories out of every list, at once and until `restore`; returns how many were not yet.

        An id that is not in the archive is remembered: should it come in, it stays withdrawn.
        On a saved or loaded snapshot the withdrawal is written to its folder immediately.
        """
        return self.tombstones.record("withdraw", ids)

    def restore(self, ids: str | Iterable[str]) -> int:
        """Undo `withdraw`; returns how many were withdrawn."""
        return self.tombstones.record("restore", ids)

    # -- asking -------------------------------------------------------------------------------

    def recommend(
        self,
        article_id: str,
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Sequence[str] = (),
    ) -> ReadNext:
        """The ranked list under one story.

        Parameters
        ----------
        article_id : str
        k : int, optional
            Items wanted; default `settings.selection.k`.
        as_of : datetime, optional
            Moment that the list is for; default the newest publication time that is not in the future.
        filters : Filters, optional
        exclude : sequence of str
            Ids that must not appear.

        Raises
        ------
        UnknownArticleError, WithdrawnArticleError, NotFittedError
        """
        return self.recommend_many([article_id], k=k, as_of=as_of, filters=filters, exclude=exclude)[0]

    def recommend_many(
        self,
        article_ids: Sequence[str],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Sequence[str] = (),
    ) -> list[ReadNext]:
        """Lists of several stories, in their order; raises as `recommend` does, before any work."""
        state = self._fitted
        self.tombstones.refresh()
        for article_id in article_ids:
            if article_id in self.tombstones.withdrawn:
                raise WithdrawnArticleError(f"article {article_id!r} was withdrawn; restore() brings it back")
        rows = state.catalog.rows(article_ids)
        records: list[dict[str, Any]] = []
        for batch in self.lists(rows, k=k, as_of=as_of, filters=filters, exclude=exclude):
            records.extend(batch.to_pylist())
        lists = [ReadNext.of(record, self.tombstones.withdrawn) for record in records]
        withheld = self.tombstones.withheld
        return [one.without_list("withheld") if one.article_id in withheld else one for one in lists]

    def recommend_for(
        self,
        article: Article | Mapping[str, Any],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Sequence[str] = (),
    ) -> ReadNext:
        """The list of a story that is not in the archive, such as a draft; the archive stays as it is.

        Raises
        ------
        InputError
            If the article cannot be used.
        """
        state = self._fitted
        self.tombstones.refresh()
        table, _ = read_articles([article], settings=self.settings.reading, strict=True)
        queries = state.foreign(table, self._embed(table))
        scope = self._scope(state, as_of, filters, exclude)
        batch = self._block(state, queries, table["id"].to_pylist(), scope, k or self.settings.selection.k, "")
        return ReadNext.of(batch.to_pylist()[0], self.tombstones.withdrawn)

    def lists(
        self,
        rows: NDArray[np.int64],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Sequence[str] = (),
        version: str = "",
    ) -> Iterator[pa.RecordBatch]:
        """Lists of catalog rows as Arrow records, in their order, a block at a time.

        Every other way to a list goes through here.
        """
        state = self._fitted
        k = self.settings.selection.k if k is None else k
        if k < 1:
            raise SettingsError(f"k is {k}, expected at least 1")
        scope = self._scope(state, as_of, filters, exclude)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            ids = state.catalog.ids.take(pa.array(block)).to_pylist()
            yield self._block(state, state.queries(block), ids, scope, k, version)

    def _scope(
        self, state: _State, as_of: datetime | None, filters: Filters | None, exclude: Sequence[str]
    ) -> Scope:
        filters = filters or Filters()
        filters = replace(filters, exclude=(*filters.exclude, *([exclude] if isinstance(exclude, str) else exclude)))
        moment = to_micros(as_of) if as_of is not None else state.newest(datetime.now(UTC))
        asks_days = filters.days_before_as_of is not None or filters.days_around_story is not None
        if asks_days and not state.dated:
            raise SettingsError("days_before_as_of and days_around_story need an archive with dates")
        uses_time = self.settings.ranking.half_life_days or self.settings.retrieval.window_days or asks_days
        return make_scope(
            state.catalog,
            state.language,
            state.catalog.known_rows(self.tombstones.withdrawn),
            moment,
            filters,
            self.settings.retrieval,
            timed=state.dated and bool(uses_time),
        )

    def _block(
        self, state: _State, queries: Queries, ids: list[str], scope: Scope, k: int, version: str
    ) -> pa.RecordBatch:
        settings = self.settings
        wanted = k + settings.selection.reserves
        count = max(settings.retrieval.candidates, wanted)
        candidates = retrieve(
            queries, state.catalog, state.index, scope, settings.retrieval, settings.ranking, count
        )
        ranked = rank(queries, candidates, state.catalog, state.vectors, state.terms, scope, settings.ranking)
        embargoed = queries.published > scope.as_of
        ranked = ranked.keep((ranked.rows >= 0) & ~embargoed[:, None])
        chosen = selection.select(ranked, queries, state.catalog, scope, settings.selection, state.floor, k)
        reasons = explain(chosen, queries, state.catalog, state.terms, state.term_array, settings.ranking)
        return to_batch(
            ids,
            chosen,
            state.catalog,
            reasons,
            k=k,
            version=version,
            as_of=scope.as_of if state.dated else None,
            settings=settings.fingerprint(),
            not_computed=embargoed,
        )

    # -- keeping ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write a snapshot folder; later withdrawals are recorded there at once.

        Raises
        ------
        PublishError
            If the folder cannot be written or another process is writing it.
        """
        from recommender.snapshot import save

        save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, embedder: Embedder | None = None, cache: str | Path | None = None) -> Recommender:
        """Read a snapshot folder, memory-mapped; nothing is embedded.

        Raises
        ------
        SnapshotError
            If it is missing, damaged, of another kind, or written by a newer version.
        """
        from recommender.snapshot import load

        return load(Path(path), embedder, cache)

    @property
    def catalog(self) -> Catalog:
        """The archive."""
        return self._fitted.catalog

    @property
    def vectors(self) -> NDArray[np.int16]:
        """Quantised unit vectors by catalog row, (n, d)."""
        return self._fitted.vectors

    @property
    def dated(self) -> bool:
        """Whether time counts: at least half of the stories carry a date."""
        return self._fitted.dated

    @property
    def floor(self) -> float | None:
        """The least relevance of an item, as calibrated for this archive."""
        return self._fitted.floor

    def newest(self) -> datetime | None:
        """The default `as_of`: the newest publication time that is not in the future."""
        micros = self._fitted.newest(datetime.now(UTC))
        return datetime.fromtimestamp(micros / 1e6, UTC) if self._fitted.dated else None

    @property
    def _fitted(self) -> _State:
        if self._state is None:
            raise NotFittedError("this Recommender holds no archive; call fit(articles) or Recommender.load(path)")
        return self._state


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _State:
    """An archive made searchable; replaced as a whole, so that readers in other threads see old or new."""

    catalog: Catalog
    vectors: NDArray[np.int16]
    tfidf: lexical.Tfidf
    terms: sp.csr_matrix
    settings: Settings
    floor: float | None = None

    @cached_property
    def index(self) -> FlatIndex:
        return FlatIndex(self.vectors)

    @cached_property
    def term_array(self) -> pa.Array:
        return pa.array(self.tfidf.terms, pa.string())

    @cached_property
    def _languages(self) -> tuple[NDArray[np.int32], list[str]]:
        site = self.settings.reading.site_language
        if site is None:
            codes, names = self.catalog.codes("language")
            site = names[int(np.bincount(codes[codes >= 0]).argmax())] if (codes >= 0).any() else "und"
        return self.catalog.codes("language", default=site)

    @property
    def language(self) -> NDArray[np.int32]:
        return self._languages[0]

    @cached_property
    def dated(self) -> bool:
        """Whether time counts: at least half of the current stories carry a date."""
        published = self.catalog.published[self.catalog.alive]
        return bool(len(published)) and bool((published != UNDATED).mean() >= 0.5)

    def newest(self, now: datetime) -> int:
        published = self.catalog.published[self.catalog.alive]
        return int(max(published[published <= to_micros(now)].max(initial=0), 0))

    def queries(self, rows: NDArray[np.int64]) -> Queries:
        return Queries(
            rows,
            np.asarray(self.vectors[rows]),
            self.terms[rows],
            self.catalog.published[rows],
            self.language[rows],
            self.catalog.copy_group[rows],
        )

    def foreign(self, table: pa.Table, vectors: NDArray[np.int16]) -> Queries:
        """Stories from outside as queries; one whose id is in the archive does not find itself."""
        both = self.catalog.append(table, self.catalog.known_rows(table["id"].to_pylist()))
        outside = np.arange(len(self.catalog), len(both))
        own = self.catalog.known_rows(table["id"].to_pylist())
        state = self.extended(both, vectors, self.tfidf.transform(whole_texts(table).to_pylist()))
        queries = state.queries(outside)
        group = both.copy_group
        twins = np.flatnonzero(group[: len(self.catalog)] == group[outside[0]])
        known = self.catalog.copy_group[twins[:1]] if len(twins) else np.array([-1])
        names = {name: code for code, name in enumerate(self._languages[1])}
        language = np.array([names.get(state._languages[1][queries.language[0]], -1)], dtype=np.int32)
        return replace(queries, rows=own if len(own) else np.array([-1]), copy_group=known, language=language)

    def extended(self, catalog: Catalog, vectors: NDArray[np.int16], terms: sp.csr_matrix) -> _State:
        both = sp.vstack([self.terms, terms], format="csr")
        return replace(self, catalog=catalog, vectors=np.concatenate([self.vectors, vectors]), terms=both)

