"""Lists of the sample newsroom, kept in a file. After a wanted change: `python -m tests.test_golden` (make golden)."""

from __future__ import annotations

import json
from pathlib import Path

from recommender import Recommender, Settings
from tests.conftest import NEWSROOM

GOLDEN = Path(__file__).with_name("golden_lists.json")
PICKS = NEWSROOM.with_name("editor_picks.jsonl")


def lists() -> dict[str, list[str]]:
    """The default lists, with the carried model, of the stories that editors made lists for."""
    rec = Recommender(Settings()).fit(NEWSROOM)
    rec.withdraw("astrolabe-suspect-profile")
    stories = [json.loads(line)["id"] for line in PICKS.read_text(encoding="utf-8").splitlines()]
    return {found.article_id: [item.article_id for item in found] for found in rec.recommend_many(stories)}


def test_lists_are_the_golden_ones() -> None:
    assert lists() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_golden_lists_agree_with_the_editors() -> None:
    """Most of what editors picked is found: a regression guard, not a claim of quality."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    entries = map(json.loads, NEWSROOM.with_name("events.jsonl").read_text(encoding="utf-8").splitlines())
    events = {entry["id"]: entry["event"] or entry["id"] for entry in entries}
    hits = [
        bool({events[i] for i in pick["picks"][:2]} & {events[i] for i in golden[pick["id"]]})
        for pick in map(json.loads, PICKS.read_text(encoding="utf-8").splitlines())
    ]
    assert sum(hits) >= 24


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(lists(), indent=1) + "\n", encoding="utf-8")
