"""Rows that are read column by column, and one by one: the same table and the same report."""

from __future__ import annotations

import gzip
import tempfile
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recommender.articles.article import to_table
from recommender.reading.blocks import BlockReader
from recommender.reading.columns import HIDDEN, READ
from recommender.reading.formats import Stream
from recommender.reading.report import Notes, ReadReport
from recommender.reading.rows import RowReader
from recommender.settings import ReadingSettings

USUAL: dict[str, Any] = {
    "id": "story",
    "title": "Ferry aground off Gull Point in fog",
    "body": "The ferry ran aground at 6.40 in thick fog off Gull Point. Nobody died.",
    "published_at": "2026-03-03T06:30:00Z",
    "section": "local news of the whole coast",
}
TEXTS: list[Any] = [
    *(
        None,
        "",
        " ",
        "nan",
        " NULL ",
        "n/a",
        "short",
        "\u00a0" * 30,
        "\x1c a text that has blanks of all kinds \u2003\x85",
    ),
    *(
        "Fish &amp; chips for all of the harbour",
        "AT&T and IBM <IBM> rise in New York",
        "a NUL \x00 in the middle of it",
    ),
    *("\ud800 is half of a character, and no text", "<p>Storm hits <b>coast</b></p><p>More of it.</p>", "x" * 300),
    '<p>The ferry <a href="/ferry">ran aground</a> in fog.</p><p>See also: <a href="/cup">Cup final</a></p>',
    '<p><a href="https://courier.example/a">Alone</a></p>',
    "The ferry ran aground at 6.40 in thick fog […]",
    "<p>The ferry ran aground&nbsp;[&hellip;]</p>",
    *({"rendered": "", "protected": False}, {"rendered": "", "protected": True}),
    *(
        "&lt;p&gt;escaped twice, &amp;amp; more&lt;/p&gt;",
        "<!-- nothing -->" * 3,
        "東京で山本氏が当選した、と発表された。" * 2,
    ),
    *(
        7,
        -1,
        2.0,
        2.5,
        float("nan"),
        True,
        False,
        10**30,
        Decimal("2"),
        Decimal("NaN"),
        UUID(int=7),
        b"bytes of a text",
    ),
    *(b"\xff", [], {}, ["one", "two"], [None, "one"], ["", "nan"], {"rendered": "Of <b>WordPress</b> &amp; others"}),
    *({"odd": 1}, {"name": "Ann Rook"}, [{"name": "Ann"}, {"name": "Bo"}], ("a", "b"), np.float64(3), np.array(["a"])),
    *(
        "['ferry', 'fog']",
        '["ferry", 7]',
        "ferry; fog, sea",
        ["ferry", "fog & sea &amp; ice", " "],
        ["x" * 300],
        [["a"]],
    ),
    *("https://courier.example/a?b=1&c=2 ", "/local/ferry-aground", "free", "Paid", "metered", "no such access"),
    *("en-GB", "English", "Live", "draft", "private", "page", "post", "desk 7", "publish", "true", "0"),
]
TIMES: list[Any] = [
    *("2026-03-03", "2026-03-03 06:30", "2026-03-03T06:30:15.123456", "2026-03-03T06:30:15.1234567Z", "2024-02-29"),
    *("2026-02-29", "2026-02-30T10:00:00Z", "2026-04-31", "2026-13-01", "2026-03-03T24:00:00Z", "2026-03-03T23:59:60Z"),
    *("2026-03-03T06:30:00+14:59", "2026-03-03T06:30:00-01:00", "2026-03-03T06:30:00+15:00", "2026-03-03T06:30+01:00"),
    *("2026-03-03T06Z", "2026-03-03Z", "2026-03-03T06:30:00 Z", " 2026-03-03 ", "2026-03-03\n", "2026-3-3", "20260303"),
    *(
        "0000-00-00",
        "0001-01-01",
        "1899-12-30",
        "1899-12-31T00:00:00",
        "1900-01-01",
        "1970-01-01",
        "1970-01-01T00:00:01Z",
    ),
    *("1970-01-02", "1969-12-31T23:00:00Z", "1600-01-01T00:00:00+14:00", "1599-12-31", "2299-12-31", "2400-01-01"),
    *(
        "2569-03-03",
        "9999-12-31T23:59:59-01:00",
        "05/11/2026",
        "27/11/2026",
        "March 3, 2026 6:30 AM",
        "TBD",
        "tomorrow",
    ),
    *(
        "Tue, 03 Mar 2026 07:30:00 +0100",
        "2026-03-03 07:30 CET",
        1772519400,
        1772519400000,
        1772519400.5,
        "1772519400",
        0,
    ),
    *(
        datetime(2026, 3, 3, 6, 30, tzinfo=UTC),
        datetime(2026, 3, 3, 6, 30),
        date(2026, 3, 3),
        np.datetime64("2026-03-03"),
    ),
    *(
        datetime(2026, 3, 3, tzinfo=timezone(timedelta(hours=9))),
        np.datetime64("NaT"),
        True,
        [],
        {"$date": 1772519400000},
    ),
]
LINKS: list[Any] = [
    *(
        ["mill-vote", "/local/ferry", None],
        [{"url": "/a", "anchor": "words"}, {"id": 7}],
        "mill-vote; mill-deal",
        "[1, 2]",
    ),
    *(
        {"self": "https://api.courier.example/1"},
        '{"self": "/1"}',
        [True, "a\x00b", "\ud800"],
        [],
        "mailto:a@b",
        7,
        [["a"]],
    ),
]
EXTRA: list[Any] = [
    *(
        {"a": [1, {"b": None}]},
        {"a": "a NUL \x00"},
        {"a": "\\u0000"},
        {1: "a", "1": "b"},
        {"a": 1e16, "b": -0.0},
        2**64,
    ),
    *(
        float("inf"),
        {"a": float("nan")},
        np.int64(4),
        np.array([1, 2]),
        datetime(2026, 3, 3, tzinfo=UTC),
        {"a": {1, 2}},
    ),
    *("long text of a column that nobody knows " * 20, object, ["\ud800"], (), set()),
]
FIELDS: dict[str, list[Any]] = {
    **dict.fromkeys(("id", "title", "body", "summary", "section", "author", "url", "image", "canonical_id"), TEXTS),
    **dict.fromkeys(("headline", "text", "guid", "tags", "keywords", "language", "type", "access", "status"), TEXTS),
    **{key: [*TIMES, *TEXTS[:8]] for key in ("published_at", "pubDate", "date_gmt", "updated_at", "expires")},
    **{key: [*LINKS, *TEXTS[:8]] for key in ("links",)},
    **{key: [*EXTRA, *TEXTS] for key in ("places", "mood", "extra")},
}
SETTINGS = [
    ReadingSettings(),
    ReadingSettings(max_field_chars=40, max_body_chars=100, max_tags=1, max_links=1, max_id_chars=20),
    ReadingSettings(time_zone="Asia/Tokyo", site_url="https://courier.example"),
    ReadingSettings(date_format="%d.%m.%Y", day_first=True),
    ReadingSettings(hidden_values=("local",), shown_values=("draft",), date_format="excel"),
]


