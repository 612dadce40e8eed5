# ruff: noqa: E501
"""Faults planted into the lists of a small archive of real sentences, with the default model: each must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recommender import Recommender, Rules, Settings
from tests.support.worlds import ids_of

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
AS_OF = START + timedelta(days=30)
HOUR = timedelta(hours=1)

# id, days after the start, title, body
ARCHIVE = (
    ("bridge-closed", 1, "Harl bridge closed after cracks are found", "Engineers closed the Harl bridge on Monday after a routine inspection found cracks in two of its main girders. Some 30,000 drivers cross it every day and must now take the tunnel."),
    ("bridge-traffic", 5, "Commuters wait an hour at the tunnel as Harl bridge stays shut", "Queues of an hour built up at the Harl tunnel because the bridge beside it is shut. Drivers asked the council for more ferries and buses across the river."),
    ("bridge-cost", 9, "Repair of the Harl bridge will cost 80 million", "Mending the cracked girders of the Harl bridge will take until autumn and cost 80 million crowns, the council's engineers estimate. The council wants the state to pay half of it."),
    ("bridge-inquiry", 14, "Inspectors had warned of rust on Harl bridge for years", "Reports obtained under the information act show that inspectors warned the council of rust in the girders of the Harl bridge as early as six years ago. The council put the repair off three times."),
    ("bridge-ferry", 18, "Extra ferries cross the Harl while the bridge is mended", "Two more ferries carry commuters across the river Harl from today, every ten minutes at rush hour. They will run until the bridge opens again in autumn."),
    ("flu-hospital", 2, "Hospitals fill up as flu spreads among children", "Children's wards are full as the flu epidemic grows, doctors said. Three hospitals put off operations that can wait and called back nurses from leave."),
    ("flu-vaccine", 6, "Flu vaccine runs short at chemists and surgeries", "Chemists have run out of flu vaccine in half of the districts. The health ministry ordered 200,000 more doses and asked doctors to give them to the old and the sick first."),
    ("flu-schools", 10, "Schools close early for spring because of flu", "Forty schools closed a week early because so many pupils and teachers have flu. The health office hopes that the epidemic will slow down while classrooms are empty."),
    ("flu-peak", 15, "Flu epidemic has passed its peak, health office says", "The number of new flu cases fell for the second week, the health office said. Hospitals still treat four hundred patients, most of them children or above seventy."),
    ("flu-nurses", 19, "Nurses demand extra pay for weeks of flu", "Nurses who worked double shifts during the flu epidemic demand a bonus. Their union says that hospitals saved the wages of three hundred posts which they never filled."),
    ("wolf-sheep", 3, "Wolf kills eleven sheep on an upland farm", "A wolf killed eleven sheep on a farm in the Orm valley on Friday night. The farmer found the animals by the fence at dawn, and a ranger took samples of the bites."),
    ("wolf-fence", 7, "Farmers get money for fences that keep wolves out", "Sheep farmers in the uplands may claim the cost of electric fences against wolves. The ministry set aside two million crowns, and a ranger will advise each farm."),
    ("wolf-hunt", 11, "Court stops the shooting of the Orm valley wolf", "A court stopped the hunt for the wolf that kills sheep in the Orm valley. The animal is protected, the judges wrote, and farmers have not yet tried fences."),
    ("wolf-pups", 16, "Camera films wolf pups in the Orm valley", "A camera trap filmed four wolf pups in the Orm valley, the first born there in a century. Rangers keep the den secret, while sheep farmers fear for the lambs of spring."),
    ("wolf-dogs", 20, "Guard dogs instead of guns: how a shepherd lives with wolves", "Anna Lund has lost no sheep to wolves since she bought two guard dogs. Other farmers in the uplands now come to see how the dogs live with her flock."),
    ("chess-start", 4, "Sixteen-year-old leads the chess championship", "Mira Sand, sixteen, leads the national chess championship after five rounds. She beat the defending champion with the black pieces in a game of seventy moves."),
    ("chess-title", 8, "Mira Sand is the youngest chess champion ever", "With a draw in the last round Mira Sand won the national chess championship at sixteen. Nobody has ever held the title at a younger age."),
    ("chess-school", 12, "Chess clubs are overrun since a schoolgirl won the title", "Chess clubs report twice as many children as last year since Mira Sand became champion. Some have no boards left and play with paper pieces."),
    ("chess-invite", 17, "World's best chess players invite Mira Sand", "The young chess champion Mira Sand will play the world's ten best players in June. Her trainer wants her to finish the school year first."),
    ("chess-cheat", 21, "Chess league suspends player caught with a telephone", "The chess league suspended a master who was caught with a telephone in the toilet during a championship game. Players will be searched from now on."),
    ("baker", 13, "Baker wins prize for rye bread", "A baker from the old town won the national prize for the best rye bread. He lets his dough rest for two days."),
    ("museum", 22, "Museum shows maps of lost islands", "The maritime museum shows forty old maps with islands that never existed. Sailors drew them after they had mistaken clouds for land."),
)  # fmt: skip
RULES = {"light_sections": ["leisure"], "light_kinds": []}


def base() -> list[dict[str, Any]]:
    return [
        {
            "id": i,
            "title": title,
            "body": body,
            "published_at": START + timedelta(days=day),
            "section": i.partition("-")[0],
            "language": "en",
        }
        for i, day, title, body in ARCHIVE
    ]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that did not change are embedded once."""
    return tmp_path_factory.mktemp("planted") / "vectors.sqlite"


