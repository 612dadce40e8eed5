"""A newsroom whose journalists link, and whose readers click, by a known rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from recommender import Recommender, Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
TOPICS = 12
LOOKED_AT = np.array([1, 0.5, 0.35, 0.25, 0.2, 0.15])
"""The chance that a reader looks at each place of a list."""


def newsroom(rule: str, seed: int = 0, count: int = 420) -> list[dict[str, Any]]:
    """Stories of a few topics, whose journalists link by a rule: to the last two of their topic in the same section."""
    rng = np.random.default_rng(seed)
    made: list[dict[str, Any]] = []
    for number in range(count):
        topic, section = int(rng.integers(TOPICS)), ["news", "sport", "culture"][int(rng.integers(3))]
        words = [f"topic{topic}word{n}" for n in rng.integers(0, 25, 14)] + [
            f"common{n}" for n in rng.integers(0, 40, 14)
        ]
        rng.shuffle(words)
        earlier = [one for one in made if one["topic"] == topic and one["section"] == section][-2:]
        if rule == "shuffled" and made:
            earlier = [made[int(place)] for place in rng.integers(0, len(made), 2)]
        made.append(
            {
                "id": f"s{number}",
                "title": " ".join(words[:4]),
                "body": " ".join(words[4:]),
                "section": section,
                "language": "en",
                "published_at": (START + timedelta(hours=number)).isoformat(),
                "links": [one["id"] for one in earlier],
                "topic": topic,
            }
        )
    return made


def fitted(stories: list[dict[str, Any]]) -> Recommender:
    """An archive of such stories, without a model."""
    settings = Settings.of({"embedding": {"model": "tfidf", "svd_dim": 16}})
    return Recommender(settings).fit(
        [{name: value for name, value in one.items() if name != "topic"} for one in stories]
    )


def click_log(stories: list[dict[str, Any]], seed: int = 0, lists: int = 12) -> list[dict[str, Any]]:
    """Lists of a system that goes by topic alone; readers want the same section, and look at few places.

    Good items stand low as often as high, so that who takes clicks for wishes learns the places.
    """
    rng = np.random.default_rng(seed)
    made: list[dict[str, Any]] = []
    for number, story in enumerate(stories):
        earlier = [one for one in stories[:number] if one["topic"] == story["topic"]]
        if len(earlier) < len(LOOKED_AT):
            continue
        for _ in range(lists):
            # a popular desk gets the top: two of three times the wished for items stand below
            shown = [earlier[place] for place in rng.permutation(len(earlier))[: len(LOOKED_AT)]]
            if rng.random() < 2 / 3:
                shown.sort(key=lambda one: one["section"] == story["section"])
            wished = np.array([0.9 if one["section"] == story["section"] else 0.1 for one in shown])
            clicked = rng.random(len(shown)) < wished * LOOKED_AT
            made.append(
                {
                    "source": story["id"],
                    "shown": [one["id"] for one in shown],
                    "clicked": [one["id"] for one, hit in zip(shown, clicked, strict=True) if hit],
                    "session": f"reader{len(made)}",
                    "time": (START + timedelta(hours=number + 2)).isoformat(),
                }
            )
    return made
