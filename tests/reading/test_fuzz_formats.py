"""Whatever a file or a row holds, nothing crashes, counts add up, and good rows around stay."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.errors import InputError
from recommender.reading.formats import FORMATS
from recommender.reading.formats.shapes import SHAPES
from recommender.reading.formats.wrappers import rows_within
from recommender.reading.read import read_articles
from tests.reading.test_formats import ATOM, RSS, SYSTEMS
from tests.reading.test_pages import GRAPH, META, page, scripted
from tests.reading.test_systems import ANSWERS, FURTHER
from tests.reading.test_xml import NEWSML

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "data", "id", "type", "href", "0"]) | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
PLACES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 4)), max_size=4)


def adds_up(report: Any) -> bool:
    whole = sum(not row.line for row in report.rejected)
    left = report.superseded + report.unpublished.total() + len(report.rejected)
    return bool(report.read == report.accepted + left - whole)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(SYSTEMS)), st.dictionaries(st.integers(0, 30), VALUES, max_size=5), VALUES)
def test_rows_of_systems_with_any_values(system: str, changes: dict[int, Any], inner: Any) -> None:
    row = json.loads(json.dumps(SYSTEMS[system]))
    names = list(row)
    for place, value in changes.items():
        name = names[place % len(names)]
        if isinstance(row[name], dict) and isinstance(value, str):
            row[name][next(iter(row[name]), "x")] = inner
        else:
            row[name] = value
    table, report = read_articles([row, {"id": "good", "title": "Good"}])
    assert adds_up(report)
    assert "good" in table["id"].to_pylist()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the places in an answer, from the outside."""
    yield path
    for name in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _paths(value[name], (*path, name))


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value[path[0]] = _changed(value[path[0]], path[1:], new)
    return value


WHOLE_ANSWERS = [*ANSWERS.values(), *(answer for answer, _, _ in FURTHER.values() if not isinstance(answer, str))]


@settings(max_examples=150, deadline=None)
@given(answer=st.sampled_from(WHOLE_ANSWERS), changes=st.lists(st.tuples(st.integers(0, 10**6), VALUES), max_size=4))
def test_good_stories_around_answers_with_any_values_are_kept(
    answer: Any, changes: list[tuple[int, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    answer = json.loads(json.dumps(answer))
    for place, value in changes:
        paths = list(_paths(answer))
        answer = _changed(answer, paths[place % len(paths)], json.loads(json.dumps(value)))
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    good = [json.dumps({"id": f"good {number}", "title": "Good", "body": "It is."}) for number in range(20)]
    path.write_text("\n".join([*good[:9], json.dumps(answer), *good[9:]]))
    table, report = read_articles(path)
    assert adds_up(report)
    assert {f"good {number}" for number in range(20)} <= set(table["id"].to_pylist())
    path.write_text(json.dumps(answer, indent=1))
    assert adds_up(read_articles(path, format="json")[1])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([name for shape in SHAPES for one in shape.any_of for name in [tuple(sorted(one))]]), st.data())
def test_columns_that_tell_a_system_may_hold_anything(names: tuple[str, ...], data: st.DataObject) -> None:
    row = {name: data.draw(VALUES) for name in names}
    _, report = read_articles([row])
    assert adds_up(report)


@settings(max_examples=100, deadline=None)
@given(
    VALUES, st.sampled_from(["data", "db", "@graph", "items", "columns", "included", "itemListElement", "id"]), VALUES
)
def test_any_json_is_unwrapped(value: Any, name: str, other: Any) -> None:
    for whole in ({name: value}, {name: [value, other]}, {name: value, "data": other}, {name: {"data": value}}):
        assert isinstance(list(rows_within(whole)), list)
        assert list(rows_within({"id": 1, "title": "Ferry", "body": "x", "extra": value})) == [
            {"id": 1, "title": "Ferry", "body": "x", "extra": value}
        ]


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", '{"id": 1, "title": "Ferry"}\n' * 3)
        archive.writestr("b.csv", "id,title\n2,Storm\n")
    return held.getvalue()


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        about = tarfile.TarInfo("b.csv")
        about.size = 17
        archive.addfile(about, io.BytesIO(b"id,title\n2,Storm\n"))
    return held.getvalue()


def _arrow() -> bytes:
    held = io.BytesIO()
    feather.write_feather(pa.table({"id": [1, 2], "title": ["Ferry", "Storm"]}), held, compression="uncompressed")
    return held.getvalue()


WHOLE: dict[str, bytes] = {
    "jsonl": b'{"id": 1, "title": "Ferry"}\n{"id": 2, "title": "Storm"}\n',
    "json": json.dumps({"data": [{"id": 1, "title": "Ferry"}]}).encode(),
    "csv": 'id;title;body\n1;"Ferry ""aground""";Café\n2;Storm;"a\nb"\n'.encode("cp1252"),
    "tsv": "id\ttitle\n1\tFerry\n".encode("utf-16"),
    "html": (page(META + scripted(GRAPH))).encode(),
    "xml": NEWSML.encode(),
    "markdown": b"---\ntitle: Ferry\ntags: [a, b]\n---\nText\n",
    "zip": _zip(),
    "tar": _tar(),
    "arrow": _arrow(),
}


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from([*WHOLE, "rss", "atom"]), damage=PLACES, forced=st.booleans())
def test_damage_in_any_format_is_told_and_never_a_crash(
    kind: str, damage: list[tuple[float, bytes, int]], forced: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray({"rss": RSS.encode(), "atom": ATOM.encode()}.get(kind) or WHOLE[kind])
    for place, new, count in damage:
        at = int(place * len(data))
        data[at : at + count] = new
    format = {"rss": "xml", "atom": "xml"}.get(kind, kind)
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(bytes(data))
    try:
        table, report = read_articles(path, format=format if forced else None)
    except InputError:  # of no kind that is known
        assert not forced
        return
    assert adds_up(report)
    if not damage:
        assert report.rejected == []
        assert len(table)


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("<>/ab!-[]?& item='\"\n\x00é"), max_size=80))
def test_good_stories_around_any_text_in_xml_are_kept(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    good = "<entry><id>{}</id><title>Good</title></entry>"
    path = tmp_path_factory.getbasetemp() / "fuzz.xml"
    path.write_text(f"<feed>{good.format(1)}<entry>{text}</entry>{good.format(2)}</feed>")
    table, report = read_articles(path)
    assert adds_up(report)
    # what is never closed by the text may hide the story after it, never one before
    assert "1" in table["id"].to_pylist()
    if not any(mark in text for mark in ("<!", "<?")):
        assert "2" in table["id"].to_pylist()


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=120), name=st.sampled_from([one.name for one in FORMATS]))
def test_any_bytes_in_a_forced_format(data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.any"
    path.write_bytes(data)
    _, report = read_articles(path, format=name)
    assert adds_up(report)
