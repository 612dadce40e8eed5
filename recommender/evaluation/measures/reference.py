"""The archive that measures of lists look things up in: sections, events, rows that may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.articles.article import UNDATED
from recommender.errors import InputError


@dataclass(frozen=True, eq=False)
class Reference:
    """The fitted archive that lists are measured by, the same for every system.

    Attributes
    ----------
    archive : Archive
        Distance is measured by its vectors, and events by its words where they are not labelled.
    events : ndarray of int64, shape (n,), optional
        Labelled event of each catalog row; -1 = none. Default: no labels.
    """

    archive: Archive
    events: NDArray[np.int64] | None = None

    @classmethod
    def from_events(cls, archive: Archive, events: Mapping[str, str | None] | None = None) -> Reference:
        """Build the reference from events by article id; other stories have none."""
        if events is None:
            return cls(archive)
        names = pa.array([events.get(article_id) for article_id in archive.catalog.ids.to_pylist()], pa.string())
        return cls(archive, names.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64))

    @cached_property
    def sections(self) -> NDArray[np.int64]:
        """Section of each catalog row; -1 = none."""
        return self.archive.catalog.codes("section")[0].astype(np.int64)

    def eligible(self, moments: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the rows that a list may show: current, and not published after the last moment; (n,)."""
        catalog, last = self.archive.catalog, moments.max(initial=UNDATED)
        return np.asarray(catalog.alive & ((catalog.published <= last) | (last == UNDATED)))


@dataclass(frozen=True, eq=False)
class ShownLists:
    """Lists of one system to be measured.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, w)
        Catalog rows of the items, best first; -1 = empty place, after all others.
    stories : ndarray of int64, shape (q,)
        Catalog rows of the stories; -1 = outside of the archive.
    moments : ndarray of int64, shape (q,)
        Moment of each list, in microseconds since 1970; `UNDATED` where time does not count.
    sources : ndarray of str, shape (q, w), optional
        `Recommendation.source` of each item; '' = empty place.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.
    """

    rows: NDArray[np.int64]
    stories: NDArray[np.int64]
    moments: NDArray[np.int64]
    reference: Reference
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        rows, stories, moments = self.rows, self.stories, self.moments
        if rows.ndim != 2 or stories.shape != rows.shape[:1] or moments.shape != rows.shape[:1]:
            raise InputError(
                f"rows, stories and moments have shapes {rows.shape}, {stories.shape} and {moments.shape}; "
                "expected (q, k), (q,) and (q,)"
            )
        if self.sources is not None and self.sources.shape != rows.shape:
            raise InputError(f"sources have shape {self.sources.shape}; expected that of the rows, {rows.shape}")
        size = len(self.reference.archive.catalog)
        lowest = min(rows.min(initial=0), stories.min(initial=0))
        highest = max(rows.max(initial=-1), stories.max(initial=-1))
        if lowest < -1 or highest >= size:
            raise InputError(
                f"rows from {lowest} to {highest} were given; expected -1 (none) to {size - 1}, as in the catalog"
            )

    def first(self, k: int) -> ShownLists:
        """Return the first `k` places of each list."""
        return replace(self, rows=self.rows[:, :k], sources=None if self.sources is None else self.sources[:, :k])
