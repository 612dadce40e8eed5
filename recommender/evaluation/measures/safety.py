"""Counts of items that a list must not show."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recommender.archive.candidates import pair_relevance
from recommender.articles.article import UNDATED
from recommender.evaluation.measures.arrays import blocks, count_earlier_of_group
from recommender.evaluation.measures.reference import ShownLists
from recommender.ranking.score import RELATED, SOURCES

SAFETY: Mapping[str, str] = MappingProxyType(
    {
        "self": "items that are the story itself, in any version of its id",
        "future": "items published after the moment of their list",
        "same text": "items with the text or canonical id of the story or of a better placed item, under another id",
        "repeated": "items that a better placed place of the same list already shows",
        "expired": "items that had expired at the moment of their list",
        "unlabelled fill": "items that come in as 'related' although their relevance is below `related_at`",
    }
)
"""Name of each count of `safety` -> its meaning."""


def safety(lists: ShownLists) -> dict[str, int]:
    """Count the items that lists must not show, by the names of `SAFETY`, in its order.

    Neither the id nor the text of a story outside of the archive is known, so that comparisons with it are left out.
    Without a moment nothing is in the future or expired; without sources or `related_at` 'unlabelled fill' is 0.
    """
    rows, stories, moments, archive = lists.rows, lists.stories, lists.moments, lists.reference.archive
    catalog = archive.catalog
    has_item, in_archive, has_moment = rows >= 0, (stories >= 0)[:, None], (moments != UNDATED)[:, None]
    codes, _ = catalog.codes("id")
    item_codes = np.where(has_item, codes[rows], -1).astype(np.int64)
    story_codes = np.where(in_archive, codes[stories].astype(np.int64)[:, None], -1)
    is_story = has_item & in_archive & (item_codes == story_codes)
    is_repeated = has_item & (count_earlier_of_group(item_codes) > 0)
    # An item that is the story itself, or that is repeated, is not counted once more as one of the same text.
    copy_group = np.where(has_item & ~is_story & ~is_repeated, catalog.copy_group[rows], -1)
    story_group = np.where(in_archive, catalog.copy_group[stories][:, None], -1)
    n_earlier = count_earlier_of_group(np.concatenate([story_group, copy_group], axis=1))[:, 1:]
    masks = (
        is_story,
        has_moment & (catalog.published[rows] > moments[:, None]),
        (copy_group >= 0) & (n_earlier > 0),
        is_repeated,
        catalog.expires[rows] <= moments[:, None],
        _mask_unlabelled(lists),
    )
    return {name: int((has_item & mask).sum()) for name, mask in zip(SAFETY, masks, strict=True)}


def _mask_unlabelled(lists: ShownLists) -> NDArray[np.bool_]:
    """Mark the places, (q, w), whose item is called related and is less relevant than that."""
    rows, stories, archive = lists.rows, lists.stories, lists.reference.archive
    is_unrelated = np.zeros(rows.shape, dtype=bool)
    if lists.sources is None or archive.related_at is None:
        return is_unrelated
    for block in blocks(rows):
        story_rows = np.repeat(np.maximum(stories[block], 0), rows.shape[1])
        relevance = pair_relevance(archive, story_rows, np.maximum(rows[block], 0).ravel()).reshape(rows[block].shape)
        is_unrelated[block] = ~((relevance >= archive.related_at) & (relevance > 0))
    return np.asarray(is_unrelated & (stories >= 0)[:, None] & (lists.sources == SOURCES[RELATED]))
