"""The summary of a run, which commands print."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.archive.changes import Changes
from recommender.articles.article import UNDATED
from recommender.articles.languages import unknown_languages
from recommender.facade import Recommender
from recommender.reading.report import ReadReport

_SHOWN = 60  # characters of a passage that a finding quotes
_LISTED = ("ok", "filled", "short", "empty", "not_computed", "withheld")  # statuses of published lists


@dataclass(slots=True)
class Summary:
    """What a run did: counts in stories, times in seconds, memory in MiB.

    `published` is False after a dry run; `also_close` is True if a related item must be close besides having a
    relevance of `related_at` or more; `dated` counts the stories that carry a date; `by_words` counts the stories by
    language that the embedder does not know, so that their lists use words only; `empty_because` counts empty lists, up
    to fifty, by the rule that rejected most of their candidates, 'no candidate' if there was none; `resumed` counts the
    finished shards of an interrupted run that were taken over; `changed` the lists that a refresh recomputed and that
    show other items than before, None where there was nothing to compare with; `unpublished` the rows that are no
    published stories, by what says so; `rejected_file` holds the rejected rows, if there are any; `notes` lists what
    somebody should look at in the input, `findings` in the rules.
    """

    version: str = ""
    published: bool = True
    as_of: datetime | None = None
    related_at: float | None = None
    also_close: bool = False
    ranker: str = ""
    by_words: dict[str, int] = field(default_factory=dict)
    stories: int = 0
    dated: int = 0
    lists: int = 0
    ok: int = 0
    filled: int = 0
    short: int = 0
    empty: int = 0
    empty_because: dict[str, int] = field(default_factory=dict)
    not_computed: int = 0
    rejected: int = 0
    rejected_file: str = ""
    superseded: int = 0
    copies: int = 0
    withdrawn: int = 0
    withheld: int = 0
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unpublished: dict[str, int] = field(default_factory=dict)
    vanished: int = 0
    links: int = 0
    stories_with_links: int = 0
    unresolved_links: int = 0
    embedded: int = 0
    recomputed: int = 0
    changed: int | None = None
    resumed: int = 0
    changes: Changes | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory: float = 0.0

    @property
    def stories_per_second(self) -> float:
        """Stories a second over the whole run."""
        return self.stories / max(sum(self.seconds.values()), 1e-9)

    @property
    def statuses(self) -> dict[str, int]:
        """Lists by status."""
        return {status: getattr(self, status) for status in _LISTED}

    def count(self, batch: pa.RecordBatch) -> None:
        """Count lists that were made, by their status."""
        self.lists += len(batch)
        for status in _LISTED:
            count = pc.sum(pc.equal(batch.column("status"), status)).as_py()
            setattr(self, status, getattr(self, status) + count)

    def describe(self, rec: Recommender, report: ReadReport) -> None:
        """Fill in the figures of the archive and of the report of its input."""
        links = rec.links.report
        self.links, self.stories_with_links, self.unresolved_links = links.links, links.stories, links.unresolved
        groups = rec.catalog.copy_group[rec.catalog.alive]
        self.stories, self.rejected, self.superseded = len(groups), len(report.rejected), report.superseded
        self.dated = int((rec.catalog.published[rec.catalog.alive] != UNDATED).sum())
        self.copies = len(groups) - len(np.unique(groups))
        self.related_at, self.also_close = rec.related_at, rec.archive.closeness is not None
        self.unpublished, self.notes = dict(report.unpublished), _findings(rec, report)
        self.ranker = "" if rec.archive.ranker is None else rec.archive.ranker.name
        self.by_words = by_words(rec)
        self.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def item_ids_by_story(batch: pa.RecordBatch) -> Iterator[tuple[str, list[str]]]:
    """Yield the id of each story of a batch and the ids of the items of its list, in order."""
    items = batch.column("items")
    story_ids = batch.column("article_id").to_pylist()
    item_ids = items.flatten().field("article_id").to_pylist()
    ends = np.cumsum(pc.fill_null(pc.list_value_length(items), 0)).tolist()
    start = 0
    for story_id, end in zip(story_ids, ends, strict=True):
        yield story_id, item_ids[start:end]
        start = end


def no_story_message(report: ReadReport, rejected: Path | None) -> str:
    """Describe why no row of an input is a story, and where all that were rejected are written."""
    return report.no_story + (f"; see {rejected}" if rejected is not None and report.rejected else "")


def by_words(rec: Recommender) -> dict[str, int]:
    """Count the current stories in languages that the embedder does not know: their lists use words only."""
    current = rec.catalog.table.select(["language"]).filter(pa.array(rec.catalog.alive))
    return unknown_languages(current, rec.embedder.languages, rec.archive.site)


def _findings(rec: Recommender, report: ReadReport) -> tuple[str, ...]:
    """List what somebody should look at in the stories that were read, one line each."""
    findings = list(report.findings(datetime.now(UTC)))
    findings += [
        f"{count:,} stories name {name!r} as canonical_id, which is ignored: they are no versions of one story"
        for name, count in sorted(rec.catalog.shared_canonicals.items())
    ]
    if passages := rec.catalog.boilerplate.passages:
        findings.append(
            f"{len(passages):,} passages that recur are left out where stories are compared and shown, such as "
            f"{passages[0].text[:_SHOWN]!r} of {passages[0].stories:,} stories; recommender check lists them"
        )
    return tuple(findings)
