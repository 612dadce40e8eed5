"""The job after the next stories: only the lists that they touch are made again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.archive.changes import changed_archive
from recommender.articles.article import UNDATED
from recommender.compute.hardware import keep_apart_large_memory, release_memory
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError, SnapshotError
from recommender.facade import Recommender
from recommender.jobs.engines.local import kept_pools
from recommender.jobs.guards import Guards, check_taken_back, check_together
from recommender.jobs.precompute import Clock, Summary, finish, no_story, open_ledgers, publish
from recommender.jobs.run_identity import Inputs
from recommender.lists.records import RECORD
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists, open_publisher
from recommender.ranking.score import MORE, SOURCES
from recommender.reading.read import Source, read_articles
from recommender.search.pools import Pool
from recommender.selection.rules import RULES
from recommender.storage.atomic import check_writable
from recommender.version import __version__

GROWTH = 0.1  # of the stories since the last whole run, from which on word counts should be fitted again
_BLOCK = 8_192  # stories whose candidates are compared at a time


def refresh(
    changes: Source,
    lists: str | Path,
    archive: str | Path,
    *,
    format: str = "jsonl",
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    allow_worse: bool = False,
    as_of: datetime | None = None,
    cache: str | Path | None = None,
    resume: str | Path | None = None,
    ranker: str | Path | None = None,
    recommender: Recommender | None = None,
    progress: Progress = silent,
) -> Summary:
    """Publish a version with added and changed stories; only the lists that they touch are made again.

    Stories that are not among the changes stay; only `withdraw` takes one out. Withdrawals, restorals and blocks of
    the lists since the last run, stories whose embargo or expiry has passed and the window that has moved on are taken
    in as well. Vocabulary and fitted vectors stay as the last `precompute` left them: until the next one, the
    lists are those that a run over all stories would make.

    Parameters
    ----------
    changes : path, list of paths, pyarrow.Table, or iterable of Article or dict
        New stories and new versions of known ones; may be empty.
    lists : path or str
        Folder, or database URL, of the published lists.
    archive : path
        Folder of the archive that `precompute` or an earlier `refresh` saved; it is replaced by the new state.
    format : {'jsonl', 'parquet', 'sql'}
    columns, strict, cache, resume, progress
        As for `precompute`.
    allow_worse : bool, default False
        Publish even what the limits of `settings.publish` refuse.
    as_of : datetime, optional
        Moment that the lists are for; default the newest publication time that is not in the future.
    ranker : str or path, optional
        As `ranking.ranker`; default: the one that the archive holds. Another one makes all lists again, once: it is
        saved with the archive, and later calls need not name it.
    recommender : Recommender, optional
        The saved archive, loaded with an embedder of your own, or under other settings.

    Returns
    -------
    Summary
        `recomputed` counts the lists that were made again.

    Raises
    ------
    SnapshotError
        If the saved archive is missing, damaged, or has no pools.
    SettingsError
        If the ranker cannot be used.
    InputError, PublishError

    Examples
    --------
    >>> refresh("today.jsonl", "lists", "archive").recomputed     # doctest: +SKIP
    412
    """
    keep_apart_large_memory()
    summary = Summary()
    clock = Clock(summary.seconds, progress)
    ledgers = open_ledgers("refresh", resume, lists, archive, progress)
    publisher = open_publisher(lists, format)
    publisher.check_writable()
    check_writable(Path(archive))
    if resume is not None:
        check_writable(Path(resume))
    with publisher.writing():
        # what is saved again must be whole
        rec = recommender or Recommender.load(archive, cache=cache, check=True)
        rec, before = _to_go_on_from(rec, archive, ranker, summary)
        clock("loading", len(rec.catalog), len(rec.catalog))
        apart = sorted(rec.tombstones.withdrawn - publisher.tombstones.withdrawn)
        if apart:
            summary.findings += (
                f"{len(apart):,} stories, such as {apart[0]!r}, are withdrawn from the archive but not from these "
                "lists, which show them: withdraw them with --lists as well",
            )
        rec.tombstones = publisher.tombstones
        held = int(rec.catalog.alive.sum())
        table, rec.report = read_articles(changes, settings=rec.settings.reading, columns=columns, strict=strict)
        vectors = StoryVectors(embedder=rec.embedder, cache=rec.cache, ledgers=ledgers)
        rec.archive, summary.changes, summary.embedded = changed_archive(rec.archive, table, rec.report, vectors)
        if rec.report.rejected and not (rec.report.accepted or summary.changes.unpublished):
            raise InputError(no_story(rec.report, None))
        check_taken_back(summary.changes.unpublished, held, rec.settings.publish)
        gone = rec.tombstones.withdrawn.union(rec.tombstones.unpublished, rec.report.taken_back)
        check_together(lists, archive, rec.catalog, gone, rec.settings.publish)
        hidden = {*rec.tombstones.unpublished, *rec.report.taken_back}
        back = {article_id for article_id in hidden if article_id in rec.catalog}
        rec.tombstones.take_back(hidden - back, back)
        clock("embedding", len(rec.catalog), len(rec.catalog))
        inputs = Inputs.of(rec, as_of)
        guards = Guards.of(lists, rec.settings.publish, allow_worse)
        guards.rows(rec.report)
        guards.stories(rec.catalog.table, rec.catalog.alive)
        guards.moment(None if as_of else inputs.as_of, rec.catalog.published[rec.catalog.alive], datetime.now(UTC))
        rec.archive = rec.lister(as_of=as_of).pooled(before=before, keeper=kept_pools(rec, inputs, ledgers))
        release_memory()
        clock("searching", len(rec.catalog), len(rec.catalog))
        _note_growth(rec, summary)

        def kept(rows: NDArray[np.int64], version: str) -> tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]:
            last = _last_version(lists, rec)
            if last is None or before is None:
                return iter(()), rows
            again = touched(before, rec.archive)
            again[: len(before.catalog)] |= looked_past(last, before)
            same = rec.catalog.ids.take(pa.array(rows[~again[rows]])).combine_chunks()
            assert rec.archive.pooled is not None
            moment = rec.archive.pooled.scope.as_of if rec.dated else None
            published = pa.array(list(last.ids()), pa.large_string())
            missing = ~pc.is_in(same, published).to_numpy(zero_copy_only=False)
            again[rows[~again[rows]][missing]] = True
            return _unchanged(last, same, version, moment), rows[again[rows]]

        publish(rec, publisher, summary, inputs, ledgers, clock, guards, kept)
        rec.save(archive)
        clock("saving", len(rec.catalog), len(rec.catalog))
        finish(ledgers, summary)
    summary.count(rec, rec.report)
    return summary


def _to_go_on_from(
    rec: Recommender, place: str | Path, ranker: str | Path | None, summary: Summary
) -> tuple[Recommender, Archive | None]:
    """The archive under the ranker that is asked for, and its last state; none if everything is made again."""
    held = rec.archive
    if held.pooled is None:
        saved = snapshot.load(Path(place))[0] if Path(place).is_dir() else held
        if saved.pooled is None or saved.fingerprint == held.fingerprint:
            raise SnapshotError(
                f"the archive in {place} has no pools to go on from; run precompute again, with --archive {place}"
            )
        held = saved  # it was put under other settings, and has lost its pools
    if ranker is not None:
        rec = rec.ordered_by(ranker)
    was, now = (
        "none" if one is None else f"{one.name} ({one.sha256[:12]})" for one in (held.ranker, rec.archive.ranker)
    )
    if was != now:
        summary.findings += (f"the ranker was {was} and is {now}: all lists were made again",)
    return rec, None if rec.archive.pooled is None else rec.archive


def touched(before: Archive, after: Archive) -> NDArray[np.bool_]:
    """Rows whose lists may differ between two states that both have pools, (n,) of the later; new rows always do."""
    was, now = before.pooled, after.pooled
    assert was is not None
    assert now is not None
    old, new = len(before.catalog), len(after.catalog)
    found = np.arange(new) >= old
    moved = was.scope.as_of != now.scope.as_of
    everything = (
        (before.rules, before.settings, before.dated, was.k) != (after.rules, after.settings, after.dated, now.k)
        or before.fingerprint != after.fingerprint
        or (moved and after.ranker is None and after.settings.ranking.anchor == "as_of")
        or (moved and _boosts(before, was.scope.as_of) != _boosts(after, now.scope.as_of))
        or not np.array_equal(before.languages, after.languages[:old])
    )
    if everything:
        return np.ones(new, dtype=bool)
    changed = _changed(before, after)
    found[:old] |= changed
    shown = (was.scope.allowed != now.scope.allowed[:old]) | (was.shown != now.shown[:old])
    unsettled = np.append(changed | shown, np.zeros(new - old, dtype=bool))
    for start in range(0, old, _BLOCK):
        part = slice(start, min(start + _BLOCK, old))
        pairs = zip(now.pools.take(part), was.pools.take(part), strict=True)
        # whose pool lost too many to editors searches again for each list: that looks at the whole archive
        found[part] |= now.pools.take(part).candidates(now.shown)[1] | was.pools.take(part).candidates(was.shown)[1]
        # most pools are as they were: only of the others it matters which rows are candidates
        some = start + np.flatnonzero(np.any([_differ(pool, earlier, unsettled) for pool, earlier in pairs], axis=0))
        # the candidates, and the whole pool, which a candidate's standing is told by
        for allowed, allowed_before in ((now.shown, was.shown), (now.scope.allowed, was.scope.allowed)):
            rows, _ = now.pools.take(some).candidates(allowed)
            before_, _ = was.pools.take(some).candidates(allowed_before)
            width = max(rows.rows.shape[1], before_.rows.shape[1])
            wide, wide_before = (
                np.pad(one.rows, ((0, 0), (0, width - one.rows.shape[1])), constant_values=-1)
                for one in (rows, before_)
            )
            differ = (wide != wide_before).any(axis=1)
            found[some] |= differ | ((wide >= 0) & np.append(changed, np.zeros(new - old, bool))[wide]).any(axis=1)
    stories = {story for _, story in was.blocks ^ now.blocks if story is not None}
    if moved:
        ends = (
            pin.story
            for pin in after.rules.pins
            if pin.holds(_time(was.scope.as_of)) != pin.holds(_time(now.scope.as_of))
        )
        stories.update(ends)
        published = after.catalog.published
        found |= published > min(was.scope.as_of, now.scope.as_of)  # an embargo was reached
        if after.ranker is None and after.settings.ranking.half_life_days is not None:
            found |= published == UNDATED  # ages count from the moment
    # a pinned item is no candidate: whether it may be shown is looked up
    for pin in after.rules.pins:
        row = after.catalog.known_rows([pin.item])
        gone = not len(row) and bool(len(before.catalog.known_rows([pin.item])))  # the input took it back
        if gone or (len(row) and (row[0] >= old or changed[row[0]] or was.shown[row[0]] != now.shown[row[0]])):
            stories.add(pin.story)
    found[after.catalog.known_rows(stories)] = True
    return found


def _differ(pool: Pool, earlier: Pool, unsettled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the pools of the same stories hold other rows, or one that may count otherwise now; (q,)."""
    if pool.rows.shape != earlier.rows.shape:
        return np.ones(len(pool.rows), dtype=bool)
    return np.asarray((pool.rows != earlier.rows).any(axis=1) | unsettled[np.maximum(pool.rows, 0)].any(axis=1))


