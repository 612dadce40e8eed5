"""Headline: no item has the headline of the story or of another item, whatever the texts below."""

import numpy as np

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule, reject_group_of_last


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    headlines, story_headlines = selection.catalog.headlines[ranked.rows], stories.headlines[:, None]
    is_same = ranked.has_item & (headlines >= 0) & (headlines == story_headlines)
    # of a recurring format a newer edition may stand under an older one: the rule of series decides
    is_edition = (stories.series >= 0)[:, None] & (selection.series[ranked.rows] == stories.series[:, None])
    return np.asarray(is_same & ~is_edition)


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    if not selection.settings.drop_copies:
        return None
    return reject_group_of_last(np.where(ranked.has_item, selection.catalog.headlines[ranked.rows], -1))


HEADLINE = Rule(
    "headline",
    "The same headline as the story or as an item",
    "Only one piece of a headline stands in a list; another headline lets it in, or a pin.",
    relation="same headline as",
    rejects=_rejects,
    rejects_after=_rejects_after,
)
