"""What is not published is not shown: columns that say so, by value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.reading.names import fold
from recommender.reading.read import read_articles
from recommender.reading.status import StatusCheck
from recommender.settings import ReadingSettings

HIDDEN = ["draft", "Auto-Draft", "PENDING", "private", "trash", "scheduled", "future", "embargoed", "canceled"]
HIDDEN += ["cancelled", "withheld", "in review", "deleted", "Unpublished", "hidden", "inactive", "killed"]
HIDDEN += ["depubliziert", "gesperrt", "Gelöscht", "zurückgezogen", "dépublié", "retiré", "supprimé", "hors ligne"]
HIDDEN += ["retirado", "eliminado", "despublicado", "ingetrokken", "verwijderd", "offline"]
SHOWN = ["publish", "Published", "live", "usable", "public", "inherit", "archived", "approved", "members"]
STATUSES = ["status", "state", "pubstatus", "post_status", "visibility", "publishStatus", "workflow state"]


def story(**values: Any) -> dict[str, Any]:
    return {"id": "a", "title": "Ferry aground", **values}


@pytest.mark.parametrize("column", STATUSES)
def test_every_status_column_hides_and_shows(column: str) -> None:
    for value in HIDDEN:
        table, report = read_articles([story(**{column: value}), {"id": "b", "title": "Other", column: "live"}])
        assert table["id"].to_pylist() == ["b"], value
        assert report.unpublished == {f"{column} {value.casefold()}": 1}
        assert set(report.taken_back) == {"a"}
    for value in SHOWN:
        table, report = read_articles([story(**{column: value})])
        assert (len(table), report.unpublished, report.unknown_statuses) == (1, {}, {}), value


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"published": False}, False),
        ({"published": "false"}, False),
        ({"published": 0}, False),
        ({"published": True}, True),
        ({"published": "2026-11-27"}, True),
        ({"draft": True}, False),
        ({"deleted_at": "2026-11-27 10:00:00"}, False),
        ({"deleted_at": None}, True),
        ({"deleted_at": "0000-00-00 00:00:00"}, True),
        ({"status": "unlisted"}, False),
        ({"draft": "yes"}, False),
        ({"draft": False}, True),
        ({"draft": ""}, True),
        ({"publish": False}, False),
        ({"is_draft": 1}, False),
        ({"status": 0}, False),
        ({"status": 1}, True),
        ({"status": None}, True),
        ({"status": "NULL"}, True),
        ({"status": {"value": "draft"}}, False),
        ({"live": False}, True),  # a live page, not a published one
        ({"status": "publish", "visibility": "private"}, False),
        ({"type": "page"}, False),
        ({"post_type": "nav_menu_item"}, False),
        ({"post_type": "attachment"}, False),
        ({"type": "author"}, False),
        ({"type": "tag-page"}, False),
        ({"type": "comment"}, True),
        ({"type": "opinion"}, True),
        ({"genre": "page"}, True),
        ({"title": "Draft", "section": "draft"}, True),
        ({"is_active": False}, False),
        ({"enabled": "false"}, False),
        ({"active": 1}, True),
        ({"status": ["draft"]}, False),
        ({"workflow": {"state": "draft"}}, False),
        ({"status": "stat:withheld"}, False),
        ({"status": "stat:usable"}, True),
        ({"state": -2}, False),  # the trash of Joomla
        ({"__typename": "Page"}, False),
        ({"__typename": "Article"}, True),
        ({"trashed": "2026-11-27T10:00:00Z"}, False),
        ({"trashed": ""}, True),
        ({"embargoed": "2020-11-27T10:00:00Z"}, True),
        ({"published": "On"}, True),
        ({"published": "Off"}, False),
        ({"seo": {"noindex": True, "title": "Ferry"}}, False),
        ({"seo": {"noindex": False, "status": None}}, True),
        ({"metadata": {"robots": "noindex, follow"}}, False),
        ({"yoast_head_json": {"robots": {"index": "noindex"}}}, False),
        ({"yoast_head_json": {"robots": {"index": "index"}}}, True),
        ({"publishing": {"isPublished": False}}, False),
        ({"system": {"workflowState": "draft", "type": "page"}}, False),
        ({"Archived": "true", "Draft": "false"}, False),
        ({"isArchived": False, "isDraft": False}, True),
        ({"Archived": "true"}, True),
        ({"meta_data": {"type": "page", "status": "live"}}, True),
        ({"seo.noindex": True}, False),
        ({"cms.content.draft": True}, False),
        ({"image.hidden": True}, True),
        ({"image": {"hidden": True}}, True),  # a picture's, not the story's
    ],
    ids=repr,
)
def test_flags_and_types(values: dict[str, Any], shown: bool) -> None:
    table, report = read_articles([story(**values)])
    assert (len(table), report.unpublished.total()) == ((1, 0) if shown else (0, 1))


@pytest.mark.parametrize("column", ["embargo", "embargoed_until", "EmbargoDate"])
def test_a_story_is_not_published_before_its_embargo_ends(column: str) -> None:
    rows = [
        {"id": n, "title": f"Ferry {n}", "published_at": "2026-11-27T09:00:00Z", column: until}
        for n, until in enumerate(["2026-11-28T10:00:00Z", "2026-11-26T10:00:00Z", "", "soon"] * 10)
    ]
    table, report = read_articles([*rows, {"id": "x", "title": "Storm", column: "2026-11-28T10:00:00Z"}])
    days = [time.day for time in table["published_at"].to_pylist()]
    assert days == [*[28, 27, 27, 27] * 10, 28]
    assert report.notes.counts.total() == 10


def test_a_flag_in_a_column_of_times_is_no_time_that_could_not_be_read() -> None:
    for value in (1, "1", "On", "yes", True):
        _, report = read_articles([story(published=value)])
        assert report.notes.counts == {}, value


def test_an_unknown_status_is_shown_and_told_once() -> None:
    rows = [{"id": n, "title": "Ferry aground", "state": name} for n, name in enumerate(["Ohio", "Ohio", "Iowa"])]
    table, report = read_articles(rows)
    assert len(table) == 3
    assert report.unknown_statuses == {"state ohio": 2, "state iowa": 1}
    from datetime import UTC, datetime

    (line,) = report.findings(datetime(2026, 11, 1, tzinfo=UTC))
    assert line.startswith("3 stories with an unknown status are shown (state ohio 2, state iowa 1)")


def test_settings_hide_and_show_further_values() -> None:
    rows = [story(status="archived"), {"id": "b", "title": "About us", "type": "page"}]
    assert read_articles(rows)[0]["id"].to_pylist() == ["a"]
    other = ReadingSettings(hidden_values=["Archived"], shown_values=["page"])
    assert read_articles(rows, settings=other)[0]["id"].to_pylist() == ["b"]


def test_the_newest_row_of_a_story_says_whether_it_is_published() -> None:
    def shown(*rows: dict[str, Any]) -> bool:
        table, report = read_articles([story(**row) for row in rows])
        assert report.read == len(table) + report.superseded + report.unpublished.total()
        return len(table) == 1

    assert not shown({"updated_at": "2026-11-20"}, {"updated_at": "2026-11-21", "status": "draft"})
    assert not shown({"updated_at": "2026-11-21", "status": "draft"}, {"updated_at": "2026-11-20"})
    assert shown({"updated_at": "2026-11-20", "status": "draft"}, {"updated_at": "2026-11-21"})
    assert not shown({}, {"status": "draft"})
    assert shown({"status": "draft", "updated_at": "2026-11-20"}, {"updated_at": "2026-11-20"})
    assert not shown({"updated_at": "2026-11-20"}, {"status": "draft"}), "what only says so is never older"


def test_a_row_that_is_not_published_needs_no_title() -> None:
    _, report = read_articles([{"id": "a", "status": "trash"}, {"status": "trash", "title": "t"}])
    assert (report.unpublished.total(), [row.reason for row in report.rejected]) == (1, ["missing id"])


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*STATUSES, "draft", "published", "type", "post_type", "is_draft"]),
        st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=8) | st.sampled_from([*HIDDEN, *SHOWN]),
        max_size=4,
    )
)
def test_any_status_is_shown_or_counted(values: dict[str, Any]) -> None:
    rows = [story(**values), {"id": "b", "title": "Other"}]
    table, report = read_articles(rows)
    assert report.read == 2 == len(table) + report.unpublished.total()
    assert "b" in table["id"].to_pylist()
    check = StatusCheck.from_columns({fold(name): name for name in reversed(values)}, ReadingSettings())
    assert ("a" in table["id"].to_pylist()) == (check(values)[0] is None)
