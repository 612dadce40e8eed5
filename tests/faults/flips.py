"""Alter files a byte at a time: `python -m tests.faults.flips --flips 1000 --seed S`.

Every flip or cut of a published file, snapshot, cache or overlay must be reported with the file's name, or be harmless:
never another list, a crash of the interpreter or a hang. Each is looked at in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.harm import Fault
from tests.faults.harness import show
from tests.faults.world import World, copy, look
from tests.support.processes import forkserver

_LONGEST = 60.0


def flip(count: int, seed: int, folder: Path) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Damage files; how often each was reported or harmless, and what was wrong."""
    context = forkserver()
    first = World(folder / "first")
    first.prepare()
    whole = look(copy(first, folder / "whole"))
    held = (path for path in first.root.rglob("*") if path.is_file() and path.stat().st_size)
    files = sorted(path.relative_to(first.root) for path in held)
    counts: Counter[tuple[str, str]] = Counter()
    wrong = []
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        kind = rng.choice(("flip", "flip", "truncate"))
        name = files[number % len(files)]  # small files matter as much as large ones
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        world = copy(first, folder / "damaged")
        path = world.root / name
        Fault(kind, rng).damage(world.root, path)
        told = context.SimpleQueue()
        process = context.Process(target=show, args=(world.root, told))
        process.start()
        process.join(_LONGEST)
        if process.is_alive():
            process.kill()
        seen = {} if told.empty() else told.get()
        refused = [part for part, one in seen.items() if one.startswith("error: ") and str(world.root) in one]
        other = [part for part, one in seen.items() if one != whole[part] and part not in refused]
        if process.exitcode != 0 or other:
            wrong.append(f"flip {number} (seed {seed}), {kind} of {name}: exit {process.exitcode}, {other} {seen}")
        counts[name.name if "." in name.name else str(name), "reported" if refused else "harmless"] += 1
    return counts, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args(argv)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="flips-") as folder:
        counts, wrong = flip(arguments.flips, arguments.seed, Path(folder))
    rows = [{"file": file, "outcome": outcome, "flips": n} for (file, outcome), n in sorted(counts.items())]
    for row in rows:
        print(f"{row['file']:>28} {row['outcome']:>10} {row['flips']:5}")
    for one in wrong:
        print(one)
    total = sum(counts.values())
    print(f"{total} flips and cuts, seed {arguments.seed}, {time.perf_counter() - start:.0f} s: {len(wrong)} wrong")
    if arguments.json:
        found = {"flips": total, "seed": arguments.seed, "wrong": len(wrong), "rows": rows}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
