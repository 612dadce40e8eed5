"""Compute the features of stories and candidates that the ranker uses, family by family."""

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
    """Stories with their candidates."""

    queries: FeatureTable
    query_rows: NDArray[np.int64]  # (q,); rows of the stories in `queries`
    archive: FeatureTable
    rows: NDArray[np.int64]  # (q, c); rows of `archive`; -1 = none
    # (q, c); the candidates among which the standing is computed: those of language, window and moment, whatever
    # editors or the filters of a call left of them
    pool: NDArray[np.bool_]

    @cached_property
    def texts(self) -> dict[str, NDArray[np.float32]]:
        """`TEXT_PAIRS` by name, each (q, c)."""
        values = text_pairs(self.queries.parts, self.query_rows, self.archive.parts, self.rows, self.archive.rarity)
        return dict(zip(TEXT_PAIRS, values, strict=True))

    @cached_property
    def titles(self) -> NDArray[np.float32]:
        """Sum of the cosines of each title with the text of the other story, (q, c); a missing title adds 0."""
        return np.nan_to_num(self.texts["title_whole"]) + np.nan_to_num(self.texts["whole_title"])

    @cached_property
    def dense(self) -> NDArray[np.float32]:
        """Cosines of the vectors, (q, c); NaN where one side has none."""
        vectors = self.queries.vectors[self.query_rows]
        values = cosines(vectors, self.archive.vectors, self.rows)
        missing = (self.rows < 0) | ~self.archive.embedded[self.rows]
        missing |= np.asarray(~vectors.any(axis=1))[:, None]
        return np.where(missing, np.float32(np.nan), values)

    @cached_property
    def hours(self) -> NDArray[np.float32]:
        """Whole hours between the two publications, in either direction, (q, c); NaN where one has no date."""
        story, item = self.queries.published[self.query_rows][:, None], self.archive.published[self.rows]
        missing = (self.rows < 0) | (story == UNDATED) | (item == UNDATED)
        hours = np.abs(np.where(missing, 0, story) // _HOUR_US - np.where(missing, 0, item) // _HOUR_US)
        return np.asarray(np.where(missing, np.nan, hours), dtype=np.float32)

    @cached_property
    def sections(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Whether both stand in one section, and the share of its path that both have, (q, c); NaN = unknown."""
        out = np.empty((2, *self.rows.shape), dtype=np.float32)
        sections = self.queries.sections[self.query_rows], self.archive.sections
        loops.section_pairs(len(self.rows), *sections, np.ascontiguousarray(self.rows), out)
        return out[0], out[1]

    def standing(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the standing of each value among those of the story's pool, float32 (3, q, c).

        The three figures are the number of greater values, the distance to the greatest one, and the excess over the
        mean of the third to the tenth.
        """
        standing = np.empty((3, *values.shape), dtype=np.float32)
        loops.standing(len(values), np.ascontiguousarray(values), self.pool, standing)
        return standing


@dataclass(frozen=True)
class Column:
    """One feature: its name within the family, its unit, and whether relevance may only rise (1) or fall (-1)."""

    name: str
    unit: str
    monotone: int = 0


@dataclass(frozen=True)
class Family:
    """Features that come and go together."""

    name: str
    about: str  # what it says to an editor
    columns: tuple[Column, ...]
    # computes the columns from `Pairs`, each float32 (q, c); NaN = missing
    compute: Callable[[Pairs], Sequence[NDArray[np.float32]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Full names of the columns, such as 'title.cosine'."""
        return tuple(f"{self.name}.{column.name}" for column in self.columns)


def pair_features(pairs: Pairs, names: Sequence[str], families: dict[str, Family]) -> NDArray[np.float32]:
    """Compute the named features of stories and candidates, (q, c, len(names)).

    `names`: full names, in the order wanted. `families`: the registry; only families that are named are computed.
    """
    features = np.empty((len(names), *pairs.rows.shape), dtype=np.float32)  # Trees read column after column.
    for family in families.values():
        family_names = family.names
        wanted = [name for name in names if name in family_names]
        if wanted:
            columns = dict(zip(family_names, family.compute(pairs), strict=True))
            for name in wanted:
                features[names.index(name)] = columns[name]
    return np.moveaxis(features, 0, 2)
