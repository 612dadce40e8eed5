"""How rows of the same columns become articles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property

from recommender.reading.names import EMBARGOES, TIMES, fold, recognise
from recommender.reading.report import ReadReport
from recommender.reading.status import StatusCheck
from recommender.reading.times import TimeForms
from recommender.settings import ReadingSettings

_EMBARGOES = frozenset(map(fold, EMBARGOES))


@dataclass(frozen=True)
class Plan:
    """How rows of the same columns become articles.

    Attributes
    ----------
    columns : mapping
        Field -> columns, as `recognise` returns it.
    limits : ReadingSettings
    report : ReadReport
        What is mended or left out is told there.
    status : StatusCheck
    forms : mapping
        Column of a time -> how its times are read.
    embargoes : tuple of str
        Columns of times before which a story is not published.
    settled : frozenset of str
        Columns of times of which it is known that nothing shows whether the day or the month comes first.
    """

    columns: Mapping[str, tuple[str, ...]]
    limits: ReadingSettings
    report: ReadReport
    status: StatusCheck
    forms: Mapping[str, TimeForms]
    embargoes: tuple[str, ...] = ()
    settled: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        mapping: Mapping[str, str],
        limits: ReadingSettings,
        report: ReadReport | None = None,
        drafts: bool = False,
    ) -> Plan:
        """Plan how to read rows with these columns; `drafts` may be marked as not published."""
        names = [name for name in names if isinstance(name, str)]
        columns = recognise(names, mapping)
        if "id" not in columns and (url := columns.get("url")):
            columns = {"id": url, **columns}
        forms = TimeForms.of(limits)
        embargoes = tuple(name for name in names if fold(name) in _EMBARGOES)
        times = {column: forms for field in TIMES for column in columns.get(field, ())} | dict.fromkeys(
            embargoes, forms
        )
        for column in times:
            if fold(column).endswith(("gmt", "utc")):
                times[column] = replace(forms, home=UTC)
        check = StatusCheck.of({} if drafts else {fold(name): name for name in reversed(names)}, limits)
        return cls(columns, limits, report or ReadReport(), check, times, embargoes)

    @cached_property
    def words(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Field and columns of all but times, ids and links."""
        apart = (*TIMES, "links", "id")
        return tuple((name, columns) for name, columns in self.columns.items() if name not in apart)

    @cached_property
    def times(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Field and columns of all times."""
        return tuple((name, self.columns[name]) for name in TIMES if name in self.columns)

    @cached_property
    def alone(self) -> frozenset[str]:
        """Columns that are the only one of their field: whatever they hold is no further detail."""
        return frozenset(columns[0] for columns in self.columns.values() if len(columns) == 1)

    @property
    def id_is_url(self) -> bool:
        """Whether there is no id but the address."""
        return self.columns.get("id") is not None and self.columns["id"] == self.columns.get("url")

    def with_order(self, column: str, day_first: bool | None) -> Plan:
        """Add to the plan what a column shows of the order of its days and months."""
        forms = {**self.forms, column: replace(self.forms[column], day_first=day_first)}
        return replace(self, forms=forms, settled=self.settled | {column})
