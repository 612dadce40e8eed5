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
_EFFORT = 16  # cells looked into, or `efSearch`; doubled until the index finds enough
_MOST_WALKED = 1_024  # `efSearch` of a graph
_WIDTH = 960  # components that most quantisers divide
_BLOCK = 16_384  # rows converted to float32 at a time
_SEED = 0


@dataclass(frozen=True)
class IndexReport:
    """What an index is, as the manifest of a saved archive keeps it.

    Attributes
    ----------
    kind : str
        As FAISS's `index_factory` names it.
    rows : int
        Rows in the index.
    effort : int
        Cells that a query looks into, or `efSearch` of a graph; 0 = the index has neither.
    recall : float
        Share of the ten nearest of `sample` rows that it found when it was built.
    sample : int
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
    """A FAISS index, which holds the first rows of an archive, and stays as the archive grows.

    Parameters
    ----------
    faiss_index : faiss.Index
    report : IndexReport
    path : path, optional
        The file that the index was mapped from.
    """

    def __init__(self, faiss_index: Any, report: IndexReport, path: Path | None = None) -> None:
        self.faiss, self.report, self._path = faiss_index, report, path

    @classmethod
    def build(cls, vectors: NDArray[np.int16], factory: str = "auto", min_recall: float = 0.0) -> SearchIndex:
        """Build an index over vectors, and raise its effort until it finds enough.

        Parameters
        ----------
        vectors : ndarray of int16, shape (n, d)
        factory : str, default 'auto'
            A string for FAISS's `index_factory`; 'auto' = all vectors as they are.
        min_recall : float, default 0
            Recall@10 that it must reach.

        Raises
        ------
        SettingsError
            If FAISS knows no such index, or it finds too little.
        """
        kind = "Flat" if factory == "auto" else factory
        index, effort = _built(vectors, kind), _EFFORT
        while True:
            most = _set_effort(index, effort)
            found = cls(index, IndexReport(kind, len(vectors), min(effort, most), 0.0, 0))._measured(vectors)
            recall = found.report.recall
            if recall >= min_recall:
                return found
            if effort >= most:
                raise SettingsError(
                    f"retrieval.index is {factory!r}, which finds {recall:.3f} of the ten nearest, less than "
                    f"retrieval.min_recall = {min_recall}; choose another factory string, or 'auto'"
                )
            effort *= 2

    def grown(self, vectors: NDArray[np.int16]) -> SearchIndex:
        """Give an index in memory that holds the rows added since, too."""
        import faiss

        if self.report.rows == len(vectors) and self._path is None:
            return self
        if self._path is None:
            index = faiss.clone_index(self.faiss)
        elif self._path.exists():  # what is mapped cannot grow
            index = faiss.read_index(str(self._path))
        else:  # a later archive was saved in its place
            return SearchIndex.build(vectors, self.report.kind)
        _set_effort(index, self.report.effort)
        _add(index, vectors, self.report.rows)
        return SearchIndex(index, replace(self.report, rows=len(vectors)))

    def save(self, folder: Path, vectors: NDArray[np.int16]) -> IndexReport:
        """Write the index to a folder, with the rows added since; gives its report."""
        import faiss

        if self.report.rows == len(vectors) and self._path is not None and self._path.exists():
            shutil.copyfile(self._path, folder / FILE)
            return self.report
        grown = self.grown(vectors)
        faiss.write_index(grown.faiss, str(folder / FILE))
        return grown.report

    @classmethod
    def load(cls, folder: Path, report: dict[str, Any], vectors: NDArray[np.int16]) -> SearchIndex:
        """Map what `save` wrote into memory; check the file's checksum before, FAISS trusts what it reads.

        Raises
        ------
        SnapshotError
            If it is not an index over these vectors.
        """
        import faiss

        path = folder / FILE
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise SnapshotError(f"{path} is no index that FAISS can read; save the archive again") from error
        told = IndexReport(**report)
        if index.d != index_floats(vectors[:0]).shape[1] or index.ntotal != told.rows or told.rows > len(vectors):
            raise SnapshotError(f"{path} does not fit its vectors; save the archive again")
        _set_effort(index, told.effort)
        return cls(index, told, path)

    def _measured(self, vectors: NDArray[np.int16]) -> SearchIndex:
        """Measure the share of the ten nearest that the index finds for some of its rows."""
        rows = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:_SAMPLE])
        true = _nearest(vectors, rows)
        near = self.faiss.search(index_floats(vectors[rows]), _DEPTH + 1)[1]
        near = np.where(near == rows[:, None], -1, near)
        least = dots(vectors, rows, vectors, true)
        least = np.where(true >= 0, least, np.iinfo(np.int32).max).min(axis=1, keepdims=True)
        hits = ((near >= 0) & (dots(vectors, rows, vectors, near) >= least)).sum(axis=1)
        wanted = int((true >= 0).sum())  # none where no story is like another: nothing can be missed
        recall = np.minimum(hits, _DEPTH).sum() / wanted if wanted else 1.0
        return SearchIndex(self.faiss, replace(self.report, recall=round(float(recall), 6), sample=len(rows)))


def _nearest(vectors: NDArray[np.int16], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the ten other rows of greatest positive product for some rows, by comparing all; -1 = none."""
    best, product = np.full((len(asked), 1), -1), np.zeros((len(asked), 1), np.float32)
    queries = vectors[asked].astype(np.float32)
    for start in range(0, len(vectors), _BLOCK):
        some = np.arange(start, min(start + _BLOCK, len(vectors)))
        products = queries @ vectors[some].astype(np.float32).T  # below 2**24: exact
        products[asked[:, None] == some] = 0
        best = np.concatenate([best, np.broadcast_to(some, products.shape)], axis=1)
        product = np.concatenate([product, products], axis=1)
        order = np.argsort(-product, axis=1, kind="stable")[:, :_DEPTH]
        best, product = np.take_along_axis(best, order, axis=1), np.take_along_axis(product, order, axis=1)
    return np.where(product > 0, best, -1)


