"""Blocked: what editors keep out of all lists, of one, or apart by topic."""

import numpy as np

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask:
    rules, item_rows, story_rows = selection.rules, ranked.rows, stories.queries.rows
    is_blocked = rules.blocked[item_rows]
    if len(rules.pairs):
        pairs = story_rows[:, None] * len(rules.blocked) + item_rows
        is_blocked = is_blocked | ((story_rows >= 0)[:, None] & np.isin(pairs, rules.pairs))
    for number in range(stories.marks.topics.shape[1]):
        story_topics, item_topics = stories.marks.topics[:, number], rules.marks.topics[item_rows, number]
        is_blocked = is_blocked | (story_topics[:, None, 0] & item_topics[:, :, 1])
        is_blocked = is_blocked | (story_topics[:, None, 1] & item_topics[:, :, 0])
    return is_blocked


BLOCKED = Rule(
    "blocked",
    "Blocked by an editorial rule",
    "Unblock it, here or in the rules file.",
    protects_pins=False,
    rejects=_rejects,
)
