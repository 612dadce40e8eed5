"""How lists share out the archive: which stories they show, how often, and how soon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.evaluation.measures.places import mean, nth_of_group
from recommender.evaluation.measures.yardstick import Yardstick


def gini(exposure: NDArray[np.int64]) -> float:
    """Compute the Gini index: 0 where all have the same, (n - 1) / n where one has all; NaN where nobody has any.

    ``sum (2 i - n - 1) x_i / (n sum x)``, x in ascending order, i from 1 (Gini 1912; of recommendations Fleder &
    Hosanagar 2009).

    Examples
    --------
    >>> gini(np.array([3, 3, 3])), gini(np.array([0, 0, 0, 7]))
    (0.0, 0.75)
    """
    size, total = len(exposure), exposure.sum()
    place = 2 * np.arange(1, size + 1) - size - 1
    return float((place * np.sort(exposure)).sum() / (size * total)) if total else float("nan")


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Compute the divergence of two distributions over the same values (Lin 1991): 0 = equal, 1 = disjoint.

    ``H((p + q) / 2) - (H(p) + H(q)) / 2``, H the entropy in bits.

    Examples
    --------
    >>> jensen_shannon(np.array([0.5, 0.5]), np.array([0.5, 0.5])), jensen_shannon(np.array([1, 0]), np.array([0, 1]))
    (0.0, 1.0)
    """
    entropies = [entr(one).sum() / np.log(2) for one in ((p + q) / 2, p, q)]
    return float(max(entropies[0] - (entropies[1] + entropies[2]) / 2, 0))


def drift(shown: NDArray[np.int64], eligible: NDArray[np.bool_], sections: NDArray[np.int64]) -> float:
    """Compute the divergence of the sections of shown rows from those of eligible ones; NaN where one has none."""
    counts = [
        np.bincount(part[part >= 0], minlength=sections.max(initial=0) + 1)
        for part in (sections[shown], sections[eligible])
    ]
    if not all(count.sum() for count in counts):
        return float("nan")
    return jensen_shannon(*(count / count.sum() for count in counts))


def lists_showing(rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Count the lists that show each catalog row, (n,)."""
    return np.bincount(rows[(rows >= 0) & (nth_of_group(rows) == 0)], minlength=size)


def novelty(shown_in: NDArray[np.int64], lists: int) -> float:
    """Compute the mean bits of shown items, from how many of the lists show each; NaN where nothing is shown."""
    count = shown_in[shown_in > 0]
    return float(np.average(np.log2(lists / count), weights=count)) if len(count) else float("nan")


def ages_days(rows: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    """Compute the age in days of every dated item at the moment of its list, (m,), list after list."""
    published = yardstick.archive.catalog.published
    dated = (rows >= 0) & (published[rows] != UNDATED) & (moments != UNDATED)[:, None]
    return np.asarray((np.broadcast_to(moments[:, None], rows.shape)[dated] - published[rows[dated]]) / DAY_US)


def first_list(
    rows: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick
) -> tuple[NDArray[np.float64], float]:
    """Measure the hours to the first list of shown stories, and the share of stories that no list shows."""
    catalog, times = yardstick.archive.catalog, moments[moments != UNDATED]
    if not len(times) or times.min() == times.max():
        return np.zeros(0), float("nan")
    appeared = catalog.alive & (catalog.published >= times.min()) & (catalog.published <= times.max())
    never = np.iinfo(np.int64).max
    first = np.full(len(catalog), never)
    after = (rows >= 0) & (catalog.published[rows] <= moments[:, None])
    np.minimum.at(first, rows[after], np.broadcast_to(moments[:, None], rows.shape)[after])
    seen = appeared & (first < never)
    return (first[seen] - catalog.published[seen]) / HOUR_US, mean(first[appeared] == never)
