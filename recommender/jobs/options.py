"""The options that the jobs share: how stories are read, and what becomes of the lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from inspect import signature
from pathlib import Path
from typing import Any, Self, TypedDict

from recommender.articles.columns import to_micros
from recommender.errors import SettingsError, did_you_mean
from recommender.facade import Recommender
from recommender.progress import Progress, silent


class JobKeywords(TypedDict, total=False):
    """`JobOptions` as keywords, each of which may be left out."""

    format: str
    columns: Mapping[str, str] | None
    input_format: str | None
    strict: bool
    allow_worse: bool
    dry_run: bool
    as_of: datetime | None
    cache: str | Path | None
    rejected: str | Path | None
    resume: str | Path | None
    recommender: Recommender | None
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """Options of `precompute` and of `refresh`, which take them as keywords.

    Parameters
    ----------
    format : {'jsonl', 'parquet', 'sql'}
        How lists are stored in a folder.
    columns : mapping, optional
        Field -> column, for column names that are not recognised.
    input_format : str, optional
        Format of the files of articles, such as 'csv'; default: recognised by their content.
    strict : bool, default False
        Stop at the first bad row.
    allow_worse : bool, default False
        Publish even what the limits of `settings.publish` refuse.
    dry_run : bool, default False
        Do and check everything, but publish and save nothing.
    as_of : datetime, optional
        Moment that the lists are for; default the newest publication time that is not in the future.
    cache : path, optional
        Vector cache file.
    rejected : path, optional
        File of rejected rows, written at once; default ``rejected.jsonl`` in the folder of the lists, which a dry run
        leaves as it is, and which `refresh` adds to once the lists are published.
    resume : path, optional
        Folder of finished shards; default ``.resume`` in the folder of the lists, for a database in that of the
        archive, else none.
    recommender : Recommender, optional
        One with an embedder of your own, or under other settings; its settings, rules and cache then count.
    progress : callable
        Called with (stage, done, total) for reading, embedding, terms, searching, selecting and writing, and with
        'resumed STAGE' for shards taken over.
    """

    format: str = "jsonl"
    columns: Mapping[str, str] | None = None
    input_format: str | None = None
    strict: bool = False
    allow_worse: bool = False
    dry_run: bool = False
    as_of: datetime | None = None
    cache: str | Path | None = None
    rejected: str | Path | None = None
    resume: str | Path | None = None
    recommender: Recommender | None = None
    progress: Progress = silent

    @classmethod
    def from_keywords(cls, job: Callable[..., Any], options: JobKeywords) -> Self:
        """Build the options from the keywords of a job, and refuse one that it does not have."""
        names = JobKeywords.__annotations__
        if unknown := next((name for name in options if name not in names), None):
            hint = did_you_mean(unknown, [*signature(job).parameters, *names])
            raise SettingsError(f"{job.__name__} has no option {unknown!r}{hint}")
        if (moment := options.get("as_of")) is not None:
            to_micros(moment)  # refuses what is no moment
        return cls(**options)
