"""Rows whose day and time of day stand in columns of their own."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time

from recommender.reading.formats.shapes.shape import Row, Shape, without
from recommender.reading.names import fold

_PAIRS = (
    ("date", "time"), ("publishdate", "publishtime"), ("publisheddate", "publishedtime"), ("pubdate", "pubtime"),
    ("publicationdate", "publicationtime"), ("datepublished", "timepublished"), ("datum", "uhrzeit"), ("datum", "zeit"),
    ("datum", "tijd"), ("date", "heure"), ("fecha", "hora"), ("data", "ora"), ("data", "hora"),
    ("createddate", "createdtime"), ("datum", "klockslag"), ("datum", "cas"), ("dato", "tid"), ("dato", "klokkeslett"),
    ("tarih", "saat"), ("erscheinungsdatum", "erscheinungszeit"), ("datedeparution", "heuredeparution"),
    ("datedepublication", "heuredepublication"), ("veroffentlichungsdatum", "veroffentlichungszeit"),
    ("fechadepublicacion", "horadepublicacion"), ("datapublikacji", "godzinapublikacji"),
)  # fmt: skip
_CLOCK = re.compile(
    r"\s*\d{1,2}[:.h]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\.?)?(?:\s*\S{1,6})?\s*", re.IGNORECASE
)
_DAY = re.compile(r"[^:]*\d[^:]*")


def _find_pairs(names: Collection[str]) -> list[tuple[str, str]]:
    folded = {fold(name): name for name in names if isinstance(name, str)}
    return [(folded[day], folded[clock]) for day, clock in _PAIRS if day in folded and clock in folded]


def _convert(row: Row) -> Row:
    for day_name, clock_name in _find_pairs(row):
        day, clock = row[day_name], row[clock_name]
        if isinstance(day, datetime) and day.time() == time.min:
            day = day.date()
        if isinstance(clock, datetime):  # of a sheet
            clock = clock.time()
        clock = clock.isoformat() if isinstance(clock, time) else clock
        day = day.isoformat() if type(day) is date else day
        if isinstance(day, str) and isinstance(clock, str) and _DAY.fullmatch(day) and _CLOCK.fullmatch(clock):
            return without({**row, day_name: f"{day.strip()} {clock.strip()}"}, clock_name)
    return row


class _Apart(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether a day and a time of day have columns."""
        return bool(_find_pairs(names))


SHAPE = _Apart(name="day and time apart", any_of=(("date", "time"),), convert=_convert)
