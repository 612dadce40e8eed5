"""Repeats: items that report the same event as a better placed item of their list, or as the story itself.

With labels, two stories of one event within 24 hours report the same. Without labels a test decides that selection
does not use: similar words on one calendar day. A copy is always a repeat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.evaluation.measures.arrays import count_earlier_of_group
from recommender.evaluation.measures.reference import Reference
from recommender.features.tfidf import row_cosines

RETOLD, RETOLD_UNDATED = 0.3, 0.6  # cosine of words from which on two stories of a day report one event


def mask_repeats(rows: NDArray[np.int64], reference: Reference) -> NDArray[np.bool_]:
    """Mark the items, (q, k), that repeat a better placed item of their list: of its event within a day, or its copy.

    Rows are those of the catalog, best first; -1 = empty place.

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": "a", "title": "Ferry aground", "published_at": "2026-05-01T08:00:00Z"},
    ...     {"id": "b", "title": "Ship stuck on bank", "published_at": "2026-05-01T09:00:00Z"},
    ...     {"id": "c", "title": "Ferry refloated", "published_at": "2026-05-04T09:00:00Z"},
    ... ])
    >>> reference = Reference.from_events(rec.archive, dict.fromkeys("abc", "ferry"))
    >>> mask_repeats(np.array([[0, 1, 2]]), reference).tolist()
    [[False, True, False]]
    """
    copy_group = np.where(rows >= 0, reference.archive.catalog.copy_group[rows], -1)
    is_repeat = count_earlier_of_group(copy_group) > 0
    for column in range(1, rows.shape[1]):
        earlier, item = rows[:, :column], np.broadcast_to(rows[:, column, None], (len(rows), column))
        is_repeat[:, column] |= report_same_event(earlier, item, reference).any(axis=1)
    return is_repeat


def mask_own_reports(rows: NDArray[np.int64], stories: NDArray[np.int64], reference: Reference) -> NDArray[np.bool_]:
    """Mark the items, (q, k), that report the event of the story (q,) itself within a day; none for a story of -1."""
    return report_same_event(np.broadcast_to(stories[:, None], rows.shape), rows, reference)


def report_same_event(a: NDArray[np.int64], b: NDArray[np.int64], reference: Reference) -> NDArray[np.bool_]:
    """Check whether two stories report one event within a day, for rows of any one shape; False for -1.

    In an archive without dates all reports of an event are repeats, and similarity of words needs a greater cosine. In
    an archive with dates a story without one repeats nothing.
    """
    archive, is_valid = reference.archive, (a >= 0) & (b >= 0)
    first, second = archive.catalog.published[a], archive.catalog.published[b]
    if archive.dated:
        is_valid = is_valid & (first != UNDATED) & (second != UNDATED)
    if reference.events is not None:
        event = reference.events[a]
        is_near = np.abs(np.where(is_valid, first - second, 0)) <= DAY_US if archive.dated else True
        return np.asarray(is_valid & (event >= 0) & (event == reference.events[b]) & is_near)
    if archive.dated:
        is_valid = is_valid & (first // DAY_US == second // DAY_US)
    is_same = np.zeros(is_valid.shape, dtype=bool)
    cosine = row_cosines(archive.terms, archive.terms, a[is_valid], b[is_valid])
    is_same[is_valid] = cosine >= (RETOLD if archive.dated else RETOLD_UNDATED)
    return is_same
