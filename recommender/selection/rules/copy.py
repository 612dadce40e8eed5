"""Copy: another version of the story or of an item, under whatever headline, or a few words apart."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule, reject_pairs, take_column
from recommender.selection.same_event import COPY_VECTORS, COPY_WORDS, FEWEST_TERMS


def _copy_groups(ranked: Ranked, selection: Selection) -> NDArray[np.int64]:
    return np.where(ranked.has_item, selection.catalog.copy_group[ranked.rows], -2)


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    same_group = _copy_groups(ranked, selection) == stories.queries.copy_group[:, None]
    return np.asarray(same_group | ranked.has_item & _has_nearly_the_words(ranked, stories, selection))


def _has_nearly_the_words(ranked: Ranked, stories: Stories, selection: Selection) -> Mask:
    """Mark candidates with nearly the words of the story; where both have vectors these must be alike, too."""
    story_lacks_vector = np.asarray(~stories.queries.vectors.any(axis=1))
    lacks_vector = ~selection.events.has_vector[ranked.rows] | story_lacks_vector[:, None]
    story_terms = np.diff(stories.queries.terms.indptr)[:, None]
    item_terms = selection.events.n_terms[ranked.rows]
    is_long = np.minimum(story_terms, item_terms) >= FEWEST_TERMS
    return np.asarray((lacks_vector | (ranked.dense >= COPY_VECTORS)) & is_long & (ranked.lexical >= COPY_WORDS))


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    if not selection.settings.drop_copies:
        return None
    groups, events = _copy_groups(ranked, selection), selection.events
    item_rows = np.ascontiguousarray(ranked.rows)
    sketches = events.sketches(item_rows)

    def rejects(stories: NDArray[np.int64] | slice, last: NDArray[np.int64], is_open: Mask) -> Mask:
        story_groups = groups[stories]
        group = take_column(story_groups, last, default=-1)[:, None]
        is_of_group = (group >= 0) & (story_groups == group)
        return np.asarray(is_of_group | events.is_near_copy(last, item_rows[stories], sketches[stories], is_open))

    return reject_pairs(ranked, rejects)


def _depends_on(selection: Selection) -> NDArray[np.int64] | None:
    return selection.catalog.copy_group if selection.settings.drop_copies else None


COPY = Rule(
    "copy",
    "A copy or another version of the story or of an item",
    "Only one text of a story stands in a list; if it is no copy, its text must differ, or its canonical_id.",
    relation="copy of",
    protects_pins=False,
    rejects=_rejects,
    rejects_after=_rejects_after,
    depends_on=_depends_on,
    groups=True,
)
