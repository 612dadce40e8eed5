"""Vectors that the caller made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.errors import EmbedderError
from recommender.index import quantise


class GivenVectors:
    """Vectors that the caller made.

    Parameters
    ----------
    vectors : mapping of str to array_like, shape (d,)
        By article id. They are scaled to unit length.

    Raises
    ------
    EmbedderError
        If the vectors differ in length, are not finite, or an article has none.

    Examples
    --------
    >>> GivenVectors({"a": [3.0, 4.0]}).encode(["a"]).tolist()
    [[2438, 3251]]
    """

    fingerprint = ""
    languages: frozenset[str] | None = None
    calibration = ""

    def __init__(self, vectors: Mapping[str, Any]) -> None:
        if not vectors:
            raise EmbedderError("no vectors were given; expected a mapping of article id to vector")
        self._row = {article_id: row for row, article_id in enumerate(vectors)}
        sizes = {np.shape(vector) for vector in vectors.values()}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise EmbedderError(f"vectors of shapes {sorted(sizes)[:4]} were given; expected one shape (d,) for all")
        stacked = np.asarray(list(vectors.values()), dtype=np.float64)
        if not np.isfinite(stacked).all():
            bad = list(vectors)[int(np.flatnonzero(~np.isfinite(stacked).all(axis=1))[0])]
            raise EmbedderError(f"the vector of {bad!r} holds NaN or infinity")
        self._vectors = quantise(stacked)

    def fit(self, articles: pa.Table) -> None:
        """Nothing to learn."""

    def prepare(self, articles: pa.Table) -> list[str]:
        """The ids."""
        return list(articles["id"].to_pylist())

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """The given vectors of these ids."""
        if missing := [article_id for article_id in texts if article_id not in self._row]:
            raise EmbedderError(f"no vector was given for {len(missing)} articles, the first is {missing[0]!r}")
        return self._vectors[[self._row[article_id] for article_id in texts]]

    def save(self, folder: Path) -> list[str]:
        """Nothing to write: the archive's vectors are part of a snapshot already."""
        return []

    def load(self, folder: Path) -> None:
        """Nothing to read."""
