"""Draw published lists for blind labelling, or summarise labelled lists.

    python -m benchmarks.sample_lists draw NAME=PUBLISHED... --articles FILE --sheet SHEET.jsonl --lists LISTS.json
    python -m benchmarks.sample_lists summary --labels LABELS.csv --lists LISTS.json

`draw` takes 50 stories, ten from each fifth of the archive by publication time (seed 0). The sheet shows each
story with the items of all systems together, shuffled, so that the judge does not know which system showed what;
`--lists` keeps, by id only, what each system showed. The judge writes one line a pair: story, item, label
(related, weakly, unrelated, copy, series) and event (S = the story's own event; else a letter that items of one event
share). `summary` turns them into one label an item of each list; "same event again" is an item whose event
stood higher in the list. Intervals: 95 %, resampling stories 2,000 times.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from recommender import PublishedLists
from recommender.reading.read import read_articles

LABELS = ("related", "weakly", "unrelated", "same event again", "copy", "series")
STRATA, EACH = 5, 10


def draw(systems: dict[str, str], articles: str, sheet: Path, lists: Path) -> None:
    """Write the sheet to label and the lists behind it."""
    table, _ = read_articles(articles)
    stories = table.select(["id", "title", "body", "published_at"]).to_pylist()
    stories.sort(key=lambda story: (story["published_at"], story["id"]))
    text = {story["id"]: story for story in stories}
    rng = np.random.default_rng(0)
    chosen = [
        (stratum, stories[row]["id"])
        for stratum, part in enumerate(np.array_split(np.arange(len(stories)), STRATA))
        for row in sorted(rng.choice(part, EACH, replace=False))
    ]
    shown = {}
    for name, place in systems.items():
        published = PublishedLists.open(place)
        shown[name] = {story: [item.article_id for item in published.get(story)] for _, story in chosen}
    lists.write_text(json.dumps({"strata": {story: s for s, story in chosen}, "systems": shown}, indent=1) + "\n")
    with sheet.open("w", encoding="utf-8") as file:
        for _, story in chosen:
            items = sorted({item for found in shown.values() for item in found[story]})
            order = rng.permutation(len(items))
            record = {"story": _shown(text[story]), "items": [_shown(text[items[place]]) for place in order]}
            file.write(json.dumps(record) + "\n")


def _shown(story: dict[str, Any]) -> dict[str, str]:
    date = f"{story['published_at']:%Y-%m-%d}"
    return {"id": story["id"], "date": date, "title": story["title"], "text": story["body"][:700]}


def summary(labels: Path, lists: Path) -> None:
    """Print the share of each label in each system's lists."""
    with labels.open(encoding="utf-8", newline="") as file:
        judged = {(row["story"], row["item"]): row for row in csv.DictReader(file)}
    drawn = json.loads(lists.read_text())
    stories = list(drawn["strata"])
    rng = np.random.default_rng(0)
    samples = rng.integers(0, len(stories), (2000, len(stories)))
    for name, shown in drawn["systems"].items():
        counts = np.array([_counts(story, shown[story], judged) for story in stories])
        draws = counts[samples].sum(axis=1)
        low, high = np.quantile(draws / draws.sum(axis=1, keepdims=True), (0.025, 0.975), axis=0)
        print(f"{name}: {len(stories)} stories, {counts.sum()} items")
        for place, label in enumerate(LABELS):
            total = counts[:, place].sum()
            print(f"{label:>17} {total:4d}  {total / counts.sum():.3f} [{low[place]:.3f}, {high[place]:.3f}]")
        strata = np.array([drawn["strata"][story] for story in stories])
        for stratum in range(STRATA):
            print(
                f"  stratum {stratum}: {dict(zip(LABELS, counts[strata == stratum].sum(axis=0).tolist(), strict=True))}"
            )


def _counts(story: str, items: list[str], judged: dict[tuple[str, str], dict[str, str]]) -> list[int]:
    seen: set[str] = set()
    found = dict.fromkeys(LABELS, 0)
    for item in items:
        row = judged[story, item]
        again = bool(row["event"]) and row["event"] in seen
        seen.add(row["event"])
        found["same event again" if again and row["label"] not in ("copy", "series") else row["label"]] += 1
    return list(found.values())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("systems", nargs="+", metavar="NAME=PUBLISHED")
    drawing.add_argument("--articles", required=True)
    drawing.add_argument("--sheet", type=Path, required=True)
    summing = commands.add_parser("summary")
    summing.add_argument("--labels", type=Path, required=True)
    for command in (drawing, summing):
        command.add_argument("--lists", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "draw":
        systems = dict(system.split("=", 1) for system in arguments.systems)
        draw(systems, arguments.articles, arguments.sheet, arguments.lists)
    else:
        summary(arguments.labels, arguments.lists)


if __name__ == "__main__":
    main()
