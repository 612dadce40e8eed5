"""Count repeats in published lists: series, events, copies, empty places.

    python -m benchmarks.list_audit NAME=PUBLISHED... --archive ARCHIVE

The archive is the saved one of the same stories; its recurring formats and its event test (72 hours apart at most,
threshold of its settings) are applied to the lists of every system alike, so the counts compare systems and do not
judge the test itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from recommender import PublishedLists
from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.features.vectors import cosines
from recommender.selection.events import HOUR_US
from recommender.selection.pipeline import nth_of_group

BLOCK = 2_048


def audit(archive: Archive, place: str) -> dict[str, Any]:
    """Counts of one published version."""
    lists, catalog = PublishedLists.open(place), archive.catalog
    stories = list(lists.ids())
    shown = [[item.article_id for item in lists.get(story)] for story in stories]
    k = int(lists.manifest["k"])
    rows = np.full((len(stories), k), -1)
    for number, items in enumerate(shown):
        rows[number, : len(items)] = catalog.rows(items)
    own, held, test = catalog.rows(stories), rows >= 0, archive.event_test
    series = np.where(held, archive.series[1][rows], -1)
    mine = archive.series[1][own][:, None]
    earlier = (series >= 0) & (series == mine) & (catalog.published[rows] <= catalog.published[own][:, None])
    counts = {
        "lists": len(stories),
        "full": int((held.sum(axis=1) == k).sum()),
        "items": int(held.sum()),
        "items of a series": int((series >= 0).sum()),
        "lists with two of one series": int(((series >= 0) & (nth_of_group(series) > 0)).any(axis=1).sum()),
        "earlier editions under a later one": int(earlier.sum()),
        "event again": 0,
        "reports of the story's own event": 0,
        "lists with a repeat or an older report": 0,
    }
    gap = test.settings.event_gap_hours * HOUR_US
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        same, copy, _ = test.alike(part)
        times = catalog.published[part]
        same &= np.abs(times[:, :, None] - times[:, None, :]) <= gap
        again = np.tril(same | copy, -1).any(axis=2)
        queries = archive.queries(own[start : start + BLOCK])
        dense = cosines(archive.vectors[own[start : start + BLOCK]], archive.vectors, part)
        same_own, copy_own = test.own(dense, part, queries.terms, queries.published, queries.scale)
        apart = times - queries.published[:, None]
        about = (same_own & (np.abs(apart) <= gap)) | copy_own
        counts["event again"] += int(again.sum())
        counts["reports of the story's own event"] += int(about.sum())
        counts["lists with a repeat or an older report"] += int((again | (about & (apart <= 0))).any(axis=1).sum())
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
