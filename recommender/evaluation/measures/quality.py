"""Measures of final lists that need no relevance judgments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.measures.arrays import blocks, mean, ratio
from recommender.evaluation.measures.exposure import ages_days, drift, first_list, gini, lists_showing, novelty
from recommender.evaluation.measures.reference import Reference, ShownLists
from recommender.evaluation.measures.repeats import mask_own_reports, mask_repeats
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
        "own reports": "mean number of items of a list that report the event of the story itself within a day; "
        "detected as repeats are",
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
"""Name of each measure of `list_quality` -> its meaning. Eligible are current stories, not after the last moment."""

BY_LIST = ("items", "empty lists", "related", "repeats", "own reports", "distance", "section entropy")
"""The measures of `QUALITY` that are means over lists."""


def list_quality(lists: ShownLists, k: int) -> dict[str, float]:
    """Compute the measures of `QUALITY` on the first `k` places, in its order; NaN where one does not apply.

    Items without a date are left out of measures of age, those without a section out of measures of sections, and
    stories outside of the archive out of 'own reports'. Without sources 'related' is NaN.

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> from recommender.articles.article import UNDATED
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": "a", "title": "Ferry aground", "section": "city"},
    ...     {"id": "b", "title": "Ferry refloated", "section": "city"},
    ...     {"id": "c", "title": "Opera opens", "section": "arts"},
    ... ])
    >>> rows = np.array([[1, 2], [0, 2], [0, -1]])
    >>> found = list_quality(ShownLists(rows, np.arange(3), np.full(3, UNDATED), Reference(rec.archive)), k=2)
    >>> round(found["items"], 3), round(found["section entropy"], 3), found["coverage"]
    (1.667, 0.667, 1.0)
    """
    by_list = values_by_list(lists, k)
    lists = lists.first(k)
    rows, reference = lists.rows, lists.reference
    has_item = rows >= 0
    n_lists = lists_showing(rows, len(reference.archive.catalog))
    is_eligible = reference.eligible(lists.moments)
    ages = ages_days(lists)
    hours, never_shown = first_list(lists)
    values = {name: mean(array) for name, array in by_list.items()} | {
        "section drift": drift(rows[has_item], is_eligible, reference.sections),
        "coverage": mean(n_lists[is_eligible] > 0),
        "Gini": gini(n_lists[is_eligible]),
        "novelty bits": novelty(n_lists, int(has_item.any(axis=1).sum())),
        "age median days": _quantile(ages, 0.5),
        "age p90 days": _quantile(ages, 0.9),
        f"older than {FRESH_DAYS} days": mean(ages > FRESH_DAYS),
        "hours to first list": _quantile(hours, 0.5),
        "never shown": never_shown,
    }
    return {name: values[name] for name in QUALITY}


def values_by_list(lists: ShownLists, k: int) -> dict[str, NDArray[np.float64]]:
    """Compute the measures of `BY_LIST` on the first `k` places of each list, (q,); NaN where one does not apply."""
    lists = lists.first(k)
    rows, sources = lists.rows, lists.sources
    measured = [_measure_block(rows[block], lists.stories[block], lists.reference) for block in blocks(rows)]
    repeats, own, distance, entropy = (np.concatenate(arrays) for arrays in zip(*measured, strict=True))
    n_items = (rows >= 0).sum(axis=1)
    related = np.full(len(rows), np.nan)
    if sources is not None:
        related = ratio(((rows >= 0) & ~np.isin(sources.astype(str), MORE)).sum(axis=1), n_items)
    values = (n_items, n_items == 0, related, repeats, own, distance, entropy)
    return {name: array.astype(np.float64) for name, array in zip(BY_LIST, values, strict=True)}


def list_statuses(sources: NDArray[np.object_] | NDArray[np.str_], k: int) -> dict[str, int]:
    """Count the lists of each status (`ReadNext.status`), by the sources of their items, (q, w); '' = empty place.

    Examples
    --------
    >>> list_statuses(np.array([["related", "related"], ["related", "more"], ["related", ""], ["", ""]]), 2)
    {'ok': 1, 'filled': 1, 'short': 1, 'empty': 1}
    """
    statuses: list[str] = [status_of([source for source in row if source], k) for row in sources[:, :k].tolist()]
    return {status: statuses.count(status) for status in STATUSES}


def _measure_block(
    rows: NDArray[np.int64], stories: NDArray[np.int64], reference: Reference
) -> tuple[NDArray[np.float64], ...]:
    repeats = mask_repeats(rows, reference).sum(axis=1).astype(np.float64)
    own = np.where(stories >= 0, mask_own_reports(rows, stories, reference).sum(axis=1), np.nan)
    return repeats, own, _distance(rows, reference), _entropy(rows, reference)


def _distance(rows: NDArray[np.int64], reference: Reference) -> NDArray[np.float64]:
    has_item = rows >= 0
    is_pair = has_item[:, :, None] & has_item[:, None, :] & np.triu(np.ones((rows.shape[1],) * 2, dtype=bool), 1)
    distance = np.where(is_pair, 1.0 - gram(reference.archive.vectors, rows), 0).sum(axis=(1, 2))
    return ratio(distance, is_pair.sum(axis=(1, 2)))


def _entropy(rows: NDArray[np.int64], reference: Reference) -> NDArray[np.float64]:
    section = np.where(rows >= 0, reference.sections[rows], -1)
    has_section = section >= 0
    n_same = (section[:, :, None] == section[:, None, :]).sum(axis=2)
    n_items = has_section.sum(axis=1)
    bits = np.where(has_section, np.log2(np.maximum(n_items, 1)[:, None] / n_same), 0).sum(axis=1)
    return ratio(bits, n_items)


def _quantile(values: NDArray[np.float64], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
