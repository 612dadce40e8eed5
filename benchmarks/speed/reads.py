"""What reading costs: imports, opening published lists, and lists a second from one process.

``python -m benchmarks.reads --n 100000`` publishes n lists to a temporary folder, in JSONL and in Parquet, and reads
them back. Every figure is the best of some passes. Three ways to read are told apart:

- `get`: the list is found, its checksum compared, withdrawals asked for; its items are not looked at;
- `items`: as `get`, and every item is made;
- `json`: the list as bytes to send on.

They read the same few hundred lists again and again ("warm") or thousands all over the file ("anywhere").
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from recommender import PublishedLists
from recommender.lists.records import RECORD
from recommender.publishing import open_publisher

_PASSES = 3
_WARM, _ANYWHERE = 300, 5_000  # lists
_BLOCK = 1_024
_WITHDRAWN = 100  # of the stories, so that every read has something to ask for
_WORDS = (
    *("harbour", "ferry", "captain", "inquiry", "council", "budget", "vote", "museum", "opera", "director", "storm"),
    *("coast", "rescue", "fares", "timetable", "bridge", "parliament", "minister", "election", "poll", "economy"),
)


def records(n: int, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """Make lists of five items and five reserves with reasons, about 4 KB each; texts of 1,024 lists recur."""
    draw = random.Random(seed)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    text = lambda words: " ".join(draw.choices(_WORDS, k=words)).capitalize()  # noqa: E731

    def shown(article_id: str) -> dict[str, Any]:
        published = start + timedelta(minutes=draw.randrange(500_000))
        url, section = f"https://news.example/{article_id}", draw.choice(("News", "Culture", "Sport"))
        return {"title": text(8), "url": url, "section": section, "published_at": published, "line": text(20)}

    def item(rank: int) -> dict[str, Any]:
        article_id = f"story-{draw.randrange(n)}"
        terms = [{"term": draw.choice(_WORDS), "weight": round(draw.random(), 6)} for _ in range(3)]
        reasons = [
            {"kind": "meaning", "text": "close in meaning", "weight": round(draw.random(), 6), "terms": []},
            {"kind": "shared_terms", "text": f"both on: {text(3)}", "weight": round(draw.random(), 6), "terms": terms},
        ]
        numbers = {name: round(draw.random(), 6) for name in ("dense", "lexical", "relevance", "freshness", "boost")}
        said = {"source": "related", "score": round(draw.random(), 6), "components": numbers, "reasons": reasons}
        return {"rank": rank, "article_id": article_id, **shown(article_id), **said}

    of_run = {"status": "ok", "k": 5, "version": "benchmark", "as_of": start, "settings": "benchmark"}
    block = [
        {**of_run, "story": shown("story"), "items": [*map(item, range(1, 6))], "reserves": [*map(item, range(6, 11))]}
        for _ in range(min(n, _BLOCK))
    ]
    made = pa.RecordBatch.from_pylist(block, schema=RECORD)
    for first in range(0, n, _BLOCK):
        size = min(_BLOCK, n - first)
        ids = pa.array([f"story-{number}" for number in range(first, first + size)], RECORD.field("article_id").type)
        yield made.slice(0, size).set_column(0, RECORD.field("article_id"), ids)


def import_seconds(code: str = "import recommender") -> float:
    """Best time of an import in a fresh interpreter, its start not counted."""
    timed = f"import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"
    runs = (subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True) for _ in range(_PASSES))
    return min(float(run.stdout) for run in runs)


def best(work: Callable[[], object]) -> float:
    """Least seconds of several passes."""
    found = []
    for _ in range(_PASSES):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def a_second(ask: Callable[[str], object], ids: Sequence[str]) -> float:
    """Measure the calls a second, one id after the other."""

    def work() -> None:
        for article_id in ids:
            ask(article_id)

    return len(ids) / best(work)


def of_format(format: str, n: int, folder: Path) -> dict[str, Any]:
    """Figures of one file format."""
    publisher = open_publisher(folder, format)
    start = time.perf_counter()
    with publisher.writing():
        publisher.publish(records(n), {"version": "benchmark"}, keep=1)
    publish_seconds = time.perf_counter() - start
    anywhere = [f"story-{number}" for number in random.Random(1).sample(range(n), min(n, _ANYWHERE))]
    warm = [f"story-{number}" for number in range(min(n, _WARM))]  # in Parquet: of a row group that stays decoded
    lists = PublishedLists.open(folder)
    size = next(entry["bytes"] for name, entry in lists.manifest["files"].items() if name.startswith("lists"))
    figures = {
        "publish_seconds": publish_seconds,
        "bytes_a_list": size / n,
        "open_seconds": best(lambda: PublishedLists.open(folder)),
        "get_without_withdrawals_a_second": a_second(lists.get, warm),
    }
    lists.withdraw(random.Random(2).sample(anywhere, min(n, _WITHDRAWN)))
    figures |= {
        "get_a_second": a_second(lists.get, warm),
        "items_a_second": a_second(lambda article_id: lists.get(article_id).items, warm),
        "json_a_second": a_second(lists.json, warm),
    }
    if format == "parquet":  # a row group is decoded for nearly every list
        anywhere = anywhere[:50]
    figures["get_anywhere_a_second"] = a_second(lists.get, anywhere)
    figures["json_anywhere_a_second"] = a_second(lists.json, anywhere)
    return figures


def measure(n: int) -> dict[str, Any]:
    """All figures for n published lists."""
    figures: dict[str, Any] = {
        "n": n,
        "import_seconds": import_seconds(),
        "import_published_lists_seconds": import_seconds("from recommender import PublishedLists"),
        "import_recommender_seconds": import_seconds("from recommender import Recommender"),
        "import_numpy_seconds": import_seconds("import numpy"),
    }
    for format in ("jsonl", "parquet"):
        with TemporaryDirectory() as folder:
            figures[format] = of_format(format, n, Path(folder))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000, help="lists to publish and read (default %(default)s)")
    print(json.dumps(measure(parser.parse_args().n), indent=1))


if __name__ == "__main__":
    main()
