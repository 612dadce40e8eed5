"""The FAISS index over the vectors of an archive: its ids are rows."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.errors import SettingsError, SnapshotError
from recommender.features.vectors import SCALE, dots

FILE = "index.faiss"
_DEPTH, _SAMPLE = 10, 200  # recall@10 of so many rows
_TRAINING = 131_072  # rows that an index is trained on, at most
_EFFORT = 16  # cells searched, or `efSearch`; doubled until the recall is reached
_MOST_WALKED = 1_024  # greatest `efSearch` of a graph
_WIDTH = 960  # components that most quantisers divide
_BLOCK = 16_384  # rows converted to float32 at a time
_SEED = 0


@dataclass(frozen=True)
class IndexReport:
    """The description of an index in the manifest of a saved archive.

    Attributes
    ----------
    kind : str
        The string for FAISS's `index_factory`.
    rows : int
        Rows in the index.
    effort : int
        Cells that a query searches, or `efSearch` of a graph; 0 = the index has neither.
    recall : float
        Share of the ten nearest of `sample` rows that the index found when it was built.
    """

    kind: str
    rows: int
    effort: int
    recall: float
    sample: int

    def to_json(self) -> dict[str, Any]:
        """Convert the report to plain values."""
        return asdict(self)


class SearchIndex:
    """A FAISS index over the first rows of an archive; later rows are added when they are needed.

    Parameters
    ----------
    faiss_index : faiss.Index
    report : IndexReport
    path : path, optional
        The file that the index is mapped from.
    """

    def __init__(self, faiss_index: Any, report: IndexReport, path: Path | None = None) -> None:
        self.faiss, self.report, self._path = faiss_index, report, path

    @classmethod
    def build(cls, vectors: NDArray[np.int16], factory: str = "auto", min_recall: float = 0.0) -> SearchIndex:
        """Build an index over vectors with an effort that reaches `min_recall`.

        Raises `SettingsError` if FAISS does not know such an index, or its recall is too low.

        Parameters
        ----------
        vectors : ndarray of int16, shape (n, d)
        factory : str, default 'auto'
            A string for FAISS's `index_factory`; 'auto' = all vectors, unchanged.
        min_recall : float, default 0
            The least recall@10.
        """
        kind = "Flat" if factory == "auto" else factory
        index, effort = _build_index(vectors, kind), _EFFORT
        while True:
            greatest = _set_effort(index, effort)
            recall, sample = _measure_recall(index, vectors)
            if recall >= min_recall:
                return cls(index, IndexReport(kind, len(vectors), min(effort, greatest), recall, sample))
            if effort >= greatest:
                raise SettingsError(
                    f"retrieval.index is {factory!r}, which finds {recall:.3f} of the ten nearest, less than "
                    f"retrieval.min_recall = {min_recall}; choose another factory string, or 'auto'"
                )
            effort *= 2

    def with_added_rows(self, vectors: NDArray[np.int16]) -> SearchIndex:
        """Return an index in memory that also contains the rows added since."""
        import faiss

        if self.report.rows == len(vectors) and self._path is None:
            return self
        if self._path is None:
            index = faiss.clone_index(self.faiss)
        elif self._path.exists():  # nothing can be added to a mapped index
            index = faiss.read_index(str(self._path))
        else:  # a later archive was saved in its place
            return SearchIndex.build(vectors, self.report.kind)
        _set_effort(index, self.report.effort)
        _add_rows(index, vectors, self.report.rows)
        return SearchIndex(index, replace(self.report, rows=len(vectors)))

    def save(self, folder: Path, vectors: NDArray[np.int16]) -> IndexReport:
        """Write the index with the rows added since to a folder, and return its report."""
        import faiss

        if self.report.rows == len(vectors) and self._path is not None and self._path.exists():
            shutil.copyfile(self._path, folder / FILE)
            return self.report
        complete = self.with_added_rows(vectors)
        faiss.write_index(complete.faiss, str(folder / FILE))
        return complete.report

    @classmethod
    def load(cls, folder: Path, report: dict[str, Any], vectors: NDArray[np.int16]) -> SearchIndex:
        """Map a saved index into memory. Check the checksum of the file first: FAISS trusts what it reads.

        Raises `SnapshotError` if the file is not an index over these vectors.
        """
        import faiss

        path = folder / FILE
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise SnapshotError(f"{path} is no index that FAISS can read; save the archive again") from error
        details = IndexReport(**report)
        width = index_floats(vectors[:0]).shape[1]
        if index.d != width or index.ntotal != details.rows or details.rows > len(vectors):
            raise SnapshotError(f"{path} does not fit its vectors; save the archive again")
        _set_effort(index, details.effort)
        return cls(index, details, path)


def _measure_recall(index: Any, vectors: NDArray[np.int16]) -> tuple[float, int]:
    """Compute the share of the ten nearest rows that the index finds for a sample, and the size of the sample."""
    rows = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:_SAMPLE])
    nearest = _nearest(vectors, rows)
    found = index.search(index_floats(vectors[rows]), _DEPTH + 1)[1]
    found = np.where(found == rows[:, None], -1, found)
    least = dots(vectors, rows, vectors, nearest)
    least = np.where(nearest >= 0, least, np.iinfo(np.int32).max).min(axis=1, keepdims=True)
    hits = ((found >= 0) & (dots(vectors, rows, vectors, found) >= least)).sum(axis=1)
    wanted = int((nearest >= 0).sum())  # 0 if no story is like another: nothing can be missed
    recall = np.minimum(hits, _DEPTH).sum() / wanted if wanted else 1.0
    return round(float(recall), 6), len(rows)


def _nearest(vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the ten other rows of greatest positive product for each of `rows`, by comparing all; -1 = none."""
    best, product = np.full((len(rows), 1), -1), np.zeros((len(rows), 1), np.float32)
    queries = vectors[rows].astype(np.float32)
    for start in range(0, len(vectors), _BLOCK):
        others = np.arange(start, min(start + _BLOCK, len(vectors)))
        products = queries @ vectors[others].astype(np.float32).T  # below 2**24: exact
        products[rows[:, None] == others] = 0
        best = np.concatenate([best, np.broadcast_to(others, products.shape)], axis=1)
        product = np.concatenate([product, products], axis=1)
        order = np.argsort(-product, axis=1, kind="stable")[:, :_DEPTH]
        best, product = np.take_along_axis(best, order, axis=1), np.take_along_axis(product, order, axis=1)
    return np.where(product > 0, best, -1)