def check_factory(factory: str) -> None:
    """Refuse what no index can be made of, whatever the vectors.

    Raises
    ------
    SettingsError
        If FAISS does not know the factory string.
    """
    if factory != "auto":
        _made(_WIDTH, factory)


def _made(width: int, factory: str) -> Any:
    """Make an empty index."""
    import faiss

    try:
        return faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise SettingsError(
            f"retrieval.index is {factory!r}, which FAISS does not know: expected 'auto' or a string for its "
            "index_factory, such as 'IVF1024,SQ8' or 'HNSW32'"
        ) from error


def _built(vectors: NDArray[np.int16], factory: str) -> Any:
    """Build an index of a factory string."""
    index = _made(index_floats(vectors[:0]).shape[1], factory)
    _let_few_train(index)
    try:
        index.train(index_floats(_sampled(vectors)))
        _add(index, vectors, 0)
    except RuntimeError as error:
        raise SettingsError(
            f"retrieval.index is {factory!r}, which FAISS cannot build over {len(vectors):,} stories: {error}"
        ) from error
    return index


def _let_few_train(part: Any) -> None:
    """Keep FAISS from warning on standard error of few rows a cluster: whether an index finds enough is measured."""
    import faiss

    if hasattr(part, "cp"):
        part.cp.min_points_per_centroid = 1
    for name in ("index", "quantizer", "storage", "base_index", "pq", "rq"):  # what an index is made of
        inner = getattr(part, name, None)
        if inner is not None:
            _let_few_train(faiss.downcast_index(inner) if isinstance(inner, faiss.Index) else inner)


def _set_effort(index: Any, effort: int) -> int:
    """Set how many cells a query looks into, or how far it walks a graph; gives the most that it can, 0 for neither."""
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


def _add(index: Any, vectors: NDArray[np.int16], start: int) -> None:
    """Add rows from `start` on."""
    for first in range(start, len(vectors), _BLOCK):
        index.add(index_floats(vectors[first : first + _BLOCK]))


def _sampled(vectors: NDArray[np.int16]) -> NDArray[np.int16]:
    """Draw rows that an index is trained on."""
    rows = np.random.default_rng(_SEED).permutation(len(vectors))[:_TRAINING]
    return np.asarray(vectors[np.sort(rows)])


def index_floats(vectors: NDArray[np.int16]) -> NDArray[np.float32]:
    """Make unit vectors for FAISS, padded with zeros to a multiple of four components: its quantisers need it."""
    n, d = vectors.shape
    floats = np.zeros((n, -(-d // 4) * 4), dtype=np.float32)
    np.divide(vectors, np.float32(SCALE), out=floats[:, :d])
    return floats
