"""Stories that the newsroom's system takes back leave every list at once, and come back when published again."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender import PublishedLists, PublishError, Recommender, SnapshotError
from recommender.editorial.overlay import Overlay
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from recommender.publishing import open_publisher
from tests.publishing.test_places import FORMATS, SETTINGS, format_of, place_of
from tests.support.checkerboard import checkerboard

GONE = "t0-s1"


def draft(story: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**story, "status": "draft", **more}


def shown_anywhere(lists: PublishedLists, gone: str = GONE) -> bool:
    ids = list(lists.ids())
    items = {item.article_id for found in map(lists.get, ids) for item in (*found.items, *found.reserves)}
    raw = {item["article_id"] for one in ids for item in orjson.loads(lists.json(one))["items"]}
    return gone in {*ids, *items, *raw} or lists.get(gone).status != "unknown"


@pytest.fixture(params=FORMATS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    return place_of(tmp_path, request.param), format_of(request.param)


def published(place: tuple[str, str], stories: list[dict[str, Any]], **options: Any) -> Any:
    return precompute(stories, place[0], settings=SETTINGS, format=place[1], **options)


def changed(place: tuple[str, str], stories: list[dict[str, Any]], archive: Path) -> Any:
    return refresh(stories, place[0], archive, format=place[1])


def test_readers_of_the_earlier_version_lose_it_at_once(place: tuple[str, str]) -> None:
    stories = checkerboard()
    published(place, stories)
    reader = PublishedLists.open(place[0])  # stays at its version
    assert shown_anywhere(reader)
    rest = [story for story in stories if story["id"] != GONE]
    summary = published(place, [*rest, draft({"id": GONE})])
    assert summary.unpublished == {"status draft": 1}
    assert (summary.vanished, summary.stories) == (0, len(rest))
    assert not shown_anywhere(reader)
    assert not shown_anywhere(PublishedLists.open(place[0]))
    open_publisher(place[0], place[1]).rollback()
    assert not shown_anywhere(PublishedLists.open(place[0])), "a version from before hides it as well"
    published(place, stories)
    assert not shown_anywhere(PublishedLists.open(place[0]), "nobody")
    assert shown_anywhere(PublishedLists.open(place[0]))
    assert shown_anywhere(reader)


def test_what_an_editor_withdrew_stays_withdrawn(place: tuple[str, str]) -> None:
    stories = checkerboard()
    published(place, stories)
    PublishedLists.open(place[0]).withdraw(GONE)
    published(place, [draft(story) if story["id"] == GONE else story for story in stories])
    published(place, stories)
    lists = PublishedLists.open(place[0])
    assert lists.get(GONE).status == "withdrawn"
    assert lists.overlay.unpublished == frozenset()
    lists.restore(GONE)
    published(place, stories)
    lists.refresh()
    assert lists.get(GONE).status == "ok"


def test_a_refresh_takes_back_and_brings_back(place: tuple[str, str], tmp_path: Path) -> None:
    stories, archive = checkerboard(), tmp_path / "archive"
    published(place, stories, archive=archive)
    story = next(one for one in stories if one["id"] == GONE)
    first = PublishedLists.open(place[0]).version
    summary = changed(place, [{"id": GONE, "status": "trash"}], archive)
    assert summary.changes.unpublished == 1
    assert (summary.stories, summary.unpublished) == (len(stories) - 1, {"status trash": 1})
    assert summary.version != first
    assert not shown_anywhere(PublishedLists.open(place[0]))
    assert GONE not in Recommender.load(archive).catalog
    changed(place, [{**stories[0], "title": "harbour ferry captain again"}], archive)
    assert not shown_anywhere(PublishedLists.open(place[0])), "until it comes in published"
    changed(place, [{**story, "status": "publish"}], archive)
    assert shown_anywhere(PublishedLists.open(place[0]))
    assert PublishedLists.open(place[0]).overlay.unpublished == frozenset()


def test_only_a_row_that_is_not_older_brings_a_story_back(place: tuple[str, str], tmp_path: Path) -> None:
    stories, archive = [{**one, "updated_at": "2026-11-20T09:00:00Z"} for one in checkerboard()], tmp_path / "archive"
    published(place, stories, archive=archive)
    story = next(one for one in stories if one["id"] == GONE)
    changed(place, [{"id": GONE, "status": "draft", "updated_at": "2026-11-22T09:00:00Z"}], archive)
    changed(place, [{"id": GONE, "status": "draft", "updated_at": "2026-11-21T09:00:00Z"}], archive)  # comes late
    older = {**story, "status": "publish", "updated_at": "2026-11-21T12:00:00Z"}
    summary = changed(place, [older], archive)
    assert not shown_anywhere(PublishedLists.open(place[0]))
    assert GONE not in Recommender.load(archive).catalog
    assert any("rows are older than those that took their stories back" in one for one in summary.notes), summary
    changed(place, [{**older, "updated_at": "2026-11-22T09:00:00Z"}], archive)
    assert shown_anywhere(PublishedLists.open(place[0]))
    assert PublishedLists.open(place[0]).overlay.unpublished == frozenset()


def test_a_row_without_a_time_of_change_brings_a_story_back(place: tuple[str, str], tmp_path: Path) -> None:
    stories, archive = checkerboard(), tmp_path / "archive"
    published(place, stories, archive=archive)
    changed(place, [{"id": GONE, "status": "draft", "updated_at": "2026-11-22T09:00:00Z"}], archive)
    changed(place, [next(one for one in stories if one["id"] == GONE)], archive)
    assert shown_anywhere(PublishedLists.open(place[0]))


def test_a_run_over_all_stories_brings_none_back_with_an_older_row(place: tuple[str, str], tmp_path: Path) -> None:
    stories, archive = [{**one, "updated_at": "2026-11-20T09:00:00Z"} for one in checkerboard()], tmp_path / "archive"
    published(place, stories, archive=archive)
    changed(place, [{"id": GONE, "status": "trash", "updated_at": "2026-11-22T09:00:00Z"}], archive)
    for options in ({"dry_run": True}, {"archive": archive}):
        summary = published(place, stories, **options)
        assert (summary.stories, summary.superseded, summary.vanished) == (len(stories) - 1, 1, 0)
        assert any("1 rows are older than those that took their stories back" in one for one in summary.notes), summary
        assert not shown_anywhere(PublishedLists.open(place[0]))
        assert PublishedLists.open(place[0]).overlay.unpublished == {GONE}
    assert GONE not in Recommender.load(archive).catalog
    again = [{**one, "updated_at": "2026-11-23T09:00:00Z"} if one["id"] == GONE else one for one in stories]
    assert not any("published again" in one for one in published(place, again).notes), "it says when it was changed"
    assert shown_anywhere(PublishedLists.open(place[0]))


def test_a_fit_brings_no_story_back_with_an_older_row() -> None:
    stories = [{**one, "updated_at": "2026-11-20T09:00:00Z"} for one in checkerboard()]
    rec = Recommender(SETTINGS).fit(stories)
    rec.update([{"id": GONE, "status": "trash", "updated_at": "2026-11-22T09:00:00Z"}])
    with pytest.warns(UserWarning, match="1 rows are older than those that took their stories back"):
        rec.fit(stories)
    assert GONE not in rec.catalog
    rec.fit([{**one, "updated_at": "2026-11-23T09:00:00Z"} if one["id"] == GONE else one for one in stories])
    assert GONE in rec.catalog


def test_a_story_that_comes_back_without_times_is_told(place: tuple[str, str], tmp_path: Path) -> None:
    stories, archive = checkerboard(), tmp_path / "archive"
    published(place, stories, archive=archive)
    back = f"1 stories are published again after they were taken back.*such as {GONE}"
    for publish in (lambda: published(place, stories), lambda: changed(place, stories, archive)):
        changed(place, [{"id": GONE, "status": "trash", "updated_at": "2026-11-22T09:00:00Z"}], archive)
        summary = publish()
        assert any(re.match(back, one) for one in summary.notes), summary
        assert shown_anywhere(PublishedLists.open(place[0]))
        published(place, stories, archive=archive)


def test_an_update_remembers_what_was_taken_back_and_so_does_a_saved_archive(tmp_path: Path) -> None:
    stories = [{**one, "updated_at": "2026-11-20T09:00:00Z"} for one in checkerboard()]
    story = next(one for one in stories if one["id"] == GONE)
    older, newer = ({**story, "updated_at": f"2026-11-2{day}T09:00:00Z"} for day in (1, 3))
    rec = Recommender(SETTINGS).fit([*stories, {**story, "status": "draft", "updated_at": "2026-11-22T09:00:00Z"}])
    with pytest.warns(UserWarning, match="rows are older than those that took their stories back"):
        assert rec.update([older]).unchanged == 1
    assert GONE not in rec.catalog
    assert rec.update([newer]).added == 1
    assert rec.update([{"id": GONE, "status": "trash", "updated_at": "2026-11-24T09:00:00Z"}]).unpublished == 1
    rec.save(tmp_path)
    for one in (rec, Recommender.load(tmp_path)):
        with pytest.warns(UserWarning, match="took their stories back"):
            one.update([newer])
        assert GONE not in one.catalog
        assert one.update([{**newer, "updated_at": "2026-11-25T09:00:00Z"}]).added == 1
        assert GONE in [item.article_id for item in one.recommend(stories[0]["id"])]
    assert GONE not in Recommender.load(tmp_path).catalog, "nothing is saved before it is saved"
    rec.save(tmp_path)
    again = Recommender.load(tmp_path)
    assert (GONE in again.catalog, again.overlay.unpublished) == (True, frozenset())


def test_a_state_of_an_earlier_version_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "unpublished.json"
    path.write_bytes(orjson.dumps({"unpublished": ["a", "b"], "crc32": zlib.crc32(orjson.dumps(["a", "b"]))}))
    overlay = Overlay(tmp_path / "tombstones.jsonl")
    assert overlay.taken_back == {"a": (None, None), "b": (None, None)}
    time = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert overlay.take_back({"b": (time, None), "c": (None, time)}, {"a"}) == 2
    again = Overlay(tmp_path / "tombstones.jsonl")
    assert again.taken_back == {"b": (time, None), "c": (None, time)}
    assert again.take_back({"b": (None, None)}, ()) == 0
    assert again.taken_back["b"] == (time, None), "the newest of several is kept"


def test_an_older_draft_takes_nothing_back() -> None:
    stories = [{**story, "updated_at": "2026-11-20"} for story in checkerboard()]
    rec = Recommender(SETTINGS).fit(stories)
    with pytest.warns(UserWarning, match="1 changed rows are older"):
        assert rec.update([draft(stories[1], updated_at="2026-11-19")]).unpublished == 0
    assert rec.update([draft(stories[1], updated_at="2026-11-20")]).unpublished == 1
    assert stories[1]["id"] not in rec.catalog


def test_an_export_that_takes_most_stories_back_is_refused_before_anything_is_hidden(tmp_path: Path) -> None:
    stories, place, archive = checkerboard(), (str(tmp_path / "out"), "jsonl"), tmp_path / "archive"
    published(place, stories, archive=archive)
    drafts = [draft(story) for story in stories[:-3]]
    with pytest.raises(PublishError, match=r"21 of 24 stories .*publish\.max_unpublished"):
        published(place, [*drafts, *stories[-3:]])
    with pytest.raises(PublishError, match=r"21 of 24 stories .*publish\.max_unpublished"):
        changed(place, drafts, archive)
    lists = PublishedLists.open(place[0])
    assert lists.overlay.unpublished == frozenset()
    assert len(list(lists.ids())) == 24
    assert len(Recommender.load(archive).catalog) == 24


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    place = (str(tmp_path / "out"), "jsonl")
    published(place, [*checkerboard(), draft({"id": "never"})])
    path = tmp_path / "out" / "unpublished.json"
    held = path.read_bytes()
    for data in (b"", held[:-5], held.replace(b"never", b"later")):
        path.write_bytes(data)
        with pytest.raises(SnapshotError, match=r"damaged: .*unpublished\.json"):
            PublishedLists.open(place[0]).get("t0-s0")
    path.write_bytes(held)
    assert PublishedLists.open(place[0]).overlay.unpublished == {"never"}


def test_overlays_of_earlier_versions_are_read_as_they_are(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "tombstones.jsonl")
    overlay.record("withdraw", ["a"])
    assert not (tmp_path / "unpublished.json").exists()
    assert overlay.hidden == overlay.withdrawn == {"a"}
    overlay.take_back({"b"}, set())
    assert b"b" not in (tmp_path / "tombstones.jsonl").read_bytes().replace(b"overlay", b"")
    assert overlay.hidden == {"a", "b"}


def test_the_view_of_a_database_hides_it_also_where_an_earlier_version_made_the_view(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy")
    from recommender.publishing.sql.tables import CURRENT_LISTS
    from recommender.storage.database import connect

    place = (place_of(tmp_path, "postgresql"), "sql")
    stories = checkerboard()
    published(place, stories)

    def seen() -> set[str]:
        with connect(place[0]).connect() as connection:
            rows = connection.execute(sa.text("SELECT story_id, article_id FROM current_lists")).all()
        return {one for row in rows for one in row}

    assert GONE in seen()
    text = CURRENT_LISTS.text
    start, end = text.index("), taken_back AS ("), text.index("), live AS (")
    earlier = (text[:start] + text[end:]).replace(
        "AND NOT EXISTS (SELECT FROM taken_back WHERE item IN (items.list_of, items.article_id))", ""
    )
    with connect(place[0]).begin() as connection:  # one more version ago, without times
        connection.execute(sa.text("ALTER TABLE recommender_unpublished DROP COLUMN versions"))
    assert PublishedLists.open(place[0]).get(GONE).status == "ok"
    with connect(place[0]).begin() as connection:
        connection.execute(sa.text("DROP VIEW current_lists"))
        connection.execute(sa.text("DROP TABLE recommender_unpublished"))
        connection.execute(sa.text(earlier))
    reader = PublishedLists.open(place[0])  # of a database that knows nothing of it
    assert reader.get(GONE).status == "ok"
    published(place, [draft(story) if story["id"] == GONE else story for story in stories])
    assert GONE not in seen()
    open_publisher(place[0], place[1]).rollback()
    assert GONE not in seen()
    assert reader.get(GONE).status == "unknown"
