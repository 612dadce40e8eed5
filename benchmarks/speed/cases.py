"""The cases of `benchmarks.speed`: who runs, and what each does in a process of its own.

A contender takes a `Job` and returns its figures: `seconds`, and what else its case tells. The first of a case is
ours, the second the reference that the ratio is formed with. To measure another engine, replace the function of a
contender in `CASES`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.scale import NEWSROOM, ScaleArchive
from benchmarks.thirty_lines import related
from numpy.typing import NDArray

from benchmarks import peers, reads
from benchmarks.common import native_bf16, peak_mib
from recommender import Recommender, Settings
from recommender.compute.parallel import in_order, torch_workers
from recommender.embedders.precision import Precision
from recommender.features.vectors import SCALE
from recommender.jobs.precompute import precompute
from recommender.jobs.touched import Filled, mask_touched
from recommender.reading.read import read_articles
from recommender.search.keys import Keys
from recommender.search.nearest import nearest
from recommender.search.pools import Queries
from recommender.search.table import SearchTable
from recommender.settings import EmbeddingSettings

Figures = dict[str, Any]

_JUDGED = 200  # stories whose lists are compared with brute force
_CALLS = 300  # single calls timed
_MANY = 1_000  # stories asked for at once
_READ = 100_000  # most lists published to be read
_CHANGES = 0.01  # share of an archive that changes before a refresh, a thousand stories at most
_LISTS = 20_000  # lists that are made to tell what one costs
_FEW = 5_000  # stories that are enough to be searched as many are


@dataclass(frozen=True)
class Job:
    """What one process is told.

    Attributes
    ----------
    archive : str
        Folder of a `ScaleArchive`.
    scratch : str
        Folder for whatever a contender writes.
    prepared : str
        Folder for what is prepared once for all cases of a size.
    n : int
    k : int
    pairs : float
        Most comparisons of two stories; a search beyond it is timed on evenly spaced stories and projected.
    data : str or None
        Folder of the real stories.
    """

    archive: str
    scratch: str
    prepared: str
    n: int
    k: int
    pairs: float
    data: str | None = None

    def rows(self) -> NDArray[np.int64]:
        """Stories that lists are made for: all, or evenly spaced ones."""
        count = max(min(self.n, int(self.pairs / self.n)), 1)
        return np.unique(np.linspace(0, self.n - 1, count).round().astype(np.int64))

    def open(self) -> ScaleArchive:
        """Open the archive."""
        return ScaleArchive(Path(self.archive))

    @property
    def snapshot(self) -> Path:
        """Where `fitted` saves the archive."""
        return Path(self.prepared) / "snapshot"


@dataclass(frozen=True)
class Contender:
    """A way to do what a case queries for; `pairs` is the most comparisons that it is given time for."""

    name: str
    run: Callable[[Job], Figures]
    needs: tuple[str, ...] = ()
    pairs: float = 1e10

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules that are not installed."""
        return tuple(name for name in self.needs if find_spec(name) is None)


@dataclass(frozen=True)
class Case:
    """Contenders that are compared `by` a figure; ours first, then the reference.

    Attributes
    ----------
    prepare : callable, optional
        Run once, in a process of its own, before all rounds.
    judge : callable, optional
        From what a contender and the reference wrote to its recall.
    products : tuple of Contender
        Bare products, which show what the machine can do.
    """

    name: str
    what: str
    contenders: tuple[Contender, ...]
    by: str = "seconds"
    prepare: Callable[[Job], Figures] | None = None
    products: tuple[Contender, ...] = ()
    judge: Callable[[Job, Path, Path], float] | None = None
    synthetic: bool = True

    def find(self, name: str) -> Callable[[Job], Figures]:
        """Find what a process runs by name."""
        if name == "prepare" and self.prepare:
            return self.prepare
        return {one.name: one.run for one in (*self.contenders, *self.products)}[name]


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """Put the seconds of a block into the figures."""
    start = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - start


# -- all lists ----------------------------------------------------------------------------------------------------


