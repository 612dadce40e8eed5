"""Columns of raw rows -> columns of articles.

Nothing here says what a value means. What `RowReader` would take as it is, is taken as it is; other values go through
the same converters; and a row that would be rejected, or of which anything would be told, is marked as odd.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.article import SCHEMA, TIME
from recommender.articles.text import LINE_OF, teaser
from recommender.errors import RowError
from recommender.reading.convert import CONVERT, UnsettledOrder, is_cut_from, read_moment, word
from recommender.reading.fields import ID_IS_URL, LONG_TEXT, links_of
from recommender.reading.links import is_other_than_links
from recommender.reading.markup import Anchor, are_plain, is_plain
from recommender.reading.names import TIMES
from recommender.reading.plan import Plan
from recommender.reading.report import ReadReport, Told
from recommender.reading.values import LONGEST_MISSING, plain

HIDDEN = "unpublished"
"""A column beside those of articles: what says that a row is no published story."""
READ = SCHEMA.append(pa.field(HIDDEN, pa.large_string()))

_TEXTS = ("title", "body", "lead")
_ADDRESSES = ("url", "image_url", "canonical_id")  # where & begins no entity
_DEFAULTS = {**dict.fromkeys(_TEXTS, ""), "access": "free", "kind": "news", "tags": ()}
_Read: TypeAlias = Callable[[str, str, Sequence[Any]], list[Any]]
_JSON = frozenset((str, int, bool, float, list, dict, type(None)))
_STRING = pa.large_string()
# Times that Arrow reads as `read_moment` does; a 29 February is left to that.
_DAY = r"(1[6-9]|2[0-3])\d\d-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_CLOCK = r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_NAIVE, _ZONED = rf"^{_DAY}({_CLOCK})?$", rf"^{_DAY}{_CLOCK}(Z|[+-](0\d|1[0-4]):[0-5]\d)$"
_MOST_ID = 1 << 63  # of numbers that are ids
_DAY_US = 86_400_000_000
# How blanks of Unicode begin or end in UTF-8; other characters may do so too.
_BLANK = np.isin(
    np.arange(256), [*chain.from_iterable(chr(one).encode() for one in range(0x10000) if chr(one).isspace())]
)
_ZEROS = (0, -25_568 * _DAY_US)  # 1970 and the end of 1899, which stand for no date
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Columns:
    """Rows of the same columns; `odd` tells those that are not to be read here."""

    @classmethod
    def of_table(cls, table: pa.Table, plan: Plan) -> Columns:
        """Take what Arrow has read: a body stays there, other columns are short."""
        body = plan.columns.get("body", ("",))[0]
        columns = {
            name: column.chunk(0) if name == body and column.type == _STRING else column.to_pylist()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
        return cls(columns, len(table), plan)

    def __init__(self, columns: Mapping[str, Sequence[Any]], count: int, plan: Plan) -> None:
        self._raw, self._count = columns, count
        self._given, self._plan = plan, replace(plan, report=ReadReport())  # so that nothing is told twice
        self._used = set(plan.alone)
        self._naive: list[tuple[int, datetime]] = []  # row and time
        self._naive_micros = pa.nulls(0, pa.int64())
        self._whole: dict[str, pa.Array] = {}  # fields that are as Arrow has them already
        self.odd = np.zeros(count, dtype=bool)

    def table(self) -> pa.Table:
        """Convert all rows to a table of articles; what it holds of odd rows means nothing."""
        plan, count = self._plan, self._count
        if "extra" in plan.columns or "id" not in plan.columns:
            self.odd[:] = True
            return READ.empty_table()
        self._check_status()
        found = {"id": self._first("id", plan.columns["id"], self._ids)}
        found |= {field: self._first(field, names, self._times) for field, names in plan.times}
        found |= {field: self._first(field, names, self._words) for field, names in plan.words}
        anchors: dict[int, list[Anchor]] = defaultdict(list)
        for field in ("lead", "body"):
            for at, one in enumerate(found.get(field, ())):
                if type(one) is tuple:
                    found[field][at] = one[0]
                    if one[1]:
                        anchors[at] += one[1]
        for field, default in _DEFAULTS.items():
            found[field] = [value or default for value in found[field]] if field in found else [default] * count
        self._mark(not (title or body) for title, body in zip(found["title"], found["body"], strict=True))
        for at, lead in enumerate(found["lead"]):
            if lead.endswith("]") and is_cut_from(lead, self._body_at(at, found["body"])):
                found["lead"][at] = ""
        found["extra"] = self._extra(found["body"])
        found["line"] = list(map(teaser, found["lead"], found["body"]))
        arrays = self._whole | {
            field.name: self._array(found.get(field.name), field.type)
            for field in READ
            if field.name not in self._whole
        }
        arrays["links"] = self._array(self._links(found, anchors), arrays["links"].type)
        self._note_naive()
        if plan.id_is_url:
            for _ in range(count - int(self.odd.sum())):
                self._given.report.told.add(ID_IS_URL)
        return pa.Table.from_arrays([arrays[name] for name in READ.names], schema=READ)

    def _body_at(self, row: int, begins: Sequence[str]) -> str:
        """Take the whole body of a row, which Arrow may hold."""
        return str(self._whole["body"][row]) if "body" in self._whole else begins[row]

    def _note_naive(self) -> None:
        for at, time in self._naive:
            if not self.odd[at]:
                self._given.report.note_naive(time)
        if len(self._naive_micros):
            newest = pc.max(self._naive_micros.filter(pa.array(~self.odd))).as_py()
            self._given.report.note_naive(None if newest is None else _EPOCH + timedelta(microseconds=newest))

    def _mark(self, odd: Iterable[bool]) -> None:
        self.odd |= np.fromiter(odd, dtype=bool, count=self._count)

    def _first(self, field: str, names: tuple[str, ...], read: _Read) -> list[Any]:
        """Find values of a field in the first of its columns that holds any; a row that needs another is odd."""
        if len(names) == 1:
            return read(field, names[0], self._raw[names[0]])
        name = next((one for one in names if not all(map(_is_absent, self._raw[one]))), names[0])
        self._used.add(name)
        found = read(field, name, self._raw[name])
        cells = zip(*(self._raw[one] for one in names), strict=True)
        self._mark(not value and not all(map(_is_absent, some)) for value, some in zip(found, cells, strict=True))
        return found

    def _array(self, values: Sequence[Any] | None, kind: pa.DataType) -> pa.Array:
        """Put values in Arrow; rows with a NUL or with what is no UTF-8 are odd."""
        if values is None:
            return pa.nulls(self._count, kind)
        try:
            array = pa.array(values, kind)
        except UnicodeEncodeError:
            wrong = [type(value) is str and not _is_utf_8(value) for value in values]
            self._mark(wrong)
            array = pa.array([None if one else value for one, value in zip(wrong, values, strict=True)], kind)
        if kind == _STRING and (data := array.buffers()[2]) and not np.frombuffer(data, np.uint8).all():
            self._mark(pc.fill_null(pc.match_substring(array, "\0"), False).to_pylist())
        return array

    def _check_status(self) -> None:
        """Mark as odd the rows that say that they are not published, or what is not known."""
        known: dict[Any, bool] = {}
        columns = {column: self._raw[column] for column, _ in self._plan.status.columns}
        if columns:
            for at, values in enumerate(zip(*columns.values(), strict=True)):
                # True, 1 and 1.0 are one key
                key = values if all(type(value) in (str, type(None)) for value in values) else at
                if key not in known:
                    known[key] = self._plan.status(dict(zip(columns, values, strict=True))) != (None, None)
                self.odd[at] |= known[key]

    def _ids(self, field: str, column: str, values: Sequence[Any]) -> list[Any]:
        texts = [
            value.strip()
            if type(value) is str
            else str(value)
            if type(value) is int and abs(value) < _MOST_ID
            else None
            for value in values
        ]
        most = self._plan.limits.max_id_chars
        self._mark(not text or len(text) > most for text in texts)
        return texts

    def _words(self, field: str, column: str, values: Sequence[Any]) -> list[Any]:
        """Read a column without times: plain texts as they are, others by the converter of the field."""
        limits, convert = self._plan.limits, self._converter(field, column)
        if isinstance(values, pa.LargeStringArray):
            return self._body(values, convert)
        if field == "tags":
            return self._tags(column, values, convert)
        if field in CONVERT and field not in _TEXTS:
            return [convert(at, value) for at, value in enumerate(values)]
        most = (
            limits.max_body_chars if field in ("body", "lead") else min(limits.max_field_chars, limits.max_body_chars)
        )
        is_usual = bool if field in _ADDRESSES else is_plain
        found = [
            value.strip() or None
            if type(value) is str and LONGEST_MISSING < len(value) <= most and is_usual(value)
            else convert(at, value)
            for at, value in enumerate(values)
        ]
        if field == "url" and limits.site_url:
            self._mark((url or "").startswith("/") for url in found)
        return found

    def _tags(self, column: str, values: Sequence[Any], convert: Callable[[int, Any], Any]) -> list[Any]:
        """Read lists of tags, each tag once; what is no list goes through the converter."""
        plan, most = self._plan, self._plan.limits.max_tags
        part = self._converter("tags", column, lambda text: [text])
        is_list = [
            type(value) is list and len(value) <= most and all(type(one) is str for one in value) for value in values
        ]
        tags = set(chain.from_iterable(value for value, fits in zip(values, is_list, strict=True) if fits))
        same = {tag for tag in tags if CONVERT["tags"]([tag], "tags", plan, column) == (tag,)}
        plan.report.told = Told()  # it is told of the others below
        return [
            convert(at, value)
            if not fits
            else value
            if same.issuperset(value)
            else tuple(chain.from_iterable(part(at, one) or () for one in value))
            for at, (value, fits) in enumerate(zip(values, is_list, strict=True))
        ]

    def _body(self, texts: pa.LargeStringArray, convert: Callable[[int, Any], Any]) -> list[Any]:
        """Take the beginnings of bodies, as lines for readers need them; the whole bodies stay in Arrow."""
        ends = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
        data = np.frombuffer(texts.buffers()[2] or b"\0", np.uint8)
        sizes = np.diff(ends)  # in bytes; a character has at most four
        usual = (sizes > 4 * LONGEST_MISSING) & (sizes <= self._plan.limits.max_body_chars) & are_plain(texts)
        begins: list[Any] = pc.utf8_slice_codeunits(texts, 0, LINE_OF).to_pylist()
        edges = _BLANK[data[np.minimum(ends[:-1], len(data) - 1)]] | _BLANK[data[np.maximum(ends[1:] - 1, 0)]]
        for at in np.flatnonzero(usual & edges).tolist():
            end = data[ends[at + 1] - 4 : ends[at + 1]].tobytes().decode(errors="ignore")
            usual[at] = not (begins[at][0].isspace() or end[-1].isspace())
        others = np.flatnonzero(~usual & (sizes > 0))
        if len(others):
            read = [
                convert(at, value) for at, value in zip(others.tolist(), texts.take(others).to_pylist(), strict=True)
            ]
            for at, found in zip(others.tolist(), read, strict=True):
                begins[at] = found
            mask = np.zeros(len(texts), dtype=bool)
            mask[others] = True
            texts = pc.replace_with_mask(texts, mask, pa.array([found and found[0] for found in read], _STRING))
        self._whole["body"] = pc.fill_null(texts, "")
        return begins

    def _times(self, field: str, column: str, values: Sequence[Any]) -> list[Any]:
        """Read times as microseconds since 1970: ISO 8601 in one go, others by the converter."""
        convert, forms = self._converter(field, column), self._plan.forms[column]
        texts = self._array([value if type(value) is str else None for value in values], _STRING)
        if forms.form is not None:
            return [convert(at, value) for at, value in enumerate(values)]
        micros = _moments(texts, _ZONED, TIME)
        if forms.home is UTC and micros.null_count > texts.null_count:
            naive = _moments(texts, _NAIVE, pa.timestamp("us"))
            micros = pc.coalesce(micros, naive)
            if field == "published_at":
                self._naive_micros = naive
        return [
            convert(at, value) if micro is None else micro
            for at, (value, micro) in enumerate(zip(values, micros.to_pylist(), strict=True))
        ]

    def _converter(self, field: str, column: str, given: Callable[[str], Any] = str) -> Callable[[int, Any], Any]:
        """Make what turns a column's value into a field's, each text once; rows with something to report are odd."""
        plan, report = self._plan, self._plan.report
        convert = read_moment if field in TIMES else CONVERT.get(field, word)
        known: dict[str, tuple[bool, Any, datetime | None]] = {}

        def read(value: Any) -> tuple[bool, Any, datetime | None]:
            try:
                found = convert(value, field, plan, column)
            except (RowError, UnsettledOrder):
                return True, None, None
            told, naive = bool(report.told.counts), report.newest_naive
            report.newest_naive = None
            if told:
                report.told = Told()
            return told, found or None, naive

        def converted(at: int, value: Any) -> Any:
            if _is_absent(value):
                return None
            if type(value) is not str:
                value = plain(value)
                odd, found, naive = (False, None, None) if value is None else read(value)
            elif value in known:
                odd, found, naive = known[value]
            else:
                odd, found, naive = known[value] = read(given(value))
            if odd:
                self.odd[at] = True
            if naive is not None:
                self._naive.append((at, naive))
            return found

        return converted

    def _extra(self, bodies: Sequence[str]) -> list[str | None]:
        """Write further details as JSON."""
        columns = {name: cells for name, cells in self._raw.items() if name not in self._used}
        for name, cells in columns.items():
            odd = [type(cell) not in _JSON or (name == "extra" and type(cell) is dict) for cell in cells]
            self._mark(odd)
            if True in odd or float in map(type, cells):
                missing = (one or (type(cell) is float and cell != cell) for one, cell in zip(odd, cells, strict=True))
                columns[name] = tuple(None if one else cell for one, cell in zip(missing, cells, strict=True))
        texts: list[str | None] = [None] * self._count
        for at, cells in enumerate(zip(*columns.values(), strict=True)):
            rest = {name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None and cell != ""}
            if rest and not self.odd[at]:
                try:
                    text = texts[at] = orjson.dumps(rest, default=str).decode()
                except (TypeError, ValueError):  # of surrogates, too large numbers and keys that are no text
                    self.odd[at] = True
                else:
                    self.odd[at] |= "\\u0000" in text or (not bodies[at] and len(text) >= LONG_TEXT)
        return texts

    def _links(self, found: Mapping[str, Sequence[Any]], anchors: Mapping[int, list[Anchor]]) -> list[Any]:
        names = self._plan.columns.get("links")
        given = self._raw[names[0]] if names else ()
        linked = {at: plain(value) for at, value in enumerate(given) if not _is_absent(value)}
        for at in linked:
            self.odd[at] |= is_other_than_links(given[at])
        links: list[Any] = [()] * self._count
        for at in {*anchors, *linked}:
            if not self.odd[at]:
                url = found["url"][at] if "url" in found else None
                some = links_of(anchors.get(at, ()), linked.get(at), found["id"][at], url, self._given)
                links[at] = [asdict(link) for link in some]
        return links


def _moments(texts: pa.Array, form: str, kind: pa.DataType) -> pa.Array:
    """Parse texts of a form to microseconds since 1970; null for others, and around days that stand for no date."""
    texts = pc.if_else(pc.match_substring_regex(texts, form), texts, pa.scalar(None, _STRING))
    micros = texts.cast(kind).cast(pa.int64())
    for zero in _ZEROS:
        near = pc.less(pc.abs(pc.subtract(micros, zero)), 3 * _DAY_US)
        micros = pc.if_else(near, pa.scalar(None, pa.int64()), micros)
    return micros


def _is_absent(value: Any) -> bool:
    return value is None or (type(value) is str and not value)


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
