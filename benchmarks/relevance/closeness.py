"""Measure how what is called related agrees with two readers of lists, by the least probability of closeness.

    python -m benchmarks.closeness --data DATA [--cache FILE]

The 40 lists of `benchmarks/labels/allsides40.csv` were made of 5,000 allsides stories; each item was read twice. What
at least one reader called unrelated and none related counts as unrelated; what one called related, and the other at
least weakly so, counts as related.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.learn_default import cosines_of

from recommender import Recommender

LABELS = Path(__file__).parents[1] / "labels" / "allsides40.csv"
VALUE = {"unrelated": 0, "weakly": 1}  # all other labels: 2
LEAST = (0.7, 0.8, 0.85, 0.88, 0.9, 0.93, 0.95, 0.97)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with allsides.jsonl.gz")
    parser.add_argument("--cache", type=Path, help="file of the vector cache")
    arguments = parser.parse_args()
    with gzip.open(arguments.data / "allsides.jsonl.gz", "rt", encoding="utf-8") as lines:
        every = [json.loads(line) for line in lines]
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        rec = Recommender(cache=arguments.cache or Path(folder) / "vectors.sqlite").fit(random.sample(every, 5_000))
    with LABELS.open(encoding="utf-8") as file:
        items = [line for line in csv.DictReader(file) if line["item"]]
    read = np.array([sum(VALUE.get(line[f"reader_{one}"], 2) for one in (1, 2)) for line in items])
    stories, shown = [line["story"] for line in items], [line["item"] for line in items]
    words, meaning = cosines_of(rec, stories, shown)
    ranker = rec.archive.ranker
    assert ranker is not None
    assert ranker.closeness is not None
    assert ranker.closeness.both is not None
    likely = np.nan_to_num(rec.relevance(stories, shown)) >= (ranker.related_at or 0)
    print("| by | least | of all items related | unrelated of these | related of the others, of all related |")
    print("|---|---|---|---|---|")
    for name, odds in (("words", ranker.closeness.words), ("words and meaning", ranker.closeness.both)):
        chance = 1 / (1 + np.exp(-(odds.base + odds.words * words + odds.meaning * np.nan_to_num(meaning))))
        for least in LEAST:
            kept = (chance >= least) & likely
            told = (kept.mean(), (read[kept] <= 1).mean(), (~kept & (read >= 3)).sum() / (read >= 3).sum())
            print(f"| {name} | {least} | " + " | ".join(f"{one:.3f}" for one in told) + " |")


if __name__ == "__main__":
    main()