def one_by_one(stream: Stream, limits: ReadingSettings) -> tuple[pa.Table, ReadReport]:
    reader = RowReader(stream, {}, limits, drafts=False)
    told = Notes()
    found = [one for line, raw in stream.rows(told) if (one := reader.read(line, raw)) is not None]
    hidden = pa.array([reason for _, reason in found], pa.large_string())
    reader.report.notes.merge(told)
    reader.report.read = sum(1 for _ in stream.rows(Notes()))
    return to_table(article for article, _ in found).append_column(READ.field(HIDDEN), hidden), reader.report


def in_blocks(stream: Stream, limits: ReadingSettings) -> tuple[pa.Table, ReadReport]:
    reader = RowReader(stream, {}, limits, drafts=False)
    return pa.concat_tables(
        [READ.empty_table(), *BlockReader(reader, size=100).tables()]
    ).combine_chunks(), reader.report


def assert_same(rows: list[Any], limits: ReadingSettings) -> None:
    stream = Stream("<rows>", data=rows)
    (table, report), (expected, told) = in_blocks(stream, limits), one_by_one(stream, limits)
    assert table.to_pylist() == expected.to_pylist()
    assert table.equals(expected)
    assert report == told


@st.composite
def worlds(draw: st.DrawFn) -> list[Any]:
    """Usual rows of the same columns, and some among them that are odd in a few of these."""
    more = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=6))
    names = draw(st.permutations([*dict.fromkeys([*USUAL, *more])]))
    usual = {name: USUAL.get(name, draw(st.sampled_from(FIELDS[name][:30]))) for name in names}
    rows: list[Any] = [dict(usual, id=f"story {number}") for number in range(18)]
    for number in range(draw(st.integers(1, 5))):
        changed = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=3))
        odd = {name: draw(st.sampled_from(FIELDS.get(name, TEXTS)) | st.text(max_size=40)) for name in changed}
        rows.insert(draw(st.integers(0, len(rows))), {**usual, "id": f"odd {number}", **odd})
    if draw(st.booleans()):
        rows.insert(draw(st.integers(0, len(rows))), draw(st.sampled_from([7, {}, {"id": "few"}, {7: "a", **usual}])))
    return rows


