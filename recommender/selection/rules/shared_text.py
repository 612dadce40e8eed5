"""Shared text: most of the shorter text stands in the other, as in wire copy that was cut, extended or edited."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule
from recommender.selection.shared_text import SharedText

_LEAST_LEXICAL = 0.2  # cosine of words: texts that share most of one have more


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    may_share = ranked.has_item & (ranked.lexical >= _LEAST_LEXICAL)  # most of many candidates need no look
    shared_text = SharedText.of_candidates(np.where(may_share, ranked.rows, -1), selection.text_samples)
    return shared_text.with_stories(stories.texts, may_share)


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    if not selection.settings.drop_copies:
        return None
    shared_text = SharedText.of_candidates(ranked.rows, selection.text_samples)

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        return np.asarray(shared_text.with_items(last, is_open))

    return is_rejected


SHARED_TEXT = Rule(
    "shared_text",
    "Most of its text stands in the story or in an item, or theirs in its own",
    "Only one of such texts stands in a list; another text lets it in, or a pin.",
    relation="shares most of its text with",
    rejects=_rejects,
    rejects_after=_rejects_after,
)
