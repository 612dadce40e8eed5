"""JSONL, CSV and Parquet files, tables and iterables -> one table of current articles and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from recommender.articles.article import FIELDS, SCHEMA, Article, row_digest, to_table
from recommender.errors import InputError, RowError
from recommender.progress import Progress, silent
from recommender.reading.fields import recognise, to_article
from recommender.reading.formats import FORMATS, BadRow, Stream, format_of, shown_name
from recommender.settings import ReadingSettings
from recommender.storage.database import SqlQuery, is_database, shown

Source: TypeAlias = str | Path | pa.Table | SqlQuery | Iterable[Article | Mapping[str, Any]] | Sequence[str | Path]

_OURS = ("rejected.jsonl", "tombstones.jsonl")  # written beside lists, where a folder is both input and output
_CHUNK = 10_000  # rows turned into Arrow at a time


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that was left out: `file`, `line` (1-based; 0 = the whole file), `reason`, `id` if known."""

    file: str
    line: int
    reason: str
    id: str | None = None


@dataclass(slots=True)
class ReadReport:
    """Counts of one reading; every row read is accepted, superseded or rejected.

    `links_left_out` counts links that cannot be used, by reason: they cost no row.
    """

    read: int = 0
    accepted: int = 0
    superseded: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    links_left_out: Counter[str] = field(default_factory=Counter)

    def rejected_jsonl(self) -> bytes:
        """The rejected rows as JSON lines."""
        return b"".join(orjson.dumps(asdict(row)) + b"\n" for row in self.rejected)


Part: TypeAlias = tuple[pa.Table, ReadReport]
Each: TypeAlias = Callable[[Callable[[Stream], Part], list[Stream]], Iterable[Part]]


def read_articles(
    source: Source,
    *,
    settings: ReadingSettings | None = None,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: Progress = silent,
    each: Each | None = None,
) -> tuple[pa.Table, ReadReport]:
    """Read a whole archive.

    Parameters
    ----------
    source : path, list of paths, pyarrow.Table, SqlQuery, or iterable of Article or dict
        Files end in .jsonl, .ndjson, .csv, .tsv or .parquet, optionally .gz or .zst; a folder
        stands for every such file in it.
    settings : ReadingSettings, optional
    columns : mapping, optional
        Field -> column, for names that are not recognised: ``{"title": "kop"}``.
    strict : bool, default False
        Raise at the first bad row instead of rejecting it.
    progress : callable
        Called with (stage, done, total).
    each : callable, optional
        Gives what a function returns for every stream, in order, and may call it elsewhere; default: one after another.

    Returns
    -------
    table : pyarrow.Table
        Columns of `SCHEMA`, one row an id: of several, the one with the greatest `updated_at`
        and then the greatest content hash.
    report : ReadReport

    Raises
    ------
    InputError
        If a file is missing or of an unknown kind, a mapping names no field or no column,
        or, in strict mode, a row is bad.

    Examples
    --------
    >>> table, report = read_articles([{"guid": 7, "headline": "Ferry aground"}, {"headline": "No id"}])
    >>> table["title"].to_pylist(), report.rejected[0].reason
    (['Ferry aground'], 'missing id')
    """
    settings, columns = settings or ReadingSettings(), dict(columns or {})
    streams = [replace(stream, limits=settings) for stream in _streams(source)]
    _check_mapping(streams, columns)
    report = ReadReport()

    def count(stage: str, done: int, total: int | None) -> None:
        progress(stage, report.read + done, total)

    read = partial(_read, mapping=columns, settings=settings, strict=strict)
    tables = []
    for table, part in each(read, streams) if each else map(partial(read, progress=count), streams):
        if strict and part.rejected:
            first = part.rejected[0]
            raise InputError(f"{first.file}, line {first.line}: {first.reason}")
        tables.append(table)
        report.read += part.read
        report.rejected += part.rejected
        report.links_left_out += part.links_left_out
        if len(report.rejected) > settings.max_rejected:
            last = report.rejected[-1]
            raise InputError(
                f"{last.file}, line {last.line}: {last.reason}; these are more than {settings.max_rejected:,} bad rows "
                "(reading.max_rejected): is this a file of articles?"
            )
        progress("reading", report.read, None)
    progress("reading", report.read, report.read)
    table = pa.concat_tables(tables).combine_chunks() if tables else SCHEMA.empty_table()
    table = _newest(table, report)
    report.accepted = len(table)
    return table, report