@settings(max_examples=150, deadline=None)
@given(rows=worlds(), limits=st.sampled_from(SETTINGS))
def test_a_block_gives_what_its_rows_give_one_by_one(rows: list[Any], limits: ReadingSettings) -> None:
    assert_same(rows, limits)


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize("limits", SETTINGS)
def test_every_value_is_read_in_a_block_as_it_is_alone(name: str, limits: ReadingSettings) -> None:
    rows = [{**USUAL, "id": f"story {at}", name: value} for at, value in enumerate(FIELDS[name])]
    assert_same(rows, limits)


@pytest.mark.parametrize(
    "names", [("headline", "title"), ("tags", "keywords"), ("published_at", "pubDate"), ("id", "guid")]
)
def test_of_several_columns_the_first_that_is_filled_counts_in_every_row(names: tuple[str, str]) -> None:
    first, second = names
    values = [None, "", "nan", "2026-03-03", "a text of more than twenty characters", ["a"], []]
    rows = [{**USUAL, first: one, second: other} for one in values for other in values]
    assert_same(rows, ReadingSettings())
    assert_same([{**row, first: None} for row in rows], ReadingSettings())


def test_stories_without_an_id_have_their_address_in_every_row() -> None:
    rows = [{"url": f"https://courier.example/{at}", "title": "Ferry aground", "links": ["/a"]} for at in range(20)]
    assert_same(rows, ReadingSettings())


def test_bad_rows_among_others_keep_their_places() -> None:
    rows = [{**USUAL, "id": f"story {at}"} for at in range(40)]
    for at in (0, 7, 8, 39):
        rows[at] = {**rows[at], "id": None}
    report = in_blocks(Stream("<rows>", data=rows), ReadingSettings())[1]
    assert [row.line for row in report.rejected] == [1, 8, 9, 40]


def test_strict_reading_stops_at_the_first_bad_row() -> None:
    rows = [{**USUAL, "id": f"story {at}" if at < 30 else None} for at in range(40)]
    reader = RowReader(Stream("<rows>", data=rows), {}, ReadingSettings(), drafts=False)
    list(BlockReader(reader).tables(strict=True))
    assert [row.line for row in reader.report.rejected] == [31]


WIRE = {
    "id": "story",
    "title": "Ferry aground",
    "body": "The ferry ran aground at 6.40 in thick fog. " * 4,
    "tags": ["a"],
}
LINES: list[bytes] = [
    *(
        b"\n",
        b" \n",
        b"{}\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b"no JSON\n",
        b"{\n",
        b"}\n",
        b"\xef\xbb\xbf\n",
        b"{}{}\n",
        b"{},{}\n",
    ),
    *(b'{"id": "x1", "title": "a"} {"id": "x2", "title": "b"}\n', b'{"id": "x3", "title": "two\n{lines"}\n'),
    *(
        b'{"id": "x4", "title": "first", "title": "second"}\n',
        b'{"id": "x5", "title": 7}\n',
        b'{"id": 6, "title": "a"}\n',
    ),
    *(b'{"id": "x7", "title": "a", "new": "b"}\n', b'{"id": "x8", "title": null, "body": null}\n', b'{"id": "x9"}\n'),
    *(
        b'{"id": "xa", "title": "half \\ud800"}\n',
        b'{"id": "xb", "title": "NUL \\u0000"}\n',
        b'{"id": "xc", "title": "\xff"}\n',
    ),
    *(
        b'{"id": "xd", "title": "raw \x01"}\n',
        b'{"id": "xe", "title": "\\ud83e\\uddad \\/ \\b"}\n',
        b'{"id": "xf", "title": NaN}\n',
    ),
    *(
        b'{"id": "xg", "tags": [null, "a"], "title": "b"}\r\n',
        b'{"id": "xh", "tags": [], "title": "b", "mood": ""}  \n',
    ),
    *(
        b'{"id": "xi", "tags": "a; b", "title": "b"}\n',
        b'{"id": "xj", "tags": [["a"]], "title": "b"}\n',
        b'{"tags": ["a"]}\n',
    ),
    *(b' {"id": "xk", "title": "blank before"}\n', b'{"id": "xl", "title": "' + b"x" * 3_000 + b'"}\n'),
    *(
        b'{"data": [{"id": "xm", "title": "wrapped"}]}\n',
        b'{"\\u0069d": "xn", "title": "a"}\n',
        b'{"id": "xo", "title": "a",}\n',
    ),
]
BODIES = [
    "",
    " ",
    "short",
    "x" * 76,
    "x" * 77,
    " leading blank " * 9,
    "\u201cquoted\u201d" * 9,
    "é" * 90,
    "end in a blank" * 9 + "\u2003",
]
BODIES += [
    f"{body} {more}"
    for body in (WIRE["body"], "東京で" * 40)
    for more in ("AT&T", "&amp;", "<b>bold</b>", "a\x00b", "é;&")
]
BODIES += [
    "\x85" + "a" * 90,
    "a" * 90 + "\xa0",
    "a" * 90 + "à",
    "<p>It <a href='/a'>ran</a>.</p>" * 5,
    "&" + "a;" * 60,
    "x" * 1_100,
]


