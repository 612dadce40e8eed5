"""One run of a job: where it publishes, and what it keeps so that it can be resumed."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.editorial.overlay import Overlay, note_lists
from recommender.embedders import Encode
from recommender.embedders.stories import StoryVectors
from recommender.errors import PublishError
from recommender.facade import Recommender
from recommender.jobs.guards import Guards, check_places
from recommender.jobs.options import JobOptions
from recommender.jobs.run_identity import Inputs
from recommender.jobs.summary import Summary, by_words, item_ids_by_story
from recommender.progress import Progress
from recommender.publishing import Publisher, open_publisher
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings
from recommender.storage import checkpoints
from recommender.storage.atomic import check_writable, write_atomically
from recommender.storage.checkpoints import Ledgers
from recommender.storage.database import is_database
from recommender.storage.versions import VersionedFolder

MakeLists = Callable[[NDArray[np.int64]], Iterator[pa.RecordBatch]]
"""Makes the lists of some rows."""
SplitKept = Callable[[NDArray[np.int64], str], tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]]
"""Given rows and the version's name: records that need not be made again, and the rows to make lists for."""
_LOG = logging.getLogger("recommender")
_EXPLAINED = 50  # empty lists of which it is found out why
_PASSAGES = 10  # commonest passages that a manifest names


class Clock:
    """A progress callback that measures the time of each stage."""

    def __init__(self, seconds: dict[str, float], forward: Progress) -> None:
        self.seconds, self.forward = seconds, forward
        self.last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Add the time since the last call to a stage, and forward the call."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now
        if done == total:
            _LOG.info("%s: %s in %.1f s", stage, f"{done:,}", self.seconds[stage])
        self.forward(stage, done, total)


