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
from recommender.archive.build import load_ranker
from recommender.archive.changes import update_archive
from recommender.compute.hardware import keep_apart_large_memory, release_memory
from recommender.editorial.overlay import Overlay
from recommender.editorial.rules import Rules
from recommender.errors import DamagedError, InputError, SnapshotError
from recommender.facade import Recommender
from recommender.jobs.engines.local import LocalEngine, pool_checkpoint
from recommender.jobs.guards import Guards, check_belong_together, check_taken_back
from recommender.jobs.options import JobKeywords, JobOptions
from recommender.jobs.run import Run
from recommender.jobs.summary import Summary, item_ids_by_story, no_story_message
from recommender.jobs.touched import find_filled, mask_touched
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
    """Publish a version with added and changed stories; only the lists that they touch are recomputed.

    Stories that are not among the changes stay; only `withdraw` takes one out. Withdrawals, restorals and blocks of
    the lists since the last run, stories whose embargo or expiry has passed and the window that has moved on are taken
    in as well. Lists that were not made from the archive as it is, such as those of a rollback, of a second place or
    after a purge, are all recomputed. Vocabulary and fitted vectors stay as the last `precompute` left them: the
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
        `recomputed` counts the recomputed lists, `changed` those of them that show other items.

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
    job_options = JobOptions.from_keywords(refresh, options)
    run = Run("refresh", lists, archive, job_options)
    clock, summary = run.clock, run.summary
    with run.writing():
        overlay = run.open_overlay()
        # The archive is saved again at the end, so all of it is checked.
        rec = job_options.recommender or Recommender.load(archive, cache=job_options.cache, check=True)
        rec, before = _starting_point(rec, archive, ranker, summary)
        clock("loading", len(rec.catalog), len(rec.catalog))
        _note_withdrawn_apart(rec, overlay, summary)
        rec.overlay = overlay
        _take_in(run, rec, changes)
        clock("embedding", len(rec.catalog), len(rec.catalog))
        guards = _check(run, rec)
        lister = rec.lister(as_of=job_options.as_of)
        rec.archive = lister.with_pools(before=before, checkpoint=pool_checkpoint(rec, run))
        release_memory()
        clock("searching", len(rec.catalog), len(rec.catalog))
        _note_growth(rec, summary)

        make_lists = partial(LocalEngine().lists, rec, run=run)
        run.publish(rec, guards, make_lists, partial(_split_kept, run, rec, before))
        if job_options.rejected is None:  # only now: a run that fails leaves the file of the last good one
            run.write_rejected(rec.report)
        return run.finish(rec, rec.report)


def _starting_point(
    rec: Recommender, place: str | Path, ranker: str | Path | None, summary: Summary
) -> tuple[Recommender, Archive | None]:
    """Return the recommender with the wanted ranker, and the archive's last state; None if all lists are recomputed."""
    last_state = rec.archive
    if last_state.pools is None:
        saved = snapshot.load(Path(place))[0] if Path(place).is_dir() else last_state
        if saved.pools is None or saved.fingerprint == last_state.fingerprint:
            summary.findings += ("the archive had no pools, as after a purge: all lists were recomputed",)
        else:
            last_state = saved  # the caller put it under other settings, and so it has lost its pools
    if ranker is not None:
        rec = _with_ranker(rec, ranker)
    old_ranker, new_ranker = _ranker_name(last_state), _ranker_name(rec.archive)
    if old_ranker != new_ranker:
        summary.findings += (f"the ranker was {old_ranker} and is {new_ranker}: all lists were recomputed",)
    return rec, None if rec.archive.pools is None else rec.archive


def _with_ranker(rec: Recommender, ranker: str | Path) -> Recommender:
    """Return the recommender under another ranker, without pools; itself, if it has that ranker."""
    settings = rec.settings.override({"ranking.ranker": str(ranker)})
    new_ranker, old_ranker = load_ranker(settings, rec.embedder), rec.archive.ranker
    if (new_ranker and new_ranker.sha256) == (old_ranker and old_ranker.sha256):
        return rec
    other = rec.under(settings)
    other.archive = replace(rec.archive, ranker=new_ranker, pools=None).with_settings(settings)
    return other


def _ranker_name(archive: Archive) -> str:
    return "none" if archive.ranker is None else f"{archive.ranker.name} ({archive.ranker.sha256[:12]})"


def _note_withdrawn_apart(rec: Recommender, overlay: Overlay, summary: Summary) -> None:
    withdrawn = sorted(rec.overlay.decisions.withdrawn - overlay.withdrawn)
    if withdrawn:
        summary.findings += (
            f"{len(withdrawn):,} stories, such as {withdrawn[0]!r}, are withdrawn from the archive but not from these "
            "lists, which show them: withdraw them with --lists as well",
        )


