"""Copy: another version of the story or of an item, under whatever headline, or a few words apart."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule, at, same_as_last
from recommender.selection.same_event import COPY_VECTORS, COPY_WORDS, FEWEST_TERMS


def _groups(ranked: Ranked, selection: Selection) -> NDArray[np.int64]:
    return np.where(ranked.rows >= 0, selection.catalog.copy_group[ranked.rows], -2)


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    same = _groups(ranked, selection) == stories.queries.copy_group[:, None]
    without = np.asarray(~stories.queries.vectors.any(axis=1))
    blank = ~selection.events.embedded[ranked.rows] | without[:, None]
    terms = np.diff(stories.queries.terms.indptr)[:, None], np.diff(selection.events.terms.indptr)[ranked.rows]
    likely = (blank | (ranked.dense >= COPY_VECTORS)) & (np.minimum(*terms) >= FEWEST_TERMS)
    return np.asarray(same | (ranked.rows >= 0) & likely & (ranked.lexical >= COPY_WORDS))


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    if not selection.settings.drop_copies:
        return None
    of_group, events = same_as_last(_groups(ranked, selection)), selection.events
    rows = np.ascontiguousarray(ranked.rows)

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        return of_group(last, placed, open_) | events.twins(at(rows, last, -1), rows, open_)

    return rejects


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.catalog.copy_group if selection.settings.drop_copies else None


COPY = Rule(
    "copy",
    "A copy or another version of the story or of an item",
    "Only one text of a story stands in a list; if it is no copy, its text must differ, or its canonical_id.",
    protects_pins=False,
    alone=_alone,
    beside=_beside,
    depends_on=_depends_on,
    groups=True,
)
