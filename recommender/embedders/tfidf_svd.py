"""Vectors without a model: TF-IDF of the words, reduced to a few dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.text import whole_texts
from recommender.errors import EmbedderError
from recommender.features.vectors import quantise

if TYPE_CHECKING:
    from recommender.features.tfidf import Tfidf


class TfidfSvdEmbedder:
    """Embeds texts by TF-IDF and a truncated SVD fitted on the archive: without a model, in any language.

    Parameters
    ----------
    dim : int, default 128
        Dimensions; fewer where the archive has fewer stories or terms.
    """

    fingerprint = ""  # no cache: vectors depend on the archive, and are cheap
    languages: frozenset[str] | None = None
    calibration = "tfidf"
    of_words = True

    def __init__(self, dim: int = 128) -> None:
        self.dim = dim
        self.space = f"tfidf-svd-{dim}"
        self._tfidf: Tfidf | None = None
        self._components = np.zeros((0, 0), dtype=np.float32)

    def fit(self, articles: pa.Table) -> None:
        """Fit the vocabulary and the decomposition."""
        from sklearn.decomposition import TruncatedSVD

        from recommender.features.tfidf import Tfidf

        self._tfidf, matrix = Tfidf.fit(self.prepare(articles))
        dim = min(self.dim, *(size - 1 for size in matrix.shape))
        if dim < 1:  # one story or one term: nothing to decompose
            self._components = np.ones((1, matrix.shape[1]), dtype=np.float32)
        else:
            svd = TruncatedSVD(dim, algorithm="randomized", n_iter=7, random_state=0)
            with np.errstate(invalid="ignore", divide="ignore"):  # equal stories have no variance to explain
                svd.fit(matrix)
            self._components = svd.components_.astype(np.float32)

    def prepare(self, articles: pa.Table) -> list[str]:
        """Return title, lead and body, joined."""
        return [text for block in whole_texts(articles) for text in block.to_pylist()]

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Compute unit vectors in the space of the fitted components."""
        if self._tfidf is None:
            raise EmbedderError("the tfidf embedder is fitted on an archive: call fit first")
        return quantise(self._tfidf.transform(texts) @ self._components.T.astype(np.float64))

    def save(self, folder: Path) -> list[str]:
        """Write vocabulary and components."""
        assert self._tfidf is not None
        np.save(folder / "svd.npy", self._components)
        return [*self._tfidf.save(folder, "svd_terms"), "svd.npy"]

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        from recommender.features.tfidf import Tfidf  # imports SciPy

        self._tfidf = Tfidf.load(folder, "svd_terms")
        self._components = np.load(folder / "svd.npy", allow_pickle=False)
