"""The job that takes in new and changed stories, and makes again only the lists that they touch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.archive.build import ranker_for
from recommender.archive.changes import changed_archive
from recommender.compute.hardware import keep_apart_large_memory, release_memory
from recommender.editorial.rules import Rules
from recommender.errors import DamagedError, InputError, SnapshotError
from recommender.facade import Recommender
from recommender.jobs.engines.local import LocalEngine, pool_checkpoint
from recommender.jobs.guards import Guards, check_taken_back, check_together
from recommender.jobs.options import JobKeywords, JobOptions
from recommender.jobs.run import Run
from recommender.jobs.summary import Summary, items_of, no_story
from recommender.jobs.touched import looked_past, touched
from recommender.lists.records import RECORD
from recommender.publishing import PublishedLists
from recommender.reading.read import Source
from recommender.version import __version__

GROWTH = 0.1  # of the stories since the last whole run, from which on word counts should be fitted again


def refresh(
    changes: Source,
    lists: str | Path,
    archive: str | Path,
    *,
    ranker: str | Path | None = None,
    **options: Unpack[JobKeywords],
) -> Summary:
    """Publish a version with added and changed stories; only the lists that they touch are made again.

    Stories that are not among the changes stay; only `withdraw` takes one out. Withdrawals, restorals and blocks of
    the lists since the last run, stories whose embargo or expiry has passed and the window that has moved on are taken
    in as well. Lists that were not made from the archive as it is, such as those of a rollback, of a second place or
    after a purge, are all made again. Vocabulary and fitted vectors stay as the last `precompute` left them: the
    lists are those that making all of them again from this archive would give. The next `precompute` fits both anew,
    and may give others.

    Parameters
    ----------
    changes : path, list of paths, pyarrow.Table, or iterable of Article or dict
        New stories and new versions of known ones. Without any the moment alone is new, and embargoes that have passed.
    lists : path or str
        Folder, or database URL, of the published lists.
    archive : path
        Folder of the archive that `precompute` or an earlier `refresh` saved; it is replaced by the new state.
    ranker : str or path, optional
        As `ranking.ranker`; default: the one that the archive holds. Another one makes all lists again, once: it is
        saved with the archive, and later calls need not name it.
    **options
        As `recommender.jobs.options.JobOptions` lists them: `columns`, `as_of`, `dry_run`, `cache`, `progress` ...
        `recommender` is then the saved archive, loaded with an embedder of your own, or under other settings.

    Returns
    -------
    Summary
        `recomputed` counts the lists that were made again, `changed` those of them that show other items.

    Raises
    ------
    SnapshotError
        If the saved archive is missing or damaged.
    SettingsError
        If the ranker cannot be used.
    InputError, PublishError

    Examples
    --------
    >>> refresh("today.jsonl", "lists", "archive").recomputed     # doctest: +SKIP
    412
    """
    keep_apart_large_memory()
    asked = JobOptions.of(refresh, options)
    run = Run("refresh", lists, archive, asked)
    clock, summary = run.clock, run.summary
    with run.publisher.writing():
        overlay = run.overlay()
        # what is saved again must be whole
        rec = asked.recommender or Recommender.load(archive, cache=asked.cache, check=True)
        rec, before = _to_go_on_from(rec, archive, ranker, summary)
        clock("loading", len(rec.catalog), len(rec.catalog))
        apart = sorted(rec.overlay.decisions.withdrawn - overlay.withdrawn)
        if apart:
            summary.findings += (
                f"{len(apart):,} stories, such as {apart[0]!r}, are withdrawn from the archive but not from these "
                "lists, which show them: withdraw them with --lists as well",
            )
        rec.overlay = overlay
        held = int(rec.catalog.alive.sum())
        table, rec.report = run.read(changes, rec.settings.reading, may_be_empty=True)
        if asked.rejected is not None:
            run.write_rejected(rec.report)
        rec.archive, summary.changes, summary.embedded = changed_archive(
            rec.archive, table, rec.report, run.vectors(rec), rec.overlay.taken_back
        )
        if rec.report.rejected and not (rec.report.accepted or summary.changes.unpublished):
            raise InputError(no_story(rec.report, run.rejected if asked.rejected is not None else None))
        check_taken_back(summary.changes.unpublished, held, rec.settings.publish)
        gone = rec.overlay.withdrawn.union(rec.overlay.unpublished, rec.report.taken_back)
        check_together(lists, archive, rec.catalog, gone, rec.settings.publish)
        rec.overlay.settle(rec.report.taken_back, rec.catalog)
        clock("embedding", len(rec.catalog), len(rec.catalog))
        moment = run.identify(rec).as_of
        guards = Guards.of(lists, rec.settings.publish, asked.allow_worse)
        guards.rows(rec.report)
        guards.stories(rec.catalog.table, rec.catalog.alive)
        guards.moment(None if asked.as_of else moment, rec.catalog.published[rec.catalog.alive], datetime.now(UTC))
        rec.archive = rec.lister(as_of=asked.as_of).with_pools(before=before, checkpoint=pool_checkpoint(rec, run))
        release_memory()
        clock("searching", len(rec.catalog), len(rec.catalog))
        _note_growth(rec, summary)

        run.publish(rec, guards, lambda rows: LocalEngine().lists(rec, rows, run), partial(_kept, run, rec, before))
        if asked.rejected is None:  # only now: a run that fails leaves the file of the last good one
            run.write_rejected(rec.report)
        return run.finish(rec, rec.report)


def _kept(
    run: Run, rec: Recommender, before: Archive | None, rows: NDArray[np.int64], version: str
) -> tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]:
    """Find the records of lists that stay as they were published, and which of the rows need a new list.

    `before` is the state of the archive that the published lists were made of; None = all are made again.
    """
    last, now = _last_version(run.lists, rec), rec.archive.pools
    if last is None or now is None or before is None or before.pools is None:
        return iter(()), rows
    if last.manifest.get("state") != before.pools.state:
        run.summary.findings += (
            f"the lists of version {last.version} were not made from this archive: all were made again",
        )
        return _unchanged(last, pa.array([], pa.large_string()), version, None, run), rows
    before = replace(before, rules=Rules.of(last.manifest["rules"]))  # the caller's may have others by now
    again = touched(before, rec.archive)
    again[: len(before.catalog)] |= looked_past(last, before)
    same = rec.catalog.ids.take(pa.array(rows[~again[rows]])).combine_chunks()
    published = pa.array(list(last.ids()), pa.large_string())
    missing = ~pc.is_in(same, published).to_numpy(zero_copy_only=False)
    again[rows[~again[rows]][missing]] = True
    return _unchanged(last, same, version, now.scope.as_of if rec.archive.dated else None, run), rows[again[rows]]


def _to_go_on_from(
    rec: Recommender, place: str | Path, ranker: str | Path | None, summary: Summary
) -> tuple[Recommender, Archive | None]:
    """Find the archive under the ranker that is asked for, and its last state; None if all is made again."""
    held = rec.archive
    if held.pools is None:
        saved = snapshot.load(Path(place))[0] if Path(place).is_dir() else held
        if saved.pools is None or saved.fingerprint == held.fingerprint:
            summary.findings += ("the archive had no pools, as after a purge: all lists were made again",)
        else:
            held = saved  # it was put under other settings, and has lost its pools
    if ranker is not None:
        rec = _ordered_by(rec, ranker)
    was, now = (
        "none" if one is None else f"{one.name} ({one.sha256[:12]})" for one in (held.ranker, rec.archive.ranker)
    )
    if was != now:
        summary.findings += (f"the ranker was {was} and is {now}: all lists were made again",)
    return rec, None if rec.archive.pools is None else rec.archive


def _ordered_by(rec: Recommender, ranker: str | Path) -> Recommender:
    """Make a recommender of the same archive with another ranker, without pools; itself, if it has that ranker."""
    settings = rec.settings.override({"ranking.ranker": str(ranker)})
    found, held = ranker_for(settings, rec.embedder), rec.archive.ranker
    if (found and found.sha256) == (held and held.sha256):
        return rec
    other = rec.under(settings)
    other.archive = replace(rec.archive, ranker=found, pools=None).under(settings)
    return other


def _last_version(place: str | Path, rec: Recommender) -> PublishedLists | None:
    """Open the published lists, if they were made under the same settings by this version of the library."""
    try:
        lists = PublishedLists.open(place)
    except DamagedError as error:
        warnings.warn(f"all lists are made again: {error}", stacklevel=3)
        return None
    except SnapshotError:
        return None
    same = lists.manifest.get("library", __version__) == __version__
    same &= lists.manifest["settings_fingerprint"] == rec.archive.fingerprint
    return lists if same else None


def _unchanged(
    lists: PublishedLists, ids: pa.Array, version: str, as_of: int | None, run: Run
) -> Iterator[pa.RecordBatch]:
    """Read the records of some stories as they were published, under the name and moment of the new version.

    What the lists of all others showed is left with the run.
    """
    run.shown_before = {}
    for batch in lists.records():
        same = pc.is_in(batch.column("article_id").cast(pa.large_string()), ids)
        run.shown_before.update(items_of(batch.filter(pc.invert(same))))
        kept = batch.filter(same)
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