def _searched(job: Job, search: Callable[[], peers.Search], figures: Figures) -> Figures:
    """Time building and searching, projected to all stories, and keep the lists that are judged."""
    rows = job.rows()
    with timed(figures, "build"):
        ask = search()
    with timed(figures, "search"):
        found = ask(rows)
    figures["peak_mib"] = peak_mib()
    figures["queries"] = len(rows)
    figures["projected"] = len(rows) < job.n
    figures["seconds"] = figures["build"] + figures["search"] * job.n / len(rows)
    judged = np.unique(np.linspace(0, len(rows) - 1, min(_JUDGED, len(rows))).round().astype(np.int64))
    np.savez(Path(job.scratch) / "found.npz", rows=rows[judged], found=found[judged])
    return figures


def our_lists(job: Job) -> Figures:
    """Make lists by `recommender.search` from vectors alone, as they are stored, whole archive."""
    import torch  # multiplies large blocks

    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    vectors = job.open().vectors()

    def build(size: int) -> peers.Search:
        everywhere, none = np.arange(size), np.zeros(size, np.int64)
        keys = Keys(np.full((size, 1), -1, np.int32), np.zeros((size, 1), np.int16))
        table = SearchTable(vectors[:size], keys, 0)
        rows = table.rows(everywhere, everywhere)
        queries = Queries(table, everywhere, everywhere, none, none.astype(np.int32))

        def search(some: NDArray[np.int64]) -> NDArray[np.int64]:
            parts = np.split(some, range(1_024, len(some), 1_024))
            run = partial(nearest, rows=rows, count=job.k, torch=True)
            return np.concatenate(list(in_order(run, (queries.take(part) for part in parts), torch_workers())))

        return search

    few = min(256, job.n)
    build(few)(np.arange(few))  # imports done, loops compiled
    return _searched(job, lambda: build(job.n), {})


def peer_lists(peer: peers.Peer) -> Callable[[Job], Figures]:
    """All lists by a peer, from unit vectors in memory on."""

    def run(job: Job) -> Figures:
        vectors = job.open().unit_vectors()
        k = min(job.k + 1, job.n)
        peer(vectors[: 2 * k], min(k, len(vectors[: 2 * k])))(np.arange(min(k, 16)))  # imports done, threads started
        return _searched(job, lambda: peer(vectors, k), {})

    return run


def bare_product(make: Callable[[peers.Vectors, peers.Vectors], Callable[[], object]]) -> Callable[[Job], Figures]:
    """Time of all inner products and nothing else, projected from the best block."""

    def run(job: Job) -> Figures:
        dim = job.open().vectors().shape[1]
        rate = peers.product_rate(make, dim)
        return {"seconds": job.n**2 / rate, "gflops": 2 * dim * rate / 1e9, "projected": True}

    return run


def recall(job: Job, found: Path, _: Path, slack: float = 1e-6) -> float:
    """Share of the k nearest that a contender found, by brute force in integers.

    An item counts if its cosine reaches that of the k-th nearest less `slack`, which is what the rounding of
    unit vectors to float32 may cost; equal scores are equally right.
    """
    with np.load(found / "found.npz") as held:
        rows, lists = held["rows"], held["found"]
    vectors = job.open().vectors()
    queries = vectors[rows].astype(np.float32)
    dots = np.empty((len(rows), len(vectors)), dtype=np.float32)
    for start in range(0, len(vectors), 50_000):
        dots[:, start : start + 50_000] = queries @ vectors[start : start + 50_000].astype(np.float32).T
    dots[np.arange(len(rows)), rows] = -np.inf  # the story itself is no item of its list
    k = min(job.k, len(vectors) - 1)
    least = np.partition(dots, -k, axis=1)[:, -k] - slack * SCALE**2
    hits = 0
    for place, items in enumerate(lists):
        items = np.unique(items[(items >= 0) & (items != rows[place])])
        hits += min(int((dots[place, items] >= least[place]).sum()), k)
    return hits / (k * len(rows))


# -- embed --------------------------------------------------------------------------------------------------------


def real_stories(job: Job) -> pa.Table:
    """Evenly spaced real stories: the time of embedding depends on how long texts are."""
    source = Path(job.data) / "reuters21578.jsonl.gz" if job.data else NEWSROOM
    table, _ = read_articles(source)
    rows = np.unique(np.linspace(0, len(table) - 1, min(job.n, len(table))).round().astype(np.int64))
    return table.take(pa.array(rows))


