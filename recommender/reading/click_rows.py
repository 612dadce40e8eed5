"""Rows of click logs: columns found by name, ids split, rows that cannot be used rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from recommender.articles.article import TIME
from recommender.errors import InputError, RowError
from recommender.reading.formats import KNOWN, BadRow, Stream, is_readable, shown_name
from recommender.reading.formats.frames import is_frame, materialize
from recommender.reading.names import find_columns
from recommender.reading.report import ReadReport, Rejected
from recommender.reading.rows import column_texts
from recommender.reading.time_format import TimeFormat
from recommender.reading.time_texts import AmbiguousDate, is_day_first
from recommender.reading.times import to_time
from recommender.reading.values import as_text, plain
from recommender.settings import ReadingSettings

_NAMES = pa.large_list(pa.large_string())
SCHEMA = pa.schema(
    [
        ("source", pa.large_string()),  # the story of the list
        ("list_id", pa.large_string()),
        ("version", pa.large_string()),
        ("shown", _NAMES),
        ("clicked", _NAMES),
        ("time", TIME),
        ("session", pa.large_string()),  # reader or session
    ]
)
# Further names of columns; the first that is there counts.
ALIASES: dict[str, tuple[str, ...]] = {
    "source": ("article_id", "article", "story", "story_id"),
    "list_id": ("list", "impression", "impression_id"),
    "version": ("variant", "arm"),
    "shown": ("items", "recommendations"),
    "clicked": ("clicks",),
    "time": ("timestamp", "datetime", "date", "shown_at"),
    "session": ("session_id", "user", "user_id", "reader", "reader_id"),
}
CHUNK = 10_000  # rows turned into Arrow at a time, and searched for the separator of ids
_SEPARATORS = ("|", ";", ",")


class _ForeignClickError(RowError):
    """A row has a click on something that was not shown."""


class _Times:
    """Reads the times of a log; whether the day or the month comes first is decided by all rows."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._format, self._searched = stream, TimeFormat.from_settings(stream.limits), False

    def read(self, value: object, column: str) -> datetime | None:
        try:
            return to_time(value, format=self._format)
        except AmbiguousDate:
            if self._searched:
                raise
        self._searched = True
        self._format = replace(self._format, day_first=is_day_first(column_texts(self._stream, column)))
        return to_time(value, format=self._format)


def open_stream(source: str | Path | pa.Table | Iterable[Mapping[str, Any]], settings: ReadingSettings) -> Stream:
    """Open a file or rows in memory; raise InputError if the source cannot be a click log."""
    if isinstance(source, Mapping):
        raise InputError("one dict was given, expected an iterable of them: ClickLog.read([row, ...])")
    if not isinstance(source, str | Path):
        data = materialize(source)
        return Stream("<lists>", data=data if is_frame(data) else list(data), limits=settings)
    settings = settings.model_copy(update={"header": ()})  # which names the columns of stories
    path = Path(source)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    if not is_readable(path):
        raise InputError(f"unknown kind of file: {path}; expected {KNOWN}")
    return Stream(shown_name(path), path, limits=settings)


def read_rows(
    stream: Stream, mapping: Mapping[str, str], strict: bool, report: ReadReport
) -> Iterator[dict[str, object]]:
    """Yield rows of `SCHEMA`; add rejected rows to the report, or raise InputError at the first if `strict`."""
    columns: dict[tuple[str, ...], dict[str, str]] = {}
    rows, times = stream.rows(report.notes), _Times(stream)
    first_rows = list(islice(rows, CHUNK))
    separator = _find_separator([raw for _, raw in first_rows if isinstance(raw, Mapping)], mapping)
    for line, raw in chain(first_rows, rows):
        report.read += 1
        try:
            if isinstance(raw, BadRow):
                raise RowError(str(raw))
            if not isinstance(raw, Mapping):
                raise RowError(f"{type(raw).__name__}, expected dict")
            names = tuple(raw)
            if names not in columns:
                columns[names] = {**find_columns(names, ALIASES), **mapping}
            yield _to_row(raw, columns[names], line, separator, times)
        except RowError as error:
            if strict:
                raise InputError(f"{stream.name}, line {line}: {error}") from None
            if isinstance(error, _ForeignClickError):
                report.lost["clicked"] += 1
            report.rejected.append(Rejected(stream.name, line, str(error)))


