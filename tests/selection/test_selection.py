"""What must hold in every list, whatever the archive, the rules and the settings, on every way to a list."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recommender import GivenVectors, PublishedLists, ReadNext, Recommender, Rules, Settings
from recommender.editorial.overlay import Overlay
from recommender.jobs.precompute import precompute
from recommender.publishing import open_publisher
from tests.support.checkerboard import checkerboard
from tests.support.worlds import (
    AS_OF,
    START,
    World,
    check_list,
    copy_groups,
    ids_of,
    random_stories,
    random_world,
    same_event,
    same_words,
    shares_text,
)


def record_overlay(world: World, overlay: Overlay) -> None:
    overlay.record("withdraw", world.withdrawn)
    overlay.record("withhold", world.withheld)
    overlay.record("block", world.blocked)


def fitted(world: World) -> Recommender:
    rec = Recommender(world.settings, rules=world.rules).fit(world.stories)
    record_overlay(world, rec.overlay)
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
        check_list(world, found, rec.related_at)


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
        check_list(world, found, rec.related_at, draft)


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
        record_overlay(world, open_publisher(place, format).overlay)
        run(world, place, format)
        read = PublishedLists.open(place)
        assert [shown(read.get(article_id)) for article_id in asked(world)] == [shown(found) for found in lists]
        assert {read.get(article_id).status for article_id in world.withdrawn} <= {"withdrawn"}


@pytest.mark.parametrize("seed", range(300, 301))
def test_what_holds_after_an_overlay_came_later(seed: int, tmp_path: Path) -> None:
    world = random_world(seed)
    for place, format in published_places(tmp_path):
        run(world, place, format)
        record_overlay(world, open_publisher(place, format).overlay)
        lists = PublishedLists.open(place)
        for article_id in asked(world):
            check_list(world, lists.get(article_id), lists.manifest["related_at"])


def published_places(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(folder / "jsonl"), "jsonl"),
        (str(folder / "parquet"), "parquet"),
        (f"sqlite:///{folder}/lists.db", "sql"),
    ]


def run(world: World, place: str, format: str) -> None:
    precompute(world.stories, place, settings=world.settings, rules=world.rules, format=format, as_of=AS_OF)


# -- the whole of selection against a plain greedy loop -------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_lists_are_made_greedily_best_placed_first(seed: int) -> None:
    """Score, order, copies and times computed story by story; only P(same event) is the library's."""
    rng = Random(seed)
    stories = [story | {"kind": "news", "canonical_id": None} for story in random_stories(rng, 24)]
    for story in stories:
        story["published_at"] = START + timedelta(hours=rng.randint(0, 24 * 20))
        story["expires_at"], story["language"] = None, "en"  # such words are taken for many languages
    vectors = {story["id"]: [rng.gauss(0.6, 1) for _ in range(5)] for story in stories}
    settings = Settings.of(
        {
            "ranking": {"ranker": "none", "dense_weight": 1, "lexical_weight": 0, "half_life_days": 30},
            "selection": {
                "k": 24,
                "related_at": None,
                "series_limit": False,
                "caps": ({"by": "section", "at_most": 3},),
                "event_threshold": 0.3,
                "event_threshold_own": 0.4,
                "event_threshold_untimed": 0.5,
            },
        }
    )
    rec = Recommender(settings, embedder=GivenVectors(vectors)).fit(stories)
    repeats = 0
    for found in rec.recommend_many([story["id"] for story in stories]):
        story = next(s for s in stories if s["id"] == found.article_id)
        ranked = ranked_by_hand(story, stories, vectors, half_life=30)
        expected, gone = greedily(story, ranked, rec)
        assert ids_of(found) == expected
        repeats += gone
    assert repeats


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

    return sorted((other for other in stories if other is not story), key=key)


def greedily(story: dict[str, Any], ranked: list[dict[str, Any]], rec: Recommender) -> tuple[list[str], int]:
    """The list, and how many candidates were left out as the same report or a repeat."""
    limits = rec.settings.selection
    assert limits.same_report_hours
    assert limits.repeat_hours
    chosen: list[dict[str, Any]] = []
    groups, gone = copy_groups([story, *ranked]), 0
    for one in ranked:
        before = (story, *chosen)
        if any(one["id"] in groups[held["id"]] or same_words(rec, held["id"], one["id"], slack=0) for held in before):
            continue
        if any(shares_text(held["body"], one["body"]) for held in before):
            continue
        same = same_event(rec, story["id"], one["id"], limits.same_report_hours, slack=0)
        if same or any(same_event(rec, held["id"], one["id"], limits.repeat_hours, slack=0) for held in chosen):
            gone += 1
        elif not one["section"] or sum(held["section"] == one["section"] for held in chosen) < 3:
            chosen.append(one)
    return [one["id"] for one in chosen], gone


