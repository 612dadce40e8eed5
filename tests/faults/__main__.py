"""Break jobs at random points, and look whether a list was lost.

    python -m tests.faults --runs N --seed S [--json FILE]

Each run takes a fresh copy of a small newsroom, starts a job (precompute, refresh, save, withdraw, embed) in a process
of its own, and does something to it from outside: kills it, fills its disk, takes its rights or its memory, or alters
a file beforehand. Then readers must see the old state or the new one, whole, or name the damaged file; the next run
must finish; and what it leaves must be what an undisturbed run leaves. Exit status 0 only if that held every time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from tests.faults.harm import Fault
from tests.faults.world import JOBS, World, become, copy, look

KINDS = ("kill", "disk", "rights", "memory", "truncate", "flip")
_LONGEST = 60.0  # seconds of a job that is not held up


def work(root: Path, job: str, fault: Fault | None, told: Any) -> None:
    """The job's process: does the work, and tells how it ended."""
    if fault is not None:
        fault.limit()
        become(fault.user)
    try:
        JOBS[job](World(root))
    except BaseException as error:
        told.put(f"{type(error).__name__}: {error}")
        raise SystemExit(1) from None
    told.put("done")


class Harness:
    """All that the runs share: processes that start quickly, and the states of undisturbed runs."""

    def __init__(self, folder: Path) -> None:
        self.context: BaseContext = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.faults.__main__"])
        self.folder = folder
        self.first = World(folder / "first")
        self.first.prepare()
        self.before = look(copy(self.first, folder / "look"))
        self.after: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}
        for job in JOBS:
            world = self.fresh("undisturbed")
            start = time.perf_counter()
            assert self.run(world.root, job) == "done"
            self.seconds[job] = time.perf_counter() - start
            self.after[job] = self.look(world)

    def fresh(self, name: str) -> World:
        """A copy of the first state."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return copy(self.first, self.folder / name)

    def look(self, world: World) -> dict[str, str]:
        """What readers see; they may write where they look (a cache), so they look at a copy."""
        shutil.rmtree(self.folder / "look", ignore_errors=True)
        return look(copy(world, self.folder / "look"))

    def run(self, root: Path, job: str, fault: Fault | None = None) -> str:
        """Do a job under a fault, or undisturbed; returns how it ended."""
        told = self.context.SimpleQueue()
        process = self.context.Process(target=work, args=(root, job, fault, told))
        process.start()
        if fault is not None:
            fault.during(root, process, self.seconds[job])
        process.join(_LONGEST)
        if process.is_alive():
            process.kill()
            process.join()
            return "hung"
        return told.get() if not told.empty() else f"ended by signal {-(process.exitcode or 0)}"

    def disturbed(self, job: str, fault: Fault) -> tuple[str, list[str]]:
        """One run: how the job ended, and what was wrong afterwards."""
        world = self.fresh("disturbed")
        wrong = []
        with fault.before(world.root):
            ended = self.run(world.root, job, fault)
            if ended == "hung":
                wrong.append("the job hung")
            wrong += self.unseen(world, job, fault)
            fault.lift(world.root)
            again = self.again(world, job, fault)
            if again != "done":
                wrong.append(f"the next run did not finish: {again}")
            else:
                found = self.look(world)
                wrong += [
                    f"after the next run {part} is another" for part in found if found[part] != self.after[job][part]
                ]
        return ended, wrong

    def unseen(self, world: World, job: str, fault: Fault) -> list[str]:
        """Parts of which readers see neither the old state nor the new one."""
        wrong = []
        for part, seen in self.look(world).items():
            refused = fault.damages and seen.startswith("error: ") and str(self.folder / "look") in seen
            if seen not in (self.before[part], self.after[job][part]) and not refused:
                wrong.append(f"{part}: readers see neither the old state nor the new one: {seen}")
        return wrong

    def again(self, world: World, job: str, fault: Fault) -> str:
        """The next run; where it names a damaged file, that file is restored, as the message says."""
        for _ in range(4):
            ended = self.run(world.root, job)
            named = [path for path in self.first.root.rglob("*") if path.is_file() and f"/{path.name}" in ended]
            if ended == "done" or not fault.damages or not named:
                return ended
            for path in named:
                target = world.root / path.relative_to(self.first.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                for aside in ("-wal", "-shm"):  # SQLite's own
                    target.with_name(target.name + aside).unlink(missing_ok=True)
                shutil.copy2(path, target)
        return ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args(argv)
    counts: Counter[tuple[str, str, str]] = Counter()
    lost = 0
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o755)  # the job may run as another user
        harness = Harness(Path(folder))
        for number in range(arguments.runs):
            rng = random.Random(f"{arguments.seed}-{number}")
            kind = arguments.kind[number % len(arguments.kind)]
            job = rng.choice(list(JOBS))
            ended, wrong = harness.disturbed(job, Fault(kind, rng))
            how = "done" if ended == "done" else "killed" if ended.startswith("ended") else ended.split(":")[0]
            counts[kind, job, how] += 1
            for one in wrong:
                lost += 1
                print(f"run {number} (seed {arguments.seed}), {kind} during {job}, {ended}: {one}", flush=True)
    rows = [{"fault": f, "job": j, "ended": e, "runs": n} for (f, j, e), n in sorted(counts.items())]
    for row in rows:
        print(f"{row['fault']:>10} {row['job']:>12} {row['ended']:>20} {row['runs']:5}")
    seconds = time.perf_counter() - start
    print(f"{arguments.runs} runs, seed {arguments.seed}, {seconds:.0f} s: {lost or 'nothing'} lost")
    if arguments.json:
        found = {"runs": arguments.runs, "seed": arguments.seed, "lost": lost, "rows": rows}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
