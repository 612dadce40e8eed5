"""Baselines, behind the interface of evaluated systems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.sentence_loops import mix
from recommender.articles.text import whole_texts
from recommender.embedders import SentenceTransformerEmbedder
from recommender.embedders.cache import VectorCache
from recommender.evaluation.systems.system import Ranking, System
from recommender.features.vectors import SCALE
from recommender.settings import EmbeddingSettings

_BLOCK = 256  # stories scored against all others at a time


class Scorer(ABC):
    """A system that scores all its articles under each story; a list is the head of the ranking.

    Equal scores are in the order in which the stories were given.
    """

    about = ""
    trained_on: tuple[str, ...] = ()
    least = 0.0  # the score that items must exceed: a similarity of 0 is no relation

    def __init__(self, name: str, cache: Path | None = None) -> None:
        self.name, self.cache = name, cache

    def fit(self, articles: pa.Table, links: pa.Table | None = None) -> None:
        self.articles = articles
        self.learn(articles)

    def add(self, articles: pa.Table) -> None:
        self.articles = pa.concat_tables([self.articles, articles])
        self.extend(articles)

    @abstractmethod
    def learn(self, articles: pa.Table) -> None:
        """Fit on these stories, which can then be ranked."""

    @abstractmethod
    def extend(self, articles: pa.Table) -> None:
        """Add stories, which can then be ranked."""

    @abstractmethod
    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        """Score all articles under each story, (q, n)."""

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        ranking = Ranking.empty(len(stories), depth)
        ids = self.articles["id"].combine_chunks()
        for start in range(0, len(stories), _BLOCK):
            block = stories.slice(start, _BLOCK)
            scores = self.scores(block)
            own_column = pc.index_in(block["id"].combine_chunks(), ids).fill_null(-1).to_numpy()
            known = np.flatnonzero(own_column >= 0)
            scores[known, own_column[known]] = -np.inf
            order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
            best = np.take_along_axis(scores, order, axis=1)
            is_item = best > self.least
            sources = np.where(is_item, "related", "").astype(object)
            items = Ranking(np.where(is_item, order, -1), np.where(is_item, best, np.nan), sources)
            ranking.put(slice(start, start + len(block)), items)
        return ranking

    def lists(self, stories: pa.Table, k: int) -> Ranking:
        return self.rank(stories, k)

    def relevance(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64] | None:
        stories, index = np.unique(a, return_inverse=True)
        relevance = np.zeros(len(a))
        for start in range(0, len(stories), _BLOCK):
            scores = self.scores(self.articles.take(pa.array(stories[start : start + _BLOCK])))
            pairs = np.flatnonzero((index >= start) & (index < start + _BLOCK))
            relevance[pairs] = scores[index[pairs] - start, b[pairs]]
        return relevance


class Random(Scorer):
    """Random order; the score of a story and an item does not depend on other stories."""

    about = "random order"
    least = -1.0

    def learn(self, articles: pa.Table) -> None:
        self._codes = np.zeros(0, dtype=np.uint64)
        self.extend(articles)

    def extend(self, articles: pa.Table) -> None:
        self._codes = np.concatenate([self._codes, _codes(articles)])

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        mixed = mix(_codes(stories)[:, None] ^ (self._codes * np.uint64(0x9E3779B97F4A7C15))[None, :])
        return np.asarray((mixed >> np.uint64(11)) / 2.0**53)


def _codes(articles: pa.Table) -> NDArray[np.uint64]:
    digests = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in articles["id"].to_pylist())
    return np.frombuffer(digests, dtype=np.uint64)


class Recent(Scorer):
    """The newest stories first, undated ones last."""

    about = "the newest stories"
    least = -np.inf

    def learn(self, articles: pa.Table) -> None:
        self.extend(articles)

    def extend(self, articles: pa.Table) -> None:
        published = Catalog(self.articles, np.ones(len(self.articles), dtype=bool), 0).published
        years = published / (365.25 * 86_400e6)  # since 1970
        self.years = np.where(published == UNDATED, -3_000.0, years)  # before the first year that a date can have

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        return np.tile(self.years, (len(stories), 1))


class SameSection(Recent):
    """Stories of the same section first, then all others, each by date."""

    about = "the newest of the story's section, then the newest"

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        sections = self.articles["section"].combine_chunks()
        is_same = [
            pc.fill_null(pc.equal(sections, section), False).to_numpy(zero_copy_only=False)
            for section in stories["section"]
        ]
        mask = np.array(is_same, dtype=bool).reshape(len(stories), len(sections))
        return np.where(mask, 6_000.0, 0.0) + self.years  # more than lies between any two years


class Vectors(Scorer):
    """The cosine of vectors."""

    def learn(self, articles: pa.Table) -> None:
        self.matrix = self.represent(articles)

    def extend(self, articles: pa.Table) -> None:
        parts = [self.matrix, self.represent(articles)]
        self.matrix = sp.vstack(parts, format="csr") if sp.issparse(self.matrix) else np.concatenate(parts)

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        product = self.represent(stories) @ self.matrix.T
        # Rounded, so that equal texts have equal scores in whatever order their products were summed.
        return np.asarray(product.toarray() if sp.issparse(product) else product, dtype=np.float64).round(6)

    @abstractmethod
    def represent(self, articles: pa.Table) -> Any:
        """Return the unit vectors of stories, array or csr_matrix (n, d)."""


class TfidfCosine(Vectors):
    """scikit-learn's TF-IDF over the whole text: sublinear, English stop words."""

    about = "TF-IDF over the whole text (scikit-learn)"

    def learn(self, articles: pa.Table) -> None:
        self._model = _tfidf(_texts(articles))
        super().learn(articles)

    def represent(self, articles: pa.Table) -> Any:
        texts = _texts(articles)
        return sp.csr_matrix((len(texts), 0)) if self._model is None else self._model.transform(texts)