@pytest.mark.parametrize("seed", range(3, 6))
@pytest.mark.parametrize("caps", [(), ({"by": "section", "at_most": 1},)])
def test_lists_do_not_depend_on_how_many_candidates_are_looked_at_first(seed: int, caps: tuple[Any, ...]) -> None:
    """Where rejections are told all are looked at: none of them is in a list, nor has a place that was left empty."""
    world = random_world(seed, 130)
    world.settings = world.settings.override(
        {"selection.diversity": 0, "selection.k": 3, "selection.reserves": 2, "selection.caps": caps}
    )
    rec = fitted(world)
    lists, rejected = rec.recommend_many(asked(world), as_of=AS_OF), rec.explain_rejected(asked(world), as_of=AS_OF)
    assert max(map(len, rejected.values())) > 60
    for one in lists:
        told = {item.article_id: item for item in rejected[one.article_id]}
        assert told.keys().isdisjoint(item.article_id for item in one.items)
        best = [item for item in told.values() if item.rule == "rank"]
        assert not best or one.shortfall == 0 or one.status == "withheld"


def test_a_list_that_the_best_candidates_do_not_fill_takes_what_stands_below_them() -> None:
    near = [{"id": f"near{n}", "title": f"ferry harbour captain{n}", "section": "city"} for n in range(70)]
    far = [{"id": f"far{n}", "title": f"opera museum concert{n}", "section": "arts"} for n in range(10)]
    options = {"series_limit": False, "same_report_hours": None, "repeat_hours": None, "reserves": 0, "k": 2}
    options |= {"caps": [{"by": "section", "at_most": 1}]}
    by_words = {"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}}
    rec = Recommender(Settings.of({**by_words, "selection": options})).fit([*near, *far])
    assert [item.section for item in rec.recommend("near0")] == ["city", "arts"]


# -- full lists -----------------------------------------------------------------------------------


def test_related_items_come_first_and_a_boost_turns_nothing_into_related() -> None:
    stories = checkerboard()
    settings = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 8, "caps": ()}})
    chances = [item.components["relevance"] for item in Recommender(settings).fit(stories).recommend("t0-s0")]
    ordered = sorted(chances, reverse=True)
    count = max(range(1, 8), key=lambda place: ordered[place - 1] - ordered[place])
    settings = settings.override({"selection.related_at": (ordered[count - 1] + ordered[count]) / 2})
    before = Recommender(settings).fit(stories).recommend("t0-s0")
    assert [item.source for item in before] == ["related"] * count + ["more"] * (8 - count)
    assert before.status == "filled"
    last = before.items[-1]
    boosted = Rules.of({"boosts": [{"by": "section", "value": str(last.section), "factor": 100}]})
    after = Recommender(settings, rules=boosted).fit(stories).recommend("t0-s0")
    related = {item.article_id for item in before if item.source == "related"}
    assert {item.article_id for item in after if item.source == "related"} == related
    assert {item.article_id for item in after.items[:count]} == related
    assert after.items[count].section == last.section
    short = Recommender(settings.override({"selection.fill": ()})).fit(stories).recommend("t0-s0")
    assert (short.status, ids_of(short)) == ("short", ids_of(before)[:count])


def test_where_rules_take_out_all_candidates_lists_look_past_them() -> None:
    fires = [row(f"fire{n:02d}", f"fire mill smoke roof engines w{n}a w{n}b", n, "fires") for n in range(40)]
    others = [row(f"other{n}", f"council school budget vote mill v{n}a v{n}b", 40 + n, "council") for n in range(8)]
    options = {
        "embedding.model": "tfidf",
        "retrieval.candidates": 10,
        "selection.reserves": 0,
        "selection.repeat_hours": None,
        "selection.same_report_hours": None,
        "selection.related_at": 0.01,
        "selection.caps": ({"by": "section", "value": "fires", "at_most": 1},),
    }
    rec = Recommender(Settings().override(options)).fit([*fires, *others])
    found = rec.recommend("fire00")
    assert found.status == "filled"
    assert [item.article_id[:5] for item in found] == ["fire" + found.items[0].article_id[4], *["other"] * 4]
    assert [item.source for item in found] == ["related", *["more"] * 4]
    short = Recommender(Settings().override(options | {"selection.fill": ()})).fit([*fires, *others])
    assert short.recommend("fire00").status == "short"
    assert ids_of(short.recommend("fire00")) == ids_of(found)[:1]


def row(article_id: str, words: str, hours: int, section: str) -> dict[str, Any]:
    published = START + timedelta(hours=hours)
    return {"id": article_id, "title": words, "body": words, "published_at": published, "section": section}
