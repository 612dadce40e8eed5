"""Columns of raw rows -> columns of articles.

Nothing here decides what a value means. What `RowReader` would take as it is, is taken as it is; other values go
through the same converters; and a row that would be rejected, or of which anything would be noted, is marked as odd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, starmap
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import SCHEMA, TIME
from recommender.articles.text import teaser
from recommender.errors import RowError
from recommender.reading import text_arrays
from recommender.reading.convert import (
    CONVERTERS,
    CUT_ENDS,
    LINE_BREAK,
    MORE_THAN_NAME,
    READ_MORE,
    UnsettledOrder,
    further_tags,
    repeated_lead,
    to_moment,
    to_word,
    with_tags,
)
from recommender.reading.fields import FLOAT_ID, ID_IS_URL, MIN_LONG_TEXT, SHORTENED_ID, collect_links
from recommender.reading.links import is_other_than_links
from recommender.reading.markup import Anchor, are_plain
from recommender.reading.names import TIMES
from recommender.reading.plan import Plan
from recommender.reading.report import Notes, ReadReport
from recommender.reading.status import NO_TEXT, NOTICE, TOTALS
from recommender.reading.text_arrays import STRING
from recommender.reading.values import MISSING, plain

HIDDEN = "unpublished"
"""A column next to those of articles: why a row is no published story."""
READ = SCHEMA.append(pa.field(HIDDEN, pa.large_string()))
NO_ROWS = READ.empty_table()

_TEXTS = ("title", "body", "lead")
_MAX_MISSING = 3 * max(map(len, MISSING))  # bytes of a word for nothing, as letters that fold to one have three
_DEFAULTS = {**dict.fromkeys(_TEXTS, ""), "access": "free", "kind": "news"}
_Values: TypeAlias = Sequence[Any] | pa.LargeStringArray
_Convert: TypeAlias = Callable[[Any, Any], Any]
"""Given a row and its value."""
_Read: TypeAlias = Callable[[str, str, _Values], pa.Array]
_Mask: TypeAlias = NDArray[np.bool_]
_JSON_TYPES = frozenset((str, int, bool, float, list, dict, type(None)))
_SINGLE_ADDRESS = r"\A[^|]*[/.:][^|]*\z"
_PRINTED = r'\A"?[\[{]'  # how a list or an object begins as it is printed
_NO_MASKS: Mapping[str, _Mask] = MappingProxyType({})
_MAX_ID = 1 << 63  # of numbers that are ids
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Columns:
    """Rows of the same columns; `odd` marks those that are not to be read here."""

    @classmethod
    def from_table(cls, table: pa.Table, plan: Plan, plain: Mapping[str, _Mask] = _NO_MASKS) -> Columns:
        """Take what Arrow has read: texts stay there; `plain` marks the plain texts of some columns."""
        columns = {
            name: column.chunk(0) if column.type == STRING else column.to_pylist()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
        return cls(columns, len(table), plan, plain)

    def __init__(
        self, columns: Mapping[str, _Values], count: int, plan: Plan, plain: Mapping[str, _Mask] = _NO_MASKS
    ) -> None:
        self._raw, self._count, self._plain = columns, count, plain
        self._given_plan, self._plan = plan, replace(plan, report=ReadReport())  # so that nothing is noted twice
        self._used = set(plan.sole_columns)
        self._naive: list[tuple[int, datetime]] = []  # row and time
        self._naive_micros = pa.nulls(0, pa.int64())
        self._anchors: dict[str, dict[int, list[Anchor]]] = {"lead": {}, "body": {}}
        self.odd = np.zeros(count, dtype=bool)

    def table(self) -> pa.Table:
        """Convert all rows to a table of articles; odd rows contain nothing of use."""
        plan = self._plan
        if "extra" in plan.columns or "id" not in plan.columns:
            self.odd[:] = True
            return NO_ROWS
        self._check_status()
        for column in plan.embargoes:
            self._mark_odd(not _is_absent(value) for value in self._to_list(column))
        fields = {field.name: pa.nulls(self._count, field.type) for field in READ}
        fields["id"] = self._first("id", plan.columns["id"], self._read_ids)
        fields |= {field: self._first(field, names, self._read_times).cast(TIME) for field, names in plan.time_fields}
        fields |= {field: self._first(field, names, self._read_words) for field, names in plan.other_fields}
        fields |= {field: pc.fill_null(fields[field], default) for field, default in _DEFAULTS.items()}
        fields["tags"] = pa.LargeListArray.from_arrays(fields["tags"].offsets, fields["tags"].values)  # empty, not null
        if plan.status.reads_texts:
            self.odd |= text_arrays.matches(fields["title"], NOTICE) | text_arrays.matches(fields["body"], NO_TEXT)
        self._add_further_tags(fields)
        has_no_body = text_arrays.sizes(fields["body"]) == 0
        self.odd |= has_no_body & (text_arrays.sizes(fields["title"]) == 0)
        if has_no_body.any():
            self.odd |= has_no_body & text_arrays.matches(fields["id"], TOTALS)
        leads, repeated = self._drop_repeated_leads(fields)
        fields["extra"] = pa.array(self._write_details(has_no_body), STRING)
        stories = zip(leads, fields["body"].to_pylist(), fields["title"].to_pylist(), strict=True)
        fields["line"] = pa.array(starmap(teaser, stories), STRING)
        fields["links"] = pa.array(self._collect_links(fields), READ.field("links").type)
        self._report(repeated)
        return pa.Table.from_arrays([fields[name] for name in READ.names], schema=READ)

    def _report(self, repeated: Mapping[int, str]) -> None:
        report = self._given_plan.report
        for row, time in self._naive:
            if not self.odd[row]:
                report.note_naive(time)
        if len(self._naive_micros):
            newest = pc.max(self._naive_micros.filter(pa.array(~self.odd))).as_py()
            report.note_naive(None if newest is None else _EPOCH + timedelta(microseconds=newest))
        for row, note in repeated.items():
            if not self.odd[row]:
                report.notes.add(note)
        if self._plan.id_is_url:
            for _ in range(self._count - int(self.odd.sum())):
                report.notes.add(ID_IS_URL)

    def _mark_odd(self, odd: Iterable[bool]) -> None:
        self.odd |= np.fromiter(odd, dtype=bool, count=self._count)

    def _first(self, field: str, names: tuple[str, ...], read: _Read) -> pa.Array:
        """Read a field from the first of its columns that contains any value; a row that needs another is odd."""
        if len(names) == 1:
            return read(field, names[0], self._raw[names[0]])
        is_filled = {name: np.array([not _is_absent(value) for value in self._raw[name]]) for name in names}
        name = next((name for name in names if is_filled[name].any()), names[0])
        self._used.add(name)
        values = read(field, name, self._raw[name])
        self.odd |= values.is_null().to_numpy(False) & np.any([*is_filled.values()], axis=0)
        return values

    def _to_texts(self, values: _Values) -> pa.LargeStringArray:
        """Convert the texts of a column to Arrow, null for other values; rows with what is no UTF-8 are odd."""
        if isinstance(values, pa.LargeStringArray):
            return values
        texts = [value if type(value) is str else None for value in values]
        try:
            return pa.array(texts, STRING)
        except UnicodeEncodeError:
            self._mark_odd(text is not None and not text_arrays.is_utf_8(text) for text in texts)
            return pa.array(
                [text if text is not None and text_arrays.is_utf_8(text) else None for text in texts], STRING
            )

    def _to_list(self, name: str) -> Sequence[Any]:
        values = self._raw[name]
        return values.to_pylist() if isinstance(values, pa.Array) else values

    def _check_status(self) -> None:
        """Mark as odd the rows that say that they are not published, or what is not known."""
        columns = {column: self._to_list(column) for column, _ in self._plan.status.columns}
        if not columns:
            return
        is_odd: dict[Any, bool] = {}
        for row, values in enumerate(zip(*columns.values(), strict=True)):
            # True, 1 and 1.0 are one key
            key = values if all(type(value) in (str, type(None)) for value in values) else row
            if key not in is_odd:
                is_odd[key] = self._plan.status(dict(zip(columns, values, strict=True))) != (None, None)
            self.odd[row] |= is_odd[key]

    def _read_ids(self, field: str, column: str, values: _Values) -> pa.LargeStringArray:
        if not isinstance(values, pa.Array):
            values = [str(value) if type(value) is int and abs(value) < _MAX_ID else value for value in values]
        texts = self._to_texts(values)
        if pc.any(pc.or_(pc.ends_with(texts, ".0"), pc.ends_with(texts, ",0"))).as_py():
            texts = pc.replace_substring_regex(texts, FLOAT_ID, r"\1")
        self.odd |= text_arrays.matches(texts, SHORTENED_ID)
        sizes = text_arrays.sizes(texts)
        self.odd |= (sizes == 0) | (sizes > self._plan.limits.max_id_chars) | ~text_arrays.are_stripped(texts)
        self.odd |= text_arrays.matches(texts, r"\x00")
        return texts

    def _read_words(self, field: str, column: str, values: _Values) -> pa.Array:
        """Read a column of a field that is no time; relative addresses are odd where the site's is known."""
        converted = self._convert(field, column, values)
        if field == "url" and self._plan.limits.site_url:
            self.odd |= text_arrays.matches(converted, "^/")
        return converted

    def _convert(self, field: str, column: str, values: _Values) -> pa.Array:
        """Take plain texts of a column as they are, and read others by the converter of the field."""
        convert = self._converter(field, column)
        if field == "tags":
            tags = self._read_tags(column, self._to_list(column), convert)
            return pa.array([row_tags or None for row_tags in tags], READ.field("tags").type)
        texts = self._to_texts(values)
        to_convert = ~self._are_final(field, column, texts)
        rows = np.flatnonzero(to_convert).tolist()
        if not rows:
            return texts
        given = texts.filter(to_convert).to_pylist() if isinstance(values, pa.Array) else [values[row] for row in rows]
        converted = [convert(row, value) for row, value in zip(rows, given, strict=True)]
        if field in self._anchors:
            pairs = zip(rows, converted, strict=True)
            self._anchors[field] = {row: result[1] for row, result in pairs if result and result[1]}
            converted = [result and result[0] for result in converted]
        return pc.replace_with_mask(texts, to_convert, pa.array(converted, STRING))

    def _are_final(self, field: str, column: str, texts: pa.LargeStringArray) -> _Mask:
        """Check which texts of a column the converter of the field would return as they are."""
        if field in CONVERTERS and field not in _TEXTS:
            return np.zeros(self._count, dtype=bool)
        limits = self._plan.limits
        limit = limits.max_body_chars
        if field not in ("body", "lead"):
            limit = min(limit, limits.max_field_chars)
        sizes = text_arrays.sizes(texts)
        is_plain = self._plain[column] if column in self._plain else are_plain(texts)
        final = (sizes > _MAX_MISSING) & (sizes <= limit) & is_plain & text_arrays.are_stripped(texts)
        final &= ~text_arrays.matches(texts, _PRINTED)
        if field != "body":
            changed = {"lead": READ_MORE, "author": f"{LINE_BREAK}|{MORE_THAN_NAME}"}.get(field, LINE_BREAK)
            final &= ~text_arrays.matches(texts, changed, ignore_case=True)
        if field == "image_url":
            final &= text_arrays.matches(texts, _SINGLE_ADDRESS)
        return final

    def _read_tags(self, column: str, values: Sequence[Any], convert: _Convert) -> list[Any]:
        """Read lists of tags, each tag once; what is no list goes through the converter."""
        plan, limit = self._plan, self._plan.limits.max_tags
        convert_tag = self._converter("tags", column, lambda text: [text])
        is_list = [
            type(value) is list and len(value) <= limit and all(type(tag) is str for tag in value) for value in values
        ]
        tags = set(chain.from_iterable(value for value, fits in zip(values, is_list, strict=True) if fits))
        unchanged = {tag for tag in tags if CONVERTERS["tags"]([tag], "tags", plan, column) == (tag,)}
        plan.report.notes = Notes()  # of the others it is noted below

        def read_row(row: int, value: Any, fits: bool) -> Any:
            if not fits:
                return convert(row, value)
            if unchanged.issuperset(value):
                return value
            return tuple(chain.from_iterable(convert_tag(row, tag) or () for tag in value))

        return [read_row(row, value, fits) for row, (value, fits) in enumerate(zip(values, is_list, strict=True))]

    def _read_times(self, field: str, column: str, values: _Values) -> pa.Int64Array:
        """Read times as microseconds since 1970: ISO 8601 all at once, others by the converter."""
        convert, format = self._converter(field, column), self._plan.formats[column]
        texts = self._to_texts(values)
        micros = pa.nulls(self._count, pa.int64())
        if format.date_format is None:
            micros = text_arrays.parse_zoned(texts)
            if format.zone is UTC and micros.null_count > texts.null_count:
                naive = text_arrays.parse_naive(texts)
                micros = pc.coalesce(micros, naive)
                if field == "published_at":
                    self._naive_micros = naive
        if micros.null_count:
            is_missing = micros.is_null()
            given = self._to_list(column)
            converted = [convert(row, given[row]) for row in np.flatnonzero(is_missing).tolist()]
            micros = pc.replace_with_mask(micros, is_missing, pa.array(converted, TIME).cast(pa.int64()))
        return micros

    def _converter(self, field: str, column: str, to_value: Callable[[str], Any] = str) -> _Convert:
        """Make what converts a column's value, each text once; rows of which something would be noted are odd."""
        plan, report = self._plan, self._plan.report
        convert = to_moment if field in TIMES else CONVERTERS.get(field, to_word)
        results: dict[str, tuple[bool, Any, datetime | None]] = {}  # whether it is odd, value, time without a zone

        def read(value: Any) -> tuple[bool, Any, datetime | None]:
            try:
                converted = convert(value, field, plan, column)
            except (RowError, UnsettledOrder):
                return True, None, None
            has_notes, naive = bool(report.notes.counts), report.newest_naive
            report.newest_naive = None
            if has_notes:
                report.notes = Notes()
            return has_notes, converted or None, naive

        def convert_value(row: Any, value: Any) -> Any:
            if _is_absent(value):
                return None
            if type(value) is not str:
                value = plain(value)
                odd, converted, naive = (False, None, None) if value is None else read(value)
            elif value in results:
                odd, converted, naive = results[value]
            else:
                odd, converted, naive = results[value] = read(to_value(value))
            if odd:
                self.odd[row] = True
            if naive is not None:
                self._naive.append((row, naive))
            return converted

        return convert_value

    def _add_further_tags(self, fields: dict[str, pa.Array]) -> None:
        """Add what `further_tags` finds in columns of several sections, and of words above headlines."""
        plan = self._plan
        columns = {name: self._to_list(name) for name in plan.kickers}
        for name in plan.columns.get("section", ()):
            values = self._raw[name]
            if isinstance(values, pa.Array):  # of texts; lists may be printed in them
                self.odd |= text_arrays.matches(values, r"^\s*\[")
            else:
                self._mark_odd(type(value) is str and value[:1] in ("[", " ") for value in values)
                if any(type(value) not in (str, type(None)) for value in values):
                    columns[name] = values
        if not columns:
            return
        self._used.update(plan.kickers)
        tags, found = fields["tags"].to_pylist(), dict[Any, list[str]]()  # values recur
        for row, (section, *cells) in enumerate(zip(fields["section"].to_pylist(), *columns.values(), strict=True)):
            key = (section, str(cells))
            if (more := found.get(key)) is None:
                more = further_tags(dict(zip(columns, cells, strict=True)), plan, section)
                if plan.report.notes.counts:
                    self.odd[row], plan.report.notes = True, Notes()
                    continue
                found[key] = more
            if more:
                tags[row] = with_tags(tags[row] or (), more, plan)
        fields["tags"] = pa.array(tags, READ.field("tags").type)

    def _drop_repeated_leads(self, fields: dict[str, pa.Array]) -> tuple[list[str], dict[int, str]]:
        """Drop leads that repeat the title or are cut from the body; return all leads, and those rows with a note."""
        leads = fields["lead"].to_pylist()
        repeated = {
            row: note
            for row, (lead, title) in enumerate(zip(leads, fields["title"].to_pylist(), strict=True))
            if lead
            and (note := repeated_lead(lead, title, str(fields["body"][row]) if lead.endswith(CUT_ENDS) else ""))
        }
        for row in repeated:
            leads[row] = ""
        if repeated:
            fields["lead"] = pa.array(leads, STRING)
        return leads, repeated

    def _write_details(self, has_no_body: _Mask) -> list[str | None]:
        columns = {name: self._without_odd(name) for name in self._raw if name not in self._used}
        texts: list[str | None] = [None] * self._count
        for row, cells in enumerate(zip(*columns.values(), strict=True)):
            details = {name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None and cell != ""}
            if details and not self.odd[row]:
                try:
                    text = texts[row] = orjson.dumps(details, default=str).decode()
                except (TypeError, ValueError):  # of surrogates, too large numbers and keys that are no text
                    self.odd[row] = True
                else:
                    self.odd[row] |= "\\u0000" in text or (has_no_body[row] and len(text) >= MIN_LONG_TEXT)
        return texts

    def _without_odd(self, name: str) -> Sequence[Any]:
        """Return the cells of a column that JSON can represent, None for others; their rows are odd, but for NaN."""
        cells = self._to_list(name)
        odd = [type(cell) not in _JSON_TYPES or (name == "extra" and type(cell) is dict) for cell in cells]
        self._mark_odd(odd)
        if True not in odd and float not in map(type, cells):
            return cells
        is_nan = (type(cell) is float and cell != cell for cell in cells)
        return [None if is_odd or nan else cell for cell, is_odd, nan in zip(cells, odd, is_nan, strict=True)]

    def _collect_links(self, fields: Mapping[str, pa.Array]) -> list[Any]:
        names = self._plan.columns.get("links")
        values = self._to_list(names[0]) if names else ()
        given = {row: plain(value) for row, value in enumerate(values) if not _is_absent(value)}
        for row in given:
            self.odd[row] |= is_other_than_links(values[row])
        links: list[Any] = [()] * self._count
        for row in {*given, *chain.from_iterable(self._anchors.values())}:
            if not self.odd[row]:
                id_, url = (fields[field][row].as_py() for field in ("id", "url"))
                anchors = chain.from_iterable(by_row.get(row, ()) for by_row in self._anchors.values())
                collected = collect_links(anchors, given.get(row), id_, url, self._given_plan)
                links[row] = [asdict(link) for link in collected]
        return links


def _is_absent(value: Any) -> bool:
    return value is None or (type(value) is str and not value)
