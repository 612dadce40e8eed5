"""The job over all stories: stories in, a published version of lists out."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.archive.build import build_archive
from recommender.archive.changes import Changes
from recommender.compute.hardware import keep_apart_large_memory
from recommender.editorial.rules import Rules
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError
from recommender.facade import Recommender
from recommender.jobs.engines.local import LocalEngine
from recommender.jobs.engines.protocol import Engine, Job
from recommender.jobs.engines.ray import RayEngine
from recommender.jobs.guards import Guards, vanished
from recommender.jobs.run_identity import Inputs
from recommender.progress import Progress, silent
from recommender.publishing import Publisher, open_publisher
from recommender.reading.links import given_links, with_links
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.settings import Settings
from recommender.storage import checkpoints
from recommender.storage.atomic import check_writable, write_atomically
from recommender.storage.checkpoints import Ledgers
from recommender.storage.database import is_database

Kept = Callable[[NDArray[np.int64], str], tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]]


_REASONS = 3  # that are told where no row is a story
LISTED = ("ok", "filled", "short", "empty", "not_computed", "withheld")
"""Statuses of published lists, which `Summary` counts by name."""


@dataclass(slots=True)
class Summary:
    """What a run did: counts in stories, times in seconds, memory in MiB.

    `resumed` counts the finished shards of an interrupted run that were taken over, `unpublished` the rows that are no
    published stories, by what says so; `told` says what somebody should look at in the input, `findings` in the rules.
    """

    version: str = ""
    as_of: datetime | None = None
    related_at: float | None = None
    ranker: str = ""
    stories: int = 0
    lists: int = 0
    ok: int = 0
    filled: int = 0
    short: int = 0
    empty: int = 0
    not_computed: int = 0
    rejected: int = 0
    superseded: int = 0
    copies: int = 0
    withdrawn: int = 0
    withheld: int = 0
    findings: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    unpublished: dict[str, int] = field(default_factory=dict)
    vanished: int = 0
    links: int = 0
    stories_with_links: int = 0
    unresolved_links: int = 0
    embedded: int = 0
    recomputed: int = 0
    resumed: int = 0
    changes: Changes | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: float = 0.0

    def count(self, rec: Recommender, report: ReadReport) -> None:
        """Fill in what the archive and the report of its reading tell."""
        groups = rec.catalog.copy_group[rec.catalog.alive]
        self.stories, self.rejected, self.superseded = len(groups), len(report.rejected), report.superseded
        self.copies = len(groups) - len(np.unique(groups))
        self.related_at = rec.related_at
        self.unpublished, self.told = dict(report.unpublished), rec.findings(report)
        self.ranker = "" if rec.archive.ranker is None else rec.archive.ranker.name
        self.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    @property
    def stories_per_second(self) -> float:
        """Over the whole run."""
        return self.stories / max(sum(self.seconds.values()), 1e-9)


def precompute(
    articles: Source,
    lists: str | Path,
    *,
    settings: Settings | None = None,
    rules: Rules | str | Path | None = None,
    format: str = "jsonl",
    columns: Mapping[str, str] | None = None,
    links: str | Path | pa.Table | None = None,
    strict: bool = False,
    allow_shrink: bool = False,
    allow_worse: bool = False,
    as_of: datetime | None = None,
    cache: str | Path | None = None,
    archive: str | Path | None = None,
    rejected: str | Path | None = None,
    resume: str | Path | None = None,
    recommender: Recommender | None = None,
    engine: Literal["local", "ray"] | Engine = "local",
    address: str | None = None,
    progress: Progress = silent,
) -> Summary:
    """Compute the list of every story and publish them as one version.

    Larger archives keep finished shards of vectors (where there is no cache), pools and lists until the run is done:
    after an interruption the same call redoes only the rest, to the same bytes. Shards that other stories, settings or
    rules were the input of are deleted, with a warning.

    Parameters
    ----------
    articles : path, list of paths, pyarrow.Table, or iterable of Article or dict
        All stories.
    lists : path or str
        Folder, or database URL, that the lists are published to.
    settings : Settings, optional
    rules : Rules or path, optional
        What editors decide; oddities are in `Summary.findings`.
    format : {'jsonl', 'parquet', 'sql'}
    columns : mapping, optional
        Field -> column, for column names that are not recognised.
    links : path or pyarrow.Table, optional
        Further links between stories, see `Recommender.fit`.
    strict : bool, default False
        Stop at the first bad row.
    allow_shrink : bool, default False
        Publish even if more ids vanished than `settings.publish.max_shrink` allows.
    allow_worse : bool, default False
        Publish even what the other limits of `settings.publish` refuse.
    as_of : datetime, optional
        Moment that the lists are for; default the newest publication time that is not in the future.
    cache : path, optional
        Vector cache file.
    archive : path, optional
        Folder that the fitted archive is saved to as well, for `refresh` and `Recommender.load`.
    rejected : path, optional
        File of rejected rows; default ``rejected.jsonl`` in the folder of the lists.
    resume : path, optional
        Folder of finished shards; default ``.resume`` in the folder of the lists, for a database in that of the
        archive, else none.
    recommender : Recommender, optional
        One with an embedder of your own; `settings`, `rules` and `cache` are then its own.
    engine : {'local', 'ray'} or RayEngine
        Where it is computed; the lists are the same.
    address : str, optional
        Of the Ray cluster, see `RayEngine`.
    progress : callable
        Called with (stage, done, total) for reading, embedding, terms, searching, selecting and writing, and with
        'resumed STAGE' for shards taken over.

    Returns
    -------
    Summary

    Raises
    ------
    InputError, SettingsError, PublishError
        Before any work, where that can be known.

    Examples
    --------
    >>> import tempfile
    >>> from recommender import Settings
    >>> news = [{"id": i, "title": f"Ferry {word} the harbour"} for i, word in enumerate(["leaves", "enters"])]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     precompute(news, folder, settings=Settings.of({"embedding": {"model": "tfidf"}})).lists
    2
    """
    keep_apart_large_memory()
    rules = Rules.read(rules) if isinstance(rules, str | Path) else rules
    rec = recommender or Recommender(settings, rules=rules, cache=cache)
    settings = rec.settings
    more = given_links(links, settings.reading)
    summary = Summary()
    clock = Clock(summary.seconds, progress)
    if isinstance(engine, str):
        engine = RayEngine(address) if engine == "ray" else LocalEngine()
    ledgers = open_ledgers("precompute", resume or engine.resume(lists), lists, archive, progress)
    publisher = open_publisher(lists, format)
    publisher.check_writable()
    # whatever is written later must be writable now, before any work
    if archive is not None:
        check_writable(Path(archive))
    if rejected is not None:
        check_writable(Path(rejected).parent)
    if resume is not None:
        check_writable(Path(resume))
    with publisher.writing(), engine.started(lists) as job:
        table, report = read_articles(
            articles, settings=settings.reading, columns=columns, strict=strict, progress=clock, each=job.read
        )
        kept_rejected = _write_rejected(report, rejected, lists)
        if not len(table):
            raise InputError(no_story(report, kept_rejected))
        guards = Guards.of(lists, settings.publish, allow_worse)
        guards.rows(report)
        guards.stories(table, np.ones(len(table), dtype=bool))
        table = with_links(table, more, settings.reading)
        rec.tombstones = publisher.tombstones
        summary.vanished = vanished(lists, table, report.taken_back, settings.publish, allow_shrink)
        rec.tombstones.take_back(report.taken_back, table["id"].to_pylist())
        vectors = StoryVectors(embedder=rec.embedder, cache=rec.cache, encode=job.encode(rec.embedder), ledgers=ledgers)
        rec.archive, summary.embedded = build_archive(table, settings, rec.rules, vectors, clock)
        clock("searching", 0, len(table))
        inputs = Inputs.of(rec, as_of)
        guards.moment(None if as_of else inputs.as_of, rec.catalog.published, datetime.now(UTC))
        job.pool(rec, inputs, ledgers, keep=archive is not None)
        clock("searching", len(table), len(table))
        publish(rec, publisher, summary, inputs, ledgers, clock, guards, job=job)
        if archive is not None:
            rec.save(archive)
            clock("saving", len(table), len(table))
        finish(ledgers, summary)
    summary.count(rec, report)
    return summary


def publish(
    rec: Recommender,
    publisher: Publisher,
    summary: Summary,
    inputs: Inputs,
    ledgers: Ledgers,
    progress: Progress,
    guards: Guards,
    kept: Kept | None = None,
    job: Job | None = None,
) -> None:
    """Publish the lists of a fitted archive as one version.

    Parameters
    ----------
    guards : Guards
        Refuse the version before it becomes current.
    kept : callable, optional
        Given the rows and the version's name: records that need not be made again, and the rows to make.
    job : Job, optional
        Makes the lists; default: this process.
    """
    catalog, settings = rec.catalog, rec.settings
    summary.as_of, summary.version = inputs.as_of, inputs.version
    withdrawn = catalog.known_rows(rec.tombstones.withdrawn)
    rows = np.setdiff1d(np.flatnonzero(catalog.alive), withdrawn)
    summary.withdrawn = len(withdrawn)
    summary.findings += rec.rules.check(frozenset(catalog.ids.to_pylist()), summary.as_of)
    ready, wanted = kept(rows, summary.version) if kept else (iter(()), rows)
    summary.recomputed = len(wanted)

    def batches() -> Iterator[pa.RecordBatch]:
        made = (job or LocalEngine()).lists(rec, wanted, inputs, ledgers)
        for batch in chain(ready, made):
            progress("selecting", summary.lists + len(batch), len(rows))
            yield batch
            statuses = batch.column("status")
            summary.lists += len(batch)
            for status in LISTED:
                found = getattr(summary, status) + pc.sum(pc.equal(statuses, status)).as_py()
                setattr(summary, status, found)
            progress("writing", summary.lists, len(rows))
        guards.lists({status: getattr(summary, status) for status in LISTED})

    details: dict[str, Any] = {
        "version": summary.version,
        "as_of": summary.as_of.isoformat() if summary.as_of else None,
        "stories": len(rows),
        "k": settings.selection.k,
        "settings_fingerprint": rec.archive.fingerprint,
        "settings": settings.model_dump(mode="json"),
        "rules": rec.rules.model_dump(mode="json"),
        "embedder": type(rec.embedder).__name__,
        "related_at": rec.related_at,
        "ranker": rec.archive.ranker and {"name": rec.archive.ranker.name, "sha256": rec.archive.ranker.sha256},
        "time_counts": rec.dated,
        "shares": guards.shares,  # completed as lists are written
    }
    report = rec.links.report
    summary.links, summary.stories_with_links = report.links, report.stories
    summary.unresolved_links = report.unresolved
    if report.found:
        details["links"] = asdict(report)
    publisher.publish(batches(), details, settings.publish.keep_versions)
    progress("writing", len(rows), len(rows))


def open_ledgers(
    job: str, resume: str | Path | None, lists: str | Path, archive: str | Path | None, progress: Progress
) -> Ledgers:
    """The ledgers of a job: in the folder that was named, in that of the lists, or in that of the archive."""
    place = archive if is_database(lists) else lists
    folder = Path(resume) if resume is not None else None if place is None else Path(place) / checkpoints.FOLDER
    return Ledgers(folder and folder.absolute(), job, progress)


def finish(ledgers: Ledgers, summary: Summary) -> None:
    """Count what was taken over, and delete it."""
    summary.resumed = ledgers.resumed
    ledgers.clear()


def no_story(report: ReadReport, rejected: Path | None) -> str:
    """Say why no row of an input is a story."""
    reasons = Counter(one.reason for one in report.rejected) + report.unpublished
    told = "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_REASONS))
    where = f"; see {rejected}" if rejected is not None and report.rejected else ""
    return f"no usable story among {report.read:,} rows" + (f": {told}" if told else "") + where


def _write_rejected(report: ReadReport, rejected: str | Path | None, lists: str | Path) -> Path | None:
    if rejected is None and not is_database(lists):
        rejected = Path(lists) / "rejected.jsonl"
    if rejected is not None:
        write_atomically(Path(rejected), report.rejected_jsonl())
    return None if rejected is None else Path(rejected)


class Clock:
    """A progress callback that adds the time up to each call to the stage it names."""

    def __init__(self, seconds: dict[str, float], forward: Progress) -> None:
        self.seconds, self.forward = seconds, forward
        self.last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """See `progress.Progress`."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now
        self.forward(stage, done, total)
