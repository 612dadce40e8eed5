"""Counts of items that must not stand where they stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.candidates import pair_relevance
from recommender.articles.article import UNDATED
from recommender.articles.columns import is_in
from recommender.errors import InputError
from recommender.evaluation.measures.places import blocks, nth_of_group
from recommender.evaluation.measures.yardstick import Yardstick, check
from recommender.ranking.score import RELATED, SOURCES

SAFETY: Mapping[str, str] = MappingProxyType(
    {
        "withdrawn": "items that were withdrawn",
        "blocked": "items blocked everywhere, or under the story",
        "self": "items that are the story itself, in any version of its id",
        "future": "items published after the moment of their list",
        "same text": "items with the text or canonical id of the story or of a better placed item, under another id",
        "repeated": "items that a better placed place of the same list already shows",
        "expired": "items that had expired at the moment of their list",
        "unlabelled fill": "items that come in as 'related' although their relevance is below `related_at`",
    }
)
"""Name of each count of `safety` -> what it counts."""


def safety(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    moments: NDArray[np.int64],
    yardstick: Yardstick,
    *,
    withdrawn: Collection[str] = (),
    blocked: Collection[tuple[str, str | None]] = (),
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None,
) -> dict[str, int]:
    """Count the items that must not stand where they stand, by the names of `SAFETY`, in its order.

    Of a story outside the archive neither the id nor the text is known: of it only what concerns the items alone
    is counted. Without a moment nothing is in the future or expired.

    Parameters
    ----------
    rows, stories, moments, yardstick
        As in `list_quality`.
    withdrawn : collection of str
        Ids that must not appear.
    blocked : collection of (str, str or None)
        Id of an item, and of the story under which it must not appear; None = under any.
    sources : ndarray of str, shape (q, w), optional
        How each item came in (`Recommendation.source`). Without it, or without `related_at`, 'unlabelled fill' is 0.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.
    """
    check(rows, stories, moments, yardstick)
    if sources is not None and sources.shape != rows.shape:
        raise InputError(f"sources have shape {sources.shape}; expected that of the rows, {rows.shape}")
    catalog = yardstick.archive.catalog
    held, inside, timed = rows >= 0, (stories >= 0)[:, None], (moments != UNDATED)[:, None]
    codes, names = catalog.codes("id")
    ids = np.where(held, codes[rows], -1).astype(np.int64)
    own = codes[stories].astype(np.int64)[:, None]
    itself = held & inside & (ids == own)
    repeated = held & (nth_of_group(ids) > 0)
    # what is counted as the story itself or as repeated is not another story of one text as well
    group = np.where(held & ~itself & ~repeated, catalog.copy_group[rows], -1)
    above = np.concatenate([np.where(inside, catalog.copy_group[stories][:, None], -1), group], axis=1)
    found = (
        is_in(catalog.table, "id", withdrawn)[rows],
        _blocked(ids, np.where(inside, own, -1), names, blocked),
        itself,
        timed & (catalog.published[rows] > moments[:, None]),
        (group >= 0) & (nth_of_group(above)[:, 1:] > 0),
        repeated,
        catalog.expires[rows] <= moments[:, None],
        np.zeros_like(held) if sources is None else _unlabelled(rows, stories, sources, yardstick.archive),
    )
    return {name: int((held & mask).sum()) for name, mask in zip(SAFETY, found, strict=True)}


def _blocked(
    ids: NDArray[np.int64], own: NDArray[np.int64], names: list[str], blocked: Collection[tuple[str, str | None]]
) -> NDArray[np.bool_]:
    """Find places, (q, w), whose pair of item and story, or whose item alone, is blocked."""
    number = {name: code for code, name in enumerate(names)}
    everywhere = [number[item] for item, story in blocked if story is None and item in number]
    pairs = [number[i] * len(names) + number[s] for i, s in blocked if i in number and s is not None and s in number]
    return np.isin(ids, everywhere) | ((own >= 0) & np.isin(ids * len(names) + own, pairs))


def _unlabelled(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    sources: NDArray[np.object_] | NDArray[np.str_],
    archive: Archive,
) -> NDArray[np.bool_]:
    """Find places, (q, w), that come in as related and are less relevant than that."""
    found = np.zeros(rows.shape, dtype=bool)
    if archive.related_at is None:
        return found
    for part in blocks(rows):
        asked = np.repeat(np.maximum(stories[part], 0), rows.shape[1])
        relevance = pair_relevance(archive, asked, np.maximum(rows[part], 0).ravel()).reshape(rows[part].shape)
        found[part] = ~((relevance >= archive.related_at) & (relevance > 0))
    return np.asarray(found & (stories >= 0)[:, None] & (sources == SOURCES[RELATED]))
