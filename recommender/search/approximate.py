"""Approximate search with FAISS over the same vectors: candidates from an index, their order from exact cosines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.errors import SnapshotError
from recommender.features.vectors import SCALE, cosines
from recommender.search.index import FlatIndex, VectorIndex
from recommender.search.index_choice import Kind, Plan

FILE = "index.faiss"
RECALL = 0.99
"""Least share of the ten nearest that a built index must find on its sample."""
LEAST_ROWS = 1_000
"""Fewer rows than these are not worth an index."""
LEAST_SHARE = 0.1
"""Share of the rows allowed below which they are searched exactly: that is faster than a walk past the others."""
MOST_TAIL = 0.05
"""Share of rows added since the build, each of which is searched exactly, that asks for another build."""

_DEPTH, _SAMPLE = 10, 200  # recall@10 of the last 200 rows, before they are added
_OVERFETCH: dict[Kind, int] = {"ivf_pq": 4, "ivf_sq8": 2, "hnsw": 2}  # candidates rescored for each row wanted
_MARGIN = 150  # ... and in addition
_SEED = 0
_TRAINING = 32  # rows a cell
_CONSTRUCTION = 80  # rows kept in sight while a graph is built; FAISS's own 40 leave recall@10 below .99 at any effort
_MOST_EFFORT = 1_024
_BLOCK = 16_384  # rows converted to float32 at a time


@dataclass(frozen=True)
class Report:
    """What a build came to, as the manifest of a saved archive keeps it.

    Attributes
    ----------
    wanted : Plan
    used : Plan
        With the effort that reached the recall; 'flat' where none did.
    rows : int
        Rows in the index; later ones are searched exactly.
    recall : float
        Share of the ten nearest that it finds, over the last `sample` rows before they were added; 1 for exact search.
    sample : int
    tried : tuple of (int, float)
        Every effort tried, with its recall.
    """

    wanted: Plan
    used: Plan
    rows: int
    recall: float
    sample: int
    tried: tuple[tuple[int, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert the report to plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Report:
        """Make a report of what `to_json` gave, through JSON."""
        tried = tuple((int(effort), float(recall)) for effort, recall in values["tried"])
        plans = {name: Plan(**values[name]) for name in ("wanted", "used")}
        return cls(**{**values, **plans, "tried": tried})


class ApproximateIndex:
    """A FAISS index over the first rows, exact search over rows added since.

    The cosines that order the result are exact, and so are the rows allowed; only a row near the end of a list may be
    missed. Searches in a small share of the rows are exact throughout.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    faiss_index : faiss.Index
        Over the first `faiss_index.ntotal` of them.
    plan : Plan
    """

    def __init__(self, vectors: NDArray[np.int16], faiss_index: Any, plan: Plan) -> None:
        self.vectors, self.plan = vectors, plan
        self._index, self._exact = faiss_index, FlatIndex(vectors)

    @property
    def rows(self) -> int:
        """Rows in the FAISS index."""
        return int(self._index.ntotal)

    def search(self, queries: NDArray[np.int16], k: int, rows: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        """Search the index as `VectorIndex.search` says; equal scores are in the order of rows."""
        base, tail = _split(rows, self.rows)
        share = _size(base) / self.rows
        if share < LEAST_SHARE or not len(queries) or not k:
            return self._exact.search(queries, k, rows)
        wanted = min(k * _OVERFETCH[self.plan.kind] + _MARGIN, _size(base))
        effort = min(int(np.ceil(self.plan.effort / share)), self._most_effort)
        _, near = self._index.search(_floats(queries), wanted, params=self._parameters(base, wanted, effort, share))
        near = near.astype(np.int64, copy=False)
        short = np.flatnonzero((near >= 0).sum(axis=1) < min(k, _size(base)))
        if len(short):  # the index ran out of rows before it had enough
            near[short, :k] = self._exact.search(queries[short], k, base)[:, : near.shape[1]]
            near[short, k:] = -1
        if _size(tail):
            near = np.concatenate([near, self._exact.search(queries, min(k, _size(tail)), tail)], axis=1)
        return _best(queries, self.vectors, near, k)

    def _parameters(self, rows: slice | NDArray[np.int64], wanted: int, effort: int, share: float) -> Any:
        import faiss

        selector = None
        if isinstance(rows, slice):
            if _size(rows) < self.rows:
                selector = faiss.IDSelectorRange(rows.start, rows.stop)
        else:
            allowed = np.zeros(self.rows, dtype=bool)
            allowed[rows] = True
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        if self.plan.kind == "hnsw":
            return faiss.SearchParametersHNSW(sel=selector, efSearch=max(effort, int(np.ceil(wanted / share))))
        return faiss.SearchParametersIVF(sel=selector, nprobe=effort)

    @property
    def _most_effort(self) -> int:
        return self.plan.cells or _MOST_EFFORT

    def over(self, vectors: NDArray[np.int16]) -> ApproximateIndex:
        """Put further rows behind the same index: `vectors` holds the present ones and theirs."""
        return ApproximateIndex(vectors, self._index, self.plan)

    def save(self, path: Path) -> None:
        """Write the FAISS index; the vectors and the plan are kept elsewhere."""
        import faiss

        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, vectors: NDArray[np.int16], plan: Plan) -> ApproximateIndex:
        """Read what `save` wrote; check the file's checksum before, FAISS trusts what it reads.

        Raises
        ------
        SnapshotError
            If it is not an index over these vectors.
        """
        import faiss

        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise SnapshotError(f"{path} is no index that FAISS can read; save the archive again") from error
        if index.d != _floats(vectors[:0]).shape[1] or index.ntotal > len(vectors):
            raise SnapshotError(f"{path} does not fit its vectors; save the archive again")
        return cls(vectors, index, plan)


@dataclass(frozen=True)
class Drafts:
    """The index that stories from outside the archive are searched with, and what its build came to."""

    index: VectorIndex
    report: Report

    @classmethod
    def build(cls, vectors: NDArray[np.int16], plan: Plan) -> Drafts:
        """Build the index as `build_index` does; warns where the recall was out of reach."""
        index, report = build_index(vectors, plan)
        if report.tried and report.used.kind != plan.kind:
            warnings.warn(
                f"an index of kind {plan.kind!r} found {report.tried[-1][1]:.3f} of the ten nearest, less than "
                f"{RECALL}; drafts are searched exactly",
                stacklevel=2,
            )
        return cls(index, report)

    @property
    def approximate(self) -> ApproximateIndex | None:
        """The index, unless it is exact."""
        return self.index if isinstance(self.index, ApproximateIndex) else None

    @property
    def tail(self) -> int:
        """Rows added since the build."""
        return len(self.index.vectors) - self.report.rows

    def over(self, vectors: NDArray[np.int16]) -> Drafts:
        """Add further rows behind: `vectors` holds the present ones and theirs."""
        return Drafts(self.approximate.over(vectors) if self.approximate else FlatIndex(vectors), self.report)

    def save(self, folder: Path) -> None:
        """Write the index, where it is not exact; the report belongs into the manifest."""
        if self.approximate:
            self.approximate.save(folder / FILE)

    @classmethod
    def load(cls, folder: Path, vectors: NDArray[np.int16], report: dict[str, Any]) -> Drafts:
        """Load from a folder whose checksums were checked, and the manifest's report."""
        told = Report.of(report)
        if told.used.kind == "flat":
            return cls(FlatIndex(vectors), told)
        return cls(ApproximateIndex.load(folder / FILE, vectors, told.used), told)


