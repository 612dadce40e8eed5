"""Named sets in which people told what event each story reports: they measure repeats by labels.

An event is reported by several stories; a running story is made of events, or of the days of one event. What is wanted
under a story is more of its running story.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from recommender.evaluation.data.folders import need_columns, need_files
from recommender.evaluation.data.judgments import Judgments, read_sound_rows
from recommender.evaluation.data.sets import EvaluationSet

ASKED = 400  # stories drawn of those that can be asked
BACKGROUND = 2_000  # stories of `current_events` without a label that fill its archive
_DAY = timedelta(days=1)
_FIELDS = ("id", "title", "body", "published_at", "section", "language", "url")
_OWN = (
    "Grades tell whether a ranking finds what belongs to the story, reports of its own event among it. A list leaves "
    "those out: of lists repeats and own reports are measured, and no nDCG."
)
_HALF = "Half of the events are labelled: repeats of others are not counted, so that figures of repeats are the least."
_NO_CLOCK = "Dates have no clock time; midnight stands for it, so that stories of two days in a row are a day apart."


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Stories of which some have an event.

    Attributes
    ----------
    stories : list of dict
        As their file has them; a date that was guessed is none.
    event, running : mapping of str to str
        Event and running story of the labelled ones, by id.
    unused : frozenset of str
        Ids of stories whose label is not used.
    """

    stories: list[dict[str, Any]]
    event: Mapping[str, str]
    running: Mapping[str, str]
    unused: frozenset[str] = frozenset()

    @classmethod
    def read(cls, data: Path, name: str, *, running: str = "event") -> Labelled:
        """Read `events/NAME.jsonl.gz` and `events/NAME.csv`; `running` is the column that names the running story."""
        folder = data / "events"
        need_files(folder, (f"{name}.jsonl.gz", f"{name}.csv"), "its source is told in data/sets.toml")
        path, labels = folder / f"{name}.jsonl.gz", folder / f"{name}.csv"
        stories = []
        for line, row in read_sound_rows(path):
            need_columns(path, line, row, ("id",))
            story = {field: row[field] for field in _FIELDS if row.get(field) not in (None, "None")}
            if row.get("published_at_is_guess"):
                story.pop("published_at", None)
            stories.append(story)
        event, told = {}, {}
        for line, row in read_sound_rows(labels):
            need_columns(labels, line, {name: row.get(name) or None for name in ("id", "event")}, ("id", "event"))
            event[row["id"]] = row["event"]
            told[row["id"]] = row.get(running) or row["event"]
        return cls(stories=stories, event=event, running=told)

    def among(self, ids: set[str]) -> Labelled:
        """Keep some of the stories, with their labels."""
        return replace(self.only(ids), stories=[one for one in self.stories if one["id"] in ids])

    def only(self, ids: set[str]) -> Labelled:
        """Keep all of the stories, with the labels of some."""
        event, running = ({one: of[one] for one in of if one in ids} for of in (self.event, self.running))
        return replace(self, event=event, running=running, unused=frozenset(self.event.keys() - ids))

    @property
    def times(self) -> dict[str, datetime]:
        """Dates of the stories that have one, by id."""
        return {one["id"]: datetime.fromisoformat(one["published_at"]) for one in self.stories if "published_at" in one}

    def made(self, name: str, *, later: bool = False, **values: Any) -> EvaluationSet:
        """Make a set in which items of the story's running story have grade 1; `later`: only more than a day apart."""
        members, times = defaultdict(list), self.times
        for one in sorted(self.running):
            members[self.running[one]].append(one)
        pairs = [pair for some in members.values() for pair in permutations(some, 2)]
        if later:
            pairs = [(a, b) for a, b in pairs if abs(times[a] - times[b]) > _DAY]
        can = sorted({story for story, _ in pairs})
        asked = set(np.random.default_rng(0).choice(can, min(ASKED, len(can)), replace=False).tolist())
        judged = Judgments.of(
            [(story, item, 1.0) for story, item in pairs if story in asked], relevant=1.0, complete=self.event
        )
        return EvaluationSet.of(
            name, self.stories, judged, events=self.event, group=self.running, part="development", **values
        )


