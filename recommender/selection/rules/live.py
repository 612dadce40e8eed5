"""Live: a live page goes stale after some hours."""

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import HOUR_US
from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule


def _is_stale(selection: Selection, rows: NDArray[np.int64] | slice) -> NDArray[np.bool_] | None:
    hours = selection.settings.live_hours
    if hours is None or not selection.scope.timed:
        return None
    catalog, oldest = selection.catalog, selection.scope.as_of - int(hours * HOUR_US)
    return np.asarray(catalog.live[rows] & (catalog.published[rows] < oldest))


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    return _is_stale(selection, ranked.rows)


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    is_stale = _is_stale(selection, slice(None))
    return None if is_stale is None else is_stale.astype(np.int64)


LIVE = Rule(
    "live",
    "A live page that is too old",
    "A live page is shown for `selection.live_hours`; a story that sums it up would be let in.",
    rejects=_rejects,
    depends_on=_depends_on,
)
