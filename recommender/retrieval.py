"""Candidates of each story among the rows that it may show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender import exact
from recommender.articles import DAY_US, UNDATED, Catalog
from recommender.filters import Scope
from recommender.index import SCALE, quantise
from recommender.scan import Asking, Best, Rows
from recommender.settings import RankingSettings, RetrievalSettings

_TIMELESS = 20  # undated and evergreen candidates looked at for their one place
_HOUR_US = DAY_US // 24
SPARE = 16  # rows of a pool that may fall away before a story must search again
SKETCH = 256  # components that stand for the words in a search vector
_SLACK = 0.8  # share of the relevance floor that the estimate of a search vector must reach
_BLOCK = 16_384  # rows that search vectors are made of at a time
_ALL = 0.25  # share of the rows from which on asking stories are answered by the products of all with all


@dataclass(frozen=True)
class Queries:
    """Stories that lists are made for, by place: rows (-1 outside the archive), vectors, terms and keys."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.int16]
    search: NDArray[np.int16]
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
            self.search[places],
            self.terms[places],
            self.published[places],
            self.language[places],
            self.copy_group[places],
        )

    @property
    def asks(self) -> Asks:
        """What a search needs to know of them."""
        return Asks(self.search, np.arange(len(self)), self.rows, self.published, self.language)


@dataclass(frozen=True)
class Asks:
    """Stories that look for candidates: row `at` of search vectors `vectors`, and the keys of `Queries`."""

    vectors: NDArray[np.int16]
    at: NDArray[np.int64]
    rows: NDArray[np.int64]
    published: NDArray[np.int64]
    language: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Asks:
        """Some of them."""
        return Asks(self.vectors, self.at[places], self.rows[places], self.published[places], self.language[places])


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
        """With further rows, (q, p), each once; columns that are empty everywhere are left out."""
        rows = -np.sort(-np.concatenate([self.rows, rows], axis=1), axis=1)
        rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
        rows = -np.sort(-rows, axis=1)
        return Candidates(rows[:, : max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)])

    def scattered(self, places: NDArray[np.int64], other: Candidates) -> Candidates:
        """With the lines of `other` at some places."""
        width = max(self.rows.shape[1], other.rows.shape[1])
        rows = np.pad(self.rows, ((0, 0), (0, width - self.rows.shape[1])), constant_values=-1)
        rows[places] = -1
        rows[places, : other.rows.shape[1]] = other.rows
        return Candidates(rows)


@dataclass(frozen=True)
class Pools:
    """The best rows of each story, best first, a few more than are candidates so that some may fall away.

    Attributes
    ----------
    near : ndarray of int32, shape (q, count + SPARE)
        By estimated relevance x freshness; -1 = none.
    timeless : ndarray of int32, shape (q, t)
        Undated and evergreen rows, which are searched apart; t is 0 where there are none.
    """

    near: NDArray[np.int32]
    timeless: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.near)

    def take(self, places: NDArray[np.int64] | slice) -> Pools:
        """Those of some stories."""
        return Pools(self.near[places], self.timeless[places])

    def candidates(self, allowed: NDArray[np.bool_]) -> tuple[Candidates, NDArray[np.bool_]]:
        """The first rows that are still allowed, and which stories have lost too many and must search again."""
        near, lost = _first(self.near, allowed, self.near.shape[1] - SPARE)
        timeless, lost_timeless = _first(self.timeless, allowed, max(self.timeless.shape[1] - SPARE, 0))
        return Candidates(near).beside(timeless), lost | lost_timeless


