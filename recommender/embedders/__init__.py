"""Embedders behind one small protocol: sentence-transformers, TF-IDF + SVD, given vectors."""

from __future__ import annotations

from recommender.embedders.given import GivenVectors
from recommender.embedders.protocol import Embedder, Encode
from recommender.embedders.sentence import SentenceTransformerEmbedder
from recommender.embedders.tfidf_svd import TfidfSvdEmbedder
from recommender.settings import EmbeddingSettings

__all__ = ["Embedder", "Encode", "GivenVectors", "SentenceTransformerEmbedder", "TfidfSvdEmbedder", "make_embedder"]


def make_embedder(settings: EmbeddingSettings) -> Embedder:
    """The embedder that the settings name."""
    if settings.model == "tfidf":
        return TfidfSvdEmbedder(settings.svd_dim)
    return SentenceTransformerEmbedder(settings)
