"""Embedders behind one small protocol: sentence-transformers, TF-IDF + SVD, given vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recommender.embedders.given import GivenVectors
from recommender.embedders.protocol import Embedder, Encode
from recommender.embedders.sentence import SentenceTransformerEmbedder
from recommender.embedders.tfidf_svd import TfidfSvdEmbedder
from recommender.errors import EmbedderError, did_you_mean
from recommender.plugins import names, plugin
from recommender.settings import EmbeddingSettings

__all__ = [
    "EMBEDDERS",
    "Embedder",
    "Encode",
    "GivenVectors",
    "SentenceTransformerEmbedder",
    "TfidfSvdEmbedder",
    "make_embedder",
]


EMBEDDERS: dict[str, Callable[[EmbeddingSettings], Embedder]] = {
    "tfidf": lambda settings: TfidfSvdEmbedder(settings.svd_dim)
}
"""Functions that create an embedder from settings, by the name of the model.

Other names are those of embedders that packages add, or else of sentence-transformers models.
"""


def make_embedder(settings: EmbeddingSettings) -> Embedder:
    """Create the embedder that the settings name."""
    model = settings.model
    make = EMBEDDERS.get(model) or plugin("embedders", model)
    if make is None and not Path(model).exists() and (hint := did_you_mean(model, [*EMBEDDERS, *names("embedders")])):
        raise EmbedderError(f"embedding.model is {model!r}, and there is no such folder{hint}")
    embedder: Embedder = (make or SentenceTransformerEmbedder)(settings)
    return embedder
