"""The protocol of embedders, which turn the texts of stories into vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Encode: TypeAlias = Callable[[Iterable[Sequence[str]]], Iterable[NDArray[np.int16]]]
"""Batches of prepared texts to their vectors, in order; ``partial(map, embedder.encode)`` here, or elsewhere."""


class Embedder(Protocol):
    """Text to vector."""

    @property
    def fingerprint(self) -> str:
        """Name of all that decides, with the text, about the vector. Empty: vectors are not cached."""
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
        """Give the text of each article that `encode` reads; equal texts get equal vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Encode prepared texts as quantised unit vectors, int16 (n, d)."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write what was learned; returns the names of the files."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""


def vector_space(embedder: Embedder) -> str:
    """Name what makes vectors comparable, whatever the machine: an embedder's `space`, else its fingerprint.

    A ranker goes with the vectors that it was trained with. How a machine rounds them does not matter to it, though
    vectors of two machines never mix in a cache.

    Examples
    --------
    >>> from recommender.embedders import TfidfSvdEmbedder
    >>> vector_space(TfidfSvdEmbedder(64))
    'tfidf-svd-64'
    """
    return str(getattr(embedder, "space", "")) or embedder.fingerprint


def is_of_words(embedder: Embedder) -> bool:
    """Say whether vectors hold the words of the stories and nothing else, as an embedder's `of_words` tells."""
    return bool(getattr(embedder, "of_words", False))
