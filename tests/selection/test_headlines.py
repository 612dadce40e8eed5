"""No headline stands twice: not under a story that has it, and not in one list."""

from __future__ import annotations

from typing import Any

import pytest

from recommender import Recommender, Rules, Settings

SETTINGS = Settings.of(
    {"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}, "selection": {"related_at": None, "k": 8}}
)
BODIES = (
    "Dockers stopped the cranes at dawn and asked for a second gang on every quay of the inner basin.",
    "A pilot boat was dented when the tide turned, and the harbour master closed the northern channel.",
    "Councillors will vote on the lease of the cold store after the fishing fleet asked for more room.",
)


def story(article_id: str, title: str, body: str = "", day: int | None = None, **more: Any) -> dict[str, Any]:
    published = None if day is None else f"2026-05-{day:02d}T08:00:00Z"
    return {"id": article_id, "title": title, "body": body, "published_at": published, "language": "en", **more}


def listed(stories: list[dict[str, Any]], under: str, **selection: Any) -> list[str]:
    settings = SETTINGS.override({f"selection.{name}": value for name, value in selection.items()})
    return [item.article_id for item in Recommender(settings).fit(stories).recommend(under)]


OTHERS = [
    story(f"o{n}", f"Harbour notes {n}: {body.split()[1]} and quay", body, n + 1) for n, body in enumerate(BODIES)
]


@pytest.mark.parametrize("days", [(None, None), (None, 3), (2, 20)])
@pytest.mark.parametrize(
    "titles", [("Harbour strike ends", "Harbour strike ends"), ("Harbour strike ends", "HARBOUR STRIKE ENDS!")]
)
def test_no_story_stands_under_one_with_its_headline(days: tuple[int | None, ...], titles: tuple[str, str]) -> None:
    asked, same = (story(f"s{n}", titles[n], BODIES[n] * n, days[n]) for n in range(2))
    assert listed([asked, same, *OTHERS], "s0") == listed([asked, *OTHERS], "s0")
    assert "s1" in listed([asked, same, *OTHERS], "s0", drop_copies=False)


def test_of_one_headline_a_list_holds_the_best_placed_piece() -> None:
    asked = story("asked", "Harbour strike: dockers, cranes and the quay", BODIES[0], 9)
    twice = [story(f"t{n}", "Harbour closed", body, n + 20) for n, body in enumerate(BODIES[1:])]
    found = listed([asked, *twice], "asked")
    assert sum(article_id.startswith("t") for article_id in found) == 1
    rec = Recommender(SETTINGS).fit([asked, *twice])
    rejected = {one.article_id: one.rule for one in rec.explain_rejected(["asked"])["asked"]}
    assert [rule for article_id, rule in rejected.items() if article_id.startswith("t")] == ["headline"]
    details = [one.detail for one in rec.explain_rejected(["asked"])["asked"] if one.rule == "headline"]
    assert details == ["same headline as “Harbour closed”"]


def test_stories_without_a_headline_have_none_in_common() -> None:
    bare = [story(f"b{n}", "", body, n + 1) for n, body in enumerate(BODIES)]
    assert sorted(listed(bare, "b0")) == ["b1", "b2"]


def test_a_draft_is_kept_apart_from_its_headline_too() -> None:
    rec = Recommender(SETTINGS).fit([story("s", "Harbour strike ends", BODIES[0], 2), *OTHERS])
    draft = {"id": "draft", "title": "Harbour strike ends", "body": BODIES[1]}
    assert "s" not in [item.article_id for item in rec.recommend_for(draft)]


def test_a_newer_edition_of_a_series_may_stand_under_an_older_one() -> None:
    rules = {"series": [{"name": "weather", "section": "weather"}]}
    editions = [
        story(f"w{n}", "Weather for the coast", body, 5 * n + 1, section="weather") for n, body in enumerate(BODIES)
    ]
    rec = Recommender(SETTINGS, rules=Rules.of(rules)).fit([*editions, *OTHERS])
    assert [i.article_id for i in rec.recommend("w0") if i.article_id.startswith("w")] == ["w2"]


def test_a_pin_stands_whatever_its_headline() -> None:
    stories = [
        story("s0", "Harbour strike ends", BODIES[0], 1),
        story("s1", "Harbour strike ends", BODIES[1], 20),
        *OTHERS,
    ]
    rec = Recommender(SETTINGS, rules=Rules.of({"pins": [{"story": "s0", "item": "s1", "position": 1}]})).fit(stories)
    assert rec.recommend("s0").items[0].article_id == "s1"
