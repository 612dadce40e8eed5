"""Calls on a loaded archive: seconds to load, milliseconds of a call, lists a second, memory.

A saved archive comes from ``recommender precompute ... --archive FOLDER`` or from this module, which fits and pools the
stories of a folder that `benchmarks.scale` wrote::

    python -m benchmarks.scale stories --n 100000
    python -m benchmarks.call archive --stories stories
    python -m benchmarks.call archive
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from benchmarks.scale import ScaleArchive

from benchmarks.common import peak_mib
from recommender import Recommender
from recommender.editorial.overlay import NAME as OVERLAY_FILE
from recommender.storage.versions import VersionedFolder

_CALLS = 2_000  # stories asked for one by one
_MANY = 1_000  # stories asked for at once
_REPEATS = 3


def build(archive: Path, stories: ScaleArchive) -> None:
    """Save an archive of the stories with their pools."""
    Recommender(embedder=stories.embedder()).fit(stories.articles).pool().save(archive)


def measure(archive: Path, calls: int = _CALLS) -> dict[str, Any]:
    """All figures of one saved archive, in this process: the memory is that of one who only reads."""
    start = time.perf_counter()
    rec = Recommender.load(archive)
    load_seconds = time.perf_counter() - start
    size = len(rec.catalog)
    rng = random.Random(0)
    ids = rec.catalog.ids.take(pa.array(rng.choices(np.flatnonzero(rec.catalog.alive).tolist(), k=calls))).to_pylist()
    ids = [article_id for article_id in ids if article_id not in rec.overlay.withdrawn]
    first, *milliseconds = [_milliseconds(rec, article_id) for article_id in [ids[0], *ids]]
    many = min(_seconds(rec, ids[:_MANY]) for _ in range(_REPEATS))
    version = VersionedFolder(archive, "snapshot").current()
    return {
        "n": size,
        "archive_mib": sum(file["bytes"] for file in version.manifest["files"].values()) / 2**20,
        "overlay_bytes": (archive / OVERLAY_FILE).stat().st_size,
        "load_seconds": load_seconds,
        "first_call_ms": first,
        "call_p50_ms": float(np.percentile(milliseconds, 50)),
        "call_p99_ms": float(np.percentile(milliseconds, 99)),
        "many_stories_a_second": len(ids[:_MANY]) / many,
        "peak_mib": peak_mib(),
    }


def _milliseconds(rec: Recommender, article_id: str) -> float:
    start = time.perf_counter()
    rec.recommend(article_id)
    return 1_000 * (time.perf_counter() - start)


def _seconds(rec: Recommender, ids: list[str]) -> float:
    start = time.perf_counter()
    rec.recommend_many(ids)
    return time.perf_counter() - start


def main() -> None:
    """Build and save an archive, or print the figures of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="folder of the saved archive")
    parser.add_argument("--stories", type=Path, help="folder of `benchmarks.scale` to build it from")
    parser.add_argument("--calls", type=int, default=_CALLS, help="stories asked for one by one (default %(default)s)")
    arguments = parser.parse_args()
    if arguments.stories is not None:
        build(arguments.archive, ScaleArchive(arguments.stories))
    else:
        print(json.dumps(measure(arguments.archive, arguments.calls), indent=1))


if __name__ == "__main__":
    main()
