"""Queries, their candidates, and the pools in which the best candidates are saved."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from recommender.features.table import FeatureTable
from recommender.features.tfidf import SparseRows, take_rows
from recommender.search.table import SearchTable

_BLOCK = 8_192  # pools checked together


@dataclass(frozen=True)
class Queries:
    """Stories to search candidates for."""

    search: SearchTable  # contains their vectors and search terms, in its rows `at`
    at: NDArray[np.int64]  # (q,)
    rows: NDArray[np.int64]  # (q,); their rows in the catalog; -1 outside of the archive
    published: NDArray[np.int64]  # (q,)
    language: NDArray[np.int32]  # (q,)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: NDArray[np.int64]) -> Self:
        """Return the queries at `indices`."""
        if len(self) == len(indices) == 1:
            return self
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays: dict[str, Any] = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **{name: array[indices] for name, array in arrays.items()})


@dataclass(frozen=True, kw_only=True)
class StoryQueries(Queries):
    """Stories that lists are made for: queries with what the ranker and the rules need."""

    features: FeatureTable  # contains what the ranker compares, in its rows `at`
    copy_group: NDArray[np.int64]  # (q,)

    @cached_property
    def vectors(self) -> NDArray[np.int16]:
        """Embedding vectors, (q, d)."""
        return np.asarray(self.search.vectors[self.at])

    @cached_property
    def terms(self) -> SparseRows:
        """TF-IDF of the whole texts, q rows."""
        return take_rows(self.features.parts.whole, self.at)

    @property
    def scale(self) -> NDArray[np.float32]:
        """Local scale of each, (q, 2)."""
        return self.features.scale[self.at]


@dataclass(frozen=True)
class Candidates:
    """Rows that may follow each story, in no order."""

    rows: NDArray[np.int64]  # (q, c); -1 = none

    def append(self, rows: NDArray[np.int64]) -> Candidates:
        """Return these candidates and further rows, (q, p), without duplicates and without empty columns."""
        rows = -np.sort(-np.concatenate([self.rows, rows], axis=1), axis=1)
        rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
        rows = -np.sort(-rows, axis=1)
        return Candidates(rows[:, : max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)])

    def replace_rows(self, indices: NDArray[np.int64], other: Candidates) -> Candidates:
        """Return these candidates, those of the stories at `indices` replaced by `other`."""
        width = max(self.rows.shape[1], other.rows.shape[1])
        rows = np.pad(self.rows, ((0, 0), (0, width - self.rows.shape[1])), constant_values=-1)
        rows[indices] = -1
        rows[indices, : other.rows.shape[1]] = other.rows
        return Candidates(rows)


@dataclass(frozen=True)
class Pools:
    """The best rows of each story, best first: its candidates and a few more, since some may be lost.

    Products are not saved: the order is enough, and `Retriever.products` computes them exactly.
    """

    # (q, count + spare); -1 = none. Rows that have left the story's window since stay as `-2 - row`: a full pool was
    # cut at its last row, and worse rows are unknown
    rows: NDArray[np.int32]
    spare: int  # number of rows beyond the candidates

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, stories: int, count: int, spare: int) -> Pools:
        """Create empty pools for `count` candidates of each story."""
        return cls(np.full((stories, count + spare), -1, np.int32), spare)

    def take(self, indices: NDArray[np.int64] | slice) -> Pools:
        """Return the pools of the stories at `indices`."""
        return Pools(self.rows[indices], self.spare)

    def candidates(self, allowed: NDArray[np.bool_]) -> tuple[Candidates, NDArray[np.bool_]]:
        """Return the candidates that are still allowed, and the mask of the stories that must search again."""
        is_allowed = (self.rows >= 0) & allowed[np.maximum(self.rows, 0)]
        first = np.where(is_allowed & (np.cumsum(is_allowed, axis=1) <= self._count), self.rows, -1).astype(np.int64)
        return Candidates(first).append(first[:, :0]), self.mask_depleted(allowed)

    def mask_candidates(self, items: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the stories of which one item, (q,), is among the candidates that are still allowed, (q,)."""
        is_item = self.rows == items[:, None]
        column = is_item.argmax(axis=1)
        is_candidate = is_item.any(axis=1) & (items >= 0) & allowed[items]
        late = np.flatnonzero(is_candidate & (column >= self._count))  # candidates only where others were lost
        rows = np.where(np.arange(self.rows.shape[1]) < column[late, None], self.rows[late], -1)
        is_candidate[late] = ((rows >= 0) & allowed[np.maximum(rows, 0)]).sum(axis=1) < self._count
        return np.asarray(is_candidate)

    def mask_depleted(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the stories that have lost too many rows and must search again, (q,)."""
        is_depleted = np.zeros(len(self.rows), dtype=bool)
        full = np.flatnonzero((self.rows[:, -1:] != -1).all(axis=1))  # the other pools contain all rows there are
        for start in range(0, len(full), _BLOCK):
            block = full[start : start + _BLOCK]
            rows = self.rows[block]
            is_depleted[block] = ((rows >= 0) & allowed[np.maximum(rows, 0)]).sum(axis=1) < self._count
        return is_depleted

    @property
    def _count(self) -> int:
        return max(int(self.rows.shape[1]) - self.spare, 0)


class Checkpoint(Protocol):
    """Saves finished pools, so that an interrupted search does not repeat them."""

    def restore(self, pools: Pools, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Write the wanted pools that were saved into `pools`; return which are still wanted, (q,)."""
        ...

    def finished(self, pools: Pools, indices: NDArray[np.int64]) -> None:
        """Save the pools at `indices`, which are final now."""
        ...