def wikinews_sources(data: Path) -> EvaluationSet:
    """Load reports that Wikinews cites, as far as they have a date: two and more outlets on one event."""
    whole = Labelled.read(data, "wikinews_sources", running="story")
    return whole.among(set(whole.times)).made(
        "wikinews_sources",
        about="English reports of many outlets that articles of Wikinews cite, those with a date; an event is what one "
        "article tells; grade 1 = of the same event or running story",
        licence="labels from Wikinews, CC BY 2.5; the texts belong to their publishers: for measurement alone",
        uses=("rankings",),
        notes=(_OWN, _HALF, _NO_CLOCK),
    )


def ecbplus(data: Path) -> EvaluationSet:
    """Load ECB+: short undated news texts, in each topic two events of one kind."""
    return Labelled.read(data, "ecbplus", running="topic").made(
        "ecbplus",
        about="short English news texts without dates, in 43 topics of two events that are alike, such as two "
        "earthquakes; grade 1 = of the same topic",
        licence="annotations CC BY 3.0 (Cybulska & Vossen 2014); the texts belong to their publishers",
        uses=("rankings",),
        notes=(_OWN, "Without dates an event is one report: its second item in a list is a repeat."),
    )


def headlines(data: Path) -> Labelled:
    """Read headlines of `refnews`; labels near the event in time, and of no event that has too many, are used."""
    whole = Labelled.read(data, "refnews")
    near = {  # of a headline that two events cite the last label counts
        row["id"]: abs(int(row["days_from_event_median"] or 999)) <= 30 and int(row["event_size"]) <= 60
        for _, row in read_sound_rows(data / "events" / "refnews.csv")
    }
    return whole.only({one for one, used in near.items() if used})


def refnews(data: Path) -> EvaluationSet:
    """Load headlines that Wikipedia cites for an event, labelled where they are near it in time."""
    return headlines(data).made(
        "refnews",
        about="English headlines that articles of Wikipedia on an event cite, without text; labelled within 30 days of "
        "the event; grade 1 = of the same event",
        licence="labels from Wikipedia, CC BY-SA; the headlines belong to their publishers: for measurement alone",
        uses=("rankings",),
        notes=(_OWN, _HALF),
    )


def short_chains(data: Path) -> Labelled:
    """Keep running stories of `current_events` that end within two weeks, among items without a label."""
    whole = Labelled.read(data, "current_events", running="outer")
    times = whole.times
    days = defaultdict(list)
    for one, event in whole.event.items():
        days[event].append(times[one])
    short = {event for event, found in days.items() if 2 <= len(found) <= 20 and max(found) - min(found) <= 14 * _DAY}
    labelled = {one for one, event in whole.event.items() if event in short}
    rest = sorted(times.keys() - whole.event.keys())
    filling = np.random.default_rng(0).choice(rest, min(BACKGROUND, len(rest)), replace=False).tolist()
    return whole.among(labelled | set(filling))


def current_events(data: Path) -> EvaluationSet:
    """Load Wikipedia's current events: items of a paragraph, in running stories of up to two weeks."""
    some = short_chains(data)
    for story in some.stories:
        story.pop("url", None)  # of the page of a month: it would tell which items are near in time
    return some.made(
        "current_events",
        later=True,
        about="English items of one paragraph from Wikipedia's page of current events, 2002 to 2025: running stories "
        f"of 2 to 20 items within two weeks, among {BACKGROUND:,} others; grade 1 = of the same running story, more "
        "than a day away",
        licence="CC BY-SA 4.0, from Wikipedia's Portal:Current events",
        notes=(
            "Weak labels: a running story is what the page puts under one heading, and two items of it within a day "
            "count as one report.",
            _HALF,
            _NO_CLOCK,
        ),
    )
