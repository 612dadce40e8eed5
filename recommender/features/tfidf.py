"""TF-IDF over the whole text: unit rows, so that a product is a cosine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.columns import as_array, map_table, write_table
from recommender.features import loops
from recommender.features.tokens import Counts, count_terms


class Tfidf:
    """Sublinear TF-IDF with English stop words, fitted on an archive and then frozen.

    Terms that the archive never used are ignored in later stories. Rows have unit length:
    ``(1 + log tf) * (log((1 + n) / (1 + df)) + 1)``, the same numbers as scikit-learn's `TfidfVectorizer`.

    Parameters
    ----------
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
        return np.asarray(self._smoothed_counts > 2.5)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the stories it was fitted on that use each term, (v,)."""
        return np.asarray((self._smoothed_counts - 1).round() / max(self.stories, 1))

    @property
    def _smoothed_counts(self) -> NDArray[np.float64]:
        """Number of stories with each term and one more, as the IDF has it."""
        return np.asarray((self.stories + 1) / np.exp(self.idf.astype(np.float64) - 1))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {term: number for number, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, texts: Iterable[pa.Array] | Sequence[str]) -> tuple[Tfidf, sp.csr_matrix]:
        """Fit on texts, or blocks of them, and return the model with their rows, float32 (n, v)."""
        numbers: dict[str, int] = {}  # in the order of appearance
        blocks: deque[Counts] = deque()
        for block in count_terms(texts):
            number = np.array([numbers.setdefault(term, len(numbers)) for term in block.terms], dtype=np.int32)
            blocks.append(replace(block, terms=[], term=number[block.term]))
        n_stories = sum(len(block.lengths) for block in blocks)
        if not numbers:
            return cls([], np.zeros(0, np.float32), n_stories), sp.csr_matrix((n_stories, 0), dtype=np.float32)
        names = pa.array(numbers, pa.large_string())
        order = pc.sort_indices(names).to_numpy()
        alphabetical = np.empty(len(order), dtype=np.int32)
        alphabetical[order] = np.arange(len(order), dtype=np.int32)
        document_count = np.zeros(len(order), dtype=np.int64)
        for block in blocks:
            document_count += np.bincount(block.term, minlength=len(order))
        idf = np.log(np.float32(n_stories + 1) / (document_count[order] + 1).astype(np.float32)) + np.float32(1)
        model = cls(names.take(pa.array(order)).cast(pa.string()), idf, n_stories)
        nnz = sum(len(block.term) for block in blocks)
        matrix = _empty(n_stories, len(order), nnz)
        row = entry = 0
        while blocks:  # each block is released once its rows are written, so that memory never holds two copies
            block = blocks.popleft()
            row, entry = model._write(replace(block, term=alphabetical[block.term]), matrix, row, entry)
        return model, matrix

    def transform(self, texts: Iterable[pa.Array] | Sequence[str]) -> sp.csr_matrix:
        """Compute the rows of further texts, float32 (n, v), under the frozen vocabulary, as `fit` does."""
        parts = []
        for block in count_terms(texts):
            number = np.array([self._numbers.get(term, -1) for term in block.terms], dtype=np.int32)[block.term]
            is_known = number >= 0
            lengths = np.bincount(block.row[is_known], minlength=len(block.lengths))
            block = replace(block, lengths=lengths, term=number[is_known], count=block.count[is_known])
            part = _empty(len(lengths), len(self.names), len(block.term))
            self._write(block, part, 0, 0)
            parts.append(part)
        if len(parts) == 1:
            return parts[0]
        return sp.vstack(parts, format="csr", dtype=np.float32) if parts else _empty(0, len(self.names), 0)

    def _write(self, block: Counts, matrix: sp.csr_matrix, row: int, entry: int) -> tuple[int, int]:
        """Write the weights of a block's terms into a matrix, and return the row and entry where the next block starts.

        `block`: its terms are numbered as in the vocabulary. `row`, `entry`: where the block starts.
        """
        rows = block.row
        order = np.argsort(rows * len(self.names) + block.term)  # by term within each row
        term = block.term[order]
        weight = np.log(block.count[order].astype(np.float32)) + np.float32(1)
        weight *= self.idf[term]
        # scikit-learn squares in float32 and sums in float64, too.
        norm = np.sqrt(np.bincount(rows, weights=weight * weight, minlength=len(block.lengths)))
        end, last = entry + len(term), row + len(block.lengths)
        matrix.data[entry:end], matrix.indices[entry:end] = weight / norm[rows], term
        matrix.indptr[row + 1 : last + 1] = entry + np.cumsum(block.lengths)
        return last, end

    def save(self, folder: Path, name: str) -> list[str]:
        """Write the model; returns the names of its files."""
        table = pa.table({"term": self.names, "idf": self.idf}, metadata={"stories": str(self.stories)})
        write_table(folder / f"{name}.arrow", table)
        return [f"{name}.arrow"]

    @classmethod
    def load(cls, folder: Path, name: str) -> Tfidf:
        """Read what `save` wrote."""
        table = map_table(folder / f"{name}.arrow")
        return cls(as_array(table["term"]), table["idf"].to_numpy(), int(table.schema.metadata[b"stories"]))


def _empty(rows: int, terms: int, nnz: int) -> sp.csr_matrix:
    index_type = np.int32 if nnz < np.iinfo(np.int32).max else np.int64
    arrays = np.empty(nnz, np.float32), np.empty(nnz, index_type), np.zeros(rows + 1, index_type)
    matrix = sp.csr_matrix((rows, terms), dtype=np.float32)
    matrix.data, matrix.indices, matrix.indptr = arrays  # filled in by `_write`
    return matrix


def cosines(
    queries: sp.csr_matrix | SparseRows, candidates: sp.csr_matrix, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Compute the TF-IDF cosine of each query with each of its candidates, float32 (q, c); 0 where `rows` is -1.

    The products are rounded to float32 and added in float64 in the order of the terms.
    """
    out = np.empty(rows.shape, dtype=np.float32)
    loops.sparse_cosines(
        len(rows), *csr_arrays(queries), *csr_arrays(candidates), np.ascontiguousarray(rows), candidates.shape[1], out
    )
    return out


