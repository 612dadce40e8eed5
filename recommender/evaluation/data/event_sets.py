"""Named sets whose stories are labelled with the events that they report, to measure repeats by labels.

An event is reported by several stories; a running story consists of events, or of the days of one event. The good items
of a story are others of its running story.
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

from recommender.evaluation.data.files import need_files, read_sound_rows
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet

SAMPLE = 400  # stories that are drawn to be evaluated
BACKGROUND = 2_000  # stories without a label in the archive of `current_events`
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
    """Stories, some of which are labelled with an event."""

    stories: list[dict[str, Any]]  # rows of the file, without dates that were guessed
    event: Mapping[str, str]  # of the labelled stories, by id
    running: Mapping[str, str]  # running story of the labelled stories, by id
    unused: frozenset[str] = frozenset()  # ids of stories with a label that is not used

    @classmethod
    def read(cls, data: Path, name: str, *, running: str = "event") -> Labelled:
        """Read `events/NAME.jsonl.gz` and `events/NAME.csv`; `running` is the column that names the running story."""
        folder = data / "events"
        need_files(folder, (f"{name}.jsonl.gz", f"{name}.csv"), "its source is told in data/sets.toml")
        path, labels = folder / f"{name}.jsonl.gz", folder / f"{name}.csv"
        stories = []
        for _, row in read_sound_rows(path, ("id",)):
            story = {field: row[field] for field in _FIELDS if row.get(field) not in (None, "None")}
            if row.get("published_at_is_guess"):
                story.pop("published_at", None)
            stories.append(story)
        event, running_story = {}, {}
        for _, row in read_sound_rows(labels, ("id", "event"), filled=True):
            event[row["id"]] = row["event"]
            running_story[row["id"]] = row.get(running) or row["event"]
        return cls(stories=stories, event=event, running=running_story)

    def with_stories(self, ids: set[str]) -> Labelled:
        """Return only these stories, with their labels."""
        return replace(self.with_labels(ids), stories=[story for story in self.stories if story["id"] in ids])

    def with_labels(self, ids: set[str]) -> Labelled:
        """Return all stories, with only the labels of these."""
        event, running = ({name: of[name] for name in of if name in ids} for of in (self.event, self.running))
        return replace(self, event=event, running=running, unused=frozenset(self.event.keys() - ids))

    @property
    def times(self) -> dict[str, datetime]:
        """Dates of the stories that have one, by id."""
        return {
            story["id"]: datetime.fromisoformat(story["published_at"])
            for story in self.stories
            if "published_at" in story
        }

    def to_set(self, name: str, *, days_apart: bool = False, **values: Any) -> EvaluationSet:
        """Build a set in which items of the story's running story, or those more than a day apart, have grade 1."""
        members, times = defaultdict(list), self.times
        for article_id in sorted(self.running):
            members[self.running[article_id]].append(article_id)
        pairs = [pair for articles in members.values() for pair in permutations(articles, 2)]
        if days_apart:
            pairs = [(a, b) for a, b in pairs if abs(times[a] - times[b]) > _DAY]
        candidates = sorted({story for story, _ in pairs})
        size = min(SAMPLE, len(candidates))
        sample = set(np.random.default_rng(0).choice(candidates, size, replace=False).tolist())
        judged = [(story, item, 1.0) for story, item in pairs if story in sample]
        return EvaluationSet.of(
            name,
            self.stories,
            Judgments.of(judged, relevant=1.0, complete=self.event),
            events=self.event,
            group=self.running,
            part="development",
            **values,
        )


def wikinews_sources(data: Path) -> EvaluationSet:
    """Load dated reports that Wikinews cites: those of two or more outlets on one event."""
    labelled = Labelled.read(data, "wikinews_sources", running="story")
    return labelled.with_stories(set(labelled.times)).to_set(
        "wikinews_sources",
        about="English reports of many outlets that articles of Wikinews cite, those with a date; an event is what one "
        "article tells; grade 1 = of the same event or running story",
        licence="labels from Wikinews, CC BY 2.5; the texts belong to their publishers: for measurement alone",
        uses=("rankings",),
        notes=(_OWN, _HALF, _NO_CLOCK),
    )


def ecbplus(data: Path) -> EvaluationSet:
    """Load ECB+: short undated news texts, in each topic two events of one kind."""
    return Labelled.read(data, "ecbplus", running="topic").to_set(
        "ecbplus",
        about="short English news texts without dates, in 43 topics of two events that are alike, such as two "
        "earthquakes; grade 1 = of the same topic",
        licence="annotations CC BY 3.0 (Cybulska & Vossen 2014); the texts belong to their publishers",
        uses=("rankings",),
        notes=(_OWN, "Without dates an event is one report: its second item in a list is a repeat."),
    )


def headlines(data: Path) -> Labelled:
    """Read headlines of `refnews`, with labels near their event in time, of events with not too many headlines."""
    labelled = Labelled.read(data, "refnews")
    is_used = {  # the last label of a headline that two events cite counts
        row["id"]: abs(int(row["days_from_event_median"] or 999)) <= 30 and int(row["event_size"]) <= 60
        for _, row in read_sound_rows(data / "events" / "refnews.csv")
    }
    return labelled.with_labels({name for name, used in is_used.items() if used})


def refnews(data: Path) -> EvaluationSet:
    """Load headlines that Wikipedia cites for an event, labelled where they are near it in time."""
    return headlines(data).to_set(
        "refnews",
        about="English headlines that articles of Wikipedia on an event cite, without text; labelled within 30 days of "
        "the event; grade 1 = of the same event",
        licence="labels from Wikipedia, CC BY-SA; the headlines belong to their publishers: for measurement alone",
        uses=("rankings",),
        notes=(_OWN, _HALF),
    )


def short_chains(data: Path) -> Labelled:
    """Read running stories of `current_events` that end within two weeks, with items without a label."""
    items = Labelled.read(data, "current_events", running="outer")
    times = items.times
    times_of_event = defaultdict(list)
    for article_id, event in items.event.items():
        times_of_event[event].append(times[article_id])
    short = {
        event
        for event, moments in times_of_event.items()
        if 2 <= len(moments) <= 20 and max(moments) - min(moments) <= 14 * _DAY
    }
    labelled = {article_id for article_id, event in items.event.items() if event in short}
    unlabelled = sorted(times.keys() - items.event.keys())
    size = min(BACKGROUND, len(unlabelled))
    background = np.random.default_rng(0).choice(unlabelled, size, replace=False).tolist()
    return items.with_stories(labelled | set(background))


def current_events(data: Path) -> EvaluationSet:
    """Load Wikipedia's current events: items of a paragraph, in running stories of up to two weeks."""
    labelled = short_chains(data)
    for story in labelled.stories:
        story.pop("url", None)  # the page of a month, which would reveal which items are near in time
    return labelled.to_set(
        "current_events",
        days_apart=True,
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
