"""Files of every format, frames and iterables -> one table of current articles and a report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import IOBase
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.article import FIELDS, UNDATED, Article
from recommender.errors import InputError, did_you_mean
from recommender.progress import Progress, silent
from recommender.reading.blocks import BlockReader
from recommender.reading.columns import HIDDEN, NO_ROWS
from recommender.reading.formats import KNOWN, PASSED_OVER, Stream, format_named, is_readable, shown_name
from recommender.reading.formats.file import File
from recommender.reading.formats.frames import is_cursor, is_frame, materialize
from recommender.reading.formats.markdown import page_name
from recommender.reading.formats.wrappers import rows_within, wraps_stories
from recommender.reading.mixed_ids import refuse_mixed_ids
from recommender.reading.nested import paths, value_at
from recommender.reading.report import Notes, ReadReport, Rejected
from recommender.reading.rows import RowReader
from recommender.reading.time_format import TimeFormat
from recommender.reading.unread import note_unread_times
from recommender.settings import ReadingSettings
from recommender.storage.database import SqlQuery, is_database, redacted, refuse_address
from recommender.storage.versions import CURRENT

Source: TypeAlias = str | Path | pa.Table | SqlQuery | Iterable[Article | Mapping[str, Any]] | Sequence[str | Path]

_NOT_THERE = "columns that reading.columns names are not in the input, and their fields were read as usual"
NO_STORY = "files or folders without a story"
# written next to lists, where a folder is both input and output
_OWN_FILES = (CURRENT, "journal.jsonl", "rejected.jsonl", "tombstones.jsonl", "unpublished.json")
# Files that are known and not read: how they begin, what they are, and what to give in their place.
_NOT_READ = (
    (re.compile(rb"SQLite format 3\0"), "a database of SQLite", "--query with sqlite:///{}"),
    (re.compile(rb".{8}DUCK", re.DOTALL), "a database of DuckDB", "a table of it: COPY stories TO 'stories.parquet'"),
    (re.compile(rb"PGDMP"), "a dump of PostgreSQL", "it restored (pg_restore), and --query with the database"),
    (
        re.compile(rb"(?i)\s*(?:(?:--|#)[^\n]*\n\s*|/\*.*?\*/;?\s*)*(?:set|use|drop|create|insert|lock|copy|begin)\s"),
        "a dump of SQL",
        "it loaded into a database, and --query with that",
    ),
    (re.compile(rb"7z\xbc\xaf|Rar!"), "an archive of 7-Zip or RAR", "it unpacked in a folder, or packed as .zip"),
    (re.compile(rb"Obj\x01|ORC"), "a file of Avro or ORC", "it converted to Parquet"),
    (re.compile(rb"\x80[\x02-\x05]"), "a pickle of Python, which may run any program", "frame.to_parquet(...)"),
    (re.compile(rb"%PDF"), "a PDF", "what it was made from"),
    (re.compile(rb"WARC/1"), "an archive of web pages (WARC)", "its pages as files of HTML in a folder"),
    (
        re.compile(rb"(?i)(?:[a-z-]+: [^\n]*\n(?:[ \t]+[^\n]*\n)*)*?(?:mime-version|snapshot-content-location|from): "),
        "a mail or a page saved as one (MHTML)",
        "the page saved as HTML",
    ),
    (
        re.compile(rb"(?:[A-Z ]+: ?[^\n]*\n)*?(?:TITLE|BASENAME): "),
        "an export of Movable Type",
        "it imported into WordPress (Tools > Import), and its export",
    ),
)

Part: TypeAlias = tuple[pa.Table, ReadReport]
Each: TypeAlias = Callable[[Callable[[Stream], Part], list[Stream]], Iterable[Part]]


def read_articles(
    source: Source,
    *,
    settings: ReadingSettings | None = None,
    columns: Mapping[str, str] | None = None,
    format: str | None = None,
    strict: bool = False,
    progress: Progress = silent,
    each: Each | None = None,
    drafts: bool = False,
    may_be_empty: bool = False,
) -> tuple[pa.Table, ReadReport]:
    """Read a whole archive.

    Parameters
    ----------
    source : path, list of paths, frame, SqlQuery, or iterable of Article, dict or the like
        Files of any format of `recommender.reading.formats.FORMATS`, recognised by their content, and packed or not; a
        folder means all such files in it. Frames are those of pandas, Polars, Arrow, DuckDB and whatever gives
        Arrow's.
    settings : ReadingSettings, optional
    columns : mapping, optional
        Field -> column, for names that are not recognised: ``{"title": "kop"}``. Overrides `settings.columns`, which
        may also name columns that the input lacks.
    format : str, optional
        Format of all files, such as 'csv', where their content and names shall not decide.
    strict : bool, default False
        Raise at the first bad row instead of rejecting it.
    progress : callable
        Called with (stage, done, total).
    each : callable, optional
        Yields what a function returns for every stream, in order, and may call it elsewhere; default: one by one.
    drafts : bool, default False
        Read rows that are no published stories like all others.
    may_be_empty : bool, default False
        Note files and folders without a story, which are otherwise bad: nothing may be new.

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
    settings, given = settings or ReadingSettings(), dict(columns or {})
    columns = settings.with_columns(given).columns
    TimeFormat.from_settings(settings)  # refuses what cannot be, before any work
    format = format_named(format).name if format is not None else None
    report = ReadReport()
    streams = [
        replace(stream, limits=settings, format=format)
        for stream in _open_streams(source, report.notes, format, may_be_empty)
    ]
    _check_mapping(streams, given, columns)
    for stream in streams:
        refuse_mixed_ids(stream.data, columns)

    def count(stage: str, done: int, total: int | None) -> None:
        progress(stage, report.read + done, total)

    read = partial(
        _read_stream, mapping=columns, settings=settings, strict=strict, drafts=drafts, may_be_empty=may_be_empty
    )
    tables = []
    for table, part in each(read, streams) if each else map(partial(read, progress=count), streams):
        if strict and part.rejected:
            raise InputError(_describe_rejected(part.rejected[0]))
        tables.append(table)
        report.merge(part)
        if len(report.rejected) > settings.max_rejected:
            raise InputError(
                f"{_describe_rejected(report.rejected[-1])}; these are more than {settings.max_rejected:,} bad rows "
                "(reading.max_rejected): is this a file of articles?"
            )
        progress("reading", report.read, None)
    progress("reading", report.read, report.read)
    table = pa.concat_tables(tables).combine_chunks() if tables else NO_ROWS
    table = _drop_unpublished(_keep_newest(table, report), report)
    note_unread_times(table, settings, report.notes)
    for field, column in columns.items() if report.read else ():
        if field not in report.mapped:
            report.notes.add(_NOT_THERE, f"{field} = {column!r}")
    report.accepted = len(table)
    return table, report


