"""`Recommender`: fit an archive, change it, make its lists, save and load it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.archive.build import build_archive, read_draft, require_model_and_ranker, with_settings
from recommender.archive.candidates import pair_relevance
from recommender.archive.changes import Changes, update_archive, without_returned
from recommender.archive.lister import Lister
from recommender.archive.pins import current_lists
from recommender.archive.rows import compact_rows
from recommender.articles.article import Article
from recommender.articles.catalog import Catalog
from recommender.articles.id_types import Id, as_ids, id_converter, id_text, id_texts, require_single
from recommender.articles.links import ResolvedLinks
from recommender.compute.hardware import release_memory
from recommender.editorial.editor_actions import EditorActions
from recommender.editorial.overlay import NAME as OVERLAY_FILE
from recommender.editorial.overlay import Overlay, overlay_of_archive
from recommender.editorial.rules import Rules
from recommender.embedders import Embedder, make_embedder
from recommender.embedders.cache import VectorCache
from recommender.embedders.protocol import vector_space
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError, NotFittedError, SettingsError, WithdrawnArticleError
from recommender.lists.readnext import ReadNext, Rejected
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists
from recommender.reading.links import load_links, with_links
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.search.index import index_floats
from recommender.search.limits import LIMITS, Limits
from recommender.search.scope import Filters
from recommender.settings import Settings
from recommender.storage.atomic import wrap_read_errors

if TYPE_CHECKING:
    from recommender.archive.learn import LearnReport


class Recommender(EditorActions):
    """Related articles for every story of an archive.

    Parameters
    ----------
    settings : Settings or mapping as for `Settings.of`, optional
    rules : Rules or mapping as for `Rules.of`, optional
        What editors decide: pins, blocks, boosts ...
    embedder : Embedder, optional
        Default: the one that `settings.embedding` names.
    cache : path, optional
        File of the vector cache; without it every `fit` embeds all stories.
    limits : Limits, optional
        Block sizes (`recommender.search.limits`).

    Notes
    -----
    Arguments of several methods:

    articles : path, list of paths, frame (pandas, Polars, Arrow, DuckDB), or iterable of Article, dict or the like
    columns : mapping of field to column, for column names that are not recognised
    format : format of the files, such as 'csv'; default: recognised by their content (docs/input.md)
    strict : raise at the first bad row; otherwise bad rows are left out, counted in `report`, and a warning says so
    progress : called with (stage, done, total)
    ids : str, int or UUID; lists have ids of the type that was passed
    k : items of a list; default `settings.selection.k`
    as_of : moment that lists are for; default the newest publication time that is not in the future
    filters : `Filters`, limits of this call on top of the settings
    exclude : ids that must not appear

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}, "selection": {"related_at": 0.05}}))
    >>> _ = rec.fit([
    ...     {"id": "a", "title": "Ferry aground off Gull Point"},
    ...     {"id": "b", "title": "Inquiry into the ferry that ran aground"},
    ...     {"id": "c", "title": "Opera names a new director"},
    ... ])
    >>> [(item.article_id, item.source) for item in rec.recommend("a", k=2)]
    [('b', 'related'), ('c', 'more')]
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        rules: Rules | Mapping[str, Any] | None = None,
        embedder: Embedder | None = None,
        cache: str | Path | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.settings = Settings() if settings is None else Settings.of(settings)
        self.embedder = embedder or make_embedder(self.settings.embedding)
        self.cache = VectorCache(cache) if cache is not None else None
        self.overlay = Overlay()
        self.report = ReadReport()
        self.embedded = 0
        self.limits, self._rules = limits, Rules() if rules is None else Rules.of(rules)
        self._archive: Archive | None = None

    # -- building -----------------------------------------------------------------------------

    def fit(
        self,
        articles: Source,
        *,
        columns: Mapping[str, str] | None = None,
        format: str | None = None,
        links: str | Path | pa.Table | None = None,
        strict: bool = False,
        progress: Progress = silent,
    ) -> Recommender:
        """Read a whole archive and make it searchable; return the recommender itself.

        `links` are further links between stories, see `read_links`.

        Raises
        ------
        InputError
            If a file is missing, a column mapping is wrong, no story is left, links cannot be read, or a row is bad in
            strict mode.
        """
        self.settings = self.settings.with_columns(columns)  # later inputs are read alike
        require_model_and_ranker(self.settings, self.embedder)
        links_table = load_links(links, self.settings.reading)  # links that cannot be read are refused before any work
        table, self.report = read_articles(
            articles, settings=self.settings.reading, columns=columns, format=format, strict=strict, progress=progress
        )
        if not len(table):
            raise InputError(self.report.no_story)
        table, _ = without_returned(table, self.report, self.overlay.taken_back)
        self._warn_of_findings()
        self.fit_table(with_links(table, links_table, self.settings.reading), progress=progress)
        self.overlay.settle(self.report.taken_back, self.catalog)
        self.report.boilerplate = self.catalog.boilerplate.passages
        return self

    def _warn_of_findings(self) -> None:
        if self.report.rejected:
            warnings.warn(self.report.rejection, stacklevel=3)
        if findings := self.report.findings(datetime.now(UTC)):
            warnings.warn("; ".join(findings), stacklevel=3)

    def fit_table(self, table: pa.Table, *, progress: Progress = silent) -> Recommender:
        """Fit a table that `read_articles` returned."""
        self._archive, self.embedded = build_archive(
            table, self.settings, self._rules, self._vectors, self.limits, progress
        )
        return self

    @property
    def _vectors(self) -> StoryVectors:
        return StoryVectors(embedder=self.embedder, cache=self.cache)

    def update(
        self,
        articles: Source,
        *,
        columns: Mapping[str, str] | None = None,
        format: str | None = None,
        strict: bool = False,
    ) -> Changes:
        """Add stories and replace changed ones; vocabulary and fitted vectors stay.

        An older version (by `updated_at`, then `published_at`) counts as unchanged, as does one that only lacks links
        which the archive has. Unpublished stories leave the archive, and come back with a row that is not older.
        Stories missing from `articles` stay: only `withdraw` removes them. A warning says what to check in the input.
        """
        archive = self.archive
        table, self.report = read_articles(
            articles, settings=self.settings.reading, columns=columns, format=format, strict=strict
        )
        overlay = self.overlay
        self._archive, changes, self.embedded = update_archive(
            archive, table, self.report, self._vectors, overlay.taken_back
        )
        overlay.settle(self.report.taken_back, self.catalog)
        self._warn_of_findings()
        return changes

    def pool(self, *, as_of: datetime | None = None) -> Recommender:
        """Find the candidates of all stories and keep them, so that lists for that moment need no search."""
        self._archive = self.lister(as_of=as_of).with_pools()
        release_memory()
        return self

    def learn(
        self,
        *,
        links: str | Path | pa.Table | None = None,
        picks: str | Path | pa.Table | None = None,
        clicks: str | Path | pa.Table | None = None,
        lists: str | Path | None = None,
        name: str = "own",
        seed: int = 0,
        progress: Progress = silent,
    ) -> LearnReport:
        """Learn a ranker from the links of the archive's stories, and from clicks; the archive stays as it is.

        Parameters
        ----------
        links, picks : path or pyarrow.Table, optional
            Further links (`read_links`), and items that editors picked under stories; each counts as a link.
        clicks : path or pyarrow.Table, optional
            Lists as readers were shown them, and what they clicked (docs/learning.md).
        lists : path or str, optional
            Published lists. Links to what they showed under a story do not count.
        name : str, default 'own'
            Name of the ranker.
        seed : int, default 0

        Raises
        ------
        InputError
            If too few stories have links to older stories or clicks, or the ranker is no better than chance.
        """
        from recommender.archive.learn import learn_ranker  # imports SciPy's statistics, which takes long

        published = None if lists is None else PublishedLists.open(lists)
        return learn_ranker(
            self.archive,
            links=links,
            picks=picks,
            clicks=clicks,
            shown=None if published is None else published.shown(),
            shown_as_of=None if published is None else published.as_of,
            embedder=vector_space(self.embedder),
            name=name,
            seed=seed,
            progress=progress,
        )

    def compact(self) -> Recommender:
        """Remove replaced versions and sort the rows by publication; lists do not change."""
        self._archive = compact_rows(self.archive)
        return self

    def under(self, settings: Settings) -> Recommender:
        """Return a recommender of the same archive under other settings of retrieval, ranking and selection.

        Nothing is embedded again. Both share their withdrawals.

        Raises
        ------
        SettingsError
            If `settings` read or embed in another way: that needs `fit`.
        """
        if not isinstance(settings, Settings):
            raise SettingsError("under takes Settings, such as rec.settings.override({'selection.related_at': 0.5})")
        if not settings.reading.columns:
            settings = settings.with_columns(self.settings.reading.columns)
        archive = with_settings(self.archive, settings, self.embedder)
        other = Recommender(settings, rules=self.rules, embedder=self.embedder, limits=self.limits)
        other.cache, other.overlay, other.report = self.cache, self.overlay, self.report
        other._archive = archive
        return other

    # -- making lists -------------------------------------------------------------------------

    def recommend(
        self,
        article_id: Id,
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Id | Sequence[Id] = (),
    ) -> ReadNext:
        """Make the ranked list of one story; `recommend_many` makes several.

        Raises
        ------
        UnknownArticleError, WithdrawnArticleError, NotFittedError
        """
        require_single(article_id, "recommend", "recommend_many makes the lists of several")
        return self.recommend_many([article_id], k=k, as_of=as_of, filters=filters, exclude=exclude)[0]

    def recommend_many(
        self,
        article_ids: Id | Sequence[Id],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Id | Sequence[Id] = (),
    ) -> list[ReadNext]:
        """Make the lists of several stories, in their order; raises as `recommend` does, before any work."""
        self.overlay.refresh()
        article_ids = as_ids(article_ids)
        texts = id_texts(article_ids)
        self._refuse_withdrawn(texts)
        rows = self.archive.catalog.rows(texts)
        batches = self.lister(k=k, as_of=as_of, filters=filters, exclude=exclude).lists(rows)
        lists = [read_next for batch in batches for read_next in current_lists(batch, self.overlay, self.catalog)]
        pairs = zip(lists, article_ids, strict=True)
        return [read_next.with_ids(id_converter(article_id)) for read_next, article_id in pairs]

    def recommend_for(
        self,
        article: Article | Mapping[str, Any],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Id | Sequence[Id] = (),
    ) -> ReadNext:
        """Make the list of a story that is not in the archive, such as a draft; the archive stays as it is.

        A dict needs a title or a body; without an id it is called 'draft'.

        Raises
        ------
        InputError
            If the article cannot be used.
        WithdrawnArticleError
            If its id was withdrawn.
        """
        if not isinstance(article, Article | Mapping):
            raise InputError(
                f"recommend_for got a {type(article).__name__}, expected an Article or a dict with its fields, such as "
                "{'title': 'Ferry runs aground', 'body': '...'}; recommend takes the id of a story in the archive"
            )
        self.overlay.refresh()
        lister = self.lister(k=k, as_of=as_of, filters=filters, exclude=exclude)
        draft, self.embedded = read_draft(article, lister.archive, self._vectors)
        self._refuse_withdrawn(draft.table["id"].to_pylist())
        (read_next,) = current_lists(lister.draft(draft), self.overlay, self.catalog)
        if read_next.article_id in self.rules.no_list:
            read_next = read_next.without_list("withheld")
        article_id = article.id if isinstance(article, Article) else article.get("id", "")
        return read_next.with_ids(id_converter(article_id))

    def relevance(self, stories: Id | Sequence[Id], items: Id | Sequence[Id]) -> NDArray[np.float64]:
        """Compute how relevant each item is to the story of the same index, before freshness and limits; float64 (m,).

        Raises
        ------
        UnknownArticleError
        ValueError
            If there are not as many items as stories.
        """
        stories, items = as_ids(stories), as_ids(items)
        if len(stories) != len(items):
            raise ValueError(f"{len(stories)} stories and {len(items)} items, expected as many of each")
        catalog = self.archive.catalog
        return pair_relevance(self.archive, catalog.rows(id_texts(stories)), catalog.rows(id_texts(items)))

    def explain_rejected(
        self, article_ids: Id | Sequence[Id], *, as_of: datetime | None = None
    ) -> dict[Any, list[Rejected]]:
        """Return the candidates that are not in the lists of stories, best first, each with the rule that rejected it.

        Blocked candidates are included, withdrawn ones are not.
        """
        self.overlay.refresh()
        article_ids = as_ids(article_ids)
        rejected_by_text = self.lister(as_of=as_of).rejected(id_texts(article_ids))
        rejected: dict[Any, list[Rejected]] = {}
        for article_id in article_ids:
            candidates, convert = rejected_by_text[id_text(article_id)], id_converter(article_id)
            if convert is not None:
                candidates = [replace(candidate, article_id=convert(candidate.article_id)) for candidate in candidates]
            rejected[article_id] = candidates
        return rejected

    def lister(
        self,
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Id | Sequence[Id] = (),
    ) -> Lister:
        """Prepare lists of the archive for one moment, as `recommend` takes its arguments."""
        if self.archive.rules.desk != (rules := self.rules).desk:
            self.archive = replace(self.archive, rules=rules)
        if filters is not None and not isinstance(filters, Filters):
            raise SettingsError(f"filters are a {type(filters).__name__}, expected Filters(sections=('sport',), ...)")
        for message in () if filters is None else filters.unknown_values(self.catalog):
            warnings.warn(message, stacklevel=4)
        if excluded := id_texts(exclude):
            filters = filters or Filters()
            filters = replace(filters, exclude=(*filters.exclude, *excluded))
        return Lister.for_moment(self.archive, self.overlay, self.archive.moment(as_of), k=k, filters=filters)

    def _refuse_withdrawn(self, article_ids: Sequence[str]) -> None:
        for article_id in article_ids:
            if article_id in self.overlay.withdrawn:
                raise WithdrawnArticleError(f"article {article_id!r} was withdrawn; restore() brings it back")

    # -- saving and loading -------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save the fitted archive to a folder; later withdrawals are recorded there at once.

        An index that `settings.retrieval.index` names is saved with it, and built now if it was not before.

        Raises
        ------
        PublishError
            If the folder cannot be written or another process is writing it.
        """
        self._archive = snapshot.save(Path(path), self.archive, self.embedder)
        self.overlay.refresh()
        self.overlay = self.overlay.copy(Path(path) / OVERLAY_FILE)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        embedder: Embedder | None = None,
        cache: str | Path | None = None,
        check: bool = False,
    ) -> Recommender:
        """Load a saved archive, memory-mapped; nothing is embedded. `embedder` and `cache` are those of the class.

        A file that is missing or cut is refused, and an altered one of up to 16 MiB; with `check` of any size, as
        ``recommender info --check`` does.

        Raises
        ------
        SnapshotError
            If it is missing, damaged, of another kind, or written by a newer version.
        """
        archive, folder = snapshot.load(Path(path), check)
        rec = cls(archive.settings, rules=archive.rules, embedder=embedder, cache=cache, limits=archive.limits)
        with wrap_read_errors(folder):
            rec.embedder.load(folder)
        rec._archive = archive
        rec.overlay = overlay_of_archive(Path(path))
        return rec

    # -- contents -----------------------------------------------------------------------------

    @property
    def archive(self) -> Archive:
        """Catalog, vectors and terms as one immutable value."""
        if self._archive is None:
            raise NotFittedError("this Recommender holds no archive; call fit(articles) or Recommender.load(path)")
        return self._archive

    @archive.setter
    def archive(self, archive: Archive) -> None:
        self._archive = archive

    @property
    def rules(self) -> Rules:
        """What editors decide, with the boosts of the overlay; new rules apply from the next call on."""
        return self._rules.with_desk_boosts(self.overlay.decisions.boosted)

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = Rules.of(rules)
        if self._archive is not None:
            self._archive = replace(self._archive, rules=self._rules)

    @property
    def catalog(self) -> Catalog:
        """The stories of the archive as Arrow columns, by row."""
        return self.archive.catalog

    @property
    def links(self) -> ResolvedLinks:
        """Editors' links between stories of the archive, with a report."""
        return self.archive.links

    @property
    def related_at(self) -> float | None:
        """The least relevance of a related item; None = all items are related."""
        return self.archive.related_at

    def newest(self) -> datetime | None:
        """Return the default `as_of`: the newest publication time that is not in the future."""
        archive = self.archive
        return datetime.fromtimestamp(archive.moment(None) / 1e6, UTC) if archive.dated else None

    def sections(self) -> set[str]:
        """Return the sections of the stories of the archive."""
        return {name for name in self.catalog.table["section"].unique().to_pylist() if name}

    @property
    def index(self) -> Any:
        """The FAISS index over the vectors of all rows of `catalog`, built at the first use (`retrieval.index`)."""
        self._archive = self.archive.indexed()
        assert self._archive.index is not None
        return self._archive.index.faiss

    def search_vector(self, article: Article | Mapping[str, Any]) -> NDArray[np.float32]:
        """Return the query of a story for `index`: a unit vector, float32 (1, d)."""
        return index_floats(read_draft(article, self.archive, self._vectors)[0].vectors)

    def __repr__(self) -> str:
        return (
            "<Recommender without an archive>" if self._archive is None else f"<Recommender of {len(self):,} stories>"
        )

    def __len__(self) -> int:
        return 0 if self._archive is None else int(self.catalog.alive.sum())

    def __bool__(self) -> bool:
        return True  # also without stories, of which `len` is 0

    def _article_ids(self) -> Iterable[str]:
        ids: list[str] = self.catalog.ids.to_pylist()
        return ids

    def _unknown_ids(self, ids: Iterable[str]) -> list[str]:
        return [] if self._archive is None else [article_id for article_id in ids if article_id not in self.catalog]
