"""What a long run must hold: lists, recall, memory, files, disk."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from recommender import PublishedLists, Recommender
from recommender.articles.article import DAY_US, UNDATED
from recommender.compute.hardware import release_memory
from recommender.storage.versions import VersionedFolder
from tests.soak.newsroom import Newsroom

MIB = 1 << 20
WARM = 0.25  # share of the run after which memory must be flat
# bytes, bytes a story
# NumPy keeps up to seven freed blocks of each size below 1 KiB, 3.5 MiB in all; the newsroom ids, times, seconds
IN_USE = (6 * MIB, 2_048)
# allocators keep a part of what a refresh held: two states of archive and lists
RESIDENT = (24 * MIB, 48 << 10)
POOLED = 2  # threads that may still start after the warm-up
_PYTHON_BLOCK = 128  # bytes, about


def wrong_items(place: Path, newsroom: Newsroom, now: datetime) -> Iterable[str]:
    """What the whole current version holds that it must not."""
    lists = PublishedLists.open(place)
    seen: set[str] = set()
    hidden = {item for item in newsroom.spans if not newsroom.public(item, now)}
    for batch in lists.records():
        seen.update(batch.column("article_id").to_pylist())
        for name in ("items", "reserves"):
            items = set(batch.column(name).flatten().field("article_id").to_pylist())
            yield from (f"{now}: {item} stands in a stored list" for item in sorted(items & hidden))
    for article_id in sorted(seen.symmetric_difference(set(newsroom.spans) - newsroom.withdrawn)):
        yield f"{now}: {article_id} {'has a list' if article_id in seen else 'has no list'}"


def wrong_reads(lists: PublishedLists, newsroom: Newsroom, ids: Iterable[str], made: datetime) -> Iterable[str]:
    """What readers of some stories see that they must not, of lists made for a moment."""
    for article_id in ids:
        found = lists.get(article_id)
        shown = [item.article_id for item in found.items]
        shown += [item["article_id"] for item in orjson.loads(lists.json(article_id))["items"]]
        if article_id in newsroom.withdrawn and found.status != "withdrawn":
            yield f"{made}: withdrawn {article_id} is {found.status}"
        if shown and article_id in newsroom.withheld | newsroom.withdrawn:
            yield f"{made}: {article_id} has a list"
        yield from (f"{made}: {item} under {article_id}" for item in shown if not newsroom.public(item, made))


def missed(rec: Recommender, rows: Iterable[int]) -> tuple[int, int]:
    """Candidates of brute force, and how many of them the pools of some rows lack or hold in excess."""
    archive = rec.archive
    assert archive.pools is not None
    pools, scope = archive.pools.by_row, archive.pools.scope
    catalog, options = archive.catalog, archive.settings.retrieval
    search = archive.searched
    published, day = catalog.published, catalog.published // DAY_US
    total = wrong = 0
    for row in rows:
        dots = search.products(np.array([row]), search, np.arange(len(search))[None])[0]
        able = scope.allowed & (scope.language == scope.language[row])
        if able.sum() > options.candidates:  # else there is nothing to choose
            able &= dots >= 1
        able[row] = False
        if scope.windowed:
            assert options.window_days is not None
            recent = published >= scope.as_of - options.window_days * DAY_US
            if published[row] == UNDATED or recent[row]:
                able &= recent | catalog.timeless
            else:
                able &= recent | catalog.timeless | (np.abs(day - day[row]) <= options.window_days)
        order = np.lexsort((catalog.id_rank, -dots))
        best = set(order[able[order]][: options.candidates].tolist())
        near = pools.take(np.array([row])).candidates(scope.allowed)[0].rows
        total += len(best)
        wrong += len(best ^ set(near[near >= 0].tolist()))
    return total, wrong


def differing(place: Path, epoch: Path, changes: Path, now: datetime, overlay: Any) -> tuple[int, list[str]]:
    """Lists held against those of one run over the epoch's archive and all changes since: compared, and different."""
    rec = Recommender.load(epoch)
    rec.overlay = overlay
    if changes.stat().st_size:
        rec.update(changes)
    rec.pool(as_of=now)
    lists = PublishedLists.open(place)
    gone = rec.catalog.known_rows(rec.overlay.withdrawn)
    rows = np.setdiff1d(np.flatnonzero(rec.catalog.alive), gone)
    fresh = {
        record["article_id"]: record
        for batch in rec.lister(as_of=now).lists(rows, version=lists.version)
        for record in batch.to_pylist()
    }
    held = {record["article_id"]: record for batch in lists.records() for record in batch.to_pylist()}
    return len(held), sorted(i for i in fresh.keys() | held.keys() if fresh.get(i) != held.get(i))


