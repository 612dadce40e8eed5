"""How much of exhaustive scoring survives the limit on candidates, on Reuters.

    python -m benchmarks.candidates --data DATA

500 stories (seed 0): their lists against brute force, which scores every story of the archive in full. A list is
whole if it holds the same items; ties may count against it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender, Settings
from recommender.features.vectors import SCALE

STORIES = 500
PLAIN = Settings().override(
    {
        "selection.event_limit": False,
        "selection.series_limit": False,
        "selection.caps": [],
        "selection.live_hours": None,
        "selection.timeless_slots": 0,
    }
)  # the k best after the floor, without copies


def exhaustive(rec: Recommender, rows: np.ndarray) -> list[list[str]]:
    """The k best of each story by scoring all rows; copies dropped."""
    archive, ranking = rec.archive, rec.settings.ranking
    vectors = archive.vectors.astype(np.float32)
    dense = (vectors[rows] @ vectors.T) / SCALE**2
    fused = ranking.dense_weight * dense + ranking.lexical_weight * (archive.terms[rows] @ archive.terms.T).toarray()
    days = archive.catalog.published / 86_400e6
    score = fused * 2 ** (-np.abs(days - days[rows][:, None]) / ranking.half_life_days)
    group = archive.catalog.copy_group
    score[(fused < rec.floor) | (group == group[rows][:, None])] = 0
    ids = archive.catalog.ids.to_pylist()
    found = []
    for scores in score:
        best: dict[int, str] = {}
        for row in np.argsort(-scores, kind="stable"):
            if scores[row] <= 0 or len(best) == rec.settings.selection.k:
                break
            best.setdefault(int(group[row]), ids[row])
        found.append(list(best.values()))
    return found


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with reuters21578.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="vector cache file of an earlier run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch) / "vectors.sqlite"
        rec = Recommender(PLAIN, cache=cache).fit(arguments.data / "reuters21578.jsonl.gz")
    rows = np.sort(np.random.default_rng(0).choice(len(rec.catalog), STORIES, replace=False))
    records = [record for batch in rec.lists(rows) for record in batch.to_pylist()]
    found = [{item["article_id"] for item in record["items"]} for record in records]
    best = [set(items) for items in exhaustive(rec, rows)]
    result = {
        "lists whole": float(np.mean([a == b for a, b in zip(found, best, strict=True)])),
        "items": sum(map(len, best)),
        "items missed": sum(len(b - a) for a, b in zip(found, best, strict=True)),
    }
    print(result)
    settings = {
        "stories": STORIES,
        "seed": 0,
        "candidates": rec.settings.retrieval.candidates,
        "search dimensions": rec.archive.search.shape[1],
    }
    print(write_result("candidates", settings, [result]))


if __name__ == "__main__":
    main()
