"""Timeless: undated and evergreen pieces have a place of their own in a list of dated stories."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule


def _slots(selection: Selection) -> int | None:
    """Return how many timeless items a list may have; None = any number, as where most stories are undated."""
    if not selection.scope.timed:
        return None
    slots = selection.rules.rules.evergreen_slots
    return selection.settings.timeless_slots if slots is None else slots


def _is_timeless(ranked: Ranked, selection: Selection) -> Mask:
    return np.asarray(ranked.has_item & selection.catalog.timeless[ranked.rows])


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    return _is_timeless(ranked, selection) if _slots(selection) == 0 else None


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    slots, is_timeless = _slots(selection), _is_timeless(ranked, selection)
    if not slots or not is_timeless.any():
        return None

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        return np.asarray(is_timeless & ((is_placed & is_timeless).sum(axis=1) >= slots)[:, None])

    return is_rejected


TIMELESS = Rule(
    "timeless",
    "The place of undated and evergreen pieces is taken",
    "One place is for undated and evergreen pieces (`selection.timeless_slots`); a pin puts it there all the same.",
    rejects=_rejects,
    rejects_after=_rejects_after,
)
