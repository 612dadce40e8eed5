"""Columns of raw rows -> columns of articles.

Nothing here says what a value means. What `RowReader` would take as it is, is taken as it is; other values go through
the same converters; and a row that would be rejected, or of which anything would be told, is marked as odd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, SCHEMA, TIME
from recommender.articles.openers import LONGEST_CAPTION
from recommender.articles.text import teaser, wire_lines
from recommender.errors import RowError
from recommender.reading.convert import (
    CONVERT,
    CUT_ENDS,
    CUT_LEAD,
    FRAMED,
    LINED,
    MORE,
    UnsettledOrder,
    is_cut_from,
    read_moment,
    repeats,
    word,
)
from recommender.reading.fields import ID_IS_URL, LONG_TEXT, links_of
from recommender.reading.links import is_other_than_links
from recommender.reading.markup import Anchor, are_plain
from recommender.reading.names import TIMES
from recommender.reading.plan import Plan
from recommender.reading.report import Notes, ReadReport
from recommender.reading.times import MISSING
from recommender.reading.values import plain

HIDDEN = "unpublished"
"""A column beside those of articles: what says that a row is no published story."""
READ = SCHEMA.append(pa.field(HIDDEN, pa.large_string()))

_TEXTS = ("title", "body", "lead")
_LONGEST_MISSING = 3 * max(map(len, MISSING))  # bytes of a word for nothing, as letters that fold to one have three
_DEFAULTS = {**dict.fromkeys(_TEXTS, ""), "access": "free", "kind": "news"}
_Values: TypeAlias = Sequence[Any] | pa.LargeStringArray
_Convert: TypeAlias = Callable[[Any, Any], Any]
"""Given a row, or all rows of the same value, and the value."""
_Read: TypeAlias = Callable[[str, str, _Values], pa.Array]
_JSON = frozenset((str, int, bool, float, list, dict, type(None)))
_STRING = pa.large_string()
# Times that Arrow reads as `read_moment` does; a 29 February is left to that.
_DAY = r"(1[6-9]|2[0-3])\d\d-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_CLOCK = r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_NAIVE, _ZONED = rf"^{_DAY}({_CLOCK})?$", rf"^{_DAY}{_CLOCK}(Z|[+-](0\d|1[0-4]):[0-5]\d)$"
_ONE_ADDRESS = r"\A[^|]*[/.:][^|]*\z"
_NONE: Mapping[str, NDArray[np.bool_]] = MappingProxyType({})
_MOST_ID = 1 << 63  # of numbers that are ids
# How blanks of Unicode begin or end in UTF-8; other characters may do so too.
_BLANK = np.isin(
    np.arange(256), [*chain.from_iterable(chr(one).encode() for one in range(0x10000) if chr(one).isspace())]
)
_BRACKETS, _QUOTE = np.frombuffer(b"[{", np.uint8), ord('"')
_ZEROS = (0, -25_568 * DAY_US)  # 1970 and the end of 1899, which stand for no date
_OFTEN = 8  # rows of each value, on average
_BEGINNING = LONGEST_CAPTION + 200  # bytes of a body by which its line is mostly told
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Columns:
    """Rows of the same columns; `odd` tells those that are not to be read here."""

    @classmethod
    def of_table(cls, table: pa.Table, plan: Plan, plain: Mapping[str, NDArray[np.bool_]] = _NONE) -> Columns:
        """Take what Arrow has read: texts stay there; `plain` tells of some columns which texts are plain."""
        columns = {
            name: column.chunk(0) if column.type == _STRING else _lists(column.chunk(0))
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
        return cls(columns, len(table), plan, plain)

    def __init__(
        self, columns: Mapping[str, _Values], count: int, plan: Plan, plain: Mapping[str, NDArray[np.bool_]] = _NONE
    ) -> None:
        self._raw, self._count, self._plain = columns, count, plain
        self._given, self._plan = plan, replace(plan, report=ReadReport())  # so that nothing is told twice
        self._used = set(plan.alone)
        self._naive: list[tuple[int, datetime]] = []  # row and time
        self._naive_micros = pa.nulls(0, pa.int64())
        self._anchors: dict[str, dict[int, list[Anchor]]] = {"lead": {}, "body": {}}
        self.odd = np.zeros(count, dtype=bool)

    def table(self) -> pa.Table:
        """Convert all rows to a table of articles; what it holds of odd rows means nothing."""
        plan, count = self._plan, self._count
        if "extra" in plan.columns or "id" not in plan.columns:
            self.odd[:] = True
            return READ.empty_table()
        self._check_status()
        for column in plan.embargoes:
            self._mark(not _is_absent(value) for value in self._listed(column))
        found = {field.name: pa.nulls(count, field.type) for field in READ}
        found["id"] = self._first("id", plan.columns["id"], self._ids)
        found |= {field: self._first(field, names, self._times).cast(TIME) for field, names in plan.times}
        found |= {field: self._first(field, names, self._words) for field, names in plan.words}
        found |= {field: pc.fill_null(found[field], default) for field, default in _DEFAULTS.items()}
        found["tags"] = pa.LargeListArray.from_arrays(found["tags"].offsets, found["tags"].values)  # empty, not null
        no_body = _sizes(found["body"]) == 0
        self.odd |= no_body & (_sizes(found["title"]) == 0)
        leads = found["lead"].to_pylist()
        cut = [
            at
            for at, (lead, title) in enumerate(zip(leads, found["title"].to_pylist(), strict=True))
            if lead
            and (repeats(lead, title) or (lead.endswith(CUT_ENDS) and is_cut_from(lead, str(found["body"][at]))))
        ]
        for at in cut:
            leads[at] = ""
        if cut:
            found["lead"] = pa.array(leads, _STRING)
        found["extra"] = pa.array(self._extra(no_body), _STRING)
        found["line"] = pa.array(_lines(leads, found["body"]), _STRING)
        found["links"] = pa.array(self._links(found), READ.field("links").type)
        self._note_naive()
        for at in cut:
            if not self.odd[at]:
                self._given.report.told.add(CUT_LEAD)
        if plan.id_is_url:
            for _ in range(count - int(self.odd.sum())):
                self._given.report.told.add(ID_IS_URL)
        return pa.Table.from_arrays([found[name] for name in READ.names], schema=READ)

    def _note_naive(self) -> None:
        for at, time in self._naive:
            if not self.odd[at]:
                self._given.report.note_naive(time)
        if len(self._naive_micros):
            newest = pc.max(self._naive_micros.filter(pa.array(~self.odd))).as_py()
            self._given.report.note_naive(None if newest is None else _EPOCH + timedelta(microseconds=newest))

    def _mark(self, odd: Iterable[bool]) -> None:
        self.odd |= np.fromiter(odd, dtype=bool, count=self._count)

    def _first(self, field: str, names: tuple[str, ...], read: _Read) -> pa.Array:
        """Find values of a field in the first of its columns that holds any; a row that needs another is odd."""
        if len(names) == 1:
            return read(field, names[0], self._raw[names[0]])
        filled = {name: np.array([not _is_absent(one) for one in self._raw[name]]) for name in names}
        name = next((one for one in names if filled[one].any()), names[0])
        self._used.add(name)
        found = read(field, name, self._raw[name])
        self.odd |= found.is_null().to_numpy(False) & np.any([*filled.values()], axis=0)
        return found

    def _texts(self, values: _Values) -> pa.LargeStringArray:
        """Put the texts of a column in Arrow, null for others; rows with what is no UTF-8 are odd."""
        if isinstance(values, pa.LargeStringArray):
            return values
        texts = [value if type(value) is str else None for value in values]
        try:
            return pa.array(texts, _STRING)
        except UnicodeEncodeError:
            wrong = [text is not None and not _is_utf_8(text) for text in texts]
            self._mark(wrong)
            return pa.array([None if one else text for one, text in zip(wrong, texts, strict=True)], _STRING)

    def _listed(self, name: str) -> Sequence[Any]:
        values = self._raw[name]
        return values.to_pylist() if isinstance(values, pa.Array) else values

    def _check_status(self) -> None:
        """Mark as odd the rows that say that they are not published, or what is not known."""
        known: dict[Any, bool] = {}
        columns = {column: self._listed(column) for column, _ in self._plan.status.columns}
        if columns:
            for at, values in enumerate(zip(*columns.values(), strict=True)):
                # True, 1 and 1.0 are one key
                key = values if all(type(value) in (str, type(None)) for value in values) else at
                if key not in known:
                    known[key] = self._plan.status(dict(zip(columns, values, strict=True))) != (None, None)
                self.odd[at] |= known[key]

    def _ids(self, field: str, column: str, values: _Values) -> pa.LargeStringArray:
        if not isinstance(values, pa.Array):
            values = [str(one) if type(one) is int and abs(one) < _MOST_ID else one for one in values]
        texts = self._texts(values)
        sizes = _sizes(texts)
        self.odd |= (sizes == 0) | (sizes > self._plan.limits.max_id_chars) | ~_are_stripped(texts)
        if not _bytes(texts).all():  # a NUL
            self._mark(pc.fill_null(pc.match_substring(texts, "\0"), False).to_pylist())
        return texts

    def _words(self, field: str, column: str, values: _Values) -> pa.Array:
        """Read a column without times, and mark addresses that go on where the site's ends."""
        found = self._converted(field, column, values)
        if field == "url" and self._plan.limits.site_url:
            self._mark(pc.fill_null(pc.starts_with(found, "/"), False).to_pylist())
        return found

    def _converted(self, field: str, column: str, values: _Values) -> pa.Array:
        """Take plain texts of a column as they are, and read others by the converter of the field."""
        limits, convert = self._plan.limits, self._converter(field, column)
        if field == "tags":
            tags = self._tags(column, self._listed(column), convert)
            return pa.array([some or None for some in tags], READ.field("tags").type)
        texts = self._texts(values)
        is_short = isinstance(values, pa.Array) and field not in self._anchors
        if is_short and (found := self._recurring(texts, convert)) is not None:
            return found
        if field in CONVERT and field not in _TEXTS:
            usual = np.zeros(self._count, dtype=bool)
        else:
            most = (
                limits.max_body_chars
                if field in ("body", "lead")
                else min(limits.max_field_chars, limits.max_body_chars)
            )
            sizes = _sizes(texts)
            plain = self._plain[column] if column in self._plain else are_plain(texts)
            usual = (sizes > _LONGEST_MISSING) & (sizes <= most) & plain & _are_stripped(texts)
            usual &= ~_may_be_printed(texts, usual)
            if field != "body":
                more = {"lead": MORE, "author": f"{LINED}|{FRAMED}"}.get(field, LINED)
                unusual = pc.match_substring_regex(texts, more, ignore_case=True)
                usual &= ~pc.fill_null(unusual, False).to_numpy(False)
            if field == "image_url":
                usual &= pc.fill_null(pc.match_substring_regex(texts, _ONE_ADDRESS), False).to_numpy(False)
        others = np.flatnonzero(~usual).tolist()
        some = texts.filter(~usual).to_pylist() if isinstance(values, pa.Array) else [values[at] for at in others]
        read = [convert(at, value) for at, value in zip(others, some, strict=True)]
        if field in self._anchors:
            self._anchors[field] = {at: one[1] for at, one in zip(others, read, strict=True) if one and one[1]}
            read = [one and one[0] for one in read]
        if others:
            texts = pc.replace_with_mask(texts, ~usual, pa.array(read, _STRING))
        return texts

    def _recurring(self, texts: pa.LargeStringArray, convert: _Convert) -> pa.LargeStringArray | None:
        """Convert texts of which few are different, each once; None where many are."""
        codes = texts.dictionary_encode()
        if len(codes.dictionary) * _OFTEN > self._count:
            return None
        code = pc.fill_null(codes.indices, -1).to_numpy()
        read = [convert(np.flatnonzero(code == at), text) for at, text in enumerate(codes.dictionary.to_pylist())]
        return pa.array(read, _STRING).take(codes.indices)

    def _tags(self, column: str, values: Sequence[Any], convert: _Convert) -> list[Any]:
        """Read lists of tags, each tag once; what is no list goes through the converter."""
        plan, most = self._plan, self._plan.limits.max_tags
        part = self._converter("tags", column, lambda text: [text])
        is_list = [
            type(value) is list and len(value) <= most and all(type(one) is str for one in value) for value in values
        ]
        tags = set(chain.from_iterable(value for value, fits in zip(values, is_list, strict=True) if fits))
        same = {tag for tag in tags if CONVERT["tags"]([tag], "tags", plan, column) == (tag,)}
        plan.report.told = Notes()  # it is told of the others below
        return [
            convert(at, value)
            if not fits
            else value
            if same.issuperset(value)
            else tuple(chain.from_iterable(part(at, one) or () for one in value))
            for at, (value, fits) in enumerate(zip(values, is_list, strict=True))
        ]

    def _times(self, field: str, column: str, values: _Values) -> pa.Int64Array:
        """Read times as microseconds since 1970: ISO 8601 in one go, others by the converter."""
        convert, forms = self._converter(field, column), self._plan.forms[column]
        texts = self._texts(values)
        micros = pa.nulls(self._count, pa.int64())
        if forms.form is None:
            micros = _moments(texts, _ZONED, TIME)
            if forms.home is UTC and micros.null_count > texts.null_count:
                naive = _moments(texts, _NAIVE, pa.timestamp("us"))
                micros = pc.coalesce(micros, naive)
                if field == "published_at":
                    self._naive_micros = naive
        if micros.null_count:
            missing = micros.is_null()
            others = np.flatnonzero(missing).tolist()
            given = self._listed(column)
            read = pa.array([convert(at, given[at]) for at in others], TIME)
            micros = pc.replace_with_mask(micros, missing, read.cast(pa.int64()))
        return micros

    def _converter(self, field: str, column: str, given: Callable[[str], Any] = str) -> _Convert:
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
                report.told = Notes()
            return told, found or None, naive

        def converted(at: Any, value: Any) -> Any:
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

    def _extra(self, no_body: NDArray[np.bool_]) -> list[str | None]:
        """Write further details as JSON."""
        texts: list[str | None] = [None] * self._count
        columns = {name: self._listed(name) for name in self._raw if name not in self._used}
        for name, cells in columns.items():
            odd = [type(cell) not in _JSON or (name == "extra" and type(cell) is dict) for cell in cells]
            self._mark(odd)
            if True in odd or float in map(type, cells):
                missing = (one or (type(cell) is float and cell != cell) for one, cell in zip(odd, cells, strict=True))
                columns[name] = tuple(None if one else cell for one, cell in zip(missing, cells, strict=True))
        for at, cells in enumerate(zip(*columns.values(), strict=True)):
            rest = {name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None and cell != ""}
            if rest and not self.odd[at]:
                try:
                    text = texts[at] = orjson.dumps(rest, default=str).decode()
                except (TypeError, ValueError):  # of surrogates, too large numbers and keys that are no text
                    self.odd[at] = True
                else:
                    self.odd[at] |= "\\u0000" in text or (no_body[at] and len(text) >= LONG_TEXT)
        return texts

    def _links(self, found: Mapping[str, pa.Array]) -> list[Any]:
        names = self._plan.columns.get("links")
        given = self._listed(names[0]) if names else ()
        linked = {at: plain(value) for at, value in enumerate(given) if not _is_absent(value)}
        for at in linked:
            self.odd[at] |= is_other_than_links(given[at])
        links: list[Any] = [()] * self._count
        for at in {*linked, *chain.from_iterable(self._anchors.values())}:
            if not self.odd[at]:
                id_, url = (found[field][at].as_py() for field in ("id", "url"))
                anchors = chain.from_iterable(some.get(at, ()) for some in self._anchors.values())
                links[at] = [asdict(link) for link in links_of(anchors, linked.get(at), id_, url, self._given)]
        return links