def build_index(vectors: NDArray[np.int16], plan: Plan, recall: float = RECALL) -> tuple[VectorIndex, Report]:
    """Build what the plan says over all rows, and raise its effort until it finds enough of the nearest.

    Recall is measured on the last rows, the newest stories, before they are added: as a draft, none of them is in the
    index then. Rows that are in it are found more easily. Where no effort reaches the
    recall, and below `LEAST_ROWS`, the index is exact: the report says so.

    Examples
    --------
    >>> from recommender.features.vectors import quantise
    >>> vectors = quantise(np.random.default_rng(0).normal(size=(2_000, 16)))
    >>> index, report = build_index(vectors, Plan.of("ivf_sq8", 2_000))
    >>> report.used.kind, report.recall >= 0.99
    ('ivf_sq8', True)
    """
    if plan.kind == "flat" or len(vectors) < LEAST_ROWS:
        return FlatIndex(vectors), Report(plan, Plan("flat"), len(vectors), 1.0, 0)
    rest, sample = vectors[:-_SAMPLE], vectors[-_SAMPLE:]
    built = ApproximateIndex(rest, _build(rest, plan), plan)
    least = _nearest(FlatIndex(rest), sample)[:, -1:]
    tried: list[tuple[int, float]] = []
    while True:
        hits = round(float((_nearest(built, sample) >= least).mean()), 6)
        tried.append((built.plan.effort, hits))
        if hits >= recall:
            with _threads(1):
                built._index.add(_floats(sample))
            return built.over(vectors), Report(plan, built.plan, len(vectors), hits, _SAMPLE, tuple(tried))
        if built.plan.effort >= built._most_effort:
            return FlatIndex(vectors), Report(plan, Plan("flat"), len(vectors), 1.0, _SAMPLE, tuple(tried))
        built.plan = replace(built.plan, effort=min(2 * built.plan.effort, built._most_effort))


