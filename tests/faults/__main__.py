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
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.harm import Fault
from tests.faults.harness import Harness
from tests.faults.world import JOBS

KINDS = ("kill", "disk", "rights", "memory", "truncate", "flip")


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
