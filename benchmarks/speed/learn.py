"""Seconds of learning a ranker from an archive of stories whose vectors are there.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.learn [N] [--data FOLDER] [--linking SHARE] [--profile] [--write]

With a data folder the stories are the first N of its Reuters stories, else they are made of sentences of the sample
newsroom. Vectors are TF-IDF and SVD, at the length of the default model's. Links are planted: a story links two of its
ten nearest older ones, drawn at random. Run it with OMP_WAIT_POLICY=PASSIVE, as the command line does: on busy cores
the threads of scikit-learn else spin, and that counts as their time. ``--write`` writes
`benchmarks/results/learn.json`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
from benchmarks.pipeline import made, reuters

from benchmarks.common import write_result
from recommender import GivenVectors, Recommender, Settings
from recommender.archive.linked import candidates_at_publication

DIMENSIONS = 384
_BLOCK = 512


def archive_of(count: int, data: Path | None) -> Recommender:
    """Make an archive with given vectors, as if they came from a cache."""
    words = Recommender(Settings.of({"embedding": {"model": "tfidf", "svd_dim": DIMENSIONS}})).fit(
        made(count) if data is None else reuters(count, data)
    )
    given = GivenVectors.aligned(words.catalog.ids, words.archive.vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no ranker ships for these vectors
        return Recommender(embedder=given).fit_table(words.catalog.table)


def planted(rec: Recommender, share: float) -> pa.Table:
    """Links of some stories to two of their ten nearest older ones."""
    rng, found = np.random.default_rng(0), []
    rows = np.flatnonzero(rng.random(len(rec.catalog)) < share)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        near = candidates_at_publication(rec.archive, some, 10).rows
        drawn = np.take_along_axis(near, rng.random(near.shape).argsort(axis=1)[:, :2], axis=1)
        pairs = np.stack([np.repeat(some, 2), drawn.ravel()])
        found.append(pairs[:, drawn.ravel() >= 0])
    stories, items = np.concatenate(found, axis=1)
    ids = rec.catalog.ids
    return pa.table({"story": ids.take(pa.array(stories)), "item": ids.take(pa.array(items))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, nargs="?", default=20_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--linking", type=float, default=1.0, help="share of the stories that link")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rec = archive_of(arguments.n, arguments.data)
    links = planted(rec, arguments.linking)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start, profile = time.perf_counter(), cProfile.Profile()
    if arguments.profile:
        profile.enable()
    report = rec.learn(links=links)
    profile.disable()
    after = resource.getrusage(resource.RUSAGE_SELF)
    row = {
        "stories": len(rec.catalog),
        "links": len(links),
        "trained": report.trained,
        "tested": report.tested,
        "seconds": round(time.perf_counter() - start, 1),
        "processor seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak memory, MiB": round(after.ru_maxrss / 1024),
        "verdict": report.verdict,
    }
    print(row)
    if arguments.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
    if arguments.write:
        write_result(
            "learn", {"linking": arguments.linking, "data": "reuters21578" if arguments.data else "made"}, [row]
        )


if __name__ == "__main__":
    main()
