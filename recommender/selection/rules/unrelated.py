"""Unrelated: what is not close enough, where lists may not be filled with more."""

from recommender.ranking.score import MORE, Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    return None if "more" in selection.settings.fill else ranked.source == MORE


UNRELATED = Rule(
    "unrelated",
    "Not close enough to the story",
    "It would have to be closer to the story; a pin puts it there all the same.",
    rejects=_rejects,
)
