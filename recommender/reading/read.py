"""JSONL, CSV and Parquet files, tables and iterables -> one table of current articles and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.article import FIELDS, SCHEMA, UNDATED, Article, to_table
from recommender.errors import InputError, RowError
from recommender.progress import Progress, silent
from recommender.reading.convert import UnsettledOrder
from recommender.reading.fields import Unpublished, to_article
from recommender.reading.formats import FORMATS, BadRow, Stream, format_of, shown_name
from recommender.reading.formats.shapes import shape_of
from recommender.reading.plan import Plan
from recommender.reading.report import ReadReport, Rejected, Told
from recommender.reading.times import TimeForms, days_first
from recommender.settings import ReadingSettings
from recommender.storage.database import SqlQuery, is_database, shown

Source: TypeAlias = str | Path | pa.Table | SqlQuery | Iterable[Article | Mapping[str, Any]] | Sequence[str | Path]

_OURS = (
    "rejected.jsonl",
    "tombstones.jsonl",
    "unpublished.json",
)  # written beside lists, where a folder is both input and output
_CHUNK = 10_000  # rows turned into Arrow at a time
_HIDDEN = "unpublished"  # a column beside those of articles: what says that a row is no published story
_READ = SCHEMA.append(pa.field(_HIDDEN, pa.large_string()))


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
    drafts: bool = False,
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
    drafts : bool, default False
        Read rows that are no published stories like all others.

    Returns
    -------
    table : pyarrow.Table
        Columns of `SCHEMA`, one row an id: of several, the one with the greatest `updated_at`, then
        `published_at`, then the later one. Rows that are no published stories are left out.
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
    TimeForms.of(settings)  # refuses what cannot be, before any work
    report = ReadReport()
    streams = [replace(stream, limits=settings) for stream in _streams(source, report.told)]
    _check_mapping(streams, columns)

    def count(stage: str, done: int, total: int | None) -> None:
        progress(stage, report.read + done, total)

    read = partial(_read, mapping=columns, settings=settings, strict=strict, drafts=drafts)
    tables = []
    for table, part in each(read, streams) if each else map(partial(read, progress=count), streams):
        if strict and part.rejected:
            first = part.rejected[0]
            raise InputError(f"{first.file}, line {first.line}: {first.reason}")
        tables.append(table)
        report.take(part)
        if len(report.rejected) > settings.max_rejected:
            last = report.rejected[-1]
            raise InputError(
                f"{last.file}, line {last.line}: {last.reason}; these are more than {settings.max_rejected:,} bad rows "
                "(reading.max_rejected): is this a file of articles?"
            )
        progress("reading", report.read, None)
    progress("reading", report.read, report.read)
    table = pa.concat_tables(tables).combine_chunks() if tables else _READ.empty_table()
    table = _newest(table, report)
    table = _published(table, report)
    report.accepted = len(table)
    return table, report


def _read(
    stream: Stream,
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    progress: Progress = silent,
    drafts: bool = False,
) -> Part:
    """The usable rows of one stream, several of an id among them; `strict` stops after the first that is not."""
    report = ReadReport()
    accepted = _accepted(stream, mapping, settings, strict, report, progress, drafts)
    tables = []
    while chunk := list(islice(accepted, _CHUNK)):
        hidden = pa.array([reason for _, reason in chunk], pa.large_string())
        tables.append(to_table(article for article, _ in chunk).append_column(_READ.field(_HIDDEN), hidden))
    return pa.concat_tables([_READ.empty_table(), *tables]), report


def _accepted(
    stream: Stream,
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    report: ReadReport,
    progress: Progress,
    drafts: bool,
) -> Iterator[tuple[Article, str | None]]:
    """Usable rows, and what says that one is no published story."""
    plans: dict[tuple[str, ...], Plan] = {}
    shapes: dict[tuple[str, ...], Callable[[dict[str, Any]], dict[str, Any]] | None] = {}
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
            if names not in shapes:
                shapes[names] = shape_of(names)
            if (shape := shapes[names]) is not None:
                raw = shape(dict(raw))
                names = tuple(raw)
            if names not in plans:
                given = {field: column for field, column in mapping.items() if column in raw}
                plans[names] = Plan.of(names, given, settings, report, drafts)
            yield _article(raw, names, plans, stream), None
        except Unpublished as row:
            yield row.article, row.reason
        except RowError as error:
            told_id = _given_id(raw, plans.get(tuple(raw))) if isinstance(raw, Mapping) else None
            report.rejected.append(Rejected(stream.name, line, str(error), told_id))
            if strict or len(report.rejected) > settings.max_rejected:
                return
        if report.read % 1_000 == 0:
            progress("reading", report.read, None)
    if not lines and stream.path:
        report.rejected.append(Rejected(stream.name, 0, "empty file"))


def _article(
    raw: Mapping[str, Any], names: tuple[str, ...], plans: dict[tuple[str, ...], Plan], stream: Stream
) -> Article:
    """The article of a row; the column of a date with day and month either way round is looked at first."""
    while True:
        try:
            return to_article(raw, plans[names])
        except UnsettledOrder as unsettled:
            column = unsettled.column
            shows = days_first(_texts(stream, column))
            plans.update(
                {names: plan.with_order(column, shows) for names, plan in plans.items() if column in plan.forms}
            )


def _texts(stream: Stream, column: str) -> Iterator[str]:
    """What a column of a stream holds, as far as it is text."""
    for _, raw in stream.rows():
        value = raw.get(column) if isinstance(raw, Mapping) else None
        if isinstance(value, str):
            yield value


def _given_id(raw: Mapping[str, Any], plan: Plan | None) -> str | None:
    columns = plan.columns.get("id", ()) if plan is not None else ()
    value = next((value for column in columns if (value := raw.get(column)) not in (None, "")), None)
    try:
        return str(value)[:200].encode(errors="replace").decode() if value not in (None, "") else None
    except ValueError:  # an integer of thousands of digits
        return None


def _newest(table: pa.Table, report: ReadReport) -> pa.Table:
    """Keep one row an id."""
    code = table["id"].combine_chunks().dictionary_encode()
    if len(code.dictionary) == len(table):
        return table
    published, updated = (
        pc.fill_null(table[name].cast(pa.int64()), UNDATED).to_numpy() for name in ("published_at", "updated_at")
    )
    # what lacks the time of its publication was published when the others of its story were
    codes = code.indices.to_numpy()
    greatest = np.full(len(code.dictionary), UNDATED)
    np.maximum.at(greatest, codes, published)
    published = np.where(published == UNDATED, greatest[codes], published)
    # a row that only says that a story is not published any more is never older than the story
    updated = np.where(pc.is_valid(table[_HIDDEN]).to_numpy() & (updated == UNDATED), np.iinfo(np.int64).max, updated)
    order = np.lexsort((published, updated, codes))  # stable: of equal rows the later comes last
    last = np.append(np.diff(codes[order]) != 0, True)
    report.superseded = len(table) - int(last.sum())
    return table.take(pa.array(np.sort(order[last])))


def _published(table: pa.Table, report: ReadReport) -> pa.Table:
    """Leave out the rows that are no published stories, and count them by what says so."""
    hidden = table[_HIDDEN]
    if hidden.null_count < len(table):
        told = pc.is_valid(hidden)
        report.unpublished = Counter(hidden.filter(told).to_pylist())
        out = table.select(["id", "updated_at", "published_at"]).filter(told).to_pylist()
        report.taken_back = {row["id"]: (row["updated_at"], row["published_at"]) for row in out}
        table = table.filter(pc.is_null(hidden)).combine_chunks()
    return table.drop_columns(_HIDDEN)


def _streams(source: Source, told: Told) -> list[Stream]:
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
        return [stream for path in source for stream in _streams(path, told)]
    path = Path(source)
    if path.is_dir():
        inside = sorted(_files(path))
        found = [p for p in inside if format_of(p)]
        if not found:
            raise InputError(f"no article files in folder {path}; expected {', '.join(FORMATS)} (or .gz, .zst)")
        for other in (p for p in inside if not format_of(p)):
            told.add("files are no articles by their names, and were passed over", shown_name(other.relative_to(path)))
        return [Stream(shown_name(p), p) for p in found]
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if not format_of(path):
        hint = "; save the sheet as CSV (UTF-8)" if path.suffix.lower() in (".xlsx", ".xls", ".ods") else ""
        raise InputError(f"unknown kind of file: {path}; expected {', '.join(FORMATS)} (or .gz, .zst){hint}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return [Stream(shown_name(path), path)]


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder and of those in it; not the versions of published lists and saved archives, nor hidden ones."""
    ours = (folder / "CURRENT").exists()
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in _OURS:
            continue
        if path.is_dir():
            if not ours and not path.is_symlink() and not (path / "CURRENT").exists():
                yield from _files(path)
        elif path.is_file() and not (ours and not format_of(path)):
            yield path


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
