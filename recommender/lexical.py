"""TF-IDF over the whole text: unit rows, so that a product is a cosine."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

_BLOCK = 32  # queries spread out together: their columns stay in the processor's cache


class Tfidf:
    """Sublinear TF-IDF with English stop words, fitted on an archive and then frozen.

    Terms that the archive never used are ignored in later stories. Rows have unit length:
    ``(1 + log tf) * (log((1 + n) / (1 + df)) + 1)``, scikit-learn's `TfidfVectorizer`.

    Parameters
    ----------
    terms : sequence of str
    idf : ndarray of float32, shape (v,)

    Examples
    --------
    >>> model, matrix = Tfidf.fit(["ferry aground", "ferry fares"])
    >>> model.terms, matrix.shape
    (['aground', 'fares', 'ferry'], (2, 3))
    """

    def __init__(self, terms: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.terms, self.idf = list(terms), idf

    @cached_property
    def _vectorizer(self) -> Any:
        """Made when a text comes in: stories of the archive need no scikit-learn."""
        found = _vectorizer(vocabulary={term: i for i, term in enumerate(self.terms)})
        found.idf_ = self.idf
        return found

    @property
    def stories(self) -> float:
        """Size of the archive it was fitted on, as its rarest term tells."""
        return float(2 * np.exp(self.idf.max(initial=0) - 1) - 1)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> tuple[Tfidf, sp.csr_matrix]:
        """Fit on texts and return the model with their rows, float32 (n, v)."""
        vectorizer = _vectorizer()
        try:
            matrix = vectorizer.fit_transform(texts)
        except ValueError:  # no text holds a single term
            return cls([], np.zeros(0, np.float32)), sp.csr_matrix((len(texts), 0), dtype=np.float32)
        terms = vectorizer.get_feature_names_out().tolist()
        return cls(terms, vectorizer.idf_.astype(np.float32)), _sorted(matrix)

    def transform(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Rows of further texts, float32 (n, v), under the frozen vocabulary."""
        if not self.terms or not len(texts):
            return sp.csr_matrix((len(texts), len(self.terms)), dtype=np.float32)
        return _sorted(self._vectorizer.transform(texts))

    def save(self, folder: Path, name: str) -> list[str]:
        """Write the model; returns the names of its files."""
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink:
            table = pa.table({"term": pa.array(self.terms, pa.string()), "idf": self.idf})
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        return [f"{name}.arrow"]

    @classmethod
    def load(cls, folder: Path, name: str) -> Tfidf:
        """Read what `save` wrote."""
        with pa.memory_map(str(folder / f"{name}.arrow")) as source:
            table = pa.ipc.open_file(source).read_all()
        return cls(table["term"].to_pylist(), table["idf"].to_numpy())


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, stop_words="english", strip_accents=None, dtype=np.float32, **options)


def _sorted(matrix: Any) -> sp.csr_matrix:
    matrix = sp.csr_matrix(matrix, dtype=np.float32)
    matrix.sort_indices()
    return matrix


