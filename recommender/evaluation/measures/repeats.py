"""Repeats: items that tell what a better placed item of their list, or the story itself, tells already.

By labels, two stories of one event within 24 hours of each other tell the same. Where nobody labelled events a test
tells that no list is made with: words alike on one calendar day. A copy always repeats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.evaluation.measures.places import nth_of_group
from recommender.evaluation.measures.yardstick import Yardstick
from recommender.features.tfidf import row_cosines

RETOLD, RETOLD_UNDATED = 0.3, 0.6  # cosine of words from which on two stories of a day tell the same


def repeats(rows: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.bool_]:
    """Find items that repeat a better placed item of their list: of its event within a day, or its copy.

    Parameters
    ----------
    rows : ndarray of int64, shape (q, k)
        Catalog rows of the items, best first; -1 = empty place.
    yardstick : Yardstick

    Returns
    -------
    ndarray of bool, shape (q, k)

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": "a", "title": "Ferry aground", "published_at": "2026-05-01T08:00:00Z"},
    ...     {"id": "b", "title": "Ship stuck on bank", "published_at": "2026-05-01T09:00:00Z"},
    ...     {"id": "c", "title": "Ferry refloated", "published_at": "2026-05-04T09:00:00Z"},
    ... ])
    >>> told = Yardstick.of(rec.archive, dict.fromkeys("abc", "ferry"))
    >>> repeats(np.array([[0, 1, 2]]), told).tolist()
    [[False, True, False]]
    """
    group = np.where(rows >= 0, yardstick.archive.catalog.copy_group[rows], -1)
    found = nth_of_group(group) > 0
    for place in range(1, rows.shape[1]):
        lead, item = rows[:, :place], np.broadcast_to(rows[:, place, None], (len(rows), place))
        found[:, place] |= tell_the_same(lead, item, yardstick).any(axis=1)
    return found


def own_reports(rows: NDArray[np.int64], stories: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.bool_]:
    """Find items, (q, k), that report the event of the story (q,) itself within a day; none of a story that is -1."""
    return tell_the_same(np.broadcast_to(stories[:, None], rows.shape), rows, yardstick)


def tell_the_same(a: NDArray[np.int64], b: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.bool_]:
    """Tell whether two stories report one event within a day, for rows of any one shape; false for -1.

    Without dates in the archive an event is one report, and words alone must tell, from a greater cosine. In an archive
    with dates a story without one repeats nothing.
    """
    archive, held = yardstick.archive, (a >= 0) & (b >= 0)
    first, second = archive.catalog.published[a], archive.catalog.published[b]
    if archive.dated:
        held = held & (first != UNDATED) & (second != UNDATED)
    if yardstick.events is not None:
        event = yardstick.events[a]
        near = np.abs(np.where(held, first - second, 0)) <= DAY_US if archive.dated else True
        return np.asarray(held & (event >= 0) & (event == yardstick.events[b]) & near)
    if archive.dated:
        held = held & (first // DAY_US == second // DAY_US)
    found = np.zeros(held.shape, dtype=bool)
    alike = row_cosines(archive.terms, archive.terms, a[held], b[held])
    found[held] = alike >= (RETOLD if archive.dated else RETOLD_UNDATED)
    return found
