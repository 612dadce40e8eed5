"""Calls on a loaded snapshot: what is stored, shared between calls or looked up equals what is made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import Filters, Recommender, Settings, SnapshotError, UnknownArticleError
from recommender.archive import snapshot
from recommender.articles.article import Article, to_table
from recommender.articles.catalog import Catalog
from recommender.storage.versions import VersionedFolder
from tests.support.checkerboard import checkerboard
from tests.support.worlds import AS_OF, random_rules, random_settings, random_stories


def world(rng: Random) -> Recommender:
    stories = random_stories(rng, 50)
    ids = [story["id"] for story in stories]
    return Recommender(random_settings(rng), rules=random_rules(rng, ids)).fit(stories)


def anew(rec: Recommender) -> Recommender:
    """The same stories, rules and withdrawals with nothing derived yet and no pools."""
    other = Recommender(rec.settings, rules=rec.rules, embedder=rec.embedder)
    other._archive = replace(rec.archive, catalog=replace(rec.catalog), pools=None)
    other.overlay = rec.overlay
    return other


def all_lists(rec: Recommender, **options: Any) -> list[Any]:
    gone = rec.overlay.withdrawn
    alive = rec.catalog.ids.filter(pa.array(rec.catalog.alive)).to_pylist()
    return rec.recommend_many([article_id for article_id in alive if article_id not in gone], **options)


def same_derived(rec: Recommender) -> None:
    held, made = rec.archive.derived.to_saved(), anew(rec).archive.derived.to_saved()
    assert held.names == made.names
    assert held.columns.keys() == made.columns.keys()
    for name, column in held.columns.items():
        assert column.dtype == made.columns[name].dtype, name
        np.testing.assert_array_equal(column, made.columns[name], name)


@pytest.mark.filterwarnings("ignore:.*changed rows are older")
@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_a_loaded_snapshot_gives_the_lists_of_before(seed: int) -> None:
    rec = world(Random(seed)).pool(as_of=AS_OF)
    before = all_lists(rec, as_of=AS_OF)
    with TemporaryDirectory() as folder:
        rec.save(folder)
        loaded = Recommender.load(folder, embedder=rec.embedder)
        assert all_lists(loaded, as_of=AS_OF) == before
        assert [loaded.recommend(one.article_id, as_of=AS_OF) for one in before[:5]] == before[:5]
        same_derived(loaded)
        again = random_stories(Random(seed + 1), 8)
        loaded.update(again)
        same_derived(loaded)
        assert all_lists(loaded, as_of=AS_OF) == all_lists(anew(loaded), as_of=AS_OF)


@pytest.mark.filterwarnings("ignore:.*changed rows are older")
@given(seed=st.integers(0, 2**31), steps=st.lists(st.integers(0, 9), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_calls_share_nothing_that_has_changed(seed: int, steps: list[int]) -> None:
    rng = Random(seed)
    rec = world(rng)
    ids = rec.catalog.ids.to_pylist()
    as_of = AS_OF
    actions: list[Callable[[], Any]] = [
        lambda: rec.withdraw(rng.sample(ids, 3)),
        lambda: rec.restore(rng.sample(ids, 25)),
        lambda: rec.block(rng.choice(ids)),
        lambda: rec.block(rng.choice(ids), story=rng.choice(ids)),
        lambda: rec.unblock(rng.choice(ids)),
        lambda: rec.withhold(rng.choice(ids)),
        lambda: setattr(rec, "rules", random_rules(rng, ids)),
        lambda: rec.update(random_stories(rng, 4)),
        lambda: rec.pool(as_of=as_of),
        lambda: all_lists(rec, as_of=as_of, filters=Filters(sections=("city",)), exclude=rng.sample(ids, 5)),
    ]
    for number in steps:
        all_lists(rec, as_of=as_of)
        actions[number]()
        assert all_lists(rec, as_of=as_of) == all_lists(anew(rec), as_of=as_of)
        as_of -= timedelta(days=rng.choice([0, 0, 3]))
        assert all_lists(rec, as_of=as_of) == all_lists(anew(rec), as_of=as_of)


@given(names=st.lists(st.text(max_size=3), min_size=1, unique=True), many=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=50)
def test_ids_are_found_alone_and_together(names: list[str], many: bool, seed: int) -> None:
    catalog = Catalog.from_table(to_table(Article(id=name, title="Ferry aground") for name in names))
    replaced = np.flatnonzero(np.random.default_rng(seed).random(len(names)) < 0.4)
    catalog = catalog.append(catalog.table.take(pa.array(replaced)), replaced)
    row_of = {name: row for row, name in enumerate(catalog.ids.to_pylist())}  # the last version counts
    asked = [*names, "no-such", "\ud800", None] * (2 if many else 1)
    wanted = [row_of.get(name, -1) for name in asked]
    assert catalog.find(asked).tolist() == wanted  # type: ignore[arg-type]
    assert [catalog.find([name]).tolist()[0] for name in asked] == wanted  # type: ignore[list-item]
    assert catalog.rows(names).tolist() == [catalog.row(name) for name in names] == [row_of[name] for name in names]
    for unknown in ("no-such", "\ud800"):
        assert unknown not in catalog
        with pytest.raises(UnknownArticleError):
            catalog.rows([names[0], unknown])


def test_an_altered_large_file_is_found_when_checked_and_a_cut_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit(checkerboard())
    rec.save(tmp_path)
    monkeypatch.setattr(snapshot, "CHECKED", 1_000)
    version = VersionedFolder(tmp_path, "snapshot").current()
    path = version.folder / "search.words.npy"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    Recommender.load(tmp_path)
    with pytest.raises(SnapshotError, match=r"damaged: .*search\.words\.npy"):
        Recommender.load(tmp_path, check=True)
    path.write_bytes(data[:-1])
    with pytest.raises(SnapshotError, match=r"damaged: .*search\.words\.npy"):
        Recommender.load(tmp_path)


def test_a_story_that_is_asked_for_twice_has_its_list_twice() -> None:
    stories = [{"id": f"s{n}", "title": f"ferry topic{n % 7} word{n % 11} harbour{n % 5}"} for n in range(60)]
    settings = Settings().override({"embedding.model": "tfidf", "retrieval.candidates": 8, "selection.reserves": 0})
    rec = Recommender(settings).fit(stories)
    ids = [story["id"] for story in stories]
    once = rec.recommend_many(ids)
    assert rec.recommend_many(ids + ids[:20]) == [*once, *once[:20]]
    assert rec.recommend(ids[3]) == once[3]


def test_a_draft_under_an_archived_id_is_searched_by_its_own_text() -> None:
    stories = [
        {"id": "1", "title": "Ferry aground in harbour"},
        {"id": "2", "title": "Opera director resigns in anger"},
        {"id": "3", "title": "Harbour ferry strikes ledge"},
    ]
    override = {"embedding.model": "tfidf", "retrieval.candidates": 1, "selection.k": 1, "selection.reserves": 0}
    rec = Recommender(Settings().override(override)).fit(stories)
    found = rec.recommend_for({"id": "1", "title": "Opera director named"}, k=1)
    assert [item.article_id for item in found.items] == ["2"]
