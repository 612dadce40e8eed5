"""Measure how what is called related agrees with readers of lists, by the least probability of closeness.

    python -m benchmarks.closeness --data DATA [--cache FILE] [--model tfidf]

`benchmarks/labels/allsides40.csv` and `lists80.csv` hold lists of 5,000 allsides stories, of cbc and of the sample
newsroom; two readers read each item. What at least one reader called unrelated and none related counts as unrelated;
what one called related, and the other at least weakly so, counts as related. `short97.csv` are pairs of items of one
paragraph, read once, that an earlier default called related. Picks are the items of the sample newsroom's lists that
its editor picked. For each set a row shows the share of unrelated items among those called related, and the share of
related items that are called so. The last lines show how well the order of the next best agrees with the readers.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from benchmarks.learn_default import Column, compare
from scipy.special import logit

from recommender import Recommender, Settings
from recommender.evaluation import load_set
from recommender.ranking.closeness import Closeness

LABELS = Path(__file__).parents[1] / "labels"
NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom"
ODDS = ("words", "both")
VALUE = {"unrelated": 0, "weakly": 1}  # all other labels: 2
LEAST = (0.8, 0.84, 0.86, 0.88, 0.9, 0.93)
FEW = (0.0, 3.0, 6.0)
FAR = (0.0, 0.5, 1.0, 2.0)
READ_TWICE = ("allsides40", "allsides", "cbc", "sample")
SHORT = 4_000  # items of current_events that the pairs of short items were drawn from


def read_labels(name: str) -> list[dict[str, str]]:
    """Read the labelled items of a file."""
    with (LABELS / name).open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["item"]]


def closeness_of(rec: Recommender) -> Closeness:
    """Return the closeness of the default ranker."""
    ranker = rec.archive.ranker
    assert ranker is not None
    assert ranker.closeness is not None
    return ranker.closeness


class Labelled(NamedTuple):
    """Items of one set that readers read: stories, what closeness goes by, relevance, labels from 0 to 4, weights."""

    stories: np.ndarray
    pairs: tuple[Column, ...]
    relevance: np.ndarray
    read: np.ndarray
    weight: np.ndarray

    def figures(self, closeness: Closeness, least: float, few: float, related_at: float) -> str:
        """Write the share of unrelated items of those called related, and of related ones that are called so."""
        odds = {name: value and replace(value, least=least) for name, value in vars(closeness).items() if name in ODDS}
        is_close = replace(closeness, **odds, few=few).is_close(*self.pairs, self.relevance)
        called = (is_close & (self.relevance >= related_at)) * self.weight
        is_related = self.read >= 3
        unrelated = called[self.read <= 1].sum() / called.sum()
        return f"{unrelated:.3f}, {called[is_related].sum() / self.weight[is_related].sum():.2f}"

    def order(self, closeness: Closeness, far: float, related_at: float) -> tuple[int, int]:
        """Count the pairs of next best items of one story that readers told apart, and those in the readers' order."""
        margin = np.minimum(closeness.margin(*self.pairs[:3]), 0)
        is_close = closeness.is_close(*self.pairs, self.relevance)
        score = logit(np.clip(self.relevance, 1e-9, 1 - 1e-9)) + far * np.where(is_close, 0, margin)
        is_more = ~is_close | (self.relevance < related_at)
        is_pair = is_more[:, None] & is_more & (self.stories[:, None] == self.stories)
        is_pair &= (self.read[:, None] > 1) & (self.read <= 1)
        return int(is_pair.sum()), int((is_pair & (score[:, None] > score)).sum())


def labelled(rec: Recommender, items: list[dict[str, str]]) -> Labelled:
    """Compare the stories and items of label files with one reader or two."""
    stories, shown = [row["story"] for row in items], [row["item"] for row in items]
    readers = [("reader", "reader") if "reader" in row else ("reader_1", "reader_2") for row in items]
    read = [sum(VALUE.get(row[name], 2) for name in names) for row, names in zip(items, readers, strict=True)]
    weight = np.array([float(row.get("weight", 1)) for row in items])
    relevance = np.nan_to_num(rec.relevance(stories, shown))
    return Labelled(np.array(stories), compare(rec, stories, shown), relevance, np.array(read), weight)


def picks(rec: Recommender) -> list[dict[str, str]]:
    """Return the items of the sample newsroom's lists that its editor picked."""
    lines = [json.loads(line) for line in (NEWSROOM / "editor_picks.jsonl").read_text().splitlines()]
    lists = rec.recommend_many([line["id"] for line in lines])
    return [
        {"story": line["id"], "item": item.article_id, "reader": "picked"}
        for line, found in zip(lines, lists, strict=True)
        for item in found.items
        if item.article_id in line["picks"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with allsides.jsonl.gz, cbc/ and events/")
    parser.add_argument("--cache", type=Path, help="file of the vector cache")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="embedding model; tfidf: words alone")
    arguments = parser.parse_args()
    with gzip.open(arguments.data / "allsides.jsonl.gz", "rt", encoding="utf-8") as lines:
        every = [json.loads(line) for line in lines]
    random.seed(0)
    events = load_set("current_events", arguments.data).catalog.table
    some = np.sort(np.random.default_rng(3).choice(len(events), SHORT, replace=False))
    settings = Settings.of({"embedding": {"model": arguments.model}})
    with tempfile.TemporaryDirectory() as folder:
        cache = arguments.cache or Path(folder) / "vectors.sqlite"
        allsides = Recommender(settings, cache=cache).fit(random.sample(every, 5_000))
        cbc = Recommender(settings, cache=cache).fit(arguments.data / "cbc" / "articles.jsonl.gz")
        sample = Recommender(settings, cache=cache).fit(NEWSROOM / "articles.jsonl")
        short = Recommender(settings, cache=cache).fit_table(events.take(pa.array(some)))
    eighty = read_labels("lists80.csv")
    sets = {
        "allsides40": labelled(allsides, read_labels("allsides40.csv")),
        "allsides": labelled(allsides, [row for row in eighty if row["set"] == "allsides"]),
        "cbc": labelled(cbc, [row for row in eighty if row["set"] == "cbc"]),
        "sample": labelled(sample, [row for row in eighty if row["set"] == "sample"]),
        "short97": labelled(short, read_labels("short97.csv")),
        "picks": labelled(sample, picks(sample)),
    }
    closeness, related_at = closeness_of(sample), sample.related_at or 0.0
    print(f"{closeness}, relevance {related_at}")
    for few in FEW:
        print(f"\nlog odds lost by pairs that share no term: {few}")
        print("| least | " + " | ".join(sets) + " |\n|" + "---|" * (len(sets) + 1))
        for least in LEAST:
            figures = (one.figures(closeness, least, few, related_at) for one in sets.values())
            print(f"| {least} | " + " | ".join(figures) + " |")
    print("\nnext best of one story, one unrelated and one not: share in the readers' order, by weight of distance")
    for far in FAR:
        counts = [one.order(closeness, far, related_at) for name, one in sets.items() if name in READ_TWICE]
        n_pairs, n_right = np.sum(counts, axis=0)
        print(f"{far}: {n_right / n_pairs:.3f} of {n_pairs}")


if __name__ == "__main__":
    main()
