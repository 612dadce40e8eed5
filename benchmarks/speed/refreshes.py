"""Refreshes of few changes: some new stories in a published archive, lists out; seconds, lists made again, peak memory.

    python -m benchmarks.refreshes FOLDER [--changes 0 20 1000] [--write]

FOLDER holds synthetic stories and their vectors, as `python -m benchmarks.scale` writes them; no synthetic story is
ever called real. The last ones are held back, the others published by `precompute`, with the shipped ranker for MiniLM
and an archive. Then so many of them as `--changes` says are taken in, one after another, each time in a process of its
own, whose start counts: imports, loading of the archive, lists, publishing, saving. The first refresh, which compiles
loops, is not told. Processor seconds are those of all cores. ``--write`` writes `benchmarks/results/refreshes.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from benchmarks.scale import ScaleArchive
from benchmarks.whole_run import RANKER, Times, with_ranker

from benchmarks.common import peak_mib, write_result
from recommender import Recommender
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh

_FIRST = 20  # changes of the refresh that compiles the loops


def publish(archive: ScaleArchive, folder: Path, stories: int) -> None:
    """Publish the lists of the first stories, and save their archive."""
    rec = with_ranker(archive, folder)
    articles = pq.read_table(archive.articles)[:stories]
    precompute(articles, folder / "lists", recommender=rec, format="parquet", archive=folder / "archive")


def take_in(archive: ScaleArchive, folder: Path, start: int, stop: int) -> dict[str, Any]:
    """Refresh the lists with some stories, and return the figures."""
    times = Times()
    rec = Recommender.load(folder / "archive", embedder=archive.embedder())
    changes = pq.read_table(archive.articles)[start:stop]
    summary = refresh(changes, folder / "lists", folder / "archive", recommender=rec, format="parquet", progress=times)
    cores = os.cpu_count() or 1
    return {
        "stories": summary.stories,
        "changes": stop - start,
        "recomputed": summary.recomputed,
        "changed": summary.changed,
        "processor seconds of stages": {stage: round(cores * value, 1) for stage, value in times.processor.items()},
        "peak MiB": round(peak_mib()),
    }


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command that prints figures, and add its seconds by the clock and of the processor."""
    load, before, start = os.getloadavg(), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    used, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures | {
        "seconds": round(seconds, 1),
        "processor seconds": round(processor, 1),
        "load": [round(value, 1) for value in load],
    }


def main() -> None:
    """Publish most stories, and take in the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--changes", type=int, nargs="+", default=[0, 20, 1_000], help="new stories of each refresh")
    parser.add_argument("--here", nargs=3, help="folder, first and last story: take these in here, and print JSON")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/refreshes.json")
    options = parser.parse_args()
    archive = ScaleArchive(options.archive)
    if options.here:
        folder, start, stop = options.here
        print(json.dumps(take_in(archive, Path(folder), int(start), int(stop))))
        return
    made, rows = archive.made, []
    with tempfile.TemporaryDirectory(dir=archive.folder) as folder:
        start = pq.read_metadata(archive.articles).num_rows - sum(options.changes) - _FIRST
        publish(archive, Path(folder), start)
        for count in (_FIRST, *options.changes):
            here = [folder, str(start), str(start + count)]
            command = [sys.executable, "-m", "benchmarks.refreshes", str(archive.folder), "--here", *here]
            rows.append(measured(command))
            start += count
            print(json.dumps(rows[-1]), flush=True)
    if options.write:
        seeds = f"synthetic, mixed from {made['real_stories']:,} stories of {made['seeds']}"
        print(write_result("refreshes", {"format": "parquet", "ranker": RANKER, "seeds": seeds}, rows[1:]))


if __name__ == "__main__":
    main()
