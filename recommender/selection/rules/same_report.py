"""Same report: what tells the story's own event within hours of it; older and newer developments stay."""

import numpy as np

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    hours, events, queries = selection.settings.same_report_hours, selection.events, stories.queries
    if hours is None:
        return None
    published = selection.catalog.published[ranked.rows]
    may_be_within, is_within = events.within_hours(queries.published[:, None], published, hours)
    row, column = np.nonzero(may_be_within & ranked.has_item)
    dense, item_rows = ranked.dense[row, column], ranked.rows[row, column]
    rejected = np.zeros(ranked.rows.shape, dtype=bool)
    rejected[row, column] = events.is_event_of_story(
        queries, stories.outlets, row, dense, item_rows, is_within[row, column]
    )
    return rejected


SAME_REPORT = Rule(
    "same_report",
    "Tells the same as the story",
    "It tells the story's own event within `selection.same_report_hours`; a pin puts it there all the same.",
    rejects=_rejects,
)
