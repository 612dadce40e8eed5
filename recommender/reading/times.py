"""Times of any form -> a moment in UTC, or a refusal: a time is right, or it is not read."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import UTC, date, datetime
from typing import Any

from recommender.errors import RowError
from recommender.reading.months import AmbiguousMonth
from recommender.reading.time_format import TimeFormat
from recommender.reading.time_numbers import from_excel, from_number
from recommender.reading.time_texts import AmbiguousDate, from_text, normalize_text
from recommender.reading.values import MISSING, quoted

_MAX_TEXT = 100  # characters
_NONE = (0, -1, -62_135_596_800, -62_135_596_800_000)  # the last are the beginning of the year 1
_NO_TIME = MISSING | {
    *map(str, _NONE),
    "tbd",
    "tba",
    "tbc",
    "unknown",
    "never",
    "nil",
    "na",
    "-",
    "--",
    "–",
    "—",
    "0.0",
}
_ZERO = re.compile(  # what databases keep where there is no date
    r"0000[-/.]?00[-/.]?00(?!\d).*|00[-/.]00[-/.]0000(?!\d).*|-?0001-(?:01-01|11-30)(?!\d).*|1601-01-01(?!\d).*"
    r"|1899-12-3[01](?:[T ]00:00(?::00(?:\.0+)?)?)?"
    r"|1970-01-01(?:[T ]00:00(?::00(?:\.0+)?)?)?\s?(?:Z|UTC|[+-]00:?00)?",
    re.IGNORECASE,
)
_MIN_YEAR = 1600  # of news; earlier ones are of another calendar, or a fault
_BUDDHIST = range(2400, 2750)  # of this calendar; beyond stand the years that people write for "never", such as 2999
_PLAIN = TimeFormat()


def to_time(value: Any, field: str = "time", format: TimeFormat = _PLAIN) -> datetime | None:
    """Read a point in time, in UTC, from text, a number or a datetime; None for a word or zero that means none.

    ``docs/input.md`` lists what is read, and what is not. Numbers count seconds since 1970, or milli-, micro- or
    nanoseconds, as their size shows.

    Raises `RowError` if it cannot be read for certain.

    Examples
    --------
    >>> to_time("Tue, 03 Mar 2026 07:30:00 +0100").isoformat()
    '2026-03-03T06:30:00+00:00'
    >>> to_time(1772519400) == to_time("1772519400000") == to_time("March 3, 2026 6:30 AM")
    True
    """
    moment = read_time(value, field, format)
    return None if moment is None else in_utc(moment, field, format)


def read_time(value: Any, field: str, format: TimeFormat) -> datetime | None:
    """Read a time as `to_time` does, as it was written: without a zone where none is named."""
    if isinstance(value, str) and len(value) <= _MAX_TEXT:
        value = value.strip()
        if value.casefold() in _NO_TIME or (value[0] in "-01" and _ZERO.fullmatch(value)):
            return None
        value = normalize_text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and (value in _NONE or value != value):
        return None
    try:
        moment = _parse(value, format)
        if not isinstance(value, date) and (moment.year < _MIN_YEAR or moment.year in _BUDDHIST):
            raise ValueError
        return moment
    except AmbiguousMonth as error:
        raise AmbiguousMonth(f"unreadable date in {field}: {quoted(value)}; {error}") from None
    except AmbiguousDate as error:
        raise type(error)(f"unreadable date in {field}: {quoted(value)}; {error.advice}") from None
    except (ValueError, TypeError, ArithmeticError, OSError, IndexError):
        raise RowError(
            f"unreadable date in {field}: {quoted(value)}; expected ISO 8601, RFC 822 or an epoch number"
        ) from None


def in_utc(moment: datetime, field: str, format: TimeFormat) -> datetime:
    """Convert a time of `read_time` to UTC."""
    try:
        return (moment.replace(tzinfo=format.zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ArithmeticError, ValueError):  # within a day of the last that there is
        raise RowError(f"unreadable date in {field}: {quoted(moment)}; expected one that has a moment in UTC") from None


def _parse(value: Any, format: TimeFormat) -> datetime:
    if isinstance(value, datetime):
        if type(value) is not datetime:  # those of pandas count nanoseconds
            parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
            return datetime(*parts, tzinfo=value.tzinfo, fold=value.fold)
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, time.struct_time):
        return datetime.fromtimestamp(timegm(value), UTC)
    if isinstance(value, str):
        if len(value) > _MAX_TEXT:
            raise ValueError
        return from_text(value, format)
    if not isinstance(value, int):
        value = float(value)
    return from_excel(value) if format.is_excel and 0 < value < 1e6 else from_number(value)