def pair_products(
    queries: sp.csr_matrix, candidates: sp.csr_matrix, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Every shared term of every (query, candidate) pair.

    Parameters
    ----------
    queries : csr_matrix, shape (q, v)
    candidates : csr_matrix, shape (n, v)
    rows : ndarray of int64, shape (q, c)
        Candidate rows; -1 = none.

    Returns
    -------
    pair : ndarray of int64, shape (m,)
        Place in `rows.ravel()`, ascending.
    term : ndarray of int32, shape (m,)
    product : ndarray of float32, shape (m,)
        The term's part of the cosine, above 0.
    """
    parts = [
        _pair_products(queries[start : start + _BLOCK], candidates, rows[start : start + _BLOCK], start * rows.shape[1])
        for start in range(0, max(len(rows), 1), _BLOCK)
    ]
    pair, term, product = (np.concatenate(part) for part in zip(*parts, strict=True))
    return pair, term, product


def _pair_products(
    queries: sp.csr_matrix, candidates: sp.csr_matrix, rows: NDArray[np.int64], offset: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    flat = rows.ravel()
    place = np.flatnonzero(flat >= 0)
    if not len(place) or not queries.nnz:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    some = candidates[flat[place]]
    # only the columns that occur in the queries are spread out, with an empty last one for the rest
    columns, column = np.unique(queries.indices, return_inverse=True)
    width = len(columns) + 1
    spread = np.zeros(queries.shape[0] * width, dtype=np.float32)
    lengths = np.diff(queries.indptr)
    spread[np.repeat(np.arange(len(lengths)) * width, lengths) + column] = queries.data
    slot = np.full(queries.shape[1], width - 1, dtype=np.int32)
    slot[columns] = np.arange(width - 1, dtype=np.int32)
    per_pair = np.diff(some.indptr)
    at = np.repeat((place // rows.shape[1] * width).astype(np.int32), per_pair)
    at += slot[some.indices]
    product = spread[at] * some.data
    shared = np.flatnonzero(product)
    return np.repeat(place + offset, per_pair)[shared], some.indices[shared], product[shared]


def cosines(queries: sp.csr_matrix, candidates: sp.csr_matrix, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """TF-IDF cosine of each query with each of its candidates, float32 (q, c); 0 where `rows` is -1."""
    pair, _, product = pair_products(queries, candidates, rows)
    sums = np.bincount(pair, weights=product, minlength=rows.size)
    return sums.reshape(rows.shape).astype(np.float32)


def sketch_columns(terms: Sequence[str], width: int) -> sp.csr_matrix:
    """A signed column of `width` for each term, by a hash of its letters; csr_matrix (v, width).

    The product of TF-IDF rows with it is a count sketch (Charikar, Chen & Farach-Colton, 2002): inner products keep
    their expectation, with a standard deviation of about ``width ** -0.5``.
    """
    hashed = np.array([zlib.crc32(term.encode()) for term in terms], dtype=np.int64)
    sign = np.where(hashed >> 31, 1, -1).astype(np.float32)
    return sp.csr_matrix((sign, hashed % width, np.arange(len(terms) + 1)), shape=(len(terms), width))


def term_frequencies(tfidf: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """TF-IDF rows without their IDF: unit rows of ``1 + log tf``, which mean the same in every archive."""
    plain = tfidf.data / idf[tfidf.indices]
    lengths = np.diff(tfidf.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    norm = np.sqrt(np.bincount(row, weights=plain.astype(np.float64) ** 2, minlength=len(lengths)))
    data = (plain / norm[row]).astype(np.float32)
    return sp.csr_matrix((data, tfidf.indices, tfidf.indptr), shape=tfidf.shape, copy=False)


def row_cosines(
    left: sp.csr_matrix, right: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Products of unit rows `left[a]` and `right[b]`, float64 (m,)."""
    return np.asarray(left[a].multiply(right[b]).sum(axis=1), dtype=np.float64).ravel()


def by_rarity(terms: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """Which terms each row uses, the rarest term in the first column; for `rarest_shared`."""
    order = np.argsort(-idf, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    data = np.sqrt(idf[terms.indices])  # the product of two is the IDF again
    found = sp.csr_matrix((data, place[terms.indices], terms.indptr), shape=terms.shape)
    found.sort_indices()
    return found


def rarest_shared(
    left: sp.csr_matrix, right: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Mean IDF of the `count` rarest terms that rows `left[a]` and `right[b]` share, float64 (m,); 0 for each missing.

    Both matrices come from `by_rarity`.
    """
    shared = left[a].multiply(right[b]).tocsr()
    shared.sort_indices()
    nth = np.arange(shared.nnz) - np.repeat(shared.indptr[:-1], np.diff(shared.indptr))
    first = nth < count
    row = np.repeat(np.arange(len(a)), np.diff(shared.indptr))[first]
    return np.bincount(row, weights=shared.data[first].astype(np.float64), minlength=len(a)) / count