def _embedded(job: Job, encode: Callable[[list[str]], np.ndarray], texts: list[str]) -> Figures:
    encode(texts[:8])  # the model loaded, threads started
    figures: Figures = {"n": len(texts)}
    with timed(figures, "seconds"):
        vectors = encode(texts)
    figures["articles_per_second"] = len(texts) / figures["seconds"]
    np.save(Path(job.scratch) / "vectors.npy", vectors)
    return figures


def embed_ours(job: Job, precision: Precision = "float32") -> Figures:
    """Embed prepared texts with the default embedder."""
    from recommender import SentenceTransformerEmbedder

    embedder = SentenceTransformerEmbedder(EmbeddingSettings(precision=precision))
    return _embedded(job, embedder.encode, embedder.prepare(real_stories(job)))


def _plain_model() -> Any:
    from sentence_transformers import SentenceTransformer

    from recommender.embedders.sentence import _locate

    return SentenceTransformer(_locate(EmbeddingSettings().model), device="cpu")


def embed_plain(job: Job) -> Figures:
    """`SentenceTransformer.encode` with its defaults on the same prepared texts, cut to the same tokens."""
    from recommender import SentenceTransformerEmbedder

    model = _plain_model()
    model.max_seq_length = EmbeddingSettings().tokens
    texts = SentenceTransformerEmbedder().prepare(real_stories(job))
    return _embedded(job, lambda part: model.encode(part, show_progress_bar=False), texts)


def embed_whole(job: Job) -> Figures:
    """Embed the usual way: the whole article into `encode`."""
    model = _plain_model()
    table = real_stories(job)
    texts = [
        f"{title}\n{body}" for title, body in zip(table["title"].to_pylist(), table["body"].to_pylist(), strict=True)
    ]
    return _embedded(job, lambda part: model.encode(part, show_progress_bar=False), texts)


def overlap(job: Job, found: Path, reference: Path) -> float:
    """Share of the ten nearest by the reference's vectors that are nearest by a contender's."""

    def nearest(folder: Path) -> NDArray[np.int64]:
        vectors = np.load(folder / "vectors.npy").astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -1)
        return np.argsort(-similarity, axis=1, kind="stable")[:, :10]

    a, b = nearest(found), nearest(reference)
    return float(np.mean([len(np.intersect1d(x, y)) / len(x) for x, y in zip(a, b, strict=True)]))


# -- build --------------------------------------------------------------------------------------------------------


def build_ours(job: Job) -> Figures:
    """Read stories, fit terms and floor; then save the archive and load it again. Vectors are there already."""
    archive = job.open()
    embedder = archive.embedder()
    few = pq.ParquetFile(archive.articles).read_row_group(0).slice(0, 50)
    Recommender(embedder=embedder).fit(few)  # imports done
    figures: Figures = {}
    with timed(figures, "seconds"):
        rec = Recommender(embedder=embedder).fit(archive.articles)
    with timed(figures, "save"):
        rec.save(Path(job.scratch) / "snapshot")
    with timed(figures, "load"):
        Recommender.load(Path(job.scratch) / "snapshot", embedder=embedder)
    return figures


def build_plain(job: Job) -> Figures:
    """Do what a script does: read rows, fit scikit-learn's TF-IDF, add vectors to a FAISS index."""
    import faiss
    from sklearn.feature_extraction.text import TfidfVectorizer

    archive = job.open()
    vectors = archive.unit_vectors()
    figures: Figures = {}
    with timed(figures, "seconds"):
        rows = pq.read_table(archive.articles).to_pylist()
        terms = TfidfVectorizer(sublinear_tf=True, stop_words="english", dtype=np.float32)
        terms.fit_transform(f"{row['title']}\n{row['body']}" for row in rows)
        faiss.IndexFlatIP(vectors.shape[1]).add(vectors)
    return figures


# -- call and refresh ---------------------------------------------------------------------------------------------


def fitted(job: Job) -> Figures:
    """Save the archive with its pools, for the cases that start from one; an earlier case may have made it."""
    if job.snapshot.exists():
        return {"seconds": 0.0}
    archive = job.open()
    figures: Figures = {}
    with timed(figures, "seconds"):
        Recommender(embedder=archive.embedder()).fit(archive.articles).pool().save(job.snapshot)
    return figures


