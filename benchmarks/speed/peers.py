"""Other ways to the k nearest of every story, and the bare product that none of them can do without.

A peer is a function of unit vectors, float32 (n, d), and k that builds what it needs and returns a search: from rows
to the k nearest of each, int64 (q, k), padded with -1. So building and searching are timed apart, and a peer that is
too slow for all stories is timed on some.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from benchmarks.thirty_lines import related
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Search = Callable[[NDArray[np.int64]], NDArray[np.int64]]
Peer = Callable[[Vectors, int], Search]

_QUERIES, _WIDTH = 1_024, 8_192  # block of a bare product


def faiss_flat(vectors: Vectors, k: int) -> Search:
    """FAISS, IndexFlatIP."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda rows: index.search(vectors[rows], k)[1]


def sentence_transformers(vectors: Vectors, k: int) -> Search:
    """sentence_transformers.util.semantic_search."""
    import torch
    from sentence_transformers import util

    corpus = torch.from_numpy(vectors)

    def search(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        found = util.semantic_search(corpus[rows], corpus, top_k=k, score_function=util.dot_score)
        return np.array([[hit["corpus_id"] for hit in hits] for hits in found], dtype=np.int64)

    return search


def scikit_learn(vectors: Vectors, k: int) -> Search:
    """scikit-learn, NearestNeighbors, brute force by cosine."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(vectors)
    return lambda rows: index.kneighbors(vectors[rows], return_distance=False)


def usearch(vectors: Vectors, k: int) -> Search:
    """USearch, exact."""
    from usearch.index import MetricKind, search

    return lambda rows: np.asarray(search(vectors, vectors[rows], k, MetricKind.IP, exact=True).keys).astype(np.int64)


def faiss_ivf(vectors: Vectors, k: int) -> Search:
    """FAISS, an inverted file of 8-bit codes, of whose lists a query reads a quarter."""
    import faiss

    lists = min(int(2 * len(vectors) ** 0.5), max(len(vectors) // 39, 1))
    index = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.nprobe = max(lists // 4, 1)
    return lambda rows: index.search(vectors[rows], k)[1]


def txtai(vectors: Vectors, k: int) -> Search:
    """Search with the default index of txtai: FAISS, IVF from 5,000 stories on."""
    from txtai.ann import ANNFactory

    index = ANNFactory.create({"backend": "faiss", "dimensions": vectors.shape[1]})
    index.index(vectors)

    def search(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.full((len(rows), k), -1, dtype=np.int64)
        for place, hits in enumerate(index.search(vectors[rows], k)):
            found[place, : len(hits)] = [row for row, _ in hits]
        return found

    return search


def thirty(vectors: Vectors, k: int) -> Search:
    """Search with the script that people write today, from its vectors on."""
    ids = [str(row) for row in range(len(vectors))]

    def search(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        lists = related(ids, vectors, k, rows.tolist())  # without the story itself, which comes first here
        found = [[row, *(int(str(item["id"])) for item in lists[ids[row]])][:k] for row in rows]
        return np.array(found, dtype=np.int64)

    return search


# -- the bare product: blocks of all inner products into one buffer, nothing kept ---------------------------------


def product_numpy(queries: Vectors, block: Vectors) -> Callable[[], object]:
    """NumPy's BLAS."""
    out = np.empty((len(queries), len(block)), dtype=np.float32)
    return lambda: np.matmul(queries, block.T, out=out)


def product_torch(queries: Vectors, block: Vectors) -> Callable[[], object]:
    """torch.mm in float32."""
    return _torch(queries, block, "float32")


def product_torch_bf16(queries: Vectors, block: Vectors) -> Callable[[], object]:
    """torch.mm in bfloat16."""
    return _torch(queries, block, "bfloat16")


def _torch(queries: Vectors, block: Vectors, kind: str) -> Callable[[], object]:
    import torch

    a, b = (torch.from_numpy(part).to(getattr(torch, kind)) for part in (queries, block))
    out = torch.empty((len(a), len(b)), dtype=a.dtype)
    return lambda: torch.mm(a, b.T, out=out)


def product_faiss(queries: Vectors, block: Vectors) -> Callable[[], object]:
    """Multiply with the BLAS inside FAISS, through its linear transform."""
    import faiss

    product = faiss.LinearTransform(block.shape[1], len(block), False)
    faiss.copy_array_to_vector(block.ravel(), product.A)
    product.is_trained = True
    out = np.empty((len(queries), len(block)), dtype=np.float32)
    return lambda: product.apply_noalloc(len(queries), faiss.swig_ptr(queries), faiss.swig_ptr(out))


def product_rate(make: Callable[[Vectors, Vectors], Callable[[], object]], dim: int, seconds: float = 1.0) -> float:
    """Best rate of a product over some seconds, in inner products a second."""
    rng = np.random.default_rng(0)
    queries, block = (rng.standard_normal((size, dim), dtype=np.float32) for size in (_QUERIES, _WIDTH))
    product = make(queries, block)
    product()  # warm: threads started, buffers touched
    best, began = np.inf, time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        product()
        best = min(best, time.perf_counter() - start)
    return _QUERIES * _WIDTH / best
