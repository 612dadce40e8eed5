"""The job over all stories: stories in, a published version of lists out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from recommender.archive.build import build_archive, require_model_and_ranker
from recommender.archive.changes import without_returned
from recommender.compute.hardware import keep_apart_large_memory
from recommender.editorial.rules import Rules
from recommender.errors import InputError
from recommender.facade import Recommender
from recommender.jobs.engines import make_engine
from recommender.jobs.engines.protocol import Engine
from recommender.jobs.guards import Guards, count_vanished
from recommender.jobs.options import JobKeywords, JobOptions
from recommender.jobs.run import Run
from recommender.jobs.summary import Summary, no_story_message
from recommender.reading.links import load_links, with_links
from recommender.reading.read import Source
from recommender.settings import Settings


def precompute(
    articles: Source,
    lists: str | Path,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    rules: Rules | Mapping[str, Any] | str | Path | None = None,
    links: str | Path | pa.Table | None = None,
    allow_shrink: bool = False,
    archive: str | Path | None = None,
    engine: str | Engine = "local",
    address: str | None = None,
    **options: Unpack[JobKeywords],
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
    settings : Settings or mapping, optional
    rules : Rules, mapping or path, optional
        What editors decide; oddities are in `Summary.findings`.
    links : path or pyarrow.Table, optional
        Further links between stories, see `Recommender.fit`.
    allow_shrink : bool, default False
        Publish even if more ids vanished than `settings.publish.max_shrink` allows.
    archive : path, optional
        Folder that the fitted archive is saved to as well, for `refresh` and `Recommender.load`.
    engine : str or Engine
        Where it is computed: 'local', 'ray', another one of `recommender.jobs.engines`, or an engine such as
        `RayEngine`. The lists are the same.
    address : str, optional
        Of the Ray cluster, see `RayEngine`.
    **options
        As `recommender.jobs.options.JobOptions` lists them: `columns`, `as_of`, `dry_run`, `cache`, `progress` ...

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
    job_options = JobOptions.from_keywords(precompute, options)
    rules = Rules.read(rules) if isinstance(rules, str | Path) else rules
    rec = job_options.recommender or Recommender(settings, rules=rules, cache=job_options.cache)
    settings = rec.settings = rec.settings.with_columns(job_options.columns)  # a refresh reads its input alike
    require_model_and_ranker(settings, rec.embedder)
    link_table = load_links(links, settings.reading)
    job_engine = make_engine(engine, address)
    job_options = replace(job_options, resume=job_options.resume or job_engine.ledger_folder(lists))
    run = Run("precompute", lists, archive, job_options)
    clock, summary = run.clock, run.summary
    with run.writing(), job_engine.started(lists) as job:
        table, report = run.read(articles, settings.reading, each=job.read_files)
        run.write_rejected(report)
        rec.overlay = run.open_overlay()
        table, returned = without_returned(table, report, rec.overlay.taken_back)
        if not len(table):
            raise InputError(no_story_message(report, run.rejected))
        guards = Guards.from_published(lists, settings.publish, job_options.allow_worse)
        guards.check_rows(report)
        guards.check_stories(table, np.ones(len(table), dtype=bool))
        table = with_links(table, link_table, settings.reading)
        hidden = {*report.taken_back, *returned}
        summary.vanished = count_vanished(lists, table, hidden, settings.publish, allow_shrink)
        rec.overlay.take_back(report.taken_back, table["id"].to_pylist())
        vectors = run.story_vectors(rec, job.encode(rec.embedder))
        rec.archive, summary.embedded = build_archive(table, settings, rec.rules, vectors, rec.limits, clock)
        del table  # the archive has its own lines for readers
        clock("searching", 0, len(rec.catalog))
        moment = run.identify(rec).as_of
        guards.check_moment(None if job_options.as_of else moment, rec.catalog.published, datetime.now(UTC))
        if archive is not None and rec.archive.wants_index:
            # An index that finds too little is refused before lists are made.
            rec.archive = rec.archive.indexed()
        job.pool(rec, run, keep=archive is not None)
        clock("searching", len(rec.catalog), len(rec.catalog))
        run.publish(rec, guards, lambda rows: job.lists(rec, rows, run))
        return run.finish(rec, report)
