"""What each kind of index costs and finds: the figures behind `recommender/choose.py`.

    python -m benchmarks.index_kinds --data DATA [--cache FILE]
    python -m benchmarks.index_kinds --archive FOLDER

The vectors are those that drafts are searched with: embedding and words, 640 components. Real ones are those of
Reuters; larger archives are mixtures of each with one of its twenty nearest, and are called mixtures. Queries (200,
seed 0) are not in the archive, as a draft is not. One thread; a query's time is the least over thirty single queries,
since a busy machine only adds to it. `all`, or the share of rows that a filter leaves: fewer than a tenth are
searched exactly.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.common import write_result
from recommender import Recommender
from recommender.features.vectors import cosines, quantise
from recommender.search.approximate import ApproximateIndex, build_index
from recommender.search.index import FlatIndex, VectorIndex
from recommender.search.index_choice import KINDS, Cost, Kind, Plan

QUERIES, TIMED, NEIGHBOURS = 200, 30, 20
MIXTURES: dict[int, tuple[Kind, ...]] = {
    50_000: ("hnsw",),
    100_000: ("flat", "ivf_pq", "ivf_sq8"),
    300_000: KINDS,
    1_000_000: ("flat", "ivf_pq", "ivf_sq8"),
}
"""Kinds by rows: a graph is built by one thread, so a million rows would take hours."""
DEPTHS = (10, 200)  # wanted: a list, and the candidates that a list is made of
CUTS = (0.5, 0.1, 0.02)


def mixtures(real: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` vectors, each between a real one and one of its nearest."""
    floats = real.astype(np.float32)
    near = faiss.knn(floats, floats, NEIGHBOURS + 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 1:]
    found = np.empty((count, real.shape[1]), dtype=np.int16)
    for start in range(0, count, 20_000):
        part = found[start : start + 20_000]
        first = rng.integers(len(real), size=len(part))
        second = near[first, rng.integers(NEIGHBOURS, size=len(part))]
        part[:] = quantise(floats[first] + rng.uniform(0.2, 1, size=(len(part), 1)) * floats[second])
    return found


def milliseconds(index: VectorIndex, queries: np.ndarray, k: int, rows: slice | np.ndarray) -> float:
    taken = []
    for place in range(TIMED):
        start = time.perf_counter()
        index.search(queries[place : place + 1], k, rows)
        taken.append(time.perf_counter() - start)
    return round(1e3 * min(taken), 4)


def recall(index: VectorIndex, queries: np.ndarray, found: np.ndarray, least: np.ndarray) -> float:
    return round(float((cosines(queries, index.vectors, found) >= least).mean()), 4)


def measure(name: str, vectors: np.ndarray, queries: np.ndarray, kinds: tuple[Kind, ...]) -> Iterator[dict[str, Any]]:
    """One row for each kind."""
    n, d = vectors.shape
    flat, rng = FlatIndex(vectors), np.random.default_rng(1)
    cuts = {"all": slice(0, n)} | {str(cut): np.sort(rng.choice(n, int(cut * n), replace=False)) for cut in CUTS}
    least = {
        (cut, k): cosines(queries, vectors, flat.search(queries, k, rows)).min(axis=1, keepdims=True)
        for cut, rows in cuts.items()
        for k in DEPTHS
    }
    for kind in kinds:
        start = time.perf_counter()
        index, report = build_index(vectors, Plan.of(kind, n))
        row: dict[str, Any] = {"vectors": name, "n": n, "d": d, "kind": kind, "used": report.used.kind}
        row |= {"build_seconds": round(time.perf_counter() - start, 2), "effort": report.used.effort}
        row |= {"cells": report.used.cells, "tried": report.tried, "recall_checked": report.recall}
        row["bytes"] = size(index) if isinstance(index, ApproximateIndex) else 0
        start = time.perf_counter()
        index.search(queries, DEPTHS[0], cuts["all"])
        row["queries_per_second"] = round(len(queries) / (time.perf_counter() - start), 1)
        for cut, rows in cuts.items():
            for k in DEPTHS:
                found = index.search(queries, k, rows)
                row[f"recall@{k} {cut}"] = recall(index, queries, found, least[cut, k])
                row[f"ms@{k} {cut}"] = milliseconds(index, queries, k, rows)
        print(row, flush=True)
        yield row


def size(index: ApproximateIndex) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index.faiss"
        index.save(path)
        return path.stat().st_size


def costs(rows: list[dict[str, Any]]) -> dict[Kind, Cost]:
    """Fit the constants of `choose_index`, two significant digits: the largest archive's time grows with the rows.

    Exact search does just that. The time of the others grows more slowly, so theirs is a bound for larger archives,
    and that of the smallest one is added.
    """
    found: dict[Kind, Cost] = {}
    for kind in KINDS:
        small, *_, large = sorted((row for row in rows if row["kind"] == row["used"] == kind), key=lambda row: row["n"])
        slope = large["ms@200 all"] / 1e3 / (large["n"] * large["d"])
        fixed = 0.0 if kind == "flat" else small["ms@200 all"] / 1e3
        found[kind] = Cost(float(f"{fixed:.1e}"), float(f"{slope:.1e}"))
    return found


def run(real: np.ndarray) -> list[dict[str, Any]]:
    """Every kind over the real vectors, then over mixtures of them."""
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    asked = np.zeros(len(real), dtype=bool)
    asked[rng.choice(len(real), QUERIES, replace=False)] = True
    rows = list(measure("Reuters", real[~asked], real[asked], KINDS))
    for n, kinds in MIXTURES.items():
        vectors = mixtures(real, n + QUERIES, rng)
        rows += measure("mixtures of Reuters", vectors[QUERIES:], vectors[:QUERIES], kinds)
    return rows


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with reuters21578.jsonl.gz")
    source.add_argument("--archive", type=Path, help="folder of a saved archive of Reuters")
    parser.add_argument("--cache", type=Path, help="vector cache file of an earlier run over --data")
    arguments = parser.parse_args()
    if arguments.archive:
        rec = Recommender.load(arguments.archive)
    else:
        rec = Recommender(cache=arguments.cache).fit(arguments.data / "reuters21578.jsonl.gz")
    real = np.array(rec.archive.search)
    rows = run(real)
    print(costs(rows))
    settings = {"queries": QUERIES, "seed": 0, "threads": 1, "real vectors": len(real)}
    print(write_result("index_kinds", settings, rows))


if __name__ == "__main__":
    main()
