"""The searched values of stories: vectors, search terms, and in a large archive the reach of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import concatenate
from recommender.search import loops
from recommender.search.keys import Keys, Postings
from recommender.search.shortlist import Reach

_MOST = 0.5  # share of all rows from which on the postings of all rows are used, with a mask of those allowed


@dataclass(frozen=True, eq=False)
class SearchTable:
    """The vectors and search terms of stories.

    The product of two stories is the weighted sum of the cosines of their vectors and of their words, in integers, so
    it is the same in any order and on any machine.
    """

    vectors: NDArray[np.int16]  # (n, d)
    keys: Keys
    vocabulary: int  # number of words
    reach: Reach | None = None  # None = each story is compared with all

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.int64]) -> SearchTable:
        """Return the stories at `rows`."""
        reach = None if self.reach is None else self.reach.take(rows)
        return SearchTable(np.asarray(self.vectors[rows]), self.keys.take(rows), self.vocabulary, reach)

    def append(self, other: SearchTable) -> SearchTable:
        """Return these stories followed by others."""
        reach = self.reach and other.reach and self.reach.append(other.reach)
        vectors = concatenate(self.vectors, other.vectors)
        return SearchTable(vectors, self.keys.append(other.keys), self.vocabulary, reach)

    def products(self, at: NDArray[np.int64], other: SearchTable, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Compute the products of the stories `at`, (q,), with rows of another table, (q, c); 0 for row -1."""
        products = np.empty(rows.shape, dtype=np.int32)
        stories = self.vectors, self.keys.words, self.keys.weights, at
        others = other.vectors, other.keys.words, other.keys.weights
        loops.products(len(rows), *stories, *others, np.ascontiguousarray(rows), products)
        return products

    def mask_within_reach(self, at: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the stories `at`, (q,), that find one row, (q,), when they search within their reach; -1 = none."""
        product = self.products(at, self, rows[:, None])[:, 0]
        if self.reach is None:
            return np.asarray(product > 0)
        vectors, centres = self.vectors[at].astype(np.int32), self.reach.centres[self.reach.cell[rows]]
        # the estimate has the centre of the row's cell in the place of its vector
        estimate = product + (vectors * (centres - loops.MEANING * self.vectors[rows].astype(np.int32))).sum(axis=1)
        return np.asarray((rows >= 0) & (product > 0) & (estimate >= self.reach.cut[at]))

    @cached_property
    def _all_rows(self) -> tuple[NDArray[np.int64], Postings, NDArray[np.int32], NDArray[np.int64]]:
        return self._in_cell_order(np.arange(len(self)))

    def _in_cell_order(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Postings, NDArray[np.int32], NDArray[np.int64]]:
        """Sort rows by cell; return them with their postings, the cells, and where each cell begins."""
        cell = np.zeros(len(rows), np.int32)
        if self.reach is not None:
            cell = self.reach.cell[rows]
            order = np.argsort(cell, kind="stable")
            rows, cell = rows[order], cell[order]
        cells, first = np.unique(cell, return_index=True)
        return rows, Postings.from_keys(self.keys, self.vocabulary, rows), cells, np.append(first, len(rows))

    def rows(
        self,
        allowed: NDArray[np.int64],
        id_rank: NDArray[np.int64],
        time: NDArray[np.int64] | None = None,
        timeless: NDArray[np.bool_] | None = None,
    ) -> Rows:
        """Prepare the rows that may be found for the search.

        Parameters
        ----------
        allowed : ndarray of int64, shape (m,)
        id_rank : ndarray of int64, shape (n,)
        time : ndarray of int64, shape (n,), optional
            If stories have windows.
        timeless : ndarray of bool, shape (n,), optional
            Rows that are in every window.
        """
        if len(allowed) > _MOST * len(self):
            rows, postings, cells, cell_offsets = self._all_rows
            is_allowed = np.zeros(len(self), dtype=bool)
            is_allowed[allowed] = True
            is_allowed = is_allowed[rows]
        else:
            rows, postings, cells, cell_offsets = self._in_cell_order(allowed)
            is_allowed = np.ones(len(allowed), dtype=bool)
        is_timeless = np.ones(len(rows), dtype=bool)
        if time is not None and timeless is not None:
            is_timeless, time = timeless[rows], time[rows]
        return Rows(
            table=self,
            rows=rows,
            is_allowed=is_allowed,
            is_timeless=is_timeless,
            time=np.zeros(len(rows), np.int64) if time is None else time,
            id_rank=id_rank[rows],
            postings=postings,
            cells=cells,
            cell_offsets=cell_offsets,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """The rows that may be found, with what the search needs of each; a position is an index in these arrays."""

    table: SearchTable
    rows: NDArray[np.int64]  # (m,)
    is_allowed: NDArray[np.bool_]  # (m,); False for rows that are here only because the postings of all rows are used
    is_timeless: NDArray[np.bool_]  # (m,); whether the row is in every window
    time: NDArray[np.int64]  # (m,)
    id_rank: NDArray[np.int64]  # (m,); the order of rows with equal products
    postings: Postings
    cells: NDArray[np.int32]  # (c,); the cells of the rows, in the order of the rows
    cell_offsets: NDArray[np.int64]  # (c + 1,); where the rows of each cell begin
    ordered_vectors: NDArray[np.int16] | None = None  # (m, d); vectors in the order of `rows`, see `with_vectors`

    def __len__(self) -> int:
        return len(self.rows)

    def with_vectors(self) -> Rows:
        """Copy the vectors into the order of the rows, which makes the comparison of many stories faster."""
        return replace(self, ordered_vectors=np.take(self.table.vectors, self.rows, axis=0))

    @property
    def vectors_and_rows(self) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Vectors, and the index of each position among them."""
        if self.ordered_vectors is not None:
            return self.ordered_vectors, np.arange(len(self))
        return self.table.vectors, self.rows

    @property
    def vectors(self) -> NDArray[np.int16]:
        """Vectors by position, without a copy if these are all rows in ascending order."""
        is_whole = len(self.rows) == len(self.table) and self.table.reach is None
        return np.asarray(self.table.vectors if is_whole else self.table.vectors[self.rows])

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Vectors by position, for matrix products."""
        return self.vectors.astype(np.float32)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays in the order in which compiled loops take them."""
        return self.rows, self.is_allowed, self.is_timeless, self.time, self.id_rank
