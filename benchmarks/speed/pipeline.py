"""What follows retrieval, with the ranker and with a weighted sum in the same run; and seconds of fitting.

Run: ``python -m benchmarks.pipeline [N] [--data FOLDER] [--write]``. Without a data folder the stories are made of
sentences of the sample newsroom, drawn anew; with one, they are the first N of its Reuters stories. Vectors are TF-IDF
and SVD: what follows retrieval hardly depends on the model. All figures are processor time. ``--write`` writes
`benchmarks/results/pipeline.json`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import tempfile
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import write_result
from recommender import Recommender, Settings
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.families import FAMILIES
from recommender.features.hubness import Hubness
from recommender.features.pairs import Pairs, pair_features
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf
from recommender.publishing.folder import FilePublisher
from recommender.reading.read import read_articles
from recommender.selection.series import Series

NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom" / "articles.jsonl"
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
    """Read the first stories of Reuters-21578."""
    with gzip.open(data / "reuters21578.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in islice(file, n)]


def _seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return round(time.process_time() - start, 3)


def _least(function: Callable[[], Any], stories: int) -> float:
    """Microseconds of processor time a story, the least of three runs after one that compiles."""
    function()
    return round(min(_seconds(function) for _ in range(3)) / stories * 1e6, 1)


def measure(n: int, data: Path | None = None) -> dict[str, Any]:
    """Processor time of what makes lists, for an archive of `n` stories."""
    table, _ = read_articles(made(n) if data is None else reuters(n, data))
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}}))
    rec.embedder.fit(table)
    rec.fit_table(table)
    archive, ranker = rec.archive, rec.archive.ranker
    assert ranker is not None
    fit = {
        "catalog": _seconds(lambda: _derived(Catalog.from_table(table))),
        "tfidf": _seconds(lambda: Tfidf.fit(whole_texts(table))),
        "parts of texts": _seconds(lambda: TextParts.from_table(table, archive.tfidf, archive.terms)),
        "hubness and local scale": _seconds(
            lambda: Hubness.fit(archive.catalog.ids.to_pylist(), archive.terms, archive.vectors).neighbours(
                archive.terms, archive.vectors
            )
        ),
        "series": _seconds(lambda: Series.fit(table, ()).codes(table)),
    }
    rows = np.unique(np.linspace(0, len(table) - 1, min(ASKED, len(table))).astype(np.int64))
    pools = rec.lister().pools(rows)
    pool = pools.candidates(np.ones(len(table), dtype=bool))[0].rows

    def features() -> NDArray[np.float32]:
        step = archive.limits.lists
        parts = [slice(start, start + step) for start in range(0, len(rows), step)]
        pairs = (Pairs(archive.table, rows[part], archive.table, pool[part], pool[part] >= 0) for part in parts)
        return np.concatenate([pair_features(one, ranker.features, FAMILIES) for one in pairs])

    values = features().reshape(-1, len(ranker.features))
    plain = rec.under(rec.settings.override({"ranking.ranker": "none"}))
    lists = {
        name: _least(lambda one=one: deque(one.lister().lists(rows, pools=pools), maxlen=0), len(rows))
        for name, one in (("lists with the ranker", rec), ("lists with the weighted sum", plain))
    }
    figures = {"features": _least(features, len(rows)), "trees": _least(lambda: ranker.raw(values), len(rows)), **lists}
    batches = list(rec.lister().lists(rows, pools=pools))
    for format in ("parquet", "jsonl"):
        with tempfile.TemporaryDirectory() as folder:
            publisher = FilePublisher(Path(folder), format)
            with publisher.writing():
                spent = _seconds(lambda to=publisher: to.publish(batches, {"version": "v"}, 1))
            figures[f"write {format}"] = round(spent / len(rows) * 1e6, 1)
    return {
        "n": len(table),
        "candidates": pool.shape[1],
        "microseconds a story": figures,
        "stories a second a core": {
            "trees": round(1e6 / figures["trees"]),
            "features and trees": round(1e6 / (figures["features"] + figures["trees"])),
        },
        "lists: ranker to weighted sum": round(
            lists["lists with the ranker"] / lists["lists with the weighted sum"], 2
        ),
        "fit seconds": fit,
        "terms a story": round(rec.archive.terms.nnz / max(len(table), 1), 1),
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _derived(catalog: Catalog) -> None:
    for name in ("id_rank", "published", "expires", "timeless", "live", "superseded", "copy_group"):
        getattr(catalog, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, nargs="?", default=20_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = measure(options.n, options.data)
    print(json.dumps(found, indent=1))
    if options.write:
        seeds = "sample newsroom" if options.data is None else "Reuters-21578"
        print(write_result("pipeline", {"stories": seeds, "asked": ASKED}, [found]))


if __name__ == "__main__":
    main()
