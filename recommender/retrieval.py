"""Candidates of each story among the rows that it may show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles import DAY_US, UNDATED, Catalog
from recommender.filters import Scope
from recommender.index import VectorIndex
from recommender.settings import RankingSettings, RetrievalSettings

_TIMELESS = 20  # undated and evergreen candidates looked at for their one place


@dataclass(frozen=True)
class Queries:
    """Stories that lists are made for, by place: rows (-1 outside the archive), vectors, terms and keys."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.int16]
    terms: sp.csr_matrix
    published: NDArray[np.int64]
    language: NDArray[np.int32]
    copy_group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Queries:
        """Some of them."""
        return Queries(
            self.rows[places],
            self.vectors[places],
            self.terms[places],
            self.published[places],
            self.language[places],
            self.copy_group[places],
        )


@dataclass(frozen=True)
class Candidates:
    """Rows that may follow each story, in no order.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, c)
        -1 = none.
    """

    rows: NDArray[np.int64]

    def beside(self, rows: NDArray[np.int64]) -> Candidates:
        """With further rows, (q, p), each once."""
        return Candidates(_unique(np.concatenate([self.rows, rows], axis=1))) if rows.shape[1] else self


def retrieve(
    queries: Queries,
    catalog: Catalog,
    index: VectorIndex,
    scope: Scope,
    settings: RetrievalSettings,
    ranking: RankingSettings,
    count: int,
) -> Candidates:
    """Dense candidates of each story: the `count` nearest and, with freshness, the `count` best after it.

    Both, because a relevance floor stands between them: the nearest alone lose fresh stories,
    the fresh alone may all fall under the floor. Undated and evergreen rows are searched apart.
    """
    half_life = ranking.half_life_days if scope.timed else None
    width = count + 1  # the story itself may be found
    parts = np.full((len(queries), width * (2 if half_life else 1)), -1, dtype=np.int64)
    for places, rows, anchor in _groups(queries, catalog, scope, settings, ranking):
        vectors = queries.vectors[places]
        parts[places, :width] = index.search(vectors, width, rows)
        if half_life:
            age = np.abs(catalog.published[rows] - anchor) / DAY_US
            fresh = np.exp2(-(age - age.min(initial=0)) / half_life).astype(np.float32)
            parts[places, width:] = index.search(vectors, width, rows, fresh)
    if scope.timed:
        timeless = _search_timeless(queries, catalog, index, scope, settings)
        parts = np.concatenate([parts, timeless], axis=1)
    parts[parts == queries.rows[:, None]] = -1
    return Candidates(_unique(parts))


def _unique(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Blank repeated rows, and drop columns that are empty everywhere."""
    rows = -np.sort(-rows, axis=1)
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
    rows = -np.sort(-rows, axis=1)
    return rows[:, : max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)]


def _groups(
    queries: Queries, catalog: Catalog, scope: Scope, settings: RetrievalSettings, ranking: RankingSettings
) -> Iterator[tuple[NDArray[np.int64], slice | NDArray[np.int64], int]]:
    """Stories that share their rows: (places, rows, anchor of the age).

    Windows are whole UTC days, so that the stories of one day share one exact search.
    """
    day = np.where(queries.published == UNDATED, UNDATED, queries.published // DAY_US)
    by_day = np.full(len(queries), UNDATED)
    if scope.timed:
        old = queries.published < scope.as_of - (scope.days_before or 0) * DAY_US
        own = scope.days_around is not None or ranking.anchor == "story"
        by_day = np.where(old & (scope.days_before is not None) | own, day, UNDATED)
    language = queries.language if settings.same_language else np.zeros(len(queries), dtype=np.int32)
    keys, group = np.unique(np.stack([by_day, language]), axis=1, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    bounds = np.searchsorted(group.ravel()[order], np.arange(keys.shape[1] + 1))
    for number, (group_day, code) in enumerate(keys.T):
        places = order[bounds[number] : bounds[number + 1]]
        rows: slice | NDArray[np.int64] = slice(0, len(catalog))
        if scope.timed:
            rows = _window(catalog, scope, settings, int(group_day))
        keep = scope.allowed[rows]
        if scope.timed:
            keep = keep & ~catalog.timeless[rows]
        if settings.same_language:
            keep = keep & (scope.language[rows] == code)
        if not keep.all():
            rows = (np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows)[keep]
        anchor = scope.as_of
        if ranking.anchor == "story" and group_day != UNDATED:
            anchor = int(group_day) * DAY_US + DAY_US // 2
        yield places, rows, anchor


def _window(catalog: Catalog, scope: Scope, settings: RetrievalSettings, day: int) -> slice | NDArray[np.int64]:
    """Rows inside the window of a story of `day` (UNDATED: of any story within the window itself)."""
    if scope.days_around is not None:
        if day == UNDATED:
            return slice(0, 0)
        start, end = _around(day, scope.days_around)
        return catalog.between(start, min(end, scope.as_of))
    if scope.days_before is None:
        return catalog.between(UNDATED + 1, scope.as_of)
    start = scope.as_of - scope.days_before * DAY_US
    if day == UNDATED or day * DAY_US >= start or scope.days_before != settings.window_days:
        return catalog.between(start, scope.as_of)
    own_start, own_end = _around(day, scope.days_before)
    if own_end >= start:
        return catalog.between(own_start, scope.as_of)
    spans = (catalog.between(own_start, own_end), catalog.between(start, scope.as_of))
    return np.concatenate([np.arange(s.start, s.stop) if isinstance(s, slice) else s for s in spans])


def _around(day: int, days: int) -> tuple[int, int]:
    return (day - days) * DAY_US, (day + days + 1) * DAY_US - 1


def _search_timeless(
    queries: Queries, catalog: Catalog, index: VectorIndex, scope: Scope, settings: RetrievalSettings
) -> NDArray[np.int64]:
    found = np.full((len(queries), _TIMELESS), -1, dtype=np.int64)
    rows = np.flatnonzero(catalog.timeless & scope.allowed)
    if len(rows):
        anytime = replace(scope, timed=False)
        for places, within, _ in _groups(queries, catalog, anytime, settings, RankingSettings()):
            mine = rows[np.isin(rows, np.arange(len(catalog))[within])] if settings.same_language else rows
            found[places] = index.search(queries.vectors[places], _TIMELESS, mine)
    return found