class Run:
    """One run of a job.

    Parameters
    ----------
    job : str
        Its name; shards that another job left unfinished are not touched.
    lists : path or str
        Folder, or database URL, that the lists are published to.
    archive : path, optional
        Folder that the fitted archive is saved to.

    Attributes
    ----------
    clock : Clock
        The progress callback of all steps.
    inputs : Inputs
        Digests of what decides about the lists; set by `identify` once the archive is fitted.
    items_before : dict of str to list of str, optional
        Items that the lists which are made again showed before, by story, so that changed lists are counted.

    Raises
    ------
    SettingsError
        If lists and archive cannot stand where they are to be written.
    PublishError
        If what is written later cannot be written: before any work.
    """

    inputs: Inputs
    items_before: dict[str, list[str]] | None = None
    _is_published = False

    def __init__(self, job: str, lists: str | Path, archive: str | Path | None, options: JobOptions) -> None:
        check_places(lists, archive)
        if job == "refresh" and archive is not None:
            VersionedFolder(archive, "snapshot").current()  # before a folder of a wrong name is made
        place = archive if is_database(lists) else lists
        resume = options.resume
        folder = Path(resume) if resume is not None else None if place is None else Path(place) / checkpoints.FOLDER
        self.lists, self.archive, self.options = lists, archive, options
        self.summary = Summary(published=not options.dry_run)
        self.clock = Clock(self.summary.seconds, options.progress)
        self.ledgers = Ledgers(folder and folder.absolute(), job, options.progress)
        self._empty_lists: list[str] = []
        self.publisher: Publisher = open_publisher(lists, options.format)
        rejected = options.rejected and Path(options.rejected).parent
        if self._makes_folder:
            self.publisher.check_writable()
        for written in (None if self._makes_folder else lists, archive, rejected, resume):
            if written is not None:
                check_writable(Path(written) if self.summary.published else _existing(Path(written)))

    @property
    def _makes_folder(self) -> bool:
        """Whether the run may create the folder of the lists; a dry run must not."""
        return self.summary.published or is_database(self.lists) or Path(self.lists).exists()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock of the lists; in a folder that does not exist nobody else can be writing."""
        with self.publisher.writing() if self._makes_folder else nullcontext():
            try:
                yield
            except KeyboardInterrupt as error:
                error.add_note(self._describe_interruption())
                raise

    def _describe_interruption(self) -> str:
        """Describe the state after an interruption: whether the version was published, and what was kept."""
        if self._is_published:
            saving = "; the archive was not saved: the same command saves it" if self.archive else ""
            return f"version {self.summary.version} was published{saving}"
        kept = "finished vectors and shards are kept: the same command goes on where it was"
        return "nothing was published" + (f"; {kept}" if self.ledgers.root or self.options.cache else "")

    def read(self, articles: Source, settings: ReadingSettings, **more: Any) -> tuple[pa.Table, ReadReport]:
        """Read the input as the options say; `more` as for `read_articles`."""
        return read_articles(
            articles,
            settings=settings,
            columns=self.options.columns,
            format=self.options.input_format,
            strict=self.options.strict,
            progress=self.clock,
            **more,
        )

    def write_rejected(self, report: ReadReport) -> None:
        """Write the rejected rows to the file that `rejected` names, if any."""
        if (file := self.rejected) is None:
            return
        write_atomically(file, report.rejected_jsonl())
        self.summary.rejected_file = str(file) if report.rejected else ""

    @property
    def rejected(self) -> Path | None:
        """File of the rejected rows; by default none for a dry run and for lists in a database."""
        if self.options.rejected is not None:
            return Path(self.options.rejected)
        has_folder = self.summary.published and not is_database(self.lists)
        return Path(self.lists) / "rejected.jsonl" if has_folder else None

    def open_overlay(self) -> Overlay:
        """Open the overlay of the lists; a dry run gets a copy in memory. Needs the writer's lock."""
        overlay = self.publisher.overlay
        return overlay if self.summary.published else overlay.copy()

    def story_vectors(self, rec: Recommender, encode: Encode | None = None) -> StoryVectors:
        """Return what embeds the stories; without a cache, finished vectors are kept in the ledgers."""
        return StoryVectors(embedder=rec.embedder, cache=rec.cache, encode=encode, ledgers=self.ledgers)

    def identify(self, rec: Recommender) -> Inputs:
        """Digest everything that decides about the lists of a fitted archive, the boosts of the overlay included."""
        rec.rules = rec.rules  # setting the rules adds the boosts of the overlay to them
        self.inputs = Inputs.from_recommender(rec, self.options.as_of)
        return self.inputs

    def publish(
        self, rec: Recommender, guards: Guards, make_lists: MakeLists, split_kept: SplitKept | None = None
    ) -> None:
        """Publish the lists of a fitted archive as one version.

        `guards` refuse the version before it becomes current. Without `split_kept` all lists are made.
        """
        catalog, settings, summary = rec.catalog, rec.settings, self.summary
        if rec.archive.pools is not None:
            rec.archive = replace(rec.archive, pools=rec.archive.pools._replace(state=self.inputs.version))
        summary.as_of, summary.version = self.inputs.as_of, self.inputs.version
        withdrawn = catalog.known_rows(rec.overlay.withdrawn)
        rows = np.setdiff1d(np.flatnonzero(catalog.alive), withdrawn)
        summary.withdrawn = len(withdrawn)
        values = rec.rules.known_values(catalog)
        summary.findings += rec.rules.check(frozenset(catalog.ids.to_pylist()), summary.as_of, values)
        summary.findings += _pins_of_copies(rec)
        kept_records, rows_to_make = split_kept(rows, summary.version) if split_kept else (iter(()), rows)
        summary.recomputed = len(rows_to_make)
        # The guards add to their shares while lists are written, and the manifest is written after that.
        details = self._details(rec, len(rows)) | {"shares": guards.shares}
        if rec.links.report.found:
            details["links"] = asdict(rec.links.report)
        batches = self._counted(rec, chain(kept_records, make_lists(rows_to_make)), len(rows), guards)
        if summary.published:
            self.publisher.publish(batches, details, settings.publish.keep_versions)
            self._is_published = True
        else:
            for _ in batches:
                pass
        self.clock("writing", len(rows), len(rows))

    def _count_why_empty(self, rec: Recommender) -> dict[str, int]:
        """Count some empty lists by the rule that rejected most of their candidates."""
        if not self._empty_lists:
            return {}
        rejected = rec.lister(as_of=self.inputs.as_of).rejected(self._empty_lists)
        counts = (Counter(candidate.rule for candidate in candidates) for candidates in rejected.values())
        most = (max(sorted(count), key=count.__getitem__, default="no candidate") for count in counts)
        return dict(Counter(most).most_common())

    def _details(self, rec: Recommender, stories: int) -> dict[str, Any]:
        """Return the values that the manifest of a version holds."""
        summary, archive, passages = self.summary, rec.archive, rec.catalog.boilerplate.passages
        return {
            "version": summary.version,
            "as_of": summary.as_of.isoformat() if summary.as_of else None,
            "stories": stories,
            "k": rec.settings.selection.k,
            "state": self.inputs.version,  # a purge renames the version, but not what it was made from
            "settings_fingerprint": archive.fingerprint,
            "settings": rec.settings.model_dump(mode="json"),
            "rules": rec.rules.model_dump(mode="json"),
            "embedder": type(rec.embedder).__name__,
            "related_at": rec.related_at,
            "ranker": archive.ranker and {"name": archive.ranker.name, "sha256": archive.ranker.sha256},
            "by_words": by_words(rec),
            "time_counts": archive.dated,
            "boilerplate": {
                "passages": len(passages),
                "commonest": [asdict(passage) for passage in passages[:_PASSAGES]],
            },
        }

    def _counted(
        self, rec: Recommender, batches: Iterator[pa.RecordBatch], total: int, guards: Guards
    ) -> Iterator[pa.RecordBatch]:
        """Forward lists and count them; the guards check the counts before the version becomes current."""
        summary = self.summary
        for batch in batches:
            self.clock("selecting", summary.lists + len(batch), total)
            yield batch
            summary.count(batch)
            if len(self._empty_lists) < _EXPLAINED:
                empty = batch.column("article_id").filter(pc.equal(batch.column("status"), "empty"))
                self._empty_lists += empty[: _EXPLAINED - len(self._empty_lists)].to_pylist()
            if (before := self.items_before) is not None:
                differ = (before[name] != items for name, items in item_ids_by_story(batch) if name in before)
                summary.changed = (summary.changed or 0) + sum(differ)
            self.clock("writing", summary.lists, total)
        summary.empty_because = self._count_why_empty(rec)
        guards.check_lists(summary.statuses, summary.empty_because)

    def finish(self, rec: Recommender, report: ReadReport) -> Summary:
        """Save the archive, delete the finished shards, and return the summary."""
        summary = self.summary
        if self.archive is not None and summary.published:
            try:
                rec.save(self.archive)
            except PublishError as error:
                lists = f"version {summary.version} of the lists was published"
                raise PublishError(f"{error}; {lists}: the same command saves the archive") from error
            note_lists(Path(self.archive), None if is_database(self.lists) else Path(self.lists))
            self.clock("saving", len(rec.catalog), len(rec.catalog))
        summary.resumed = self.ledgers.resumed
        self.ledgers.clear()
        summary.describe(rec, report)
        return summary


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above that exists: a dry run makes none."""
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())


def _pins_of_copies(rec: Recommender) -> tuple[str, ...]:
    """Find pins of an item that is a copy of the story: no list shows it, whatever pins it."""
    catalog = rec.catalog
    if not rec.settings.selection.drop_copies:
        return ()
    return tuple(
        f"pin of {pin.item!r} under {pin.story!r}: the item is a copy of the story and is left out"
        for pin in rec.rules.pins
        if pin.story in catalog
        and pin.item in catalog
        and pin.item != pin.story
        and len({catalog.copy_group[catalog.row(article_id)] for article_id in (pin.item, pin.story)}) == 1
    )
