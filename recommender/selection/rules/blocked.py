"""Blocked: what editors keep out of all lists, of one, or apart by topic."""

import numpy as np

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask:
    rules, rows, own = selection.rules, ranked.rows, stories.queries.rows
    found = rules.blocked[rows]
    if len(rules.pairs):
        pair = own[:, None] * len(rules.blocked) + rows
        found = found | ((own >= 0)[:, None] & np.isin(pair, rules.pairs))
    for number in range(stories.marks.topics.shape[1]):
        ours, theirs = stories.marks.topics[:, number], rules.marks.topics[rows, number]
        found = found | (ours[:, None, 0] & theirs[:, :, 1]) | (ours[:, None, 1] & theirs[:, :, 0])
    return found


BLOCKED = Rule(
    "blocked",
    "Blocked by an editorial rule",
    "Unblock it, here or in the rules file.",
    protects_pins=False,
    alone=_alone,
)
