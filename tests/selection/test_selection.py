"""What must hold in every list, whatever the archive, the rules and the settings, on every way to a list."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recommender import GivenVectors, PublishedLists, ReadNext, Recommender, Settings
from recommender.editorial.overlay import Tombstones
from recommender.jobs.precompute import precompute
from recommender.publishing import open_publisher
from tests.support.checkerboard import checkerboard
from tests.support.worlds import (
    AS_OF,
    GAP,
    SPAN,
    START,
    World,
    check_list,
    copy_groups,
    ids_of,
    random_stories,
    random_world,
    same_event,
)


def record_overlay(world: World, stones: Tombstones) -> None:
    stones.record("withdraw", world.withdrawn)
    stones.record("withhold", world.withheld)
    stones.record("block", world.blocked)


def fitted(world: World) -> Recommender:
    rec = Recommender(world.settings, rules=world.rules).fit(world.stories)
    record_overlay(world, rec.tombstones)
    return rec


def asked(world: World) -> list[str]:
    return [story["id"] for story in world.stories if story["id"] not in world.withdrawn]


def shown(found: ReadNext) -> tuple[Any, ...]:
    return found.article_id, found.status, found.items, found.reserves


@pytest.mark.parametrize("seed", range(16))
def test_what_holds_in_every_list(seed: int) -> None:
    world = random_world(seed)
    rec = fitted(world)
    for found in rec.recommend_many(asked(world), as_of=AS_OF):
        check_list(world, found, rec.floor)


@pytest.mark.parametrize("seed", range(104, 110))
def test_what_holds_in_the_list_of_a_draft(seed: int) -> None:
    world = random_world(seed)
    rec = fitted(world)
    drafts = random_stories(Random(-seed - 1), 8)
    rng = Random(seed)
    for number, draft in enumerate(drafts):
        copied = rng.choice([draft, *world.stories])
        draft |= {"id": f"draft{number}", "published_at": min(draft["published_at"] or START, AS_OF)}
        if number % 2:
            draft["body"] = copied["body"]
        found = rec.recommend_for(draft, as_of=AS_OF)
        check_list(world, found, rec.floor, draft)


@pytest.mark.parametrize("seed", range(200, 202))
def test_every_way_to_a_list_gives_the_same(seed: int, tmp_path: Path) -> None:
    world = random_world(seed)
    rec = fitted(world)
    lists = rec.recommend_many(asked(world), as_of=AS_OF)
    one_by_one = [rec.recommend(article_id, as_of=AS_OF) for article_id in asked(world)[:10]]
    assert one_by_one == lists[:10]

    shuffled = World(Random(seed).sample(world.stories, len(world.stories)), world.rules, world.settings)
    shuffled.withdrawn, shuffled.withheld, shuffled.blocked = world.withdrawn, world.withheld, world.blocked
    assert fitted(shuffled).recommend_many(asked(world), as_of=AS_OF) == lists

    rec.save(tmp_path / "snapshot")
    assert Recommender.load(tmp_path / "snapshot").recommend_many(asked(world), as_of=AS_OF) == lists

    for place, format in published_places(tmp_path):
        record_overlay(world, open_publisher(place, format).tombstones)
        run(world, place, format)
        read = PublishedLists.open(place)
        assert [shown(read.get(article_id)) for article_id in asked(world)] == [shown(found) for found in lists]
        assert {read.get(article_id).status for article_id in world.withdrawn} <= {"withdrawn"}


@pytest.mark.parametrize("seed", range(300, 301))
def test_what_holds_after_an_overlay_came_later(seed: int, tmp_path: Path) -> None:
    world = random_world(seed)
    for place, format in published_places(tmp_path):
        run(world, place, format)
        record_overlay(world, open_publisher(place, format).tombstones)
        lists = PublishedLists.open(place)
        for article_id in asked(world):
            check_list(world, lists.get(article_id), lists.manifest["floor"])


def published_places(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(folder / "jsonl"), "jsonl"),
        (str(folder / "parquet"), "parquet"),
        (f"sqlite:///{folder}/lists.db", "sql"),
    ]


def run(world: World, place: str, format: str) -> None:
    precompute(world.stories, place, settings=world.settings, rules=world.rules, format=format, as_of=AS_OF)


# -- the event step against a plain greedy loop -------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_events_are_decided_greedily_best_placed_first(seed: int) -> None:
    """Score, links in time, own event and order, computed story by story; only P(same event) is the library's."""
    rng = Random(seed)
    stories = [story | {"kind": "news", "canonical_id": None} for story in random_stories(rng, 24)]
    for story in stories:
        story["published_at"] = START + timedelta(hours=rng.randint(0, 24 * 20))
        story["expires_at"], story["language"] = None, "en"  # such words are taken for many languages
    vectors = {story["id"]: [rng.gauss(0.6, 1) for _ in range(5)] for story in stories}
    settings = Settings.of(
        {
            "ranking": {"ranker": "none", "dense_weight": 1, "lexical_weight": 0, "half_life_days": 30},
            "selection": {"k": 24, "floor": None, "series_limit": False, "caps": (), "event_threshold": 0.4},
        }
    )
    rec = Recommender(settings, embedder=GivenVectors(vectors)).fit(stories)
    for found in rec.recommend_many([story["id"] for story in stories]):
        story = next(s for s in stories if s["id"] == found.article_id)
        ranked = ranked_by_hand(story, stories, vectors, half_life=30)
        assert ids_of(found) == one_per_event_by_hand(story, ranked, rec)