def _first(
    pool: NDArray[np.int32], allowed: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    held = pool >= 0
    live = held & allowed[pool]
    rows = np.where(live & (np.cumsum(live, axis=1) <= count), pool, -1).astype(np.int64)
    return rows, held.all(axis=1) & (live.sum(axis=1) < count)


def search_vectors(
    vectors: NDArray[np.int16], terms: sp.csr_matrix, columns: sp.csr_matrix, ranking: RankingSettings
) -> NDArray[np.int16]:
    """Vectors whose product estimates the relevance, so that one search looks at meaning and words together.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    terms : csr_matrix, shape (n, v)
        TF-IDF, unit rows.
    columns : csr_matrix, shape (v, w)
        See `lexical.sketch_columns`.

    Returns
    -------
    ndarray of int16, shape (n, d + w)
        Unit vectors of the two parts, weighted by the roots of `dense_weight` and `lexical_weight`, quantised.
    """
    parts = [
        quantise(
            np.concatenate(
                [
                    np.sqrt(ranking.dense_weight) * _unit(vectors[start : start + _BLOCK].astype(np.float32)),
                    np.sqrt(ranking.lexical_weight) * _unit((terms[start : start + _BLOCK] @ columns).toarray()),
                ],
                axis=1,
            )
        )
        for start in range(0, max(len(vectors), 1), _BLOCK)
    ]
    return np.concatenate(parts)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norm > 0, norm, 1)


def retrieve(
    asks: Asks,
    catalog: Catalog,
    search: NDArray[np.int16],
    scope: Scope,
    settings: RetrievalSettings,
    ranking: RankingSettings,
    count: int,
    floor: float | None = None,
) -> Pools:
    """The best rows of each story: the `count` of greatest estimated relevance x freshness, and `SPARE` more.

    Parameters
    ----------
    search : ndarray of int16, shape (n, s)
        See `search_vectors`.
    floor : float, optional
        The relevance that an item needs. Where time counts, the estimate must come near it: otherwise fresh rows
        that will be rejected keep out older ones that would not.
    """
    least = _SLACK * (floor or 0.0) / (ranking.dense_weight + ranking.lexical_weight or 1.0) if scope.timed else 0.0
    shown, timeless = scope.allowed, scope.allowed & catalog.timeless & scope.timed
    if scope.timed:
        shown = shown & ~catalog.timeless
    some = bool(timeless.any())
    pools = Pools(
        np.full((len(asks), count + SPARE), -1, dtype=np.int32),
        np.full((len(asks), (_TIMELESS + SPARE) * some), -1, dtype=np.int32),
    )
    for places, found in _by_language(asks, scope.language, shown, settings):
        _search(asks.take(places), found, catalog, search, scope, settings, ranking, least, places, pools.near)
    if some:
        anytime = replace(scope, timed=False)
        for places, found in _by_language(asks, scope.language, timeless, settings):
            _search(asks.take(places), found, catalog, search, anytime, settings, ranking, 0.0, places, pools.timeless)
    return pools


