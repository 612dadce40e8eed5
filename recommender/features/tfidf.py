"""TF-IDF over the whole text: unit rows, so that a product is a cosine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.columns import whole
from recommender.features import loops
from recommender.features.tokens import Counts, count_terms


class Tfidf:
    """Sublinear TF-IDF with English stop words, fitted on an archive and then frozen.

    Terms that the archive never used are ignored in later stories. Rows have unit length:
    ``(1 + log tf) * (log((1 + n) / (1 + df)) + 1)``, the same numbers as scikit-learn's `TfidfVectorizer`.

    Parameters
    ----------
    terms : sequence of str, or pyarrow.StringArray
    idf : ndarray of float32, shape (v,)
    stories : int
        Size of the archive it was fitted on.

    Examples
    --------
    >>> model, matrix = Tfidf.fit(["ferry aground", "ferry fares"])
    >>> model.terms, matrix.shape
    (['aground', 'fares', 'ferry'], (2, 3))
    """

    def __init__(self, terms: Sequence[str] | pa.StringArray, idf: NDArray[np.float32], stories: int) -> None:
        self.names = terms if isinstance(terms, pa.StringArray) else pa.array(terms, pa.string())
        self.idf = idf
        self.stories = stories

    @cached_property
    def terms(self) -> list[str]:
        """The vocabulary, in order."""
        return list(self.names.to_pylist())

    @property
    def shared(self) -> NDArray[np.bool_]:
        """Terms that more than one story of the archive uses, (v,)."""
        return np.asarray((self.stories + 1) / np.exp(self.idf.astype(np.float64) - 1) > 2.5)  # one more than stories

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the stories it was fitted on that use each term, (v,)."""
        found = (self.stories + 1) / np.exp(self.idf.astype(np.float64) - 1) - 1
        return np.asarray(found.round() / max(self.stories, 1))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, texts: Iterable[pa.Array] | Sequence[str]) -> tuple[Tfidf, sp.csr_matrix]:
        """Fit on texts, or blocks of them, and return the model with their rows, float32 (n, v)."""
        place: dict[str, int] = {}  # in the order of appearance
        blocks: deque[Counts] = deque()
        for block in count_terms(texts):
            seen = np.array([place.setdefault(term, len(place)) for term in block.terms], dtype=np.int32)
            blocks.append(replace(block, terms=[], term=seen[block.term]))
        size = sum(len(block.lengths) for block in blocks)
        if not place:
            return cls([], np.zeros(0, np.float32), size), sp.csr_matrix((size, 0), dtype=np.float32)
        names = pa.array(place, pa.large_string())
        order = pc.sort_indices(names).to_numpy()
        alphabetical = np.empty(len(order), dtype=np.int32)
        alphabetical[order] = np.arange(len(order), dtype=np.int32)
        used = np.zeros(len(order), dtype=np.int64)
        for block in blocks:
            used += np.bincount(block.term, minlength=len(order))
        idf = np.log(np.float32(size + 1) / (used[order] + 1).astype(np.float32)) + np.float32(1)
        model = cls(names.take(pa.array(order)).cast(pa.string()), idf, size)
        nnz = sum(len(block.term) for block in blocks)
        matrix = _empty(size, len(order), nnz)
        row = at = 0
        while blocks:  # each is let go as its rows are written: never two copies
            block = blocks.popleft()
            row, at = model._write(replace(block, term=alphabetical[block.term]), matrix, row, at)
        return model, matrix

    def transform(self, texts: Iterable[pa.Array] | Sequence[str]) -> sp.csr_matrix:
        """Make rows of further texts, float32 (n, v), under the frozen vocabulary; the same as `fit` gave a text."""
        parts = []
        for block in count_terms(texts):
            known = np.array([self._place.get(term, -1) for term in block.terms], dtype=np.int32)[block.term]
            held = known >= 0
            lengths = np.bincount(block.row[held], minlength=len(block.lengths))
            block = replace(block, lengths=lengths, term=known[held], count=block.count[held])
            part = _empty(len(lengths), len(self.names), len(block.term))
            self._write(block, part, 0, 0)
            parts.append(part)
        return sp.vstack(parts, format="csr", dtype=np.float32) if parts else _empty(0, len(self.names), 0)

    def _write(self, block: Counts, matrix: sp.csr_matrix, row: int, at: int) -> tuple[int, int]:
        """Weigh counts by place of the term into a matrix from `row` on; gives where the next ones start."""
        rows = block.row
        order = np.argsort(rows * len(self.names) + block.term)  # rows stay where they are
        term = block.term[order]
        weight = np.log(block.count[order].astype(np.float32)) + np.float32(1)
        weight *= self.idf[term]
        # squares in float32, sums in float64: as scikit-learn does
        norm = np.sqrt(np.bincount(rows, weights=weight * weight, minlength=len(block.lengths)))
        end, last = at + len(term), row + len(block.lengths)
        matrix.data[at:end], matrix.indices[at:end] = weight / norm[rows], term
        matrix.indptr[row + 1 : last + 1] = at + np.cumsum(block.lengths)
        return last, end

    def save(self, folder: Path, name: str) -> list[str]:
        """Write the model; returns the names of its files."""
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink:
            table = pa.table({"term": self.names, "idf": self.idf}, metadata={"stories": str(self.stories)})
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        return [f"{name}.arrow"]

    @classmethod
    def load(cls, folder: Path, name: str) -> Tfidf:
        """Read what `save` wrote."""
        with pa.memory_map(str(folder / f"{name}.arrow")) as source:
            table = pa.ipc.open_file(source).read_all()
        return cls(whole(table["term"]), table["idf"].to_numpy(), int(table.schema.metadata[b"stories"]))