def cosine(a: list[float], b: list[float]) -> float:
    left, right = (tuple(round(4064 * x / math.hypot(*v)) for x in v) for v in (a, b))
    return sum(x * y for x, y in zip(left, right, strict=True)) / 4064**2


def ranked_by_hand(
    story: dict[str, Any], stories: list[dict[str, Any]], vectors: dict[str, list[float]], half_life: float
) -> list[dict[str, Any]]:
    def key(other: dict[str, Any]) -> tuple[float, float, str]:
        near = cosine(vectors[story["id"]], vectors[other["id"]])
        days = abs(other["published_at"] - story["published_at"]) / timedelta(days=1)
        score = math.log2(near) - days / half_life if near > 0 else -math.inf
        return -score, -near, other["id"]

    groups, seen, kept = copy_groups(stories), {story["id"]}, []
    for other in sorted(stories, key=key):
        if not seen & groups[other["id"]]:
            kept.append(other)
            seen.add(other["id"])
    return kept


def linked(members: list[dict[str, Any]], lead: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that follow one another within the gap up to the lead."""
    reached: list[datetime] = [lead["published_at"]]
    found: list[dict[str, Any]] = []
    left = list(members)
    while near := [m for m in left if any(abs(m["published_at"] - t) <= GAP for t in reached)]:
        found += near
        reached += [m["published_at"] for m in near]
        left = [m for m in left if m not in near]
    return found


def one_per_event_by_hand(story: dict[str, Any], ranked: list[dict[str, Any]], rec: Recommender) -> list[str]:
    archive = rec.archive
    words = (archive.terms @ archive.terms.T).toarray()
    dense = archive.vectors.astype(int) @ archive.vectors.astype(int).T / 4064**2

    def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
        return abs(a["published_at"] - b["published_at"]) <= SPAN and same_event(rec, a["id"], b["id"], slack=0)

    def copy(a: dict[str, Any], b: dict[str, Any]) -> bool:
        pair = tuple(rec.catalog.rows([a["id"], b["id"]]))
        return bool(words[pair] >= 0.9 and dense[pair] >= 0.9)

    def reports(lead: dict[str, Any], among: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = linked([one for one in among if one is not lead and same(lead, one)], lead)
        return [lead, *(one for one in among if one is not lead and (one in found or copy(lead, one)))]

    line = [one for one in ranked if not copy(story, one)]
    own = linked([one for one in line if same(story, one)], story)
    newer = [one for one in own if one["published_at"] > story["published_at"]]
    if own:
        place = line.index(next(one for one in line if one in own))
        kept = [max(newer, key=lambda one: one["published_at"])] if newer else []
        line = [*line[:place], *kept, *(one for one in line[place:] if one not in own)]
    chosen = []
    while line:
        group = reports(line[0], line)
        newest = max(group, key=lambda one: one["published_at"])
        gone = [*group, *reports(newest, line)]
        chosen.append(newest["id"])
        line = [one for one in line if one not in gone]
    return chosen


def test_lists_and_rejections_do_not_depend_on_how_many_are_compared_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = random_world(3)
    rec = fitted(world)
    lists, rejected = rec.recommend_many(asked(world)), rec.explain_rejected(asked(world))
    assert any(one.rule == "event" for some in rejected.values() for one in some)
    monkeypatch.setattr("recommender.selection.pipeline._PAIRS", 1)
    assert rec.recommend_many(asked(world)) == lists
    assert rec.explain_rejected(asked(world)) == rejected


def test_what_a_fill_brought_back_is_not_told_as_rejected() -> None:
    rec = Recommender(
        Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 8, "floor": 0.9, "fill": ["same_section"]}})
    ).fit(checkerboard())
    filled = rec.recommend("t0-s0")
    assert {item.source for item in filled} == {"same_section"}
    assert not set(ids_of(filled)) & {one.article_id for one in rec.explain_rejected(["t0-s0"])["t0-s0"]}
