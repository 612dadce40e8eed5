"""Random archives, rules and settings, and what must hold in every list of them, told in plain Python."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import combinations
from random import Random
from typing import Any

import numpy as np

from recommender import ReadNext, Recommendation, Recommender, Rules, Settings

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=100)
SECTIONS = ("city", "world", "fun")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES = ("harbour quiz", "market table")
_PAIRS = 20_000  # of stories, about which an archive is asked once: a test asks of each again and again


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
        self._groups: dict[str | None, dict[str, frozenset[str]]] = {}
        self.by_id = {story["id"]: story for story in self.stories}

    @cached_property
    def reference(self) -> Recommender:
        """The archive without rules."""
        return Recommender(self.settings).fit(self.stories)

    def groups(self, story: dict[str, Any]) -> dict[str, frozenset[str]]:
        """`copy_groups` of all stories, and of a draft beside them; told once for each."""
        draft = None if story["id"] in self.by_id else story["id"]
        if draft not in self._groups:
            self._groups[draft] = copy_groups([*self.stories, *([story] if draft else [])])
        return self._groups[draft]

    @cached_property
    def superseded(self) -> set[str]:
        """See the function of that name."""
        return superseded(self.stories)

    @cached_property
    def series(self) -> dict[str, str | None]:
        """The series of each story."""
        return {story["id"]: series_of(story, self.stories) for story in self.stories}


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
    ranking: dict[str, Any] = {"ranker": rng.choice(["auto", "none"])}
    cuts: list[float | str | None] = ["auto", 0.003, 0.05, None]  # of a probability
    if ranking["ranker"] == "none":
        ranking |= {"half_life_days": rng.choice([None, 5, 90]), "anchor": rng.choice(["story", "as_of"])}
        cuts = [0.05, 0.15, 0.3, None]
    return Settings.of(
        {
            "embedding": {"model": "tfidf"},
            "publish": {"max_jump": 1, "max_first_share": 1},  # worlds of few stories, which change at random
            "retrieval": {"window_days": rng.choice([None, 20, 365]), "same_language": rng.random() < 0.8},
            "ranking": ranking,
            "selection": {
                "k": rng.randint(1, 8),
                "reserves": rng.choice([0, 2, 5]),
                "related_at": rng.choice(cuts),
                "same_report_hours": rng.choice([None, 6, 24, 72]),
                "repeat_hours": rng.choice([None, 24, 72]),
                "event_threshold": rng.choice([0.3, 0.5, 0.75]),
                "event_threshold_own": rng.choice([0.5, 0.75, 0.95]),
                "event_threshold_untimed": rng.choice([0.6, 0.9]),
                "event_threshold_undated": rng.choice([0.6, 0.98]),
                "series_limit": rng.random() < 0.8,
                "live_hours": rng.choice([None, 48]),
                "caps": rng.choice([[], [cap]]),
                "diversity": rng.choice([0, 0, 0.3, 1]),
                "fill": rng.choice([(), ("more",), ("more",)]),
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
    words = [_words(text) for text in (one, other)]
    short, long = sorted(map(len, words))
    if words[0] == words[1]:
        return bool(words[0]) or one == other
    if short < 40 or short < long / 2:
        return False
    runs = [{tuple(some[at : at + 4]) for at in range(len(some) - 3)} for some in words]
    return len(runs[0] & runs[1]) >= 0.8 * min(map(len, runs))


@lru_cache(1_000)  # texts that are compared with many others
def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


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


class _Facts:
    """What is asked of the stories of an archive again and again, by row."""

    def __init__(self, rec: Recommender) -> None:
        table, terms = rec.catalog.table, rec.archive.terms
        self.row_of = {name: row for row, name in enumerate(rec.catalog.ids.to_pylist())}  # the last version counts
        self.published, self.sources = table["published_at"].to_pylist(), table["source"].to_pylist()
        self.terms = np.diff(terms.indptr)
        self.words = (terms @ terms.T).toarray()
        vectors = rec.archive.vectors.astype(int)
        self.dense = vectors @ vectors.T / 4064**2
        uses = Counter(self.sources[row] for row in np.flatnonzero(rec.catalog.alive) if self.sources[row])
        self.has_main_outlet = not uses or 2 * max(uses.values()) >= uses.total()


facts_of = lru_cache(4)(_Facts)


@lru_cache(_PAIRS)
def same_event(rec: Recommender, a: str, b: str, hours: float, slack: float = 1e-6) -> bool:
    """Whether two stories report one event within some hours; pairs at the very threshold do not count."""
    facts = facts_of(rec)
    rows = np.array([facts.row_of[a], facts.row_of[b]])
    settings, test = rec.settings.selection, rec.archive.event_test
    times = [facts.published[row] for row in rows]
    least, most = span(*times) if rec.archive.dated else (timedelta(0), None)
    if least > hours * HOUR:
        return False
    sure = most is not None and most <= hours * HOUR
    sources = [facts.sources[row] for row in rows]
    others = (None not in sources and sources[0] != sources[1]) or not facts.has_main_outlet
    limit = settings.event_threshold if others else settings.event_threshold_own
    undated = None in times or not rec.archive.dated
    if undated and facts.terms[rows].min() < 12:
        return False
    unsure = settings.event_threshold_undated if undated else settings.event_threshold_untimed
    limit = limit if sure else max(limit, unsure)
    return bool(test.probability(rows[:1], rows[1:])[0] >= limit + slack)


@lru_cache(_PAIRS)
def same_words(rec: Recommender, a: str, b: str, slack: float = 1e-6) -> bool:
    """Whether two stories of an archive have nearly the same words, and vectors that do not contradict it."""
    facts = facts_of(rec)
    one, other = facts.row_of[a], facts.row_of[b]
    blank = not (facts.dense[one, one] and facts.dense[other, other])
    enough = min(facts.terms[one], facts.terms[other]) >= 12
    return bool(enough and (blank or facts.dense[one, other] >= 0.6 + slack) and facts.words[one, other] >= 0.9 + slack)


def shares_text(a: str, b: str) -> bool:
    """Compare all runs of four words: texts of fewer than 64 words are sampled whole."""
    texts = a.lower().split(), b.lower().split()
    if min(map(len, texts)) < 40:
        return False
    one, other = ({tuple(words[n : n + 4]) for n in range(len(words) - 3)} for words in texts)
    fewer = min(len(one), len(other))
    return len(one & other) >= 0.4 * fewer + 1.5 * math.sqrt(0.24 * fewer)


def span(a: datetime | None, b: datetime | None) -> tuple[timedelta, timedelta | None]:
    """The least and the most time that may lie between two dates; midnight is any time of its day."""
    if a is None or b is None:
        return timedelta(0), None
    early, late = sorted([a, b])
    ends = [one + (DAY if one.time() == datetime.min.time() else timedelta(0)) for one in (early, late)]
    return max(late - ends[0], timedelta(0)), max(ends[1] - early, ends[0] - late)


def series_of(story: dict[str, Any], stories: list[dict[str, Any]]) -> str | None:
    for name in SERIES:
        editions = [s for s in stories if s["title"].casefold().startswith(name)]
        days = {s["published_at"].date() if s["published_at"] else s["id"] for s in editions}
        if len(days) >= 3 and story in editions:
            return name
    return None


def topics_of(story: dict[str, Any]) -> set[str | None]:
    return {story["section"], *story["tags"]}


def check_list(world: World, found: ReadNext, related_at: float | None, story: dict[str, Any] | None = None) -> None:
    """Everything that must hold in one list, items and reserves together; `story` for a draft."""
    story = story or world.by_id[found.article_id]
    settings, rules = world.settings.selection, world.rules
    shown = [*found.items, *found.reserves]
    ids = [item.article_id for item in shown]
    pins: dict[str, int] = {}
    for pin in rules.pins:
        if pin.story == story["id"] != pin.item:
            pins[pin.item] = min(pin.position, pins.get(pin.item, pin.position))

    if story["id"] in {*rules.no_list, *world.withheld}:
        assert (found.status, ids) == ("withheld", [])
        return
    if story["published_at"] and story["published_at"] > AS_OF and story["id"] in world.by_id:
        assert (found.status, ids) == ("not_computed", [])
        return
    assert len(found) <= settings.k
    assert len(shown) <= settings.k + settings.reserves
    more = [item.source == "more" for item in shown]
    full = "filled" if any(more[: settings.k]) else "ok"
    assert found.status == (full if len(found) == settings.k else "short" if ids else "empty")
    assert found.shortfall == settings.k - len(found)
    assert [item.rank for item in shown] == list(range(1, len(shown) + 1))
    assert not found.reserves or len(found) == settings.k
    assert {item.source for item in shown} <= {"related", "evergreen", "pinned", *settings.fill}
    assert {item.article_id for item in shown if item.source == "pinned"} <= set(pins)
    assert len(set(ids)) == len(ids)
    free = [item for item in shown if item.source != "pinned"]
    assert [item.source == "more" for item in free] == sorted(item.source == "more" for item in free)
    for item in free:
        if item.source != "more" and related_at is not None:
            assert item.relevance >= related_at - 1e-6
    pinned = {item.article_id for item in shown if item.source == "pinned"}
    assert faults_of(world, story, ids, pinned) == []
    if len(found) < settings.k and "more" in settings.fill:
        # nothing that might stand in the list is left out
        for other in world.by_id:
            if other not in ids and may_be_found(world, story, world.by_id[other]):
                assert faults_of(world, story, [*ids, other], pinned), other
    _check_pins(found, pins)


def may_be_found(world: World, story: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a search over all stories finds another one, as far as can be told without it."""
    if story["id"] not in world.by_id or other["id"] == story["id"]:
        return False
    if world.settings.selection.series_limit and world.series[other["id"]]:
        return False  # a newer edition may have been in its way
    return not world.settings.retrieval.same_language or other["language"] == story["language"]


