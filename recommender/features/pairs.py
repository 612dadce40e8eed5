"""Features of a story and a candidate, in families: what the ranker looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.features import pair_loops as loops
from recommender.features.table import FeatureTable
from recommender.features.texts import TEXT_PAIRS, text_pairs
from recommender.features.vectors import cosines

_HOUR_US = 3_600_000_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Stories with their candidates.

    Attributes
    ----------
    queries : FeatureTable
    at : ndarray of int64, shape (q,)
        Rows of `queries` that ask.
    archive : FeatureTable
    rows : ndarray of int64, shape (q, c)
        Rows of `archive`; -1 = none.
    pool : ndarray of bool, shape (q, c)
        The candidates that a story's standing is told by: those of language, window and moment, whatever editors
        or a call's filters left of them.
    """

    queries: FeatureTable
    at: NDArray[np.int64]
    archive: FeatureTable
    rows: NDArray[np.int64]
    pool: NDArray[np.bool_]

    @cached_property
    def texts(self) -> dict[str, NDArray[np.float32]]:
        """`TEXT_PAIRS` by name, each (q, c)."""
        found = text_pairs(self.queries.parts, self.at, self.archive.parts, self.rows, self.archive.rarity)
        return {name: found[:, :, place] for place, name in enumerate(TEXT_PAIRS)}

    @cached_property
    def dense(self) -> NDArray[np.float32]:
        """Cosines of the vectors, (q, c); NaN where one side has none."""
        vectors = self.queries.vectors[self.at]
        found = cosines(vectors, self.archive.vectors, self.rows)
        missing = (self.rows < 0) | ~self.archive.embedded[self.rows]
        missing |= np.asarray(~vectors.any(axis=1))[:, None]
        return np.where(missing, np.float32(np.nan), found)

    @cached_property
    def hours(self) -> NDArray[np.float32]:
        """Whole hours between the two publications, in either direction, (q, c); NaN where one has no date."""
        own, item = self.queries.published[self.at][:, None], self.archive.published[self.rows]
        missing = (self.rows < 0) | (own == UNDATED) | (item == UNDATED)
        apart = np.abs(np.where(missing, 0, own) // _HOUR_US - np.where(missing, 0, item) // _HOUR_US)
        return np.asarray(np.where(missing, np.nan, apart), dtype=np.float32)

    @cached_property
    def sections(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Whether both stand in one section, and the share of its path that both have, (q, c); NaN = unknown."""
        own, item = self.queries.sections[self.at][:, None, :], self.archive.sections[self.rows]
        depth = (own != -1).sum(axis=2), (item != -1).sum(axis=2)
        common = ((own == item) & (own >= 0)).sum(axis=2)
        missing = (self.rows < 0) | (depth[0] == 0) | (depth[1] == 0)
        same = np.where(missing, np.nan, (common == depth[0]) & (common == depth[1]))
        path = np.where(missing, np.nan, 2 * common / np.maximum(depth[0] + depth[1], 1))
        return np.asarray(same, dtype=np.float32), np.asarray(path, dtype=np.float32)

    def standing(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Tell where each value stands among those of the story's pool, float32 (q, c, 3).

        How many are greater; how much the greatest exceeds it; how much it exceeds the mean of the third to tenth.
        """
        found = np.empty((*values.shape, 3), dtype=np.float32)
        loops.standing(len(values), np.ascontiguousarray(values), self.pool, found)
        return found


@dataclass(frozen=True)
class Column:
    """One feature: its name within the family, its unit, and whether relevance may only rise (1) or fall (-1)."""

    name: str
    unit: str
    monotone: int = 0


@dataclass(frozen=True)
class Family:
    """Features that come and go together.

    Attributes
    ----------
    name : str
    about : str
        What it tells an editor.
    columns : tuple of Column
    compute : callable
        Gives the columns of `Pairs`, each float32 (q, c); NaN = missing.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    compute: Callable[[Pairs], Sequence[NDArray[np.float32]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Full names of the columns, such as 'title.cosine'."""
        return tuple(f"{self.name}.{column.name}" for column in self.columns)


def pair_features(pairs: Pairs, names: Sequence[str], families: dict[str, Family]) -> NDArray[np.float32]:
    """Compute the named features of stories and candidates.

    Parameters
    ----------
    pairs : Pairs
    names : sequence of str
        Full names, in the order wanted.
    families : dict of str to Family
        The registry; only families that are named are computed.

    Returns
    -------
    ndarray of float32, shape (q, c, len(names))
    """
    found = np.empty((*pairs.rows.shape, len(names)), dtype=np.float32)
    for family in families.values():
        wanted = [name for name in names if name in family.names]
        if wanted:
            columns = dict(zip(family.names, family.compute(pairs), strict=True))
            for name in wanted:
                found[:, :, names.index(name)] = columns[name]
    return found
