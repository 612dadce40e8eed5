"""Zones as people write them after a time: offsets, abbreviations, regions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_MAX_OFFSET = timedelta(hours=15)  # beyond every offset in use

# Hours ahead of UTC of abbreviations that mean one zone to all who write news; CST is that of RFC 822. What several
# zones share (IST, AST, SST) is read only where `reading.time_zone` names one that uses it.
_ABBREVIATIONS: dict[str, float] = {
    **dict.fromkeys(("Z", "UTC", "UT", "GMT", "WET"), 0),
    **dict.fromkeys(("CET", "MET", "MEZ", "WEST", "WAT"), 1),
    **dict.fromkeys(("CEST", "MEST", "MESZ", "EET", "SAST", "CAT"), 2),
    **dict.fromkeys(("EEST", "MSK", "EAT", "TRT"), 3),
    **dict.fromkeys(("JST", "KST"), 9),
    **dict.fromkeys(("HKT", "SGT", "AWST"), 8),
    **{"WIB": 7, "ICT": 7, "PKT": 5, "NPT": 5.75, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11},
    **{"NZST": 12, "NZDT": 13, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7},
    **{"PST": -8, "AKDT": -8, "AKST": -9, "HST": -10, "NDT": -2.5, "NST": -3.5, "ADT": -3, "BRT": -3},
}
_REGIONS = {
    **{"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles"},
    "BST": "Europe/London",  # British Summer Time, never that of Bangladesh: refused in winter
}
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+\-−])(\d{1,2})(?::?(\d{2}))?(?::?00)?")
_REGION = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+\-]+)+|UTC|GMT")
_BRACKET = r"\[[A-Za-z0-9_/+\-]{1,40}\]"
ZONE = (
    r"(?:(?:UTC|GMT)?\s*[+\-−]\d{1,2}(?::?\d{2})?(?::?00)?(?:\s*\([^()\d]{1,40}\)|\s+[A-Z]{1,5})?"
    rf"(?:\s*{_BRACKET})?|{_BRACKET}|[A-Za-z]+(?:/[A-Za-z0-9_+\-]+){{1,2}}|\(?[A-Za-z]{{1,5}}\)?(?:\s*{_BRACKET})?)"
)
"""What may be a zone at the end of a time; `in_zone` finds whether it is one."""


@cache
def find_region(name: str) -> ZoneInfo:
    """Find a zone by its name in the time zone database, such as 'Asia/Tokyo'; raise `ValueError` if there is none."""
    try:
        return ZoneInfo(_names_by_folded()[name.casefold()] if name.isupper() and "/" in name else name)
    except (ZoneInfoNotFoundError, KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; expected a name such as 'Asia/Tokyo'") from None


@cache
def _names_by_folded() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}  # Oracle writes them in capitals


def in_zone(local: datetime, zone: str, default: tzinfo) -> datetime:
    """Put a time into the zone that a text names; abbreviations are those of the `default` zone first.

    Raises `ValueError` if the text is no zone, or may be one of several.

    Examples
    --------
    >>> in_zone(datetime(2026, 7, 1, 12), "GMT+0900", UTC).astimezone(UTC).hour
    3
    """
    if zone in ("Z", "GMT", "UTC"):
        return local.replace(tzinfo=UTC)
    text = zone.strip()
    if text.endswith((")", "]")):
        text = re.sub(r"\s*\([^)]*\)", "", text) or text.strip(" ()")
        bracket = re.fullmatch(r"(.*?)\s*\[([^\]]+)\]", text)
        if bracket:
            text = bracket[1] or bracket[2]
    elif text[-1:].isalpha() and text[:1] in "+-−":  # +0000 UTC
        text = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    if offset := _OFFSET.fullmatch(text):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if int(offset[3] or 0) > 59 or ahead > _MAX_OFFSET:
            raise ValueError(f"no offset from UTC: {text}")
        return local.replace(tzinfo=timezone(ahead if offset[1] == "+" else -ahead))
    if "/" in text and _REGION.fullmatch(text):
        return local.replace(tzinfo=find_region(text))
    name = text.upper()
    moment = local.replace(tzinfo=default)
    if moment.tzname() == name:
        return moment
    if name in _REGIONS:
        moment = local.replace(tzinfo=find_region(_REGIONS[name]))
        if name == "BST" and moment.tzname() != name:
            raise ValueError("BST in winter")
        return moment
    if name in _ABBREVIATIONS:
        hours = _ABBREVIATIONS[name]
        return local.replace(tzinfo=timezone(timedelta(hours=hours)) if hours else UTC)
    raise ValueError(f"unknown time zone: {zone}")
