"""What the freshness anchor and half-life do to Reuters lists.

    python -m benchmarks.freshness --data DATA

For each setting: share of items that carry a topic of their story (weak labels; stories with topics only),
mean relevance of the items, short lists, median distance in days between story and item, and the share of all
places that the hundred most shown stories take. Nothing is tuned here: without dated clicks freshness
is an editorial choice, and this shows what the choice costs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender, Settings

CASES: list[tuple[str, float | None]] = [
    ("as_of", None),
    *(("as_of", days) for days in (30.0, 90.0, 180.0)),
    *(("story", days) for days in (30.0, 90.0, 180.0)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with reuters21578.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="vector cache file of an earlier run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch) / "vectors.sqlite"
        base = Recommender(cache=cache).fit(arguments.data / "reuters21578.jsonl.gz")
        rows = []
        for anchor, half_life in CASES:
            values = {"ranking.ranker": "none", "ranking.anchor": anchor, "ranking.half_life_days": half_life}
            rec = Recommender(Settings().override(values), cache=cache).fit_table(base.catalog.table)
            rows.append({"anchor": anchor, "half-life": half_life, **measure(rec)})
            print(rows[-1], flush=True)
    print(write_result("freshness", {"stories": len(base.catalog)}, rows))


def measure(rec: Recommender) -> dict[str, float]:
    """Measure one setting over all stories."""
    tags = [frozenset(t) for t in rec.catalog.table["tags"].to_pylist()]
    published = rec.catalog.published / 86_400e6
    topic, relevance, gap, shown, short = [], [], [], [], 0
    stories = np.arange(len(rec.catalog))
    for batch in rec.lister().lists(stories):
        for record in batch.to_pylist():
            story = rec.catalog.row(record["article_id"])
            short += record["status"] == "short"
            for item in record["items"]:
                row = rec.catalog.row(item["article_id"])
                shown.append(row)
                relevance.append(item["components"]["relevance"])
                gap.append(abs(published[row] - published[story]))
                if tags[story]:
                    topic.append(bool(tags[story] & tags[row]))
    exposure = np.sort(np.bincount(shown, minlength=len(stories)))[::-1]
    return {
        "shares a topic": round(float(np.mean(topic)), 4),
        "relevance": round(float(np.mean(relevance)), 4),
        "short": round(short / len(stories), 4),
        "median gap days": round(float(np.median(gap)), 1),
        "top 100 exposure": round(float(exposure[:100].sum() / exposure.sum()), 4),
    }


if __name__ == "__main__":
    main()
