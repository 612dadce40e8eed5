"""Values of every kind in the fields of a row, and what is told of them."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from recommender import Recommender, Settings, precompute
from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings

TFIDF = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"related_at": 0.05, "fill": ()}})


def one(raw: dict[str, Any], **limits: Any) -> dict[str, Any]:
    table, _ = read_articles([{"id": 1, "title": "Ferry aground", **raw}], settings=ReadingSettings(**limits))
    (row,) = table.to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(7), "7"),
        (np.float64(7.0), "7"),
        (np.str_("a"), "a"),
        (Decimal("7"), "7"),
        (Decimal("7.00"), "7"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ({"$oid": "5f"}, "5f"),
        ({"rendered": "https://c.example/?p=7"}, "https://c.example/?p=7"),
        ([{"value": 7}], "7"),
        (np.array(7), "7"),
    ],
    ids=repr,
)
def test_ids_of_every_type(value: Any, expected: str) -> None:
    assert one({"id": value})["id"] == expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("title", {"rendered": "Crew &amp; ferry"}, "Crew & ferry"),
        ("title", {"basic": "Crew"}, "Crew"),
        ("body", {"#text": "Text"}, "Text"),
        ("body", ["One.", {"type": "image", "url": "x.jpg"}, {"content": "Two."}], "One.\n\nTwo."),
        ("body", np.array(["One.", "Two."]), "One.\n\nTwo."),
        ("section", [{"name": "Local"}, {"name": "Sea"}], "Local"),
        ("section", "Arts &amp;amp; Culture", "Arts & Culture"),
        ("author", [{"@type": "Person", "name": "Ann"}, "Bo"], "Ann, Bo"),
        ("author", {"first_name": "Ann", "last_name": "Rook"}, "Ann Rook"),
        ("source", {"id": None, "name": "Courier"}, "Courier"),
        ("image_url", [{"url": "https://c.example/1.jpg", "width": 3}], "https://c.example/1.jpg"),
        ("url", {"href": "https://c.example/1", "title": "Ferry"}, "https://c.example/1"),
        ("tags", "['sea', 'port']", ["sea", "port"]),
        ("tags", '[{"name": "sea"}, {"term": "port"}]', ["sea", "port"]),
        ("tags", np.array(["sea", "port"]), ["sea", "port"]),
        ("tags", ["R&amp;B", None, float("nan"), "NULL", ""], ["R&B"]),
        ("tags", "[sea, port]", ["sea", " port".strip()]),
        ("tags", {"name": "sea"}, ["sea"]),
        ("language", "EN_us", "en"),
        ("language", "English", "en"),
        ("language", "eng", "en"),
        ("language", {"value": "de-AT"}, "de"),
    ],
    ids=repr,
)
def test_objects_and_lists_are_read(field: str, value: Any, expected: Any) -> None:
    assert one({field: value})[field] == expected


@pytest.mark.parametrize("word", ["NaN", "nan", "NaT", "None", "NULL", "null", r"\N", "N/A", "<NA>", "undefined", " "])
def test_words_for_nothing(word: str) -> None:
    fields = ("lead", "body", "section", "author", "language", "url", "kind", "tags", "access")
    row = one(dict.fromkeys(fields, word))
    assert {name: value for name, value in row.items() if value and name not in ("id", "title", "line")} == {
        "access": "free",
        "kind": "news",
    }


def test_missing_values_of_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "title": ["Ferry", "Crew"],
            "published_at": [pd.Timestamp("2026-11-27 10:00:00.123456789"), pd.NaT],
            "section": [pd.NA, "Local"],
            "views": np.array([1, 2], dtype="int32"),
        }
    )
    table, report = read_articles(frame.to_dict("records"))
    rows = table.to_pylist()
    assert [row["published_at"] for row in rows] == [datetime(2026, 11, 27, 10, 0, 0, 123456, tzinfo=UTC), None]
    assert [row["section"] for row in rows] == [None, "Local"]
    assert (report.rejected, report.notes.counts) == ([], {})


def test_the_zero_of_a_database_is_no_time() -> None:
    assert one({"date": datetime(1, 1, 1), "created": datetime(2026, 11, 27)})["published_at"].year == 2026


def test_of_several_names_the_first_filled_counts() -> None:
    row = one({"title": "", "headline": None, "head": "Crew", "name": "x", "pub_date": "TBD", "date": "2026-11-27"})
    assert row["title"] == "Crew"
    assert row["published_at"] == datetime(2026, 11, 27, tzinfo=UTC)
    assert row["extra"] == '{"name":"x","pub_date":"TBD"}'


def test_a_column_shows_the_order_of_its_days_wherever_it_does(tmp_path: Any) -> None:
    dates = ["05/11/2026"] * 12_000 + ["27/11/2026"]
    path = tmp_path / "a.csv"
    path.write_text("id,title,date\n" + "".join(f"{n},Story {n},{date}\n" for n, date in enumerate(dates)))
    for source in (path, [{"id": n, "title": "t", "date": date} for n, date in enumerate(dates)]):
        table, report = read_articles(source)
        assert table["published_at"][0].as_py() == datetime(2026, 11, 5, tzinfo=UTC)
        assert report.notes.counts == {}
        assert report.read == len(dates)


def test_a_column_that_shows_no_order_gives_no_dates_and_says_so() -> None:
    rows = [{"id": n, "title": "t", "date": date} for n, date in enumerate(["05/11/2026", "05/05/2026", "06/11/2026"])]
    table, report = read_articles(rows)
    assert table["published_at"].to_pylist() == [None, datetime(2026, 5, 5, tzinfo=UTC), None]
    ((told, count),) = report.notes.counts.items()
    assert (count, "reading.day_first" in told) == (2, True)
    for day_first, month in ((True, 11), (False, 5)):
        found, _ = read_articles(rows, settings=ReadingSettings(day_first=day_first))
        assert found["published_at"][0].as_py().month == month


def test_columns_in_gmt_are_so_whatever_the_zone_of_the_newsroom() -> None:
    row = one({"date": "2026-11-27 19:00", "modified_gmt": "2026-11-27 10:00"}, time_zone="Asia/Tokyo")
    assert (row["published_at"].hour, row["updated_at"].hour) == (10, 10)


def test_times_ahead_of_the_clock_name_the_setting() -> None:
    _, report = read_articles([{"id": 1, "title": "t", "date": "2026-11-27 21:11:05"}])
    now = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
    (line,) = report.findings(now)
    assert line.startswith("the newest times without a zone lie 9 hours ahead of the clock")
    assert report.findings(now + timedelta(hours=9)) == report.findings(now - timedelta(days=2)) == ()
    zoned = [{"id": 1, "title": "t", "date": "2026-11-27 21:11:05Z"}]
    assert read_articles(zoned)[1].findings(now) == ()


def test_without_ids_the_address_serves_and_that_is_said_once() -> None:
    rows = [{"link": f"https://c.example/{n}", "headline": "Ferry"} for n in range(3)]
    table, report = read_articles(rows)
    assert table["id"].to_pylist() == table["url"].to_pylist() == [row["link"] for row in rows]
    assert report.notes.lines() == ["3 stories have no id: their address serves as one"]


def test_a_long_text_that_was_not_used_is_named() -> None:
    _, report = read_articles([{"id": 1, "title": "t", "verhaal": "word " * 200}])
    (line,) = report.notes.lines()
    assert "--column body=verhaal" in line


def test_a_canonical_id_that_many_stories_share_is_ignored_and_told(tmp_path: Path) -> None:
    home = "https://c.example/"
    stories = [
        {"id": f"s{n}", "title": f"Ferry {word}", "canonical_id": home}
        for n, word in enumerate(["aground", "afloat", "late", "early", "sold", "lost", "found", "named"])
    ]
    stories += [
        {"id": "v1", "title": "Crew safe", "canonical_id": "v0"},
        {"id": "v2", "title": "All safe", "canonical_id": "v0"},
    ]
    rec = Recommender(TFIDF).fit(stories)
    assert rec.catalog.shared_canonicals == {home: 8}
    assert rec.catalog.superseded.sum() == 1
    assert len(np.unique(rec.catalog.copy_group)) == 9
    (line,) = precompute(stories, tmp_path / "lists", settings=TFIDF).notes
    assert line == f"8 stories name {home!r} as canonical_id, which is ignored: they are no versions of one story"


def test_a_draft_gets_a_list_whatever_its_status() -> None:
    titles = ["Ferry fares rise again", "Harbour crane sold", "Museum opens", "Council votes on budget"]
    rec = Recommender(TFIDF).fit([{"id": n, "title": title} for n, title in enumerate(titles)])
    draft = {"id": "d", "title": "Ferry leaves the harbour again"}
    found = rec.recommend_for({**draft, "status": "draft"})
    assert found.items
    assert found == rec.recommend_for(draft)


def test_a_fit_warns_of_what_was_left_out() -> None:
    stories = [{"id": n, "title": "Ferry aground", "date": "soon"} for n in range(2)]
    with pytest.warns(UserWarning, match=r"2 times in published_at could not be read.*such as 'soon'"):
        Recommender(TFIDF).fit(stories)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Recommender(TFIDF).fit([story | {"date": "2026-11-27"} for story in stories])