def _changed(before: Archive, after: Archive) -> NDArray[np.bool_]:
    """Rows of the earlier state in which a selection rule sees something else now, such as another copy group."""
    assert before.pooled is not None
    assert after.pooled is not None
    changed = np.zeros(len(before.catalog), dtype=bool)
    was, now = (state.selection(state.pooled.scope) for state in (before, after) if state.pooled is not None)
    for rule in RULES:
        old, new = rule.depends_on(was), rule.depends_on(now)
        if old is not None and new is not None:
            if rule.groups:
                old, new = _partition(old), _partition(new)
            changed |= old != new[: len(changed)]
    return changed


def looked_past(lists: PublishedLists, archive: Archive) -> NDArray[np.bool_]:
    """Rows whose published lists look past the candidates of the archive that they were made of: at all of it.

    These are lists that stayed short all the same, and lists with an item that is no candidate.
    """
    pooled = archive.pooled
    assert pooled is not None
    found, short, of, more = np.zeros(len(archive.catalog), dtype=bool), [], [], []
    if "more" not in archive.settings.selection.fill:
        return found
    for batch in lists.records():
        ids, status = batch.column("article_id").cast(pa.large_string()), batch.column("status")
        short.append(ids.filter(pc.is_in(status, pa.array(["short", "empty"]))))
        filled = pc.equal(status, "filled")
        items = batch.column("items").filter(filled)
        shown, story = items.flatten(), pc.list_parent_indices(items)
        extra = pc.equal(shown.field("source"), SOURCES[MORE])
        of.append(ids.filter(filled).take(story.filter(extra)))
        more.append(shown.field("article_id").filter(extra).cast(pa.large_string()))
    found[archive.catalog.known_rows(pa.chunked_array(short, pa.large_string()).to_pylist())] = True
    rows, further = (
        archive.catalog.find(pa.chunked_array(column, pa.large_string()).to_pylist()) for column in (of, more)
    )
    rows, further = rows[rows >= 0], further[rows >= 0]
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        candidates = pooled.pools.take(rows[part]).candidates(pooled.shown)[0].rows
        found[rows[part][(candidates != further[part, None]).all(axis=1)]] = True
    return found


