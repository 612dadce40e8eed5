"""What a run did, as a value that commands print."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.archive.changes import Changes
from recommender.articles.languages import unknown_languages
from recommender.facade import Recommender
from recommender.reading.report import ReadReport

_REASONS = 3  # that are told where no row is a story
_SHOWN = 60  # characters of a passage that a finding names
_LISTED = ("ok", "filled", "short", "empty", "not_computed", "withheld")  # statuses of published lists


@dataclass(slots=True)
class Summary:
    """What a run did: counts in stories, times in seconds, memory in MiB.

    `published` is False after a dry run; `also_close` tells that a related item is close as well, besides its
    relevance of `related_at` or more; `by_words` counts the stories by language that the embedder does not know, so
    that their lists go by words alone; `resumed` counts the finished shards of an interrupted run that were taken
    over; `changed` the lists that a refresh made again and that show other items than before, None where there was
    nothing to compare with; `unpublished` the rows that are no published stories, by what says so; `rejected_file`
    holds the rejected rows, if there are any; `told` says what somebody should look at in the input, `findings` in the
    rules.
    """

    version: str = ""
    published: bool = True
    as_of: datetime | None = None
    related_at: float | None = None
    also_close: bool = False
    ranker: str = ""
    by_words: dict[str, int] = field(default_factory=dict)
    stories: int = 0
    lists: int = 0
    ok: int = 0
    filled: int = 0
    short: int = 0
    empty: int = 0
    not_computed: int = 0
    rejected: int = 0
    rejected_file: str = ""
    superseded: int = 0
    copies: int = 0
    withdrawn: int = 0
    withheld: int = 0
    findings: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
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
            found = pc.sum(pc.equal(batch.column("status"), status)).as_py()
            setattr(self, status, getattr(self, status) + found)

    def tell(self, rec: Recommender, report: ReadReport) -> None:
        """Take in what the archive and the report of its input tell."""
        links = rec.links.report
        self.links, self.stories_with_links, self.unresolved_links = links.links, links.stories, links.unresolved
        groups = rec.catalog.copy_group[rec.catalog.alive]
        self.stories, self.rejected, self.superseded = len(groups), len(report.rejected), report.superseded
        self.copies = len(groups) - len(np.unique(groups))
        self.related_at, self.also_close = rec.related_at, rec.archive.closeness is not None
        self.unpublished, self.told = dict(report.unpublished), _findings(rec, report)
        self.ranker = "" if rec.archive.ranker is None else rec.archive.ranker.name
        self.by_words = by_words(rec)
        self.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def items_of(batch: pa.RecordBatch) -> Iterator[tuple[str, list[str]]]:
    """List the ids of the items of each list of a batch, in order, by the id of its story."""
    items = batch.column("items")
    names, ends = (
        items.flatten().field("article_id").to_pylist(),
        np.cumsum(pc.fill_null(pc.list_value_length(items), 0)),
    )
    ids = batch.column("article_id").to_pylist()
    start = 0
    for name, end in zip(ids, ends.tolist(), strict=True):
        yield name, names[start:end]
        start = end


def no_story(report: ReadReport, rejected: Path | None) -> str:
    """Say why no row of an input is a story."""
    reasons = Counter(one.reason for one in report.rejected) + report.unpublished
    told = "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_REASONS))
    if any(reason == "missing id" for reason in reasons):
        told += " (--column id=NAME names the column of ids, or url=NAME that of addresses)"
    where = f"; see {rejected}" if rejected is not None and report.rejected else ""
    return f"no usable story among {report.read:,} rows" + (f": {told}" if told else "") + where


def by_words(rec: Recommender) -> dict[str, int]:
    """Count the current stories, by language, whose lists go by words alone: the embedder does not know it."""
    current = rec.catalog.table.select(["language"]).filter(pa.array(rec.catalog.alive))
    return unknown_languages(current, rec.embedder.languages, rec.archive.site)


def _findings(rec: Recommender, report: ReadReport) -> tuple[str, ...]:
    """Tell what somebody should look at in the stories that were read, one line each."""
    found = list(report.findings(datetime.now(UTC)))
    found += [
        f"{count:,} stories name {name!r} as canonical_id, which is ignored: they are no versions of one story"
        for name, count in sorted(rec.catalog.shared_canonicals.items())
    ]
    if dropped := rec.catalog.boilerplate.told:
        found.append(
            f"{len(dropped):,} passages that recur are left out where stories are compared and shown, such as "
            f"{dropped[0].text[:_SHOWN]!r} of {dropped[0].stories:,} stories; recommender check lists them"
        )
    return tuple(found)
