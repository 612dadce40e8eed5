"""Sensitive: light items stand neither under nor beside sensitive stories, and the other way round."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule, take_column


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask:
    story, marks = stories.marks, selection.rules.marks
    is_light, is_sensitive = marks.light[ranked.rows], marks.sensitive[ranked.rows]
    return np.asarray((story.sensitive[:, None] & is_light) | (story.light[:, None] & is_sensitive))


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    marks = selection.rules.marks
    is_sensitive = ranked.has_item & marks.sensitive[ranked.rows]
    is_light = ranked.has_item & marks.light[ranked.rows]
    if not (is_sensitive.any() and is_light.any()):
        return None

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        last_is_sensitive, last_is_light = (
            take_column(mask.astype(np.int64), last, default=0)[:, None] > 0 for mask in (is_sensitive, is_light)
        )
        return np.asarray((last_is_sensitive & is_light) | (last_is_light & is_sensitive))

    return is_rejected


SENSITIVE = Rule(
    "sensitive",
    "Light beside a sensitive story, or the other way round",
    "The rules keep light pieces and sensitive stories apart, by kind, section and sensitivity.",
    protects_pins=False,
    rejects=_rejects,
    rejects_after=_rejects_after,
)
