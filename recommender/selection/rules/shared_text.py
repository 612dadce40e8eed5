"""Shared text: most of the shorter text stands in the other, as in wire copy that was cut, extended or edited."""

import numpy as np
from numpy.typing import NDArray

from recommender.features.tfidf import row_cosines
from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule
from recommender.selection.shared_text import SharedText

# cosine of words: texts that share most of one have more, unless they share it with the archive, as terms of use that
# were not found to be boilerplate
_LEAST_LEXICAL = 0.2


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    if not selection.settings.drop_copies:
        return None
    may_share = ranked.has_item & (ranked.lexical >= _LEAST_LEXICAL)  # most of many candidates need no look
    shared_text = SharedText.of_candidates(np.where(may_share, ranked.rows, -1), selection.text_samples)
    return shared_text.with_stories(stories.texts, may_share)


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    if not selection.settings.drop_copies:
        return None
    shared_text, terms = SharedText.of_candidates(ranked.rows, selection.text_samples), selection.events.terms

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        is_shared = shared_text.with_items(last, is_open)
        row, column = np.nonzero(is_shared)
        lexical = row_cosines(terms, terms, ranked.rows[row, last[row]], ranked.rows[row, column])
        is_shared[row, column] = lexical.astype(np.float32) >= _LEAST_LEXICAL  # as the lexical of candidates
        return is_shared

    return is_rejected


SHARED_TEXT = Rule(
    "shared_text",
    "Most of its text stands in the story or in an item, or theirs in its own",
    "Only one of such texts stands in a list; another text lets it in, or a pin.",
    relation="shares most of its text with",
    rejects=_rejects,
    rejects_after=_rejects_after,
)
