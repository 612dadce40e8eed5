"""All lists over real search vectors: exact products against FAISS, flat and with an inverted file.

    python -m benchmarks.search ARCHIVE ... [--rows N] [--k 50] [--write]

Each ARCHIVE is a folder that `Recommender.save` or `precompute --archive` wrote. For each, this tells the time of all
lists by `recommender.search`; that of FAISS's flat index, and of its inverted file with more and more lists looked
into, both projected from a sample of stories; and the recall of the first five and of all k. What an inverted file
has to read for the recall of exact search decides whether one is worth it: see `docs/scale.md`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender.search.index import index_floats
from recommender.search.nearest import Asking, Rows, nearest_of_each_other

SAMPLE = 1_000
SHARES = (1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # of the lists of an inverted file


def exact(vectors: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Find the k nearest of every story, and the seconds that it takes."""
    n = len(vectors)
    every = np.arange(n)
    asking = Asking(vectors, every, every, np.tile([0, n, 0, 0], (n, 1)))
    start, least = time.perf_counter(), np.zeros(n, dtype=np.int32)
    blocks = nearest_of_each_other(asking, Rows.of(vectors, every, every), k, least, torch=True)
    found = np.concatenate([best for _, best in blocks])
    return time.perf_counter() - start, found


def measure(vectors: np.ndarray, k: int) -> dict[str, Any]:
    """Measure one set of search vectors."""
    import faiss

    n = len(vectors)
    exact(vectors[:2_000], k)  # imports done, loops compiled
    seconds, found = exact(vectors, k)
    rows = np.sort(np.random.default_rng(0).permutation(n)[: min(SAMPLE, n)])
    floats, true = index_floats(vectors), found[rows]
    row: dict[str, Any] = {"stories": n, "dim": vectors.shape[1], "k": k, "seconds": round(seconds, 2), "faiss": []}
    lists = int(2 ** round(np.log2(2 * np.sqrt(n))))
    for kind in ("Flat", f"IVF{lists},SQ8"):
        index = faiss.index_factory(floats.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
        start = time.perf_counter()
        index.train(floats)
        index.add(floats)
        built = time.perf_counter() - start
        for share in (1.0,) if kind == "Flat" else SHARES:
            if kind != "Flat":
                index.nprobe = max(int(share * lists), 1)
            start = time.perf_counter()
            near = index.search(floats[rows], k + 1)[1]
            asked = time.perf_counter() - start
            near = np.where(near == rows[:, None], -1, near)
            recall = {f"recall@{depth}": _recall(true[:, :depth], near) for depth in (5, k)}
            projected = built + asked * n / len(rows)
            told = {"kind": kind, "share": share, "build": round(built, 2), "projected": round(projected, 1)}
            row["faiss"].append({**told, "ratio": round(seconds / projected, 3), **recall})
    return row


def _recall(true: np.ndarray, near: np.ndarray) -> float:
    """Compute the share of the true rows of each story that were found."""
    shares = [np.isin(wanted[wanted >= 0], found).mean() for wanted, found in zip(true, near, strict=True)]
    return round(float(np.mean(shares)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, help="stories, evenly spaced; default: all")
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/search.json")
    options = parser.parse_args()
    found = []
    for archive in options.archives:
        vectors = np.load(next(archive.rglob("search.npy")), mmap_mode="r")
        count = min(options.rows or len(vectors), len(vectors))
        rows = np.unique(np.linspace(0, len(vectors) - 1, count).astype(np.int64))
        found.append({"archive": archive.name, **measure(np.asarray(vectors[rows]), options.k)})
        print(found[-1], flush=True)
    if options.write:
        print(write_result("search", {"k": options.k, "sample": SAMPLE, "seed": 0}, found))


if __name__ == "__main__":
    main()
