"""How rows of the same columns become articles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property

from recommender.reading.names import EMBARGOES, KICKERS, TIMES, fold, recognise
from recommender.reading.report import ReadReport
from recommender.reading.status import StatusCheck
from recommender.reading.time_format import TimeFormat
from recommender.settings import ReadingSettings

_EMBARGO_NAMES = frozenset(map(fold, EMBARGOES))


@dataclass(frozen=True)
class Plan:
    """How rows of the same columns become articles."""

    columns: Mapping[str, tuple[str, ...]]  # field -> columns, as `recognise` returns it
    limits: ReadingSettings
    report: ReadReport  # what is repaired or left out is noted there
    status: StatusCheck
    formats: Mapping[str, TimeFormat]  # column of a time -> how its times are read
    embargoes: tuple[str, ...] = ()  # columns of times before which a story is not published
    kickers: tuple[str, ...] = ()  # columns of the words above headlines, which become tags
    # columns of times that were searched for whether the day or the month comes first
    searched: frozenset[str] = frozenset()

    @classmethod
    def from_columns(
        cls,
        names: Iterable[str],
        mapping: Mapping[str, str],
        limits: ReadingSettings,
        report: ReadReport | None = None,
        drafts: bool = False,
    ) -> Plan:
        """Plan how to read rows with these columns; with `drafts`, no status hides a row."""
        names = [name for name in names if isinstance(name, str)]
        columns = recognise(names, mapping)
        if "id" not in columns and (url := columns.get("url")):
            columns = {"id": url, **columns}
        elif "id" not in columns and (uid := next((name for name in names if fold(name) == "uid"), None)):
            columns = {"id": (uid,), **columns}  # only where nothing else may be one: elsewhere it is that of a user
        format = TimeFormat.from_settings(limits)
        embargoes = tuple(name for name in names if fold(name) in _EMBARGO_NAMES)
        read = {column for sources in columns.values() for column in sources}
        kickers = tuple(name for name in names if fold(name) in KICKERS and name not in read)
        times = (*(column for field in TIMES for column in columns.get(field, ())), *embargoes)
        formats = {
            column: replace(format, zone=UTC) if fold(column).endswith(("gmt", "utc")) else format for column in times
        }
        check = StatusCheck.from_columns({} if drafts else {fold(name): name for name in reversed(names)}, limits)
        check = replace(check, reads_texts=not drafts)
        return cls(columns, limits, report or ReadReport(), check, formats, embargoes, kickers)

    @cached_property
    def other_fields(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Field and columns of all but times, ids and links."""
        excluded = (*TIMES, "links", "id")
        return tuple((field, columns) for field, columns in self.columns.items() if field not in excluded)

    @cached_property
    def time_fields(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Field and columns of all times."""
        return tuple((field, self.columns[field]) for field in TIMES if field in self.columns)

    @cached_property
    def sole_columns(self) -> frozenset[str]:
        """Columns that are the only one of their field: what they contain is never kept as a further detail."""
        return frozenset(columns[0] for columns in self.columns.values() if len(columns) == 1)

    @property
    def id_is_url(self) -> bool:
        """Whether there is no id but the address."""
        return self.columns.get("id") is not None and self.columns["id"] == self.columns.get("url")

    def without(self, field: str) -> Plan:
        """Read no field of this name."""
        return replace(self, columns={name: columns for name, columns in self.columns.items() if name != field})

    def with_order(self, column: str, day_first: bool | None) -> Plan:
        """Add to the plan whether a column has the day before the month, as far as that shows."""
        formats = {**self.formats, column: replace(self.formats[column], day_first=day_first)}
        return replace(self, formats=formats, searched=self.searched | {column})
