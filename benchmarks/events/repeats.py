"""How often default lists repeat a report of one event, by labels: the curve over the threshold of the event test.

    python -m benchmarks.events.repeats --data DATA [--set selection.NAME=VALUE ...] [--thresholds T ...] [--write]

The dated stories of `wikinews_sources`, half of whose events are labelled; the lists of all labelled stories, with the
default settings and those given. A repeat is an item that a better placed item of its list, within 24 hours of it,
shares the labelled event with, or its copy; own reports are items of the story's own event within 24 hours of the
story. In brackets the 95 % interval over 1,000 draws of events. The archive is fitted once; lists are made under each
threshold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender, Settings
from recommender.articles.article import UNDATED
from recommender.evaluation import load_set
from recommender.evaluation.measures.quality import values_by_list
from recommender.evaluation.measures.reference import Reference, ShownLists
from recommender.evaluation.systems.system import Ranking
from recommender.statistics import bootstrap

THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
DRAWS = 1_000
FIGURES = ("items", "repeats", "own reports")


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
    judged = load_set("wikinews_sources", arguments.data)
    assert judged.events is not None
    fitted = Recommender(settings).fit_table(judged.catalog.table)
    asked = sorted(judged.events)
    stories = fitted.catalog.rows(asked)
    row = {name: number for number, name in enumerate(fitted.catalog.ids.to_pylist())}
    reference = Reference.from_events(fitted.archive, judged.events)
    group = np.unique([judged.events[name] for name in asked], return_inverse=True)[1]
    rows: list[dict[str, Any]] = []
    for threshold in arguments.thresholds:
        rec = fitted.under(settings.override({"selection.event_threshold": threshold}))
        lists = Ranking.from_lists(rec.recommend_many(asked), row, settings.selection.k)
        shown = ShownLists(lists.rows, stories, np.full(len(stories), UNDATED), reference, lists.sources)
        each = values_by_list(shown, settings.selection.k)
        figures = {name: str(bootstrap(each[name], group, times=DRAWS)) for name in FIGURES}
        rows.append({"threshold": threshold, "lists": len(asked), **figures})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.write:
        print(write_result("repeats", {"bootstrap": DRAWS, "seed": 0, **changes}, rows))


if __name__ == "__main__":
    main()
