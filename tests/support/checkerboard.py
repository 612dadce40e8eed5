"""An archive whose right answers are known by construction: topics that share words only inside themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from recommender import Settings

TOPICS = ("harbour ferry captain", "opera tenor soprano", "glacier moraine icefield", "striker penalty goalkeeper")
START = datetime(2020, 1, 1, tzinfo=UTC)
WITHIN_TOPICS = Settings().override(
    {
        "embedding.model": "tfidf",
        "selection.related_at": 0.2,
        "selection.fill": (),
        # a topic shares its words, as the reports of an event and the editions of a series do
        "selection.same_report_hours": None,
        "selection.repeat_hours": None,
        "selection.series_limit": False,
    }
)
"""Lists hold stories of their topic alone, as many as there are."""
ANY_CHANGE = {"publish.max_jump": 1, "publish.max_first_share": 1}
"""A few stories more or less are no reason to refuse a version."""


def checkerboard(per_topic: int = 6, dated: bool = True) -> list[dict[str, Any]]:
    """Stories `t0-s0`, `t0-s1`, ...: those of one topic share its words, and nothing else is shared."""
    stories = []
    for topic, words in enumerate(TOPICS):
        for number in range(per_topic):
            own = f"topic{topic}word{number}"
            story: dict[str, Any] = {
                "id": f"t{topic}-s{number}",
                "title": f"{words} {own}",
                "body": f"{words} {own} again",
                "section": f"section{topic}",
            }
            if dated:
                story["published_at"] = START + timedelta(days=number, hours=topic)
            stories.append(story)
    return stories


def topic_of(article_id: str) -> str:
    return article_id.partition("-")[0]
