"""What follows retrieval, microseconds a story: ranking, selection, reasons, records, writing; and seconds of fitting.

Run: ``python -m benchmarks.pipeline [N] [--data FOLDER]``. Without a data folder the stories are made of sentences of
the sample newsroom, drawn anew; with one, they are the first N of its Reuters stories. Vectors are TF-IDF + SVD:
what follows retrieval hardly depends on the model. All figures are processor time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from recommender import Recommender, Settings
from recommender.archive import archive
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf
from recommender.publishing.folder import FilePublisher
from recommender.reading.read import read_articles
from recommender.selection.series import Series

NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom" / "articles.jsonl"
STAGES = {"retrieve": "retrieve", "rank": "rank", "select": "select", "explain": "explain", "records": "to_batch"}
ASKED = 4096  # stories that lists are made for, spread over the archive


def made(n: int) -> list[dict[str, Any]]:
    """Stories of the sample newsroom's sentences, six an hour."""
    with NEWSROOM.open(encoding="utf-8") as file:
        sentences = [part for line in file for part in json.loads(line)["body"].split(". ") if len(part) > 20]
    rng, start = random.Random(0), datetime(2020, 1, 1, tzinfo=UTC)
    return [
        {
            "id": f"made-{number}",
            "title": " ".join(rng.choice(sentences).split()[:8]),
            "body": ". ".join(rng.choices(sentences, k=8)),
            "published_at": start + timedelta(minutes=10 * number),
        }
        for number in range(n)
    ]


def reuters(n: int, data: Path) -> list[dict[str, Any]]:
    """The first stories of Reuters-21578."""
    with gzip.open(data / "reuters21578.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in islice(file, n)]


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up the processor time of each stage."""
    kept = {name: getattr(archive, name) for name in STAGES.values()}

    def watched(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            start = time.process_time()
            found = function(*args, **options)
            spent[stage] = spent.get(stage, 0.0) + time.process_time() - start
            return found

        return run

    try:
        for stage, name in STAGES.items():
            setattr(archive, name, watched(stage, kept[name]))
        yield
    finally:
        for name, function in kept.items():
            setattr(archive, name, function)


def _seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return round(time.process_time() - start, 3)


def measure(n: int, data: Path | None = None) -> dict[str, Any]:
    """Processor time of every stage for an archive of `n` stories; the least of three runs a stage."""
    table, _ = read_articles(made(n) if data is None else reuters(n, data))
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}}))
    rec.embedder.fit(table)
    rec.fit_table(table)
    fit = {
        "catalog": _seconds(lambda: _derived(Catalog.of(table))),
        "tfidf": _seconds(lambda: Tfidf.fit(whole_texts(table))),
        "series": _seconds(lambda: Series.fit(table, ()).codes(table)),
        "floor": _seconds(lambda: rec.archive.under(rec.settings)),
    }
    rows = np.unique(np.linspace(0, len(table) - 1, min(ASKED, len(table))).astype(np.int64))
    for _ in rec.lists(rows[:64]):  # compiles, and fills what the archive keeps
        pass
    runs = []
    for _ in range(3):
        spent: dict[str, float] = {}
        with _timed(spent):
            start = time.process_time()
            batches = list(rec.lists(rows))
            spent["lists"] = time.process_time() - start
        for format in ("parquet", "jsonl"):
            with tempfile.TemporaryDirectory() as folder:
                publisher = FilePublisher(Path(folder), format)
                with publisher.writing():
                    spent[f"write {format}"] = _seconds(lambda: publisher.publish(batches, {"version": "v"}, 1))  # noqa: B023
        runs.append(spent)
    return {
        "n": len(table),
        "numba": version("numba"),
        "microseconds a story": {stage: round(min(r[stage] for r in runs) / len(rows) * 1e6, 1) for stage in runs[0]},
        "fit seconds": fit,
        "terms a story": round(rec.archive.terms.nnz / max(len(table), 1), 1),
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _derived(catalog: Catalog) -> None:
    for name in ("id_rank", "published", "expires", "timeless", "live", "superseded", "copy_group"):
        getattr(catalog, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=20_000)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    print(json.dumps(measure(options.n, options.data)))


if __name__ == "__main__":
    main()
