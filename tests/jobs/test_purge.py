"""After a purge nothing of a story is left in a place, and everything else there still works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from recommender import GivenVectors, PublishedLists, Recommender, Settings, SnapshotError
from recommender.editorial.journal import Journal
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.publishing import open_publisher
from recommender.storage.versions import VersionedFolder
from tests.publishing.test_places import FORMATS, format_of, place_of
from tests.support.checkerboard import START, WITHIN_TOPICS, checkerboard
from tests.support.processes import cli
from tests.support.worlds import ids_of

SETTINGS = WITHIN_TOPICS.override({"publish.max_jump": 1, "selection.k": 3, "selection.reserves": 6})
SECRET = ("Zebedee", "Quillfeather", "embezzled", "zanzibar")  # words of no other story
GONE = "t0-secret"


def archive(extra: int = 0) -> list[dict[str, Any]]:
    """The checkerboard and one story with words of its own, in title, lead and body."""
    secret = {
        "id": GONE,
        "title": f"harbour ferry captain {SECRET[0]} {SECRET[1]}",
        "lead": f"harbour ferry {SECRET[2]}",
        "body": f"harbour ferry captain {SECRET[2]} {SECRET[3]} again",
        "published_at": START + timedelta(days=1),
        "url": f"https://news.example/{SECRET[0]}",
    }
    return [*checkerboard(per_topic=6 + extra), secret]


def publish(place: str, format: str, extra: int = 0) -> str:
    return precompute(archive(extra), place, settings=SETTINGS, format=format_of(format)).version


def found_in(folder: Path) -> list[str]:
    """Files below a folder that hold a word of the story, in any case."""
    return [
        f"{word} in {path}"
        for path in folder.rglob("*")
        if path.is_file()
        for word in SECRET
        if word.casefold().encode() in path.read_bytes().lower()
    ]


def lists_of(place: str) -> dict[str, list[str]]:
    lists = PublishedLists.open(place)
    return {i: [*ids_of(found.items), *ids_of(found.reserves)] for i in lists.ids() for found in [lists.get(i)]}


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_left_and_everything_else_is(format: str, tmp_path: Path) -> None:
    place = place_of(tmp_path, format)
    versions = [publish(place, format, extra) for extra in range(3)]
    assert any(GONE in items for items in lists_of(place).values())
    assert format != "jsonl" or found_in(tmp_path)
    before = lists_of(place)
    record = PublishedLists.open(place).get("t1-s0")
    assert purge(place, GONE) == "3 versions rewritten"
    assert found_in(tmp_path) == []
    lists = PublishedLists.open(place)
    assert lists.get(GONE).status == "withdrawn"
    assert GONE not in set(lists.ids())
    after = lists_of(place)
    assert after == {i: [item for item in items if item != GONE] for i, items in before.items() if i != GONE}
    assert lists.get("t1-s0").items == record.items
    assert (lists.get("t1-s0").status, lists.get("t1-s0").story) == ("ok", record.story)
    assert lists.version not in versions
    assert {lists.get(i).version for i in lists.ids()} == {lists.version}

    assert purge(place, [GONE, "never-seen"]) == "0 versions rewritten"
    assert lists_of(place) == after
    for _ in range(2):
        open_publisher(place, format_of(format)).rollback()
        assert all(GONE not in items for items in lists_of(place).values())
        assert PublishedLists.open(place).get("t1-s0").status == "ok"
        assert PublishedLists.open(place).get(GONE).status == "withdrawn"
    assert found_in(tmp_path) == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_purged_story_that_comes_in_again_stays_withdrawn(format: str, tmp_path: Path) -> None:
    place = place_of(tmp_path, format)
    publish(place, format)
    purge(place, GONE)
    publish(place, format, extra=1)
    assert PublishedLists.open(place).get(GONE).status == "withdrawn"
    assert all(GONE not in items for items in lists_of(place).values())
    assert len(PublishedLists.open(place).get("t0-s0")) == 3
    assert found_in(tmp_path) == []


@pytest.mark.parametrize("format", FORMATS)
def test_everything_may_go(format: str, tmp_path: Path) -> None:
    place = place_of(tmp_path, format)
    publish(place, format)
    everyone = list(PublishedLists.open(place).ids())
    purge(place, everyone)
    assert list(PublishedLists.open(place).ids()) == []
    assert PublishedLists.open(place).get(everyone[0]).status == "withdrawn"
    assert PublishedLists.open(place).get("other").status == "unknown"
    publish(place, format)
    assert PublishedLists.open(place).get("t0-s0").status == "withdrawn"


def test_rejected_rows_and_the_vector_cache_go_too(tmp_path: Path) -> None:
    bad = {"id": f"the day of {SECRET[0]}"}
    precompute([*archive(), bad], tmp_path, settings=SETTINGS, cache=tmp_path / "cache" / "vectors.sqlite")
    assert any("rejected.jsonl" in name for name in found_in(tmp_path))
    purge(tmp_path, GONE)
    assert found_in(tmp_path) == []
    assert publish(str(tmp_path), "jsonl")


def test_a_snapshot_loses_text_vector_and_words(tmp_path: Path) -> None:
    snap = tmp_path / "snap"
    rec = Recommender(SETTINGS).fit(archive())
    rec.block("t1-s1")
    rec.save(snap)
    others = [i for i in rec.catalog.ids.to_pylist() if i != GONE]
    rec.withdraw(GONE)
    expected = {found.article_id: [item.article_id for item in found] for found in rec.recommend_many(others)}
    assert purge(snap, GONE) == "1 story deleted"
    # the words of the fitted `tfidf` embedder stay until the next fit, as documented
    assert [name for name in found_in(snap) if "svd_terms" not in name] == []
    loaded = Recommender.load(snap)
    assert GONE not in loaded.catalog
    assert len(loaded.catalog) == len(others)
    assert {f.article_id: [item.article_id for item in f] for f in loaded.recommend_many(others)} == expected
    assert (loaded.settings, loaded.rules, loaded.related_at) == (rec.settings, rec.rules, rec.related_at)
    loaded.update([archive()[-1]])
    assert all(GONE not in [item.article_id for item in found] for found in loaded.recommend_many(others))
    assert purge(snap, GONE) == "0 stories deleted"
    with pytest.raises(SnapshotError, match="would be empty"):
        purge(snap, others)


def test_no_sample_keeps_a_row_of_it_in_any_version(tmp_path: Path) -> None:
    """Newcomers are held against a sample of the fitted stories, which versions outlive."""
    rec = Recommender(SETTINGS).fit(archive())
    (own,) = rec.catalog.rows([GONE])
    words = {rec.archive.tfidf.terms[term] for term in rec.archive.terms[own].indices}
    sample = rec.archive.hubness
    rec.update([{**archive()[-1], "title": "harbour", "body": "harbour"}])
    rec.compact().save(tmp_path)  # nothing but the sample knows the first version
    assert len(sample.keys) == sample.terms.shape[0] == len(archive())
    purge(tmp_path, GONE)
    loaded = Recommender.load(tmp_path).archive
    assert loaded.hubness.terms.shape == (len(archive()) - 1, len(loaded.tfidf.terms))
    left = sample.terms[np.setdiff1d(np.arange(len(archive())), own)]
    kept = {term: place for place, term in enumerate(rec.archive.tfidf.terms)}
    columns = [kept[term] for term in loaded.tfidf.terms]
    assert np.array_equal(loaded.hubness.terms.toarray(), left[:, columns].toarray())
    assert words & set(loaded.tfidf.terms), "words of others stay"


def test_the_command_line_purges_several_places(tmp_path: Path) -> None:
    out, snap = tmp_path / "out", tmp_path / "snap"
    precompute(archive(), out, settings=SETTINGS, archive=snap)
    done = cli("purge", GONE, "--lists", out, "--archive", snap)
    assert done.returncode == 0, done.stderr
    assert "1 version rewritten" in done.stdout
    assert "1 story deleted" in done.stdout
    assert orjson.loads(cli("purge", GONE, "--archive", snap, "--json").stdout) == {str(snap): "0 stories deleted"}
    refused = cli("purge", GONE, "--lists", tmp_path / "nothing")
    assert (refused.returncode, "neither published lists nor a saved archive" in refused.stderr) == (2, True)
    assert not (tmp_path / "nothing").exists()


def test_a_purge_stands_in_the_journal_and_is_not_undone_by_mistake(tmp_path: Path) -> None:
    out, snap = tmp_path / "out", tmp_path / "snap"
    precompute(archive(), out, settings=SETTINGS, archive=snap)
    assert cli("withdraw", GONE, "--lists", out).returncode == 0
    by = ("--by", "Ana Lima", "--why", "court order 7")
    assert cli("purge", GONE, "--lists", out, "--archive", snap, *by).returncode == 0
    assert found_in(out) == []
    for place in (out, snap):
        entry = orjson.loads((place / "journal.jsonl").read_bytes().splitlines()[-1])
        assert [entry[name] for name in ("what", "item", "who", "why")] == ["purge", GONE, *by[1::2]]
        assert entry["before"]["holds"] == (place == out)
    (done, withdrawn), to = Journal(out / "journal.jsonl").newest(2), ("--lists", out)
    for refused, words in (
        (cli("undo", done["id"], *to), "a purge cannot be undone"),
        (cli("undo", withdrawn["id"], *to), f"{GONE} was purged on"),
        (cli("restore", "t0-s0", GONE, *to), "by Ana Lima (court order 7): its text is deleted"),
    ):
        assert (refused.returncode, words in refused.stderr, "--purged-too" in refused.stderr) == (2, True, True)
        assert PublishedLists.open(out).get(GONE).status == "withdrawn"
    assert f"purge {GONE}: court order 7" in cli("journal", *to).stdout
    assert cli("restore", GONE, "--purged-too", *to).stdout == "restored: 1\n"
    assert PublishedLists.open(out).get(GONE).status == "unknown"
    publish(str(out), "jsonl")
    assert PublishedLists.open(out).get(GONE).status == "ok"
    assert cli("withdraw", GONE, *to).returncode == 0
    assert cli("restore", GONE, *to).returncode == 0, "it was delivered again after the purge"


def test_a_purge_of_a_database_stands_in_the_journal_that_is_named(tmp_path: Path) -> None:
    place = place_of(tmp_path, "sql")
    publish(place, "sql")
    named = ("--lists", place, "--journal", tmp_path / "acts.jsonl")
    assert cli("purge", GONE, *named, "--by", "Ana").returncode == 0
    assert [(one["who"], one["what"]) for one in Journal(tmp_path / "acts.jsonl").newest(9)] == [("Ana", "purge")]
    assert "was purged" in cli("restore", GONE, *named).stderr


# -- interrupted --------------------------------------------------------------------------------


class _Power(BaseException):
    """The plug is pulled."""


def _cut(monkeypatch: pytest.MonkeyPatch, name: str, at: int, after: bool) -> None:
    """Let the `at`th call of `os.NAME` (or `shutil.rmtree`) fail, before or after it was done."""
    import shutil

    module: Any = shutil if name == "rmtree" else os
    real: Callable[..., Any] = getattr(module, name)
    calls = [0]

    def cut(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at and not after:
            raise _Power
        done = real(*arguments, **options)
        if calls[0] == at:
            raise _Power
        return done

    monkeypatch.setattr(module, name, cut)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("call", "at"), [("rename", 1), ("rename", 3), ("replace", 4), ("rmtree", 3)])
def test_an_interrupted_purge_leaves_readable_lists_and_can_be_repeated(
    call: str, at: int, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path)
    for extra in range(3):
        publish(place, "jsonl", extra)
    before = lists_of(place)
    with monkeypatch.context() as patched:
        _cut(patched, call, at, after)
        with pytest.raises(_Power):
            purge(place, GONE)
    # the withdrawal came first, so no reader shows the story; every list is there
    without = {i: [item for item in items if item != GONE] for i, items in before.items() if i != GONE}
    assert lists_of(place) == without
    assert PublishedLists.open(place).get(GONE).status == "withdrawn"
    purge(place, GONE)
    assert found_in(tmp_path) == []
    assert lists_of(place) == without
    folders = VersionedFolder(place, "lists").versions()
    assert [path.name[:6] for path in folders] == ["000001", "000002", "000003"]
    open_publisher(place).rollback()
    assert PublishedLists.open(place).get("t0-s0").status == "ok"
    publish(place, "jsonl", 4)
    assert GONE not in lists_of(place)["t0-s0"]


@pytest.mark.parametrize("moment", ["_seal", "switch"])
def test_a_killed_purge_can_be_repeated(moment: str, tmp_path: Path) -> None:
    publish(str(tmp_path), "jsonl")
    before = lists_of(str(tmp_path))
    code = (
        "import os, signal\n"
        "from recommender.jobs.purge import purge\n"
        "from recommender.storage.versions import VersionedFolder\n"
        f"VersionedFolder.{moment} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"purge({str(tmp_path)!r}, {GONE!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    without = {i: [item for item in items if item != GONE] for i, items in before.items() if i != GONE}
    assert lists_of(str(tmp_path)) == without
    purge(tmp_path, GONE)
    assert found_in(tmp_path) == []
    assert lists_of(str(tmp_path)) == without


# -- withdrawals while a run is under way -------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "format"),
    # a database has one writer: while lists are written there, a withdrawal waits
    [(s, f) for s in ("reading", "terms", "searching") for f in FORMATS if (s, f) != ("searching", "sql")],
)
def test_a_withdrawal_while_a_run_is_under_way_holds(stage: str, format: str, tmp_path: Path) -> None:
    place, snap, other = place_of(tmp_path, format), tmp_path / "snap", "t1-s1"
    publish(place, format)
    lists = PublishedLists.open(place)
    done: list[int] = []

    def progress(name: str, _: int, __: int | None) -> None:
        if name == stage and not done:
            done.append(lists.withdraw(GONE) + lists.withhold("t0-s1") + lists.block(other))

    precompute(archive(2), place, settings=SETTINGS, format=format_of(format), progress=progress, archive=snap)
    lists = PublishedLists.open(place)
    assert done == [3]
    assert lists.get(GONE).status == "withdrawn"
    assert lists.get("t0-s1").status == "withheld"
    for items in lists_of(place).values():
        assert not {GONE, other} & set(items)
    loaded = Recommender.load(snap)
    assert not {GONE, other} & {item.article_id for i in ("t0-s0", "t1-s0") for item in loaded.recommend(i)}
    assert loaded.recommend("t0-s1").status == "withheld"


def test_a_snapshot_with_an_embedder_of_its_own_is_refused_and_kept(tmp_path: Path) -> None:
    stories = [{"id": i, "title": f"harbour ferry {i}"} for i in "abc"]
    given = GivenVectors({story["id"]: [1.0, n] for n, story in enumerate(stories)})
    summed = Settings.of({"ranking": {"ranker": "none"}})
    Recommender(summed, embedder=given).fit(stories).save(tmp_path / "snap")
    before = VersionedFolder(tmp_path / "snap", "snapshot").current()
    with pytest.raises(SnapshotError, match="GivenVectors of your own"):
        purge(tmp_path / "snap", "b")
    assert VersionedFolder(tmp_path / "snap", "snapshot").current() == before
    loaded = Recommender.load(tmp_path / "snap", embedder=given)
    assert "b" in loaded.overlay.withdrawn
