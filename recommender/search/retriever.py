"""Candidates of each story: the rows of greatest product among those that it may show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.compute.parallel import in_order, torch_workers
from recommender.search.limits import LIMITS, Limits
from recommender.search.nearest import nearest, worth_torch
from recommender.search.pools import Checkpoint, Pools, Queries
from recommender.search.scope import Scope
from recommender.search.table import Rows, SearchTable
from recommender.search.windows import times
from recommender.settings import RetrievalSettings

_MANY = 8  # blocks of stories, from which on a copy of all vectors in the order of a search pays


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Search for candidates among the rows of one scope.

    Attributes
    ----------
    search : SearchTable, n rows
    scope : Scope
    settings : RetrievalSettings
    count : int
        Candidates of a story: those of greatest product. How old they are does not count: that is for the ranking.
    limits : Limits
    """

    catalog: Catalog
    search: SearchTable
    scope: Scope
    settings: RetrievalSettings
    count: int
    limits: Limits = LIMITS

    @property
    def width(self) -> int:
        """Rows that the pool of a story keeps."""
        return self.count + self.limits.spare

    def pools(self, queries: Queries, checkpoint: Checkpoint | None = None) -> Pools:
        """Find the best rows of each story."""
        pools = Pools.empty(len(queries), self.count, self.limits.spare)
        self.fill(queries, np.ones(len(queries), dtype=bool), pools, checkpoint)
        return pools

    def fill(
        self, queries: Queries, wanted: NDArray[np.bool_], pools: Pools, checkpoint: Checkpoint | None = None
    ) -> None:
        """Search for the wanted stories, whose lines of the pools are empty."""
        if checkpoint is not None:
            wanted = checkpoint.restore(pools, wanted)
        for places, found in self.by_language(queries, self.scope.allowed):
            some = places[wanted[places]]
            for done in self._search(queries.take(some), found, some, pools) if len(some) else ():
                if checkpoint is not None:
                    checkpoint.finished(pools, done)

    def by_language(
        self, queries: Queries, shown: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Group stories that share their rows: (places of the stories, rows)."""
        found = np.flatnonzero(shown)
        if not self.settings.same_language:
            yield np.arange(len(queries)), found
            return
        for code in np.unique(queries.language):
            yield np.flatnonzero(queries.language == code), found[self.scope.language[found] == code]

    def near(self, found: NDArray[np.int64]) -> bool:
        """Tell whether a story is compared only with those within its reach: there are too many others."""
        return self.search.reach is not None and not self.scope.windowed and len(found) > self.limits.exact

    def holds(self, found: NDArray[np.int64]) -> bool:
        """Tell whether all rows are candidates, so that there is nothing to choose."""
        return len(found) <= self.count

    def _search(
        self, queries: Queries, found: NDArray[np.int64], places: NDArray[np.int64], pools: Pools
    ) -> Iterator[NDArray[np.int64]]:
        """Write the best of the rows `found` for some stories into their places of the pools; yields what is final."""
        if self.holds(found):
            held = np.where(self.inside(queries, found) & (found != queries.rows[:, None]), found, -1)
            order = np.argsort(held < 0, axis=1, kind="stable")  # a pool whose last place is empty is not full
            pools.rows[places, : len(found)] = np.take_along_axis(held, order, axis=1)
            yield places
            return
        for some, rows in self.nearest(queries, found, self.width, near=self.near(found)):
            pools.rows[places[some]] = rows
            yield places[some]

    def nearest(
        self,
        queries: Queries,
        found: NDArray[np.int64],
        count: int,
        *,
        near: bool,
        least: NDArray[np.int32] | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Find the best `count` of some rows for each story.

        Parameters
        ----------
        queries : Queries, q stories
        found : ndarray of int64, shape (m,)
        count : int
        near : bool
            Whether only rows within a story's reach count.
        least : ndarray of int32, shape (q,), optional
            Products that are of no use to a story if they are smaller.

        Yields
        ------
        places : ndarray of int64, shape (s,)
            Of stories, each once.
        rows : ndarray of int64, shape (s, count)
            Their best rows, best first; -1 = none.
        """
        order = np.arange(len(queries))
        if self.scope.windowed:  # stories of one time look at the same rows
            order = np.argsort(queries.published, kind="stable")
        elif near and queries.search.reach is not None:  # as do those of one cell
            order = np.argsort(queries.search.reach.cell[queries.at], kind="stable")
        step = self.limits.stories
        blocks = (order[at : at + step] for at in range(0, len(order), step))
        torch = not near and worth_torch(len(queries) * len(found))
        every = None if self.scope.windowed else self._rows(found)
        if every is not None and near and len(queries) > _MANY * step:
            every = every.with_vectors()

        def search(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            some, windows = queries.take(places), None
            rows = every
            if rows is None:
                windows = times(some.published, self.scope, self.settings)
                rows = self._rows(found[self._reached(windows, found)])
            at_least = None if least is None else least[places]
            return places, nearest(some, rows, count, near=near, windows=windows, least=at_least, torch=torch)

        yield from in_order(search, blocks, torch_workers() if torch else None)

    def _rows(self, found: NDArray[np.int64]) -> Rows:
        """Gather rows that may be found."""
        catalog = self.catalog
        if not self.scope.windowed:
            return self.search.rows(found, catalog.id_rank)
        return self.search.rows(found, catalog.id_rank, catalog.published, catalog.timeless)

    def _reached(self, windows: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows one of some stories may find, (m,), or a few more."""
        time, timeless = self.catalog.published[found], self.catalog.timeless[found]
        for first, last in (windows[:, :2].T, windows[:, 2:].T):
            some = first <= last
            if some.any():
                timeless = timeless | (time >= first[some].min()) & (time <= last[some].max())
        return np.asarray(timeless)

    def inside(self, queries: Queries, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows, (m,) or (q, m), stand in each story's window: (q, m)."""
        if not self.scope.windowed:
            return np.ones(np.broadcast_shapes((len(queries), 1), rows.shape), dtype=bool)
        a, b, c, d = times(queries.published, self.scope, self.settings).T[:, :, None]
        time = self.catalog.published[rows]
        found = ((time >= a) & (time <= b)) | ((time >= c) & (time <= d)) | self.catalog.timeless[rows]
        return np.asarray(found)

    def products(self, queries: Queries, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Multiply stories with their rows, (q, c), which pools are ordered by; 0 for row -1."""
        return queries.search.products(queries.at, self.search, rows)
