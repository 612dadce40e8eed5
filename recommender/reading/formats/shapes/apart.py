"""Rows whose day and time of day stand in columns of their own."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time

from recommender.reading.formats.shapes.shape import Row, Shape
from recommender.reading.names import fold

_PAIRS = (
    *(("date", "time"), ("publishdate", "publishtime"), ("publisheddate", "publishedtime"), ("pubdate", "pubtime")),
    *(
        ("publicationdate", "publicationtime"),
        ("datepublished", "timepublished"),
        ("datum", "uhrzeit"),
        ("datum", "zeit"),
    ),
    *(
        ("datum", "tijd"),
        ("date", "heure"),
        ("fecha", "hora"),
        ("data", "ora"),
        ("data", "hora"),
        ("createddate", "createdtime"),
    ),
)
_CLOCK = re.compile(
    r"\s*\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\.?)?(?:\s*\S{1,6})?\s*", re.IGNORECASE
)
_NO_CLOCK = re.compile(r"[^:]*\d[^:]*")


def _columns(names: Collection[str]) -> list[tuple[str, str]]:
    folded = {fold(name): name for name in names if isinstance(name, str)}
    return [(folded[day], folded[clock]) for day, clock in _PAIRS if day in folded and clock in folded]


def _plain(row: Row) -> Row:
    for day, clock in _columns(row):
        when, hour = row[day], row[clock]
        if isinstance(when, datetime) and when.time() == time.min:
            when = when.date()
        if isinstance(hour, datetime):  # of a sheet
            hour = hour.time()
        hour = hour.isoformat() if isinstance(hour, time) else hour
        when = when.isoformat() if type(when) is date else when
        if isinstance(when, str) and isinstance(hour, str) and _NO_CLOCK.fullmatch(when) and _CLOCK.fullmatch(hour):
            return {
                name: f"{when.strip()} {hour.strip()}" if name == day else one
                for name, one in row.items()
                if name != clock
            }
    return row


class _Apart(Shape):
    def fits(self, names: Collection[str]) -> bool:
        """Tell whether a day and a time of day have columns."""
        return bool(_columns(names))


SHAPE = _Apart(name="day and time apart", any_of=(frozenset(("date", "time")),), plain=_plain)
