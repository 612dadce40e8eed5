"""The job over all stories: stories in, a published version of lists out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from recommender.archive.build import build_archive
from recommender.compute.hardware import keep_apart_large_memory
from recommender.editorial.rules import Rules
from recommender.errors import InputError
from recommender.facade import Recommender
from recommender.jobs.engines import make_engine
from recommender.jobs.engines.protocol import Engine
from recommender.jobs.guards import Guards, vanished
from recommender.jobs.run import Run, Summary
from recommender.progress import Progress, silent
from recommender.reading.links import given_links, with_links
from recommender.reading.read import Source, read_articles
from recommender.reading.report import ReadReport
from recommender.settings import Settings
from recommender.storage.atomic import check_writable, write_atomically
from recommender.storage.database import is_database

_REASONS = 3  # that are told where no row is a story


def precompute(
    articles: Source,
    lists: str | Path,
    *,
    settings: Settings | None = None,
    rules: Rules | str | Path | None = None,
    format: str = "jsonl",
    columns: Mapping[str, str] | None = None,
    input_format: str | None = None,
    links: str | Path | pa.Table | None = None,
    strict: bool = False,
    allow_shrink: bool = False,
    allow_worse: bool = False,
    dry_run: bool = False,
    as_of: datetime | None = None,
    cache: str | Path | None = None,
    archive: str | Path | None = None,
    rejected: str | Path | None = None,
    resume: str | Path | None = None,
    recommender: Recommender | None = None,
    engine: str | Engine = "local",
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
    input_format : str, optional
        Format of the files of articles, such as 'csv', where their content shall not tell.
    links : path or pyarrow.Table, optional
        Further links between stories, see `Recommender.fit`.
    strict : bool, default False
        Stop at the first bad row.
    allow_shrink : bool, default False
        Publish even if more ids vanished than `settings.publish.max_shrink` allows.
    allow_worse : bool, default False
        Publish even what the other limits of `settings.publish` refuse.
    dry_run : bool, default False
        Do and check everything, but publish and save nothing.
    as_of : datetime, optional
        Moment that the lists are for; default the newest publication time that is not in the future.
    cache : path, optional
        Vector cache file.
    archive : path, optional
        Folder that the fitted archive is saved to as well, for `refresh` and `Recommender.load`.
    rejected : path, optional
        File of rejected rows; default ``rejected.jsonl`` in the folder of the lists, which a dry run leaves as it is.
    resume : path, optional
        Folder of finished shards; default ``.resume`` in the folder of the lists, for a database in that of the
        archive, else none.
    recommender : Recommender, optional
        One with an embedder of your own; `settings`, `rules` and `cache` are then its own.
    engine : str or Engine
        Where it is computed: 'local', 'ray', another one of `recommender.jobs.engines`, or an engine such as
        `RayEngine`. The lists are the same.
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
    where = make_engine(engine, address)
    run = Run(
        "precompute",
        lists,
        format=format,
        archive=archive,
        resume=resume or where.resume(lists),
        dry=dry_run,
        progress=progress,
    )
    if rejected is not None:
        check_writable(Path(rejected).parent)
    if resume is not None:
        check_writable(Path(resume))
    clock, summary = run.clock, run.summary
    with run.publisher.writing(), where.started(lists) as job:
        table, report = read_articles(
            articles,
            settings=settings.reading,
            columns=columns,
            format=input_format,
            strict=strict,
            progress=clock,
            each=job.read,
        )
        kept_rejected = write_rejected(report, rejected, lists, summary)
        if not len(table):
            raise InputError(no_story(report, kept_rejected))
        guards = Guards.of(lists, settings.publish, allow_worse)
        guards.rows(report)
        guards.stories(table, np.ones(len(table), dtype=bool))
        table = with_links(table, more, settings.reading)
        rec.tombstones = run.stones()
        summary.vanished = vanished(lists, table, report.taken_back, settings.publish, allow_shrink)
        rec.tombstones.take_back(report.taken_back, table["id"].to_pylist())
        vectors = run.vectors(rec, job.encode(rec.embedder))
        rec.archive, summary.embedded = build_archive(table, settings, rec.rules, vectors, clock)
        clock("searching", 0, len(table))
        moment = run.identify(rec, as_of).as_of
        guards.moment(None if as_of else moment, rec.catalog.published, datetime.now(UTC))
        job.pool(rec, run, keep=archive is not None)
        clock("searching", len(table), len(table))
        run.publish(rec, guards, lambda rows: job.lists(rec, rows, run))
        if archive is not None and not dry_run:
            rec.save(archive)
            clock("saving", len(table), len(table))
        return run.finish(rec, report)


def no_story(report: ReadReport, rejected: Path | None) -> str:
    """Say why no row of an input is a story."""
    reasons = Counter(one.reason for one in report.rejected) + report.unpublished
    told = "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_REASONS))
    where = f"; see {rejected}" if rejected is not None and report.rejected else ""
    return f"no usable story among {report.read:,} rows" + (f": {told}" if told else "") + where


def write_rejected(
    report: ReadReport, rejected: str | Path | None, lists: str | Path, summary: Summary, *, before: bool = False
) -> Path | None:
    """Write the rejected rows to the file that was named, else beside the lists, if these are published.

    With `before` those of earlier runs stay in the file.
    """
    if rejected is None and summary.published and not is_database(lists):
        rejected = Path(lists) / "rejected.jsonl"
    if rejected is None:
        return None
    held, news = Path(rejected), report.rejected_jsonl()
    if before and held.is_file():
        told = set(news.splitlines())
        news = b"".join(line + b"\n" for line in held.read_bytes().splitlines() if line not in told) + news
    write_atomically(held, news)
    summary.rejected_file = str(rejected) if report.rejected else ""
    return Path(rejected)
