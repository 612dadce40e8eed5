"""Repeat: of reports of one event within a day the best placed alone."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    hours, events = selection.settings.repeat_hours, selection.events
    if hours is None:
        return None
    published = selection.catalog.published[ranked.rows]

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        rejected = np.zeros(is_open.shape, dtype=bool)
        row, column = np.nonzero(is_open & (last >= 0)[:, None])
        may_be_within, is_within = events.within_hours(published[row, last[row]], published[row, column], hours)
        row, column = row[may_be_within], column[may_be_within]
        last_rows, item_rows = ranked.rows[row, last[row]], ranked.rows[row, column]
        rejected[row, column] = events.is_same_event(last_rows, item_rows, is_within[may_be_within])
        return rejected

    return is_rejected


REPEAT = Rule(
    "repeat",
    "Another report of an event that the list already has",
    "The list has a better placed report of the same event; without that one it would come in, or by a pin.",
    relation="same report as",
    rejects_after=_rejects_after,
)
