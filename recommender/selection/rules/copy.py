"""Copy: another version of the story itself, or of an item of the list."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule, same_as_last


def _groups(ranked: Ranked, selection: Selection) -> NDArray[np.int64]:
    return np.where(ranked.rows >= 0, selection.catalog.copy_group[ranked.rows], -2)


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    return np.asarray(_groups(ranked, selection) == stories.queries.copy_group[:, None])


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    return same_as_last(_groups(ranked, selection)) if selection.settings.drop_copies else None


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.catalog.copy_group if selection.settings.drop_copies else None


COPY = Rule(
    "copy",
    "A copy or another version of the story or of an item",
    protects_pins=False,
    alone=_alone,
    beside=_beside,
    depends_on=_depends_on,
    groups=True,
)