def check_factory(factory: str) -> None:
    """Raise SettingsError if FAISS does not know the factory string."""
    if factory != "auto":
        _empty_index(_WIDTH, factory)


def _empty_index(width: int, factory: str) -> Any:
    import faiss

    try:
        return faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise SettingsError(
            f"retrieval.index is {factory!r}, which FAISS does not know: expected 'auto' or a string for its "
            "index_factory, such as 'IVF1024,SQ8' or 'HNSW32'"
        ) from error


def _build_index(vectors: NDArray[np.int16], factory: str) -> Any:
    index = _empty_index(index_floats(vectors[:0]).shape[1], factory)
    _allow_small_clusters(index)
    try:
        index.train(index_floats(_training_vectors(vectors)))
        _add_rows(index, vectors, 0)
    except RuntimeError as error:
        raise SettingsError(
            f"retrieval.index is {factory!r}, which FAISS cannot build over {len(vectors):,} stories: {error}"
        ) from error
    return index


def _allow_small_clusters(part: Any) -> None:
    """Switch off FAISS's warnings on standard error about small clusters: recall is measured instead."""
    import faiss

    if hasattr(part, "cp"):
        part.cp.min_points_per_centroid = 1
    for name in ("index", "quantizer", "storage", "base_index", "pq", "rq"):  # parts of an index
        inner = getattr(part, name, None)
        if inner is not None:
            _allow_small_clusters(faiss.downcast_index(inner) if isinstance(inner, faiss.Index) else inner)


def _set_effort(index: Any, effort: int) -> int:
    """Set how many cells a query searches, or `efSearch` of a graph; return the greatest effort, 0 if there is none."""
    import faiss

    if hasattr(index, "hnsw"):
        index.hnsw.efSearch = effort
        return _MOST_WALKED
    try:
        cells = faiss.extract_index_ivf(index)
    except RuntimeError:
        return 0
    cells.nprobe = min(effort, cells.nlist)
    return int(cells.nlist)


def _add_rows(index: Any, vectors: NDArray[np.int16], start: int) -> None:
    for first in range(start, len(vectors), _BLOCK):
        index.add(index_floats(vectors[first : first + _BLOCK]))


def _training_vectors(vectors: NDArray[np.int16]) -> NDArray[np.int16]:
    rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_TRAINING]
    return np.asarray(vectors[np.sort(rows)])


def index_floats(vectors: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return unit vectors for FAISS, padded with zeros to a multiple of four components, as its quantisers require."""
    n, d = vectors.shape
    floats = np.zeros((n, -(-d // 4) * 4), dtype=np.float32)
    np.divide(vectors, np.float32(SCALE), out=floats[:, :d])
    return floats