def _describe_rejected(row: Rejected) -> str:
    return f"{row.file}, line {row.line}: {row.reason}"


def _read_stream(
    stream: Stream,
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    progress: Progress = silent,
    drafts: bool = False,
    may_be_empty: bool = False,
) -> Part:
    """Read the usable rows of one stream, several of an id among them; `strict` stops after the first bad one."""
    report = ReadReport()
    tables = [NO_ROWS]
    for part in stream.parts(report.notes):
        before = report.read + len(report.rejected)
        for table in BlockReader(RowReader(part, mapping, settings, drafts, report)).tables(strict):
            tables.append(table)
            progress("reading", report.read, None)
        if report.rejected and (strict or len(report.rejected) > settings.max_rejected):
            break
        if part.path and report.read + len(report.rejected) == before:
            if may_be_empty or (part.path.name.startswith("part-") and not part.path.stat().st_size):
                report.notes.add(NO_STORY, part.name)
            else:
                report.rejected.append(Rejected(part.name, 0, _why_no_row(part.path)))
    return pa.concat_tables(tables), report


def _why_no_row(path: Path) -> str:
    """Return why a file gave no row: of a table the header may stand alone, and a list may be empty."""
    if not path.is_file() or not File(path, ReadingSettings()).head.strip(b"\xef\xbb\xbf \t\r\n"):
        return "empty file"
    is_table = path.suffix.lower() in (".csv", ".tsv", ".tab", ".xls", ".xlsx", ".ods", ".parquet", ".arrow")
    return "no rows below the header" if is_table else "no story in the file, whose list is empty"