class TfidfSvd(TfidfCosine):
    """TF-IDF reduced to 128 dimensions (latent semantic analysis; Deerwester et al. 1990)."""

    about = "TF-IDF + SVD, 128 dimensions (scikit-learn)"

    def learn(self, articles: pa.Table) -> None:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import Normalizer

        super().learn(articles)
        width = min(128, *(size - 1 for size in self.matrix.shape))
        if width < 1:  # one story or one term: nothing to reduce
            return
        reduced = TruncatedSVD(width, random_state=0)
        with np.errstate(invalid="ignore"):  # equal stories have no variance to explain
            reduced.fit(self.matrix)
        self._model = make_pipeline(self._model, reduced, Normalizer(copy=False))
        self.matrix = self.represent(articles)


class Bm25(Scorer):
    """BM25 of the whole story as a query (Robertson & Zaragoza 2009; bm25s with its defaults)."""

    about = "BM25, the whole story as the query (bm25s)"

    def learn(self, articles: pa.Table) -> None:
        self._tokens: list[list[str]] = []
        self.extend(articles)

    def extend(self, articles: pa.Table) -> None:
        self._tokens += _tokens(articles)
        self._index: Any = None  # built at the next query, since bm25s cannot add documents

    def scores(self, stories: pa.Table) -> NDArray[np.float64]:
        import bm25s

        if self._index is None:
            self._document_frequency = Counter(token for tokens in self._tokens for token in set(tokens))
            self._index = bm25s.BM25()
            if self._document_frequency:
                self._index.index(self._tokens, show_progress=False)
        scores = np.zeros((len(stories), len(self._tokens)))
        for row, tokens in enumerate(_tokens(stories)):
            query = self._query([token for token in tokens if token in self._document_frequency])
            if query:
                scores[row] = self._index.get_scores(query)
        return scores

    def _query(self, tokens: list[str]) -> list[str]:
        return tokens


