"""Candidates of each story: the rows of greatest product among those that it may show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.features.vectors import dots
from recommender.search import windows
from recommender.search.index import SearchIndex
from recommender.search.limits import LIMITS, Limits
from recommender.search.nearest import Asking, Rows, nearest, nearest_of_each_other, shared_out, worth_torch
from recommender.search.pools import Asks, Keeper, Pools
from recommender.search.scope import Scope
from recommender.settings import RetrievalSettings

_SHARE = 0.5  # of the rows, from which on the products of all with all, half of which are made, are fewer


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Search for candidates among the rows of one scope.

    Attributes
    ----------
    search : ndarray of int16, shape (n, s)
        See `search_vectors`.
    scope : Scope
    settings : RetrievalSettings
    count : int
        Candidates of a story: those of greatest product. How old they are does not count: that is for the ranking.
    index : SearchIndex or None
        Searched, in the place of all rows, for stories from outside the archive.
    limits : Limits
    """

    catalog: Catalog
    search: NDArray[np.int16]
    scope: Scope
    settings: RetrievalSettings
    count: int
    index: SearchIndex | None = None
    limits: Limits = LIMITS

    @property
    def width(self) -> int:
        """Rows that the pool of a story keeps."""
        return self.count + self.limits.spare

    def pools(self, asks: Asks, keeper: Keeper | None = None) -> Pools:
        """Find the best rows of each story."""
        pools = Pools.empty(len(asks), self.count, self.limits.spare)
        self.fill(asks, np.ones(len(asks), dtype=bool), pools, keeper)
        return pools

    def fill(self, asks: Asks, wanted: NDArray[np.bool_], pools: Pools, keeper: Keeper | None = None) -> None:
        """Search for the wanted stories, whose lines of the pools are empty."""
        if keeper is not None:
            wanted = keeper.restore(pools, wanted)
        for places, found in self.by_language(asks, self.scope.allowed):
            some = places[wanted[places]]
            for done in self._search(asks.take(some), found, some, pools) if len(some) else ():
                if keeper is not None:
                    keeper.finished(pools, done)

    def by_language(
        self, asks: Asks, shown: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Group stories that share their rows: (places of the stories, rows)."""
        found = np.flatnonzero(shown)
        if not self.settings.same_language:
            yield np.arange(len(asks)), found
            return
        for code in np.unique(asks.language):
            yield np.flatnonzero(asks.language == code), found[self.scope.language[found] == code]

    def holds(self, found: NDArray[np.int64]) -> bool:
        """Tell whether all rows are candidates, so that there is nothing to choose."""
        return len(found) <= self.count

    def _search(
        self, asks: Asks, found: NDArray[np.int64], places: NDArray[np.int64], pools: Pools
    ) -> Iterator[NDArray[np.int64]]:
        """Write the best of the rows `found` for some stories into their places of the pools; yields what is final."""
        if self.holds(found):
            held = np.where(self.inside(asks, found) & (found != asks.rows[:, None]), found, -1)
            order = np.argsort(held < 0, axis=1, kind="stable")  # a pool whose last place is empty is not full
            pools.rows[places, : len(found)] = np.take_along_axis(held, order, axis=1)
            yield places
            return
        if self.index is not None and not self.scope.windowed and (asks.rows < 0).all():
            pools.rows[places] = self.index.search(asks.vectors[asks.at], self.width, self.search, found)
            yield places
            return
        for some, rows in self.nearest(asks, found, self.width):
            pools.rows[places[some]] = rows
            yield places[some]

    def nearest(
        self, asks: Asks, found: NDArray[np.int64], count: int, least: NDArray[np.int32] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Find the best `count` of some rows for each story.

        Parameters
        ----------
        asks : Asks, q stories
        found : ndarray of int64, shape (m,)
        count : int
        least : ndarray of int32, shape (q,), optional
            Products that are of no use to a story if they are smaller.

        Yields
        ------
        places : ndarray of int64, shape (s,)
            Of stories, each once.
        rows : ndarray of int64, shape (s, count)
            Their best rows, best first; -1 = none.
        """
        torch = worth_torch(len(asks) * len(found))
        of_archive = asks.vectors is self.search and len(np.unique(asks.rows)) == len(asks)  # each once, as it is held
        if least is None and of_archive and len(asks) > _SHARE * len(found):
            yield from self._all_with_all(asks, found, count, torch)
            return
        found, free = self._in_order(found)
        rows = Rows.of(self.search, found, self.catalog.id_rank[found], free)

        def search(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            asking = self._asking(asks.take(places), rows)
            at_least = None if least is None else least[places]
            return places, nearest(asking, rows, count, least=at_least, torch=torch, block=self.limits.block)

        # under a window, stories of one time look at the same rows
        order = np.argsort(asks.published, kind="stable") if self.scope.windowed else np.arange(len(asks))
        step = self.limits.stories
        yield from shared_out(search, (order[at : at + step] for at in range(0, len(order), step)), torch)

    def _all_with_all(
        self, asks: Asks, found: NDArray[np.int64], count: int, torch: bool
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Find what `nearest` finds, by one product for each pair of stories."""
        size = len(self.catalog)
        everyone, free = self._in_order(np.union1d(found, asks.rows))
        place, shown = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=bool)
        place[asks.rows], shown[found] = np.arange(len(asks)), True
        place = place[everyone]
        rows = Rows(self.search, everyone, shown[everyone], free, self.catalog.id_rank[everyone])
        own = Asks(self.search, everyone, everyone, self.catalog.published[everyone], self.scope.language[everyone])
        least = np.where(place >= 0, 0, np.iinfo(np.int32).max).astype(np.int32)  # who does not ask finds nothing
        for part, best in nearest_of_each_other(
            self._asking(own, rows), rows, count, least, torch=torch, block=self.limits.stories
        ):
            asked = place[part] >= 0
            yield place[part][asked], best[asked]

    def _in_order(self, found: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
        """Sort rows by time under a window; what has no date stands in every window, and first: that many."""
        if not self.scope.windowed:
            return found, 0
        timeless = self.catalog.timeless[found]
        time = np.where(timeless, UNDATED, self.catalog.published[found])
        return found[np.argsort(time, kind="stable")], int(timeless.sum())

    def _asking(self, asks: Asks, rows: Rows) -> Asking:
        """Describe stories that look for rows."""
        published = self.catalog.published[rows.rows[rows.free :]]
        spans = windows.spans(asks.published, published, self.scope, self.settings)
        return Asking(asks.vectors, asks.at, asks.rows, spans + rows.free)

    def inside(self, asks: Asks, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows, (m,) or (q, m), stand in each story's window: (q, m)."""
        if not self.scope.windowed:
            return np.ones(np.broadcast_shapes((len(asks), 1), rows.shape), dtype=bool)
        a, b, c, d = windows.times(asks.published, self.scope, self.settings).T[:, :, None]
        time = self.catalog.published[rows]
        found = ((time >= a) & (time <= b)) | ((time >= c) & (time <= d)) | self.catalog.timeless[rows]
        return np.asarray(found)

    def products(self, asks: Asks, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Multiply stories with their rows, (q, c), which pools are ordered by; 0 for row -1."""
        return dots(asks.vectors, asks.at, self.search, rows)
