"""Candidates of all stories of real archives: each compared with all, or within reach, beside FAISS over the vectors.

    python -m benchmarks.search ARCHIVE ... [--synthetic 1000000] [--k 200] [--lists 1000] [--write]

Each ARCHIVE is a folder that `Recommender.save` or `precompute --archive` wrote. For each, this tells the time of the
candidates of all stories when each is compared with all and when each looks within its reach, the second also where an
archive is too small for it by default; that of FAISS's flat index and of its inverted file over the vectors alone, and
of a sparse product over the words alone; how much of the first five, and of the final lists of some stories, agree.
Times are those of the
processor over the number of cores; those of more than a sample are projected from it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import peak_mib, write_result
from recommender import Recommender
from recommender.archive import build
from recommender.compute.parallel import in_order, torch_workers
from recommender.features.vectors import SCALE, quantise
from recommender.search.keys import KEYS, Keys
from recommender.search.limits import Limits
from recommender.search.nearest import nearest
from recommender.search.pools import Queries
from recommender.search.shortlist import Shortlist
from recommender.search.table import SearchTable
from recommender.statistics import bootstrap

SAMPLE, RUN = 2_048, 256  # stories that are timed, and of them side by side in the order of cells, as all would be
SINGLE, CHANGES = 50, 1_000  # stories that are searched for alone, and that change before a refresh
MOST_STORIES = 16_384  # that share a word which stories are searched by
BLOCK = {True: Limits().stories, False: 64}  # searched for together, within reach and compared with all


def found(searched: SearchTable, id_rank: np.ndarray, at: np.ndarray, k: int, near: bool) -> tuple[float, np.ndarray]:
    """Find the k best candidates of some stories, and the seconds that it takes once postings are made."""
    rows = searched.rows(np.arange(len(searched)), id_rank)
    every = queries(searched, at)
    parts = [
        every.take(np.arange(start, min(start + BLOCK[near], len(at)))) for start in range(0, len(at), BLOCK[near])
    ]

    def run(part: Any) -> np.ndarray:
        return nearest(part, rows, k, within_reach=near, torch=not near)

    run(every.take(np.arange(32)))  # imports done, loops compiled, vectors converted
    best: list[np.ndarray] = []
    workers = None if near else torch_workers()
    seconds = timed(lambda: best.extend(in_order(run, iter([every.take(np.arange(1)), *parts]), workers)))
    return seconds, np.concatenate(best[1:])


def queries(searched: SearchTable, at: np.ndarray) -> Queries:
    return Queries(searched, at, at, np.zeros(len(at), np.int64), np.zeros(len(at), np.int32))


def little(searched: SearchTable, id_rank: np.ndarray, at: np.ndarray, best: np.ndarray, k: int) -> dict[str, float]:
    """Time the search for one story, and that of all stories among some that changed."""
    rows = searched.rows(np.arange(len(searched)), id_rank)
    single = [queries(searched, at[start : start + 1]) for start in range(0, len(at), len(at) // SINGLE)]
    alone = [timed(lambda one=one: nearest(one, rows, k, within_reach=True)) * (os.cpu_count() or 1) for one in single]
    changed = np.sort(np.random.default_rng(2).permutation(len(searched))[:CHANGES])
    least = searched.products(at, searched, np.maximum(best[:, -1:], 0))[:, 0]
    entered = searched.rows(changed, id_rank)
    some = queries(searched, at)
    nearest(some.take(np.arange(1)), entered, k, within_reach=True)
    offered = timed(lambda: nearest(some, entered, k, within_reach=True, least=least)) * len(searched) / len(at)
    return {
        "one story, ms": round(float(np.median(alone)) * 1e3, 2),
        "changes offered, seconds": round(offered, 2),
    }


def timed(search: Callable[[], Any]) -> float:
    """Time a search by the processor, shared out among the cores: the clock would count what else runs."""
    start = time.process_time()
    search()
    return (time.process_time() - start) / (os.cpu_count() or 1)


def peers(vectors: np.ndarray, terms: Any, at: np.ndarray, k: int) -> dict[str, dict[str, float]]:
    """Time what others do with a part of what is searched: {name: {build, seconds}}."""
    import faiss

    floats = vectors.astype(np.float32) / SCALE
    cells = int(2 ** round(np.log2(4 * np.sqrt(len(floats)))))
    told = {}
    for name in ("Flat", f"IVF{cells},SQ8"):
        index = faiss.index_factory(floats.shape[1], name, faiss.METRIC_INNER_PRODUCT)

        def made(index: Any = index) -> None:
            index.train(floats)
            index.add(floats)

        built = timed(made)
        if name != "Flat":
            index.nprobe = 32
        told[f"FAISS {name}, vectors alone"] = {
            "build": built,
            "seconds": timed(lambda index=index: index.search(floats[at], k + 1)),
        }

    def products() -> None:
        for start in range(0, len(at), BLOCK[False]):
            dense = (terms[at[start : start + BLOCK[False]]] @ terms.T).toarray()
            np.argpartition(-dense, k, axis=1)

    told["SciPy, words alone"] = {"build": 0.0, "seconds": timed(products)}
    return told


def compared(searched: SearchTable, ids: list[str], id_rank: np.ndarray, k: int, sample: int) -> dict[str, Any]:
    """Measure the candidates of all stories both ways, and how much they agree."""
    n = len(searched)
    row: dict[str, Any] = {"stories": n, "k": k}
    started = time.process_time()
    shortlist = Shortlist.fit(ids, searched.keys, searched.vectors, searched.vocabulary, Limits())
    reach = shortlist.reach(searched.keys, searched.vectors)
    row["reach seconds"] = round((time.process_time() - started) / (os.cpu_count() or 1), 2)
    near = replace(searched, reach=reach)
    starts = np.random.default_rng(0).permutation(n // RUN)[: SAMPLE // RUN] * RUN
    at = np.argsort(reach.cell, kind="stable")[(np.sort(starts)[:, None] + np.arange(RUN)).ravel()]
    few = np.sort(np.random.default_rng(0).permutation(len(at))[:sample])
    row["postings seconds"] = round(timed(lambda: near.rows(np.arange(n), id_rank)) * (os.cpu_count() or 1), 2)
    seconds, best = found(near, id_rank, at, k, near=True)
    exact_seconds, exact = found(near, id_rank, at[few], k, near=False)
    row["all compared, seconds"] = round(exact_seconds * n / len(few), 2)
    row["within reach, seconds"] = round(seconds * n / len(at) + row["reach seconds"] + row["postings seconds"], 2)
    row |= little(near, id_rank, at, best, k)
    row["load"] = [round(load, 1) for load in os.getloadavg()]
    row["agreement"] = {depth: _recall(exact[:, :depth], best[few]) for depth in (5, 50, k)}
    return row


def synthetic(searched: SearchTable, id_rank: np.ndarray, stories: int) -> SearchTable:
    """Mix each of many stories from a real one and one of its nearest: vectors, and words of both; none is real.

    A real archive of that size has more words than the one that it is mixed from; this one has not, so its words are
    shared by more stories, and tell less.
    """
    rng = np.random.default_rng(0)
    near = np.zeros((len(searched), 8), np.int64)
    every = np.arange(len(searched))
    near[:] = np.sort(found(searched, id_rank, every, 8, near=searched.reach is not None)[1], axis=1)
    base = rng.integers(0, len(searched), stories)
    other = near[base, rng.integers(0, 8, stories)]
    other = np.where(other >= 0, other, base)
    share = rng.uniform(0.5, 0.9, (stories, 1)).astype(np.float32)
    vectors = np.empty((stories, searched.vectors.shape[1]), np.int16)
    words = np.full((stories, KEYS), -1, np.int32)
    weights = np.zeros((stories, KEYS), np.int16)
    for start in range(0, stories, 1 << 14):
        part = slice(start, start + (1 << 14))
        a, b, of_a = base[part], other[part], share[part]
        mixed = of_a * searched.vectors[a] + (1 - of_a) * searched.vectors[b]
        mixed += rng.normal(0, 0.01 * SCALE, mixed.shape).astype(np.float32)
        vectors[part] = quantise(mixed)
        theirs = np.concatenate([searched.keys.words[a], searched.keys.words[b]], axis=1)
        heavy = np.concatenate([searched.keys.weights[a], searched.keys.weights[b]], axis=1)
        kept = rng.random(theirs.shape) < np.repeat(np.concatenate([of_a, 1 - of_a], axis=1), KEYS, axis=1)
        theirs = np.where(kept & (heavy > 0), theirs, -1)
        order = np.argsort(theirs, axis=1)
        theirs, heavy = np.take_along_axis(theirs, order, axis=1), np.take_along_axis(heavy, order, axis=1)
        theirs[:, 1:][theirs[:, 1:] == theirs[:, :-1]] = -1
        heavy = np.where(theirs >= 0, heavy, 0)
        order = np.sort(np.argsort(-heavy, axis=1, kind="stable")[:, :KEYS], axis=1)
        theirs, heavy = np.take_along_axis(theirs, order, axis=1), np.take_along_axis(heavy, order, axis=1)
        order = np.argsort(theirs < 0, axis=1, kind="stable")
        words[part] = np.take_along_axis(theirs, order, axis=1)
        weights[part] = np.take_along_axis(heavy, order, axis=1)
    used = np.bincount(words.ravel() + 1, minlength=searched.vocabulary + 1)[1:]
    told = (words >= 0) & (used[words] <= MOST_STORIES)
    order = np.argsort(~told, axis=1, kind="stable")
    words = np.take_along_axis(np.where(told, words, -1), order, axis=1)
    weights = np.take_along_axis(np.where(told, weights, np.int16(0)), order, axis=1)
    return SearchTable(vectors, Keys(words, weights), searched.vocabulary)


def lists(rec: Recommender, ids: list[str]) -> list[list[str]]:
    return [[item.article_id for item in one.items] for one in rec.recommend_many(ids)]


def measure(path: Path, about: str, k: int, count: int) -> dict[str, Any]:
    """Measure one archive."""
    rec = Recommender.load(path)
    archive = replace(rec.archive, pools=None)
    n = len(archive.catalog)
    at = np.sort(np.random.default_rng(0).permutation(n)[:SAMPLE])
    scale = n / len(at)
    plain = replace(archive.searched, reach=None)
    row: dict[str, Any] = {"archive": path.name, "about": about}
    row |= compared(plain, archive.catalog.ids.to_pylist(), archive.catalog.id_rank, k, SAMPLE)
    searched, shortlist = build.make_search_table(
        archive.catalog, archive.tfidf, archive.terms, archive.vectors, archive.settings, Limits(exact=0)
    )
    near = replace(archive, searched=searched, shortlist=shortlist)
    ids = archive.catalog.ids.take(np.sort(np.random.default_rng(1).permutation(n)[:count])).to_pylist()
    rec.archive = replace(near, limits=Limits(exact=1 << 62))
    wanted = lists(rec, ids)
    rec.archive = replace(near, limits=Limits(exact=0))
    shares = [len({*a} & {*b}) / len(a) for a, b in zip(wanted, lists(rec, ids), strict=True) if a]
    interval = bootstrap(np.array(shares), np.arange(len(shares)))
    row["final five"] = [round(float(x), 4) for x in (np.mean(shares), interval.low, interval.high)]
    row["peers"] = projected(peers(archive.vectors, archive.terms, at, k), scale)
    return row


def projected(told: dict[str, dict[str, float]], scale: float) -> dict[str, dict[str, float]]:
    """Project the times of a sample to all stories."""
    return {
        name: {part: round(value * (scale if part == "seconds" else 1), 1) for part, value in one.items()}
        for name, one in told.items()
    }


def _recall(true: np.ndarray, near: np.ndarray) -> float:
    """Compute the share of the true rows of each story that were found."""
    shares = [np.isin(wanted[wanted >= 0], found).mean() for wanted, found in zip(true, near, strict=True)]
    return round(float(np.nanmean(shares)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", help="folder, or ABOUT=FOLDER to name its stories")
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--lists", type=int, default=1_000, help="final lists that are compared")
    parser.add_argument("--synthetic", type=int, help="stories mixed from those of the last archive")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/search.json")
    options = parser.parse_args()
    rows = []
    for archive in options.archives:
        about, _, folder = archive.rpartition("=")
        rows.append(measure(Path(folder), about or Path(folder).name, options.k, options.lists))
        print(rows[-1], flush=True)
    if options.synthetic:
        archive = Recommender.load(Path(folder)).archive
        mixed = synthetic(archive.searched, archive.catalog.id_rank, options.synthetic)
        ids = [f"synthetic-{number}" for number in range(options.synthetic)]
        row = compared(mixed, ids, np.arange(options.synthetic), options.k, SAMPLE // 4)
        row["peak MiB"] = round(peak_mib())
        rows.append({"archive": "synthetic", "about": f"synthetic, mixed from {about or folder}", **row, "peers": {}})
        print(rows[-1], flush=True)
    if options.write:
        print(write_result("search", {"k": options.k, "sample": SAMPLE, "lists": options.lists, "seed": 0}, rows))


if __name__ == "__main__":
    main()
