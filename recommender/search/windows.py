"""Publication times and a window of days -> the time intervals of each story's candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.search.scope import Scope
from recommender.settings import RetrievalSettings


def time_windows(published: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.int64]:
    """Compute the two time intervals of each story's candidates: `[a, b]` and `[c, d]`, (q, 4); empty where `a > b`.

    Windows are whole UTC days around a story.
    """
    windows = np.tile(np.array([1, 0, 1, 0], dtype=np.int64), (len(published), 1))
    is_dated = published != UNDATED
    day = np.where(is_dated, published, 0) // DAY_US
    days = scope.days_around if scope.days_around is not None else scope.days_before
    assert days is not None, "the scope has no window"
    around = np.stack([(day - days) * DAY_US, np.minimum((day + days + 1) * DAY_US - 1, scope.as_of)], axis=1)
    if scope.days_around is not None:
        windows[is_dated, :2] = around[is_dated]
        return windows
    first = scope.as_of - days * DAY_US
    windows[:, 0], windows[:, 1] = first, scope.as_of
    is_older = has_own_window(published, scope, settings)
    windows[is_older, 2], windows[is_older, 3] = around[is_older, 0], np.minimum(around[is_older, 1], first - 1)
    return windows


def has_own_window(published: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.bool_]:
    """Mark the stories older than the window, which also have a window around their own day, (q,)."""
    if scope.days_before is None or scope.days_before != settings.window_days or scope.days_around is not None:
        return np.zeros(len(published), dtype=bool)
    first = scope.as_of - scope.days_before * DAY_US
    return np.asarray((published != UNDATED) & (published // DAY_US * DAY_US < first))
