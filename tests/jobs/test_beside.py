"""A saved archive beside the lists of the same run obeys what is withdrawn from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from recommender import PublishedLists, Recommender, Settings, SettingsError, SnapshotError
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
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


@pytest.mark.parametrize("other", ["both", "both/../both", "both/versions", "both/cache/archive"])
def test_lists_and_archive_that_would_overwrite_each_other_are_refused_before_any_work(
    tmp_path: Path, other: str
) -> None:
    for lists, archive in ((tmp_path / "both", tmp_path / other), (tmp_path / other, tmp_path / "both")):
        with pytest.raises(SettingsError, match=r"lists .* archive .*name another"):
            precompute("no-such-file.jsonl", lists, archive=archive, settings=SETTINGS)
        with pytest.raises(SettingsError, match=r"lists .* archive .*name another"):
            refresh([], lists, archive)
    assert not list(tmp_path.iterdir())


def test_an_archive_may_lie_inside_its_lists_and_lists_inside_their_archive(tmp_path: Path) -> None:
    for lists, archive in ((tmp_path / "a", tmp_path / "a" / "archive"), (tmp_path / "b" / "lists", tmp_path / "b")):
        precompute(checkerboard(), lists, archive=archive, settings=SETTINGS)
        assert refresh([], lists, archive).lists == len(checkerboard())
        assert purge(lists, "t0-s0").endswith("versions rewritten")
        assert purge(archive, "t0-s0") == "1 story deleted"
        assert "t0-s0" not in PublishedLists.open(lists).ids()
        assert "t0-s0" not in items(Recommender.load(archive), "t0-s1")


def test_lists_are_not_published_over_an_archive_nor_an_archive_saved_over_lists(tmp_path: Path) -> None:
    precompute(checkerboard(), tmp_path / "lists", archive=tmp_path / "archive", settings=SETTINGS)
    with pytest.raises(SnapshotError, match="holds a saved archive; name another folder for the lists"):
        precompute(checkerboard(), tmp_path / "archive", settings=SETTINGS)
    with pytest.raises(SnapshotError, match="holds published lists; name another folder for the archive"):
        precompute(checkerboard(), tmp_path / "new", archive=tmp_path / "lists", settings=SETTINGS)
    with pytest.raises(SettingsError, match="are the same folder"):
        precompute(checkerboard(), tmp_path / "lists", archive=tmp_path / "lists", settings=SETTINGS)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("place", ["", " ", None])
def test_a_place_without_a_name_is_refused(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=f"lists is {place!r}, expected a folder or a database"):
        precompute(checkerboard(), place, settings=SETTINGS)
    if place is not None:
        with pytest.raises(SettingsError, match=f"archive is {place!r}, expected a folder$"):
            precompute(checkerboard(), "lists", archive=place, settings=SETTINGS)
    assert not list(tmp_path.iterdir())


def test_a_refresh_of_an_archive_that_is_not_there_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="there is no such folder; recommender precompute --archive saves one"):
        refresh([], tmp_path / "lists", tmp_path / "archvie")
    assert not list(tmp_path.iterdir())


def test_a_dry_run_makes_no_folder(tmp_path: Path) -> None:
    lists, archive = tmp_path / "out" / "lists", tmp_path / "out" / "archive"
    assert precompute(checkerboard(), lists, archive=archive, settings=SETTINGS, dry_run=True).lists
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stage", "note"),
    [
        (
            "selecting",
            "nothing was published; finished vectors and shards are kept: the same command goes on where it was",
        ),
        ("saving", "version [0-9a-f]{12} was published; the archive was not saved: the same command saves it"),
    ],
)
def test_an_interruption_notes_what_it_leaves(tmp_path: Path, stage: str, note: str) -> None:
    def interrupt(name: str, done: int, total: int | None) -> None:
        if name == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        precompute(
            checkerboard(), tmp_path / "out", archive=tmp_path / "archive", settings=SETTINGS, progress=interrupt
        )
    assert re.fullmatch(note, stopped.value.__notes__[0])
