"""Sensitive: light items stand neither under nor beside sensitive stories, and the other way round."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule, at


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask:
    story, marks = stories.marks, selection.rules.marks
    light_item, hard_item = marks.light[ranked.rows], marks.sensitive[ranked.rows]
    return np.asarray((story.sensitive[:, None] & light_item) | (story.light[:, None] & hard_item))


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    marks = selection.rules.marks
    held = ranked.rows >= 0
    hard, light = held & marks.sensitive[ranked.rows], held & marks.light[ranked.rows]
    if not (hard.any() and light.any()):
        return None

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        is_hard, is_light = (at(mask.astype(np.int64), last, 0)[:, None] > 0 for mask in (hard, light))
        return np.asarray((is_hard & light) | (is_light & hard))

    return rejects


SENSITIVE = Rule(
    "sensitive",
    "Light beside a sensitive story, or the other way round",
    "The rules keep light pieces and sensitive stories apart, by kind, section and sensitivity.",
    protects_pins=False,
    alone=_alone,
    beside=_beside,
)
