"""The batch job: an archive in, a published version of lists out."""

from __future__ import annotations

import hashlib
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.database import is_database
from recommender.engine import Changes, Recommender
from recommender.errors import InputError, PublishError, SnapshotError
from recommender.hardware import keep_apart_large_memory
from recommender.lists import RECORD
from recommender.progress import Progress, silent
from recommender.reading import ReadReport, Source, read_articles
from recommender.rules import Rules
from recommender.settings import Settings
from recommender.sinks import PublishedLists, Publisher, open_publisher
from recommender.storage import check_writable, write_atomically
from recommender.tombstones import ordered
from recommender.version import __version__

_HASHED = 1 << 15  # stories hashed together


Kept = Callable[[NDArray[np.int64], str], tuple[Iterator[pa.RecordBatch], NDArray[np.int64]]]


@dataclass(slots=True)
class Summary:
    """What a run did: counts in stories, times in seconds, memory in MiB."""

    version: str = ""
    as_of: datetime | None = None
    floor: float | None = None
    stories: int = 0
    lists: int = 0
    ok: int = 0
    short: int = 0
    not_computed: int = 0
    rejected: int = 0
    superseded: int = 0
    copies: int = 0
    withdrawn: int = 0
    withheld: int = 0
    findings: tuple[str, ...] = ()
    vanished: int = 0
    embedded: int = 0
    recomputed: int = 0
    changes: Changes | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: float = 0.0

    def count(self, rec: Recommender, report: ReadReport) -> None:
        """Fill in what the archive and the report of its reading tell."""
        groups = rec.catalog.copy_group[rec.catalog.alive]
        self.stories, self.rejected, self.superseded = len(groups), len(report.rejected), report.superseded
        self.copies = len(groups) - len(np.unique(groups))
        self.floor = rec.floor
        self.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    @property
    def stories_per_second(self) -> float:
        """Over the whole run."""
        return self.stories / max(sum(self.seconds.values()), 1e-9)


def precompute(
    articles: Source,
    out: str | Path,
    *,
    settings: Settings | None = None,
    rules: Rules | str | Path | None = None,
    format: str = "jsonl",
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    allow_shrink: bool = False,
    as_of: datetime | None = None,
    cache: str | Path | None = None,
    snapshot: str | Path | None = None,
    rejected: str | Path | None = None,
    recommender: Recommender | None = None,
    progress: Progress = silent,
) -> Summary:
    """Compute the list of every story and publish them as one version.

    Parameters
    ----------
    articles : path, list of paths, pyarrow.Table, or iterable of Article or dict
        The whole archive.
    out : path or str
        Folder, or database URL, to publish to.
    settings : Settings, optional
    rules : Rules or path, optional
        What editors decide; oddities are in `Summary.findings`.
    format : {'jsonl', 'parquet', 'sql'}
    columns : mapping, optional
        Field -> column, for column names that are not recognised.
    strict : bool, default False
        Stop at the first bad row.
    allow_shrink : bool, default False
        Publish even if more ids vanished than `settings.publish.max_shrink` allows.
    as_of : datetime, optional
        Moment that the lists are for; default the newest publication time that is not in the future.
    cache : path, optional
        Vector cache file.
    snapshot : path, optional
        Folder that the fitted archive is saved to as well.
    rejected : path, optional
        File of rejected rows; default ``rejected.jsonl`` in an output folder.
    recommender : Recommender, optional
        One with an embedder of your own; `settings`, `rules` and `cache` are then its own.
    progress : callable
        Called with (stage, done, total) for reading, embedding, terms, searching, selecting and writing.

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
    >>> with tempfile.TemporaryDirectory() as out:
    ...     precompute(news, out, settings=Settings.of({"embedding": {"model": "tfidf"}})).lists
    2
    """
    keep_apart_large_memory()
    rules = Rules.read(rules) if isinstance(rules, str | Path) else rules
    rec = recommender or Recommender(settings, rules=rules, cache=cache)
    settings = rec.settings
    summary = Summary()
    clock = Clock(summary.seconds, progress)
    publisher = open_publisher(out, format)
    publisher.check_writable()
    # whatever is written later must be writable now, before any work
    if snapshot is not None:
        check_writable(Path(snapshot))
    if rejected is not None:
        check_writable(Path(rejected).parent)
    with publisher.writing():
        table, report = read_articles(
            articles, settings=settings.reading, columns=columns, strict=strict, progress=clock
        )
        _write_rejected(report, rejected, out)
        if not len(table):
            raise InputError(f"no usable story among {report.read} rows; see the rejected rows for the reasons")
        rec.tombstones = publisher.tombstones
        summary.vanished = _vanished(out, table, rec.tombstones.withdrawn, settings, allow_shrink)
        rec.fit_table(table, progress=clock)
        summary.embedded = rec.embedded
        clock("searching", 0, len(table))
        rec.pool(as_of=as_of)
        clock("searching", len(table), len(table))
        publish(rec, publisher, summary, as_of, clock)
        if snapshot is not None:
            rec.save(snapshot)
            clock("saving", len(table), len(table))
    summary.count(rec, report)
    return summary