def _keep_newest(table: pa.Table, report: ReadReport) -> pa.Table:
    ids = table["id"].combine_chunks().dictionary_encode()
    if len(ids.dictionary) == len(table):
        return table
    codes = ids.indices.to_numpy()
    published, updated = (
        pc.fill_null(table[name].cast(pa.int64()), UNDATED).to_numpy() for name in ("published_at", "updated_at")
    )
    # a row without the time of its publication was published when the others of its story were
    last_published = np.full(len(ids.dictionary), UNDATED)
    np.maximum.at(last_published, codes, published)
    published = np.where(published == UNDATED, last_published[codes], published)
    # a row that only says that a story is not published any more is never older than the story
    is_hidden = pc.is_valid(table[HIDDEN]).to_numpy()
    updated = np.where(is_hidden & (updated == UNDATED), np.iinfo(np.int64).max, updated)
    order = np.lexsort((published, updated, codes))  # stable: of equal rows the later comes last
    is_newest = np.append(np.diff(codes[order]) != 0, True)
    report.superseded = len(table) - int(is_newest.sum())
    return table.take(pa.array(np.sort(order[is_newest])))


def _drop_unpublished(table: pa.Table, report: ReadReport) -> pa.Table:
    hidden = table[HIDDEN]
    if hidden.null_count < len(table):
        is_hidden = pc.is_valid(hidden)
        report.unpublished = Counter(hidden.filter(is_hidden).to_pylist())
        rows = table.select(["id", "updated_at", "published_at"]).filter(is_hidden).to_pylist()
        report.taken_back = {row["id"]: (row["updated_at"], row["published_at"]) for row in rows}
        table = table.filter(pc.is_null(hidden)).combine_chunks()
    return table.drop_columns(HIDDEN)


def _open_streams(source: Source, notes: Notes, format: str | None, may_be_empty: bool) -> list[Stream]:
    if is_frame(source) or is_cursor(source):
        return [Stream("<table>", data=materialize(source))]
    if isinstance(source, SqlQuery):
        return [Stream("<query>", data=source)]
    refuse_address(source)
    if is_database(source):
        raise InputError(f"{redacted(str(source))} is a database; expected SqlQuery(place, query)")
    if isinstance(source, Mapping):
        return [Stream("<articles>", data=_stories_of_object(source))]
    if isinstance(source, str | Path):
        return _open_path(Path(source), notes, format, may_be_empty)
    if isinstance(source, IOBase):
        raise InputError(f"an open file was given, expected its path: {getattr(source, 'name', 'save it first')}")
    if not isinstance(source, Iterable):
        raise InputError(f"{type(source).__name__} was given, expected a path, a frame or an iterable of stories")
    items = [item if isinstance(item, dict) else materialize(item) for item in source]
    if items and isinstance(items[0], Mapping) and wraps_stories(items[0]):  # answers, page by page
        pages = (rows_within(dict(page)) if isinstance(page, Mapping) else (page,) for page in items)
        items = list(chain.from_iterable(pages))
    if not items or not isinstance(items[0], str | Path):
        return [Stream("<articles>", data=items)]
    return [stream for path in items for stream in _open_streams(path, notes, format, may_be_empty)]


def _stories_of_object(source: Mapping[str, Any]) -> list[Any]:
    if "bozo" in source and not source.get("entries"):
        raise InputError(f"a feed without entries was given ({source.get('bozo_exception', 'it is empty')})")
    if not wraps_stories(source):
        raise InputError("one dict was given, expected an iterable of them: fit([article, ...])")
    return list(rows_within(dict(source)))


