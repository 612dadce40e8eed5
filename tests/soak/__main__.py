"""A simulated year of a newsroom in one process.

    python -m tests.soak --days 365 --stories 100 --seed 0 [--refreshes 24] [--window DAYS] [--seconds N]
                         [--json FILE]

Stories come in, are corrected, embargoed, withdrawn, restored and expire; lists are refreshed every hour, replaced
versions compacted, and all is fitted anew where growth asks for it, as the jobs of a newsroom do. At every refresh
readers must see nothing that was withdrawn, blocked, expired or embargoed; memory, open files, threads and folders must
not grow beyond what the archive needs; pools must be those of brute force; and at the end the lists must be those of a
fresh build, byte for byte. `--seconds` ends the run earlier, on a day's end; the figures tell how many days were done.
Exit status 0 only if all of that held.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from recommender import PublishedLists, Recommender, Settings
from recommender.compute.parallel import torch_workers
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from recommender.jobs.summary import Summary
from recommender.publishing import open_publisher
from tests.soak import watch
from tests.soak.newsroom import START, Newsroom

SETTINGS = Settings.of({"embedding": {"model": "tfidf", "svd_dim": 64}})
DEAD = 0.02  # share of replaced rows from which on the snapshot is compacted
READ = 6  # lists read after every refresh
BRUTE = 20  # rows whose pools are held against brute force, once a day


@dataclass
class Soak:
    """The jobs of a newsroom, and what was found."""

    root: Path
    newsroom: Newsroom
    rng: random.Random
    format: str
    hours: float
    settings: Settings = SETTINGS
    wrong: list[str] = field(default_factory=list)
    process: watch.Process = field(default_factory=watch.Process)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    brute: tuple[int, int] = (0, 0)

    @property
    def out(self) -> Path:
        """Published lists."""
        return self.root / "out"

    @property
    def snapshot(self) -> Path:
        """Fitted archive."""
        return self.root / "snapshot"

    @property
    def archive(self) -> Path:
        """All versions of all stories, as they came in."""
        return self.root / "archive.jsonl"

    @property
    def since(self) -> Path:
        """Those since the last whole run."""
        return self.root / "since.jsonl"

    def epoch(self, now: datetime) -> None:
        """A whole run."""
        summary = precompute(
            self.archive, self.out, settings=self.settings, format=self.format, as_of=now, archive=self.snapshot
        )
        shutil.rmtree(self.root / "epoch", ignore_errors=True)
        shutil.copytree(self.snapshot, self.root / "epoch")
        self.since.write_bytes(b"")
        self._count("epochs")
        if summary.rejected:
            self.wrong.append(f"{now}: {summary.rejected} stories were rejected")

    def step(self, now: datetime) -> None:
        """An hour: decisions at once, stories by a refresh, then what a newsroom does when a job asks for it."""
        self._decide(now - timedelta(hours=self.hours))
        summary = self._refresh(now)
        self._check(now)
        if any("run precompute" in finding for finding in summary.findings):
            self.epoch(now)
            self._check(now)
        elif watch.dead_share(self.snapshot) > DEAD:
            self._compact(now)
        self.process.look(len(self.newsroom.spans))

    def daily(self, now: datetime) -> None:
        """What is looked at once a day."""
        self.wrong += watch.wrong_items(self.out, self.newsroom, now)
        decisions = sum(self.counts.get(action, 0) for action in ("withdraw", "restore", "withhold", "release"))
        decisions += self.counts.get("block", 0) + self.counts.get("unblock", 0)
        keep = self.settings.publish.keep_versions
        self.wrong += watch.wrong_folders(self.out, self.snapshot, keep, decisions)
        rec = Recommender.load(self.snapshot)
        rows = watch.sampled(self.rng, map(str, np.flatnonzero(rec.catalog.alive)), BRUTE)
        found, missed = watch.missed(rec, map(int, rows))
        self.brute = self.brute[0] + found, self.brute[1] + missed
        if missed:
            self.wrong.append(f"{now}: {missed} of {found} candidates are not those of brute force")
        for name in ("withdrawn", "withheld"):
            if (held := set(getattr(rec.overlay, name))) != getattr(self.newsroom, name):
                odd = sorted(held ^ getattr(self.newsroom, name))[:3]
                self.wrong.append(f"{now}: the snapshot knows other stories as {name}, such as {odd}")

    def finish(self, now: datetime) -> int:
        """Hold the lists against fresh builds; how many were compared."""
        overlay = open_publisher(self.out).overlay
        compared, other = watch.differing(self.out, self.root / "epoch", self.since, now, overlay)
        if other:
            self.wrong.append(f"{len(other)} of {compared} lists are not those of a fresh build, such as {other[:3]}")
        # a whole run here, with all that the run has left behind, and one in a folder that knows nothing of it
        self.epoch(now)
        clean = self.root / "clean"
        fresh = PublishedLists(self.out)
        publisher = open_publisher(clean)
        publisher.check_writable()
        for action in ("withdrawn", "withheld", "blocked"):
            entries = getattr(overlay, action)
            publisher.overlay.record(
                {"withdrawn": "withdraw", "withheld": "withhold", "blocked": "block"}[action], entries
            )
        precompute(self.archive, clean, settings=self.settings, format=self.format, as_of=now)
        again = PublishedLists.open(clean)
        if again.version != fresh.version:
            self.wrong.append("a whole run in a new folder has another version")
        self.wrong += [
            f"{i}: a whole run in a new folder has another list" for i in fresh.ids() if fresh.json(i) != again.json(i)
        ][:5]
        return compared

    def _decide(self, made: datetime) -> None:
        lists = PublishedLists.open(self.out)
        for action, article_id in self.newsroom.decisions(self.hours):
            options = (
                {"unknown_too": True} if action in ("withdraw", "withhold", "block") else {}
            )  # it may come in with the next refresh
            getattr(lists, action)(article_id, **options)
            self.newsroom.decided(action, article_id)
            self._count(action)
            if action in ("withdraw", "block"):
                below = [story.article_id for story in _holding(lists, article_id, self.rng)]
                self.wrong += watch.wrong_reads(lists, self.newsroom, [article_id, *below], made)

    def _refresh(self, now: datetime) -> Summary:
        changes = self.newsroom.hour(now, self.hours)
        for path in (self.archive, self.since):
            with path.open("ab") as file:
                file.writelines(orjson.dumps(story) + b"\n" for story in changes)
        summary = refresh(changes, self.out, self.snapshot, format=self.format, as_of=now)
        self._count("refreshes")
        self._count("lists made again", summary.recomputed)
        self.seconds.append((summary.stories, summary.seconds))
        if summary.rejected:
            self.wrong.append(f"{now}: {summary.rejected} stories were rejected")
        return summary

    def _check(self, now: datetime) -> None:
        ids = watch.sampled(self.rng, self.newsroom.spans, READ)
        self.wrong += watch.wrong_reads(PublishedLists.open(self.out), self.newsroom, ids, now)

    def _compact(self, now: datetime) -> None:
        rec = Recommender.load(self.snapshot)
        rec.overlay = open_publisher(self.out).overlay
        rec.compact().pool(as_of=now).save(self.snapshot)
        self._count("compactions")

    def _count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by


def _holding(lists: PublishedLists, article_id: str, rng: random.Random) -> list[Any]:
    """Stories of which some hold an item: those that stand in its own list are likely to."""
    found = lists._reader.get(article_id)
    if found is None:
        return []
    near = [item["article_id"] for item in found["items"]]
    return [lists.get(other) for other in near]


def run(
    days: int,
    stories: float,
    refreshes: int,
    seed: int,
    format: str,
    root: Path,
    seconds: float = float("inf"),
    tell: bool = True,
    window: int | None = None,
) -> dict[str, Any]:
    """Run, and what came of it: figures, and `wrong`, which must be empty."""
    torch_workers()  # a larger archive starts them: what they take is not what a refresh leaves behind
    newsroom = Newsroom(seed, stories)
    settings = SETTINGS.override({"retrieval.window_days": window})
    soak = Soak(root, newsroom, random.Random(seed), format, 24 / refreshes, settings)
    start = time.perf_counter()
    first = newsroom.hour(START, 24 * 10)  # what was there before
    soak.archive.write_bytes(b"".join(orjson.dumps(story) + b"\n" for story in first))
    soak.epoch(START)
    now = START
    for number in range(days * refreshes):
        now += timedelta(hours=soak.hours)
        soak.step(now)
        if (number + 1) % refreshes == 0:
            soak.daily(now)
            if tell:
                _tell(soak, now, time.perf_counter() - start)
            if time.perf_counter() - start > seconds:
                break
        if len(soak.wrong) > 20:
            break
    compared = soak.finish(now)
    soak.wrong += soak.process.wrong()
    return {
        "days": (now - START).days,
        "stories_a_day": stories,
        "refreshes_a_day": refreshes,
        "seed": seed,
        "format": format,
        "window": window,
        "wrong": soak.wrong,
        "seconds": round(time.perf_counter() - start),
        "stories": len(newsroom.spans),
        "counts": dict(sorted(soak.counts.items())),
        "lists_compared": compared,
        "candidates_compared": soak.brute[0],
        "memory_mib": soak.process.figures(),
        "memory_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024),
        "open_files": [soak.process.files[0], soak.process.files[-1]],
        "threads": [soak.process.threads[0], soak.process.threads[-1]],
        "disk_mib": {path.name: round(watch.sizes(path) / watch.MIB, 1) for path in (soak.out, soak.snapshot)},
        "refresh_seconds": _by_size(soak.seconds),
    }


def _by_size(seconds: list[tuple[int, dict[str, float]]]) -> list[dict[str, Any]]:
    """Mean seconds of a refresh by stage, in five parts of the run."""
    found = []
    for part in np.array_split(np.arange(len(seconds)), min(5, len(seconds))):
        some = [seconds[at] for at in part]
        stages = {stage: round(float(np.mean([one.get(stage, 0.0) for _, one in some])), 3) for stage in some[0][1]}
        found.append({"stories": some[-1][0], "total": round(sum(stages.values()), 3), **stages})
    return found


def _tell(soak: Soak, now: datetime, seconds: float) -> None:
    _, last = soak.seconds[-1]
    print(
        f"{now:%Y-%m-%d} {len(soak.newsroom.spans):7,} stories  refresh {sum(last.values()):5.2f} s  at rest "
        f"{soak.process.in_use[-1] / watch.MIB:5.1f} MiB in use of "
        f"{soak.process.resident[-1] / watch.MIB:5.0f} MiB  {len(soak.wrong)} wrong  {seconds:6.0f} s",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--stories", type=float, default=100, help="new stories a day")
    parser.add_argument("--refreshes", type=int, default=24, help="refreshes a day")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", default="parquet", choices=("jsonl", "parquet"))
    parser.add_argument("--window", type=int, help="days that a story looks back; default the whole archive")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end on the day on which so many are over")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = run(
            arguments.days,
            arguments.stories,
            arguments.refreshes,
            arguments.seed,
            arguments.format,
            Path(folder),
            arguments.seconds,
            window=arguments.window,
        )
    for one in found["wrong"]:
        print(one)
    print(json.dumps({name: value for name, value in found.items() if name != "wrong"}, indent=1))
    done = f"{found['days']} days, {found['counts']['refreshes']} refreshes, {found['seconds']} s"
    print(f"{done}: {len(found['wrong'])} wrong")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
