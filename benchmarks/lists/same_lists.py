"""Compare the published bytes of an earlier commit with those of the checkout: a change that only moves code keeps all.

    python -m benchmarks.same_lists --before COMMIT --data DATA

Each publishes the sample newsroom and Reuters (`--stories`), each in a process of its own. Exit status 1 if any file
differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEWSROOM = ROOT / "data" / "newsroom"
AS_OF = "2026-05-30T16:00:00+00:00"
PUBLISH = """
import json, sys, itertools, time
from datetime import datetime
from importlib import import_module
try:
    precompute = import_module("recommender.jobs.precompute").precompute
except ModuleNotFoundError:  # before the packages
    precompute = import_module("recommender.batch").precompute
articles, out, rules, as_of, most, cache = json.loads(sys.argv[1])
if most:
    import gzip
    with gzip.open(articles, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line in itertools.islice(lines, most)]
as_of = as_of and datetime.fromisoformat(as_of)
start = time.perf_counter()
summary = precompute(articles, out, rules=rules, as_of=as_of, cache=cache)
print(json.dumps({"version": summary.version, "lists": summary.lists, "seconds": time.perf_counter() - start}))
"""


def published(checkout: Path, run: Sequence[object], out: Path) -> tuple[dict[str, str], dict[str, object]]:
    """Publish with the code of a checkout: digests of the files of the version, and what the run says."""
    articles, rules, as_of, most, cache = run
    told = json.dumps([articles, str(out), rules, as_of, most, cache])
    done = subprocess.run([sys.executable, "-c", PUBLISH, told], cwd=checkout, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    files = {}
    for path in sorted((out / "versions").glob("*/*")):
        files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="commit to compare with")
    parser.add_argument("--data", type=Path, required=True, help="folder with reuters21578.jsonl.gz")
    parser.add_argument("--stories", type=int, default=19_043, help="stories of Reuters, in file order")
    arguments = parser.parse_args()
    differ = False
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        earlier = work / "before"
        earlier.mkdir()
        archive = subprocess.run(["git", "archive", arguments.before], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "x", "-C", str(earlier)], input=archive.stdout, check=True)
        reuters = str(arguments.data.resolve() / "reuters21578.jsonl.gz")
        cache = str(work / "vectors.sqlite")  # shared: the vectors of both come from the same file
        runs = {
            "sample newsroom": (str(NEWSROOM / "articles.jsonl"), str(NEWSROOM / "rules.toml"), AS_OF, 0, None),
            "Reuters": (reuters, None, None, arguments.stories, cache),
        }
        for name, run in runs.items():
            before, told = published(earlier, run, work / f"{name}-before")
            after, told_now = published(ROOT, run, work / f"{name}-after")
            changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
            differ |= bool(changed)
            outcome = f"differ: {', '.join(changed)}" if changed else f"{len(before)} files are the same"
            print(
                f"{name}: {told_now['lists']:,} lists, version {told['version']} and {told_now['version']}; {outcome}"
            )
    sys.exit(differ)


if __name__ == "__main__":
    main()