def _open_path(path: Path, notes: Notes, format: str | None, may_be_empty: bool) -> list[Stream]:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):  # longer than any name of a file, or with a NUL
        shown = f"{str(path)[:60]!r}..."
        raise InputError(f"a text of {len(str(path)):,} characters was given, expected a path: {shown}") from None
    if is_folder:
        return _open_folder(path, notes, may_be_empty)
    if not path.exists():
        raise InputError(f"no such file: {path}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if format is None and not is_readable(path):
        raise InputError(_describe_unreadable(path))
    return [Stream(shown_name(path), path)]


def _describe_unreadable(path: Path) -> str:
    head = File(path, ReadingSettings()).head
    for pattern, kind, instead in _NOT_READ:
        if pattern.match(head[:10_000]):
            return f"{path} is {kind}, which is not read; expected {instead.format(path)}"
    return f"unknown kind of file: {path}; expected {KNOWN}, or --input-format with what it holds"


def _open_folder(folder: Path, notes: Notes, may_be_empty: bool) -> list[Stream]:
    """Open each file of a folder as a stream; files of the same name are called by their folders too."""
    files = sorted(_list_files(folder))
    paths = [path for path in files if is_readable(path, certain=True)]
    if not files and may_be_empty:
        notes.add(NO_STORY, shown_name(folder))
        return []
    if not paths:
        held = "; it holds published lists or a saved archive" if (folder / CURRENT).exists() else ""
        raise InputError(f"no article files in folder {folder}{held}; expected {KNOWN}")
    for other in sorted(set(files).difference(paths)):
        notes.add(PASSED_OVER, shown_name(other.relative_to(folder)))
    counts = Counter(map(_story_name, paths))
    return [
        Stream(
            shown_name(path),
            path,
            member_name=path.relative_to(folder).as_posix() if counts[_story_name(path)] > 1 else "",
        )
        for path in paths
    ]


def _story_name(path: Path) -> str:
    """Return the name of a file as the id of its story has it, where the story has none."""
    return page_name(path) if path.suffix.lower() in (".md", ".markdown", ".mdx") else path.name


def _list_files(folder: Path) -> Iterator[Path]:
    """Find files of a folder and those in it; not versions of published lists and saved archives, nor hidden ones."""
    is_output = (folder / CURRENT).exists()
    for path in folder.iterdir():
        is_aside = path.name.startswith("_") and not path.suffix and path.name != "_posts"  # of Spark; drafts of Jekyll
        if path.name.startswith(".") or path.name in _OWN_FILES or is_aside:
            continue
        if path.is_dir():
            if not is_output and not path.is_symlink() and not (path / CURRENT).exists():
                yield from _list_files(path)
        elif path.is_file() and not (is_output and not is_readable(path, certain=True)):
            yield path


def _check_mapping(streams: list[Stream], given: Mapping[str, str], mapping: Mapping[str, str]) -> None:
    """Refuse a mapping with an unknown field, or given columns that no file has, before any work."""
    if unknown := sorted(set(mapping) - set(FIELDS)):
        meant = did_you_mean(unknown[0], FIELDS) or f"; expected one of {', '.join(FIELDS)}"
        raise InputError(f"unknown field {unknown[0]!r} in a column mapping{meant}")
    if not given:
        return
    missing, names = set(given.values()), set[str]()
    for _, raw in chain.from_iterable(stream.rows() for stream in streams):
        row = raw if isinstance(raw, Mapping) else dict.fromkeys(FIELDS) if isinstance(raw, Article) else {}
        missing = {column for column in missing if column not in row and value_at(row, column) is None}
        if not missing:
            return
        names.update(path for path in paths(row) if isinstance(path, str))
    for field, column in given.items():
        if names and column in missing:
            raise InputError(f"no column {column!r} (mapped to {field}) in the input; found {', '.join(sorted(names))}")