def publish(
    rec: Recommender,
    publisher: Publisher,
    summary: Summary,
    as_of: datetime | None,
    progress: Progress,
    kept: Kept | None = None,
) -> None:
    """Publish the lists of a fitted archive as one version.

    Parameters
    ----------
    kept : callable, optional
        Given the rows and the version's name: records that need not be made again, and the rows to make.
    """
    catalog, settings = rec.catalog, rec.settings
    summary.as_of = as_of or rec.newest()
    withdrawn = catalog.known_rows(rec.tombstones.withdrawn)
    rows = np.setdiff1d(np.flatnonzero(catalog.alive), withdrawn)
    summary.withdrawn = len(withdrawn)
    summary.version = _version(rec, summary.as_of)
    summary.findings += rec.rules.check(frozenset(catalog.ids.to_pylist()), summary.as_of)
    ready, wanted = kept(rows, summary.version) if kept else (iter(()), rows)
    summary.recomputed = len(wanted)

    def batches() -> Iterator[pa.RecordBatch]:
        made = rec.lists(wanted, as_of=summary.as_of, version=summary.version)
        for batch in chain(ready, made):
            progress("selecting", summary.lists + len(batch), len(rows))
            yield batch
            statuses = batch.column("status")
            summary.lists += len(batch)
            for status in ("ok", "short", "not_computed", "withheld"):
                found = getattr(summary, status) + pc.sum(pc.equal(statuses, status)).as_py()
                setattr(summary, status, found)
            progress("writing", summary.lists, len(rows))

    details: dict[str, Any] = {
        "version": summary.version,
        "as_of": summary.as_of.isoformat() if summary.as_of else None,
        "stories": len(rows),
        "k": settings.selection.k,
        "settings_fingerprint": settings.fingerprint(),
        "settings": settings.model_dump(mode="json"),
        "rules": rec.rules.model_dump(mode="json"),
        "embedder": type(rec.embedder).__name__,
        "floor": rec.floor,
        "time_counts": rec.dated,
    }
    publisher.publish(batches(), details, settings.publish.keep_versions)
    progress("writing", len(rows), len(rows))


def _vanished(
    out: str | Path, table: pa.Table, withdrawn: frozenset[str], settings: Settings, allow_shrink: bool
) -> int:
    """How many ids of the last version are missing now; refuses beyond the limit."""
    try:
        before = set(PublishedLists.open(out).ids())
    except SnapshotError as error:
        if str(error).startswith("damaged"):
            warnings.warn(f"the last version cannot be compared with: {error}", stacklevel=3)
        return 0
    gone = before.difference(table["id"].to_pylist())
    share = len(gone) / max(len(before), 1)
    if share > settings.publish.max_shrink and not allow_shrink:
        raise PublishError(
            f"{len(gone):,} of {len(before):,} stories of the last version are missing ({share:.1%}, such as "
            f"{min(gone)!r}); the input must be the whole archive. To publish all the same: --allow-shrink"
        )
    return len(gone)


def _write_rejected(report: ReadReport, rejected: str | Path | None, out: str | Path) -> None:
    if rejected is None and not is_database(out):
        rejected = Path(out) / "rejected.jsonl"
    if rejected is not None:
        write_atomically(Path(rejected), report.rejected_jsonl())


def _version(rec: Recommender, as_of: datetime | None) -> str:
    """Twelve hex digits of everything that decides about the lists: same input, same name, same bytes."""
    digest = hashlib.sha256()
    for start in range(0, len(rec.catalog), _HASHED):  # never a second archive in memory
        part = rec.catalog.table.slice(start, _HASHED).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        digest.update(sink.getvalue())
    digest.update(np.ascontiguousarray(rec.vectors).data)
    digest.update(repr((rec.settings.fingerprint(), __version__, as_of, RECORD.to_string())).encode())
    digest.update(rec.rules.model_dump_json().encode())
    digest.update(repr((ordered(rec.tombstones.withdrawn), ordered(rec.tombstones.blocked))).encode())
    return digest.hexdigest()[:12]


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
