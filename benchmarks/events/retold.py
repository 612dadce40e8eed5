"""How far the test can be trusted that tells repeats where nobody labelled events: words alike on one calendar day.

    python -m benchmarks.retold --data DATA [--write]

Two figures on each set with labelled events. *Pairs*: all pairs of labelled stories of one calendar day (without dates
all pairs), told from a cosine of TF-IDF on; precision is the share of those told that are of one event, recall the
share of pairs of one event within 24 hours that are told. Where a story without a label is known to be of another event
than any labelled one, its pairs with labelled ones count too. *Lists*: the five nearest labelled stories by TF-IDF
under each labelled story; precision is the share of the items called a repeat of a better placed one that are so by
labels. In brackets the 95 % interval by running stories.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender import Recommender, Settings
from recommender.articles.article import DAY_US
from recommender.evaluation import EvaluationSet, load_set
from recommender.evaluation.measures.reference import Reference
from recommender.evaluation.measures.repeats import RETOLD, RETOLD_UNDATED, mask_repeats, report_same_event
from recommender.statistics import bootstrap

OTHERS_KNOWN = {
    "wikinews_sources": True,
    "refnews": False,
    "current_events": False,
    "sample": True,
    "ecbplus": True,
}
"""Whether a story without a label is known to be of another event than any labelled one."""
COSINES = (0.2, 0.3, 0.4, 0.5, 0.6)
NEAREST = 5


def share(found: np.ndarray, among: np.ndarray, groups: np.ndarray) -> str:
    """Share of what is found among some, with its interval, and of how many."""
    return f"{bootstrap(found[among].astype(float), groups[among])} of {among.sum():,}"


def figures(made: EvaluationSet) -> Iterator[dict[str, Any]]:
    """Rows of one set."""
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit_table(made.catalog.table)
    archive, by_label = rec.archive, Reference.from_events(rec.archive, made.events)
    assert by_label.events is not None
    labelled = np.flatnonzero(by_label.events >= 0)
    groups = made.groups_of([archive.catalog.ids[int(row)].as_py() for row in labelled])
    others = np.flatnonzero(archive.catalog.alive & (by_label.events < 0)) if OTHERS_KNOWN[made.name] else labelled[:0]
    every = np.concatenate([labelled, others])
    cosine = np.asarray((archive.terms[labelled] @ archive.terms[every].T).toarray())
    row = {"set": made.name, "labelled stories": len(labelled), "dates": bool(archive.dated)}

    first, second = np.triu_indices(len(labelled), 1, len(every))
    same = report_same_event(every[first], every[second], by_label)
    day = archive.catalog.published[every] // DAY_US
    near = day[first] == day[second] if archive.dated else np.ones(len(first), dtype=bool)
    for least in COSINES:
        told = near & (cosine[first, second] >= least)
        precision, recall = share(same, told, groups[first]), share(told, same, groups[first])
        yield {**row, "of": "pairs", "cosine": least, "precision": precision, "recall": recall}

    cosine = cosine[:, : len(labelled)]
    np.fill_diagonal(cosine, -1)
    lists = labelled[np.argsort(-cosine, axis=1, kind="stable")[:, :NEAREST]]
    told, same = (mask_repeats(lists, reference) for reference in (Reference(archive), by_label))
    each = np.repeat(groups, NEAREST)
    least = RETOLD if archive.dated else RETOLD_UNDATED
    precision, recall = share(same.ravel(), told.ravel(), each), share(told.ravel(), same.ravel(), each)
    yield {**row, "of": "lists", "cosine": least, "precision": precision, "recall": recall}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with events/")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/retold.json")
    arguments = parser.parse_args()
    rows = []
    for name in OTHERS_KNOWN:
        for row in figures(load_set(name, arguments.data)):
            rows.append(row)
            print(json.dumps(row), flush=True)
    if arguments.write:
        print(write_result("retold", {"nearest": NEAREST, "bootstrap": 1_000, "seed": 0}, rows))


if __name__ == "__main__":
    main()
