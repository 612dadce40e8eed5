"""Make-up of final lists: measures that need no relevance judgments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.measures.exposure import ages_days, drift, first_list, gini, lists_showing, novelty
from recommender.evaluation.measures.places import blocks, mean, ratio
from recommender.evaluation.measures.repeats import own_reports, repeats
from recommender.evaluation.measures.yardstick import Yardstick, check
from recommender.features.vectors import gram
from recommender.lists.readnext import MORE, status_of

FRESH_DAYS = 30
STATUSES = ("ok", "filled", "short", "empty")

QUALITY: Mapping[str, str] = MappingProxyType(
    {
        "items": "mean number of items of a list",
        "empty lists": "share of lists without an item",
        "related": "mean share of the items of a list that do not only fill it up; baselines call everything related",
        "repeats": "mean number of items of a list that report an event of a better placed item within a day, or are "
        "its copy; events by labels, or else by words alike on one calendar day",
        "own reports": "mean number of items of a list that report the event of the story itself within a day, told as "
        "repeats are",
        "distance": "intra-list distance: mean of 1 - cosine over the pairs of a list, then over lists of two items "
        "and more (Ziegler et al. 2005)",
        "section entropy": "mean of -sum p log2 p over the sections of a list, bits (Shannon 1948)",
        "section drift": "Jensen-Shannon divergence, base 2, of the sections of all shown items from those of the "
        "archive (Lin 1991; after the calibration of Steck 2018): 0 = the same shares, 1 = none in common",
        "coverage": "share of the eligible stories that at least one list shows (Ge et al. 2010)",
        "Gini": "Gini index of the number of lists that show each eligible story (Fleder & Hosanagar 2009): "
        "sum (2 i - n - 1) x_i / (n sum x), x ascending; 0 = all alike",
        "novelty bits": "mean of -log2(share of the lists with items that show the item) over shown items "
        "(Zhou et al. 2010)",
        "age median days": "median age of the dated items at the moment of their list",
        "age p90 days": "90th percentile of that age",
        f"older than {FRESH_DAYS} days": f"share of the dated items more than {FRESH_DAYS} days old",
        "hours to first list": "median time from publication to the first list that shows a story; of those published "
        "between the first and the last moment and shown at all",
        "never shown": "share of the stories published between the first and the last moment that no list shows "
        "from then on",
    }
)
"""Name of each measure of `list_quality` -> what it is. Eligible are current stories, not after the last moment."""


BY_LIST = ("items", "empty lists", "related", "repeats", "own reports", "distance", "section entropy")
"""Those of `QUALITY` that are means of a value of each list."""


def list_quality(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    moments: NDArray[np.int64],
    yardstick: Yardstick,
    *,
    k: int,
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None,
) -> dict[str, float]:
    """Compute the measures of `QUALITY`, in its order; NaN where one does not apply.

    Items without a date have no age, those without a section none.

    Parameters
    ----------
    rows : ndarray of int64, shape (q, w)
        Catalog rows of the items, best first; -1 = empty place, after all others.
    stories : ndarray of int64, shape (q,)
        Catalog rows of the stories; -1 = outside the archive, and left out of 'own reports'.
    moments : ndarray of int64, shape (q,)
        Microseconds since 1970 that each list is for; `UNDATED` where time does not count.
    yardstick : Yardstick
    k : int
        Only the first `k` places count.
    sources : ndarray of str, shape (q, w), optional
        How each item came in (`Recommendation.source`); without it 'related' is NaN.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> from recommender.articles.article import UNDATED
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": "a", "title": "Ferry aground", "section": "city"},
    ...     {"id": "b", "title": "Ferry refloated", "section": "city"},
    ...     {"id": "c", "title": "Opera opens", "section": "arts"},
    ... ])
    >>> lists = np.array([[1, 2], [0, 2], [0, -1]])
    >>> found = list_quality(lists, np.arange(3), np.full(3, UNDATED), Yardstick(rec.archive), k=2)
    >>> round(found["items"], 3), round(found["section entropy"], 3), found["coverage"]
    (1.667, 0.667, 1.0)
    """
    check(rows, stories, moments, yardstick)
    each = by_list(rows, stories, yardstick, k=k, sources=sources)
    rows = rows[:, :k]
    held = rows >= 0
    shown_in = lists_showing(rows, len(yardstick.archive.catalog))
    eligible = yardstick.eligible(moments)
    ages = ages_days(rows, moments, yardstick)
    wait, never = first_list(rows, moments, yardstick)
    found = {name: mean(values) for name, values in each.items()} | {
        "section drift": drift(rows[held], eligible, yardstick.sections),
        "coverage": mean(shown_in[eligible] > 0),
        "Gini": gini(shown_in[eligible]),
        "novelty bits": novelty(shown_in, int(held.any(axis=1).sum())),
        "age median days": _quantile(ages, 0.5),
        "age p90 days": _quantile(ages, 0.9),
        f"older than {FRESH_DAYS} days": mean(ages > FRESH_DAYS),
        "hours to first list": _quantile(wait, 0.5),
        "never shown": never,
    }
    return {name: found[name] for name in QUALITY}


def by_list(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    yardstick: Yardstick,
    *,
    k: int,
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Compute for each list, (q,), the measures named in `BY_LIST`; NaN where one does not apply to a list.

    Parameters are those of `list_quality`.
    """
    rows, sources = rows[:, :k], None if sources is None else sources[:, :k]
    parts = [_of_block(rows[part], stories[part], yardstick) for part in blocks(rows)]
    items = (rows >= 0).sum(axis=1)
    related = np.full(len(rows), np.nan)
    if sources is not None:
        related = ratio(((rows >= 0) & ~np.isin(sources.astype(str), MORE)).sum(axis=1), items)
    repeated, own, distance, entropy = (np.concatenate(part) for part in zip(*parts, strict=True))
    values = (items, items == 0, related, repeated, own, distance, entropy)
    return {name: one.astype(np.float64) for name, one in zip(BY_LIST, values, strict=True)}


