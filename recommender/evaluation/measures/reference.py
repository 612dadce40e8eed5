"""The archive from which measures of lists take sections, events and the rows that may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.articles.article import UNDATED
from recommender.articles.columns import encode
from recommender.errors import InputError


@dataclass(frozen=True, eq=False)
class Reference:
    """The fitted archive that lists are measured by, the same for every system."""

    archive: Archive  # its vectors measure distance, and its words detect events without labels
    events: NDArray[np.int64] | None = None  # labelled event of each catalog row, (n,); -1 = none

    @classmethod
    def from_events(cls, archive: Archive, events: Mapping[str, str | None] | None = None) -> Reference:
        """Build the reference from events by article id; other stories have none."""
        if events is None:
            return cls(archive)
        names = pa.array([events.get(article_id) for article_id in archive.catalog.ids.to_pylist()], pa.string())
        return cls(archive, encode(names)[0])

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

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.
    """

    rows: NDArray[np.int64]  # catalog rows of the items, best first, (q, w); -1 = empty place, after all others
    stories: NDArray[np.int64]  # catalog rows of the stories, (q,); -1 = outside of the archive
    moments: NDArray[np.int64]  # of each list in microseconds since 1970, (q,); `UNDATED` where time does not count
    reference: Reference
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None  # `Recommendation.source`, (q, w); '' = empty place

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
