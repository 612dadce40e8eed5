"""A refresh publishes what a run over all stories would, within an epoch."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recommender import InputError, PublishedLists, Recommender, Rules, Settings, SettingsError
from recommender.editorial.overlay import boost_entry
from recommender.jobs import touched
from recommender.jobs.precompute import precompute
from recommender.jobs.purge import purge
from recommender.jobs.refresh import refresh
from recommender.jobs.run_identity import Inputs
from recommender.jobs.touched import find_filled
from recommender.publishing import open_publisher
from recommender.ranking.ranker import Ranker
from recommender.search.limits import Limits
from recommender.selection import fill
from tests.support.checkerboard import ANY_CHANGE, WITHIN_TOPICS, checkerboard, topic_of
from tests.support.newsroom import START, newsroom
from tests.support.worlds import AS_OF, SECTIONS, World, random_rules, random_settings, random_stories

FEW = Limits(spare=2, stories=20, lists=16)
"""Pools so small that rows fall out of them."""


def published(place: Path) -> dict[str, dict[str, Any]]:
    records = [record for batch in PublishedLists.open(place).records() for record in batch.to_pylist()]
    assert len({record["article_id"] for record in records}) == len(records)
    return {record["article_id"]: record for record in records}


def scores(records: dict[str, dict[str, Any]]) -> dict[tuple[str, str], tuple[float, float]]:
    """(relevance, score) of every (story, item)."""
    return {
        (story, item["article_id"]): (item["components"]["relevance"], item["score"])
        for story, record in records.items()
        for item in (*record["items"], *record["reserves"])
    }


def whole_run(before: Recommender, place: Path, changes: list[dict[str, Any]], as_of: datetime) -> dict[str, Any]:
    """Every list of the changed archive, by searching for each."""
    before.overlay = PublishedLists.open(place).overlay
    before.overlay.refresh()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before.update(changes)
    before.archive = replace(before.archive, pools=None)
    gone = before.catalog.known_rows(before.overlay.withdrawn)
    rows = np.setdiff1d(np.flatnonzero(before.catalog.alive), gone)
    version = PublishedLists.open(place).version
    found = [
        record for batch in before.lister(as_of=as_of).lists(rows, version=version) for record in batch.to_pylist()
    ]
    return {record["article_id"]: record for record in found}


class Changing:
    """A world published in a folder, that changes step by step."""

    def __init__(self, seed: int, root: Path, format: str, limits: Limits) -> None:
        self.rng = rng = Random(seed)
        self.later = random_stories(rng, 90)
        self.held, self.later = self.later[:50], self.later[50:]
        self.taken_back: list[dict[str, Any]] = []
        ids = [story["id"] for story in self.held]
        options = random_settings(rng).override({"retrieval.candidates": 5, "selection.k": 2, "selection.reserves": 1})
        if rng.random() < 0.7:
            options = options.override({"selection.fill": []})
        self.world = World(self.held, random_rules(rng, ids), options)
        self.out, self.snapshot, self.format = root / "out", root / "snapshot", format
        self.as_of = AS_OF
        precompute(
            self.held,
            self.out,
            recommender=Recommender(options, rules=self.world.rules, limits=limits),
            format=format,
            as_of=self.as_of,
            archive=self.snapshot,
        )

    @property
    def boosts(self) -> frozenset[Any]:
        return PublishedLists.open(self.out).overlay.decisions.boosted

    def step(self) -> list[dict[str, Any]]:
        """Something happens; returns the changed stories."""
        rng, lists = self.rng, PublishedLists.open(self.out)
        changes: list[dict[str, Any]] = []
        kind = rng.randrange(9)
        if kind == 6:  # one is taken back; what says so may be no more than its id and status
            gone = self.held.pop(rng.randrange(len(self.held)))
            self.taken_back.append(gone)
            return [rng.choice([{"id": gone["id"]}, gone]) | {"status": "draft"}]
        if kind == 7 and self.taken_back:  # and comes back
            story = self.taken_back.pop()
            self.held.append(story)
            changes.append(story | {"status": "publish"})
            return changes
        if kind in (0, 1):
            changes, self.later = self.later[:4], self.later[4:]
            self.held += changes
        if kind in (1, 2):
            for story in rng.sample(self.held, k=2):
                field, value = rng.choice(
                    [
                        ("title", "harbra harbsi"),
                        ("body", f"harbra {rng.choice(self.held)['body']}"),
                        ("published_at", self.as_of - timedelta(days=rng.randrange(100))),
                        ("url", "https://example.org/new"),
                        ("section", "city"),
                        ("kind", "live"),
                    ]
                )
                story.update({field: value})
                changes.append(story)
        if kind == 3:
            lists.withdraw(rng.sample([story["id"] for story in self.held], k=2))
        if kind == 4:
            lists.restore(sorted(lists.overlay.withdrawn)[:1])
            story = rng.choice([None, rng.choice(self.held)["id"]])
            lists.block(rng.choice(self.held)["id"], story=story, unknown_too=True)
        if kind == 5:
            self.as_of += timedelta(hours=rng.choice([1, 30, 200]))
        if kind == 8:
            end = rng.choice([None, self.as_of + timedelta(hours=20)])
            lists.overlay.record("boost", [boost_entry(rng.choice(SECTIONS), rng.choice([0.01, 3, 100]), end, "Ana")])
        return [dict(story) for story in {story["id"]: story for story in changes}.values()]


@pytest.mark.filterwarnings("ignore:none of .* new stor")  # of four that come in at once, all may be undated
class TestEqualsAWholeRun:
    @pytest.mark.parametrize("format", ["jsonl", "parquet", "sql"])
    def test_in_every_format(self, format: str, tmp_path: Path) -> None:
        if format == "sql":
            pytest.importorskip("sqlalchemy")
        self.run(7, 4, tmp_path, format)

    @example(seed=11, steps=3)  # a list filled past its candidates is touched by a row that is none of them
    @example(seed=51, steps=3)  # a list filled past the reach of its story is touched by a row that is not within it
    @example(seed=8260, steps=1)  # all that comes in is undated, which is told
    @settings(max_examples=15)
    @given(seed=st.integers(0, 2**20), steps=st.integers(1, 5))
    def test_over_random_changes(self, seed: int, steps: int) -> None:
        with TemporaryDirectory() as folder:
            self.run(seed, steps, Path(folder), "parquet")

    @pytest.mark.parametrize("seed", [11, 22])
    def test_where_lists_are_filled_within_reach(
        self, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (fill, touched):
            monkeypatch.setattr(module, "TIMES", (2, 4, 1 << 20))  # as in a large archive, the last alone takes all
        self.run(seed, 3, tmp_path, "parquet", replace(FEW, exact=20, near=5, rank=8))

    def run(self, seed: int, steps: int, root: Path, format: str, limits: Limits | None = None) -> None:
        # every other world counts as large: its stories look within their reach
        limits = limits or replace(FEW, exact=20 if seed % 2 else 50_000, near=30, rank=8)
        world = Changing(seed, root, "jsonl" if format == "sql" else format, limits)
        if format == "sql":
            world.format, place = "sql", f"sqlite:///{root / 'lists.db'}"
            world.out = place  # type: ignore[assignment]
            rec = Recommender(world.world.settings, rules=world.world.rules, limits=limits)
            precompute(world.held, place, recommender=rec, format="sql", as_of=AS_OF, archive=world.snapshot)
        last, moment = scores(published(world.out)), (world.as_of, world.boosts)
        for _ in range(steps):
            changes = world.step()
            before = Recommender.load(world.snapshot)
            refresh(changes, world.out, world.snapshot, format=world.format, as_of=world.as_of)
            found, wanted = published(world.out), whole_run(before, world.out, changes, world.as_of)
            assert found.keys() == wanted.keys()
            for article_id, record in wanted.items():
                assert found[article_id] == record
            held = scores(found)
            now = world.as_of, world.boosts
            if not changes and now == moment:  # what editors hide changes no score of another item
                both = held.keys() & last.keys()
                assert {pair: held[pair] for pair in both} == {pair: last[pair] for pair in both}
            last, moment = held, now


def test_a_thousand_changes_at_once_equal_a_whole_run(tmp_path: Path) -> None:
    """New stories, corrections, removed dates and sections, expiries, withdrawals and blocks, under a ranker."""
    rng, out, snapshot = Random(0), tmp_path / "out", tmp_path / "snapshot"
    every: list[dict[str, Any]] = [
        {
            **{name: value for name, value in one.items() if name != "topic"},
            "kind": rng.choice(["news"] * 9 + ["evergreen"]),
        }
        for one in newsroom("section", count=1_600)
    ]
    rng.shuffle(every)
    held, later = every[:1_100], every[1_100:]
    options = Settings.of({"embedding": {"model": "tfidf", "svd_dim": 32}})
    as_of = START + timedelta(hours=1_500)  # some are published later
    precompute(held, out, settings=options, format="parquet", as_of=as_of, archive=snapshot)
    ids = [one["id"] for one in held]
    corrections = [dict(one) for one in rng.sample(held, 400)]
    for one in corrections:
        change = rng.choice(
            [
                {"title": f"corrected {one['title']}"},
                {"body": " ".join(rng.choice(every)["body"].split()[::-1])},
                {"published_at": None},
                {"section": None},
                {"expires_at": as_of - timedelta(hours=1)},
            ]
        )
        one.update(change)
    lists = PublishedLists.open(out)
    lists.withdraw(rng.sample(ids, 60))
    for _ in range(40):
        lists.block(rng.choice(ids), story=rng.choice([None, rng.choice(ids)]))
    changes = [*later, *corrections]
    assert len(changes) + 100 == 1_000
    before = Recommender.load(snapshot)
    assert before.archive.ranker is not None
    summary = refresh(changes, out, snapshot, format="parquet", as_of=as_of)
    assert summary.changes is not None
    assert (summary.changes.added, summary.changes.replaced) == (500, 400)
    found, wanted = published(out), whole_run(before, out, changes, as_of)
    assert found.keys() == wanted.keys()
    assert [article_id for article_id in wanted if found[article_id] != wanted[article_id]] == []
    assert sum(len(record["items"]) for record in found.values()) > 2_000


def test_boilerplate_of_the_last_whole_run_leaves_newcomers_too(tmp_path: Path) -> None:
    cookies, footer = "We use cookies to make the site better.", "Sign up to our daily newsletter."
    stories = [story | {"body": f"{cookies} {story['body']}."} for story in random_stories(Random(1), 60)]
    held, later = stories[:50], stories[50:]
    later[0]["body"] += f"\n\n{footer}"  # which the archive does not know yet
    out, snapshot = tmp_path / "out", tmp_path / "snapshot"
    options = Settings.of({"embedding": {"model": "tfidf"}})
    precompute(held, out, settings=options, as_of=AS_OF, archive=snapshot)
    unchanged = refresh(held, out, snapshot, as_of=AS_OF)
    assert unchanged.changes is not None
    assert unchanged.changes.unchanged == 50
    before = Recommender.load(snapshot)
    changes = [*later, held[3] | {"title": "another title", "body": f"{cookies} {held[4]['body']}"}]
    refresh(changes, out, snapshot, as_of=AS_OF)
    assert published(out) == whole_run(before, out, changes, AS_OF)
    lines = [item["line"] for record in published(out).values() for item in record["items"]]
    assert lines
    assert not [line for line in lines if "cookies" in line]
    after = Recommender.load(snapshot)
    assert [one.text for one in after.catalog.boilerplate.passages] == [cookies]
    assert all("cookies" in body for body in after.catalog.table["body"].to_pylist())


def board(root: Path) -> tuple[Path, Path]:
    options = WITHIN_TOPICS.override(ANY_CHANGE)
    precompute(checkerboard(), root / "out", settings=options, archive=root / "snapshot")
    return root / "out", root / "snapshot"


def test_only_touched_lists_are_made_again(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    lists = PublishedLists.open(out)
    before = {article_id: lists.get(article_id) for article_id in lists.ids()}
    story = next(story for story in checkerboard() if story["id"] == "t1-s3")
    summary = refresh([{**story, "url": "https://example.org/moved"}], out, snapshot)
    assert (summary.changes.added, summary.changes.replaced) == (0, 1)  # type: ignore[union-attr]
    assert 0 < summary.recomputed <= len(before)
    lists.refresh()
    for article_id, old in before.items():
        new = lists.get(article_id)
        assert [item.article_id for item in new] == [item.article_id for item in old]
        for item in new:
            assert item.url == ("https://example.org/moved" if item.article_id == "t1-s3" else None)


def test_nothing_new_makes_nothing_again(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    before = published(out)
    summary = refresh([], out, snapshot)
    assert summary.recomputed == 0
    assert published(out) == before


class TestListsOfAnotherState:
    """Lists that were not made from the archive as it is are all made again, and that is told."""

    MOVED = "https://example.org/moved"

    def moved(self, *ids: str) -> list[dict[str, Any]]:
        return [{**story, "url": self.MOVED} for story in checkerboard() if story["id"] in ids]

    def told(self, findings: tuple[str, ...], version: str) -> bool:
        return any(f"lists of version {version} were not made from this archive" in one for one in findings)

    def test_after_a_rollback(self, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        refresh(self.moved("t1-s3"), out, snapshot)
        second = published(out)
        open_publisher(str(out)).rollback()
        old = PublishedLists.open(out).version
        summary = refresh([], out, snapshot)
        assert summary.recomputed == summary.lists
        assert self.told(summary.findings, old)
        assert published(out) == second
        again = refresh([], out, snapshot)
        assert (again.recomputed, again.findings) == (0, ())

    def test_of_a_second_place(self, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        other = Path(shutil.copytree(out, tmp_path / "other"))
        refresh(self.moved("t1-s3"), out, snapshot)
        old = PublishedLists.open(other).version
        summary = refresh(self.moved("t2-s1"), other, snapshot)
        assert self.told(summary.findings, old)
        shown = [item for record in published(other).values() for item in record["items"]]
        urls = {(item["article_id"], item["url"]) for item in shown if item["article_id"] in ("t1-s3", "t2-s1")}
        assert urls == {("t1-s3", self.MOVED), ("t2-s1", self.MOVED)}

    def test_of_a_place_with_other_withdrawals(self, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        other = Path(shutil.copytree(out, tmp_path / "other"))
        PublishedLists.open(out).withdraw("t1-s3")
        refresh([], out, snapshot)
        PublishedLists.open(other).withdraw("t1-s3")
        refresh([], other, snapshot)
        assert published(other) == published(out)
        assert PublishedLists.open(other).version == PublishedLists.open(out).version


def test_a_whole_run_names_what_it_fitted_anew_otherwise_than_a_refresh(tmp_path: Path) -> None:
    """The same stories make the same catalog, but words are counted over other ones."""
    stories = sorted(checkerboard(), key=lambda story: story["published_at"])
    options = WITHIN_TOPICS.override(ANY_CHANGE)
    precompute(stories[:-1], tmp_path / "out", settings=options, archive=tmp_path / "snapshot")
    refreshed = refresh(stories[-1:], tmp_path / "out", tmp_path / "snapshot")
    whole = precompute(stories, tmp_path / "whole", settings=options)
    assert refreshed.as_of == whole.as_of
    assert refreshed.version != whole.version


@pytest.mark.parametrize("kind", ["empty list", "empty file", "only a header", "empty folder"])
def test_an_hour_without_stories_is_an_update_of_nothing(kind: str, tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    before = published(out)
    source = tmp_path / {"empty folder": "news", "only a header": "news.csv"}.get(kind, "news.json")
    if kind == "empty folder":
        source.mkdir()
    else:
        source.write_text({"empty list": "[]", "only a header": "id,title\n"}.get(kind, ""))
    summary = refresh(source, out, snapshot, strict=True)
    assert (summary.recomputed, summary.changed, summary.rejected, summary.findings) == (0, 0, 0, ())
    assert summary.notes == (f"1 files or folders without a story, such as {source}",)
    assert published(out) == before
    later = PublishedLists.open(out).as_of + timedelta(hours=3)  # type: ignore[operator]
    assert refresh(source, out, snapshot, as_of=later).as_of == later


def test_a_file_that_does_not_exist_is_no_hour_without_stories(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        refresh(tmp_path / "news.json", out, snapshot)


class TestColumns:
    """What a refresh reads from which columns."""

    def published(self, root: Path) -> tuple[Path, Path]:
        out, snapshot = root / "lists", root / "archive"
        stories = [{**story, "datum_x": story["published_at"]} for story in checkerboard()]
        stories = [{name: value for name, value in story.items() if name != "published_at"} for story in stories]
        tfidf = Settings.of({"embedding": {"model": "tfidf"}})
        precompute(stories, out, archive=snapshot, settings=tfidf, columns={"published_at": "datum_x"})
        return out, snapshot

    def date_of(self, story: str, snapshot: Path) -> datetime:
        table = Recommender.load(snapshot).catalog.table.select(["id", "published_at"])
        return {row["id"]: row["published_at"] for row in table.to_pylist()}[story]

    def test_those_of_the_archive_serve_later_inputs_and_that_is_told(self, tmp_path: Path) -> None:
        out, snapshot = self.published(tmp_path)
        new = {"id": "new", "title": "A ferry", "datum_x": START.isoformat()}
        told = refresh([new], out, snapshot)
        assert any("published_at=datum_x (--column names others)" in finding for finding in told.findings)
        assert self.date_of("new", snapshot) == START
        refresh([{**new, "id": "other", "date": "2025-12-31"}], out, snapshot, columns={"published_at": "date"})
        assert self.date_of("other", snapshot) < START
        refresh([{"id": "plain", "title": "Fog", "published_at": START}], out, snapshot)
        assert self.date_of("plain", snapshot) == START

    def test_new_stories_without_any_date_are_told(self, tmp_path: Path) -> None:
        out, snapshot = self.published(tmp_path)
        with pytest.warns(UserWarning, match="none of 2 new stories has a date, though those of the archive have"):
            refresh([{"id": name, "title": "Ferry", "gedruckt": "1.3.2026"} for name in "xy"], out, snapshot)

    def test_other_settings_of_lists_keep_them(self, tmp_path: Path) -> None:
        _, snapshot = self.published(tmp_path)
        other = Recommender.load(snapshot).under(Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 2}}))
        assert other.settings.reading.columns == {"published_at": "datum_x"}


def test_rejected_rows_are_told_by_the_last_good_run(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    file, bad = out / "rejected.jsonl", {"title": "no id"}
    file.unlink()
    dry = refresh([bad, checkerboard()[0]], out, snapshot, dry_run=True)
    assert (dry.rejected, dry.rejected_file, file.exists()) == (1, "", False)
    done = refresh([bad, checkerboard()[0]], out, snapshot)
    assert (done.rejected, done.rejected_file) == (1, str(file))
    told = file.read_bytes()
    assert b"missing id" in told
    with pytest.raises(InputError, match="no usable story among 2 rows"):
        refresh([bad, bad], out, snapshot)
    refresh([], out, snapshot, dry_run=True)
    assert file.read_bytes() == told
    named = tmp_path / "mine.jsonl"
    with pytest.raises(InputError, match=r"see .*mine\.jsonl"):
        refresh([bad, bad], out, snapshot, rejected=named)
    assert named.read_bytes().count(b"\n") == 2
    assert file.read_bytes() == told
    assert refresh([{**bad, "id": "new", "date": START}], out, snapshot).rejected_file == ""
    assert file.read_bytes() == b""  # it was mended


def test_a_dry_whole_run_leaves_the_folder_of_the_lists_as_it_is(tmp_path: Path) -> None:
    out, _ = board(tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    options = WITHIN_TOPICS.override(ANY_CHANGE)
    precompute([{"title": "no id"}, *checkerboard()], out, settings=options, dry_run=True)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def past_the_pool(root: Path) -> tuple[Path, Path]:
    """Lists of three items from five candidates.

    Under t0 and t1 their own topic is enough; of t3 there are three stories, and another candidate fills their lists.
    t2 is a series, of which a list may show one edition: its lists take what the pool holds in reserve, two stories of
    t3 that share a word with it. The only French story has no other to show.
    """
    stories = checkerboard()[:-3]
    for story in stories:
        story["language"] = "en"
        if story["id"] in ("t3-s0", "t3-s1"):
            story["body"] += " glacier" * (3 if story["id"] == "t3-s0" else 2)
    stories.append({"id": "seul", "title": "seul", "language": "fr", "published_at": stories[0]["published_at"]})
    options = Settings().override(
        {
            "embedding.model": "tfidf",
            "embedding.svd_dim": 8,
            "ranking.ranker": "none",
            "ranking.half_life_days": None,
            "retrieval.candidates": 5,
            "selection.k": 3,
            "selection.reserves": 0,
            "selection.related_at": 0.2,
            "selection.same_report_hours": None,
            "selection.repeat_hours": None,
        }
    )
    rules = Rules.of({"series": [{"name": "two", "section": "section2"}]})
    rec = Recommender(options, rules=rules, limits=FEW)
    precompute(stories, root / "out", recommender=rec, archive=root / "snapshot")
    return root / "out", root / "snapshot"


class TestListsThatLookPastTheirCandidates:
    def test_they_are_told(self, tmp_path: Path) -> None:
        out, snapshot = past_the_pool(tmp_path)
        lists, archive = PublishedLists.open(out), Recommender.load(snapshot).archive
        said = {article_id: lists.get(article_id) for article_id in lists.ids()}
        topics = {topic: {found.status for i, found in said.items() if topic_of(i) == topic} for topic in ("t0", "t1")}
        assert topics == {"t0": {"ok"}, "t1": {"ok"}}
        assert {said[f"t3-s{number}"].status for number in range(3)} == {"filled"}
        for number in range(6):
            found = [item.article_id for item in said[f"t2-s{number}"]]
            assert said[f"t2-s{number}"].status == "filled"
            assert found[-3 if number == 5 else -2 :][:2] == ["t3-s0", "t3-s1"]
        assert said["seul"].status == "empty"
        found = find_filled(lists, archive).past_candidates
        ids = archive.catalog.ids.to_pylist()
        assert {i for i, past in zip(ids, found, strict=True) if past} == {f"t2-s{n}" for n in range(6)} | {"seul"}

    def test_any_change_in_their_language_makes_them_again_and_leaves_the_others(self, tmp_path: Path) -> None:
        out, snapshot = past_the_pool(tmp_path)
        before = published(out)
        moment = PublishedLists.open(out).get("t0-s0").as_of
        assert moment is not None
        german = {"id": "allein", "title": "allein", "language": "de", "published_at": moment - timedelta(hours=1)}
        # a candidate under t3; under t2, of which all candidates are editions, only in reserve
        near = german | {
            "id": "near",
            "language": "en",
            "title": "nought",
            "body": "glacier moraine word words wording",
        }
        for changes, count in (([german], 1), ([near], 6 + 1 + 3)):
            old = Recommender.load(snapshot)
            assert refresh(changes, out, snapshot, as_of=moment).recomputed == count
            assert published(out) == whole_run(old, out, changes, moment)
        after = published(out)
        same = [i for i in before if topic_of(i) in ("t0", "t1")]
        assert [after[i]["items"] for i in same] == [before[i]["items"] for i in same]
        assert "near" in [item["article_id"] for item in after["t2-s0"]["items"]]


def test_growth_is_told(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    more = [{**story, "id": f"new-{story['id']}", "body": f"{story['body']} more"} for story in checkerboard(2)]
    summary = refresh(more, out, snapshot)
    assert any("run precompute" in finding for finding in summary.findings)


def test_growth_counts_stories_though_every_word_is_common(tmp_path: Path) -> None:
    stories = [{**story, "title": "alpha beta gamma", "body": "delta alpha beta"} for story in checkerboard(2)]
    out, snapshot = tmp_path / "out", tmp_path / "snapshot"
    precompute(stories, out, settings=Settings.of({"embedding": {"model": "tfidf", "svd_dim": 4}}), archive=snapshot)
    assert refresh([], out, snapshot).findings == ()


def test_after_a_purge_a_refresh_makes_all_lists_again_and_the_next_one_goes_on_from_it(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    gone = checkerboard()[0]["id"]
    purge(out, gone)
    purge(snapshot, gone)
    done = refresh([], out, snapshot)
    assert done.recomputed == done.lists == len(checkerboard()) - 1
    assert any("no pools" in finding for finding in done.findings)
    after = published(out)
    assert gone not in after
    assert all(item["article_id"] != gone for record in after.values() for item in record["items"])
    assert refresh([], out, snapshot).recomputed == 0
    assert published(out) == after


class TestRanker:
    """The archive holds its ranker; another one makes everything again, once."""

    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        """A ranker that orders otherwise: the shipped one upside down in its last trees."""
        shipped = Ranker.default("lexical")
        value = shipped.trees.value.copy()
        value[-40:] *= -3
        path = tmp_path / "other.json"
        replace(shipped, name="other", trees=replace(shipped.trees, value=value)).save(path)
        return path

    def test_another_ranker_makes_all_lists_again_once_and_tells_it(self, other: Path, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        first = PublishedLists.open(out)
        version, before = first.version, published(out)
        summary = refresh([], out, snapshot, ranker=other)
        assert summary.recomputed == len(before)
        assert summary.ranker == "other"
        told = [one for one in summary.findings if "all lists were recomputed" in one]
        assert len(told) == 1
        assert "the ranker was lexical (" in told[0]
        assert f"is other ({Ranker.load(other).sha256[:12]})" in told[0]
        now = PublishedLists.open(out)
        assert now.version != version
        assert now.manifest["ranker"]["sha256"] == Ranker.load(other).sha256
        assert now.manifest["settings_fingerprint"] != first.manifest["settings_fingerprint"]
        assert scores(published(out)) != scores(before)

        whole = tmp_path / "whole"
        options = Recommender.load(snapshot).settings
        precompute(checkerboard(), whole, settings=options)
        assert published(whole) == published(out)
        assert PublishedLists.open(whole).version == now.version

        other.unlink()  # the archive holds it
        again = refresh([], out, snapshot)
        assert (again.recomputed, again.ranker, again.findings) == (0, "other", ())
        assert published(out) == published(whole)

    def test_the_ranker_at_hand_makes_nothing_again(self, other: Path, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        refresh([], out, snapshot, ranker=other)
        for same in (other, Path(shutil.copy(other, tmp_path / "copy.json"))):
            summary = refresh([], out, snapshot, ranker=same)
            assert (summary.recomputed, summary.findings) == (0, ())

    def test_back_to_auto_and_to_none(self, other: Path, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        before = scores(published(out))
        refresh([], out, snapshot, ranker=other)
        assert refresh([], out, snapshot, ranker="auto").recomputed == len(published(out))
        assert scores(published(out)) == before
        summary = refresh([], out, snapshot, ranker="none")
        assert (summary.ranker, summary.recomputed) == ("", len(published(out)))
        assert any("and is none: all lists were recomputed" in one for one in summary.findings)

    def test_a_new_file_under_the_same_name_is_another_ranker(self, other: Path, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        refresh([], out, snapshot, ranker=other)
        replace(Ranker.load(other), name="newer", base=0.5).save(other)
        assert refresh([], out, snapshot).ranker == "other"
        summary = refresh([], out, snapshot, ranker=other)
        assert (summary.ranker, summary.recomputed) == ("newer", len(published(out)))

    def test_settings_that_name_another_ranker_make_all_lists_again(self, other: Path, tmp_path: Path) -> None:
        out, snapshot = board(tmp_path)
        rec = Recommender.load(snapshot)
        under = rec.under(rec.settings.override({"ranking.ranker": str(other)}))
        summary = refresh([], out, snapshot, recommender=under)
        assert (summary.ranker, summary.recomputed, len(summary.findings)) == ("other", len(published(out)), 1)
        assert refresh([], out, snapshot).recomputed == 0

    def test_the_ranker_is_part_of_what_identifies_a_run(self, other: Path, tmp_path: Path) -> None:
        _, snapshot = board(tmp_path)
        rec, own = Recommender.load(snapshot), Recommender.load(snapshot)
        own.archive = replace(own.archive, ranker=Ranker.load(other))  # under the same settings
        one, two = Inputs.from_recommender(rec, AS_OF), Inputs.from_recommender(own, AS_OF)
        assert one.version != two.version
        assert {name for name in one.parts if one.parts[name] != two.parts[name]} == {"ranker"}
        assert rec.archive.fingerprint != own.archive.fingerprint

    @pytest.mark.parametrize("data", [b"{}", None])
    def test_a_ranker_that_cannot_be_used_changes_nothing(
        self, data: bytes | None, other: Path, tmp_path: Path
    ) -> None:
        out, snapshot = board(tmp_path)
        version, before = PublishedLists.open(out).version, Recommender.load(snapshot).archive.fingerprint
        if data is None:
            replace(Ranker.load(other), embedder="another").save(other)
        else:
            other.write_bytes(data)
        with pytest.raises(SettingsError, match=r"is no ranker|learned with the embedder another"):
            refresh([], out, snapshot, ranker=other)
        assert PublishedLists.open(out).version == version
        assert Recommender.load(snapshot).archive.fingerprint == before
