"""What is searched, by row: vectors, words, and in a large archive how far each story looks."""

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

_MOST = 0.5  # of all rows, from which on those that may not be found are left in their places


@dataclass(frozen=True, eq=False)
class SearchTable:
    """Stories as a search sees them.

    Two of them are as near as the weighted sum of the cosines of their vectors and of their words says, in whole
    numbers: the same in any order, on any machine.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    keys : Keys, n rows
    vocabulary : int
        Words that there are.
    reach : Reach or None
        How far each looks; None = each is compared with all.
    """

    vectors: NDArray[np.int16]
    keys: Keys
    vocabulary: int
    reach: Reach | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.int64]) -> SearchTable:
        """Take some of the stories."""
        reach = None if self.reach is None else self.reach.take(rows)
        return SearchTable(np.asarray(self.vectors[rows]), self.keys.take(rows), self.vocabulary, reach)

    def beside(self, more: SearchTable) -> SearchTable:
        """Put other stories behind these."""
        reach = self.reach and more.reach and self.reach.beside(more.reach)
        return SearchTable(concatenate(self.vectors, more.vectors), self.keys.beside(more.keys), self.vocabulary, reach)

    def products(self, at: NDArray[np.int64], other: SearchTable, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Multiply the stories `at`, (q,), with rows of another table, (q, c); 0 for row -1."""
        found = np.empty(rows.shape, dtype=np.int32)
        mine, theirs = (one.keys for one in (self, other))
        parts = self.vectors, mine.words, mine.weights, at, other.vectors, theirs.words, theirs.weights
        loops.products(len(rows), *parts, np.ascontiguousarray(rows), found)
        return found

    @cached_property
    def _every(self) -> tuple[NDArray[np.int64], Postings, NDArray[np.int32], NDArray[np.int64]]:
        return self._placed(np.arange(len(self)))

    def _placed(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Postings, NDArray[np.int32], NDArray[np.int64]]:
        """Put rows in the order of their cells, and find where each word stands, which cells there are, and where."""
        cell = np.zeros(len(rows), np.int32)
        if self.reach is not None:
            cell = self.reach.cell[rows]
            order = np.argsort(cell, kind="stable")
            rows, cell = rows[order], cell[order]
        cells, first = np.unique(cell, return_index=True)
        return rows, Postings.of(self.keys, self.vocabulary, rows), cells, np.append(first, len(rows))

    def rows(
        self,
        found: NDArray[np.int64],
        id_rank: NDArray[np.int64],
        time: NDArray[np.int64] | None = None,
        timeless: NDArray[np.bool_] | None = None,
    ) -> Rows:
        """Gather rows that may be found.

        Parameters
        ----------
        found : ndarray of int64, shape (m,)
        id_rank : ndarray of int64, shape (n,)
        time : ndarray of int64, shape (n,), optional
            Where stories have windows.
        timeless : ndarray of bool, shape (n,), optional
            Rows that stand in every window.
        """
        if len(found) > _MOST * len(self):
            rows, postings, cells, first = self._every
            shown = np.zeros(len(self), dtype=bool)
            shown[found] = True
            shown = shown[rows]
        else:
            rows, postings, cells, first = self._placed(found)
            shown = np.ones(len(found), dtype=bool)
        free = np.ones(len(rows), dtype=bool)
        if time is not None and timeless is not None:
            free, time = timeless[rows], time[rows]
        return Rows(
            table=self,
            rows=rows,
            shown=shown,
            free=free,
            time=np.zeros(len(rows), np.int64) if time is None else time,
            id_rank=id_rank[rows],
            postings=postings,
            cells=cells,
            first=first,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Rows that may be found, by place.

    Attributes
    ----------
    table : SearchTable
    rows : ndarray of int64, shape (m,)
    shown : ndarray of bool, shape (m,)
        False for those that only stand between the others.
    free : ndarray of bool, shape (m,)
        Whether every story may find it, whatever its window.
    time : ndarray of int64, shape (m,)
    id_rank : ndarray of int64, shape (m,)
        Equal products go by it, ascending.
    postings : Postings
        Where each word stands.
    cells : ndarray of int32, shape (c,)
        In which they lie, one after another.
    first : ndarray of int64, shape (c + 1,)
        Where those of each cell begin.
    by_place : ndarray of int16, shape (m, d), optional
        Their vectors in this order, see `with_vectors`.
    """

    table: SearchTable
    rows: NDArray[np.int64]
    shown: NDArray[np.bool_]
    free: NDArray[np.bool_]
    time: NDArray[np.int64]
    id_rank: NDArray[np.int64]
    postings: Postings
    cells: NDArray[np.int32]
    first: NDArray[np.int64]
    by_place: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def with_vectors(self) -> Rows:
        """Copy the vectors into the order of the rows: many stories find those of one cell faster side by side."""
        return replace(self, by_place=np.take(self.table.vectors, self.rows, axis=0))

    @property
    def vectors_at(self) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Vectors, and the row among them of each place."""
        if self.by_place is not None:
            return self.by_place, np.arange(len(self))
        return self.table.vectors, self.rows

    @property
    def vectors(self) -> NDArray[np.int16]:
        """Vectors by place, without a copy where all rows stand in their own order."""
        whole = len(self.rows) == len(self.table) and self.table.reach is None
        return np.asarray(self.table.vectors if whole else self.table.vectors[self.rows])

    @cached_property
    def floats(self) -> NDArray[np.float32]:
        """Vectors by place, as they are multiplied."""
        return self.vectors.astype(np.float32)

    @property
    def parts(self) -> tuple[NDArray[Any], ...]:
        """What compiled loops look at by place."""
        return self.rows, self.shown, self.free, self.time, self.id_rank