def _by_language(
    asks: Asks, language: NDArray[np.int32], shown: NDArray[np.bool_], settings: RetrievalSettings
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Stories that share their rows: (places of the stories, rows)."""
    if not settings.same_language:
        yield np.arange(len(asks)), np.flatnonzero(shown)
        return
    for code in np.unique(asks.language):
        yield np.flatnonzero(asks.language == code), np.flatnonzero(shown & (language == code))


def _search(
    asks: Asks,
    found: NDArray[np.int64],
    catalog: Catalog,
    search: NDArray[np.int16],
    scope: Scope,
    settings: RetrievalSettings,
    ranking: RankingSettings,
    least: float,
    places: NDArray[np.int64],
    out: NDArray[np.int32],
) -> None:
    """Write the best of the rows `found` for some stories into their places of `out`."""
    if len(found) <= out.shape[1]:  # nothing to choose
        found = found[np.argsort(catalog.published[found], kind="stable")]
        a, b, c, d = _spans(asks.published, catalog.published[found], scope, settings).T[:, :, None]
        at = np.arange(len(found))
        inside = ((at >= a) & (at < b)) | ((at >= c) & (at < d))
        out[places, : len(found)] = np.where(inside & (found != asks.rows[:, None]), found, -1)
        return
    together = len(asks) > _ALL * len(found) and (asks.rows >= 0).all()
    everyone = np.union1d(found, asks.rows) if together else found
    everyone = everyone[np.argsort(catalog.published[everyone], kind="stable")]
    shown = np.zeros(len(catalog), dtype=bool)
    shown[found] = True
    published = catalog.published[everyone]
    half_life = ranking.half_life_days if scope.timed else None
    hour, asked_hour = np.zeros(len(everyone), dtype=np.int64), np.zeros(len(asks), dtype=np.int64)
    dated = asks.published != UNDATED
    if half_life is not None:
        moment = np.where(dated & (ranking.anchor == "story"), asks.published, scope.as_of)
        hour = np.where(published == UNDATED, scope.as_of, published) // _HOUR_US
        asked_hour = moment // _HOUR_US
    span = max(hour.max(initial=0), asked_hour.max(initial=0)) - min(hour.min(initial=0), asked_hour.min(initial=0))
    weight = exact.TIMELESS if half_life is None else exact.decay(half_life, int(span))
    spans = _spans(asks.published, published, scope, settings)
    rows = Rows(search, everyone, shown[everyone], hour, catalog.id_rank[everyone])
    lowest = int(np.ceil(least * SCALE**2)) if scope.timed else 0
    place_of = np.full(len(catalog) + 1, -1, dtype=np.int64)  # the last: of a story from outside
    place_of[everyone] = np.arange(len(everyone))
    own = place_of[asks.rows]
    count = out.shape[1]

    def put(at: NDArray[np.int64], best: Best) -> None:
        place, _ = best.ordered(rows.id_rank)
        out[at] = np.where(place >= 0, everyone[place], -1) if len(everyone) else -1

    # all with all needs stories whose age grows with the distance in time, as those of undated ones does not
    alike = dated if half_life is not None and ranking.anchor == "story" else np.full(len(asks), half_life is None)
    if together and alike.any():
        nobody = np.zeros((len(everyone), 4), dtype=np.int64)
        nobody[own[alike]] = spans[alike]
        story_at = np.full(len(everyone), -1, dtype=np.int64)
        story_at[own[alike]] = places[alike]
        asking = Asking(search, everyone, np.arange(len(everyone)), hour, nobody)
        for start, best in exact.every(asking, rows, count, least=lowest, weight=weight):
            at = story_at[start : start + len(best.size)]
            put(at[at >= 0], best.take(at >= 0))
    else:
        alike[:] = False
    rest = np.flatnonzero(~alike)
    if len(rest):
        asking = Asking(asks.vectors, asks.at[rest], own[rest], asked_hour[rest], spans[rest])
        put(places[rest], exact.nearest(asking, rows, count, least=lowest, weight=weight))


def _spans(
    asked: NDArray[np.int64], published: NDArray[np.int64], scope: Scope, settings: RetrievalSettings
) -> NDArray[np.int64]:
    """Places `[a, b)` and `[c, d)` among the sorted times that each story may find, (q, 4).

    Windows are whole UTC days around a story.
    """
    spans = np.zeros((len(asked), 4), dtype=np.int64)
    if not scope.timed:
        spans[:, 1] = len(published)
        return spans

    def between(start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.searchsorted(published, start, "left"), np.searchsorted(published, end, "right")

    dated = asked != UNDATED
    day = np.where(dated, asked, 0) // DAY_US
    as_of = np.full(len(asked), scope.as_of)
    if scope.days_around is not None:
        start, end = _around(day, scope.days_around)
        spans[:, 0], spans[:, 1] = between(start, np.minimum(end, as_of))
        spans[~dated] = 0
        return spans
    first = UNDATED + 1 if scope.days_before is None else scope.as_of - scope.days_before * DAY_US
    spans[:, 0], spans[:, 1] = between(np.full(len(asked), first), as_of)
    if scope.days_before is not None and scope.days_before == settings.window_days:
        # a story older than the window has one of its own besides
        old = dated & (day * DAY_US < first)
        start, end = _around(day[old], scope.days_before)
        spans[old, 2], spans[old, 3] = between(start, np.minimum(end, first - 1))
    return spans


def _around(day: NDArray[np.int64], days: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (day - days) * DAY_US, (day + days + 1) * DAY_US - 1
