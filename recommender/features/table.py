"""The columns from which features are computed, for an archive or for stories from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.columns import encode
from recommender.features.texts import TextParts

_BLOCK = 16_384
_LEVELS = 4  # of a section's path that are compared


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureTable:
    """Columns over the rows of an archive, or over a few stories from outside."""

    # (n, d); a row of zeros has no vector: its text is empty, or in a language that the embedder does not know
    vectors: NDArray[np.int16]
    parts: TextParts  # n rows
    published: NDArray[np.int64]  # (n,); microseconds; `UNDATED` where missing
    sections: NDArray[np.int32]  # (n, 4); codes of the section's path, one a level; -1 = none
    hubness: NDArray[np.float32]  # (n,)
    scale: NDArray[np.float32]  # (n, 2); local scale by words and by vectors, see `Neighbours`
    rarity: NDArray[np.float32]  # (v,)

    @cached_property
    def embedded(self) -> NDArray[np.bool_]:
        """Rows that have a vector, (n,)."""
        has_vector = np.empty(len(self.vectors), dtype=bool)
        for start in range(0, len(has_vector), _BLOCK):
            has_vector[start : start + _BLOCK] = self.vectors[start : start + _BLOCK].any(axis=1)
        return has_vector

    @property
    def undated(self) -> NDArray[np.bool_]:
        """Rows without a date, (n,)."""
        return np.asarray(self.published == UNDATED)


def section_paths(names: list[str | None]) -> list[tuple[str, ...]]:
    """Split sections at slashes, so that 'news/canada' and 'news/world' share their first level.

    Examples
    --------
    >>> section_paths(["news/canada", "Sport", None])
    [('news', 'canada'), ('Sport',), ()]
    """
    return [tuple(part for part in (name or "").split("/") if part and ":" not in part)[:_LEVELS] for name in names]


def section_codes(column: pa.ChunkedArray, codes: Mapping[tuple[str, ...], int]) -> NDArray[np.int32]:
    """Return the codes of the levels of each row's section, int32 (n, 4); -1 = no section, -2 = without a code."""
    code, names = encode(column)
    paths = section_paths(names)
    codes_of_paths = np.full((len(paths) + 1, _LEVELS), -1, dtype=np.int32)  # the last row stands for no section
    for number, path in enumerate(paths):
        for level in range(len(path)):
            codes_of_paths[number, level] = codes.get(path[: level + 1], -2)
    return np.asarray(codes_of_paths[code])


def section_levels(column: pa.ChunkedArray) -> dict[tuple[str, ...], int]:
    """Assign a code to every level of every section."""
    paths = section_paths(sorted(value for value in pc.unique(column).to_pylist() if value))
    levels = sorted({path[: level + 1] for path in paths for level in range(len(path))})
    return {path: code for code, path in enumerate(levels)}
