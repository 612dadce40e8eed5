"""Embedders behind one small protocol: sentence-transformers, TF-IDF + SVD, given vectors."""

from __future__ import annotations

from collections.abc import Callable

from recommender.embedders.given import GivenVectors
from recommender.embedders.protocol import Embedder, Encode
from recommender.embedders.sentence import SentenceTransformerEmbedder
from recommender.embedders.tfidf_svd import TfidfSvdEmbedder
from recommender.plugins import plugins
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
    "tfidf": lambda settings: TfidfSvdEmbedder(settings.svd_dim),
    **plugins("embedders"),
}
"""What makes an embedder of the settings, by the name of the model; other names are those of sentence-transformers."""


def make_embedder(settings: EmbeddingSettings) -> Embedder:
    """Make the embedder that the settings name."""
    return EMBEDDERS.get(settings.model, SentenceTransformerEmbedder)(settings)
