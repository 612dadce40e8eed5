"""Measure how what is called related agrees with two readers of lists, by the least probability of closeness.

    python -m benchmarks.closeness --data DATA [--cache FILE]

The 40 lists of `benchmarks/labels/allsides40.csv` were made of 5,000 allsides stories; each item was read twice. What
at least one reader called unrelated and none related counts as unrelated; what one called related, and the other at
least weakly so, counts as related. `benchmarks/labels/short97.csv` are pairs of items of one paragraph that the default
called related before it looked at the number of shared terms: for them, and for the 40 lists again, the second table
tells what the loss of pairs with few shared terms changes.
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

import numpy as np
import pyarrow as pa
from benchmarks.learn_default import Column, compare

from recommender import Recommender
from recommender.evaluation import load_set
from recommender.ranking.closeness import Closeness

LABELS = Path(__file__).parents[1] / "labels"
VALUE = {"unrelated": 0, "weakly": 1}  # all other labels: 2
LEAST = (0.7, 0.8, 0.85, 0.88, 0.9, 0.93, 0.95, 0.97)
FEW = (0.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
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


def by_least(closeness: Closeness, pairs: tuple[Column, ...], is_likely: np.ndarray, read: np.ndarray) -> None:
    """Print what each least probability calls related."""
    words, meaning, _ = pairs
    assert closeness.both is not None
    print("| by | least | of all items related | unrelated of these | related of the others, of all related |")
    print("|---|---|---|---|---|")
    for name, odds in (("words", closeness.words), ("words and meaning", closeness.both)):
        chance = 1 / (1 + np.exp(-(odds.base + odds.words * words + odds.meaning * np.nan_to_num(meaning))))
        for least in LEAST:
            kept = (chance >= least) & is_likely
            figures = (kept.mean(), (read[kept] <= 1).mean(), (~kept & (read >= 3)).sum() / (read >= 3).sum())
            print(f"| {name} | {least} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with allsides.jsonl.gz and events/")
    parser.add_argument("--cache", type=Path, help="file of the vector cache")
    arguments = parser.parse_args()
    with gzip.open(arguments.data / "allsides.jsonl.gz", "rt", encoding="utf-8") as lines:
        every = [json.loads(line) for line in lines]
    random.seed(0)
    events = load_set("current_events", arguments.data).catalog.table
    some = np.sort(np.random.default_rng(3).choice(len(events), SHORT, replace=False))
    with tempfile.TemporaryDirectory() as folder:
        cache = arguments.cache or Path(folder) / "vectors.sqlite"
        rec = Recommender(cache=cache).fit(random.sample(every, 5_000))
        short = Recommender(cache=cache).fit_table(events.take(pa.array(some)))
    items, short_items = read_labels("allsides40.csv"), read_labels("short97.csv")
    read = np.array([sum(VALUE.get(row[f"reader_{number}"], 2) for number in (1, 2)) for row in items])
    short_read = np.array([VALUE.get(row["reader"], 2) for row in short_items])
    weight = np.array([float(row["weight"]) for row in short_items])
    stories, shown = [row["story"] for row in items], [row["item"] for row in items]
    pairs = compare(rec, stories, shown)
    short_ids = [row["story"] for row in short_items], [row["item"] for row in short_items]
    short_pairs, short_chance = compare(short, *short_ids), np.nan_to_num(short.relevance(*short_ids))
    closeness = closeness_of(rec)
    chance = np.nan_to_num(rec.relevance(stories, shown))
    is_likely = chance >= (rec.related_at or 0)
    by_least(closeness, pairs, is_likely, read)
    print(
        "\n| few | allsides: related | unrelated of these | short: related | unrelated of these | related that stay |"
    )
    print("|---|---|---|---|---|---|")
    for few in FEW:
        other = replace(closeness, few=few)
        kept, left = other.is_close(*pairs, chance) & is_likely, other.is_close(*short_pairs, short_chance) * weight
        figures = (
            kept.mean(),
            (read[kept] <= 1).mean(),
            left.sum() / weight.sum(),
            left[short_read == 0].sum() / left.sum(),
            left[short_read == 2].sum() / weight[short_read == 2].sum(),
        )
        print(f"| {few} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