class MoreLikeThis(Bm25):
    """BM25 of the story's 25 terms with the greatest TF x IDF, as in `more_like_this` of Elasticsearch.

    Its lower limits on term and document frequency are left out: they suit long documents in large archives.
    """

    about = "BM25 of the story's 25 strongest terms (as more_like_this)"

    def _query(self, tokens: list[str]) -> list[str]:
        frequency, n = self._document_frequency, len(self._tokens)
        weights = {
            token: count * float(np.log(1 + (n - frequency[token] + 0.5) / (frequency[token] + 0.5)))
            for token, count in Counter(tokens).items()
        }
        return sorted(weights, key=lambda token: (-weights[token], token))[:25]


class MiniLm(Vectors):
    """The cosine of the default embedder: title and first 64 tokens."""

    about = "MiniLM, title and first 64 tokens"

    def __init__(self, name: str, cache: Path | None = None) -> None:
        super().__init__(name, cache)
        self._embedder = SentenceTransformerEmbedder(EmbeddingSettings())

    def represent(self, articles: pa.Table) -> Any:
        texts = self._embedder.prepare(articles)
        if self.cache is None:
            vectors = self._embedder.encode(texts)
        else:
            vectors, _ = VectorCache(self.cache).vectors(
                texts, self._embedder.fingerprint, partial(map, self._embedder.encode)
            )
        return vectors.astype(np.float32) / SCALE


class SemanticSearch(Vectors):
    """sentence-transformers as its manual says: `encode` of title and text, then `util.semantic_search`."""

    about = "sentence-transformers encode + semantic_search, title and text"

    def __init__(self, name: str, cache: Path | None = None) -> None:
        super().__init__(name, cache)
        # As many tokens as the model can read, in the default precision of sentence-transformers.
        self._embedder = SentenceTransformerEmbedder(EmbeddingSettings(tokens=256, precision="float32"))
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def represent(self, articles: pa.Table) -> Any:
        texts = _texts(articles)
        missing = sorted({text for text in texts if text not in self._vectors}, key=len)
        if missing:
            encoded = self._embedder.model.encode(missing, normalize_embeddings=True, show_progress_bar=False)
            self._vectors.update(zip(missing, encoded, strict=True))
        return np.array([self._vectors[text] for text in texts], dtype=np.float32)

    def rank(self, stories: pa.Table, depth: int) -> Ranking:
        from sentence_transformers import util

        ranking = Ranking.empty(len(stories), depth)
        hits = util.semantic_search(self.represent(stories), self.matrix, top_k=min(depth + 1, len(self.articles)))
        ids = self.articles["id"].to_pylist()
        for row, (story, story_hits) in enumerate(zip(stories["id"].to_pylist(), hits, strict=True)):
            items = [hit for hit in story_hits if hit["score"] > self.least and ids[hit["corpus_id"]] != story][:depth]
            ranking.rows[row, : len(items)] = [hit["corpus_id"] for hit in items]
            ranking.scores[row, : len(items)] = [hit["score"] for hit in items]
            ranking.sources[row, : len(items)] = "related"
        return ranking


def _tfidf(texts: list[str]) -> Any:
    """Fit a TfidfVectorizer; None if no text has a term."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    try:
        return model.fit(texts)
    except ValueError:
        return None


def _texts(articles: pa.Table) -> list[str]:
    return [text for block in whole_texts(articles) for text in block.to_pylist()]


def _tokens(articles: pa.Table) -> list[list[str]]:
    import bm25s

    tokens: list[list[str]] = bm25s.tokenize(_texts(articles), stopwords="en", return_ids=False, show_progress=False)
    return tokens


BASELINES: dict[str, Callable[[str, Path | None], System]] = {
    "random": Random,
    "recent": Recent,
    "section": SameSection,
    "tfidf": TfidfCosine,
    "tfidf-svd": TfidfSvd,
    "bm25": Bm25,
    "more-like-this": MoreLikeThis,
    "minilm": MiniLm,
    "semantic-search": SemanticSearch,
}