def _partition(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups named by their first member, whatever their numbers; -1 stays."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.where(group < 0, -1, first[inverse]), dtype=np.int64)


def _boosts(archive: Archive, as_of: int) -> list[bool]:
    return [boost.holds(_time(as_of)) for boost in archive.rules.boosts]


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)


def _last_version(place: str | Path, rec: Recommender) -> PublishedLists | None:
    """The published lists, if they were made under the same settings and rules by this version of the library."""
    try:
        lists = PublishedLists.open(place)
    except SnapshotError as error:
        if str(error).startswith("damaged"):
            warnings.warn(f"all lists are made again: {error}", stacklevel=3)
        return None
    same = lists.manifest.get("library", __version__) == __version__
    same &= lists.manifest["settings_fingerprint"] == rec.archive.fingerprint
    same &= lists.manifest["rules"] == rec.rules.model_dump(mode="json")
    return lists if same else None


def _unchanged(lists: PublishedLists, ids: pa.Array, version: str, as_of: int | None) -> Iterator[pa.RecordBatch]:
    """Records of some stories as they were published, under the name and moment of the new version."""
    for batch in lists.records():
        kept = batch.filter(pc.is_in(batch.column("article_id").cast(pa.large_string()), ids))
        if len(kept):
            columns = dict(zip(RECORD.names, kept.columns, strict=True))
            columns["version"] = pa.repeat(pa.scalar(version, RECORD.field("version").type), len(kept))
            columns["as_of"] = pa.repeat(pa.scalar(as_of, RECORD.field("as_of").type), len(kept))
            yield pa.RecordBatch.from_arrays(list(columns.values()), schema=RECORD)


def _note_growth(rec: Recommender, summary: Summary) -> None:
    grown = int(rec.catalog.alive.sum()) / max(rec.archive.tfidf.stories, 1) - 1
    if grown > GROWTH:
        summary.findings += (
            f"the archive has grown by {grown:.0%} since words were fitted: run precompute over all stories",
        )