SUM = Settings.of(
    {
        "ranking": {"ranker": "none", "dense_weight": 0.5, "lexical_weight": 0.5},
        "selection": {"related_at": 0.218, "fill": ()},  # where judges of such sums follow half of the links
    }
)
"""Its short lists keep strangers out; full ones only put them below."""


@pytest.fixture(scope="module", params=[Settings(), SUM], ids=["ranker", "sum"])
def order(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.param
    return found


def lists_of(rec: Recommender, asked: list[str]) -> dict[str, list[str]]:
    return {found.article_id: ids_of(found) for found in rec.recommend_many(asked, as_of=AS_OF)}


def clean_lists(order: Settings, cache: Path) -> dict[str, list[str]]:
    return lists_of(Recommender(order, cache=cache).fit(base()), [row[0] for row in ARCHIVE])


@pytest.fixture(scope="module")
def clean(cache: Path) -> dict[str, list[str]]:
    """The lists without faults, which tell where to plant them: the same places under any ranker."""
    return clean_lists(SUM, cache)


def off_topic(story: str, shown: list[str]) -> list[bool]:
    return [item.partition("-")[0] != story.partition("-")[0] for item in shown]


def test_the_clean_lists_stay_on_their_topic(clean: dict[str, list[str]]) -> None:
    for article_id, shown in clean.items():
        assert not any(off_topic(article_id, shown)), (article_id, shown)
        assert shown or article_id in ("baker", "museum")


def test_the_lists_of_the_ranker_begin_with_their_topic(cache: Path) -> None:
    away = {
        article_id: off_topic(article_id, shown)
        for article_id, shown in clean_lists(Settings(), cache).items()
        if article_id not in ("baker", "museum")
    }
    assert all(found and not found[0] for found in away.values()), away
    assert sum(any(found[:3]) for found in away.values()) <= 2, away


@dataclass
class Plant:
    """An archive with one fault of each kind, and how each must come out: a check of all lists, by kind."""

    stories: list[dict[str, Any]]
    rules: dict[str, Any] = field(default_factory=lambda: {"blocks": [], "no_list": [], "sensitive": RULES})
    withdrawn: list[str] = field(default_factory=list)
    checks: dict[str, Callable[[dict[str, list[str]]], bool]] = field(default_factory=dict)


def planted(seed: int, clean: dict[str, list[str]], order: Settings) -> Plant:
    """Change items that stand in lists, or add stories beside them, one fault a kind."""
    rng = Random(seed)
    plant = Plant(base())
    rows = {story["id"]: story for story in plant.stories}
    pairs = [(story, item) for story, shown in clean.items() for item in shown[:4]]
    rng.shuffle(pairs)
    used: set[str] = set()

    def pick(with_story: bool = False) -> tuple[str, str]:
        """A story and an item of its list that no fault has touched."""
        story, item = next((s, i) for s, i in pairs if i not in used and not (with_story and s in used))
        used.update((story, item) if with_story else (item,))
        return story, item

    def absent(item: str) -> Callable[[dict[str, list[str]]], bool]:
        return lambda lists: all(item not in shown for shown in lists.values())

    def below(item: str) -> Callable[[dict[str, list[str]]], bool]:
        """Nothing of the story's topic stands under it."""
        return lambda lists: all(
            all(off_topic(story, shown[shown.index(item) :])) for story, shown in lists.items() if item in shown
        )

    def never_both(*some: str) -> Callable[[dict[str, list[str]]], bool]:
        return lambda lists: all(len({*some} & {s, *shown}) < 2 for s, shown in lists.items() if s not in some[1:])

    def add(kind: str, **story: Any) -> str:
        plant.stories.append({**story, "id": f"{story['id']}-{kind}"})
        return str(plant.stories[-1]["id"])

    grave, light = pick(with_story=True)
    rows[grave]["sensitivity"], rows[light]["section"] = rng.choice(["death", "abuse"]), "leisure"
    plant.checks["light under sensitive"] = lambda lists: light not in lists[grave] and grave not in lists[light]
    plant.checks["light beside sensitive"] = lambda lists: all(
        not {grave, light} <= set(shown) for shown in lists.values()
    )

    # changes of an item that stood in a list
    _, item = pick()
    plant.withdrawn.append(item)
    plant.checks["withdrawn"] = absent(item)
    _, item = pick()
    plant.rules["blocks"].append({"item": item})
    plant.checks["blocked everywhere"] = absent(item)
    story, item = pick(with_story=True)
    plant.rules["blocks"].append({"item": item, "story": story})
    plant.checks["blocked under a story"] = lambda lists, s=story, i=item: i not in lists[s]  # type: ignore[misc]
    _, item = pick()
    rows[item]["published_at"] = AS_OF + rng.randint(1, 200) * HOUR
    plant.checks["embargoed"] = lambda lists, i=item: absent(i)(lists) and lists[i] == []  # type: ignore[misc]
    _, item = pick()
    rows[item]["expires_at"] = AS_OF - rng.randint(0, 48) * HOUR
    plant.checks["expired"] = absent(item)
    _, item = pick()
    rows[item]["language"] = "sv"
    plant.checks["other language"] = absent(item)
    _, item = pick()
    rows[item]["kind"] = "live"
    plant.checks["stale live page"] = absent(item)
    _, item = pick()
    plant.rules["no_list"].append(item)
    plant.checks["no list"] = lambda lists, i=item: lists[i] == [] and not absent(i)(lists)  # type: ignore[misc]

    # stories added beside an item
    _, item = pick()
    copied = add("copy", **{**rows[item], "published_at": rows[item]["published_at"] + rng.randint(-60, 200) * HOUR})
    plant.checks["exact copy"] = never_both(item, copied)
    _, item = pick()
    body = rows[item]["body"].replace(" said", " told us").replace(" the ", " this ", 1) + " More follows."
    near = add("near", **{**rows[item], "body": body, "published_at": rows[item]["published_at"] + 20 * 24 * HOUR / 2})
    plant.checks["near copy"] = never_both(item, near)
    _, item = pick()
    older = {"canonical_id": item, "body": rows[item]["body"][:-40] + "."}
    old = add("old", **{**rows[item], **older, "published_at": rows[item]["published_at"] - rng.randint(1, 9) * HOUR})
    plant.checks["older version"] = absent(old)
    for kind, hours in (("same event again", rng.randint(7, 23)), ("same report", rng.randint(1, 5))):
        _, item = pick()
        first, _, rest = rows[item]["body"].partition(". ")
        later = rows[item]["published_at"] + hours * HOUR
        again = add(kind[-5:], **{**rows[item], "title": first, "body": f"{rest} {first}.", "published_at": later})
        plant.checks[kind] = lambda lists, i=item, a=again: (  # type: ignore[misc]
            all(len({i, a} & {*shown}) < 2 for shown in lists.values())
            and any({i, a} & {*shown} for shown in lists.values())
        )
        if kind == "same report":
            never = plant.checks[kind]
            plant.checks[kind] = lambda lists, i=item, a=again, never=never: (  # type: ignore[misc]
                never(lists) and a not in lists[i] and i not in lists[a]
            )
    topic = rng.choice(["Flu", "Wolf", "Chess", "Bridge"])
    week = [
        add(f"edition{n}", id="series", title=f"{topic} briefing, {n + 2} March", body=_EDITIONS[topic][n],
            published_at=START + timedelta(days=n + 1.5), language="en")
        for n in range(3)
    ]  # fmt: skip
    plant.checks["editions of a series"] = lambda lists: (
        all(len({*week} & set(shown)) <= 1 for shown in lists.values())
        and all(week.index(i) > n for n, s in enumerate(week) for i in set(lists[s]) & {*week})
    )
    near_in_time = rows[rng.choice([i for i in rows if "-" in i])]["published_at"] + HOUR
    filler = add("filler", id="x", title=rng.choice(_FILLERS), body="Read all about it.", published_at=near_in_time)
    plant.checks["unrelated filler"] = absent(filler) if order.ranking.ranker == "none" else below(filler)
    return plant


_EDITIONS = {
    "Flu": ["Hospitals full of children with flu.", "Flu vaccine short at chemists.", "Nurses ill with flu too."],
    "Wolf": [
        "Wolf seen near sheep at dawn.",
        "Farmers ask for wolf fences.",
        "Ranger counts wolf tracks in the valley.",
    ],
    "Chess": ["Mira Sand wins her chess game.", "Chess champion draws.", "Chess players rest before the last round."],
    "Bridge": ["Harl bridge traffic is heavy.", "Engineers on the Harl bridge.", "Ferries instead of the Harl bridge."],
}
_FILLERS = ["Horse of the week: Blue Thunder", "Ten ways to fold a napkin", "Our cartoon of the day"]
KINDS = (
    *("withdrawn", "blocked everywhere", "blocked under a story", "embargoed", "expired", "other language"),
    *("stale live page", "no list", "exact copy", "near copy", "older version", "same event again", "same report"),
    *("editions of a series", "unrelated filler", "light under sensitive", "light beside sensitive"),
)


@pytest.fixture(scope="module")
def outcomes(
    order: Settings, cache: Path, clean: dict[str, list[str]]
) -> dict[int, tuple[Plant, dict[str, list[str]]]]:
    found = {}
    for seed in range(2):
        plant = planted(seed, clean, order)
        rec = Recommender(order, rules=Rules.of(plant.rules), cache=cache).fit(plant.stories)
        rec.withdraw(plant.withdrawn)
        asked = [story["id"] for story in plant.stories if story["id"] not in plant.withdrawn]
        found[seed] = (plant, lists_of(rec, asked))
    return found


def test_the_planted_faults_are_faults(order: Settings, cache: Path, clean: dict[str, list[str]]) -> None:
    """Without the limits the repeats show; the other kinds change items that stood in lists."""
    kinds = {
        "exact copy",
        "near copy",
        "same event again",
        "same report",
        "editions of a series",
        "light under sensitive",
    }
    for seed in range(2):
        plant = planted(seed, clean, order)
        plain = Settings.relevance_only().model_copy(update={"ranking": order.ranking.without_age})
        rec = Recommender(plain, cache=cache).fit(plant.stories)
        found = rec.recommend_many([story["id"] for story in plant.stories], as_of=AS_OF, k=len(plant.stories))
        lists = {one.article_id: ids_of(one) for one in found}
        assert [kind for kind in kinds if plant.checks[kind](lists)] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_every_planted_fault_comes_out(
    seed: int, kind: str, outcomes: dict[int, tuple[Plant, dict[str, list[str]]]]
) -> None:
    plant, lists = outcomes[seed]
    assert set(plant.checks) == set(KINDS)
    assert plant.checks[kind](lists), lists


# -- an unrelated first item, and one event twice -----------------------------------------------

KESTRIA = (
    ("backs-war", 0, "Kestria vows to back Varland in its war to the end", "Kestria will support Varland in its war against Ostmark until victory, the leader of Kestria told the visiting foreign minister of Varland. He called the war just and praised the alliance of both states."),
    ("troops", -24 * 9, "Kestria sends engineers and troops to help Varland's war", "Kestria will send a thousand army engineers to Varland to clear mines and rebuild roads behind the front of its war against Ostmark, a Varland envoy said after talks in the capital of Kestria."),
    ("shells", -24 * 20, "Varland's guns fire shells from Kestria, Ostmark says", "More than half of the artillery shells that Varland fires in its war against Ostmark come from Kestria, Ostmark's intelligence service estimates. Kestria denies that it sells arms to its ally."),
    ("ambassador", -2, "Kestria names a new ambassador to Olmeria", "Kestria named the career diplomat Ren Tolva as its ambassador to Olmeria. He will present his papers next month."),
    ("shield", -30, "Kestria warns that a missile shield could start a war in space", "The plan for a missile shield could turn space into a battlefield with nuclear arms, the foreign ministry of Kestria warned. It called the shield a threat to peace."),
    ("hotlines", -60, "South Kestria's candidate pledges to restore the hotlines to the north", "The candidate for president of South Kestria pledged to restore the military hotlines across the border, which the north cut off two years ago, and to ease tension between the two states."),
    ("launch-1", -96, "Kestria arrests officials over the failed launch of a warship", "Kestria arrested three officials of the Chorn shipyard over the failed launch of a new destroyer, which tipped over in front of the leader last week. Among them is the chief engineer of the yard."),
    ("launch-2", -76, "Fourth official held over Kestria's failed ship launch", "Kestria arrested a senior party official over the failed launch of a destroyer at the Chorn shipyard, the fourth arrest since the warship tipped over in front of the leader last week. Three officials of the yard are already held."),
)  # fmt: skip


def test_an_unrelated_first_item_and_one_event_twice(cache: Path) -> None:
    example = [
        {"id": i, "title": title, "body": body, "published_at": AS_OF + (hours - 1) * HOUR, "language": "en"}
        for i, hours, title, body in KESTRIA
    ]
    rec = Recommender(cache=cache).fit([*base(), *example])
    everything = {found.article_id: ids_of(found) for found in rec.recommend_many([row[0] for row in KESTRIA])}
    shown = everything["backs-war"]
    assert set(shown[:2]) == {"troops", "shells"}
    assert "ambassador" not in shown[:2]
    for story, items in everything.items():
        assert not {"launch-1", "launch-2"} <= {*items}, story
    both = {"launch-1", "launch-2"}
    every = rec.under(rec.settings.override({"selection.repeat_hours": None})).recommend("backs-war", k=30)
    best = next(item for item in ids_of(every) if item in both)
    assert both < {*ids_of(every)}
    assert both & {*ids_of(rec.recommend("backs-war", k=30))} == {best}
    assert "launch-2" in everything["launch-1"]
    assert "launch-1" in everything["launch-2"]
    told = next(item for item in rec.recommend("launch-1") if item.article_id == "launch-2").reasons
    assert "same running story, 20 hours later" in [str(reason) for reason in told]
