"""An embedder that looks up vectors of the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.errors import EmbedderError
from recommender.features.vectors import quantise


class GivenVectors:
    """Looks up vectors that the caller made.

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
        sizes = {np.shape(vector) for vector in vectors.values()}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise EmbedderError(f"vectors of shapes {sorted(sizes)[:4]} were given; expected one shape (d,) for all")
        stacked = np.asarray(list(vectors.values()), dtype=np.float64)
        if not np.isfinite(stacked).all():
            bad = list(vectors)[int(np.flatnonzero(~np.isfinite(stacked).all(axis=1))[0])]
            raise EmbedderError(f"the vector of {bad!r} holds NaN or infinity")
        self._set(list(vectors), quantise(stacked))

    @classmethod
    def aligned(cls, ids: Sequence[str] | pa.Array | pa.ChunkedArray, vectors: NDArray[np.int16]) -> Self:
        """Create the embedder from vectors in the order of their ids, such as a memory-mapped file, without a copy.

        Parameters
        ----------
        ids : sequence of str, or pyarrow array of strings, length n
            Each once.
        vectors : ndarray of int16, shape (n, d)
            As `recommender.features.vectors.quantise` or `Recommender.vectors` has them.

        Raises
        ------
        EmbedderError
            If there are not as many ids as vectors, or none, an id comes twice, or the vectors are not int16.

        Examples
        --------
        >>> GivenVectors.aligned(["b", "a"], quantise(np.array([[0.0, 1.0], [1.0, 0.0]]))).encode(["a"]).tolist()
        [[4064, 0]]
        """
        if vectors.ndim != 2 or vectors.dtype != np.int16:
            raise EmbedderError(
                f"vectors of shape {vectors.shape} and type {vectors.dtype} were given; expected int16 (n, d), "
                "as recommender.features.vectors.quantise makes them"
            )
        if len(ids) != len(vectors) or not len(ids):
            raise EmbedderError(f"{len(ids):,} ids and {len(vectors):,} vectors were given; expected as many of each")
        given = cls.__new__(cls)
        given._set(ids, vectors)
        return given

    def _set(self, ids: Sequence[str] | pa.Array | pa.ChunkedArray, vectors: NDArray[np.int16]) -> None:
        """Keep the ids sorted for bisection, as fixed-width bytes, which need a tenth of a dict's memory."""
        names = _encode_ids(ids)
        self._order = np.argsort(names, kind="stable")
        self._names = names[self._order]
        self._vectors = vectors
        repeated = np.flatnonzero(self._names[1:] == self._names[:-1])
        if len(repeated):
            raise EmbedderError(f"the id {self._names[repeated[0]].decode()!r} comes twice")

    @property
    def space(self) -> str:
        """Name of the vector space: given vectors of one length are taken to come from one model."""
        return f"given-{self._vectors.shape[1]}"

    def fit(self, articles: pa.Table) -> None:
        """Learn nothing: the vectors are given."""

    def prepare(self, articles: pa.Table) -> list[str]:
        """Return the ids, by which `encode` finds the vectors."""
        return list(articles["id"].to_pylist())

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Return the vectors of these ids, without a copy where their rows are consecutive."""
        names = _encode_ids(texts)
        index = np.minimum(np.searchsorted(self._names, names), len(self._names) - 1)
        missing = np.flatnonzero(self._names[index] != names)
        if len(missing):
            raise EmbedderError(f"no vector was given for {len(missing)} articles, the first is {texts[missing[0]]!r}")
        rows = self._order[index]
        is_consecutive = len(rows) > 0 and bool((np.diff(rows) == 1).all())
        return np.asarray(self._vectors[rows[0] : rows[-1] + 1] if is_consecutive else self._vectors[rows])

    def save(self, folder: Path) -> list[str]:
        """Write nothing: the archive's vectors are part of a saved archive already."""
        return []

    def load(self, folder: Path) -> None:
        """Read nothing: the vectors are part of a saved archive."""


def _encode_ids(ids: Sequence[str] | pa.Array | pa.ChunkedArray) -> NDArray[np.bytes_]:
    """Encode ids as fixed-width UTF-8, which sorts and compares as text does."""
    array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids, pa.large_string())
    return np.asarray(array.cast(pa.large_binary()).to_numpy(zero_copy_only=False), dtype=np.bytes_)
