"""How often default lists repeat a report of one event, by labels: the curve over the threshold of the event test.

    python -m benchmarks.events.repeats --data DATA [--set selection.NAME=VALUE ...] [--thresholds T ...] [--write]

The dated stories of `wikinews_sources`, half of whose events are labelled; the lists of all labelled stories, with the
default settings and those given. A repeat is an item that a better placed item of its list, within 24 hours of it,
shares the labelled event with; own reports are items of the story's own event within 24 hours of the story. In
brackets the 95 % interval over 1,000 draws of events. The archive is fitted once; lists are made under each threshold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from benchmarks.events.event_sets import HOUR_US, EventSet, wikinews
from recommender import Recommender, Settings
from recommender.articles.article import UNDATED

THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
DRAWS = 1_000
DAY = 24


def dated(data: Path) -> EventSet:
    """The stories that have a date."""
    whole = wikinews(data)
    held = np.flatnonzero(whole.published != UNDATED)
    return EventSet("wikinews_sources, dated", whole.table.take(held), whole.event[held])


def counts(rec: Recommender, told: EventSet) -> dict[str, np.ndarray]:
    """Of each labelled story's list: items, those that repeat an event within a day, and own reports within a day."""
    event = dict(zip(told.table["id"].to_pylist(), told.event.tolist(), strict=True))
    hour = dict(zip(told.table["id"].to_pylist(), (told.published / HOUR_US).tolist(), strict=True))
    asked = [name for name, number in event.items() if number >= 0]
    found: dict[str, list[int]] = {"items": [], "repeats within a day": [], "own within a day": [], "own": []}
    for story, shown in zip(asked, rec.recommend_many(asked), strict=True):
        items = [item.article_id for item in shown]
        near = [
            [event[one] == event[other] >= 0 and abs(hour[one] - hour[other]) <= DAY for other in items[:place]]
            for place, one in enumerate(items)
        ]
        own = [item for item in items if event[item] == event[story]]
        found["items"].append(len(items))
        found["repeats within a day"].append(sum(map(any, near)))
        found["own within a day"].append(sum(abs(hour[item] - hour[story]) <= DAY for item in own))
        found["own"].append(len(own))
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def summary(values: np.ndarray, group: np.ndarray) -> str:
    """Mean of a list, with its interval over draws of events."""
    _, place = np.unique(group, return_inverse=True)
    size, total = np.bincount(place), np.bincount(place, values)
    draws = np.random.default_rng(0).multinomial(len(size), np.full(len(size), 1 / len(size)), DRAWS)
    low, high = np.quantile((draws @ total) / np.maximum(draws @ size, 1), (0.025, 0.975))
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with events/")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings, values as JSON")
    parser.add_argument("--thresholds", nargs="+", type=float, default=THRESHOLDS)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/repeats.json")
    arguments = parser.parse_args()
    changes = {name: json.loads(value) for name, _, value in (one.partition("=") for one in arguments.set)}
    settings = Settings().override(changes)
    told = dated(arguments.data)
    fitted = Recommender(settings)
    fitted.fit_table(told.table)
    group = told.event[told.event >= 0]
    rows: list[dict[str, Any]] = []
    for threshold in arguments.thresholds:
        rec = fitted.under(settings.override({"selection.event_threshold": threshold}))
        figures = {name: summary(values, group) for name, values in counts(rec, told).items()}
        rows.append({"threshold": threshold, "lists": len(group), **figures})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.write:
        print(write_result("repeats", {"bootstrap": DRAWS, "seed": 0, **changes}, rows))


if __name__ == "__main__":
    main()