def faults_of(world: World, story: dict[str, Any], ids: list[str], pinned: set[str]) -> list[str]:
    """What is wrong with a list of stories, told rule by rule; a pinned one may break most rules."""
    settings, rules = world.settings.selection, world.rules
    items = [world.by_id[i] for i in ids]
    free = [one for one in items if one["id"] not in pinned]
    found: list[str] = []

    def wrong(condition: object, told: str) -> None:
        if condition:
            found.append(told)

    wrong(story["id"] in ids, "itself")
    wrong(world.withdrawn & set(ids), "withdrawn")
    wrong(world.superseded & set(ids), "superseded")
    blocked = {(b.item, b.story) for b in rules.blocks if b.item} | world.blocked
    wrong({(i, None) for i in ids} & blocked, "blocked")
    wrong({(i, story["id"]) for i in ids} & blocked, "blocked here")
    for one in items:
        wrong(one["published_at"] and one["published_at"] > AS_OF, "embargoed")
        wrong(one["expires_at"] and one["expires_at"] <= AS_OF, "expired")
        for left, right in (block.topics for block in rules.blocks if block.topics):
            for ours, theirs in ((left, right), (right, left)):
                wrong(ours in topics_of(story) and theirs in topics_of(one), "topics")
    groups = world.groups(story)
    wrong(groups[story["id"]] & set(ids), "copy of the story")
    wrong(len({groups[i] for i in ids}) < len(ids), "copy")
    wrong(any(same_words(world.reference, a, b) for a, b in combinations(ids, 2)), "same words")
    if story["id"] in world.by_id:
        wrong(any(same_words(world.reference, story["id"], i) for i in ids if i != story["id"]), "the story's words")
    bodies = [one["body"] for one in free]
    wrong(any(shares_text(a, b) for a, b in combinations(bodies, 2)), "shared text")
    wrong(any(shares_text(story["body"], body) for body in bodies), "the story's text")
    wrong(not _goes_together(rules, story, items), "sensitive")
    if _timed(world):
        timeless = [one for one in free if one["kind"] == "evergreen" or one["published_at"] is None]
        slots = rules.evergreen_slots
        slots = settings.timeless_slots if slots is None else slots
        taken = len(timeless) + sum(
            world.by_id[i]["kind"] == "evergreen" or not world.by_id[i]["published_at"] for i in pinned
        )
        wrong(timeless and slots is not None and taken > slots, "timeless")
        if settings.live_hours is not None:
            oldest = AS_OF - timedelta(hours=settings.live_hours)
            wrong(
                any(not one["published_at"] or one["published_at"] < oldest for one in free if one["kind"] == "live"),
                "live",
            )
    wrong(_repeats(world, story, items, pinned), "event")
    if settings.series_limit:
        wrong(_series_faults(world, story, items, pinned), "series")
    for cap in (*settings.caps, *rules.caps):
        values = Counter(one[cap.by] for one in items)
        for value, count in values.items():
            over = count > cap.at_most and any(one[cap.by] == value for one in free)
            wrong(over and value is not None and cap.value in (None, value), f"cap of {cap.by}")
    return found