def _take_in(run: Run, rec: Recommender, changes: Source) -> None:
    """Read the changes and change the archive and the overlay accordingly."""
    summary, publish_settings = run.summary, rec.settings.publish
    n_before = int(rec.catalog.alive.sum())
    reading = rec.settings.reading
    table, rec.report = run.read(changes, reading, may_be_empty=True)
    if reading.columns and not run.options.columns:
        mapping = ", ".join(f"{field}={column}" for field, column in reading.columns.items())
        summary.findings += (f"columns are read as those of the archive were: {mapping} (--column names others)",)
    _warn_of_undated(rec, table)
    has_rejected_file = run.options.rejected is not None
    if has_rejected_file:
        run.write_rejected(rec.report)
    rec.archive, summary.changes, summary.embedded = update_archive(
        rec.archive, table, rec.report, run.story_vectors(rec), rec.overlay.taken_back
    )
    if rec.report.rejected and not (rec.report.accepted or summary.changes.unpublished):
        raise InputError(no_story_message(rec.report, run.rejected if has_rejected_file else None))
    check_taken_back(summary.changes.unpublished, n_before, publish_settings)
    hidden = rec.overlay.withdrawn.union(rec.overlay.unpublished, rec.report.taken_back)
    check_belong_together(run.lists, run.archive, rec.catalog, hidden, publish_settings)
    rec.overlay.settle(rec.report.taken_back, rec.catalog)


def _warn_of_undated(rec: Recommender, table: pa.Table) -> None:
    """Warn where no new story has a date, though time counts in the archive: a column of dates may have been missed."""
    is_new = pc.invert(pc.is_in(table["id"], rec.catalog.ids.combine_chunks()))
    is_new = pc.and_(is_new, pc.not_equal(table["kind"], "evergreen"))
    new = table.filter(is_new)
    if len(new) and new["published_at"].null_count == len(new) and rec.archive.dated:
        warnings.warn(
            f"none of {len(new):,} new stories has a date, though those of the archive have: they are shown as "
            "undated. Check the column of dates (recommender check; --column published_at=COLUMN), and refresh again",
            stacklevel=4,
        )


def _check(run: Run, rec: Recommender) -> Guards:
    """Refuse an archive that lists must not be made of, and return the guards of the version."""
    moment = run.identify(rec).as_of
    guards = Guards.from_published(run.lists, rec.settings.publish, run.options.allow_worse)
    is_current = rec.catalog.alive
    guards.check_rows(rec.report)
    guards.check_stories(rec.catalog.table, is_current)
    guards.check_moment(None if run.options.as_of else moment, rec.catalog.published[is_current], datetime.now(UTC))
    return guards


def _split_kept(
    run: Run, rec: Recommender, before: Archive | None, rows: NDArray[np.int64], version: str
) -> tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]:
    """Return the records of lists that stay as they were published, and which of the rows need a new list.

    `before` is the state of the archive that the published lists were made of; None = all are recomputed.
    """
    published, pools = _comparable_lists(run.lists, rec), rec.archive.pools
    if published is None or pools is None or before is None or before.pools is None:
        return iter(()), rows
    if published.manifest.get("state") != before.pools.state:
        run.summary.findings += (
            f"the lists of version {published.version} were not made from this archive: all were recomputed",
        )
        return _kept_records(published, pa.array([], pa.large_string()), version, None, run), rows
    # The rules of the caller may have changed since the lists were made.
    before = replace(before, rules=Rules.of(published.manifest["rules"]))
    is_touched = mask_touched(before, rec.archive, find_filled(published, before))
    kept_rows = rows[~is_touched[rows]]
    kept_ids = rec.catalog.ids.take(pa.array(kept_rows)).combine_chunks()
    published_ids = pa.array(list(published.ids()), pa.large_string())
    is_missing = ~pc.is_in(kept_ids, published_ids).to_numpy(zero_copy_only=False)
    is_touched[kept_rows[is_missing]] = True
    as_of = pools.scope.as_of if rec.archive.dated else None
    return _kept_records(published, kept_ids, version, as_of, run), rows[is_touched[rows]]


def _comparable_lists(place: str | Path, rec: Recommender) -> PublishedLists | None:
    """Open the published lists, if they were made under the same settings by this version of the library."""
    try:
        lists = PublishedLists.open(place)
    except DamagedError as error:
        warnings.warn(f"all lists are recomputed: {error}", stacklevel=3)
        return None
    except SnapshotError:
        return None
    is_same = lists.manifest.get("library", __version__) == __version__
    is_same &= lists.manifest["settings_fingerprint"] == rec.archive.fingerprint
    return lists if is_same else None


def _kept_records(
    lists: PublishedLists, ids: pa.Array, version: str, as_of: int | None, run: Run
) -> Iterator[pa.RecordBatch]:
    """Yield the records of some stories as they were published, under the name and moment of the new version.

    The items of all other lists are left in `run.items_before`.
    """
    run.items_before = {}
    for batch in lists.records():
        is_kept = pc.is_in(batch.column("article_id").cast(pa.large_string()), ids)
        run.items_before.update(item_ids_by_story(batch.filter(pc.invert(is_kept))))
        kept = batch if pc.all(is_kept).as_py() else batch.filter(is_kept)  # a filter copies what it keeps
        if len(kept):
            columns = dict(zip(RECORD.names, kept.columns, strict=True))
            columns["version"] = pa.repeat(pa.scalar(version, RECORD.field("version").type), len(kept))
            columns["as_of"] = pa.repeat(pa.scalar(as_of, RECORD.field("as_of").type), len(kept))
            yield pa.RecordBatch.from_arrays(list(columns.values()), schema=RECORD)


def _note_growth(rec: Recommender, summary: Summary) -> None:
    growth = int(rec.catalog.alive.sum()) / max(rec.archive.tfidf.stories, 1) - 1
    if growth > GROWTH:
        summary.findings += (
            f"the archive has grown by {growth:.0%} since words were fitted: run precompute over all stories",
        )