def _read(
    stream: Stream,
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    progress: Progress = silent,
) -> Part:
    """The usable rows of one stream, several of an id among them; `strict` stops after the first that is not."""
    report = ReadReport()
    accepted = _accepted(stream, mapping, settings, strict, report, progress)
    tables = []
    while chunk := list(islice(accepted, _CHUNK)):
        tables.append(to_table(chunk))
    return pa.concat_tables([SCHEMA.empty_table(), *tables]), report


def _accepted(
    stream: Stream,
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    report: ReadReport,
    progress: Progress,
) -> Iterator[Article]:
    known: dict[tuple[str, ...], dict[str, str]] = {}
    lines = 0
    for line, raw in stream.rows():
        lines += 1
        if line or not isinstance(raw, BadRow):
            report.read += 1
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            if isinstance(raw, Article):
                raw = {name: getattr(raw, name) for name in FIELDS}
            names = tuple(raw)
            if names not in known:
                known[names] = recognise(names, {f: c for f, c in mapping.items() if c in raw})
            yield to_article(raw, known[names], settings, report.links_left_out)
        except RowError as error:
            given = _given_id(raw, known.get(tuple(raw), {}).get("id")) if isinstance(raw, Mapping) else None
            report.rejected.append(Rejected(stream.name, line, str(error), given))
            if strict or len(report.rejected) > settings.max_rejected:
                return
        if report.read % 1_000 == 0:
            progress("reading", report.read, None)
    if not lines and stream.path:
        report.rejected.append(Rejected(stream.name, 0, "empty file"))


def _given_id(raw: Mapping[str, Any], column: str | None) -> str | None:
    value = raw.get(column) if column is not None else None
    try:
        return str(value)[:200].encode(errors="replace").decode() if value not in (None, "") else None
    except ValueError:  # an integer of thousands of digits
        return None


def _newest(table: pa.Table, report: ReadReport) -> pa.Table:
    """Keep one row an id."""
    ids = table["id"].to_pylist()
    if len(set(ids)) == len(ids):
        return table
    best: dict[str, int] = {}
    updated = table["updated_at"].cast(pa.int64()).to_pylist()

    def key(row: int) -> tuple[bool, int, bytes]:
        digest = row_digest(table.slice(row, 1).to_pylist()[0])
        return updated[row] is not None, updated[row] or 0, digest

    for row, article_id in enumerate(ids):
        other = best.setdefault(article_id, row)
        if other != row and key(row) > key(other):
            best[article_id] = row
    report.superseded = len(ids) - len(best)
    return table.take(pa.array(sorted(best.values()), type=pa.int64()))


def _streams(source: Source) -> list[Stream]:
    if isinstance(source, pa.Table):
        return [Stream("<table>", data=source)]
    if isinstance(source, SqlQuery):
        return [Stream("<query>", data=source)]
    if is_database(source):
        raise InputError(f"{shown(str(source))} is a database; expected SqlQuery(place, query), or --query with it")
    if isinstance(source, Mapping):
        raise InputError("one dict was given, expected an iterable of them: fit([article, ...])")
    if not isinstance(source, str | Path):
        source = list(source)
        if not source or not isinstance(source[0], str | Path):
            return [Stream("<articles>", data=source)]
        return [stream for path in source for stream in _streams(path)]
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and format_of(p) and p.name not in _OURS)
        if not found:
            raise InputError(f"no article files in folder {path}; expected {', '.join(FORMATS)} (or .gz, .zst)")
        return [Stream(shown_name(p), p) for p in found]
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if not format_of(path):
        raise InputError(f"unknown kind of file: {path}; expected {', '.join(FORMATS)} (or .gz, .zst)")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return [Stream(shown_name(path), path)]


def _check_mapping(streams: list[Stream], mapping: Mapping[str, str]) -> None:
    """Refuse a mapping that no file can follow, before any work."""
    if not mapping:
        return
    if unknown := sorted(set(mapping) - set(FIELDS)):
        raise InputError(f"unknown field {unknown[0]!r} in a column mapping; expected one of {', '.join(FIELDS)}")
    missing, seen = set(mapping.values()), set[str]()
    for _, raw in chain.from_iterable(stream.rows() for stream in streams):
        names = raw if isinstance(raw, Mapping) else FIELDS if isinstance(raw, Article) else ()
        seen.update(names)
        if not missing.difference(seen):
            return
    for name, column in mapping.items():
        if seen and column not in seen:
            raise InputError(f"no column {column!r} (mapped to {name}) in the input; found {', '.join(sorted(seen))}")
