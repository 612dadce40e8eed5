"""Runs of jobs under faults, and what is looked at afterwards."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

from recommender.storage import checkpoints
from tests.faults.harm import Fault
from tests.faults.world import JOBS, World, become, copy, look, warm
from tests.support.processes import forkserver

_LONGEST = 60.0  # seconds of a job that is not held up


def work(root: Path, job: str, fault: Fault | None, told: Any) -> None:
    """The job's process: does the work, and tells how it ended."""
    checkpoints.SHARD = 16  # so that so few stories are kept in shards as well
    if fault is not None:
        if fault.user:
            warm()  # another user may not be able to import
        fault.limit()
        become(fault.user)
    try:
        JOBS[job](World(root))
    except BaseException as error:
        told.put(f"{type(error).__name__}: {error}")
        raise SystemExit(1) from None
    told.put("done")


def show(root: Path, told: Any) -> None:
    """A process that looks: what it reads may crash it."""
    told.put(look(World(root)))


class Harness:
    """All that the runs share: processes that start quickly, and the states of undisturbed runs."""

    def __init__(self, folder: Path) -> None:
        self.context = forkserver()
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
        # short of memory, a job may not get as far as having imported all
        context = multiprocessing.get_context("spawn") if fault and fault.kind == "memory" else self.context
        told = context.SimpleQueue()
        process = context.Process(target=work, args=(root, job, fault, told))
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
                wrong += [f"left behind: {path}" for path in world.root.rglob(checkpoints.FOLDER)]
                found, expected = self.look(world), self.after[job]
                for seen in found.values() if fault.damages else ():  # the job may not write what was damaged
                    self.restore(world, seen)
                found = self.look(world)
                wrong += [
                    f"after the next run {part} is another: {seen}"
                    for part, seen in found.items()
                    if seen != expected[part]
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
            if ended == "done" or not fault.damages or not self.restore(world, ended):
                return ended
        return ended

    def restore(self, world: World, message: str) -> bool:
        """Put the files that an error names back as they were at first; whether it names any."""
        files = [path for path in self.first.root.rglob("*") if path.is_file()]
        # by the path below the root: lists and snapshot have files of one name
        named = [path for path in files if f"/{path.relative_to(self.first.root)}" in message]
        if not message.startswith(("error: ", "DamagedError", "SnapshotError", "EmbedderError")):
            return False
        for path in named:
            target = world.root / path.relative_to(self.first.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            for aside in ("-wal", "-shm"):  # SQLite's own
                target.with_name(target.name + aside).unlink(missing_ok=True)
            shutil.copy2(path, target)
        return bool(named)
