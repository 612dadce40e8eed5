"""What can go wrong outside of the program, each at a random moment or place."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

NOBODY = "nobody"


@dataclass(frozen=True)
class Fault:
    """One fault of a run.

    Attributes
    ----------
    kind : str
        kill, disk, rights, memory, truncate or flip.
    rng : random.Random
        Decides about moment and place.
    """

    kind: str
    rng: random.Random

    @property
    def user(self) -> str | None:
        """Whom the job runs as: root may write everywhere."""
        return NOBODY if self.kind == "rights" else None

    @property
    def damages(self) -> bool:
        """Whether files are altered: readers may then refuse them."""
        return self.kind in ("truncate", "flip")

    @contextmanager
    def before(self, root: Path) -> Iterator[None]:
        """What is there when the job starts, gone afterwards."""
        if self.kind == "disk":
            used = sum(path.stat().st_blocks * 512 for path in root.rglob("*") if path.is_file())
            with small_disk(root, used + self.rng.randrange(16, 1_500) * 1_024):
                yield
            return
        if self.damages:
            self.damage(root)
        if self.user:
            subprocess.run(["chown", "-R", self.user, root], check=True)
        yield

    def damage(self, root: Path, path: Path | None = None) -> Path:
        """Cut a random file or alter one of its bytes."""
        path = path or self.rng.choice(sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size))
        data = bytearray(path.read_bytes())
        at = self.rng.randrange(len(data))
        if self.kind == "truncate":
            del data[at:]
        else:
            data[at] ^= self.rng.randrange(1, 256)
        path.write_bytes(bytes(data))
        return path

    def limit(self) -> None:
        """In the job's process, before it starts."""
        if self.kind == "memory":
            with open("/proc/self/statm") as statm:
                held = int(statm.read().split()[0]) * resource.getpagesize()
            most = held + self.rng.randrange(1, 96) * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

    def during(self, root: Path, job: BaseProcess, seconds: float) -> None:
        """While the job runs."""
        if self.kind not in ("kill", "rights"):
            return
        if self.rng.random() < 0.5:
            job.join(self.rng.random() * seconds)
        else:  # where files change is where something can be lost
            _wait_for_changes(root, job, self.rng.randrange(1, 40))
        if self.kind == "kill":
            job.kill()
        else:
            folders = sorted(path for path in [root, *root.rglob("*")] if path.is_dir())
            for path in self.rng.sample(folders, self.rng.randrange(1, len(folders) + 1)):
                path.chmod(0o555)
        job.join()

    def lift(self, root: Path) -> None:
        """Undo what still stands in the way."""
        if self.kind == "rights":
            subprocess.run(["chmod", "-R", "u+rwX", root], check=True)
        if self.kind == "disk" and os.path.ismount(root):
            subprocess.run(["mount", "-o", "remount,size=256m", root], check=True)


@contextmanager
def small_disk(root: Path, size: int) -> Iterator[None]:
    """A file system of its own for a folder, with its files moved in and room for `size` bytes."""
    aside = root.with_name(f"{root.name}.aside")
    root.rename(aside)
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", root], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", root], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", root], check=True)
        root.rmdir()
        aside.rename(root)


def _wait_for_changes(root: Path, job: BaseProcess, count: int) -> None:
    """Until that many changes were seen below a folder, or the job has ended."""
    seen = _state(root)
    while count > 0 and job.is_alive():
        now = _state(root)
        count -= len(seen ^ now)
        seen = now
        time.sleep(0.0005)


def _state(root: Path) -> set[tuple[str, int, int]]:
    found = set()
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                stat = os.stat(os.path.join(folder, name))
            except OSError:
                continue
            found.add((os.path.join(folder, name), stat.st_ino, stat.st_size))
    return found
