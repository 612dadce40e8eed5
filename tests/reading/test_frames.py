"""Frames and objects of a program, and ids in its own types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sqlite3
import uuid
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import feedparser
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from recommender import PublishedLists, Recommender, Settings, precompute
from recommender.errors import InputError, UnknownArticleError, WithdrawnArticleError
from recommender.reading.read import read_articles

MOMENT = dt.datetime(2026, 11, 27, 10, tzinfo=dt.UTC)
COLUMNS = {
    "id": [1, 2],
    "title": ["Ferry", None],
    "body": ["x", "y"],
    "date": [MOMENT, None],
    "tags": [["a", "b"], None],
}
WORDS = pa.table(COLUMNS)
PANDAS = pd.DataFrame(COLUMNS)

FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: PANDAS,
    "pandas with an index": lambda: PANDAS.set_index("id"),
    "pandas with nullable types": lambda: PANDAS.convert_dtypes(),
    "pandas on Arrow": lambda: PANDAS.convert_dtypes(dtype_backend="pyarrow"),
    "pandas with values of several types": lambda: PANDAS.assign(mood=[1, "good"]),
    "Polars": lambda: pl.DataFrame(COLUMNS),
    "Polars, lazy": lambda: pl.LazyFrame(COLUMNS),
    "Arrow": lambda: WORDS,
    "a record batch": lambda: WORDS.to_batches()[0],
    "record batches": lambda: WORDS.to_batches(max_chunksize=1),
    "a reader": lambda: WORDS.to_reader(),
    "frames in turn": lambda: (PANDAS.iloc[at : at + 1] for at in range(2)),
    "DuckDB": lambda: duckdb.from_arrow(WORDS),
    "columns by name": lambda: PANDAS.to_dict("list"),
    "an answer": lambda: {"status": "ok", "articles": WORDS.to_pylist()},
    "rows": lambda: WORDS.to_pylist(),
}


@pytest.mark.parametrize("kind", list(FRAMES))
def test_frames_of_every_kind(kind: str) -> None:
    table, report = read_articles(FRAMES[kind]())
    told = [(row["id"], row["title"], row["body"], row["tags"], row["published_at"]) for row in table.to_pylist()]
    assert told == [("1", "Ferry", "x", ["a", "b"], MOMENT), ("2", "", "y", [], None)]
    assert (report.read, report.rejected) == (2, [])


@dataclasses.dataclass
class Story:
    id: int
    title: str
    published: dt.datetime


class Model(BaseModel):
    id: int
    title: str
    published: dt.datetime


def _row_of_a_database() -> Any:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    return connection.execute("SELECT 1 AS id, 'Ferry' AS title, '2026-11-27T10:00:00Z' AS published").fetchone()


@pytest.mark.parametrize(
    "story",
    [
        Story(1, "Ferry", MOMENT),
        Model(id=1, title="Ferry", published=MOMENT),
        namedtuple("Row", "id title published")(1, "Ferry", MOMENT),
        _row_of_a_database(),
        {"id": np.int64(1), "title": np.str_("Ferry"), "published": np.datetime64("2026-11-27T10:00:00")},
    ],
)
def test_objects_of_every_kind(story: Any) -> None:
    (row,) = read_articles([story])[0].to_pylist()
    assert (row["id"], row["title"], row["published_at"]) == ("1", "Ferry", MOMENT)


FEED = """<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><item>
<title>Ferry &amp; crew</title><link>https://c.example/1</link><guid>1</guid><description>In fog</description>
<content:encoded><![CDATA[<p>It <a href="/x">ran aground</a>.</p>]]></content:encoded>
<pubDate>Fri, 27 Nov 2026 11:00:00 +0100</pubDate><category>sea</category></item></channel></rss>"""


@pytest.mark.parametrize("whole", [True, False])
def test_entries_of_feedparser(whole: bool) -> None:
    feed = feedparser.parse(FEED)
    (row,) = read_articles(feed if whole else feed.entries)[0].to_pylist()
    told = (row["id"], row["title"], row["body"], row["lead"], row["url"], row["tags"], row["published_at"])
    assert told == ("1", "Ferry & crew", "It ran aground.", "In fog", "https://c.example/1", ["sea"], MOMENT)
    assert [link["target"] for link in row["links"]] == ["https://c.example/x"]


def test_what_is_no_source_is_refused() -> None:
    for nothing in (None, 7, {"title": "One story"}):
        with pytest.raises(InputError, match="expected"):
            read_articles(nothing)  # type: ignore[arg-type]
    _, report = read_articles([(1, "Ferry")])
    assert report.rejected[0].reason == "tuple, expected Article or dict"


# -- ids ---------------------------------------------------------------------------------------

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}})
TITLES = ["Ferry leaves the harbour", "Ferry enters the harbour", "Storm floods the harbour", "Opera names a director"]
NEWS = pd.DataFrame({"id": range(1, 5), "title": TITLES})


@pytest.fixture(scope="module")
def rec() -> Recommender:
    return Recommender(SETTINGS).fit(NEWS)


def ids(found: Any) -> list[Any]:
    return [found.article_id, *(item.article_id for item in found)]


def test_ids_come_back_in_the_type_of_the_one_that_was_asked(rec: Recommender) -> None:
    assert ids(rec.recommend(2)) == [2, 1, 3, 4] == ids(rec.recommend(np.int64(2)))
    assert ids(rec.recommend("2")) == ["2", "1", "3", "4"]
    assert [ids(found)[:2] for found in rec.recommend_many([2, "1"])] == [[2, 1], ["1", "2"]]
    assert ids(rec.recommend(2, exclude=1)) == ids(rec.recommend(2, exclude=["1"])) == [2, 3, 4]
    assert ids(rec.recommend_for({"id": 9, "title": TITLES[0]}))[:2] == [9, 2]
    assert list(rec.explain_rejected([2])) == [2]
    assert rec.relevance([1], ["2"]) == rec.relevance(["1"], [2])
    assert 2 in rec.catalog
    for unknown in (99, None, 2.5, True):
        with pytest.raises(UnknownArticleError):
            rec.recommend(unknown)  # type: ignore[arg-type]


def test_integers_hold_in_saved_archives_and_published_lists(tmp_path: Path) -> None:
    precompute(NEWS, tmp_path / "lists", settings=SETTINGS, archive=tmp_path / "archive")
    kept = Recommender.load(tmp_path / "archive")
    lists = PublishedLists.open(tmp_path / "lists")
    assert ids(kept.recommend(2)) == ids(lists.get(2)) == [2, 1, 3, 4]
    assert ids(lists.get("2")) == ["2", "1", "3", "4"]
    assert lists.get(9).status == "unknown"
    kept.withdraw(3)
    assert ids(kept.recommend(2)) == [2, 1, 4]
    with pytest.raises(WithdrawnArticleError):
        kept.recommend(3)
    lists.block(1, story=2)
    lists.pin(4, story=2)
    assert ids(lists.get(2))[:2] == [2, 4]
    lists.withdraw([4])
    assert ids(lists.get(2)) == [2, 3]


def test_uuids_and_texts_that_are_no_numbers() -> None:
    names = [uuid.UUID(int=number) for number in range(4)]
    found = Recommender(SETTINGS).fit([{"id": i, "title": t} for i, t in zip(names, TITLES, strict=True)])
    assert set(ids(found.recommend(names[0]))) == set(names)
    given = zip(["1", "02", "a", "-3"], TITLES, strict=True)
    found = Recommender(SETTINGS).fit([{"id": i, "title": t} for i, t in given])
    assert set(ids(found.recommend(1))) == {1, "02", "a", -3}


@pytest.mark.parametrize(
    "mixed",
    [
        [{"id": 2, "title": "a"}, {"id": "2", "title": "b"}],
        [{"_id": "7", "title": "a"}, {"_id": np.int64(7), "title": "b"}],
        pd.DataFrame({"id": [2, "2"], "title": ["a", "b"]}),
    ],
)
def test_an_id_that_is_a_number_and_text_is_refused(mixed: Any) -> None:
    with pytest.raises(InputError, match="is a number in some rows and text in others"):
        read_articles(mixed)


def test_numbers_and_other_texts_may_stand_side_by_side() -> None:
    assert read_articles([{"id": 2, "title": "a"}, {"id": "b", "title": "b"}])[0]["id"].to_pylist() == ["2", "b"]


def test_rows_of_pandas_by_themselves() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [1, 2], "title": ["Ferry", "Fog"]})
    table, report = read_articles([row for _, row in frame.iterrows()])
    assert (table["title"].to_pylist(), report.rejected) == (["Ferry", "Fog"], [])


def test_columns_of_objects_are_stories_or_fields(tmp_path: Path) -> None:
    story = {"title": "Ferry", "body": "It ran."}
    wide = [
        {
            "id": "1",
            "headline": {"main": "Ferry"},
            "body": [{"type": "text", "content": "It ran."}],
            "author": {"name": "Ann"},
        }
    ]
    for rows in ([{"article": {"id": "1", **story}}], [{"id": "1", "content": story}], wide):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
        table, report = read_articles(tmp_path / "a.parquet")
        assert table.select(["id", "title", "body"]).to_pylist() == [{"id": "1", **story}]
        assert report.rejected == []


def test_rows_of_numpy_and_periods_of_pandas_are_read() -> None:
    rows = np.array([(1, "Ferry")], dtype=[("id", "i4"), ("title", "U10")])
    assert read_articles(list(rows))[0]["title"].to_pylist() == ["Ferry"]

    frame = pd.DataFrame({"id": [1], "title": ["Ferry"], "published_at": [pd.Period("2026-11-27", "D")]})
    assert read_articles(frame)[0]["published_at"].to_pylist()[0].isoformat() == "2026-11-27T00:00:00+00:00"


def test_a_feed_that_could_not_be_read_is_told() -> None:

    with pytest.raises(InputError, match="a feed without entries was given"):
        read_articles(feedparser.parse("<html><p>Not found"))


def test_rows_of_cursors_are_read_by_the_names_of_their_columns() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE stories (id INTEGER, headline TEXT, text BLOB)")
    connection.execute("INSERT INTO stories VALUES (0, 'Ferry', x'5468652066657272792E'), (1, 'Storm', NULL)")
    cursors = (connection.execute("SELECT * FROM stories"), duckdb.connect().execute("SELECT 0 id, 'Ferry' title"))
    tables = [read_articles(one)[0].to_pylist() for one in cursors]
    assert [[(row["id"], row["title"]) for row in rows] for rows in tables] == [
        [("0", "Ferry"), ("1", "Storm")],
        [("0", "Ferry")],
    ]
    assert tables[0][0]["body"] == "The ferry."


def test_readers_that_can_be_read_only_once_lose_nothing() -> None:
    dates = ["03/04/2026", "27/11/2026"] * 20
    table = pa.table({"nr": [str(n) for n in range(40)], "kop": ["Ferry"] * 40, "date": dates})
    for together in (False, True):
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=10))
        found, report = read_articles([reader] if together else reader, columns={"id": "nr", "title": "kop"})
        assert found["id"].to_pylist() == table["nr"].to_pylist()
        assert {one.month for one in found["published_at"].to_pylist()} == {4, 11}
        assert report.notes.lines() == []


def test_answers_of_an_interface_may_come_page_by_page() -> None:
    pages = [
        {"total": 3, "data": [{"id": 1, "title": "A"}, {"id": 2, "title": "B"}]},
        {"data": [{"id": 3, "title": "C"}]},
    ]
    assert read_articles(pages)[0]["title"].to_pylist() == ["A", "B", "C"]
    assert read_articles(page for page in pages)[1].read == 3


def test_of_columns_of_one_name_the_first_counts() -> None:
    frame = pd.DataFrame([[1, "Ferry", "Storm"]], columns=["id", "title", "title"])
    assert read_articles(frame)[0]["title"].to_pylist() == ["Ferry"]


def test_an_id_that_is_not_published_any_more_is_not_proposed() -> None:
    rec = Recommender(SETTINGS).fit(NEWS)
    rec.update([{"id": 1, "title": TITLES[0], "status": "draft"}])
    with pytest.raises(UnknownArticleError) as error:
        rec.recommend(1)
    assert "no article with id '1'" in str(error.value)
    assert "did you mean '1'" not in str(error.value)
