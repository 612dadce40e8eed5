"""Timeless: undated and evergreen pieces have a place of their own in a list of dated stories."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule


def _slots(selection: Selection) -> int | None:
    wanted = selection.rules.rules.evergreen_slots
    slots = selection.settings.timeless_slots if wanted is None else wanted
    return slots if selection.scope.timed else None  # where most stories are undated, nothing sets these apart


def _timeless(ranked: Ranked, selection: Selection) -> Mask:
    return np.asarray((ranked.rows >= 0) & selection.catalog.timeless[ranked.rows])


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    return _timeless(ranked, selection) if _slots(selection) == 0 else None


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    slots, timeless = _slots(selection), _timeless(ranked, selection)
    if not slots or not timeless.any():
        return None

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        return np.asarray(timeless & ((placed & timeless).sum(axis=1) >= slots)[:, None])

    return rejects


TIMELESS = Rule(
    "timeless",
    "The place of undated and evergreen pieces is taken",
    "One place is for undated and evergreen pieces (`selection.timeless_slots`); a pin puts it there all the same.",
    alone=_alone,
    beside=_beside,
)
