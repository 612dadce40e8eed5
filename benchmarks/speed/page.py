"""Make `docs/benchmarks.md` from the results that are committed.

    python -m benchmarks.page

Each part of the page comes from one file of `benchmarks/results/` and names the command that made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# How fast it is

Made by `python -m benchmarks.page` from `benchmarks/results/`; not to be edited. Each part names the command that
measured it, and the processor. Two cores, no GPU. How good the lists are is told in [results.md](results.md).
"""


def loaded(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(names: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(names)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(str(value) for value in row)} |"


def seconds(value: float) -> str:
    """Write a time in three digits.

    Examples
    --------
    >>> seconds(0.123), seconds(12.34), seconds(754)
    ('0.12 s', '12.3 s', '12.6 min')
    """
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 300 else f"{value / 60:.1f} min"


def candidates() -> Iterator[str]:
    """Tell how long the candidates of all stories take."""
    found = loaded("search")
    k, lists = found["settings"]["k"], found["settings"]["lists"]
    yield "## Candidates of all stories"
    yield ""
    yield f"`python -m benchmarks.search ARCHIVE ...`, {found['machine']['cpu']}; the {k} best of each, projected"
    yield "from a sample of stories. Times are those of the processor over the number of cores. *All compared*: each"
    yield "story with each. *Within reach*: with those that words and cells of vectors tell to be near, the default"
    yield "beyond 50,000 stories; its time includes what tells the reach. *One story*: a draft, searched for alone."
    yield "*Changes*: 1,000 new or changed stories offered to all, as in a refresh. *Load*: what else ran. It takes"
    yield "caches and memory away, so such times are upper bounds, and comparing a million with all loses more by it"
    yield "than looking within reach: the ratio flatters there."
    yield "*Final five*: the share of shown items that are the same either way, over"
    yield f"{lists:,} lists. Synthetic stories are mixed from real ones."
    yield ""
    yield from table(
        (
            "archive",
            "stories",
            "all compared",
            "within reach",
            "ratio",
            "one story",
            "changes",
            "load",
            "agreement of the best 5 / 50 / all",
            "final five",
        ),
        (
            (
                row["about"],
                f"{row['stories']:,}",
                seconds(row["all compared, seconds"]),
                seconds(row["within reach, seconds"]),
                f"{row['within reach, seconds'] / row['all compared, seconds']:.2f}",
                f"{row['one story, ms']:.1f} ms",
                seconds(row["changes offered, seconds"]),
                row["load"][0],
                " / ".join(f"{value:.3f}" for value in row["agreement"].values()),
                "{:.4f} [{:.4f}, {:.4f}]".format(*row["final five"]) if row.get("final five") else "-",
            )
            for row in found["rows"]
        ),
    )
    yield ""
    first, last = found["rows"][0], found["rows"][-1]
    if last["stories"] > first["stories"]:
        yield growth(first, last)
        yield ""
    yield "Beside what others do with a part of what is searched:"
    yield ""
    yield from table(
        ("stories", "system", "build", "all stories", "ours within reach to it"),
        (
            (
                f"{row['stories']:,}",
                name,
                seconds(one["build"]),
                seconds(one["seconds"]),
                f"{row['within reach, seconds'] / (one['build'] + one['seconds']):.2f}",
            )
            for row in found["rows"]
            for name, one in row["peers"].items()
        ),
    )


def growth(first: Any, last: Any) -> str:
    """Tell how the time grows with the stories, and what that says of archives that were not measured."""
    stories, time = (np.log([row[name] for row in (first, last)]) for name in ("stories", "within reach, seconds"))
    exponent = float(np.diff(time)[0] / np.diff(stories)[0])
    said = [f"Between the first and the last of these the time within reach grows as n^{exponent:.2f}."]
    for size in (10_000_000, 100_000_000):
        hours = last["within reach, seconds"] * (size / last["stories"]) ** exponent / 3_600
        said.append(f"By that, {size:,} stories take {hours:,.0f} hours on two cores.")
    said.append(
        "On paper only: no archive of that size was measured. Each story sets its estimate for every row, so in"
    )
    said.append("the end the time grows as n^2, and a billion stories are an archive for each language and some years.")
    return "\n".join(said)


def lists() -> Iterator[str]:
    """Tell what a list takes besides its candidates."""
    found = loaded("pipeline")
    yield "## Lists from candidates"
    yield ""
    count = found["rows"][0]["candidates"]
    yield f"`python -m benchmarks.pipeline`, {found['machine']['cpu']}; processor time, {count} candidates each."
    yield ""
    yield from table(
        ("stories", "part", "microseconds a story"),
        (
            (f"{row['n']:,}", part, value)
            for row in found["rows"]
            for part, value in row["microseconds a story"].items()
        ),
    )


def reading() -> Iterator[str]:
    """Tell how fast files are read."""
    found = loaded("reading")
    yield "## Reading"
    yield ""
    yield f"`python -m benchmarks.reading --data DATA`, {found['machine']['cpu']}; microseconds a story by the clock."
    yield ""
    yield from table(
        ("file", "stories", "in blocks", "row by row", "times as fast"),
        (
            (
                row["file"],
                f"{row['stories']:,}",
                row["microseconds"]["in_blocks"]["wall"],
                row["microseconds"]["one_by_one"]["wall"],
                row["ratio_wall"],
            )
            for row in found["rows"]
        ),
    )


def serving() -> Iterator[str]:
    """Tell how many lists a second are served."""
    found = loaded("serving")
    yield "## Serving"
    yield ""
    yield f"`python -m benchmarks.serving`: {found['clients']} clients read {found['stories']:,} stories for"
    yield f"{found['seconds']:.0f} s while one writer publishes and withdraws, load average {found['load_average']}:"
    yield f"**{found['reads_a_second']:,} reads a second**, half in {found['p50_ms']} ms, 99 of 100 in"
    yield f"{found['p99_ms']} ms; {found['torn_lists']} torn lists and {found['withdrawn_items_shown']} withdrawn items"
    yield f"in {found['reads']:,} reads."


def document() -> str:
    """Write the page."""
    parts = ["\n".join(part()) for part in (candidates, lists, reading, serving)]
    return HEAD + "\n" + "\n\n".join(parts) + "\n"


def main() -> None:
    DOCS.write_text(document(), encoding="utf-8")
    print(DOCS)


if __name__ == "__main__":
    main()
