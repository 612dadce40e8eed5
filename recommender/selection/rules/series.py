"""Series: of a recurring format the newest edition alone, and never one that is older than the story."""

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule
from recommender.selection.series import not_newest


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.series_limit:
        return None
    groups = np.where(ranked.rows >= 0, selection.series[ranked.rows], -1)
    published = selection.catalog.published[ranked.rows]
    own = (groups >= 0) & (groups == stories.series[:, None])
    mine = stories.queries.published[:, None]
    earlier = own & ((published < mine) | (mine == UNDATED))  # pages of one template come out together
    groups = np.where(earlier & ~ranked.safe, -1, groups)
    return np.asarray(earlier | not_newest(groups, published, ranked.safe))


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.series if selection.settings.series_limit else None


SERIES = Rule(
    "series",
    "Another edition of a series",
    "One edition of a series stands in a list, never an older one; a pin puts it there all the same.",
    alone=_alone,
    depends_on=_depends_on,
    groups=True,
)
