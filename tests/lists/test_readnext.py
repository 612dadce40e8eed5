from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommender import PublishedLists, ReadNext, Reason, Recommendation, Recommender, Settings
from recommender.jobs.precompute import precompute
from recommender.lists.readnext import status_of
from tests.support.checkerboard import checkerboard

ITEM = Recommendation(
    1,
    "b",
    "Ferry",
    None,
    "News",
    datetime(2024, 5, 1, tzinfo=UTC),
    "",
    "related",
    0.5,
    {},
    (Reason("meaning", "", 0.5),),
)


def record(sources: list[str], k: int = 3, status: str = "ok") -> dict[str, Any]:
    """A published list whose items came in so; what is beyond `k` is in reserve."""
    items = [
        {**asdict(replace(ITEM, rank=rank, article_id=f"i{rank}", source=source)), "reasons": []}
        for rank, source in enumerate(sources, 1)
    ]
    rest = {"version": "v", "as_of": None, "settings": "", "story": None}
    return {"article_id": "a", "status": status, "k": k, **rest, "items": items[:k], "reserves": items[k:]}


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        (["related"] * 3, "ok"),
        (["pinned", "evergreen", "related"], "ok"),
        (["related"] * 3 + ["more"], "ok"),  # what is in reserve does not count
        (["related", "related", "more"], "filled"),
        (["more"] * 3, "filled"),
        (["related", "more"], "short"),
        (["related"], "short"),
        ([], "empty"),
    ],
)
def test_a_status_says_how_the_items_came_in(sources: list[str], status: str) -> None:
    assert status_of(sources[:3], 3) == status
    assert ReadNext.of(record(sources)).status == status


@pytest.mark.parametrize("source", ["window", "caps", "same_section", "recent"])
def test_lists_that_an_earlier_version_filled_read_as_filled(source: str) -> None:
    found = ReadNext.of(record(["related", "related", source]))
    assert (found.status, [item.source for item in found]) == ("filled", ["related", "related", source])
    assert ReadNext.of(record(["related", source])).status == "short"


def test_a_withdrawal_changes_the_status_with_the_items() -> None:
    whole = record(["related", "related", "related", "more"])
    gone = [frozenset[str](), *(frozenset(f"i{number}" for number in range(1, last)) for last in range(2, 6))]
    said = [(one.status, len(one), one.shortfall) for one in (ReadNext.of(whole, ids) for ids in gone)]
    assert said == [("ok", 3, 0), ("filled", 3, 0), ("short", 2, 1), ("short", 1, 2), ("empty", 0, 3)]
    assert ReadNext.of(whole, blocked=frozenset({("i1", "a"), ("i4", "b")})).status == "filled"
    assert ReadNext.of(whole, blocked=frozenset({("i4", None)})).status == "ok"
    for status in ("withheld", "not_computed"):
        assert ReadNext.of(record([], status=status), frozenset({"i1"})).status == status


def test_stories_without_a_headline_are_shown_by_the_beginning_of_their_text(tfidf: Settings) -> None:
    body = "The ferry ran aground in thick fog off Gull Point. " + "Nobody died at Gull Point. " * 20
    long = "ferry fog harbour Gull Point aground " * 20
    rows = [
        {"id": "a", "body": body},
        {"id": "b", "body": long},
        {"id": "c", "title": "Ferry in fog", "body": body[:90]},
    ]
    rec = Recommender(tfidf).fit(rows)
    lists = [rec.recommend(story) for story in ("a", "b", "c")]
    told = {one.article_id: one for found in lists for one in (*found.items, *found.reserves)}
    assert {found.story.title for found in lists if found.story} == {one.title for one in told.values()}
    assert told["a"].title == "The ferry ran aground in thick fog off Gull Point."
    assert told["a"].line == ""
    assert told["b"].title.startswith("ferry fog")
    assert told["b"].title.endswith(" …")
    assert len(told["b"].title) <= 160
    assert told["c"].title == "Ferry in fog"
    assert rec.catalog.table["title"].to_pylist() == ["", "", "Ferry in fog"]


def test_lists_are_written_as_tables_and_told_in_a_line(fitted: Recommender, tmp_path: Path) -> None:
    found = fitted.recommend("ferry-inquiry")
    table = found.to_table()
    assert table["article_id"].to_pylist() == [item.article_id for item in found]
    assert set(table["story"].to_pylist()) == {"ferry-inquiry"}
    assert table["reasons"][0].as_py() == "; ".join(map(str, found.items[0].reasons))
    assert table["published_at"][0].as_py() == found.items[0].published_at
    assert repr(found).startswith("<ReadNext under 'ferry-inquiry': filled, ['")
    assert found.first(0).to_table().schema == table.schema
    assert repr(fitted) == f"<Recommender of {len(fitted):,} stories>"
    precompute(checkerboard(), tmp_path, settings=fitted.settings)
    lists = PublishedLists.open(tmp_path)
    lists.withdraw("t0-s1")
    table = lists.to_table()
    assert table.num_rows == sum(len(lists.get(one)) for one in lists.ids())
    assert "t0-s1" not in set(table["article_id"].to_pylist()) | set(table["story"].to_pylist())