def _lists(lists: pa.ListArray) -> list[list[str | None] | None]:
    """List lists of texts, ten times as fast as Arrow; each text that recurs is one object."""
    codes = lists.values.dictionary_encode()
    different = np.array([*codes.dictionary.to_pylist(), None], dtype=object)
    texts = different[pc.fill_null(codes.indices, -1).to_numpy()].tolist()
    found: list[list[str | None] | None] = [texts[start:end] for start, end in pairwise(lists.offsets.to_pylist())]
    for at in np.flatnonzero(lists.is_null().to_numpy(False)) if lists.null_count else ():
        found[at] = None
    return found


def _ends(texts: pa.LargeStringArray) -> NDArray[np.int64]:
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _bytes(texts: pa.LargeStringArray) -> NDArray[np.uint8]:
    return np.frombuffer(texts.buffers()[2] or b"", np.uint8)


def _sizes(texts: pa.LargeStringArray) -> NDArray[np.int64]:
    """Count the bytes of texts; none where there is none."""
    return np.diff(_ends(texts))


def _lines(leads: Sequence[str], bodies: pa.LargeStringArray) -> Iterator[str]:
    """Choose lines of text for readers, most of them by the beginnings of bodies."""
    data = _bytes(bodies).data
    told = zip(leads, wire_lines(bodies), pairwise(_ends(bodies).tolist()), strict=True)
    for at, (lead, line, (start, end)) in enumerate(told):
        if line is not None and not lead:
            yield line
        elif end - start <= _BEGINNING:
            yield teaser(lead, str(data[start:end], "utf-8"))
        else:
            begins = str(data[start : start + _BEGINNING], "utf-8", "ignore")  # a character may be cut
            yield teaser(lead, begins, partial(_text_at, bodies, at))


