"""A refresh publishes what a run over all stories would, within an epoch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import PublishedLists, Recommender, Settings, SnapshotError
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from recommender.search import candidates, exact, pools
from tests.support.checkerboard import checkerboard
from tests.support.worlds import AS_OF, World, random_rules, random_settings, random_stories


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools so small that rows fall out of them."""
    monkeypatch.setattr(exact, "BLOCK", 16)
    monkeypatch.setattr(pools, "_SPARE", 2)
    monkeypatch.setattr(candidates, "_TIMELESS", 3)
    monkeypatch.setattr("recommender.facade.BLOCK", 16)


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
    before.tombstones = PublishedLists.open(place).tombstones
    before.tombstones.refresh()
    before.update(changes)
    before._archive = replace(before.archive, pooled=None)
    gone = before.catalog.known_rows(before.tombstones.withdrawn)
    rows = np.setdiff1d(np.flatnonzero(before.catalog.alive), gone)
    version = PublishedLists.open(place).version
    found = [record for batch in before.lists(rows, as_of=as_of, version=version) for record in batch.to_pylist()]
    return {record["article_id"]: record for record in found}


class Changing:
    """A world published in a folder, that changes step by step."""

    def __init__(self, seed: int, root: Path, format: str) -> None:
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
            settings=options,
            rules=self.world.rules,
            format=format,
            as_of=self.as_of,
            archive=self.snapshot,
        )

    def step(self) -> list[dict[str, Any]]:
        """Something happens; returns the changed stories."""
        rng, lists = self.rng, PublishedLists.open(self.out)
        changes: list[dict[str, Any]] = []
        kind = rng.randrange(8)
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
            lists.restore(sorted(lists.tombstones.withdrawn)[:1])
            lists.block(rng.choice(self.held)["id"], story=rng.choice([None, rng.choice(self.held)["id"]]))
        if kind == 5:
            self.as_of += timedelta(hours=rng.choice([1, 30, 200]))
        return [dict(story) for story in {story["id"]: story for story in changes}.values()]


@pytest.mark.usefixtures("few")
class TestEqualsAWholeRun:
    @pytest.mark.parametrize("format", ["jsonl", "parquet", "sql"])
    def test_in_every_format(self, format: str, tmp_path: Path) -> None:
        if format == "sql":
            pytest.importorskip("sqlalchemy")
        self.run(7, 4, tmp_path, format)

    @settings(max_examples=40)
    @given(seed=st.integers(0, 2**20), steps=st.integers(1, 5))
    def test_over_random_changes(self, seed: int, steps: int) -> None:
        with TemporaryDirectory() as folder:
            self.run(seed, steps, Path(folder), "parquet")

    def run(self, seed: int, steps: int, root: Path, format: str) -> None:
        world = Changing(seed, root, "jsonl" if format == "sql" else format)
        if format == "sql":
            world.format, place = "sql", f"sqlite:///{root / 'lists.db'}"
            world.out = place  # type: ignore[assignment]
            precompute(
                world.held, place, settings=world.world.settings, rules=world.world.rules, format="sql", as_of=AS_OF,
                archive=world.snapshot,
            )  # fmt: skip
        last, moment = scores(published(world.out)), world.as_of
        for _ in range(steps):
            changes = world.step()
            before = Recommender.load(world.snapshot)
            refresh(changes, world.out, world.snapshot, format=world.format, as_of=world.as_of)
            found, wanted = published(world.out), whole_run(before, world.out, changes, world.as_of)
            assert found.keys() == wanted.keys()
            for article_id, record in wanted.items():
                assert found[article_id] == record
            held = scores(found)
            if not changes and world.as_of == moment:  # what editors hide changes no score of another item
                both = held.keys() & last.keys()
                assert {pair: held[pair] for pair in both} == {pair: last[pair] for pair in both}
            last, moment = held, world.as_of


def board(root: Path) -> tuple[Path, Path]:
    options = Settings().override({"embedding.model": "tfidf", "selection.floor": 0.2, "selection.event_limit": False})
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


def test_a_snapshot_without_pools_is_refused(tmp_path: Path) -> None:
    out, snapshot = board(tmp_path)
    rec = Recommender.load(snapshot).compact()
    rec.save(snapshot)
    with pytest.raises(SnapshotError, match="no pools"):
        refresh([], out, snapshot)
