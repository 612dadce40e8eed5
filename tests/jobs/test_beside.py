"""A saved archive beside the lists of the same run obeys what is withdrawn from them."""

from __future__ import annotations

import shutil
from pathlib import Path

from recommender import PublishedLists, Recommender, Settings
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from tests.support.checkerboard import checkerboard

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 3}})


def items(rec: Recommender, story: str = "t0-s0") -> list[str]:
    return [item.article_id for item in rec.recommend(story)]


def test_a_withdrawal_from_the_lists_holds_in_the_archive_at_once_and_ends_with_it(tmp_path: Path) -> None:
    out, place = tmp_path / "out" / "lists", tmp_path / "out" / "archive"
    precompute(checkerboard(), out, archive=place, settings=SETTINGS)
    rec, lists = Recommender.load(place), PublishedLists.open(out)
    before = items(rec)
    lists.withdraw(before[0])
    for one in (rec, Recommender.load(place)):
        assert before[0] not in items(one)
    assert not refresh([], out, place).findings
    lists.restore(before[0])
    refresh([], out, place)
    assert items(Recommender.load(place)) == before


def test_both_may_be_moved_and_lists_that_are_gone_cost_nothing(tmp_path: Path) -> None:
    out, place = tmp_path / "out" / "lists", tmp_path / "out" / "archive"
    precompute(checkerboard(), out, archive=place, settings=SETTINGS)
    shutil.move(tmp_path / "out", tmp_path / "moved")
    rec = Recommender.load(tmp_path / "moved" / "archive")
    before = items(rec)
    PublishedLists.open(tmp_path / "moved" / "lists").withdraw(before[0])
    assert before[0] not in items(rec)
    shutil.rmtree(tmp_path / "moved" / "lists")
    assert items(Recommender.load(tmp_path / "moved" / "archive")) == before


def test_an_archive_of_lists_in_a_database_is_apart(tmp_path: Path) -> None:
    place, url = tmp_path / "archive", f"sqlite:///{tmp_path}/lists.db"
    precompute(checkerboard(), tmp_path / "lists", archive=place, settings=SETTINGS)
    precompute(checkerboard(), url, archive=place, settings=SETTINGS)
    before = items(Recommender.load(place))
    PublishedLists.open(tmp_path / "lists").withdraw(before[0])
    assert items(Recommender.load(place)) == before
