"""Files, tables and iterables to one table of current articles."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles.article import FIELDS, SCHEMA, Article, to_table
from recommender.errors import InputError
from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings

STORIES = [
    Article(
        id="ferry-1",
        title="Ferry aground off Gull Point",
        body='First line,\nsecond "quoted" line;\n\nlast\tline.',
        lead="Fog, 6.40 a.m.",
        section="Local",
        tags=("ferry", "Port Ellery", "sea; fog"),
        language="en",
        author="Ann Rook",
        source="Courier",
        url="https://example.org/ferry?a=1&b=2",
        image_url="https://example.org/ferry.jpg",
        published_at=datetime(2026, 3, 3, 6, 30, tzinfo=UTC),
        updated_at=datetime(2026, 3, 3, 9, 15, 30, 250_000, tzinfo=UTC),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        canonical_id="ferry-0",
        access="paid",
        sensitivity="death",
        kind="live",
    ),
    Article(id="2", title="Übermäßig schön: 東京 – “naïve” 🦭 café", body="Zwölf Boxkämpfer", language="de"),
    Article(id="3", body="No title, undated", tags=("one",)),
    Article(id="4", title="Video only", published_at=datetime(1969, 7, 20, 20, 17, tzinfo=UTC)),
]
PLAIN = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".zstd": zstandard.ZstdCompressor().compress,
}


def raw_rows() -> list[dict[str, Any]]:
    return [
        {name: value for name in FIELDS if (value := getattr(story, name)) and name != "extra"} for story in STORIES
    ]


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, names, delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: orjson.dumps(v).decode() if isinstance(v, tuple) else v for name, v in row.items()})
    return file.getvalue().encode()


def as_tsv(rows: list[dict[str, Any]]) -> bytes:
    return as_csv(rows, "\t")


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    names = {name for row in rows for name in row}
    known = pa.schema([field for field in SCHEMA if field.name in names])
    pq.write_table(pa.Table.from_pylist(rows, known if names <= set(FIELDS) else None), file)
    return file.getvalue()


WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    ".jsonl": as_jsonl,
    ".ndjson": as_jsonl,
    ".csv": as_csv,
    ".tsv": as_tsv,
    ".parquet": as_parquet,
}


def lines(*rows: dict[str, Any]) -> bytes:
    return as_jsonl(list(rows))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(PLAIN.get(path.suffix, bytes)(data))
    return path


def reasons(report: ReadReport) -> dict[int, str]:
    return {row.line: row.reason for row in report.rejected}


def balanced(report: ReadReport) -> bool:
    """Every row read is accepted, superseded, unpublished or rejected; line 0 stands for a whole file."""
    rows = [row for row in report.rejected if row.line]
    return report.read == report.accepted + report.superseded + report.unpublished.total() + len(rows)


@pytest.mark.parametrize("packing", ["", ".gz", ".zst", ".zstd"])
@pytest.mark.parametrize("kind", list(WRITERS))
def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, kind: str, packing: str) -> None:
    path = write(tmp_path / f"news{kind}{packing}", WRITERS[kind](raw_rows()))
    table, report = read_articles(path)
    assert table.schema == SCHEMA
    assert table.equals(to_table(STORIES))
    assert (report.read, report.accepted, report.superseded, report.rejected) == (4, 4, 0, [])


def test_rows_in_memory_give_the_same_table() -> None:
    def generator() -> Iterator[dict[str, Any]]:
        yield from raw_rows()

    whole = to_table(STORIES)
    for source in (STORIES, tuple(STORIES), iter(STORIES), raw_rows(), generator(), [STORIES[0], *raw_rows()[1:]]):
        table, report = read_articles(source)
        assert table.equals(whole)
        assert report.accepted == 4
    for table in (
        whole.select(list(FIELDS)),
        pa.concat_tables([whole.slice(0, 2), whole.slice(2)]).drop_columns("line"),
    ):
        assert read_articles(table)[0].equals(whole)


def test_several_files_and_a_folder(tmp_path: Path) -> None:
    rows = raw_rows()
    first = write(tmp_path / "a.jsonl.gz", as_jsonl(rows[:1]))
    second = write(tmp_path / "b.csv", as_csv(rows[1:3]))
    third = write(tmp_path / "c.parquet", as_parquet(rows[3:]))
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / "deeper").mkdir()
    for source in (tmp_path, str(tmp_path), [first, str(second), third], [first, second, third]):
        table, report = read_articles(source)
        assert table.equals(to_table(STORIES))
        assert report.read == 4


def test_names_in_files_are_recognised_file_by_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", b"guid,headline\n1,Ferry aground\n")
    write(tmp_path / "b.jsonl", lines({"_id": 2, "name": "Ferry afloat"}, {"id": 3, "title": "Crew safe"}))
    table, _ = read_articles(tmp_path)
    assert table["title"].to_pylist() == ["Ferry aground", "Ferry afloat", "Crew safe"]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    write(tmp_path / "a.csv", mark + b"id,title\n1,Ferry aground\n")
    write(tmp_path / "b.jsonl", mark + lines({"id": 2, "title": "Ferry afloat"}))
    assert read_articles(tmp_path)[0]["id"].to_pylist() == ["1", "2"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", b"id,title\r\n\r\n1,Ferry aground\r\n\r\n")
    write(tmp_path / "b.jsonl", b"\n\n" + lines({"id": 2, "title": "Ferry afloat"}) + b"  \n{}")
    _, report = read_articles(tmp_path)
    assert report.read == 3
    assert reasons(report) == {5: "missing id"}


def test_more_rows_than_one_chunk() -> None:
    calls: list[tuple[str, int, int | None]] = []
    rows = ({"id": number, "title": f"Story {number}"} for number in range(10_500))
    table, report = read_articles(rows, progress=lambda *call: calls.append(call))
    assert len(table) == report.read == report.accepted == 10_500
    assert calls[0] == ("reading", 4_000, None)
    assert calls[-1] == ("reading", 10_500, 10_500)


def test_extra_columns_are_kept(tmp_path: Path) -> None:
    row = {"id": 1, "title": "Ferry aground", "mood": "grim", "wires": {"ap": [1, None]}, "empty": ""}
    table, _ = read_articles(write(tmp_path / "a.jsonl", lines(row)))
    assert orjson.loads(table["extra"][0].as_py()) == {"mood": "grim", "wires": {"ap": [1, None]}}
    table, _ = read_articles(write(tmp_path / "a.csv", b"id,title,mood\n1,Ferry aground,grim\n2,Ferry afloat,\n"))
    assert table["extra"].to_pylist() == ['{"mood":"grim"}', None]


def test_extra_of_an_article_is_kept() -> None:
    stories = [Article(id="1", title="t", extra={"mood": "grim"}), Article(id="2", title="t")]
    assert read_articles(stories)[0]["extra"].to_pylist() == ['{"mood":"grim"}', None]


def test_the_newest_version_wins() -> None:
    days = ["2026-03-03", None, "2026-03-05", "2026-03-04", "1969-12-31"]
    rows = [{"id": 1, "title": f"Version {day}", "updated_at": day} for day in days]
    table, report = read_articles([*rows, {"id": 2, "title": "Another"}])
    assert table["title"].to_pylist() == ["Version 2026-03-05", "Another"]
    assert (report.read, report.accepted, report.superseded) == (6, 2, 4)


def test_any_date_is_newer_than_none() -> None:
    rows = [{"id": 1, "title": "Undated"}, {"id": 1, "title": "Old", "updated_at": "1950-01-01"}]
    for order in (rows, rows[::-1]):
        assert read_articles(order)[0]["title"].to_pylist() == ["Old"]


VERSIONS = st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2", "3"]), "title": st.sampled_from(["a", "b", "c"])},
    optional={
        "updated_at": st.sampled_from(["2026-03-03", "2026-03-04", "1969-12-31"]),
        "published_at": st.sampled_from(["2026-03-01", "2026-03-02"]),
        "tags": st.lists(st.sampled_from("xy"), max_size=2),
        "mood": st.sampled_from(["grim", "gay"]),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.lists(VERSIONS, min_size=1, max_size=12))
def test_of_several_rows_of_an_id_the_newest_counts_and_then_the_later(rows: list[dict[str, Any]]) -> None:
    expected = {}
    for one in {row["id"] for row in rows}:
        versions = [row for row in rows if row["id"] == one]
        published = max(row.get("published_at", "") for row in versions)
        key = lambda row, published=published: (row.get("updated_at", ""), row.get("published_at", published))  # noqa: E731
        expected[one] = max(reversed(versions), key=key)["title"]  # the first of equals, which is the last row
    for source in (rows, iter(rows)):
        table, report = read_articles(source)
        assert {row["id"]: row["title"] for row in table.to_pylist()} == expected
        assert report.superseded == len(rows) - len(table)


def test_the_later_of_two_files_counts(tmp_path: Path) -> None:
    first = write(tmp_path / "b.jsonl", lines({"id": 1, "title": "Two die", "date": "2026-11-20"}))
    second = write(tmp_path / "a.jsonl", lines({"id": 1, "title": "Three die", "date": "2026-11-20"}))
    assert read_articles([first, second])[0]["title"].to_pylist() == ["Three die"]
    assert read_articles([second, first])[0]["title"].to_pylist() == ["Two die"]


@pytest.mark.parametrize("name", ["modified_gmt", "lastmod", "versioncreated", "dateModified", "post_modified"])
def test_names_of_the_time_of_a_change(name: str) -> None:
    rows = [{"id": 1, "title": "New", name: "2026-11-21"}, {"id": 1, "title": "Old", name: "2026-11-20"}]
    assert read_articles(rows)[0]["title"].to_pylist() == ["New"]


ROWS = st.one_of(
    VERSIONS,
    st.sampled_from(
        [
            {"title": "no id"},
            {"id": "9"},
            {"id": "8", "title": "t", "published_at": "soon"},
            {"id": "7", "status": "draft"},
            "text",
            None,
            7,
        ]
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=12))
def test_every_row_is_accounted_for(rows: list[Any]) -> None:
    if rows and isinstance(rows[0], str):  # a text first would be the name of a file
        rows = rows[1:] if all(isinstance(row, dict) for row in rows[1:]) else []
    table, report = read_articles(rows)
    assert report.read == len(rows)
    assert report.accepted == len(table)
    assert balanced(report)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30) | VERSIONS.map(orjson.dumps) | st.just(b'{"id":1'), max_size=8))
def test_any_bytes_are_read_or_rejected(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    for name in ("a.jsonl", "a.csv", "a.tsv", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.parquet.gz"):
        (folder / name).write_bytes(b"\n".join(parts))
    table, report = read_articles(folder)
    assert report.accepted == len(table)
    assert balanced(report)
    assert report.rejected_jsonl().count(b"\n") == len(report.rejected)


def test_rejected_rows_name_file_line_and_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'id,title,date\n1,"Two\nlines",\n2,,\n3\n,Four,soon\n')
    _, report = read_articles(path)
    assert [orjson.loads(line) for line in report.rejected_jsonl().splitlines()] == [
        {"file": str(path), "line": 4, "reason": "neither title nor body", "id": "2"},
        {"file": str(path), "line": 5, "reason": "1 columns, expected 3 as in the header", "id": None},
        {"file": str(path), "line": 6, "reason": "missing id", "id": None},
    ]


def test_a_bad_json_line_is_named_by_its_own_place(tmp_path: Path) -> None:
    good = lines({"id": 1, "title": "t"})
    data = good + b'{"id": 2,\n[1]\n"text"\n{"id": 3, "title": "a\x00b"}\n\xff\n{"id": 4, "title": "\\ud800"}\n'
    _, report = read_articles(write(tmp_path / "a.jsonl", data))
    assert report.accepted == 2
    found = reasons(report)
    assert found[2] == "bad JSON: unexpected end of data at character 10"
    assert found[3] == "JSON list, expected an object"
    assert found[4] == "JSON str, expected an object"
    assert found[6].startswith("bad JSON: ")
    assert found[7] == "neither title nor body"


def test_a_line_without_end_is_one_bad_row(tmp_path: Path) -> None:
    data = (
        lines({"id": 1, "title": "t"})
        + lines({"id": 2, "title": "t" * 9_500})
        + lines({"id": 3}, {"id": 4, "title": "t"})
    )
    limits = ReadingSettings(max_line_bytes=1_000)
    table, report = read_articles(write(tmp_path / "a.jsonl", data), settings=limits)
    assert table["id"].to_pylist() == ["1", "4"]
    assert reasons(report) == {2: "line longer than 1,000 bytes (reading.max_line_bytes)", 3: "neither title nor body"}
    assert report.read == 4


def test_things_that_are_no_rows() -> None:
    _, report = read_articles([{"id": 1, "title": "t"}, "text", 7, None])
    assert reasons(report) == {
        2: "str, expected Article or dict",
        3: "int, expected Article or dict",
        4: "NoneType, expected Article or dict",
    }


@pytest.mark.parametrize("size", [0, 40])
def test_an_empty_file_is_told(tmp_path: Path, size: int) -> None:
    for kind in WRITERS:
        (tmp_path / f"a{kind}").write_bytes(b"\n" * size if kind != ".parquet" else b"")
    (tmp_path / "a.jsonl.gz").touch()
    (tmp_path / "a.jsonl.zst").touch()
    _, report = read_articles(tmp_path)
    assert [(row.line, row.reason) for row in report.rejected] == [(0, "empty file")] * 7
    assert report.read == 0


def test_a_header_without_rows_is_told(tmp_path: Path) -> None:
    _, report = read_articles(write(tmp_path / "a.csv", b"id,title\n"))
    assert reasons(report) == {0: "no rows below the header"}


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("kind", [".jsonl", ".csv"])
def test_a_cut_file_keeps_the_rows_before(tmp_path: Path, kind: str, packing: str) -> None:
    rows = [{"id": number, "title": f"Story {number * 7919 % 100_003}"} for number in range(20_000)]
    whole = PLAIN[packing](WRITERS[kind](rows))
    path = tmp_path / f"a{kind}{packing}"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    table, report = read_articles(path)
    assert 1_000 < len(table) < 20_000
    assert table["title"].to_pylist() == [row["title"] for row in rows[: len(table)]]
    assert len(report.rejected) == 1
    assert report.rejected[0].reason.startswith("truncated file: ")
    assert report.rejected[0].line > len(table)
    assert balanced(report)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_files_joined_end_to_end(tmp_path: Path, packing: str) -> None:
    packed = b"".join(PLAIN[packing](lines({"id": number, "title": "t"})) for number in range(300))
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(packed)
    table, report = read_articles(path)
    assert len(table) == 300
    assert not report.rejected


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.parquet.gz", "a.parquet.zst"])
def test_a_file_of_another_kind_is_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x01" + lines({"id": 1, "title": "t"}))
    table, report = read_articles(tmp_path)
    assert len(table) == 0
    assert reasons(report)[1].startswith("damaged file: ")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xml", "a.txt", "part-00000"])
def test_the_content_of_a_file_counts_and_not_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(lines({"id": 1, "title": "t"}))
    for source in (tmp_path, tmp_path / name):
        assert read_articles(source)[0]["title"].to_pylist() == ["t"]


def test_parquet_times_of_every_unit(tmp_path: Path) -> None:
    moment = 1_772_519_400
    for unit, scale in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        for zone in (None, "UTC", "Europe/Berlin"):
            times = pa.array([moment * scale + (123 if unit == "ns" else 0)], pa.timestamp(unit, zone))
            pq.write_table(pa.table({"id": ["1"], "title": ["t"], "date": times}), tmp_path / "a.parquet")
            table, report = read_articles(tmp_path)
            assert not report.rejected
            assert table["published_at"].to_pylist() == [datetime(2026, 3, 3, 6, 30, tzinfo=UTC)]


def test_a_parquet_value_that_cannot_be_read_costs_only_its_row(tmp_path: Path) -> None:
    ends, text = pa.array([0, 1, 5, 6], pa.int32()).buffers()[1], pa.py_buffer(b"acaf\xe9c")
    latin = pa.StringArray.from_buffers(3, ends, text)
    far = pa.array([0, 1, 2**62], pa.timestamp("us"))
    source = pa.table({"id": [1, 2, 3], "title": latin, "date": far})
    pq.write_table(source, tmp_path / "a.parquet")
    for table, report in (read_articles(tmp_path), read_articles(source)):
        assert table["id"].to_pylist() == ["1"]
        found = reasons(report)
        assert found[2] == "not valid UTF-8; convert the file's encoding"
        assert found[3].startswith("a value cannot be read")


def test_a_file_name_of_other_bytes_is_reported(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.jsonl"
    try:
        with open(path, "wb") as file:
            file.write(b"bad\n")
    except OSError:
        pytest.skip("this file system takes no such names")
    _, report = read_articles(tmp_path)
    assert b"caf" in report.rejected_jsonl()


def test_a_dict_may_hold_arrays() -> None:
    table, report = read_articles([{"id": 1, "title": "t", "vector": pa.array([1.5]).to_numpy()}])
    assert not report.rejected
    assert table["id"].to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        (b'{"id": 2}\n', 2, "neither title nor body"),
        (b"broken\n", 2, "bad JSON"),
        (b'\n\n{"title": "t"}\n', 4, "missing id"),
    ],
)
def test_strict_stops_at_the_first_bad_row(tmp_path: Path, bad: bytes, line: int, reason: str) -> None:
    path = write(tmp_path / "a.jsonl", lines({"id": 1, "title": "t"}) + bad + b"worse\n")
    with pytest.raises(InputError) as stopped:
        read_articles(path, strict=True)
    assert str(stopped.value).startswith(f"{path}, line {line}: {reason}")


def test_strict_stops_at_an_empty_or_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    with pytest.raises(InputError, match="line 0: empty file"):
        read_articles(path, strict=True)
    path = tmp_path / "b.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*raw_rows()))[:-20])
    with pytest.raises(InputError, match="truncated file"):
        read_articles(path, strict=True)


def test_strict_lets_older_versions_pass() -> None:
    table, report = read_articles([{"id": 1, "title": "a"}, {"id": 1, "title": "b"}], strict=True)
    assert len(table) == report.superseded == 1


def test_a_mapping_feeds_fields(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"nr,kop,title,tekst\n1,Veerboot,wrong,Aan de grond\n")
    table, _ = read_articles(path, columns={"id": "nr", "title": "kop", "body": "tekst"})
    row = table.to_pylist()[0]
    assert (row["id"], row["title"], row["body"], row["extra"]) == (
        "1",
        "Veerboot",
        "Aan de grond",
        '{"title":"wrong"}',
    )


def test_a_mapping_serves_the_files_that_have_its_column(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", b"id,kop\n1,Veerboot\n")
    write(tmp_path / "b.csv", b"id,title\n2,Ferry\n")
    assert read_articles(tmp_path, columns={"title": "kop"})[0]["title"].to_pylist() == ["Veerboot", "Ferry"]


def test_settings_name_columns_too_and_a_mapping_overrides_them() -> None:
    settings = ReadingSettings(columns={"title": "kop", "lead": "inleiding_x"})
    rows = [{"id": 1, "kop": "Veerboot", "regel": "Ferry"}]
    assert read_articles(rows, settings=settings)[0]["title"].to_pylist() == ["Veerboot"]
    assert read_articles(rows, settings=settings, columns={"title": "regel"})[0]["title"].to_pylist() == ["Ferry"]
    with pytest.raises(InputError, match="unknown field 'heading' in a column mapping"):
        read_articles(rows, settings=ReadingSettings(columns={"heading": "kop"}))


def test_a_mapping_reaches_values_within_objects(tmp_path: Path) -> None:
    rows = [{"id": n, "headlines": {"main": f"Ferry {n}"}, "desks": [{"name": "local"}]} for n in range(40)]
    rows[1]["headlines.main"] = "a column of this name"
    columns = {"title": "headlines.main", "section": "desks.0.name"}
    lines = write(tmp_path / "a.jsonl", b"\n".join(map(orjson.dumps, rows)))
    for source in (rows, lines):
        table, _ = read_articles(source, columns=columns)
        assert table["title"].to_pylist()[:3] == ["Ferry 0", "a column of this name", "Ferry 2"]
        assert set(table["section"].to_pylist()) == {"local"}
    with pytest.raises(InputError, match=r"no column 'main' .*; found .*headlines, headlines\.main, "):
        read_articles(lines, columns={"title": "main"})


def test_dates_within_objects_show_their_order_too() -> None:
    rows = [{"id": n, "title": "Ferry", "dates": {"first": f"{n}/11/2025"}} for n in range(1, 29)]
    table, _ = read_articles(rows, columns={"published_at": "dates.first"})
    assert [time.day for time in table["published_at"].to_pylist()] == list(range(1, 29))


def test_a_mapping_must_name_a_field_and_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"id,title\n1,Ferry\n")
    for source in (path, [{"id": 1, "title": "Ferry"}], pa.table({"id": [1], "title": ["Ferry"]})):
        with pytest.raises(InputError, match="unknown field 'heading' in a column mapping; expected one of id, title"):
            read_articles(source, columns={"heading": "title"})
        with pytest.raises(InputError, match=r"no column 'kop' \(mapped to title\) in the input; found id, title"):
            read_articles(source, columns={"title": "kop"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch.jsonl", "no such file"),
        ("notes.txt", "unknown kind of file.*--input-format"),
        ("folder", "no article files in folder"),
        ("lists", "no article files in folder .*; it holds published lists or a saved archive"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "lists" / "versions").mkdir(parents=True)
    (tmp_path / "lists" / "CURRENT").write_text('{"folder": "versions/000001"}')
    good = write(tmp_path / "good.jsonl", lines({"id": 1, "title": "t"}))
    for source in (tmp_path / name, str(tmp_path / name), [good, tmp_path / name]):
        with pytest.raises(InputError, match=message):
            read_articles(source)


def test_one_dict_is_not_an_archive() -> None:
    with pytest.raises(InputError, match="expected an iterable"):
        read_articles({"id": 1, "title": "t"})  # type: ignore[arg-type]


def test_no_rows_at_all() -> None:
    for source in ([], iter([]), pa.table({"id": pa.array([], pa.string())})):
        table, report = read_articles(source)
        assert table.schema == SCHEMA
        assert len(table) == report.read == len(report.rejected) == 0


def test_a_folder_that_is_also_the_output_gives_no_news_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"id": "a", "title": "b"}\n')
    (tmp_path / "rejected.jsonl").write_bytes(b'{"file": "x", "line": 1, "reason": "missing id", "id": null}\n')
    (tmp_path / "tombstones.jsonl").write_bytes(b'{"action": "withdraw", "ids": ["a"]}\n')
    table, report = read_articles(tmp_path)
    assert table["id"].to_pylist() == ["a"]
    assert report.rejected == []


def test_a_mapped_column_may_come_late() -> None:
    rows = [{"id": n, "title": "x"} for n in range(300)] + [{"id": 300, "title": "x", "kop": "y"}]
    table, _ = read_articles(rows, columns={"lead": "kop"})
    assert table["lead"].to_pylist() == [""] * 300 + ["y"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("https://courier.example/feed", "nothing is fetched"),
        ("s3://bucket/stories.parquet", "nothing is fetched"),
        (
            orjson.dumps([{"id": 1, "title": "Ferry", "body": "x" * 5_000}]).decode(),
            "characters was given, expected a path",
        ),
        (io.StringIO("id,title\n1,Ferry\n"), "an open file was given, expected its path"),
    ],
    ids=["web", "cloud", "text", "open file"],
)
def test_what_is_no_path_is_told_as_such(given: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_articles(given)
