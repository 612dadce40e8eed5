"""Candidates of all stories of real archives: each compared with all, or within reach, beside FAISS over the vectors.

    python -m benchmarks.search ARCHIVE ... [--k 200] [--lists 1000] [--write]

Each ARCHIVE is a folder that `Recommender.save` or `precompute --archive` wrote. For each, this tells the time of the
candidates of all stories when each is compared with all and when each looks within its reach, the second also where an
archive is too small for it by default; that of FAISS's flat index and of its inverted file over the vectors alone, and
of a sparse product over the words alone; how much of the first five, and of the final lists of some stories, agree.
Times of more than a sample are projected from it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender
from recommender.archive import build, pooling
from recommender.archive.archive import Archive
from recommender.compute.parallel import in_order, torch_workers
from recommender.features.vectors import SCALE
from recommender.search import limits
from recommender.search.limits import Limits
from recommender.search.nearest import nearest
from recommender.statistics import bootstrap

SAMPLE = 2_048
BLOCK = 512


def found(archive: Archive, at: np.ndarray, k: int, near: bool) -> tuple[float, np.ndarray]:
    """Find the k best candidates of some stories, and the seconds that it takes once postings are made."""
    every = np.arange(len(archive.catalog))
    rows = archive.searched.rows(every, archive.catalog.id_rank)
    if near and archive.reach is not None:
        at = at[np.argsort(archive.reach.cells[at, 0], kind="stable")]
    parts = [archive.asks(at[start : start + BLOCK]) for start in range(0, len(at), BLOCK)]
    nearest(parts[0].take(np.arange(2)), rows, k, near=near, torch=not near)

    def run(part: Any) -> np.ndarray:
        return nearest(part, rows, k, near=near, torch=not near)

    start = time.perf_counter()
    best = np.concatenate(list(in_order(run, parts, None if near else torch_workers())))
    seconds = time.perf_counter() - start
    return seconds, best[np.argsort(at, kind="stable")]


def timed(search: Callable[[], Any]) -> float:
    start = time.perf_counter()
    search()
    return time.perf_counter() - start


def peers(archive: Archive, at: np.ndarray, k: int) -> dict[str, dict[str, float]]:
    """Time what others do with a part of what is searched: {name: {build, seconds}}."""
    import faiss

    floats = archive.vectors.astype(np.float32) / SCALE
    cells = int(2 ** round(np.log2(4 * np.sqrt(len(floats)))))
    told = {}
    for name in ("Flat", f"IVF{cells},SQ8"):
        index = faiss.index_factory(floats.shape[1], name, faiss.METRIC_INNER_PRODUCT)

        def made(index: Any = index) -> None:
            index.train(floats)
            index.add(floats)

        built = timed(made)
        index.nprobe = 32
        told[f"FAISS {name}, vectors alone"] = {
            "build": built,
            "seconds": timed(lambda index=index: index.search(floats[at], k + 1)),
        }
    terms = archive.terms

    def products() -> None:
        for start in range(0, len(at), BLOCK // 4):
            dense = (terms[at[start : start + BLOCK // 4]] @ terms.T).toarray()
            np.argpartition(-dense, k, axis=1)

    told["SciPy, words alone"] = {"build": 0.0, "seconds": timed(products)}
    return told


def lists(rec: Recommender, ids: list[str]) -> list[list[str]]:
    return [[item.article_id for item in one.items] for one in rec.recommend_many(ids)]


def measure(path: Path, k: int, count: int) -> dict[str, Any]:
    """Measure one archive."""
    rec = Recommender.load(path)
    archive = replace(rec.archive, pooled=None)
    n = len(archive.catalog)
    at = np.sort(np.random.default_rng(0).permutation(n)[:SAMPLE])
    scale = n / len(at)
    row: dict[str, Any] = {"archive": path.name, "stories": n, "k": k}
    started = time.perf_counter()
    limits.LIMITS = build.LIMITS = Limits(exact=0)
    keys, shortlist, reach = build.searched_by(
        archive.catalog, archive.tfidf, archive.terms, archive.vectors, archive.settings
    )
    row["reach seconds"] = round(time.perf_counter() - started, 2)
    near = replace(archive, keys=keys, shortlist=shortlist, reach=reach)
    started = time.perf_counter()
    near.searched.rows(np.arange(n), near.catalog.id_rank)
    row["postings seconds"] = round(time.perf_counter() - started, 2)
    exact_seconds, exact = found(near, at, k, near=False)
    seconds, best = found(near, at, k, near=True)
    row["all compared, seconds"] = round(exact_seconds * scale, 2)
    row["within reach, seconds"] = round(seconds * scale + row["reach seconds"] + row["postings seconds"], 2)
    row["agreement"] = {depth: _recall(exact[:, :depth], best) for depth in (5, 50, k)}
    ids = archive.catalog.ids.take(np.sort(np.random.default_rng(1).permutation(n)[:count])).to_pylist()
    rec.archive = near
    limits.LIMITS = Limits(exact=1 << 62)
    wanted = lists(rec, ids)
    limits.LIMITS = Limits(exact=0)
    pooling.standing(near, 0, frozenset(), frozenset())  # nothing of the other search is kept
    shares = [len({*a} & {*b}) / len(a) for a, b in zip(wanted, lists(rec, ids), strict=True) if a]
    interval = bootstrap(np.array(shares), np.arange(len(shares)))
    row["final five"] = [round(float(x), 4) for x in (np.mean(shares), interval.low, interval.high)]
    row["peers"] = {
        name: {part: round(value * (scale if part == "seconds" else 1), 1) for part, value in told.items()}
        for name, told in peers(archive, at, k).items()
    }
    return row


def _recall(true: np.ndarray, near: np.ndarray) -> float:
    """Compute the share of the true rows of each story that were found."""
    shares = [np.isin(wanted[wanted >= 0], found).mean() for wanted, found in zip(true, near, strict=True)]
    return round(float(np.nanmean(shares)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--lists", type=int, default=1_000, help="final lists that are compared")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/search.json")
    options = parser.parse_args()
    rows = []
    for archive in options.archives:
        rows.append(measure(archive, options.k, options.lists))
        print(rows[-1], flush=True)
    if options.write:
        print(write_result("search", {"k": options.k, "sample": SAMPLE, "lists": options.lists, "seed": 0}, rows))


if __name__ == "__main__":
    main()
