"""Series: of a recurring format the newest edition alone, and never one that is older than the story."""

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, Rule
from recommender.selection.series import mark_older_editions


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.series_limit:
        return None
    series = np.where(ranked.has_item, selection.series[ranked.rows], -1)
    published, story_published = selection.catalog.published[ranked.rows], stories.queries.published[:, None]
    is_of_story = (series >= 0) & (series == stories.series[:, None])
    # undated pages of one template came out together: none of them is newer than the story
    is_earlier = is_of_story & ((published < story_published) | (story_published == UNDATED))
    others = np.where(is_earlier & ~ranked.is_pinned, -1, series)
    return np.asarray(is_earlier | mark_older_editions(others, published, ranked.is_pinned))


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.series if selection.settings.series_limit else None


SERIES = Rule(
    "series",
    "Another edition of a series",
    "One edition of a series stands in a list, never an older one; a pin puts it there all the same.",
    rejects=_rejects,
    depends_on=_depends_on,
    groups=True,
)