@dataclass
class Process:
    """Memory, open files and threads of this process, between two refreshes, and what a run may add to them.

    What is in use tells a leak of a few bytes a refresh; what is resident tells what allocators do not give back.
    """

    stories: list[int] = field(default_factory=list)
    in_use: list[int] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def look(self, stories: int) -> None:
        """Note the state, with freed memory given back."""
        gc.collect()
        release_memory()
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        self.stories.append(stories)
        self.in_use.append(_malloced() + pa.total_allocated_bytes() + sys.getallocatedblocks() * _PYTHON_BLOCK)
        self.resident.append(int(status["RssAnon"].split()[0]) * 1_024)  # mapped files are the system's to drop
        self.files.append(len(os.listdir("/proc/self/fd")))
        self.threads.append(int(status["Threads"]))

    def growth(self, held: list[int], most: tuple[int, int]) -> tuple[float, float]:
        """Bytes that the trend adds from the warm-up to the end, and how many it may."""
        start = int(WARM * len(held))
        rest = np.array(held[start:], dtype=np.float64)
        slope = np.polyfit(np.arange(len(rest)), rest, 1)[0] if len(rest) > 1 else 0.0
        allowed = most[0] + most[1] * (self.stories[-1] - self.stories[start])
        return float(slope * (len(rest) - 1)), float(allowed)

    def figures(self) -> dict[str, dict[str, float]]:
        """Memory in MiB: at the end, what the trend added after the warm-up, and what it may add."""
        found = {}
        for name, held, most in (("in use", self.in_use, IN_USE), ("resident", self.resident, RESIDENT)):
            growth, allowed = (round(value / MIB, 1) for value in self.growth(held, most))
            found[name] = {"end": round(held[-1] / MIB, 1), "growth": growth, "allowed": allowed}
        return found

    def wrong(self) -> Iterable[str]:
        """What has grown."""
        for name, one in self.figures().items():
            if one["growth"] > one["allowed"]:
                yield f"memory {name} grew by {one['growth']} MiB after the warm-up, {one['allowed']} are explained"
        start = int(WARM * len(self.files))
        # Arrow starts the workers of its pools when it first needs them
        for name, counts, more in (("open files", self.files, 0), ("threads", self.threads, POOLED)):
            if max(counts[start:]) > max(counts[: start + 1]) + more:
                yield f"{name} grew from {max(counts[: start + 1])} to {max(counts[start:])}"


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("a", "b", "c", "d", "mapped", "f", "g", "used", "i", "j")]


def _malloced() -> int:
    """Bytes that malloc has given out, in all arenas; 0 where it does not tell."""
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return 0
    tell.restype = _Mallinfo
    info = tell()
    return int(info.used) + int(info.mapped)


def wrong_folders(out: Path, snapshot: Path, keep: int, decisions: int) -> Iterable[str]:
    """Files that should be gone, and overlays that hold more than the decisions made."""
    for root, kind, most in ((out, "lists", keep), (snapshot, "snapshot", 1)):
        versions = VersionedFolder(root, kind).versions()
        if len(versions) > most:
            yield f"{root.name} keeps {len(versions)} versions, at most {most} are asked for"
        known = {"CURRENT", "current", "versions", ".lock", "tombstones.jsonl", "tombstones.head", "rejected.jsonl"}
        known |= {"lists.path"} if kind == "snapshot" else set()
        if odd := sorted({path.name for path in root.iterdir()} - known):
            yield f"{root.name} holds {odd}"
        overlay = root / "tombstones.jsonl"
        size = overlay.stat().st_size if overlay.exists() else 0
        if size > 80 * decisions:  # a line of one decision has about 60 bytes
            yield f"the overlay of {root.name} has {size:,} bytes after {decisions:,} decisions"


def sizes(root: Path) -> int:
    """Bytes below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def dead_share(snapshot: Path) -> float:
    """Share of rows of a snapshot that a newer version has replaced."""
    alive = np.load(VersionedFolder(snapshot, "snapshot").current().folder / "alive.npy")
    return 1 - float(alive.mean())


def sampled(rng: random.Random, ids: Iterable[str], count: int) -> list[str]:
    """Some ids."""
    known = list(ids)
    return rng.sample(known, min(count, len(known)))