def assert_same_of_lines(lines: list[bytes], limits: ReadingSettings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stories.jsonl"
        path.write_bytes(b"".join(lines))
        stream = Stream("stories", path, limits=limits)
        (table, report), (expected, told) = in_blocks(stream, limits), one_by_one(stream, limits)
    assert table.to_pylist() == expected.to_pylist()
    assert table.equals(expected)
    assert report == told


def wire_lines(**more: Any) -> list[bytes]:
    return [orjson.dumps({**WIRE, "id": f"story {at}", **more}) + b"\n" for at in range(40)]


@pytest.mark.parametrize("odd", range(len(LINES)))
def test_an_odd_line_costs_no_other_line_of_its_block(odd: int) -> None:
    lines = wire_lines()
    lines.insert(20, LINES[odd])
    assert_same_of_lines(lines, ReadingSettings(max_line_bytes=2_000))


@pytest.mark.parametrize("limits", SETTINGS)
def test_bodies_of_lines_are_what_they_are_one_by_one(limits: ReadingSettings) -> None:
    bodies = [*BODIES, *(one for one in TEXTS if type(one) is str and one.isprintable())]
    assert_same_of_lines(
        [orjson.dumps({**WIRE, "id": str(at), "body": body}) + b"\n" for at, body in enumerate(bodies)], limits
    )


@pytest.mark.parametrize("name", ["title", "section", "author", "url", "image", "language", "type", "access", "status"])
@pytest.mark.parametrize("limits", SETTINGS)
def test_texts_that_recur_are_what_they_are_one_by_one(name: str, limits: ReadingSettings) -> None:
    texts = [one for one in TEXTS if type(one) is str and "\ud800" not in one]
    for some in (texts[:3], texts[3:6], texts[6:12], texts[12:], [None, "/ferry", "nl"]):
        rows = [{**WIRE, "id": str(at), name: some[at % len(some)]} for at in range(90)]
        assert_same_of_lines([orjson.dumps(row) + b"\n" for row in rows], limits)


@settings(max_examples=100, deadline=None)
@example(odd=[(0, b'{"id": "xc", "title": "\xff"}\n')] * 3, more={}, bodies=[], dropped=[], limits=ReadingSettings())
@given(
    odd=st.lists(st.tuples(st.integers(0, 250), st.sampled_from(LINES)), max_size=4),
    more=st.sampled_from(
        [{}, {"mood": "glad"}, {"mood": ["glad"], "places": "Gull Point"}, {"status": "draft"}, {"db": ["a"]}]
    ),
    bodies=st.lists(st.sampled_from(BODIES) | st.text(min_size=70, max_size=120), max_size=30),
    dropped=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(sorted(WIRE))), max_size=6),
    limits=st.sampled_from(SETTINGS),
)
def test_blocks_of_lines_give_what_their_lines_give_one_by_one(
    odd: list[tuple[int, bytes]],
    more: dict[str, Any],
    bodies: list[str],
    dropped: list[tuple[int, str]],
    limits: ReadingSettings,
) -> None:
    rows = [{**WIRE, "id": f"story {at}", **more} for at in range(230)]
    for at, body in enumerate(bodies):
        rows[7 * at]["body"] = body
    for at, name in dropped:
        rows[at].pop(name, None)
    lines = [orjson.dumps(row) + b"\n" for row in rows]
    for at, line in odd:
        lines.insert(at, line)
    assert_same_of_lines(lines, limits)


def test_a_file_that_breaks_off_keeps_the_rows_before(tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl.gz"
    whole = gzip.compress(b"".join(wire_lines() * 100))
    path.write_bytes(whole[: len(whole) // 2])
    stream = Stream("stories", path)
    (table, report), (expected, told) = in_blocks(stream, stream.limits), one_by_one(stream, stream.limits)
    assert table.equals(expected)
    assert report == told
    assert report.rejected[-1].reason.startswith("truncated file")
