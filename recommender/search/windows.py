"""Dates of stories and a window of days -> the times between which their candidates lie, for the search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.search.scope import Scope
from recommender.settings import RetrievalSettings


def times(asked: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.int64]:
    """Find the times `[a, b]` and `[c, d]` that each story may find, (q, 4), where `a > b` is none.

    Windows are whole UTC days around a story.
    """
    found = np.tile(np.array([1, 0, 1, 0], dtype=np.int64), (len(asked), 1))
    dated = asked != UNDATED
    day = np.where(dated, asked, 0) // DAY_US
    days = scope.days_around if scope.days_around is not None else scope.days_before
    assert days is not None, "asked only for scopes with a window"
    own = np.stack([(day - days) * DAY_US, np.minimum((day + days + 1) * DAY_US - 1, scope.as_of)], axis=1)
    if scope.days_around is not None:
        found[dated, :2] = own[dated]
        return found
    first = scope.as_of - days * DAY_US
    found[:, 0], found[:, 1] = first, scope.as_of
    apart = has_own(asked, scope, settings)
    found[apart, 2], found[apart, 3] = own[apart, 0], np.minimum(own[apart, 1], first - 1)
    return found


def has_own(asked: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.bool_]:
    """Tell which stories are older than the window, and so have one of their own besides; (q,)."""
    if scope.days_before is None or scope.days_before != settings.window_days or scope.days_around is not None:
        return np.zeros(len(asked), dtype=bool)
    first = scope.as_of - scope.days_before * DAY_US
    return np.asarray((asked != UNDATED) & (asked // DAY_US * DAY_US < first))
