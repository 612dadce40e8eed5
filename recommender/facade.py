"""The facade: fit, update, withdraw, recommend, save, load."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.archive.lister import related
from recommender.articles.article import Article, row_digest
from recommender.articles.catalog import Catalog
from recommender.articles.columns import to_micros
from recommender.articles.languages import (
    MIXED,
    detected_languages,
    site_language,
    unknown_language_warning,
)
from recommender.articles.links import ResolvedLinks, resolve_links
from recommender.compute.hardware import release_memory
from recommender.compute.parallel import in_order
from recommender.editorial.overlay import NAME as TOMBSTONES
from recommender.editorial.overlay import Decided, Tombstones
from recommender.editorial.rules import Rules
from recommender.embedders import Embedder, Encode, make_embedder
from recommender.embedders.cache import VectorCache
from recommender.embedders.protocol import is_of_words, vector_space
from recommender.embedders.stories import embed_stories
from recommender.errors import InputError, NotFittedError, SettingsError, WithdrawnArticleError
from recommender.lists.readnext import ReadNext, Rejected
from recommender.lists.records import rejections, to_lists
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists
from recommender.ranking.ranker import Ranker, ranker_of
from recommender.ranking.score import Ranked
from recommender.reading.behaviors import read_clicks
from recommender.reading.links import given_links, with_links
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.search.candidates import Retriever
from recommender.search.kept_pools import KeptPools
from recommender.search.pools import Pools
from recommender.search.scope import Filters, Scope
from recommender.selection.context import Selection
from recommender.settings import Settings
from recommender.storage.atomic import refusing
from recommender.storage.checkpoints import Ledger, Ledgers

if TYPE_CHECKING:
    from recommender.archive.learn import LearnReport

BLOCK = 512  # stories whose lists are computed together


@dataclass(frozen=True, slots=True)
class Changes:
    """What `Recommender.update` did, in stories."""

    added: int
    replaced: int
    unchanged: int
    unpublished: int = 0


class Recommender(Decided):
    """Related articles for every story of an archive.

    Parameters
    ----------
    settings : Settings, optional
    rules : Rules, optional
        What editors decide: pins, blocks, boosts ...
    embedder : Embedder, optional
        Default: the one that `settings.embedding` names.
    cache : path, optional
        File of the vector cache; without it every `fit` embeds anew.

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
        settings: Settings | None = None,
        *,
        rules: Rules | None = None,
        embedder: Embedder | None = None,
        cache: str | Path | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.embedder = embedder or make_embedder(self.settings.embedding)
        self.cache = VectorCache(cache) if cache is not None else None
        self.tombstones = Tombstones()
        self.report = ReadReport()
        self.embedded = 0
        self._rules = rules or Rules()
        self._archive: Archive | None = None

    # -- building -----------------------------------------------------------------------------

    def fit(
        self,
        articles: Source,
        *,
        columns: Mapping[str, str] | None = None,
        links: str | Path | pa.Table | None = None,
        strict: bool = False,
        progress: Progress = silent,
    ) -> Recommender:
        """Read a whole archive and make it searchable.

        Parameters
        ----------
        articles : path, list of paths, pyarrow.Table, or iterable of Article or dict
        columns : mapping, optional
            Field -> column, for column names that are not recognised.
        links : path or pyarrow.Table, optional
            Further links between stories, see `read_links`; they become links of the stories that they name.
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
            If a file is missing, a column mapping is wrong, no story is left, links cannot be read, or a row is bad in
            strict mode.
        """
        more = given_links(links, self.settings.reading)  # what cannot be read is refused before any work
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
        self._warn_of(self.report)
        return self.fit_table(with_links(table, more, self.settings.reading), progress=progress)

    def findings(self, report: ReadReport) -> tuple[str, ...]:
        """What somebody should look at in stories that were read, one line each."""
        shared = self.catalog.shared_canonicals if self._archive is not None else {}
        return report.findings(datetime.now(UTC)) + tuple(
            f"{count:,} stories name {name!r} as canonical_id, which is ignored: they are no versions of one story"
            for name, count in sorted(shared.items())
        )

    def _warn_of(self, report: ReadReport) -> None:
        if lines := report.findings(datetime.now(UTC)):
            warnings.warn("; ".join(lines), stacklevel=3)

    def fit_table(
        self,
        table: pa.Table,
        *,
        encode: Encode | None = None,
        progress: Progress = silent,
        ledgers: Ledgers | None = None,
    ) -> Recommender:
        """`fit` for a table that `read_articles` returned.

        `encode` stands in for the embedder's own; without a cache, the ledgers of a job keep the vectors.
        """
        if not len(table):
            raise InputError("no usable story was given; expected at least one with an id and a title or body")
        ranker = self._ranker(self.settings)  # one that cannot be used is refused before any vector is made
        site = self.settings.reading.site_language or site_language(table)
        catalog = Catalog.of(detected_languages(table) if site == MIXED else table)
        if message := unknown_language_warning(
            catalog.table, self.embedder.languages, self.settings.reading.site_language
        ):
            warnings.warn(message, stacklevel=3)
        release_memory()
        self.embedder.fit(catalog.table)
        vectors, self.embedded = embed_stories(
            catalog.table, self.embedder, site, self.cache, encode, progress, ledgers
        )
        release_memory()
        progress("terms", 0, len(catalog))
        self._archive = Archive.fit(catalog, vectors, self.settings, self.embedder.calibration, self._rules, ranker)
        if self.settings.ranking.ranker != "auto" and (message := _without(self._archive)):
            warnings.warn(message, stacklevel=3)
        release_memory()
        progress("terms", len(catalog), len(catalog))
        return self

    def _ranker(self, settings: Settings) -> Ranker | None:
        """The ranker that some settings name, for vectors of this embedder."""
        wanted, space = settings.ranking.ranker, vector_space(self.embedder)
        ranker = ranker_of(wanted, space, self.embedder.fingerprint)
        if wanted == "auto" and ranker is not None and not ranker.embedder and not is_of_words(self.embedder):
            warnings.warn(
                "no ranker ships for this embedder, and the one for any goes by words alone: `recommender learn` makes "
                "one that knows this model and the links of your stories",
                stacklevel=4,
            )
        return ranker

    def update(
        self,
        articles: Source,
        *,
        columns: Mapping[str, str] | None = None,
        strict: bool = False,
        ledgers: Ledgers | None = None,
        warn: bool = True,
    ) -> Changes:
        """Add stories and replace changed ones. Vocabulary and fitted vectors stay as `fit` made them.

        A version older than the one held (by `updated_at`, then `published_at`) counts as unchanged, and so does one
        that only lacks links which the archive knows, as from a file of links. Stories that are not published any more
        leave the archive; those missing from `articles` stay: only `withdraw` takes them out. With `warn` a warning
        says what somebody should look at in the input; `findings` gives it in any case.
        """
        archive = self.archive
        table, self.report = read_articles(articles, settings=self.settings.reading, columns=columns, strict=strict)
        table = self._with_languages(table)
        fresh, replaces, unchanged = [], [], 0
        for place, row in enumerate(table.to_pylist()):
            if row["id"] not in archive.catalog:
                fresh.append(place)
                continue
            held = archive.catalog.row(row["id"])
            old = archive.catalog.table.slice(held, 1).to_pylist()[0]
            same = row_digest(old) == row_digest(_with_known_links(row, old))
            if same or _is_older(row, old):
                unchanged += 1
                if not same:
                    self.report.told.add(_IGNORED, row["id"])
            else:
                fresh.append(place)
                replaces.append(held)
        gone = self._taken_back(archive.catalog)
        if warn:
            self._warn_of(self.report)
        if len(gone) == int(archive.catalog.alive.sum()) and not fresh:
            raise InputError(f"none of the {len(gone):,} stories of the archive would be left: all are taken back")
        if fresh or len(gone):
            added = table.take(pa.array(fresh, pa.int64()))
            catalog = archive.catalog.append(added, np.concatenate([np.array(replaces, dtype=np.int64), gone]))
            vectors, self.embedded = archive.vectors[:0], 0
            if fresh:
                vectors, self.embedded = embed_stories(added, self.embedder, archive.site, self.cache, ledgers=ledgers)
            self._archive = archive.extended(catalog, added, vectors)
        return Changes(len(fresh) - len(replaces), len(replaces), unchanged, len(gone))

    def _taken_back(self, catalog: Catalog) -> NDArray[np.int64]:
        """Rows of stories that the input says are not published any more, unless that is older than what is held."""
        ids = list(self.report.taken_back)
        rows = catalog.find(ids)
        found = np.flatnonzero(rows >= 0)
        held = catalog.table.select(["updated_at", "published_at"]).take(pa.array(rows[found])).to_pylist()
        gone = []
        for place, old in zip(found.tolist(), held, strict=True):
            updated, published = self.report.taken_back[ids[place]]
            if updated is not None and _is_older({"updated_at": updated, "published_at": published}, old):
                self.report.told.add(_IGNORED, ids[place])
            else:
                gone.append(rows[place])
        return np.array(gone, dtype=np.int64)

    def pool(
        self,
        *,
        as_of: datetime | None = None,
        before: Archive | None = None,
        found: Pools | None = None,
        kept: Ledger | None = None,
    ) -> Recommender:
        """Find the candidates of all stories at once and keep them: lists for that moment need no search then.

        Parameters
        ----------
        as_of : datetime, optional
            Default: as for `recommend`.
        before : Archive, optional
            The archive in an earlier state, with pools and fewer stories; what has not changed since is not
            searched again. The outcome is the same.
        found : Pools, optional
            What `pools` found for all rows, elsewhere: there is no search then.
        kept : Ledger, optional
            Finished parts of the search are taken from there, and kept there.
        """
        archive = self.archive
        selection, _ = self._selection(archive, as_of, None, ())
        keeper = None if kept is None else KeptPools(kept)
        self._archive = archive.with_pools(selection, self._k(None), self.tombstones.blocked, before, found, keeper)
        release_memory()
        return self

    def pools(self, rows: NDArray[np.int64], *, as_of: datetime | None = None, part: slice | None = None) -> Pools:
        """The candidates of some rows, for `lists` or `pool`; with `part` only those among a range of rows.

        `joined` makes of those of all parts what a search without `part` finds.
        """
        return self._retriever(as_of, part).pools(self.archive.asks(rows))

    def joined(self, rows: NDArray[np.int64], parts: Sequence[Pools], *, as_of: datetime | None = None) -> Pools:
        """The candidates of some rows from those that `pools` found in each part of the archive, in order."""
        return parts[0] if len(parts) == 1 else self._retriever(as_of).joined(self.archive.asks(rows), parts)

    def _retriever(self, as_of: datetime | None, part: slice | None = None) -> Retriever:
        archive = self.archive
        selection, _ = self._selection(archive, as_of, None, ())
        return archive.retriever(selection.base, self._k(None), part)

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
        links : path or pyarrow.Table, optional
            Further links, with the columns story and item, see `read_links`.
        picks : path or pyarrow.Table, optional
            Items that editors picked under stories, in the same form; each counts as a link.
        clicks : path or pyarrow.Table, optional
            Lists as readers were shown them, and what they clicked: a click log (source, shown, clicked, and maybe time
            and session), or MIND's behaviors.tsv. A click counts the more, the less likely its place is looked at.
        lists : path or str, optional
            Published lists, a folder or database URL: links to what they showed under a story before it was updated
            may come from the list itself, and do not count.
        name : str, default 'own'
            Name of the ranker.
        seed : int, default 0
        progress : callable, optional

        Returns
        -------
        LearnReport
            The ranker, fitted on all stories, and what it gains on stories that a first fit did not see.

        Raises
        ------
        InputError
            If too few stories link to older stories of the archive, or have clicks; the message names the number
            needed. If what was learned is no better than chance.

        Examples
        --------
        >>> report = rec.learn()                          # doctest: +SKIP
        >>> report.verdict                                # doctest: +SKIP
        'better than the ranker at hand: 0.042 [0.012, 0.071] nDCG@5 on 1,204 stories'
        >>> report.ranker.save("ranker.json")             # doctest: +SKIP
        """
        from recommender.archive.learn import learn_ranker  # its statistics take as long to import as all else

        archive = self.archive
        more = [table for one in (links, picks) if (table := given_links(one, self.settings.reading)) is not None]
        found = archive.links
        if more or lists is not None:
            published = None if lists is None else PublishedLists.open(lists)
            found = resolve_links(
                archive.catalog,
                pa.concat_tables(more) if more else None,
                shown=None if published is None else published.shown(),
                as_of=None if published is None else published.as_of,
            )
        log, rows = (None, None) if clicks is None else read_clicks(clicks, set(archive.catalog.ids.to_pylist()))
        report = learn_ranker(
            archive,
            found.table,
            log,
            rejected=0 if rows is None else len(rows.rejected),
            embedder=vector_space(self.embedder),
            name=name,
            seed=seed,
            progress=progress,
        )
        return replace(report, links=found.report)

    def compact(self) -> Recommender:
        """Drop replaced versions and put all rows in publication order again; lists do not change."""
        self._archive = self.archive.compacted()
        return self

    def under(self, settings: Settings) -> Recommender:
        """The same archive under other settings of retrieval, ranking, selection; nothing is read or embedded again.

        Withdrawals made through either hold for both.

        Raises
        ------
        SettingsError
            If `settings` read or embed in another way: that needs `fit`.
        """
        for stage in ("reading", "embedding"):
            if getattr(settings, stage) != getattr(self.settings, stage):
                raise SettingsError(f"other settings of {stage} need fit(); under() keeps the fitted archive")
        archive = self.archive
        if settings.ranking.ranker != self.settings.ranking.ranker:
            archive = archive.but(ranker=self._ranker(settings))
        return self._with(settings, archive)

    def _with(self, settings: Settings, archive: Archive) -> Recommender:
        other = Recommender(settings, rules=self.rules, embedder=self.embedder)
        other.cache, other.tombstones, other.report = self.cache, self.tombstones, self.report
        other._archive = archive.under(settings)
        return other

    def ordered_by(self, ranker: str | Path) -> Recommender:
        """The same archive under another ranker, without pools; itself, if that is the ranker that it has.

        Parameters
        ----------
        ranker : str or path
            As `ranking.ranker`: a file, 'auto' or 'none'.

        Raises
        ------
        SettingsError
            If the file cannot be used, or was learned with another embedder.
        """
        settings = self.settings.override({"ranking.ranker": str(ranker)})
        found, held = self._ranker(settings), self.archive.ranker
        if (found and found.sha256) == (held and held.sha256):
            return self
        return self._with(settings, self.archive.but(ranker=found, pooled=None))

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
        archive = self.archive
        self.tombstones.refresh()
        self._refuse_withdrawn(article_ids)
        rows = archive.catalog.rows(article_ids)
        stones = self.tombstones
        batches = self.lists(rows, k=k, as_of=as_of, filters=filters, exclude=exclude)
        lists = [one for batch in batches for one in to_lists(batch, stones.withdrawn, stones.blocked)]
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

        Its candidates may come from an approximate index: `index_recall` tells what that finds.

        Raises
        ------
        InputError
            If the article cannot be used.
        WithdrawnArticleError
            If its id was withdrawn.
        """
        archive = self.archive
        self.tombstones.refresh()
        table, _ = read_articles([article], settings=self.settings.reading, strict=True, drafts=True)
        self._refuse_withdrawn(table["id"].to_pylist())
        scope = self._scope(archive, as_of, filters, exclude)
        if self.settings.selection.drop_copies:
            scope.allowed[archive.catalog.copies_of(table.to_pylist()[0])] = False
        table = self._with_languages(table)
        vectors, self.embedded = embed_stories(table, self.embedder, archive.site, self.cache)
        queries = archive.foreign_queries(table, vectors)
        # a draft may carry a time to come: it is asked for now
        queries = replace(queries, published=np.minimum(queries.published, scope.as_of))
        # rules that name the draft by its id, which the archive need not know
        article_id = table["id"][0].as_py()
        blocks = {(block.item, block.story) for block in self.rules.blocks if block.item}.union(self.tombstones.blocked)
        scope.allowed[archive.catalog.known_rows(item for item, story in blocks if item and story == article_id)] = (
            False
        )
        batch = related(archive, table, queries, archive.selection(scope, self.tombstones.blocked), self._k(k))
        (found,) = to_lists(batch, self.tombstones.withdrawn, self.tombstones.blocked)
        withheld = article_id in self.tombstones.withheld.union(self.rules.no_list)
        return found.without_list("withheld") if withheld else found

    def relevance(self, stories: Sequence[str], items: Sequence[str]) -> NDArray[np.float64]:
        """Relevance of each item under the story in the same place, before freshness and limits; float64 (m,).

        Raises
        ------
        UnknownArticleError
        ValueError
            If there are not as many items as stories.
        """
        if len(stories) != len(items):
            raise ValueError(f"{len(stories)} stories and {len(items)} items, expected as many of each")
        catalog = self.archive.catalog
        return self.archive.relevance(catalog.rows(stories), catalog.rows(items))

    def explain_rejected(
        self, article_ids: Sequence[str], *, as_of: datetime | None = None
    ) -> dict[str, list[Rejected]]:
        """The candidates that are not in the lists of some stories, best first, each with the rule that rejected it.

        Blocked candidates are among them, withdrawn ones never are.
        """
        archive = self.archive
        self.tombstones.refresh()
        rows = archive.catalog.rows(article_ids)
        selection, _ = self._selection(archive, as_of, None, ())
        found: dict[str, list[Rejected]] = {article_id: [] for article_id in article_ids}
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            stories = archive.catalog.table.take(pa.array(block))

            def trace(rule: str, rejected: Ranked, ids: list[str] = stories["id"].to_pylist()) -> None:  # noqa: B008
                for place, one in rejections(rule, rejected, archive.catalog):
                    found[ids[place]].append(one)

            batch = related(archive, stories, archive.queries(block), selection, self._k(None), trace=trace)
            for record in batch.select(["article_id", "items"]).to_pylist():  # filling may have brought some back
                shown = {item["article_id"] for item in record["items"]}
                story = record["article_id"]
                left = [one for one in found[story] if one.article_id not in shown]
                found[story] = sorted(left, key=lambda one: (-one.score, one.article_id))
        return found

    def lists(
        self,
        rows: NDArray[np.int64],
        *,
        k: int | None = None,
        as_of: datetime | None = None,
        filters: Filters | None = None,
        exclude: Sequence[str] = (),
        version: str = "",
        pools: Pools | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Lists of catalog rows as Arrow records, in their order, a block at a time.

        `pools` are those of these rows, if they were found already.
        """
        archive = self.archive
        k = self._k(k)
        selection, covered = self._selection(archive, as_of, filters, exclude)
        if pools is not None:
            places = np.arange(len(rows))
        else:
            pools, places = archive.pools(rows, selection.base, k, covered)

        def made(start: int) -> pa.RecordBatch:
            part = slice(start, start + BLOCK)
            stories, queries = archive.catalog.table.take(pa.array(rows[part])), archive.queries(rows[part])
            return related(archive, stories, queries, selection, k, version, pools=pools.take(places[part]))

        yield from in_order(made, range(0, len(rows), BLOCK))

    def _with_languages(self, table: pa.Table) -> pa.Table:
        """Newcomers with their languages, where those of the archive differ."""
        told = self.settings.reading.site_language is not None or not table["language"].null_count
        return table if told or not self.archive.mixed else detected_languages(table)

    def _refuse_withdrawn(self, article_ids: Sequence[str]) -> None:
        for article_id in article_ids:
            if article_id in self.tombstones.withdrawn:
                raise WithdrawnArticleError(f"article {article_id!r} was withdrawn; restore() brings it back")

    def _k(self, k: int | None) -> int:
        k = self.settings.selection.k if k is None else k
        if k < 1:
            raise SettingsError(f"k is {k}, expected at least 1")
        return k

    def _scope(
        self, archive: Archive, as_of: datetime | None, filters: Filters | None, exclude: Sequence[str]
    ) -> Scope:
        filters = filters or Filters()
        filters = replace(filters, exclude=(*filters.exclude, *([exclude] if isinstance(exclude, str) else exclude)))
        asks_days = filters.days_before_as_of is not None or filters.days_around_story is not None
        if asks_days and not archive.dated:
            raise SettingsError("days_before_as_of and days_around_story need an archive with dates")
        return archive.scope(_moment(archive, as_of), filters, self.tombstones.withdrawn)

    def _selection(
        self, archive: Archive, as_of: datetime | None, filters: Filters | None, exclude: Sequence[str]
    ) -> tuple[Selection, bool]:
        """What lists of one moment share, and whether the archive's pools hold for it."""
        stones = self.tombstones
        if exclude or (filters is not None and filters != Filters()):
            selection = archive.selection(self._scope(archive, as_of, filters, exclude), stones.blocked)
            return selection, archive.covered(selection.base)
        return archive.standing(_moment(archive, as_of), stones.withdrawn, stones.blocked)

    # -- keeping ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save the fitted archive to a folder; later withdrawals are recorded there at once.

        An index that `settings.retrieval.index` asks for is built now, or again if more than a twentieth of the rows
        came after it.

        Raises
        ------
        PublishError
            If the folder cannot be written or another process is writing it.
        """
        self._archive = snapshot.save(Path(path), self.archive, self.embedder)
        self.tombstones.refresh()
        self.tombstones = self.tombstones.copied(Path(path) / TOMBSTONES)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        embedder: Embedder | None = None,
        cache: str | Path | None = None,
        check: bool = False,
    ) -> Recommender:
        """Load a saved archive, memory-mapped; nothing is embedded.

        A file that is missing or cut is refused, and an altered one of up to 16 MiB.

        Parameters
        ----------
        path : path
        embedder : Embedder, optional
            Default: the one that the settings of the archive name.
        cache : path, optional
            File of the vector cache.
        check : bool, default False
            Refuse altered files of any size: all are read and compared with their checksums, as
            ``recommender info --check`` does.

        Raises
        ------
        SnapshotError
            If it is missing, damaged, of another kind, or written by a newer version.
        """
        archive, folder = snapshot.load(Path(path), check)
        rec = cls(archive.settings, rules=archive.rules, embedder=embedder, cache=cache)
        with refusing(folder):
            rec.embedder.load(folder)
        rec._archive = archive
        rec.tombstones = Tombstones(Path(path) / TOMBSTONES)
        return rec

    @property
    def rules(self) -> Rules:
        """What editors decide; new rules hold from the next call on."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        if self._archive is not None:
            self._archive = self._archive.but(rules=rules)

    @property
    def catalog(self) -> Catalog:
        """The archive."""
        return self.archive.catalog

    @property
    def vectors(self) -> NDArray[np.int16]:
        """Quantised unit vectors by catalog row, (n, d)."""
        return self.archive.vectors

    @property
    def links(self) -> ResolvedLinks:
        """Editors' links between stories of the archive, and a report of what became of those that were found.

        Examples
        --------
        >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}}))
        >>> _ = rec.fit([
        ...     {"id": "a", "title": "Ferry aground", "url": "https://courier.example/ferry"},
        ...     {"id": "b", "title": "Inquiry", "body": 'It <a href="https://courier.example/ferry">ran aground</a>.'},
        ... ])
        >>> rec.links.table["anchor"].to_pylist(), rec.links.report.unresolved
        (['ran aground'], 0)
        """
        return self.archive.links

    @property
    def dated(self) -> bool:
        """Whether time counts: at least half of the stories carry a date."""
        return self.archive.dated

    @property
    def related_at(self) -> float | None:
        """Relevance from which on an item counts as related; None = all of them."""
        return self.archive.related_at

    @property
    def index_recall(self) -> float:
        """Share of the ten nearest that the search of `recommend_for` finds, as measured when its index was built.

        1 where search is exact, as it always is for stories of the archive.
        """
        return self.archive.index_recall

    def moment(self, as_of: datetime | None = None) -> datetime:
        """The moment that lists are for: `as_of`, else that of `newest`, else now."""
        return datetime.fromtimestamp(_moment(self.archive, as_of) / 1e6, UTC)

    def newest(self) -> datetime | None:
        """The default `as_of`: the newest publication time that is not in the future."""
        micros = self.archive.newest(datetime.now(UTC))
        return datetime.fromtimestamp(micros / 1e6, UTC) if self.archive.dated else None

    @property
    def archive(self) -> Archive:
        """Catalog, vectors, and terms as one value, which is replaced and never changed."""
        if self._archive is None:
            raise NotFittedError("this Recommender holds no archive; call fit(articles) or Recommender.load(path)")
        return self._archive


def _moment(archive: Archive, as_of: datetime | None) -> int:
    """Microseconds of `as_of`; by default the newest publication time that is not in the future."""
    if as_of is not None:
        return to_micros(as_of)
    now = datetime.now(UTC)
    return archive.newest(now) if archive.dated else to_micros(now)


def _without(archive: Archive) -> str | None:
    """What to tell of a ranker that goes by what no story of the archive has."""
    ranker = archive.ranker
    if ranker is None:
        return None
    column = archive.catalog.table["section"]
    missing = {"section": column.null_count == len(column), "time": not archive.dated}
    gone = [_TOLD[family] for family, lacking in missing.items() if lacking and family in ranker.deciding]
    if not gone:
        return None
    return (
        f"the ranker {ranker.name} was learned with {' and '.join(gone)}, which this archive lacks: it goes by the rest"
    )


_TOLD = {"section": "sections", "time": "dates"}


def _with_known_links(row: dict[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the links of an earlier version, if it has none that are new."""
    return row | {"links": held["links"]} if all(link in held["links"] for link in row["links"]) else row


_NEVER = datetime.min.replace(tzinfo=UTC)
_IGNORED = "changed rows are older than what the archive holds of their stories, and were ignored"


def _is_older(row: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether a row is an older version than the one held: changed earlier, or as early and published earlier."""
    changed, before = row["updated_at"] or _NEVER, held["updated_at"] or _NEVER
    published = row["published_at"] or held["published_at"]  # one that lacks it is not older for that
    return changed < before or (changed == before and (published or _NEVER) < (held["published_at"] or _NEVER))
