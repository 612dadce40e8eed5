"""A whole run: stories and cached vectors in, published lists out; time by stage, and peak memory.

    python -m benchmarks.whole_run FOLDER ... [--format parquet] [--write]

Each FOLDER holds synthetic stories and their vectors, as `python -m benchmarks.scale` writes them; no synthetic story
is ever called real. Each is run in a process of its own, so that its peak memory is its own: stories are read from
Parquet, vectors are given, candidates are searched, the shipped ranker for MiniLM orders them, and the lists are
published to a folder beside that is deleted afterwards. Seconds are told twice: by the clock, and those of the
processor over the number of cores, which other work on the machine hardly changes. ``--write`` writes
`benchmarks/results/whole_run.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from benchmarks.scale import ScaleArchive

from benchmarks.common import peak_mib, write_result
from recommender import Recommender, Settings
from recommender.jobs.precompute import precompute
from recommender.ranking.ranker import Ranker

RANKER = "minilm-lead"


class Times:
    """A progress callback that adds up the processor seconds, and keeps the peak memory, of each stage."""

    def __init__(self) -> None:
        self.processor: dict[str, float] = {}
        self.peak: dict[str, int] = {}
        self._last = time.process_time()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Add the time since the last call to a stage."""
        now = time.process_time()
        self.processor[stage] = self.processor.get(stage, 0.0) + (now - self._last) / (os.cpu_count() or 1)
        self.peak[stage] = round(peak_mib())
        self._last = now


def with_ranker(archive: ScaleArchive, folder: Path) -> Recommender:
    """Make a recommender with the shipped ranker, which is written to a folder as one for the archive's vectors."""
    embedder = archive.embedder()
    ranker = orjson.loads(Ranker.default(RANKER).to_json()) | {"embedder": embedder.space}
    (folder / "ranker.json").write_bytes(orjson.dumps(ranker))
    settings = Settings.of({"ranking": {"ranker": str(folder / "ranker.json")}})
    return Recommender(settings, embedder=embedder)


def run(archive: ScaleArchive, folder: Path, format: str) -> dict[str, Any]:
    """Run `precompute` once, and return its figures."""
    rec, times = with_ranker(archive, folder), Times()
    summary = precompute(
        archive.articles, folder / "lists", recommender=rec, format=format, progress=times, resume=folder / "resume"
    )
    made = archive.made
    return {
        "stories": summary.stories,
        "seeds": f"synthetic, mixed from {made['real_stories']:,} stories of {made['seeds']}",
        "format": format,
        "seconds": {stage: round(seconds, 1) for stage, seconds in summary.seconds.items()},
        "processor seconds over cores": {stage: round(seconds, 1) for stage, seconds in times.processor.items()},
        "minutes": round(sum(summary.seconds.values()) / 60, 2),
        "processor minutes over cores": round(sum(times.processor.values()) / 60, 2),
        "peak MiB by then": times.peak,
        "peak MiB": round(peak_mib()),
        "lists MiB": round(sum(file.stat().st_size for file in (folder / "lists").rglob("lists.*")) / 2**20),
        "statuses": summary.statuses,
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def main() -> None:
    """Run each archive in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="parquet")
    parser.add_argument("--here", action="store_true", help="run the first archive in this process, and print JSON")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/whole_run.json")
    options = parser.parse_args()
    if options.here:
        with tempfile.TemporaryDirectory(dir=options.archives[0]) as folder:
            print(json.dumps(run(ScaleArchive(options.archives[0]), Path(folder), options.format)))
        return
    rows = []
    for archive in options.archives:
        command = [sys.executable, "-m", "benchmarks.whole_run", str(archive), "--format", options.format, "--here"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    if options.write:
        print(write_result("whole_run", {"format": options.format, "ranker": RANKER}, rows))


if __name__ == "__main__":
    main()