def _timed(world: World) -> bool:
    settings = world.settings
    return (
        settings.ranking.ranker != "none"
        or settings.ranking.half_life_days is not None
        or settings.retrieval.window_days is not None
    )


def _goes_together(rules: Rules, story: dict[str, Any], items: list[dict[str, Any]]) -> bool:
    if rules.sensitive is None:
        return True

    def hard(one: dict[str, Any]) -> bool:
        return one["sensitivity"] in rules.sensitive.values

    def light(one: dict[str, Any]) -> bool:
        return one["section"] in rules.sensitive.light_sections or one["kind"] in rules.sensitive.light_kinds

    pairs = [*((story, item) for item in items), *combinations(items, 2)]
    return not any((hard(a) and light(b)) or (light(a) and hard(b)) for a, b in pairs)


def _repeats(world: World, story: dict[str, Any], items: list[dict[str, Any]], pinned: set[str]) -> bool:
    settings, rec = world.settings.selection, world.reference
    pairs = [(a, b) for a, b in combinations(items, 2) if not {a["id"], b["id"]} <= pinned]
    hours = settings.repeat_hours
    if hours is not None and any(same_event(rec, a["id"], b["id"], hours) for a, b in pairs):
        return True
    if settings.same_report_hours is not None and story["id"] in world.by_id:
        free = [one for one in items if one["id"] not in pinned]
        return any(same_event(rec, story["id"], one["id"], settings.same_report_hours) for one in free)
    return False


def _series_faults(world: World, story: dict[str, Any], items: list[dict[str, Any]], pinned: set[str]) -> bool:
    free = [one for one in items if one["id"] not in pinned]
    mine = world.series.get(story["id"])
    for one in free:
        name = world.series[one["id"]]
        if not name:
            continue
        if sum(world.series[other["id"]] == name for other in items) > 1:
            return True
        if (
            name == mine
            and story["published_at"]
            and not (one["published_at"] and one["published_at"] >= story["published_at"])
        ):
            return True
    return False


def _check_pins(found: ReadNext, pins: dict[str, int]) -> None:
    """A pin that is shown stands at its position, or later if others are pinned up to there, or last."""
    shown = [*found.items, *found.reserves]
    taken = 0
    placed = sorted((min(pins[item.article_id], found.k), item.rank) for item in shown if item.source == "pinned")
    for position, rank in placed:
        assert rank in (position, taken + 1, len(shown)) or rank > len(shown) - len(placed)
        taken = rank


def ids_of(items: Iterable[Recommendation]) -> list[str]:
    return [item.article_id for item in items]