class SparseRows(NamedTuple):
    """Offsets, terms and weights of some sparse rows, named as in a `csr_matrix`, which takes long to make."""

    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    data: NDArray[Any]


def take_rows(matrix: sp.csr_matrix, rows: NDArray[np.int64]) -> SparseRows:
    """Take out some rows.

    Examples
    --------
    >>> take_rows(sp.csr_matrix([[0, 5], [0, 0], [7, 8]]), np.array([2, 0])).data.tolist()
    [7, 8, 5]
    """
    offsets = np.asarray(matrix.indptr)
    first, indptr = offsets[rows], np.zeros(len(rows) + 1, dtype=offsets.dtype)
    np.cumsum(offsets[rows + 1] - first, out=indptr[1:])
    entries = np.repeat(first - indptr[:-1], np.diff(indptr)) + np.arange(indptr[-1])
    return SparseRows(indptr, np.asarray(matrix.indices)[entries], np.asarray(matrix.data)[entries])


def find_weights(
    rows_of: sp.csr_matrix | SparseRows, rows: NDArray[np.int64], terms: NDArray[np.int64]
) -> NDArray[Any]:
    """Look up the weight that each row has of the term of the same index, (m,); 0 where it lacks the term."""
    weights = np.zeros(len(rows), dtype=rows_of.data.dtype)
    loops.find_weights(len(rows), *csr_arrays(rows_of), rows, terms, weights)
    return weights


def csr_arrays(matrix: sp.csr_matrix | SparseRows) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Return offsets, terms and weights of sparse rows, as compiled loops take them."""
    return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)


def term_frequencies(tfidf: sp.csr_matrix, idf: NDArray[np.float32]) -> sp.csr_matrix:
    """Divide TF-IDF rows by the IDF: unit rows of ``1 + log tf`` mean the same in every archive."""
    plain = tfidf.data / idf[tfidf.indices]
    lengths = np.diff(tfidf.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    norm = np.sqrt(np.bincount(row, weights=plain.astype(np.float64) ** 2, minlength=len(lengths)))
    data = (plain / norm[row]).astype(np.float32)
    return sp.csr_matrix((data, tfidf.indices, tfidf.indptr), shape=tfidf.shape, copy=False)


def row_cosines(
    left: sp.csr_matrix, right: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute the cosines of unit rows `left[a]` and `right[b]`, float64 (m,), rounded and added as by `cosines`.

    Indices ascend within each row.
    """
    out = np.empty(len(a), dtype=np.float64)
    loops.row_cosines(len(a), *csr_arrays(left), *csr_arrays(right), a, b, out)
    return out


def heaviest_shared(
    left: sp.csr_matrix | SparseRows,
    right: sp.csr_matrix | SparseRows,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    is_wanted: NDArray[np.bool_],
    n_terms: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the terms with the greatest parts in the cosines of rows `left[a]` and `right[b]`.

    `is_wanted`, (v,): the only terms that count.

    Returns
    -------
    terms : ndarray of int32, shape (m, n_terms)
        The heaviest first, equal ones ascending; -1 = none.
    products : ndarray of float32, shape (m, n_terms)
    """
    terms = np.empty((len(a), n_terms), dtype=np.int32)
    products = np.empty((len(a), n_terms), dtype=np.float32)
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)  # rows of another layout would ask for other machine code
    loops.heaviest_shared(len(a), *csr_arrays(left), *csr_arrays(right), a, b, is_wanted, terms, products)
    return terms, products
