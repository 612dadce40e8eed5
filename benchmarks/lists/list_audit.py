"""Count repeats in published lists: series, events, copies, empty places.

    python -m benchmarks.list_audit NAME=PUBLISHED... --archive ARCHIVE

The archive is the saved one of the same stories; its recurring formats and its event test (reports of one event within
a day, and of the story's own within six hours, at the thresholds of its settings) are applied to the lists of every
system alike, so the counts compare systems and do not judge the test itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import write_result
from recommender import PublishedLists
from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.evaluation.measures.arrays import count_earlier_of_group
from recommender.features.vectors import cosines

BLOCK = 2_048
REPEAT, SAME_REPORT = 24.0, 6.0  # hours
Rows = NDArray[np.int64]


def repeats(archive: Archive, rows: Rows) -> NDArray[np.bool_]:
    """Items, (q, k), that report an event which a better placed one reports."""
    test, found = archive.event_test, np.zeros(rows.shape, dtype=bool)
    times, places = archive.catalog.published[rows], np.arange(rows.shape[1])
    for lead in places:
        near, sure = test.within_hours(times[:, lead, None], times, REPEAT)
        line, column = np.nonzero(near & (rows >= 0) & (rows[:, lead, None] >= 0) & (places > lead))
        found[line, column] |= test.is_same_event(rows[line, lead], rows[line, column], sure[line, column])
    return found


def same_reports(archive: Archive, stories: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Items, (q, k), that tell the same as their story."""
    test, found, queries = archive.event_test, np.zeros(rows.shape, dtype=bool), archive.queries(stories)
    near, sure = test.within_hours(queries.published[:, None], archive.catalog.published[rows], SAME_REPORT)
    line, column = np.nonzero(near & (rows >= 0))
    dense = cosines(archive.vectors[stories], archive.vectors, rows)[line, column]
    outlets = test.outlets[stories]
    found[line, column] = test.is_event_of_story(queries, outlets, line, dense, rows[line, column], sure[line, column])
    return found


def audit(archive: Archive, place: str) -> dict[str, Any]:
    """Count repeats, editions and the like in one published version."""
    lists, catalog = PublishedLists.open(place), archive.catalog
    stories = list(lists.ids())
    shown = [[item.article_id for item in lists.get(story)] for story in stories]
    k = int(lists.manifest["k"])
    rows = np.full((len(stories), k), -1)
    for number, items in enumerate(shown):
        rows[number, : len(items)] = catalog.rows(items)
    own, held = catalog.rows(stories), rows >= 0
    series = np.where(held, archive.formats.codes[rows], -1)
    mine = archive.formats.codes[own][:, None]
    earlier = (series >= 0) & (series == mine) & (catalog.published[rows] <= catalog.published[own][:, None])
    counts = {
        "lists": len(stories),
        "full": int((held.sum(axis=1) == k).sum()),
        "items": int(held.sum()),
        "items of a series": int((series >= 0).sum()),
        "lists with two of one series": int(((series >= 0) & (count_earlier_of_group(series) > 0)).any(axis=1).sum()),
        "earlier editions under a later one": int(earlier.sum()),
        "event again": 0,
        "the story's own report again": 0,
        "lists with either": 0,
    }
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        again, about = repeats(archive, rows[part]), same_reports(archive, own[part], rows[part])
        counts["event again"] += int(again.sum())
        counts["the story's own report again"] += int(about.sum())
        counts["lists with either"] += int((again | about).any(axis=1).sum())
    return counts


def main() -> None:
    """Audit every system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", metavar="NAME=PUBLISHED")
    parser.add_argument("--archive", type=Path, required=True)
    arguments = parser.parse_args()
    archive, _ = snapshot.load(arguments.archive)
    rows = []
    for system in arguments.systems:
        name, place = system.split("=", 1)
        rows.append({"system": name, **audit(archive, place)})
        print(rows[-1], flush=True)
    settings = archive.settings.selection.model_dump(mode="json")
    print(write_result("list_audit", settings, rows))


if __name__ == "__main__":
    main()
