"""Repeat: of reports of one event within a day the best placed alone."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    hours, events = selection.settings.repeat_hours, selection.events
    if hours is None:
        return None
    published = selection.catalog.published[ranked.rows]

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        found = np.zeros(open_.shape, dtype=bool)
        own = np.take_along_axis(published, np.maximum(last, 0)[:, None], axis=1)
        wanted, sure = events.within(own, published, hours)
        line, column = np.nonzero(wanted & open_ & (last >= 0)[:, None])
        rows = ranked.rows[line, last[line]], ranked.rows[line, column]
        found[line, column] = events.joins(*rows, sure[line, column])
        return found

    return rejects


REPEAT = Rule(
    "repeat",
    "Another report of an event that the list already has",
    "The list has a better placed report of the same event; without that one it would come in, or by a pin.",
    beside=_beside,
)
