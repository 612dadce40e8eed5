"""Same report: what tells the story's own event within hours of it; older and newer developments stay."""

import numpy as np

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    hours, events = selection.settings.same_report_hours, selection.events
    if hours is None:
        return None
    queries = stories.queries
    published = selection.catalog.published[ranked.rows]
    found = np.zeros(ranked.rows.shape, dtype=bool)
    wanted, sure = events.within(queries.published[:, None], published, hours)
    line, column = np.nonzero(wanted & (ranked.rows >= 0))
    pairs = line, ranked.dense[line, column], ranked.rows[line, column]
    found[line, column] = events.joins_story(queries, stories.outlets, *pairs, sure[line, column])
    return found


SAME_REPORT = Rule(
    "same_report",
    "Tells the same as the story",
    "It tells the story's own event within `selection.same_report_hours`; a pin puts it there all the same.",
    alone=_alone,
)