def _text_at(texts: pa.LargeStringArray, at: int) -> str:
    return str(texts[at])


def _are_stripped(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Tell which texts neither begin nor end with a blank; empty ones do."""
    ends, data = _ends(texts), _bytes(texts)
    stripped = np.diff(ends) > 0
    rows = np.flatnonzero(stripped)
    edges = _BLANK[data[ends[rows]]] | _BLANK[data[ends[rows + 1] - 1]]
    for row in rows[edges].tolist():
        start, end = ends[row : row + 2]
        first = data[start : min(start + 4, end)].tobytes().decode(errors="ignore")[0]
        last = data[max(start, end - 4) : end].tobytes().decode(errors="ignore")[-1]
        stripped[row] = not (first.isspace() or last.isspace())
    return stripped


def _may_be_printed(texts: pa.LargeStringArray, stripped: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which of the texts that begin without a blank may be a list or an object as it is printed."""
    rows, data = np.flatnonzero(stripped), _bytes(texts)
    starts = _ends(texts)[rows]
    first = data[starts]
    found = np.zeros(len(stripped), dtype=bool)
    found[rows] = np.isin(first, _BRACKETS) | ((first == _QUOTE) & np.isin(data[starts + 1], _BRACKETS))
    return found


def _moments(texts: pa.Array, form: str, kind: pa.DataType) -> pa.Array:
    """Parse texts of a form to microseconds since 1970; null for others, and around days that stand for no date."""
    texts = pc.if_else(pc.match_substring_regex(texts, form), texts, pa.scalar(None, _STRING))
    micros = texts.cast(kind).cast(pa.int64())
    for zero in _ZEROS:
        near = pc.less(pc.abs(pc.subtract(micros, zero)), 3 * DAY_US)
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
