"""What an embedder is."""

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
        """Decides, with the text, about the vector. Empty: vectors are not cached."""
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
        """The text of each article that `encode` reads; equal texts get equal vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Quantised unit vectors, int16 (n, d), of prepared texts."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write what was learned; returns the names of the files."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
