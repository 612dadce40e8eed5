"""Times of any form -> a moment in UTC."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from recommender.errors import RowError

_LONGEST_TIME = 100  # characters; some expressions for times take the square of them


MISSING = {"", "nan", "nat", "none", "null", "n/a"}


def to_time(value: Any, field: str = "time") -> datetime | None:
    """A point in time from ISO 8601, RFC 822, an epoch number, a date or a datetime.

    Without a zone it is UTC. Epoch numbers may count seconds, milli-, micro- or nanoseconds.

    Examples
    --------
    >>> to_time("Tue, 03 Mar 2026 07:30:00 +0100").isoformat()
    '2026-03-03T06:30:00+00:00'
    >>> to_time(1772519400) == to_time("1772519400000") == to_time("2026-03-03 06:30")
    True
    """
    if isinstance(value, str) and len(value) <= _LONGEST_TIME and value.strip().casefold() in MISSING:
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    try:
        found = _parse_time(value)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, TypeError, ArithmeticError, OSError, IndexError):
        raise RowError(
            f"unreadable date in {field}: {shown(value)}; expected ISO 8601, RFC 822 or an epoch number"
        ) from None


def shown(value: Any) -> str:
    """Show a value in an error, cut to a length that fits a line."""
    try:
        return repr(str(value)[:60])
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of thousands of digits"


def _parse_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, str):
        if len(value) > _LONGEST_TIME:
            raise ValueError
        text = re.sub(r"\s*(?:UTC|z)$", "Z", value.strip())  # as databases print it
        if re.fullmatch(r"-?\d{9,}(\.\d+)?", text) or re.fullmatch(r"\d+\.\d+", text):
            return _number(float(text))
        try:
            return datetime.fromisoformat(text.replace("/", "-") if re.match(r"\d{4}/", text) else text)
        except ValueError:
            return parsedate_to_datetime(text)
    return _number(float(value))


def _number(number: float) -> datetime:
    if 1900_00_00 < number < 2101_00_00 and number.is_integer():  # 20260303
        return datetime.strptime(str(int(number)), "%Y%m%d")
    if abs(number) < 1e8:  # a year, a zero or a day count rather than a moment before March 1973
        raise ValueError
    for unit in (1.0, 1e3, 1e6, 1e9):
        if abs(number) < 1e11 * unit:
            return datetime.fromtimestamp(number / unit, UTC)
    raise ValueError
