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
_OVERFETCH, _MARGIN = 2, 100  # rows whose exact products are computed, for each row wanted and in addition
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
        Rows in the index; those added since are compared one by one until the archive is saved again.
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
    """A FAISS index, and how it is asked.

    It finds more rows than are wanted; their exact products decide. It holds the first rows of an archive, and stays as
    the archive grows.

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

    def search(
        self, queries: NDArray[np.int16], k: int, vectors: NDArray[np.int16], found: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Find the k rows of greatest product for each query, (q, d) -> (q, k), best first; -1 = none.

        Parameters
        ----------
        queries : ndarray of int16, shape (q, d)
        k : int
        vectors : ndarray of int16, shape (n, d)
            All rows: those of the index, and those added since.
        found : ndarray of int64, shape (m,), optional
            The only rows that may be found, ascending.
        """
        import faiss

        wanted, rows = min(_OVERFETCH * k + _MARGIN, self.report.rows), self.report.rows
        allowed = None
        if found is not None:
            allowed = np.zeros(len(vectors), dtype=bool)
            allowed[found] = True
        sought = index_floats(queries)
        selector = None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed[:rows], bitorder="little"))
        if isinstance(self.faiss, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=self.report.effort)
        elif isinstance(self.faiss, faiss.IndexHNSW):
            parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=max(self.report.effort, wanted))
        elif isinstance(self.faiss, faiss.IndexFlat):
            parameters = faiss.SearchParameters(sel=selector)
        else:  # others are filtered afterwards
            parameters = None
        near = self.faiss.search(sought, wanted, params=parameters)[1]
        near = near.astype(np.int64, copy=False)
        if allowed is not None and parameters is None:
            near = np.where(allowed[near], near, -1)
        added = np.arange(rows, len(vectors)) if found is None else found[np.searchsorted(found, rows) :]
        if len(added):
            near = np.concatenate([near, _nearest(queries, vectors, added, k)], axis=1)
        return _best(queries, vectors, near, k)

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
        rng = np.random.default_rng(_SEED)
        rows = np.sort(rng.permutation(len(vectors))[:_SAMPLE])
        true = _nearest(vectors[rows], vectors, np.arange(len(vectors)), _DEPTH + 1)
        true = _best(vectors[rows], vectors, np.where(true == rows[:, None], -1, true), _DEPTH)
        near = self.search(vectors[rows], _DEPTH + 1, vectors)
        near = np.where(near == rows[:, None], -1, near)
        least = dots(vectors, rows, vectors, true)
        least = np.where(true >= 0, least, np.iinfo(np.int32).max).min(axis=1, keepdims=True)
        hits = ((near >= 0) & (dots(vectors, rows, vectors, near) >= least)).sum(axis=1)
        wanted = int((true >= 0).sum())  # none where no story is like another: nothing can be missed
        recall = np.minimum(hits, _DEPTH).sum() / wanted if wanted else 1.0
        return SearchIndex(self.faiss, replace(self.report, recall=round(float(recall), 6), sample=len(rows)))


def _nearest(
    queries: NDArray[np.int16], vectors: NDArray[np.int16], rows: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Find the k of some rows of greatest product for each query, (q, k), by comparing all; -1 = none."""
    best = np.full((len(queries), k), -1, dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        products = queries.astype(np.float32) @ vectors[some].astype(np.float32).T  # below 2**24: exact
        near = some[np.argpartition(-products, min(k, len(some)) - 1, axis=1)[:, :k]]
        best = _best(queries, vectors, np.concatenate([best, near], axis=1), k)
    return best


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


def _best(queries: NDArray[np.int16], vectors: NDArray[np.int16], near: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Find the k candidates of the greatest exact product, if it is positive, then the least row; -1 last."""
    near = np.sort(near, axis=1)
    product = dots(queries, np.arange(len(queries)), vectors, near)
    near = np.where(product > 0, near, -1)
    order = np.argsort(np.where(near >= 0, -product, 1), axis=1, kind="stable")[:, :k]
    found = np.full((len(queries), k), -1, dtype=np.int64)
    found[:, : order.shape[1]] = np.take_along_axis(near, order, axis=1)
    return found
