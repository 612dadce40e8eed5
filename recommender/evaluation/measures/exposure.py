"""Exposure of the archive: which stories the lists show, how often, and how soon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.evaluation.measures.arrays import count_earlier_of_group, mean
from recommender.evaluation.measures.reference import ShownLists


def gini(exposure: NDArray[np.int64]) -> float:
    """Compute the Gini index: 0 if all values are equal, (n - 1) / n if one has all; NaN if all are 0.

    ``sum (2 i - n - 1) x_i / (n sum x)``, x in ascending order, i from 1 (Gini 1912; of recommendations Fleder &
    Hosanagar 2009).

    Examples
    --------
    >>> gini(np.array([3, 3, 3])), gini(np.array([0, 0, 0, 7]))
    (0.0, 0.75)
    """
    size, total = len(exposure), exposure.sum()
    coefficients = 2 * np.arange(1, size + 1) - size - 1
    return float((coefficients * np.sort(exposure)).sum() / (size * total)) if total else float("nan")


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Compute the divergence of two distributions over the same values (Lin 1991): 0 = equal, 1 = disjoint.

    ``H((p + q) / 2) - (H(p) + H(q)) / 2``, H the entropy in bits.

    Examples
    --------
    >>> jensen_shannon(np.array([0.5, 0.5]), np.array([0.5, 0.5])), jensen_shannon(np.array([1, 0]), np.array([0, 1]))
    (0.0, 1.0)
    """
    mixed, of_p, of_q = (entr(distribution).sum() / np.log(2) for distribution in ((p + q) / 2, p, q))
    return float(max(mixed - (of_p + of_q) / 2, 0))


def drift(shown: NDArray[np.int64], eligible: NDArray[np.bool_], sections: NDArray[np.int64]) -> float:
    """Compute the divergence of the sections of shown rows from those of eligible ones; NaN if either has none."""
    counts = [
        np.bincount(codes[codes >= 0], minlength=sections.max(initial=0) + 1)
        for codes in (sections[shown], sections[eligible])
    ]
    if not all(count.sum() for count in counts):
        return float("nan")
    return jensen_shannon(*(count / count.sum() for count in counts))


def lists_showing(rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Count the lists that show each catalog row, (n,)."""
    return np.bincount(rows[(rows >= 0) & (count_earlier_of_group(rows) == 0)], minlength=size)


def novelty(exposure: NDArray[np.int64], n_lists: int) -> float:
    """Compute the mean self-information in bits of shown items, from the lists that show each; NaN without items."""
    count = exposure[exposure > 0]
    return float(np.average(np.log2(n_lists / count), weights=count)) if len(count) else float("nan")


def ages_days(lists: ShownLists) -> NDArray[np.float64]:
    """Compute the age in days of every dated item at the moment of its list, (m,), list after list."""
    rows, moments, published = lists.rows, lists.moments, lists.reference.archive.catalog.published
    has_age = (rows >= 0) & (published[rows] != UNDATED) & (moments != UNDATED)[:, None]
    return np.asarray((np.broadcast_to(moments[:, None], rows.shape)[has_age] - published[rows[has_age]]) / DAY_US)


def first_list(lists: ShownLists) -> tuple[NDArray[np.float64], float]:
    """Compute the hours until the first list of each shown story, and the share of stories that no list shows."""
    rows, moments, catalog = lists.rows, lists.moments, lists.reference.archive.catalog
    times = moments[moments != UNDATED]
    if not len(times) or times.min() == times.max():
        return np.zeros(0), float("nan")
    is_measured = catalog.alive & (catalog.published >= times.min()) & (catalog.published <= times.max())
    never = np.iinfo(np.int64).max
    first_moment = np.full(len(catalog), never)
    is_published = (rows >= 0) & (catalog.published[rows] <= moments[:, None])
    list_moments = np.broadcast_to(moments[:, None], rows.shape)
    np.minimum.at(first_moment, rows[is_published], list_moments[is_published])
    is_shown = is_measured & (first_moment < never)
    hours = (first_moment[is_shown] - catalog.published[is_shown]) / HOUR_US
    return hours, mean(first_moment[is_measured] == never)
