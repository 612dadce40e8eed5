"""Stories that look for candidates, and the candidates that are kept for them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features.table import FeatureTable
from recommender.search.table import SearchTable

_BLOCK = 8_192  # pools looked at together


@dataclass(frozen=True)
class Queries:
    """Stories that look for candidates.

    Attributes
    ----------
    search : SearchTable
        What they are searched by, in its lines `at`.
    at : ndarray of int64, shape (q,)
    rows : ndarray of int64, shape (q,)
        Their own rows in the catalog; -1 outside of the archive.
    published : ndarray of int64, shape (q,)
    language : ndarray of int32, shape (q,)
    """

    search: SearchTable
    at: NDArray[np.int64]
    rows: NDArray[np.int64]
    published: NDArray[np.int64]
    language: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Self:
        """Take some of the queries: of every array, which all go by story."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        taken: dict[str, Any] = {name: one[places] for name, one in held.items() if isinstance(one, np.ndarray)}
        return replace(self, **taken)


@dataclass(frozen=True, kw_only=True)
class StoryQueries(Queries):
    """Stories that lists are made for: queries, with what the ranker and the rules look at in them.

    Attributes
    ----------
    features : FeatureTable
        What the ranker compares them by, in its lines `at`.
    copy_group : ndarray of int64, shape (q,)
    """

    features: FeatureTable
    copy_group: NDArray[np.int64]

    @cached_property
    def vectors(self) -> NDArray[np.int16]:
        """Vectors of their meaning, (q, d)."""
        return np.asarray(self.search.vectors[self.at])

    @cached_property
    def terms(self) -> sp.csr_matrix:
        """TF-IDF of their whole texts, (q, v)."""
        return self.features.parts.whole[self.at]

    @property
    def scale(self) -> NDArray[np.float32]:
        """Local scale of each, (q, 2)."""
        return self.features.scale[self.at]


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
        """Add further rows, (q, p), each once; columns that are empty everywhere are left out."""
        rows = -np.sort(-np.concatenate([self.rows, rows], axis=1), axis=1)
        rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
        rows = -np.sort(-rows, axis=1)
        return Candidates(rows[:, : max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)])

    def scattered(self, places: NDArray[np.int64], other: Candidates) -> Candidates:
        """Replace the lines at some places by those of `other`."""
        width = max(self.rows.shape[1], other.rows.shape[1])
        rows = np.pad(self.rows, ((0, 0), (0, width - self.rows.shape[1])), constant_values=-1)
        rows[places] = -1
        rows[places, : other.rows.shape[1]] = other.rows
        return Candidates(rows)


@dataclass(frozen=True)
class Pools:
    """The best rows of each story, best first, a few more than are candidates so that some may fall away.

    Their products are not kept: `Retriever.products` tells them exactly, and the order is all that is needed of most.

    Attributes
    ----------
    rows : ndarray of int32, shape (q, count + spare)
        -1 = none. Rows that have left a story's window since stay as `-2 - row`: a full pool was cut at its last row,
        and knows nothing of what is worse.
    spare : int
        How many rows are more than candidates.
    """

    rows: NDArray[np.int32]
    spare: int

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, stories: int, count: int, spare: int) -> Pools:
        """Make room for `count` candidates of each story."""
        return cls(np.full((stories, count + spare), -1, np.int32), spare)

    def take(self, places: NDArray[np.int64] | slice) -> Pools:
        """Take the pools of some stories."""
        return Pools(self.rows[places], self.spare)

    def candidates(self, allowed: NDArray[np.bool_]) -> tuple[Candidates, NDArray[np.bool_]]:
        """Find the rows that are still allowed, and which stories have lost too many and must search again."""
        live = (self.rows >= 0) & allowed[np.maximum(self.rows, 0)]
        first = np.where(live & (np.cumsum(live, axis=1) <= self._count), self.rows, -1).astype(np.int64)
        return Candidates(first).beside(first[:, :0]), self.lost(allowed)

    def lost(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Find the stories that have lost too many rows and must search again, (q,)."""
        found = np.zeros(len(self.rows), dtype=bool)
        full = np.flatnonzero((self.rows[:, -1:] != -1).all(axis=1))  # the others hold all that there is
        for start in range(0, len(full), _BLOCK):
            some = full[start : start + _BLOCK]
            rows = self.rows[some]
            found[some] = ((rows >= 0) & allowed[np.maximum(rows, 0)]).sum(axis=1) < self._count
        return found

    @property
    def _count(self) -> int:
        return max(int(self.rows.shape[1]) - self.spare, 0)


class Checkpoint(Protocol):
    """Keep finished lines of pools, so that a search that was interrupted need not find them again."""

    def restore(self, pools: Pools, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Write the wanted lines that were kept into pools; which are still wanted, (q,)."""
        ...

    def finished(self, pools: Pools, places: NDArray[np.int64]) -> None:
        """Keep lines of pools, which are final now."""
        ...
