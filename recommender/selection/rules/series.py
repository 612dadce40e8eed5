"""Series: of a recurring format the newest edition alone, and never one that is older than the story."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule, same_as_last


def _groups(ranked: Ranked, selection: Selection) -> NDArray[np.int64]:
    return np.where(ranked.rows >= 0, selection.series[ranked.rows], -1)


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.series_limit:
        return None
    groups, published = _groups(ranked, selection), selection.catalog.published[ranked.rows]
    own = (groups >= 0) & (groups == stories.series[:, None])
    return np.asarray(own & (published <= stories.queries.published[:, None]))


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    return same_as_last(_groups(ranked, selection)) if selection.settings.series_limit else None


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.series if selection.settings.series_limit else None


SERIES = Rule(
    "series", "Another edition of a series", alone=_alone, beside=_beside, depends_on=_depends_on, groups=True
)
