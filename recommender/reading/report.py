"""What became of the rows that were read."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from recommender.articles.boilerplate import Passage

_MAX_NAMED = 5  # values that a finding names
_REASONS = 3  # commonest reasons that an error names where no row is a story
_MIN_AHEAD, _MAX_AHEAD = timedelta(minutes=30), timedelta(hours=15)  # the most by which a zone is ahead of UTC


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that was left out: `file`, `line` (1-based; 0 = the whole file), `reason`, `id` if known."""

    file: str
    line: int
    reason: str
    id: str | None = None


@dataclass(slots=True)
class Notes:
    """What was repaired or left out of stories that are kept: how often, and one example of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, example: str = "", count: int = 1) -> None:
        """Count a case, or several."""
        self.counts[what] += count
        if what not in self.examples:
            self.examples[what] = example

    def merge(self, other: Notes) -> None:
        """Add the cases of a later part."""
        self.counts += other.counts
        self.examples = {**other.examples, **self.examples}

    def lines(self) -> list[str]:
        """Return one line for each kind, the commonest first."""
        return [
            f"{count:,} {what}" + (f", such as {self.examples[what]}" if self.examples[what] else "")
            for what, count in _commonest_first(self.counts)
        ]


@dataclass(slots=True)
class ReadReport:
    """Counts of one reading; every row read is accepted, superseded, unpublished or rejected.

    Attributes
    ----------
    unpublished : Counter of str
        Rows that are no published stories, by what says so, such as 'status draft' or 'type page'.
    taken_back : dict
        Their ids, with the times of their last change and publication.
    unknown_statuses : Counter of str
        Values of columns such as `status` that are not known; their stories are shown.
    notes : Notes
        What was repaired or left out of stories that are kept.
    lost : Counter of str
        Fields whose values could not be used, and were left out.
    links_left_out : Counter of str
        Links that cannot be used, by reason: they cost no row.
    newest_naive : datetime, optional
        The newest publication time that was written without a zone.
    mapped : set of str
        Fields whose columns were named, and are in the input.
    boilerplate : tuple of Passage
        What recurs across the stories, and left the texts that they are compared by, the commonest first.
    """

    read: int = 0
    accepted: int = 0
    superseded: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    unpublished: Counter[str] = field(default_factory=Counter)
    taken_back: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    unknown_statuses: Counter[str] = field(default_factory=Counter)
    notes: Notes = field(default_factory=Notes)
    lost: Counter[str] = field(default_factory=Counter)
    links_left_out: Counter[str] = field(default_factory=Counter)
    newest_naive: datetime | None = None
    mapped: set[str] = field(default_factory=set)
    boilerplate: tuple[Passage, ...] = ()

    @property
    def commonest(self) -> tuple[str, int]:
        """The reason that most rows were rejected for, and how many."""
        return Counter(row.reason for row in self.rejected).most_common(1)[0]

    @property
    def rejection(self) -> str:
        """How many rows were rejected, and why the first was."""
        first = self.rejected[0]
        return (
            f"{len(self.rejected)} of {self.read} rows were rejected; "
            f"the first: {first.file}, line {first.line}: {first.reason}"
        )

    @property
    def no_story(self) -> str:
        """Why no row is a story."""
        reasons = Counter(row.reason for row in self.rejected) + self.unpublished
        detail = "; ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_REASONS))
        if any(reason == "missing id" for reason in reasons):
            detail += " (--column id=NAME names the column of ids, or url=NAME that of addresses)"
        return f"no usable story among {self.read:,} rows" + (f": {detail}" if detail else "")

    def rejected_jsonl(self) -> bytes:
        """Return the rejected rows as JSON lines."""
        return b"".join(orjson.dumps(asdict(row)) + b"\n" for row in self.rejected)

    def merge(self, part: ReadReport) -> None:
        """Add what was counted in a later part of the input."""
        self.read += part.read
        self.rejected += part.rejected
        self.unknown_statuses += part.unknown_statuses
        self.notes.merge(part.notes)
        self.lost += part.lost
        self.links_left_out += part.links_left_out
        self.mapped |= part.mapped
        self.note_naive(part.newest_naive)

    def note_naive(self, time: datetime | None) -> None:
        """Remember a time that was written without a zone, if it is the newest."""
        if time is not None and (self.newest_naive is None or time > self.newest_naive):
            self.newest_naive = time

    def findings(self, now: datetime) -> tuple[str, ...]:
        """Return what somebody should look at, one line each."""
        findings = self.notes.lines()
        if self.unknown_statuses:
            total = sum(self.unknown_statuses.values())
            findings.append(
                f"{total:,} stories with an unknown status are shown ({counted(self.unknown_statuses)}); "
                "reading.hidden_values names those that are not"
            )
        if self.newest_naive is not None:
            ahead = self.newest_naive - now.astimezone(UTC)
            if _MIN_AHEAD < ahead < _MAX_AHEAD:
                hours = max(round(ahead / timedelta(hours=1)), 1)
                findings.append(
                    f"the newest times without a zone lie {hours} hour{'s' * (hours > 1)} ahead of the clock, and "
                    "such stories wait that long: reading.time_zone names where they are meant"
                )
        return tuple(findings)


def _commonest_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def counted(counts: Counter[str]) -> str:
    """Return the commonest values with their counts on one line."""
    parts = [f"{value} {count:,}" for value, count in _commonest_first(counts)]
    return ", ".join(parts[:_MAX_NAMED]) + (f" and {len(parts) - _MAX_NAMED} more" if len(parts) > _MAX_NAMED else "")
