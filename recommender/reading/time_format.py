"""What is known of the times of a column: their zone, the order of day and month, and a form of `strptime`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

from recommender.articles.languages import subtag
from recommender.errors import SettingsError
from recommender.reading.months import month_number
from recommender.reading.zones import ZONE, find_region, in_zone
from recommender.settings import ReadingSettings

_CODES = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short_year>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "d": r"(?P<day>\d{1,2})",
    "e": r"\s?(?P<day>\d{1,2})",
    **dict.fromkeys("bBh", r"(?P<name>[^\W\d_]+)\.?"),
    **dict.fromkeys("aA", r"[^\W\d_]+\.?"),
    "H": r"(?P<hour>\d{1,2})",
    "I": r"(?P<hour>\d{1,2})",
    "M": r"(?P<minute>\d{2})",
    "S": r"(?P<second>\d{2})",
    "f": r"(?P<fraction>\d{1,9})",
    "p": r"(?P<half>[aApP]\.?\s?[mM]\.?)",
    **dict.fromkeys("zZ", rf"(?P<zone>{ZONE})"),
    "%": "%",
}


@dataclass(frozen=True)
class TimeFormat:
    """How times are read where they do not say it themselves."""

    zone: tzinfo = UTC  # of times that name none
    # whether 05/11/2026 is in November; None = it is not read, nor are years of two digits
    day_first: bool | None = None
    date_format: str | None = None  # see `reading.date_format`
    language: str | None = None  # which a name of a month is read in, where it means another month in another language

    @classmethod
    def from_settings(cls, settings: ReadingSettings) -> TimeFormat:
        """Take the format of times from the settings; raise `SettingsError` if no date can be read with it."""
        if settings.date_format is not None and settings.date_format != "excel":
            _compile(settings.date_format)
        zone = UTC if settings.time_zone is None else find_region(settings.time_zone)
        language = subtag(settings.site_language) if settings.site_language else None
        return cls(zone, settings.day_first, settings.date_format, language)

    @property
    def is_excel(self) -> bool:
        """Whether small numbers are days as Excel counts them."""
        return self.date_format == "excel"

    def parse(self, text: str) -> datetime | None:
        """Read a text of the form of `date_format`; None for any other."""
        if self.date_format is None or self.is_excel or not (match := _compile(self.date_format).fullmatch(text)):
            return None
        parts = match.groupdict()
        year = full_year(parts.get("year") or parts["short_year"])
        month = month_number(parts["name"], self.language) if parts.get("name") else int(parts["month"])
        if parts.get("hour") and not parts.get("half"):
            parts["minute"] = parts.get("minute") or "0"
        return self.in_zone(at_clock(datetime(year, month, int(parts["day"])), parts), parts.get("zone"))

    def in_zone(self, local: datetime, zone: str | None) -> datetime:
        """Put a time into the zone that a text names; without one it stays as it is."""
        return in_zone(local, zone, self.zone) if zone else local


def full_year(digits: str) -> int:
    """Read a year; one of two digits is of the century that POSIX gives it."""
    return int(digits) + (0 if len(digits) > 2 else 2000 if digits < "69" else 1900)


def at_clock(day: datetime, parts: dict[str, str | None]) -> datetime:
    """Add the time of a clock of 24 hours, or of 12 with its half, to a day; raise `ValueError` if there is none."""
    if not parts.get("hour"):
        return day
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (parts.get("half") or "")[:1].lower()
    if not half and parts.get("minute") is None and not parts.get("unit"):
        raise ValueError  # a number alone is no time
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second or half)):
        raise ValueError
    if half:
        if (half == "a" and hour > 12) or (half == "p" and hour == 0):
            raise ValueError
        if hour <= 12:
            hour = hour % 12 + (12 if half == "p" else 0)
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    return day + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


@cache
def _compile(date_format: str) -> re.Pattern[str]:
    """Compile what a form of `strptime` matches; words for week days may be of any language."""
    parts = re.split(r"%(.)", " ".join(date_format.split()))
    try:
        pattern = re.compile(
            "".join(_CODES[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)), re.IGNORECASE
        )
        names = set(pattern.groupindex)
        if names & {"year", "short_year"} and names & {"month", "name"} and "day" in names:
            return pattern
    except (KeyError, re.error):
        pass
    raise SettingsError(
        f"reading.date_format is {date_format!r}; expected 'excel', or a form such as '%d.%m.%Y %H:%M' of year, month "
        f"and day, each once, with the codes {' '.join(f'%{code}' for code in _CODES)}"
    )