def _nearest(index: VectorIndex, queries: NDArray[np.int16]) -> NDArray[np.float32]:
    """Compute cosines of the ten nearest rows of each query, descending, float32 (q, 10)."""
    found = index.search(queries, _DEPTH, slice(0, len(index.vectors)))
    score = np.where(found >= 0, cosines(queries, index.vectors, found), -np.inf)
    return np.asarray(-np.sort(-score, axis=1), dtype=np.float32)


def _build(vectors: NDArray[np.int16], plan: Plan) -> Any:
    import faiss

    d = _floats(vectors[:0]).shape[1]
    name = {
        "hnsw": f"HNSW{plan.links},SQ8",
        "ivf_pq": f"IVF{plan.cells},PQ{d // 2}x4fs",
        "ivf_sq8": f"IVF{plan.cells},SQ8",
    }[plan.kind]
    index: Any = faiss.index_factory(d, name, faiss.METRIC_INNER_PRODUCT)
    if plan.kind != "hnsw":
        index.cp.niter, index.cp.seed = 10, _SEED + 1
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _TRAINING
    else:
        index.hnsw.efConstruction = _CONSTRUCTION
    size = min(len(vectors), max(_TRAINING * plan.cells, _BLOCK))
    sample = np.sort(np.random.default_rng(_SEED).choice(len(vectors), size, replace=False))
    # a graph built by several threads differs each time, and in few rows they wait for each other
    with _threads(1 if plan.kind == "hnsw" or len(vectors) <= _BLOCK else None):
        index.train(_floats(vectors[sample]))
        for start in range(0, len(vectors), _BLOCK):
            index.add(_floats(vectors[start : start + _BLOCK]))
    return index


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _floats(vectors: NDArray[np.int16]) -> NDArray[np.float32]:
    """Make unit vectors for FAISS, padded with zeros to a multiple of four components: its quantisers need it."""
    n, d = vectors.shape
    floats = np.zeros((n, -(-d // 4) * 4), dtype=np.float32)
    np.divide(vectors, np.float32(SCALE), out=floats[:, :d])
    return floats


def _split(rows: slice | NDArray[np.int64], end: int) -> tuple[slice | NDArray[np.int64], slice | NDArray[np.int64]]:
    """Split rows into those before `end`, and the rest."""
    if isinstance(rows, slice):
        return slice(rows.start, min(rows.stop, end)), slice(max(rows.start, end), rows.stop)
    inside = rows < end
    return (rows, rows[:0]) if inside.all() else (rows[inside], rows[~inside])


def _size(rows: slice | NDArray[np.int64]) -> int:
    return max(rows.stop - rows.start, 0) if isinstance(rows, slice) else len(rows)


def _best(queries: NDArray[np.int16], vectors: NDArray[np.int16], near: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Find the k candidates of the greatest exact cosine, then the least row; -1 last."""
    near = np.sort(near, axis=1)
    score = np.where(near >= 0, cosines(queries, vectors, near), -np.inf)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    found = np.full((len(queries), k), -1, dtype=np.int64)
    found[:, : order.shape[1]] = np.take_along_axis(near, order, axis=1)
    return found
