"""Random archives, rules and settings, and what must hold in every list of them, told in plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import combinations
from random import Random
from typing import Any

from recommender import ReadNext, Recommendation, Recommender, Rules, Settings

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=100)
SECTIONS = ("city", "world", "fun")
GAP, SPAN = timedelta(hours=72), timedelta(days=14)
SERIES = ("harbour quiz", "market table")


@dataclass
class World:
    """An archive with rules, settings and an overlay, all random but seeded."""

    stories: list[dict[str, Any]]
    rules: Rules
    settings: Settings
    withdrawn: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    blocked: set[tuple[str, str | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.by_id = {story["id"]: story for story in self.stories}

    @cached_property
    def reference(self) -> Recommender:
        """The archive without rules."""
        return Recommender(self.settings).fit(self.stories)


def random_stories(rng: Random, size: int) -> list[dict[str, Any]]:
    topics = [[f"{name}{syllable}" for syllable in _SYLLABLES] for name in ("harb", "oper", "glac", "mill")]
    stories: list[dict[str, Any]] = []
    for number in range(size):
        words = rng.choice(topics)
        length = rng.randint(7, 12) if rng.random() < 0.7 else rng.randint(42, 60)  # copies are told from 40 words on
        body = [*rng.choices(words, k=length), f"own{_letters(number)}"]
        published = START + timedelta(hours=rng.randint(0, 24 * 104))
        made = rng.random()
        if stories and made < 0.3:  # a report of an earlier story's event, or another edition of its text
            other = rng.choice(stories)
            body = other["body"].split()
            for place in rng.sample(range(len(body)), k=rng.choice([0, 1, 2, 4])):
                body[place] = rng.choice(words)
            body = rng.choice([body, [*rng.choices(words, k=3), *body], body[: -len(body) // 9]])
            if other["published_at"]:
                published = other["published_at"] + timedelta(hours=rng.randint(-80, 80))
        title = " ".join(rng.choices(words, k=3))
        if rng.random() < 0.12:
            title = rng.choice([f"Harbour quiz: {title}", f"Market table, {rng.randint(1, 28)} May"])
        stories.append(
            {
                "id": f"s{number:02d}",
                "title": title,
                "body": " ".join(body),
                "published_at": None if rng.random() < 0.08 else published,
                "expires_at": published + timedelta(days=rng.randint(1, 60)) if rng.random() < 0.1 else None,
                "kind": rng.choice(["news"] * 6 + ["opinion", "opinion", "live", "evergreen"]),
                "section": rng.choice([*SECTIONS, None]),
                "access": rng.choice(["free", "paid"]),
                "source": rng.choice(["wire", "desk"]),
                "author": rng.choice(["Ada", "Ben", None]),
                "language": "de" if rng.random() < 0.1 else "en",
                "sensitivity": rng.choice([None, None, None, "death"]),
                "tags": rng.sample(["law", "sea", "food"], k=rng.randint(0, 2)),
                "canonical_id": rng.choice([f"s{rng.randrange(size):02d}", "elsewhere"])
                if rng.random() < 0.1
                else None,
            }
        )
    return stories


_SYLLABLES = [a + b for a in ("ba", "do", "fi", "ku", "le", "mo") for b in ("ra", "si", "tu", "ne", "vo")]


def _letters(number: int) -> str:
    return chr(97 + number // 26) + chr(97 + number % 26)


def random_rules(rng: Random, ids: list[str]) -> Rules:
    def some(most: int) -> range:
        return range(rng.randint(0, most))

    return Rules.of(
        {
            "pins": [
                {"story": rng.choice(ids), "item": rng.choice(ids), "position": rng.randint(1, 4)} for _ in some(12)
            ],
            "blocks": [
                *({"item": rng.choice(ids)} for _ in some(2)),
                *({"item": rng.choice(ids), "story": rng.choice(ids)} for _ in some(8)),
                *({"topics": rng.sample([*SECTIONS, "law", "sea"], k=2)} for _ in some(1)),
            ],
            "no_list": rng.sample(ids, k=rng.randint(0, 2)),
            "sensitive": {"light_sections": ["fun"], "light_kinds": ["opinion"]} if rng.random() < 0.5 else None,
            "boosts": [
                {"by": "section", "value": rng.choice(SECTIONS), "factor": rng.choice([0.01, 0.5, 3, 100])}
                for _ in some(2)
            ],
            "caps": [{"by": "access", "value": "paid", "at_most": rng.randint(0, 3)} for _ in some(1)],
            "evergreen_slots": rng.choice([None, 0, 1]),
        }
    )


def random_settings(rng: Random) -> Settings:
    cap = {"by": rng.choice(["section", "kind", "source", "author"]), "at_most": rng.randint(1, 4)}
    fills = ["window", "caps", "same_section", "recent"]
    ranking: dict[str, Any] = {"ranker": rng.choice(["auto", "none"])}
    floors: list[float | str | None] = ["auto", 0.003, 0.05, None]  # of a probability
    if ranking["ranker"] == "none":
        ranking |= {"half_life_days": rng.choice([None, 5, 90]), "anchor": rng.choice(["story", "as_of"])}
        floors = [0.05, 0.15, 0.3, None]
    return Settings.of(
        {
            "embedding": {"model": "tfidf"},
            "retrieval": {"window_days": rng.choice([None, 20, 365]), "same_language": rng.random() < 0.8},
            "ranking": ranking,
            "selection": {
                "k": rng.randint(1, 8),
                "reserves": rng.choice([0, 2, 5]),
                "floor": rng.choice(floors),
                "event_limit": rng.random() < 0.8,
                "event_threshold": rng.choice([0.3, 0.5, 0.75]),
                "series_limit": rng.random() < 0.8,
                "live_hours": rng.choice([None, 48]),
                "caps": rng.choice([[], [cap]]),
                "diversity": rng.choice([0, 0, 0.3, 1]),
                "fill": rng.sample(fills, k=rng.choice([0, 0, 1, 2, 4])),
                "timeless_slots": rng.choice([0, 1, None]),
            },
        }
    )


def random_world(seed: int, size: int | None = None) -> World:
    rng = Random(seed)
    stories = random_stories(rng, size or rng.randint(20, 60))
    ids = [story["id"] for story in stories]
    world = World(stories, random_rules(rng, ids), random_settings(rng))
    world.withdrawn = set(rng.sample(ids, k=rng.randint(0, 4)))
    world.withheld = set(rng.sample(ids, k=rng.randint(0, 2)))
    world.blocked = {(rng.choice(ids), rng.choice([None, *ids])) for _ in range(rng.randint(0, 4))}
    return world


# -- oracles ------------------------------------------------------------------------------------


def copy_groups(stories: Iterable[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Id -> every id of one text or one `canonical_id` with it, itself included.

    A text is compared with the oldest of each group that was found before.
    """
    oldest_first = sorted(stories, key=lambda s: (s["published_at"] or datetime.min.replace(tzinfo=UTC), s["id"]))
    texts: list[list[dict[str, Any]]] = []
    for story in oldest_first:
        same = (group for group in texts if _same_text(group[0], story))
        if (group := next(same, None)) is None:
            texts.append(group := [])
        group.append(story)
    groups = [{story["id"] for story in group} for group in texts]
    names: dict[str, set[str]] = {}
    for story in oldest_first:
        names.setdefault(story.get("canonical_id") or story["id"], set()).add(story["id"])
    for named in names.values():
        groups = [g for g in groups if not g & named] + [named.union(*(g for g in groups if g & named))]
    return {member: frozenset(group) for group in groups for member in group}