def _find_separator(rows: Sequence[Mapping[str, Any]], mapping: Mapping[str, str]) -> str | None:
    """Find the sign between the ids of lists that are texts; None = blanks.

    It is the one by which most clicks are on an item that was shown. Without such clicks it is a sign that most lists
    have, if no id between such signs has a blank.
    """
    texts = []
    for raw in rows:
        columns = {**find_columns(tuple(raw), ALIASES), **mapping}
        shown, clicked = (raw.get(columns.get(field, "")) for field in ("shown", "clicked"))
        if isinstance(shown, str) and not shown.lstrip().startswith("["):
            texts.append((shown, clicked if isinstance(clicked, str) else ""))
    hits = dict.fromkeys((None, *_SEPARATORS), 0)
    for shown, clicked in texts:
        for separator in hits:
            ids, clicked_ids = _split(shown, separator), _split(clicked, separator)
            is_clean = all(id_.strip("".join(_SEPARATORS)) == id_ for id_ in ids)  # 'a,' is an id and a sign
            hits[separator] += is_clean and bool(clicked_ids) and set(clicked_ids) <= set(ids)
    best = max(hits, key=lambda separator: hits[separator])  # blanks where several are equal
    if hits[best]:
        return best
    counts = {sign: sum(sign in shown for shown, _ in texts) for sign in _SEPARATORS}
    commonest = max(_SEPARATORS, key=lambda sign: counts[sign])
    has_blanks = any(len(id_.split()) > 1 for shown, _ in texts for id_ in _split(shown, commonest))
    return commonest if 2 * counts[commonest] > len(texts) and not has_blanks else None


def _split(text: str, separator: str | None) -> list[str]:
    return [part for part in map(str.strip, text.split(separator)) if part]


def _to_row(
    raw: Mapping[str, Any], columns: Mapping[str, str], line: int, separator: str | None, times: _Times
) -> dict[str, object]:
    values = {field: raw.get(column) for field, column in columns.items()}
    if "clicked" not in values:  # not the same as no clicks
        raise RowError("no clicked column; expected clicked or clicks, empty where nothing was clicked")
    shown = _to_ids(values.get("shown"), "shown", separator)
    clicked = list(dict.fromkeys(_to_ids(values["clicked"], "clicked", separator)))
    if not shown:
        raise RowError("nothing was shown; expected ids in a column shown or items")
    known = set(shown)
    if len(known) < len(shown):
        raise RowError(f"{Counter(shown).most_common(1)[0][0]!r} is shown twice")
    if unknown := [id_ for id_ in clicked if id_ not in known]:
        raise _ForeignClickError(f"a click on {unknown[0]!r}, which was not shown")
    time = values.get("time")
    return {
        **{field: _to_text(values.get(field), field) for field in ("source", "version", "session")},
        "list_id": _to_text(values.get("list_id"), "list_id") or str(line),
        "shown": shown,
        "clicked": clicked,
        "time": None if time is None else times.read(time, columns["time"]),
    }


def _to_ids(value: object, field: str, separator: str | None) -> list[str]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.lstrip().startswith("[") else _split(value, separator)
        except orjson.JSONDecodeError:
            raise RowError(f"{field} is not a JSON list: {value[:60]!r}") from None
    value = plain(value)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise RowError(f"{field} is {type(value).__name__}, expected a list or text")
    ids = [_to_text(part, field) for part in value]
    if None in ids:
        raise RowError(f"an empty id in {field}")
    return [id_ for id_ in ids if id_]


def _to_text(value: object, field: str) -> str | None:
    value = plain(value)
    return None if value is None else as_text(value, field).strip() or None