def list_statuses(sources: NDArray[np.object_] | NDArray[np.str_], k: int) -> dict[str, int]:
    """Count the lists of each status, as `ReadNext.status` tells them of lists that were made.

    Parameters
    ----------
    sources : ndarray of str, shape (q, w)
        How each item came in; '' = empty place.
    k : int
        Places of a list.

    Examples
    --------
    >>> list_statuses(np.array([["related", "related"], ["related", "more"], ["related", ""], ["", ""]]), 2)
    {'ok': 1, 'filled': 1, 'short': 1, 'empty': 1}
    """
    found: list[str] = [status_of([source for source in line if source], k) for line in sources[:, :k].tolist()]
    return {status: found.count(status) for status in STATUSES}


def _of_block(
    rows: NDArray[np.int64], stories: NDArray[np.int64], yardstick: Yardstick
) -> tuple[NDArray[np.float64], ...]:
    """Measure each list: repeats, reports of the story's own event, distance and section entropy; (q,) each."""
    repeated = repeats(rows, yardstick).sum(axis=1).astype(np.float64)
    own = np.where(stories >= 0, own_reports(rows, stories, yardstick).sum(axis=1), np.nan)
    return repeated, own, _distance(rows, yardstick), _entropy(rows, yardstick)


def _distance(rows: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    held = rows >= 0
    pair = held[:, :, None] & held[:, None, :] & np.triu(np.ones((rows.shape[1],) * 2, dtype=bool), 1)
    apart = np.where(pair, 1.0 - gram(yardstick.archive.vectors, rows), 0).sum(axis=(1, 2))
    return ratio(apart, pair.sum(axis=(1, 2)))


def _entropy(rows: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    section = np.where(rows >= 0, yardstick.sections[rows], -1)
    told = section >= 0
    alike = (section[:, :, None] == section[:, None, :]).sum(axis=2)
    size = told.sum(axis=1)
    bits = np.where(told, np.log2(np.maximum(size, 1)[:, None] / alike), 0).sum(axis=1)
    return ratio(bits, size)


def _quantile(values: NDArray[np.float64], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