def _same_text(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one["body"] and other["body"]:
        return is_near_copy(one["body"], other["body"])
    heads = [(s["body"], s["title"], s.get("lead", "")) for s in (one, other)]
    return heads[0] == heads[1]


def is_near_copy(one: str, other: str) -> bool:
    """Whether two texts have the same words, or share four fifths of the shorter one's runs of four."""
    words = [re.findall(r"[^\W_]+", text.casefold()) for text in (one, other)]
    short, long = sorted(map(len, words))
    if words[0] == words[1]:
        return bool(words[0]) or one == other
    if short < 40 or short < long / 2:
        return False
    runs = [{tuple(some[at : at + 4]) for at in range(len(some) - 3)} for some in words]
    return len(runs[0] & runs[1]) >= 0.8 * min(map(len, runs))


def superseded(stories: list[dict[str, Any]]) -> set[str]:
    """Versions of a story of the archive, and all but the newest of those that name one outside."""
    ids = {story["id"] for story in stories}
    versions = [s for s in stories if s["canonical_id"] and s["canonical_id"] != s["id"]]
    found = {s["id"] for s in versions if s["canonical_id"] in ids}
    for name in {s["canonical_id"] for s in versions} - ids:
        same = [s for s in versions if s["canonical_id"] == name]
        newest = max(same, key=lambda s: (s["published_at"] or datetime.min.replace(tzinfo=UTC), s["id"]))
        found |= {s["id"] for s in same} - {newest["id"]}
    return found


def same_event(rec: Recommender, a: str, b: str, slack: float = 1e-6) -> bool:
    """By the test of the archive for two of its stories; pairs at the very threshold do not count."""
    rows = rec.catalog.rows([a, b])
    test = rec.archive.event_test
    probability = test.probability(rows[:1], rows[1:])[0]
    return bool(probability >= rec.settings.selection.event_threshold + slack)


def series_of(story: dict[str, Any], stories: list[dict[str, Any]]) -> str | None:
    for name in SERIES:
        editions = [s for s in stories if s["title"].casefold().startswith(name)]
        days = {s["published_at"].date() if s["published_at"] else s["id"] for s in editions}
        if len(days) >= 3 and story in editions:
            return name
    return None


def topics_of(story: dict[str, Any]) -> set[str | None]:
    return {story["section"], *story["tags"]}


def check_list(world: World, found: ReadNext, floor: float | None, story: dict[str, Any] | None = None) -> None:
    """Everything that must hold in one list, items and reserves together; `story` for a draft."""
    story = story or world.by_id[found.article_id]
    settings, rules = world.settings.selection, world.rules
    shown = [*found.items, *found.reserves]
    ids = [item.article_id for item in shown]
    pins: dict[str, int] = {}
    for pin in rules.pins:
        if pin.story == story["id"] != pin.item:
            pins[pin.item] = min(pin.position, pins.get(pin.item, pin.position))
    free = [i for i in shown if i.source != "pinned"]

    if story["id"] in {*rules.no_list, *world.withheld}:
        assert (found.status, ids) == ("withheld", [])
        return
    if story["published_at"] and story["published_at"] > AS_OF and story["id"] in world.by_id:
        assert (found.status, ids) == ("not_computed", [])
        return
    assert len(found) <= settings.k
    assert len(shown) <= settings.k + settings.reserves
    assert found.status == ("ok" if len(found) == settings.k else "short")
    assert found.shortfall == settings.k - len(found)
    assert [item.rank for item in shown] == list(range(1, len(shown) + 1))
    assert not found.reserves or len(found) == settings.k
    assert {item.source for item in shown} <= {"related", "evergreen", "pinned", *settings.fill}
    assert {item.article_id for item in shown if item.source == "pinned"} <= set(pins)
    assert len(set(ids)) == len(ids)

    assert story["id"] not in ids
    assert not world.withdrawn & set(ids)
    assert not superseded(world.stories) & set(ids)
    blocked = {(b.item, b.story) for b in rules.blocks if b.item} | world.blocked
    assert not {(i, None) for i in ids} & blocked
    assert not {(i, story["id"]) for i in ids} & blocked
    items = {i: world.by_id[i] for i in ids}
    for one in items.values():
        assert not one["published_at"] or one["published_at"] <= AS_OF
        assert not one["expires_at"] or one["expires_at"] > AS_OF
        for left, right in (block.topics for block in rules.blocks if block.topics):
            for ours, theirs in ((left, right), (right, left)):
                assert not (ours in topics_of(story) and theirs in topics_of(one))
    groups = copy_groups([*world.stories, *([story] if story["id"] not in world.by_id else [])])
    assert not groups[story["id"]] & set(ids)
    assert len({groups[i] for i in ids}) == len(ids)
    _check_sensitive(rules, story, list(items.values()))
    _check_freshness(world, free)
    for item in shown:
        if item.source in ("related", "evergreen", "window", "caps") and floor is not None:
            assert item.components["relevance"] >= floor - 1e-6
    if settings.event_limit:
        _check_events(world, story, shown)
    if settings.series_limit:
        _check_series(world, story, shown)
    for cap in (*settings.caps, *rules.caps):
        _check_cap(world, cap, free)
    _check_pins(found, pins)


def _check_sensitive(rules: Rules, story: dict[str, Any], items: list[dict[str, Any]]) -> None:
    if rules.sensitive is None:
        return

    def hard(one: dict[str, Any]) -> bool:
        return one["sensitivity"] in rules.sensitive.values

    def light(one: dict[str, Any]) -> bool:
        return one["section"] in rules.sensitive.light_sections or one["kind"] in rules.sensitive.light_kinds

    for one, other in [*((story, item) for item in items), *combinations(items, 2)]:
        assert not (hard(one) and light(other)), (one["id"], other["id"])
        assert not (light(one) and hard(other)), (one["id"], other["id"])


def _check_freshness(world: World, free: list[Recommendation]) -> None:
    timeless = [i for i in free if world.by_id[i.article_id]["kind"] == "evergreen" or i.published_at is None]
    live = [i for i in free if world.by_id[i.article_id]["kind"] == "live"]
    settings = world.settings
    ranking = settings.ranking
    if ranking.ranker == "none" and ranking.half_life_days is None and settings.retrieval.window_days is None:
        return  # time does not count
    slots = world.rules.evergreen_slots
    slots = settings.selection.timeless_slots if slots is None else slots
    assert slots is None or len(timeless) <= slots
    if settings.selection.live_hours is not None:
        assert all(i.published_at and i.published_at >= AS_OF - timedelta(hours=48) for i in live)


def _check_events(world: World, story: dict[str, Any], shown: list[Recommendation]) -> None:
    reports = [i for i in shown if i.source not in ("pinned", "evergreen")]
    pinned = [i for i in shown if i.source == "pinned"]
    near: Callable[[Any, Any], bool] = lambda a, b: abs(a["published_at"] - b["published_at"]) <= GAP  # noqa: E731
    dated = [world.by_id[i.article_id] for i in reports if i.published_at]
    fixed = [world.by_id[i.article_id] for i in pinned if i.published_at]
    for one, other in [*combinations(dated, 2), *((a, b) for a in fixed for b in dated)]:
        assert not (near(one, other) and same_event(world.reference, one["id"], other["id"])), (one["id"], other["id"])
    if story["published_at"] and story["id"] in world.by_id:
        own = [one for one in dated if near(one, story) and same_event(world.reference, one["id"], story["id"])]
        assert len(own) <= 1
        assert all(one["published_at"] > story["published_at"] for one in own)


def _check_series(world: World, story: dict[str, Any], shown: list[Recommendation]) -> None:
    free = [world.by_id[i.article_id] for i in shown if i.source != "pinned"]
    names = [name for one in free if (name := series_of(one, world.stories))]
    assert len(set(names)) == len(names)
    mine = series_of(story, world.stories)
    if mine and story["published_at"]:
        editions = [one for one in free if series_of(one, world.stories) == mine]
        assert all(one["published_at"] and one["published_at"] > story["published_at"] for one in editions)


def _check_cap(world: World, cap: Any, free: list[Recommendation]) -> None:
    counted = [i for i in free if i.source != "caps"]
    values = Counter(world.by_id[i.article_id][cap.by] for i in counted)
    for value, count in values.items():
        if value is not None and cap.value in (None, value):
            assert count <= cap.at_most, (cap, ids_of(counted))


def _check_pins(found: ReadNext, pins: dict[str, int]) -> None:
    """A pin that is shown stands at its position, or later if others are pinned up to there, or last."""
    shown = [*found.items, *found.reserves]
    taken = 0
    placed = sorted((pins[item.article_id], item.rank) for item in shown if item.source == "pinned")
    for position, rank in placed:
        assert rank in (position, taken + 1, len(shown)) or rank > len(shown) - len(placed)
        taken = rank


def ids_of(items: Iterable[Recommendation]) -> list[str]:
    return [item.article_id for item in items]
