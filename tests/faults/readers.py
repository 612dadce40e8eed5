"""Readers beside a writer: `python -m tests.faults.readers --seconds 60 --readers 8`.

One process publishes a version every second and withdraws a story between them; others read random lists all the time.
No list may mix versions, miss items, or show a story whose withdrawal was acknowledged before it was asked for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from recommender import PublishedLists
from recommender.lists.records import RECORD
from recommender.publishing import open_publisher
from tests.support.processes import forkserver

STORIES, ITEMS, RESERVES = 2_000, 5, 5
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_BETWEEN_REFRESHES = 50  # reads


def neighbours(number: int) -> list[int]:
    """Items and reserves of a story, best first."""
    return [(number + step) % STORIES for step in range(1, ITEMS + RESERVES + 1)]


def records(version: str) -> Iterator[pa.RecordBatch]:
    """All lists; every title names the version."""
    told = {"title": version, "url": None, "section": None, "published_at": _MOMENT, "line": ""}
    parts = {"dense": 0.5, "lexical": 0.1, "relevance": 0.4, "freshness": 1.0, "boost": 1.0}
    item = {**told, "source": "related", "score": 0.4, "components": parts, "reasons": []}
    made = []
    for number in range(STORIES):
        items = [{**item, "rank": n, "article_id": f"s{at}"} for n, at in enumerate(neighbours(number), 1)]
        record = {"article_id": f"s{number}", "status": "ok", "k": ITEMS, "version": version, "as_of": _MOMENT}
        record |= {"settings": "", "story": told, "items": items[:ITEMS], "reserves": items[ITEMS:]}
        made.append(record)
    yield pa.RecordBatch.from_pylist(made, schema=RECORD)


def publish(place: str, format: str, version: str) -> None:
    """Publish one version."""
    publisher = open_publisher(place, format)
    details = {"version": version, "k": ITEMS, "as_of": None, "settings_fingerprint": "", "settings": {}, "rules": {}}
    with publisher.writing():
        publisher.publish(records(version), details, 3)


def read(place: str, seed: int, acknowledged: Any, seen_by: Any, done: Any, told: Any) -> None:
    """Read until told to stop; tells how many lists, of how many versions, and what was wrong."""
    rng, lists = random.Random(seed), PublishedLists.open(place)
    reads, versions, wrong, all_withdrawn = 0, set(), [], set(order(STORIES))
    while not done.is_set():
        if reads % _BETWEEN_REFRESHES == 0:
            lists.refresh()
        known = acknowledged.value
        number = rng.randrange(STORIES)
        found = lists.get(f"s{number}")
        reads += 1
        versions.add(found.version)
        seen_by[seed] = len(versions)
        gone = {f"s{at}" for at in order(known)}
        if f"s{number}" in gone and found.status != "withdrawn":
            wrong.append(f"withdrawn s{number} has a list: {found.status}")
        if found.status == "withdrawn":
            continue
        shown = [item.article_id for item in found]
        if gone.intersection(shown):
            wrong.append(f"s{number} shows withdrawn {sorted(gone.intersection(shown))}")
        stay = [f"s{at}" for at in neighbours(number) if at not in all_withdrawn]  # the others may go meanwhile
        seen = [one for one in shown if int(one[1:]) not in all_withdrawn]
        if len(shown) != ITEMS or seen != stay[: len(seen)]:
            wrong.append(f"s{number} shows {shown}, expected {ITEMS} of {neighbours(number)}")
        if {item.title for item in found} | {found.version} != {lists.version}:
            wrong.append(f"s{number} mixes versions: {lists.version} and {[item.title for item in found]}")
    told.put((reads, len(versions), wrong[:5]))


def order(count: int) -> list[int]:
    """The first stories that are withdrawn, in their order: every 50th, up to all of those."""
    return [at * 50 for at in range(min(count, STORIES // 50))]


def contend(
    place: str, format: str, seconds: float, readers: int, *, versions: float = float("inf"), pause: float = 1
) -> dict[str, Any]:
    """Let them run side by side.

    Parameters
    ----------
    seconds : float
        They end when so many are over.
    versions : float
        They end as well when every reader has seen so many.
    pause : float
        Seconds from one version to the next.

    Returns
    -------
    dict
        versions published, withdrawals, reads, reads a second, and what was wrong.
    """
    context = forkserver()
    acknowledged, done, told = context.Value("i", 0), context.Event(), context.Queue()
    seen_by = context.Array("i", readers)
    publish(place, format, "v0")
    started = [context.Process(target=read, args=(place, n, acknowledged, seen_by, done, told)) for n in range(readers)]
    for one in started:
        one.start()
    editor, version, start = PublishedLists.open(place), 0, time.monotonic()
    while time.monotonic() - start < seconds and min(seen_by) < versions:
        version += 1
        publish(place, format, f"v{version}")
        for at in order(acknowledged.value + 1)[acknowledged.value :]:
            editor.withdraw(f"s{at}")
            acknowledged.value += 1
        time.sleep(max(start + version * pause - time.monotonic(), 0))
    done.set()
    found = [told.get(timeout=60) for _ in started]
    took = time.monotonic() - start
    for one in started:
        one.join()
    reads = sum(count for count, _, _ in found)
    return {
        "format": format,
        "readers": readers,
        "seconds": round(took, 1),
        "versions": version,
        "withdrawals": acknowledged.value,
        "reads": reads,
        "reads_a_second": round(reads / took),
        "fewest_versions_seen": min(count for _, count, _ in found),
        "wrong": [one for _, _, wrong in found for one in wrong],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run for every file format, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--format", nargs="+", default=["jsonl", "parquet", "sql"])
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for format in arguments.format:
            place = f"sqlite:///{folder}/lists.db" if format == "sql" else f"{folder}/{format}"
            rows.append(contend(place, format, arguments.seconds, arguments.readers))
            print(json.dumps(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
