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
from recommender.compute.hardware import keep_apart_large_memory, release_memory
from recommender.errors import DamagedError, InputError, SnapshotError
from recommender.facade import Recommender
from recommender.jobs.engines.local import LocalEngine, kept_pools
from recommender.jobs.guards import Guards, check_taken_back, check_together
from recommender.jobs.precompute import no_story, write_rejected
from recommender.jobs.run import Run, Summary
from recommender.jobs.touched import looked_past, touched
from recommender.lists.records import RECORD
from recommender.progress import Progress, silent
from recommender.publishing import PublishedLists
from recommender.reading.read import Source, read_articles
from recommender.storage.atomic import check_writable
from recommender.version import __version__

GROWTH = 0.1  # of the stories since the last whole run, from which on word counts should be fitted again


def refresh(
    changes: Source,
    lists: str | Path,
    archive: str | Path,
    *,
    format: str = "jsonl",
    columns: Mapping[str, str] | None = None,
    input_format: str | None = None,
    strict: bool = False,
    allow_worse: bool = False,
    dry_run: bool = False,
    as_of: datetime | None = None,
    cache: str | Path | None = None,
    rejected: str | Path | None = None,
    resume: str | Path | None = None,
    ranker: str | Path | None = None,
    recommender: Recommender | None = None,
    progress: Progress = silent,
) -> Summary:
    """Publish a version with added and changed stories; only the lists that they touch are made again.

    Stories that are not among the changes stay; only `withdraw` takes one out. Withdrawals, restorals and blocks of
    the lists since the last run, stories whose embargo or expiry has passed and the window that has moved on are taken
    in as well. Lists that were not made from the archive as it is, such as those of a rollback or of a second place,
    are all made again. Vocabulary and fitted vectors stay as the last `precompute` left them: until the next one, the
    lists are those that a run over all stories would make.

    Parameters
    ----------
    changes : path, list of paths, pyarrow.Table, or iterable of Article or dict
        New stories and new versions of known ones. Without any the moment alone is new, and embargoes that have passed.
    lists : path or str
        Folder, or database URL, of the published lists.
    archive : path
        Folder of the archive that `precompute` or an earlier `refresh` saved; it is replaced by the new state.
    format : {'jsonl', 'parquet', 'sql'}
    columns, input_format, strict, cache, resume, progress
        As for `precompute`.
    rejected : path, optional
        File of rejected rows, written at once; by default they are added to ``rejected.jsonl`` in the folder of the
        lists, once these are published: what it held since the last ``precompute`` stays.
    allow_worse : bool, default False
        Publish even what the limits of `settings.publish` refuse.
    dry_run : bool, default False
        Do and check everything, but publish and save nothing.
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
    run = Run("refresh", lists, format=format, archive=archive, resume=resume, dry=dry_run, progress=progress)
    if resume is not None:
        check_writable(Path(resume))
    if rejected is not None:
        check_writable(Path(rejected).parent)
    clock, summary = run.clock, run.summary
    with run.publisher.writing():
        stones = run.stones()
        # what is saved again must be whole
        rec = recommender or Recommender.load(archive, cache=cache, check=True)
        rec, before = _to_go_on_from(rec, archive, ranker, summary)
        clock("loading", len(rec.catalog), len(rec.catalog))
        apart = sorted(rec.tombstones.withdrawn - stones.withdrawn)
        if apart:
            summary.findings += (
                f"{len(apart):,} stories, such as {apart[0]!r}, are withdrawn from the archive but not from these "
                "lists, which show them: withdraw them with --lists as well",
            )
        rec.tombstones = stones
        held = int(rec.catalog.alive.sum())
        table, rec.report = read_articles(
            changes,
            settings=rec.settings.reading,
            columns=columns,
            format=input_format,
            strict=strict,
            may_be_empty=True,
        )
        named = None if rejected is None else write_rejected(rec.report, rejected, lists, summary)
        rec.archive, summary.changes, summary.embedded = changed_archive(
            rec.archive, table, rec.report, run.vectors(rec)
        )
        if rec.report.rejected and not (rec.report.accepted or summary.changes.unpublished):
            raise InputError(no_story(rec.report, named))
        check_taken_back(summary.changes.unpublished, held, rec.settings.publish)
        gone = rec.tombstones.withdrawn.union(rec.tombstones.unpublished, rec.report.taken_back)
        check_together(lists, archive, rec.catalog, gone, rec.settings.publish)
        hidden = {*rec.tombstones.unpublished, *rec.report.taken_back}
        back = {article_id for article_id in hidden if article_id in rec.catalog}
        rec.tombstones.take_back(hidden - back, back)
        clock("embedding", len(rec.catalog), len(rec.catalog))
        moment = run.identify(rec, as_of).as_of
        guards = Guards.of(lists, rec.settings.publish, allow_worse)
        guards.rows(rec.report)
        guards.stories(rec.catalog.table, rec.catalog.alive)
        guards.moment(None if as_of else moment, rec.catalog.published[rec.catalog.alive], datetime.now(UTC))
        rec.archive = rec.lister(as_of=as_of).pooled(before=before, keeper=kept_pools(rec, run))
        release_memory()
        clock("searching", len(rec.catalog), len(rec.catalog))
        _note_growth(rec, summary)

        def kept(rows: NDArray[np.int64], version: str) -> tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]:
            last = _last_version(lists, rec)
            if last is None or before is None or before.pooled is None:
                return iter(()), rows
            if last.manifest.get("state") != before.pooled.state:
                summary.findings += (
                    f"the lists of version {last.version} were not made from this archive: all were made again",
                )
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

        run.publish(rec, guards, lambda rows: LocalEngine().lists(rec, rows, run), kept)
        if named is None:  # only now: a run that fails leaves the file of the last good one
            write_rejected(rec.report, None, lists, summary, before=True)  # the last whole run's are still to be mended
        if not dry_run:
            rec.save(archive)
            clock("saving", len(rec.catalog), len(rec.catalog))
        return run.finish(rec, rec.report)


def _to_go_on_from(
    rec: Recommender, place: str | Path, ranker: str | Path | None, summary: Summary
) -> tuple[Recommender, Archive | None]:
    """Find the archive under the ranker that is asked for, and its last state; None if all is made again."""
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


def _last_version(place: str | Path, rec: Recommender) -> PublishedLists | None:
    """Open the published lists, if they were made under the same settings and rules by this version of the library."""
    try:
        lists = PublishedLists.open(place)
    except DamagedError as error:
        warnings.warn(f"all lists are made again: {error}", stacklevel=3)
        return None
    except SnapshotError:
        return None
    same = lists.manifest.get("library", __version__) == __version__
    same &= lists.manifest["settings_fingerprint"] == rec.archive.fingerprint
    same &= lists.manifest["rules"] == rec.rules.model_dump(mode="json")
    return lists if same else None


def _unchanged(lists: PublishedLists, ids: pa.Array, version: str, as_of: int | None) -> Iterator[pa.RecordBatch]:
    """Read the records of some stories as they were published, under the name and moment of the new version."""
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
