"""Distances in time in the words of an editor; pages need them without all that makes lists."""

from __future__ import annotations

TIME_UNITS = (
    ("year", 24 * 365, 24 * 365),
    ("month", 24 * 60, 24 * 30.4),
    ("week", 324, 24 * 7),
    ("day", 22, 24),
    ("hour", 1, 1),
)
"""Units of time, each with the hours from which on it is used, and the hours of one."""

_SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def apart_text(hours: int) -> str:
    """Write a distance in time as an editor would.

    Examples
    --------
    >>> apart_text(-49), apart_text(2), apart_text(0), apart_text(24 * 400)
    ('two days earlier', 'two hours later', 'within the hour', 'a year later')
    """
    size, side = abs(hours), "earlier" if hours < 0 else "later"
    if size < 1:
        return "within the hour"
    unit, length = next((unit, length) for unit, least, length in TIME_UNITS if size >= least)
    count = max(round(size / length), 1)
    if count == 1:
        return f"{'an' if unit == 'hour' else 'a'} {unit} {side}"
    number = _SMALL[count - 1] if count <= len(_SMALL) else f"{count:,}"
    return f"{number} {unit}s {side}"
