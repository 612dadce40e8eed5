"""The steps from ranked candidates to a list: each a function of `Ranked`, applied in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.articles import Catalog
from recommender.filters import Scope
from recommender.ranking import Ranked
from recommender.retrieval import Queries
from recommender.settings import SelectionSettings


def select(
    ranked: Ranked,
    queries: Queries,
    catalog: Catalog,
    scope: Scope,
    settings: SelectionSettings,
    floor: float | None,
    k: int,
) -> Ranked:
    """Floor, copies, the timeless place, and the cut to `k` items and the reserves."""
    if floor is not None:
        ranked = at_least(ranked, floor)
    if settings.drop_copies:
        ranked = without_copies(ranked, queries.copy_group, catalog.copy_group)
    if scope.timed:
        ranked = with_timeless(ranked, catalog.timeless, k, settings.timeless_slots)
    return first(ranked, k + settings.reserves)


def at_least(ranked: Ranked, floor: float) -> Ranked:
    """Only candidates whose relevance reaches the floor; freshness lifts nothing over it."""
    return ranked.keep((ranked.rows >= 0) & (ranked.relevance >= floor) & (ranked.relevance > 0))


def without_copies(ranked: Ranked, own: NDArray[np.int64], group: NDArray[np.int64]) -> Ranked:
    """Of identical texts the best placed stays, and none of the story's own text.

    Parameters
    ----------
    own : ndarray of int64, shape (q,)
        Copy group of each story; -1 outside the archive.
    group : ndarray of int64, shape (n,)
        Copy group of each catalog row.
    """
    groups = np.where(ranked.rows >= 0, group[ranked.rows], -2)
    order = np.argsort(groups, axis=1, kind="stable")
    sorted_groups = np.take_along_axis(groups, order, axis=1)
    repeated = np.zeros(groups.shape, dtype=bool)
    repeated[:, 1:] = sorted_groups[:, 1:] == sorted_groups[:, :-1]
    again = np.zeros_like(repeated)
    np.put_along_axis(again, order, repeated, axis=1)
    return ranked.keep((ranked.rows >= 0) & ~again & (groups != own[:, None]))


def with_timeless(ranked: Ranked, timeless: NDArray[np.bool_], k: int, slots: int) -> Ranked:
    """Undated and evergreen pieces get at most the last of the `k` places.

    They have no freshness to be ranked by. The most relevant one takes an empty place, or the
    last place if it is more relevant than the story there.
    """
    rows = ranked.rows
    ageless = (rows >= 0) & timeless[rows]
    dated = (rows >= 0) & ~ageless
    if not ageless.any():
        return ranked
    best = ageless & (np.cumsum(ageless, axis=1) <= slots)
    ranked_dated = np.cumsum(dated, axis=1)
    last = dated & (ranked_dated == k)
    last_relevance = np.where(last, ranked.relevance, 0).sum(axis=1, keepdims=True)
    place = np.where(dated, ranked_dated, np.inf)
    full = last.any(axis=1, keepdims=True)
    place = np.where(best & full & (ranked.relevance > last_relevance), k - 0.5, place)
    place = np.where(best & ~full, dated.sum(axis=1, keepdims=True) + 0.5, place)
    return ranked.by(place).keep(np.isfinite(np.sort(place, axis=1)))


def first(ranked: Ranked, count: int) -> Ranked:
    """The first `count` of each story."""
    return ranked.keep((ranked.rows >= 0) & (np.arange(ranked.rows.shape[1]) < count))