def _empty(rows: int, terms: int, nnz: int) -> sp.csr_matrix:
    whole = np.int32 if nnz < np.iinfo(np.int32).max else np.int64
    parts = np.empty(nnz, np.float32), np.empty(nnz, whole), np.zeros(rows + 1, whole)
    matrix = sp.csr_matrix((rows, terms), dtype=np.float32)
    matrix.data, matrix.indices, matrix.indptr = parts  # filled in by `_write`
    return matrix


def cosines(queries: sp.csr_matrix, candidates: sp.csr_matrix, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Compute the TF-IDF cosine of each query with each of its candidates, float32 (q, c); 0 where `rows` is -1.

    The products are rounded to float32 and added in float64 in the order of the terms.
    """
    found = np.empty(rows.shape, dtype=np.float32)
    loops.sparse_cosines(
        len(rows), *_parts(queries), *_parts(candidates), np.ascontiguousarray(rows), queries.shape[1], found
    )
    return found


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)


def term_frequencies(tfidf: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """Take the IDF out of TF-IDF rows: unit rows of ``1 + log tf`` mean the same in every archive."""
    plain = tfidf.data / idf[tfidf.indices]
    lengths = np.diff(tfidf.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    norm = np.sqrt(np.bincount(row, weights=plain.astype(np.float64) ** 2, minlength=len(lengths)))
    data = (plain / norm[row]).astype(np.float32)
    return sp.csr_matrix((data, tfidf.indices, tfidf.indptr), shape=tfidf.shape, copy=False)


def row_cosines(
    left: sp.csr_matrix, right: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Multiply unit rows `left[a]` and `right[b]`, float64 (m,), rounded and added as by `cosines`.

    Indices ascend within each row.
    """
    found = np.empty(len(a), dtype=np.float64)
    loops.row_cosines(len(a), *_parts(left), *_parts(right), a, b, found)
    return found


def heaviest_shared(
    left: sp.csr_matrix,
    right: sp.csr_matrix,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    count: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the terms with the greatest parts in the cosines of rows `left[a]` and `right[b]`.

    Parameters
    ----------
    wanted : ndarray of bool, shape (v,)
        The only terms that count.
    count : int

    Returns
    -------
    terms : ndarray of int32, shape (m, count)
        The heaviest first, equal ones ascending; -1 = none.
    products : ndarray of float32, shape (m, count)
    """
    terms = np.empty((len(a), count), dtype=np.int32)
    products = np.empty((len(a), count), dtype=np.float32)
    loops.heaviest_shared(len(a), *_parts(left), *_parts(right), a, b, wanted, terms, products)
    return terms, products