def _latencies(call: Callable[[int], object], rows: NDArray[np.int64]) -> Figures:
    """Of a second pass over the rows; `cold_p99` of the first, which may wait for the disk."""
    call(int(rows[0]))
    passes = []
    for _ in range(2):
        taken = []
        for row in rows.tolist():
            start = time.perf_counter()
            call(row)
            taken.append(time.perf_counter() - start)
        passes.append(taken)
    p50, p99 = np.quantile(passes[1], [0.5, 0.99])
    return {"seconds": float(p50), "p99": float(p99), "cold_p99": float(np.quantile(passes[0], 0.99))}


def _asked(job: Job, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(job.n, size=count)


def call_ours(job: Job) -> Figures:
    """`recommend` on a loaded archive: the whole path, with selection and reasons; many at once cold and warm."""
    loaded: Figures = {}
    embedder = job.open().embedder()
    with timed(loaded, "load"):
        rec = Recommender.load(job.snapshot, embedder=embedder)
    ids = rec.catalog.ids
    figures = _latencies(lambda row: rec.recommend(ids[row].as_py()), _asked(job, _CALLS)) | loaded
    many = ids.take(pa.array(_asked(job, min(_MANY, job.n)))).to_pylist()
    for name in ("cold_stories_per_second", "stories_per_second"):
        with timed(figures, "many"):
            rec.recommend_many(many)
        figures[name] = len(many) / figures.pop("many")
    return figures


def published(job: Job) -> Figures:
    """Read lists made before by id, from one process: `benchmarks.reads`, on 100,000 lists at most."""
    figures = reads.measure(min(job.n, _READ))
    return {"seconds": 1 / figures["jsonl"]["get_a_second"], "reads": figures}


def call_faiss(job: Job) -> Figures:
    """One search in IndexFlatIP: no text, no rules, no reasons."""
    vectors = job.open().unit_vectors()
    search = peers.faiss_flat(vectors, min(job.k + 1, job.n))
    return _latencies(lambda row: search(np.array([row])), _asked(job, _CALLS))


def _imported(archive: ScaleArchive) -> None:
    """Import and compile what a process needs that embeds, searches and makes lists."""
    few = pq.ParquetFile(archive.articles).read_row_group(0).slice(0, _FEW)
    rec = Recommender(embedder=archive.embedder()).fit(few).pool()
    list(rec.lister().lists(np.arange(1)))


def refresh_ours(job: Job) -> Figures:
    """Correct some stories, and time retrieval (`seconds`) and the lists that are made again."""
    archive = job.open()
    _imported(archive)
    rec = Recommender.load(job.snapshot, embedder=archive.embedder())
    count = min(max(int(job.n * _CHANGES), 1), 1_000)
    changed = np.unique(np.linspace(0, job.n - 1, count).round().astype(np.int64))
    stories = rec.catalog.table.take(pa.array(changed)).to_pylist()
    before, none = rec.archive, np.zeros(job.n, dtype=bool)
    figures: Figures = {"changes": len(stories)}
    with timed(figures, "update"):
        rec.update([{**story, "title": f"{story['title']} (corrected)"} for story in stories])
    with timed(figures, "seconds"):
        rec.archive = rec.lister().with_pools(before=before)
    with timed(figures, "compared"):
        rows = np.flatnonzero(mask_touched(before, rec.archive, Filled(none, none)) & rec.catalog.alive)
    some = rows[:: max(len(rows) // _LISTS, 1)]
    with timed(figures, "lists_seconds"):
        made = sum(len(batch) for batch in rec.lister().lists(some))
    figures["lists_seconds"] *= len(rows) / max(made, 1)
    figures["touched"] = len(rows)
    return figures


def full_run(job: Job) -> Figures:
    """Time the retrieval of a run over all stories (`seconds`), and all lists."""
    archive = job.open()
    _imported(archive)
    rec = Recommender.load(job.snapshot, embedder=archive.embedder())
    rec.compact()  # drops the pools
    figures: Figures = {}
    with timed(figures, "seconds"):
        rec.pool()
    some = np.arange(0, job.n, max(job.n // _LISTS, 1))
    with timed(figures, "lists_seconds"):
        made = sum(len(batch) for batch in rec.lister().lists(some))
    figures["lists_seconds"] *= job.n / made
    figures["lists"] = job.n
    return figures


# -- memory -------------------------------------------------------------------------------------------------------


def memory_ours(job: Job, window_days: int | None = None) -> Figures:
    """From Parquet to published Parquet, vectors given."""
    archive = job.open()
    settings = Settings() if window_days is None else Settings.of({"retrieval": {"window_days": window_days}})
    figures: Figures = {}
    with timed(figures, "seconds"):
        summary = precompute(
            archive.articles,
            Path(job.scratch) / "lists",
            format="parquet",
            recommender=Recommender(settings, embedder=archive.embedder()),
        )
    return figures | {"lists": summary.lists, "stages": {name: round(s, 3) for name, s in summary.seconds.items()}}


def memory_thirty(job: Job) -> Figures:
    """Run the thirty-line script, vectors given."""
    archive = job.open()
    vectors = archive.unit_vectors()
    rows = job.rows()
    figures: Figures = {"queries": len(rows), "projected": len(rows) < job.n}
    with timed(figures, "seconds"):
        ids = [row["id"] for row in pq.read_table(archive.articles).to_pylist()]
        lists = related(ids, vectors, 5, rows.tolist())
        with (Path(job.scratch) / "lists.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"id": story, "items": items}) + "\n" for story, items in lists.items())
    figures["seconds"] *= job.n / len(rows)
    return figures


CASES = {
    case.name: case
    for case in (
        Case(
            "embed",
            "stories embedded with the default model, the same prepared texts",
            (
                Contender("recommender", embed_ours),
                Contender("SentenceTransformer.encode", embed_plain),
                Contender("whole article into encode", embed_whole),
                Contender("recommender, bfloat16", partial(embed_ours, precision="bfloat16")),
            ),
            judge=overlap,
            synthetic=False,
        ),
        Case(
            "build",
            "an archive made searchable, vectors given",
            (Contender("recommender", build_ours), Contender("scikit-learn TF-IDF + FAISS", build_plain)),
        ),
        Case(
            "all-lists",
            "the 50 nearest of every story",
            (
                Contender("recommender", our_lists, pairs=1e12),
                Contender("FAISS IndexFlatIP", peer_lists(peers.faiss_flat), ("faiss",)),
                Contender("FAISS IVF,SQ8", peer_lists(peers.faiss_ivf), ("faiss",)),
                Contender(
                    "sentence-transformers", peer_lists(peers.sentence_transformers), ("sentence_transformers",), 4e9
                ),
                Contender("scikit-learn", peer_lists(peers.scikit_learn), ("sklearn",), 4e9),
                Contender("usearch exact", peer_lists(peers.usearch), ("usearch",), 5e8),
                Contender("txtai (IVF)", peer_lists(peers.txtai), ("txtai",), 2e9),
                Contender("thirty lines", peer_lists(peers.thirty), (), 1e9),
            ),
            products=(
                Contender("torch.mm float32", bare_product(peers.product_torch)),
                *((Contender("torch.mm bfloat16", bare_product(peers.product_torch_bf16)),) if native_bf16() else ()),
                Contender("NumPy matmul", bare_product(peers.product_numpy)),
                Contender("FAISS sgemm", bare_product(peers.product_faiss)),
            ),
            judge=recall,
        ),
        Case(
            "call",
            "median of one call on a loaded archive",
            (
                Contender("recommender", call_ours),
                Contender("FAISS IndexFlatIP", call_faiss),
                Contender("recommender, published", published),
            ),
            prepare=fitted,
        ),
        Case(
            "refresh",
            "retrieval after one change in a hundred stories, 1,000 at most",
            (Contender("recommender", refresh_ours), Contender("full run", full_run)),
            prepare=fitted,
        ),
        Case(
            "memory",
            "peak memory from stories with vectors to published lists",
            (
                Contender("recommender", memory_ours),
                Contender("thirty lines", memory_thirty, pairs=1e9),
                Contender("recommender, window of 90 days", partial(memory_ours, window_days=90)),
            ),
            by="peak_mib",
        ),
    )
}


def main() -> None:
    """Run one contender: ``python -m benchmarks.cases CASE NAME``, the job as JSON on standard input."""
    case, name = sys.argv[1:]
    job = Job(**json.loads(sys.stdin.read()))
    figures = CASES[case].find(name)(job)
    print(json.dumps({"peak_mib": peak_mib(), **figures}))


if __name__ == "__main__":
    main()
