"""The search for candidates: the rows of greatest product among those that may be shown."""

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
from recommender.search.windows import time_windows
from recommender.settings import RetrievalSettings

_MANY = 8  # blocks of stories from which on copying all vectors into the order of the search pays


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Search for candidates among the rows of one scope."""

    catalog: Catalog
    search: SearchTable
    scope: Scope
    settings: RetrievalSettings
    count: int  # candidates of a story: those of greatest product, of any age (the ranking considers age)
    limits: Limits = LIMITS

    @property
    def width(self) -> int:
        """Number of rows in the pool of a story."""
        return self.count + self.limits.spare

    def pools(self, queries: Queries, checkpoint: Checkpoint | None = None) -> Pools:
        """Find the best rows of each story."""
        pools = Pools.empty(len(queries), self.count, self.limits.spare)
        self.fill(queries, np.ones(len(queries), dtype=bool), pools, checkpoint)
        return pools

    def fill(
        self, queries: Queries, wanted: NDArray[np.bool_], pools: Pools, checkpoint: Checkpoint | None = None
    ) -> None:
        """Search for the wanted stories, whose pools are empty, and write the rows into `pools`."""
        if checkpoint is not None:
            wanted = checkpoint.restore(pools, wanted)
        for indices, rows in self.by_language(queries, self.scope.allowed):
            missing = indices[wanted[indices]]
            if not len(missing):
                continue
            for finished in self._search(queries.take(missing), rows, missing, pools):
                if checkpoint is not None:
                    checkpoint.finished(pools, finished)

    def by_language(
        self, queries: Queries, shown: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Group queries by the rows that they may find: (indices of the queries, rows)."""
        rows = np.flatnonzero(shown)
        if not self.settings.same_language:
            yield np.arange(len(queries)), rows
            return
        for code in np.unique(queries.language):
            yield np.flatnonzero(queries.language == code), rows[self.scope.language[rows] == code]

    def uses_reach(self, rows: NDArray[np.int64]) -> bool:
        """Check whether there are so many rows that a story is compared only with its reach."""
        return self.search.reach is not None and not self.scope.windowed and len(rows) > self.limits.exact

    def takes_all(self, rows: NDArray[np.int64]) -> bool:
        """Check whether there are so few rows that all are candidates."""
        return len(rows) <= self.count

    def _search(
        self, queries: Queries, rows: NDArray[np.int64], indices: NDArray[np.int64], pools: Pools
    ) -> Iterator[NDArray[np.int64]]:
        """Write the best of some rows for each query into the pools at `indices`; yield the indices that are final."""
        if self.takes_all(rows):
            candidates = np.where(self.in_window(queries, rows) & (rows != queries.rows[:, None]), rows, -1)
            order = np.argsort(candidates < 0, axis=1, kind="stable")  # a pool whose last column is empty is not full
            pools.rows[indices, : len(rows)] = np.take_along_axis(candidates, order, axis=1)
            yield indices
            return
        for block, best in self.nearest(queries, rows, self.width, within_reach=self.uses_reach(rows)):
            pools.rows[indices[block]] = best
            yield indices[block]

    def nearest(
        self,
        queries: Queries,
        rows: NDArray[np.int64],
        count: int,
        *,
        within_reach: bool,
        least: NDArray[np.int32] | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Find the best `count` of some rows for each story.

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
        within_reach : bool
            Whether only rows within a story's reach count.
        least : ndarray of int32, shape (q,), optional
            The least product that is of use to each story.

        Yields
        ------
        indices : ndarray of int64, shape (s,)
            Indices of queries, each once.
        best : ndarray of int64, shape (s, count)
            Their best rows, best first; -1 = none.
        """
        order = np.arange(len(queries))
        if self.scope.windowed:  # stories of one time are compared with the same rows
            order = np.argsort(queries.published, kind="stable")
        elif within_reach and queries.search.reach is not None:  # as are those of one cell
            order = np.argsort(queries.search.reach.cell[queries.at], kind="stable")
        step = self.limits.stories
        blocks = (order[start : start + step] for start in range(0, len(order), step))
        torch = not within_reach and worth_torch(len(queries) * len(rows))
        searchable = None if self.scope.windowed else self._searchable(rows)
        if searchable is not None and within_reach and len(queries) > _MANY * step:
            searchable = searchable.with_vectors()

        def search(indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            block, windows, block_rows = queries.take(indices), None, searchable
            if block_rows is None:
                windows = time_windows(block.published, self.scope, self.settings)
                block_rows = self._searchable(rows[self._in_any_window(windows, rows)])
            best = nearest(
                block,
                block_rows,
                count,
                within_reach=within_reach,
                windows=windows,
                least=None if least is None else least[indices],
                torch=torch,
            )
            return indices, best

        yield from in_order(search, blocks, torch_workers() if torch else None)

    def _searchable(self, rows: NDArray[np.int64]) -> Rows:
        catalog = self.catalog
        if not self.scope.windowed:
            return self.search.rows(rows, catalog.id_rank)
        return self.search.rows(rows, catalog.id_rank, catalog.published, catalog.timeless)

    def _in_any_window(self, windows: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the rows that lie between the first and the last moment of all windows, or are timeless, (m,)."""
        time, is_inside = self.catalog.published[rows], self.catalog.timeless[rows]
        for first, last in (windows[:, :2].T, windows[:, 2:].T):
            has_window = first <= last
            if has_window.any():
                is_inside = is_inside | (time >= first[has_window].min()) & (time <= last[has_window].max())
        return np.asarray(is_inside)

    def in_window(self, queries: Queries, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the rows, (m,) or (q, m), that lie in each story's window, (q, m)."""
        if not self.scope.windowed:
            return np.ones(np.broadcast_shapes((len(queries), 1), rows.shape), dtype=bool)
        a, b, c, d = time_windows(queries.published, self.scope, self.settings).T[:, :, None]
        time = self.catalog.published[rows]
        return np.asarray(((time >= a) & (time <= b)) | ((time >= c) & (time <= d)) | self.catalog.timeless[rows])

    def products(self, queries: Queries, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Compute the products of the stories with their rows, (q, c), by which pools are ordered; 0 for row -1."""
        return queries.search.products(queries.at, self.search, rows)
