"""The protocol of embedders, which turn the texts of stories into vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Encode: TypeAlias = Callable[[Iterable[Sequence[str]]], Iterable[NDArray[np.int16]]]
"""A function from batches of prepared texts to their vectors, in order, such as ``partial(map, embedder.encode)``."""


class Embedder(Protocol):
    """Converts texts to vectors."""

    @property
    def fingerprint(self) -> str:
        """Name of everything that, with the text, determines the vector. Empty: vectors are not cached."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """Two-letter codes that the model knows; None = any."""
        ...

    @property
    def calibration(self) -> str:
        """Name under which `related_at` is calibrated for this embedder."""
        ...

    def fit(self, articles: pa.Table) -> None:
        """Learn from the archive what the embedder needs; most need nothing."""

    def prepare(self, articles: pa.Table) -> list[str]:
        """Return the text of each article that `encode` reads; equal texts get equal vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Encode prepared texts as quantised unit vectors, int16 (n, d)."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write what was learned, and return the names of the files."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""


def vector_space(embedder: Embedder) -> str:
    """Return the name of the space of comparable vectors: an embedder's `space`, else its fingerprint.

    A ranker needs vectors of the space that it was trained in. Rounding on other machines does not matter to it, though
    vectors of two machines never mix in a cache.

    Examples
    --------
    >>> from recommender.embedders import TfidfSvdEmbedder
    >>> vector_space(TfidfSvdEmbedder(64))
    'tfidf-svd-64'
    """
    return str(getattr(embedder, "space", "")) or embedder.fingerprint


def is_of_words(embedder: Embedder) -> bool:
    """Check whether the vectors are made of the words of the stories alone, as the embedder's `of_words` says."""
    return bool(getattr(embedder, "of_words", False))
