"""Repeat: of reports of one event within a day the best placed alone."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule, reject_pairs


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    hours, events = selection.settings.repeat_hours, selection.events
    if hours is None:
        return None
    rows, published = ranked.rows, selection.catalog.published[ranked.rows]

    def rejects(stories: NDArray[np.int64] | slice, last: NDArray[np.int64], is_open: Mask) -> Mask:
        item_rows, times = rows[stories], published[stories]
        rejected = np.zeros(is_open.shape, dtype=bool)
        row, column = np.nonzero(is_open & (last >= 0)[:, None])
        may_be_within, is_within = events.within_hours(times[row, last[row]], times[row, column], hours)
        row, column = row[may_be_within], column[may_be_within]
        rejected[row, column] = events.is_same_event(
            item_rows[row, last[row]], item_rows[row, column], is_within[may_be_within]
        )
        return rejected

    return reject_pairs(ranked, rejects)


REPEAT = Rule(
    "repeat",
    "Another report of an event that the list already has",
    "The list has a better placed report of the same event; without that one it would come in, or by a pin.",
    relation="same report as",
    rejects_after=_rejects_after,
)
