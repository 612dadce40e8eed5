"""Speed and memory against the ways that people do the same today.

    python -m benchmarks.speed [CASE ...] [--n N ...] [--json] [--to]

Cases: embed, build, all-lists, call, refresh, memory; default: all. Every contender runs in a process of its own, so
that its peak memory is its own, and in turns: ours, reference, others, then again. Figures are the least and the
median of the rounds; the ratio is our least over the reference's, below 1 when we are faster (or smaller). What would
take too long is timed on some stories and marked as projected. Peers that are not installed are named and left out:
``pip install 'recommender[bench]'``.

Stories are synthetic (`benchmarks.scale`), made from Reuters-21578 with ``--data DATA``, else from the sample
newsroom; ``--real`` takes the stories of Reuters themselves. With ``--to`` the rows go
into `benchmarks/results/speed.json`, where a row replaces an older one of the same case, n and stories.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, Case, Contender, Job
from benchmarks.scale import Recipe, ScaleArchive, Seeds, generate, real
from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, kernels, machine
from recommender import Settings
from recommender.version import __version__

RESULT = RESULTS / "speed.json"
WORK = Path("out") / "speed"

_note = Console(stderr=True, highlight=False)


class ContenderFailed(RuntimeError):
    """A process ended without figures; the message is the last line that it wrote."""


def run_apart(case: Case, name: str, job: Job) -> dict[str, Any]:
    """Figures of one contender, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cases", case.name, name]
    done = subprocess.run(command, input=json.dumps(asdict(job)), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ContenderFailed(f"{case.name}, {name}: {lines[-1] if lines else f'ended with {done.returncode}'}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(case: Case, job: Job, rounds: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """One row of the result: all contenders of a case in turns.

    Parameters
    ----------
    case : Case
    job : Job
    rounds : int
    only : sequence of str
        Names of those that run beside ours and the reference; all if empty.

    Raises
    ------
    ContenderFailed
        If ours or the reference fails; another that fails is named in the row.
    """
    ours, reference, *others = case.contenders
    others = [one for one in others if not only or one.name in only]
    products = [one for one in case.products if not only or one.name in only]
    row: dict[str, Any] = {"skipped": {}, "failed": {}}
    ready: list[Contender] = []
    for one in (ours, reference, *others):
        if one.missing:
            row["skipped"][one.name] = f"{', '.join(one.missing)} not installed; pip install 'recommender[bench]'"
            _note.print(f"{case.name}: {one.name} skipped: {row['skipped'][one.name]}", markup=False)
        else:
            ready.append(one)
    if case.prepare:
        _note.print(f"{case.name}: preparing")
        run_apart(case, "prepare", job)
    runs: dict[str, list[dict[str, Any]]] = {one.name: [] for one in (*ready, *products)}
    judged: dict[str, Path] = {}
    for turn in range(rounds):
        for one in (*ready, *products):
            if one.name in row["failed"]:
                continue
            scratch = Path(job.scratch) / one.name.replace(" ", "_")
            scratch.mkdir(exist_ok=True)
            asked = replace(job, scratch=str(scratch), pairs=min(job.pairs, one.pairs))
            try:
                figures = run_apart(case, one.name, asked)
            except ContenderFailed as failure:
                if one in (ours, reference):
                    raise
                row["failed"][one.name] = str(failure)
                _note.print(str(failure), markup=False)
                continue
            runs[one.name].append(figures)
            told = f"{figures['seconds']:.4g} s" + (" (projected)" if figures.get("projected") else "")
            _note.print(f"{case.name}, n = {job.n:,}, round {turn + 1} of {rounds}, {one.name}: {told}")
            if turn == 0 and case.judge and one in case.contenders:
                judged[one.name] = scratch
    recalls = {name: case.judge(job, found, judged[reference.name]) for name, found in judged.items() if case.judge}
    return row | _row(case, job, runs, recalls)


def _row(case: Case, job: Job, runs: dict[str, list[dict[str, Any]]], recalls: dict[str, float]) -> dict[str, Any]:
    ours, reference = (one.name for one in case.contenders[:2])
    summary = {name: _summary(found, case.by) for name, found in runs.items() if found}
    against = runs.get(reference, [])
    for name, figures in summary.items():
        figures["recall"] = recalls.get(name)
        if against:
            figures["ratio"] = figures[case.by] / summary[reference][case.by]
            figures["ratios"] = [a[case.by] / b[case.by] for a, b in zip(runs[name], against, strict=True)]
    products = {one.name: summary.pop(one.name) for one in case.products if one.name in summary}
    own = summary.pop(ours)
    row = {
        "case": case.name,
        "n": own.get("n", job.n),
        "ratio": own.get("ratio"),
        "recall": own["recall"],
        "seconds": own["seconds"],
        "by": case.by,
        "reference": reference,
        "ours": own,
        "peers": summary,
        "products": products,
    }
    if products:
        row["fraction"] = min(figures["seconds"] for figures in products.values()) / own["seconds"]
    return row


def _summary(found: list[dict[str, Any]], by: str) -> dict[str, Any]:
    """Figures of the best round, with the median of all."""
    best = min(found, key=lambda figures: figures[by])
    return best | {f"{by}_median": statistics.median(figures[by] for figures in found)}


def archive_for(n: int, seeds: Seeds, seed: int, work: Path) -> ScaleArchive:
    """Make the synthetic archive of a size, unless it is there."""
    folder = work / "archives" / f"{seeds.name}-{n}"
    if not (folder / "archive.json").exists():
        _note.print(f"making {n:,} synthetic stories in {folder}")
    return generate(folder, seeds, Recipe(n, seed))


def merge(path: Path, rows: list[dict[str, Any]]) -> None:
    """Put rows into a result file; a row of the same case, n and stories gives way."""
    held = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []

    def key(row: dict[str, Any]) -> tuple[str, str, int]:
        return row["case"], row["stories"], row["n"]

    merged = {key(row): row for row in (*held, *rows)}
    order = list(CASES)
    content = {"rows": sorted(merged.values(), key=lambda row: (order.index(row["case"]), row["stories"], row["n"]))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Five digits are more than any clock here means."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def show(row: dict[str, Any]) -> Table:
    """Show a row as a table for people."""
    table = Table(title=f"{row['case']}: {CASES[row['case']].what}; n = {row['n']:,}, {row['stories']}")
    for name in ("", "seconds", "median", "peak MiB", "recall", f"ratio by {row['by']}"):
        table.add_column(name, justify="left" if not name else "right")
    for name, figures in (("recommender", row["ours"]), *row["peers"].items(), *row["products"].items()):
        cells = (
            _number(figures["seconds"]) + ("*" if figures.get("projected") else ""),
            _number(figures.get("seconds_median")),
            f"{figures['peak_mib']:,.0f}",
            "" if figures.get("recall") is None else f"{figures['recall']:.4f}",
            _number(figures.get("ratio")),
        )
        table.add_row(name, *cells)
    if any(figures.get("projected") for figures in (row["ours"], *row["peers"].values(), *row["products"].values())):
        table.caption = "* projected from some stories or blocks"
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def rows_of(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure what was asked for, one row after the other."""
    settings = Settings.of({"embedding": {"model": arguments.model}})
    seeds: Seeds | None = None
    scratch = arguments.work / "scratch"
    for n in arguments.n:
        prepared = arguments.work / "prepared" / str(n)  # what cases of one size share
        if not arguments.keep:
            shutil.rmtree(prepared, ignore_errors=True)
        for name in arguments.case or CASES:
            case = CASES[name]
            archive = ScaleArchive(arguments.work / "archives" / "reuters21578")
            stories = "reuters21578" if arguments.data else "newsroom"
            if case.synthetic and not arguments.real:
                seeds = seeds or Seeds.read(arguments.data, arguments.cache, settings)
                archive = archive_for(n, seeds, arguments.seed, arguments.work)
                stories = f"synthetic from {seeds.name}"
            elif case.synthetic:
                archive = real(archive.folder, arguments.data, arguments.cache)
                n = archive.made["n"]
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            data = str(arguments.data.resolve()) if arguments.data else None
            places = (str(folder.resolve()) for folder in (archive.folder, scratch, prepared))
            job = Job(*places, n, arguments.k, arguments.pairs, data)
            row = measure(case, job, arguments.rounds, arguments.only)
            yield row | {
                "stories": stories,
                "archive": archive.made if case.synthetic else {},
                "settings": {
                    "k": arguments.k,
                    "rounds": arguments.rounds,
                    "pairs": arguments.pairs,
                    "seed": arguments.seed,
                    "version": __version__,
                },
                "machine": machine(),
                "kernels": kernels(),
            }
            shutil.rmtree(scratch, ignore_errors=True)
        if not arguments.keep:
            shutil.rmtree(prepared, ignore_errors=True)


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("case", nargs="*", metavar="CASE", help=", ".join(CASES))
    made.add_argument("--n", type=int, nargs="+", default=[10_000], help="stories; several make several rows")
    made.add_argument("--k", type=int, default=50, help="items of a list in all-lists")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--pairs", type=float, default=1e12, help="most comparisons before a time is projected")
    made.add_argument("--only", nargs="+", default=[], metavar="PEER", help="peers beside the reference; default all")
    made.add_argument("--data", type=Path, help="folder with reuters21578.jsonl.gz")
    made.add_argument("--cache", type=Path, help="vector cache file of an earlier run")
    made.add_argument("--real", action="store_true", help="the stories of Reuters themselves; needs --data")
    made.add_argument("--model", default=Settings().embedding.model, help="for the vectors of the seeds")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--work", type=Path, default=WORK, help="folder for archives; they are kept")
    made.add_argument("--keep", action="store_true", help="use what an earlier run prepared, and keep it")
    made.add_argument("--json", action="store_true", help="one line a case instead of tables")
    made.add_argument("--to", type=Path, nargs="?", const=RESULT, help="result file to put the rows into")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and show."""
    made = parser()
    arguments = made.parse_args(argv)
    if unknown := sorted(set(arguments.case) - set(CASES)):
        made.error(f"unknown case {unknown[0]!r}; expected one of {', '.join(CASES)}")
    if arguments.real and not arguments.data:
        made.error("--real needs --data")
    names = {one.name for case in CASES.values() for one in (*case.contenders, *case.products)}
    if unknown := sorted(set(arguments.only) - names):
        made.error(f"unknown peer {unknown[0]!r}; expected one of {', '.join(sorted(names))}")
    if min(arguments.n) < 2:
        made.error("--n must be at least 2")
    console = Console()
    for row in rows_of(arguments):
        if arguments.to:
            merge(arguments.to, [row])
        if arguments.json:
            print(json.dumps(_rounded(row)), flush=True)
        else:
            console.print(show(row))


if __name__ == "__main__":
    main()
