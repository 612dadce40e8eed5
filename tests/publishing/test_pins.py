"""Pins of the overlay: at once, in every reader and version, until they end or are undone."""

from __future__ import annotations

import json
import shutil
import threading
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from recommender import PublishedLists, Recommender, Settings, SettingsError, SnapshotError, UnknownArticleError
from recommender.editorial.overlay import NAME, Overlay
from recommender.jobs.precompute import precompute
from tests.support.checkerboard import checkerboard
from tests.support.processes import cli

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 3, "reserves": 2}})
FAR = "t2-s4"  # of another topic than t0-s0, so in no list of it
EMBARGOED = {"id": "tomorrow", "title": "harbour ferry tomorrow", "published_at": "2999-01-01"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    stories = [*checkerboard(), EMBARGOED]
    moment = datetime(2020, 2, 1, tzinfo=UTC)
    precompute(stories, folder / "jsonl", archive=folder / "archive", settings=SETTINGS, as_of=moment)
    precompute(stories, folder / "parquet", settings=SETTINGS, as_of=moment, format="parquet")
    precompute(stories, f"sqlite:///{folder}/lists.db", settings=SETTINGS, as_of=moment)
    return folder


@pytest.fixture(params=["jsonl", "parquet", "sql"])
def lists(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> PublishedLists:
    shutil.copytree(made, tmp_path / "made")
    place = f"sqlite:///{tmp_path}/made/lists.db" if request.param == "sql" else tmp_path / "made" / request.param
    return PublishedLists.open(place)


def shown(lists: PublishedLists, story: str = "t0-s0") -> list[str]:
    found = [item.article_id for item in lists.get(story)]
    assert found == [item["article_id"] for item in json.loads(lists.json(story))["items"]]
    return found


def test_a_pinned_item_stands_at_its_place_with_its_reason_and_goes_when_it_is_undone(lists: PublishedLists) -> None:
    before = shown(lists)
    assert lists.pin(FAR, story="t0-s0", position=2, by="night desk") == 1
    assert lists.pin(FAR, story="t0-s0", position=2, by="night desk") == 0
    assert shown(lists) == [before[0], FAR, before[1]]
    found = lists.get("t0-s0")
    item = found.items[1]
    assert (item.source, str(item.reasons[0]), item.rank) == ("pinned", "pinned by night desk", 2)
    assert item.title == lists.get(FAR).story.title  # type: ignore[union-attr]
    assert found.reserves[0].article_id == before[2]
    assert shown(PublishedLists.open(lists.place)) == [before[0], FAR, before[1]]
    assert lists.unpin(FAR, story="t0-s0") == 1
    assert shown(lists) == before


def test_an_item_of_the_list_moves_and_keeps_its_figures(lists: PublishedLists) -> None:
    before = lists.get("t0-s0")
    last = before.items[-1]
    lists.pin(last.article_id, story="t0-s0")
    assert shown(lists) == [last.article_id, *[item.article_id for item in before.items[:-1]]]
    moved = lists.get("t0-s0").items[0]
    assert (moved.score, moved.components) == (last.score, last.components)


def test_a_second_pin_of_an_item_replaces_the_first_and_places_beyond_the_list_are_the_last(
    lists: PublishedLists,
) -> None:
    lists.pin(FAR, story="t0-s0", position=1)
    lists.pin(FAR, story="t0-s0", position=40)
    assert shown(lists)[2] == FAR
    lists.pin("t3-s3", story="t0-s0", position=1)
    assert shown(lists)[0] == "t3-s3"
    assert shown(lists)[2] == FAR


def test_a_pin_ends(lists: PublishedLists) -> None:
    before, now = shown(lists), datetime.now(UTC)
    lists.pin(FAR, story="t0-s0", until=now - timedelta(seconds=1))
    lists.pin("t3-s3", story="t0-s0", until=now + timedelta(days=1))
    assert shown(lists) == ["t3-s3", *before[:2]]


def test_what_is_withdrawn_blocked_embargoed_or_unknown_is_not_shown_by_a_pin(lists: PublishedLists) -> None:
    before = shown(lists)
    for item in ("tomorrow", "nobody", FAR, "t3-s3"):
        lists.pin(item, story="t0-s0", unknown_too=True)
    lists.withdraw(FAR)
    lists.block("t3-s3")
    assert shown(lists) == before
    lists.withhold("t0-s0")
    assert shown(lists) == []


def test_impossible_pins_are_refused(lists: PublishedLists) -> None:
    for item, position in (("t0-s0", 1), (FAR, 0), (FAR, 1_001)):
        with pytest.raises(SettingsError):
            lists.pin(item, story="t0-s0", position=position)


def test_a_saved_archive_knows_pins_too(made: Path, tmp_path: Path) -> None:
    rec = Recommender.load(shutil.copytree(made / "archive", tmp_path / "archive"))
    before = [item.article_id for item in rec.recommend("t0-s0")]
    rec.pin(FAR, story="t0-s0", position=2)
    again = Recommender.load(tmp_path / "archive")
    assert [item.article_id for item in again.recommend("t0-s0")] == [before[0], FAR, before[1]]
    assert again.recommend("t0-s1") == rec.recommend("t0-s1")


def test_an_action_of_a_later_version_is_refused_with_what_to_do(made: Path, tmp_path: Path) -> None:
    place = shutil.copytree(made / "jsonl", tmp_path / "lists")
    entry = {"action": "bury", "ids": ["t0-s1"]}
    (place / NAME).write_bytes(orjson.dumps({**entry, "crc32": zlib.crc32(orjson.dumps(entry))}) + b"\n")
    with pytest.raises(SnapshotError, match=r"'bury' is not known to recommender .*upgrade"):
        PublishedLists.open(place)


def test_threads_that_share_an_overlay_never_see_a_withdrawal_missing(tmp_path: Path) -> None:
    writer, shared = Overlay(tmp_path / NAME), Overlay(tmp_path / NAME)
    writer.record("withdraw", ["gone"])
    shared.refresh()
    lost, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            shared.refresh()
            if "gone" not in shared.withdrawn:
                lost.append(True)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(60):
        writer.record("block", [(f"item-{number}", None)])
    done.set()
    for thread in threads:
        thread.join()
    assert not lost


def test_pins_on_the_command_line(made: Path, tmp_path: Path) -> None:
    place = shutil.copytree(made / "jsonl", tmp_path / "lists")
    done = cli(
        "pin", FAR, "--story", "t0-s0", "--lists", place, "--position", 2, "--until", "2999-01-01", "--by", "Ana"
    )
    assert done.stdout == "pinned: 1\n"
    assert "pinned by Ana" in cli("recommend", "t0-s0", "--lists", place).stdout
    assert "pinned  1" in cli("info", "--lists", place).stdout
    assert cli("unpin", FAR, "--story", "t0-s0", "--lists", place).stdout == "unpinned: 1\n"
    refused = cli("pin", FAR, "--story", "t0-s0", "--lists", place, "--until", "soon")
    assert refused.returncode == 2
    assert "until" in refused.stderr


def test_a_pin_that_readers_do_not_see_says_why(made: Path, tmp_path: Path) -> None:
    place = shutil.copytree(made / "jsonl", tmp_path / "lists")

    def pin(item: str, position: int = 1) -> str:
        return cli("pin", item, "--story", "t0-s0", "--lists", place, "--position", position).stdout.rstrip()

    assert pin(FAR, 3) == "pinned: 1"
    assert pin("t2-s3", 9) == (
        f"pinned: 1; the list has 3 places: shown at 3; {FAR}, pinned at 3, is not shown any more: there is no place "
        "left for it"
    )
    assert pin("tomorrow") == "pinned: 1; tomorrow is not public yet: not shown until it is"
    lists = PublishedLists.open(place)
    lists.withdraw("t1-s0")
    assert pin("t1-s0") == "pinned: 1; t1-s0 is withdrawn: not shown until restore"
    lists.block("t1-s1")
    assert pin("t1-s1") == "pinned: 1; t1-s1 is blocked: not shown until unblock"
    lists.withhold("t0-s0")
    assert pin("t1-s2") == "pinned: 1; the list of t0-s0 is withheld: not shown until release"


def test_a_takedown_knows_stories_of_a_version_that_came_since_and_needs_none_that_can_be_read(
    made: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(made / "jsonl", tmp_path / "lists")
    lists = PublishedLists.open(place)
    with pytest.raises(UnknownArticleError):
        lists.withdraw("t9-s0")
    later = {**checkerboard()[0], "id": "t9-s0"}
    precompute([*checkerboard(), later], place, settings=SETTINGS, as_of=datetime(2020, 2, 1, tzinfo=UTC))
    assert lists.withdraw("t9-s0") == 1
    (place / "CURRENT").write_bytes(b"{}")
    assert lists.withdraw("t9-s1") == 1
