"""Steps of the selection on the CNRec development half: what each gains in variety and loses in nDCG@5.

    python -m benchmarks.selection --data DATA

Each story ranks all others by relevance, one step selects, five are shown (the set carries no dates, so the event
step goes by text alone). nDCG@5 with the share of judges that would
follow (unjudged = 0); distance = mean of 1 - cosine over the pairs of a list; "too similar" = shown pairs whose
similarity was judged 1.5 and more of 2. Differences to relevance
alone, paired by story, with 95 % intervals (1,000
resamplings).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import cnrec, relevance_only, write_result
from recommender import Recommender

CASES: dict[str, dict[str, Any]] = {
    "relevance": {},
    "what is related alone": {"selection__related_at": "auto", "selection__fill": ()},
    "one report of an event": {"selection__same_report_hours": 6.0, "selection__repeat_hours": 24.0},
    "one item a series": {"selection__series_limit": True},
    **{f"diversity {value}": {"selection__diversity": value} for value in (0.05, 0.1, 0.2, 0.3, 0.5)},
}


def lists(articles: list[dict[str, Any]], values: dict[str, Any]) -> tuple[list[list[int]], np.ndarray]:
    """Places shown under each story, and the cosines of all stories."""
    rec = Recommender(relevance_only(**values, selection__reserves=0)).fit(articles)
    place = {article["id"]: row for row, article in enumerate(articles)}
    shown = [
        [place[item.article_id] for item in found]
        for found in rec.recommend_many([article["id"] for article in articles])
    ]
    vectors = rec.archive.vectors[rec.catalog.rows([article["id"] for article in articles])].astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return shown, vectors @ vectors.T


def main() -> None:
    """Measure every value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cnrec/")
    arguments = parser.parse_args()
    judged = cnrec(arguments.data)
    size = len(judged.articles)
    gains, similar = np.zeros((size, size)), np.zeros((size, size))
    gains[judged.a, judged.b] = gains[judged.b, judged.a] = judged.follow
    with (arguments.data / "cnrec" / "pairs.csv").open(encoding="utf-8", newline="") as file:
        similarity = np.array([float(row["similarity"]) for row in csv.DictReader(file)])
    similar[judged.a, judged.b] = similar[judged.b, judged.a] = similarity
    stories = np.flatnonzero(gains.sum(axis=1) > 0)
    discount = 1 / np.log2(np.arange(2, 7))
    draws = np.random.default_rng(0).integers(0, len(stories), (1000, len(stories)))
    base: np.ndarray | None = None
    rows = []
    for name, values in CASES.items():
        shown, cosine = lists(judged.articles, values)
        table = []
        for story in stories:
            items = shown[story]
            ideal = np.sort(gains[story])[::-1][:5] @ discount
            ndcg = gains[story, items] @ discount[: len(items)] / ideal
            pairs = np.triu_indices(len(items), 1)
            among = cosine[np.ix_(items, items)][pairs]
            distance = (1 - among).mean() if len(among) else np.nan
            table.append((ndcg, distance, (similar[np.ix_(items, items)][pairs] >= 1.5).sum(), len(items)))
        figures = np.array(table)
        base = figures if base is None else base
        row: dict[str, Any] = {"step": name}
        for column, measure in enumerate(("nDCG@5", "distance", "too similar pairs a list", "items a list")):
            paired = (figures - base)[:, column]
            low, high = np.quantile(np.nanmean(paired[draws], axis=1), (0.025, 0.975))
            row[measure] = f"{np.nanmean(figures[:, column]):.3f} ({np.nanmean(paired):+.3f} [{low:+.3f}, {high:+.3f}])"
        rows.append(row)
        print(row, flush=True)
    print(write_result("selection", {"k": 5, "bootstrap": 1000, "seed": 0}, rows))


if __name__ == "__main__":
    main()
