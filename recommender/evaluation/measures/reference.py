"""An archive with known events -> what measures of lists look up: sections, events, what may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.articles.article import UNDATED
from recommender.errors import InputError


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What the lists of one archive are measured against, the same for every system.

    Attributes
    ----------
    archive : Archive
        Its vectors tell distance, its `related_at` what is related, and without labels its words tell events.
    events : ndarray of int64, shape (n,), optional
        Known event of each catalog row; -1 = none. Default: not known.
    """

    archive: Archive
    events: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, archive: Archive, events: Mapping[str, str | None] | None = None) -> Yardstick:
        """Prepare with events by article id; stories that are not named have none."""
        if events is None:
            return cls(archive)
        names = pa.array([events.get(article_id) for article_id in archive.catalog.ids.to_pylist()], pa.string())
        return cls(archive, names.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64))

    @cached_property
    def sections(self) -> NDArray[np.int64]:
        """Section of each catalog row; -1 = none."""
        return self.archive.catalog.codes("section")[0].astype(np.int64)

    def eligible(self, moments: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Find rows that a list may show: current, and not published after the last moment; (n,)."""
        catalog, last = self.archive.catalog, moments.max(initial=UNDATED)
        return np.asarray(catalog.alive & ((catalog.published <= last) | (last == UNDATED)))


def check(
    rows: NDArray[np.int64], stories: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick
) -> None:
    """Raise an `InputError` if lists, their stories and moments do not fit each other or the catalog."""
    if rows.ndim != 2 or stories.shape != rows.shape[:1] or moments.shape != rows.shape[:1]:
        raise InputError(
            f"rows, stories and moments have shapes {rows.shape}, {stories.shape} and {moments.shape}; "
            "expected (q, k), (q,) and (q,)"
        )
    size = len(yardstick.archive.catalog)
    least = min(rows.min(initial=0), stories.min(initial=0))
    most = max(rows.max(initial=-1), stories.max(initial=-1))
    if least < -1 or most >= size:
        raise InputError(f"rows from {least} to {most} were given; expected -1 (none) to {size - 1}, as in the catalog")
