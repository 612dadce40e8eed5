"""Boosts of the overlay: at once among items and reserves, and of all candidates from the next run on."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from recommender import PublishedLists, Recommender, Settings, SettingsError
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from tests.support.checkerboard import checkerboard

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 3, "reserves": 2}})
MOMENT = datetime(2020, 2, 1, tzinfo=UTC)
# every topic has stories of two sections, so that a boost has something to choose from
STORIES = [{**one, "section": f"part{number % 2}"} for number, one in enumerate(checkerboard())]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    precompute(STORIES, folder / "jsonl", archive=folder / "archive", settings=SETTINGS, as_of=MOMENT)
    precompute(STORIES, folder / "parquet", settings=SETTINGS, as_of=MOMENT, format="parquet")
    precompute(STORIES, f"sqlite:///{folder}/lists.db", settings=SETTINGS, as_of=MOMENT)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "made")


def sections(lists: PublishedLists, story: str = "t0-s0") -> list[str | None]:
    found = lists.get(story)
    assert [item.article_id for item in found] == [
        item["article_id"] for item in orjson.loads(lists.json(story))["items"]
    ]
    return [item.section for item in found]


@pytest.mark.parametrize("format", ["jsonl", "parquet", "sql"])
def test_a_section_is_lifted_and_lowered_in_every_reader_and_let_go(format: str, place: Path) -> None:
    where = f"sqlite:///{place}/lists.db" if format == "sql" else str(place / format)
    lists = PublishedLists.open(where)
    before = lists.json("t0-s0")
    related = [item.section for item in (*lists.get("t0-s0").items, *lists.get("t0-s0").reserves)]
    assert lists.boost("part1", 100, by="Ana") == 1
    assert lists.boost("part1", 100, by="Ana") == 0
    assert sections(lists) == sorted(related, key=lambda name: name != "part1")[:3]
    first = lists.get("t0-s0").items[0]
    assert str(first.reasons[0]) == "lifted at the desk"
    assert first.components["boost"] == 100
    lists.boost("part1", 0.01)
    assert sections(PublishedLists.open(where)) == sorted(related, key=lambda name: name == "part1")[:3]
    lists.unboost("part1")
    assert lists.json("t0-s0") == before


def test_a_boost_ends_and_an_impossible_one_is_refused(place: Path) -> None:
    lists = PublishedLists.open(place / "jsonl")
    before = lists.json("t0-s0")
    lists.boost("part1", 100, until=datetime.now(UTC) - timedelta(seconds=1))
    assert lists.json("t0-s0") == before
    for section, factor in (("part1", 0.0), ("part1", 101.0), ("part1", float("nan")), ("nowhere", 2.0)):
        with pytest.raises(SettingsError):
            lists.boost(section, factor)
    with pytest.raises(SettingsError, match="did you mean 'part1'"):
        lists.boost("prat1", 2.0)


def test_a_refresh_makes_again_the_lists_alone_that_have_a_candidate_of_the_section(tmp_path: Path) -> None:
    stories = [{**one, "section": "few" if one["id"] == "t0-s3" else "many"} for one in checkerboard()]
    settings = SETTINGS.override({"retrieval.candidates": 6, "selection.fill": []})
    precompute(stories, tmp_path / "lists", archive=tmp_path / "archive", settings=settings, as_of=MOMENT)
    PublishedLists.open(tmp_path / "lists").boost("few", 5)
    some = refresh([], tmp_path / "lists", tmp_path / "archive", as_of=MOMENT)
    assert 0 < some.recomputed < len(stories)
    PublishedLists.open(tmp_path / "lists").boost("many", 5)
    assert refresh([], tmp_path / "lists", tmp_path / "archive", as_of=MOMENT).recomputed == len(stories)


def test_the_next_run_takes_it_in_once_and_lets_it_go_again(place: Path) -> None:
    lists = PublishedLists.open(place / "jsonl")
    before = [record for batch in lists.records() for record in batch.to_pylist()]
    lists.boost("part1", 5)
    at_once = lists.get("t0-s0")
    done = refresh([], place / "jsonl", place / "archive", as_of=MOMENT)
    assert done.recomputed == len(STORIES)
    lists.refresh()
    after = lists.get("t0-s0")
    assert [item.article_id for item in after] == [item.article_id for item in at_once]
    assert after.items[0].score == pytest.approx(at_once.items[0].score, abs=1e-5)
    whole = precompute(STORIES, place / "whole", settings=SETTINGS, as_of=MOMENT)
    assert whole.version != done.version
    assert [item.article_id for item in Recommender.load(place / "archive").recommend("t0-s0", as_of=MOMENT)] == [
        item.article_id for item in after
    ]
    lists.unboost("part1")  # the version was made with it, and shows it no more
    assert {item.article_id for item in lists.get("t0-s0")} <= {
        item.article_id for item in (*after.items, *after.reserves)
    }
    refresh([], place / "jsonl", place / "archive", as_of=MOMENT)
    lists.refresh()
    again = [record for batch in lists.records() for record in batch.to_pylist()]
    assert [one["items"] for one in again] == [one["items"] for one in before]
    assert lists.version == whole.version


def test_an_archive_obeys_at_once_and_rules_stay_as_they_were_written(place: Path) -> None:
    rec = Recommender.load(place / "archive")
    rules = rec.rules
    before = [item.article_id for item in rec.recommend("t0-s0", as_of=MOMENT)]
    rec.boost("part1", 100)
    found = rec.recommend("t0-s0", as_of=MOMENT)
    assert [item.article_id for item in found] != before
    assert found.items[0].components["boost"] == 100
    rec.unboost("part1")
    assert [item.article_id for item in rec.recommend("t0-s0", as_of=MOMENT)] == before
    assert rec.rules == rules
