"""Times of any form -> a moment in UTC, or a refusal: a time is right, or it is not read."""

from __future__ import annotations

import re
import time as clock
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from unicodedata import normalize

from recommender.articles.languages import subtag
from recommender.errors import RowError, SettingsError
from recommender.reading.months import MONTHS, AmbiguousMonth, month_number
from recommender.reading.zones import ZONE, placed, region
from recommender.settings import ReadingSettings

MISSING = frozenset(("", "nan", "nat", "none", "null", "n/a", "<na>", r"\n", "undefined"))
"""Words that stand for a missing value, folded."""

_LONGEST_TIME = 100  # characters
_NO_TIME = MISSING | {"tbd", "tba", "tbc", "unknown", "never", "nil", "na", "-", "--", "–", "—", "0", "0.0"}
_ZERO = re.compile(  # what databases keep where there is no date
    r"0000[-/.]?00[-/.]?00(?!\d).*|00[-/.]00[-/.]0000(?!\d).*|0001-01-01(?!\d).*"
    r"|1899-12-3[01](?:[T ]00:00(?::00(?:\.0+)?)?)?"
    r"|1970-01-01(?:[T ]00:00(?::00(?:\.0+)?)?)?\s?(?:Z|UTC|[+-]00:?00)?",
    re.IGNORECASE,
)
_FIRST, _LAST = 1600, 2300  # years of news; earlier ones are of another calendar, or a fault, and so are later numbers
_BUDDHIST = range(2400, 2750)  # of this calendar; beyond stand the years that people write for "never", such as 2999
# Steps of 100 nanoseconds since 1601 in Windows and since the year 1 in .NET, which may be nanoseconds of 1974 and 1990
_TICKS, _TICKS_OF_60_YEARS = (125_911_584_000_000_000, 630_822_816_000_000_000), 60 * 365 * 86_400 * 10_000_000
_EXCEL, _EPOCH = datetime(1899, 12, 30), datetime(1970, 1, 1, tzinfo=UTC)

_USUAL = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?", re.ASCII)
_RFC_822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d):([0-5]\d):([0-5]\d) (\S.*)", re.ASCII
)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d(?:T\d\d|[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?"
    r"|\d{8}(?:T\d{4}(?:\d\d(?:[.,]\d+)?)?)?|\d{4}-?W\d\d-?\d)"
    r"\s?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(r"-?\d{9,}(?:\.\d+)?|\d+\.\d+", re.ASCII)
_JSON_DATE = re.compile(r"/?(?:new )?Date\((-?\d{1,16})(?:[+-]\d{4})?\)/?")
_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?,?\s*", re.IGNORECASE)
_WORD = r"([^\W\d_]{3,12})"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?:\s*(?P<half>[ap]\.?\s?m\b\.?))?(?:\s*(?:uhr|uur|hrs|h)\b)?"
)
_AT = r"at|um|à|às|a las|alle(?: ore)?|kl\.?|klo|om|o|v|u|ob|la|saat|в|о|об|у|στις"  # before a time of day
_AFTER = re.compile(
    rf"(?:(?:T|:|-(?=\d\d\.\d\d\.\d\d)|\s*,\s*|\s+[-–|@]\s+|,?\s+(?:{_AT})\s+|\s+){_CLOCK})?"
    rf"\s*(?P<zone>{ZONE})?",
    re.IGNORECASE,
)
_NO_ZONE = rf"(?!(?:{'|'.join(MONTHS)}|mon|tue|wed|thu|fri|sat|sun|on)[a-z]*\b)"
_BEFORE = re.compile(rf"{_CLOCK}\s*(?:{_NO_ZONE}(?P<zone>{ZONE}))?(?:\s*,\s*|\s+[-–|]\s+|\s+on\s+|\s+)", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})([-/:]|\. ?)(\d{1,2})\2(\d{1,2})(?!\d)\.?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/]|\. ?)(\d{1,2})\2(\d{4})(?!\d)")
_CJK = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_DAY_MONTH = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|er|[.oa])?(?:[\s\-/.]|\s+(?:de|of)\s+)\s*{_WORD}\.?(?:,?\s+|[-/.])(?:del?\s+)?"
    r"(\d{4}|\d{2}(?=\s+\d{1,2}:\d{2}(?::\d{2})?\s+(?![ap]\.?m)\S|\s+\d\d(?:\.\d\d){2}(?:\.\d+)? [ap]m\b))"
    r"(?!\d)\.?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(rf"{_WORD}\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,\s*|\s+)(\d{{4}})(?!\d)", re.IGNORECASE)
_MONTH_MIDDLE = re.compile(rf"(\d{{4}})(?:[-\s]|\. ){_WORD}[-\s](\d{{1,2}})(?!\d)\.?")
_JOINED = re.compile(r"(\d\d)([A-Z]{3})(\d{4})(?!\d)", re.IGNORECASE)  # of SAS
_TOLD = re.compile(
    r"(?:(?:first |last )?(?:published|updated|modified|posted|created)(?: on| at)?"
    r"|(?:veröffentlicht|aktualisiert|stand)(?: am)?|(?:publié|mis à jour)(?: le)?|(?:publicado|actualizado)(?: e[lm])?"
    r"|pubblicato(?: il)?|gepubliceerd(?: op)?|opublikowano)\s*:?\s+",
    re.IGNORECASE,
)
_OF_YEAR = re.compile(r"(?<=\d{4}) ?(?:г(?:ода)?|р(?:оку)?)\b\.?")  # "of the year" in Russian and Ukrainian
_CJK_CLOCK = re.compile(
    r"\s*(?P<half>午前|上午|오전|午後|下午|오후)?\s*(?P<hour>\d{1,2})\s?[時时시]\s?(?:(?P<minute>\d{1,2})\s?[分분]\s?"
    r"(?:(?P<second>\d{1,2})\s?[秒초])?)?"
)
_MORNING = ("午前", "上午", "오전")
_UNIX = re.compile(rf"{_WORD}\s+(\d{{1,2}})\s+(\d{{1,2}}:\d{{2}}:\d{{2}})\s+(?:(\S{{1,9}})\s+)?(\d{{4}})")


class AmbiguousDate(RowError):
    """A date whose day and month may stand either way round."""


@dataclass(frozen=True)
class TimeForms:
    """How times are read where they do not say it themselves.

    Attributes
    ----------
    home : tzinfo
        Where times without a zone are meant.
    day_first : bool, optional
        Whether 05/11/2026 is in November; None = it is not read.
    form : str, optional
        See `reading.date_format`.
    language : str, optional
        Which a name of a month is read in, where it means another month in another language.
    """

    home: tzinfo = UTC
    day_first: bool | None = None
    form: str | None = None
    language: str | None = None

    @classmethod
    def of(cls, settings: ReadingSettings) -> TimeForms:
        """Take the forms of times from the settings."""
        if settings.date_format is not None and settings.date_format != "excel":
            _compiled(settings.date_format)
        home = UTC if settings.time_zone is None else region(settings.time_zone)
        language = subtag(settings.site_language) if settings.site_language else None
        return cls(home, settings.day_first, settings.date_format, language)


PLAIN = TimeForms()


def to_time(value: Any, field: str = "time", forms: TimeForms = PLAIN) -> datetime | None:
    """Read a point in time, in UTC, from text, a number or a datetime; None for a word or zero that means none.

    What is read, and what is not, is told in ``docs/input.md``. Numbers count seconds since 1970, or milli-, micro- or
    nanoseconds, told by their size.

    Raises
    ------
    RowError
        If it cannot be read for certain.

    Examples
    --------
    >>> to_time("Tue, 03 Mar 2026 07:30:00 +0100").isoformat()
    '2026-03-03T06:30:00+00:00'
    >>> to_time(1772519400) == to_time("1772519400000") == to_time("March 3, 2026 6:30 AM")
    True
    """
    found = read_time(value, field, forms)
    return None if found is None else in_utc(found, field, forms)


def read_time(value: Any, field: str, forms: TimeForms) -> datetime | None:
    """Read a time as `to_time` does, as it was written: without a zone where none is named."""
    if isinstance(value, str) and len(value) <= _LONGEST_TIME:
        value = value.strip()
        if value.casefold() in _NO_TIME or (value[0] in "01" and _ZERO.fullmatch(value)):
            return None
        value = value if value.isascii() else _normal(value)
        if value[0].isalpha() and (told := _TOLD.match(value)):
            value = value[told.end() :]
    elif isinstance(value, float | int | datetime) and not isinstance(value, bool) and (value == 0 or value != value):
        return None
    try:
        found = _parsed(value, forms)
        if not isinstance(value, date) and (found.year < _FIRST or found.year in _BUDDHIST):
            raise ValueError
        return found
    except AmbiguousMonth as error:
        raise AmbiguousMonth(f"unreadable date in {field}: {shown(value)}; {error}") from None
    except AmbiguousDate:
        raise AmbiguousDate(
            f"unreadable date in {field}: {shown(value)}; day or month first? reading.day_first = true or false tells"
        ) from None
    except (ValueError, TypeError, ArithmeticError, OSError, IndexError):
        raise RowError(
            f"unreadable date in {field}: {shown(value)}; expected ISO 8601, RFC 822 or an epoch number"
        ) from None


def in_utc(found: datetime, field: str, forms: TimeForms) -> datetime:
    """Convert a time of `read_time` to the moment that it is."""
    try:
        return (found.replace(tzinfo=forms.home) if found.tzinfo is None else found).astimezone(UTC)
    except (ArithmeticError, ValueError):  # within a day of the last that there is
        raise RowError(f"unreadable date in {field}: {shown(found)}; expected one that has a moment in UTC") from None


def shown(value: Any) -> str:
    """Show a value in an error, cut to a length that fits a line."""
    try:
        return repr(str(value)[:60])
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of thousands of digits"


def days_first(texts: Iterable[str]) -> bool | None:
    """Tell whether a column writes the day before the month; None where nothing shows it, or dates disagree.

    Where nothing shows it, dates with dots have the day first, as DIN 5008 and custom do.

    Examples
    --------
    >>> days_first(["05/11/2026", "27/11/2026"]), days_first(["05/11/2026"]), days_first(["27/11/2026", "11/27/2026"])
    (True, None, None)
    >>> days_first(["05.11.2026"]), days_first(["05.11.2026", "11.27.2026"])
    (True, False)
    """
    seen, marks = set(), set()
    for text in texts:
        if found := _YEAR_LAST.search(text):
            first, second = int(found[1]), int(found[3])
            marks.add(found[2].strip())
            if (first > 12) != (second > 12):
                seen.add(first > 12)
    if not seen and marks == {"."}:
        return True
    return seen.pop() if len(seen) == 1 else None


def _parsed(value: Any, forms: TimeForms) -> datetime:
    if isinstance(value, datetime):
        if type(value) is not datetime:  # those of pandas count nanoseconds
            parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
            return datetime(*parts, tzinfo=value.tzinfo, fold=value.fold)
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, clock.struct_time):
        return datetime.fromtimestamp(timegm(value), UTC)
    if isinstance(value, str):
        return _parsed_text(value, forms)
    if not isinstance(value, int):
        value = float(value)
    return _excel(value) if forms.form == "excel" and 0 < value < 1e6 else _number(value)


def _parsed_text(text: str, forms: TimeForms) -> datetime:
    if len(text) > _LONGEST_TIME:
        raise ValueError
    if forms.form is None and _USUAL.fullmatch(text) and text[11:13] < "24" and text[17:19] < "60":
        return datetime.fromisoformat(text)
    if forms.form is None and (found := _RFC_822.fullmatch(text)):
        day, hour, minute, second = (int(found[at]) for at in (1, 4, 5, 6))
        local = datetime(int(found[3]), month_number(found[2], forms.language), day, hour, minute, second)
        return placed(local, found[7], forms.home)
    text = " ".join(text.split())
    if forms.form == "excel" and re.fullmatch(r"\d{1,6}(?:[.,]\d+)?", text, re.ASCII):
        return _excel(float(text.replace(",", ".")))
    if forms.form is not None and forms.form != "excel" and (found := _compiled(forms.form).fullmatch(text)):
        return _formed(found.groupdict(), forms)
    if (found := _ISO.fullmatch(text)) and (moment := _iso(found[1])) is not None:
        if (found[2] or "").startswith("-") and len(found[1]) <= 10:  # a time or an offset after a date
            raise ValueError
        return placed(moment, found[2], forms.home) if found[2] else moment
    if _NUMBER.fullmatch(text):
        return _number(float(text) if "." in text else int(text))
    if found := _JSON_DATE.fullmatch(text):
        return datetime.fromtimestamp(int(found[1]) / 1e3, UTC)
    return _written(_WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text, forms)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper().replace(",", "."))
    except ValueError:  # the end of a day as 24:00, a leap second
        return None


def _written(text: str, forms: TimeForms) -> datetime:
    """Read a date as people write it, with or without a time before or after it."""
    if found := _UNIX.fullmatch(text):
        hour, minute, second = map(int, found[3].split(":"))
        local = datetime(int(found[5]), month_number(found[1], forms.language), int(found[2]), hour, minute, second)
        return placed(local, found[4], forms.home) if found[4] else local
    before = None
    day = _day(text, forms)
    if day is None and (before := _BEFORE.match(text)):
        rest = text[before.end() :]
        text = _WEEKDAY.sub("", rest, count=1) if _WEEKDAY.match(rest) else rest
        day = _day(text, forms)
    if day is None:
        raise ValueError
    (year, month, number), end = day
    after = _AFTER.fullmatch(text, end)
    if after is None or (before and after["hour"]):
        raise ValueError
    if before and after["zone"] and before["zone"]:
        raise ValueError
    parts = (before or after).groupdict()
    local = _at(datetime(year, month, number), parts)
    zone = parts["zone"] or after["zone"]
    if zone and not parts["hour"] and not re.fullmatch(r"Z|\+\d\d:\d\d", zone):
        raise ValueError  # a word or a time after a date alone
    return placed(local, zone, forms.home) if zone else local


def _day(text: str, forms: TimeForms) -> tuple[tuple[int, int, int], int] | None:
    """Read year, month and day at the start of a text, and where they end."""
    if (found := _YEAR_FIRST.match(text)) or (found := _CJK.match(text)):
        numbers = [int(part) for part in found.groups() if part.isdigit()]
        return (numbers[0], numbers[1], numbers[2]), found.end()
    if found := _YEAR_LAST.match(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if first <= 12 and second <= 12 and first != second and forms.day_first is None:
            raise AmbiguousDate
        # where only one way gives a date there is no choice, whatever the others do
        before = first > 12 or (second <= 12 and bool(forms.day_first))
        return (year, second if before else first, first if before else second), found.end()
    if found := _DAY_MONTH.match(text):
        year = int(found[3])
        if len(found[3]) == 2:  # RFC 822
            year += 2000 if year < 50 else 1900
        return (year, month_number(found[2], forms.language), int(found[1])), found.end()
    if found := _JOINED.match(text):
        return (int(found[3]), month_number(found[2], forms.language), int(found[1])), found.end()
    if found := _MONTH_DAY.match(text):
        return (int(found[3]), month_number(found[1], forms.language), int(found[2])), found.end()
    if found := _MONTH_MIDDLE.match(text):
        return (int(found[1]), month_number(found[2], forms.language), int(found[3])), found.end()
    return None


def _normal(text: str) -> str:
    """Write a time in full-width signs, or as Chinese, Japanese, Korean, Russian and Ukrainian put it, as others do."""
    text = _OF_YEAR.sub("", normalize("NFKC", text))
    if found := _CJK_CLOCK.search(text):
        parts = (found["hour"], found["minute"], found["second"])
        half = "" if found["half"] is None else " AM" if found["half"] in _MORNING else " PM"
        text = text[: found.start()] + " " + ":".join(part or "00" for part in parts) + half + text[found.end() :]
    return text


def _at(day: datetime, parts: dict[str, str | None]) -> datetime:
    """Add the time of a clock of 24 hours, or of 12 with its half, to a day."""
    if not parts["hour"]:
        return day
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    half = (parts.get("half") or "")[:1].lower()
    if not half and parts["minute"] is None:
        raise ValueError  # a number alone is no time
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second or half)):
        raise ValueError
    if half:
        if (half == "a" and hour > 12) or (half == "p" and hour == 0):
            raise ValueError
        hour = hour % 12 + (12 if half == "p" else 0) if hour <= 12 else hour
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    return day + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _excel(number: float) -> datetime:
    if not 1 <= number < 150_000:  # 2310
        raise ValueError
    return _EXCEL + timedelta(milliseconds=round(number * 86_400_000))


def _number(number: float) -> datetime:
    if number == (whole := int(number)):
        if 1900_00_00 < whole < 2101_00_00:  # 20260303
            return datetime.strptime(str(whole), "%Y%m%d")
        if 1900e10 < whole < 2101e10:  # 20260303063000
            return datetime.strptime(str(whole), "%Y%m%d%H%M%S")
        if 1900e8 < whole < 2101e8 and _is_date(str(whole)):  # 202603030630, or milliseconds of 1976
            raise ValueError
        number = whole  # exact
    if abs(number) < 1e8:  # a year, a zero or a day count rather than a moment before March 1973
        raise ValueError
    if any(abs(number - known) < _TICKS_OF_60_YEARS for known in _TICKS):
        raise ValueError
    for unit in (1, 10**3, 10**6, 10**9):
        if abs(number) < 1e11 * unit:
            micros = (number * 10**6 + unit // 2) // unit if isinstance(number, int) else round(number * (10**6 / unit))
            if (found := _EPOCH + timedelta(microseconds=micros)).year < _LAST:
                return found
            break
    raise ValueError


def _is_date(digits: str) -> bool:
    try:
        datetime.strptime(digits, "%Y%m%d%H%M")
    except ValueError:
        return False
    return True


_CODES = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short>\d{2})",
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


@cache
def _compiled(form: str) -> re.Pattern[str]:
    """Compile what a form of `strptime` matches; words for week days may be of any language.

    Raises
    ------
    SettingsError
        If a code is unknown, or no full date comes of it.
    """
    parts = re.split(r"%(.)", " ".join(form.split()))
    try:
        pattern = "".join(_CODES[part] if at % 2 else re.escape(part) for at, part in enumerate(parts))
        found = re.compile(pattern, re.IGNORECASE)
        named = set(found.groupindex)
        if named & {"year", "short"} and named & {"month", "name"} and "day" in named:
            return found
    except (KeyError, re.error):
        pass
    raise SettingsError(
        f"reading.date_format is {form!r}; expected 'excel', or a form such as '%d.%m.%Y %H:%M' of year, month "
        f"and day, each once, with the codes {' '.join(f'%{code}' for code in _CODES)}"
    )


def _formed(parts: dict[str, str | None], forms: TimeForms) -> datetime:
    if parts.get("year"):
        year = int(parts["year"] or 0)
    else:
        year = int(parts["short"] or 0)
        year += 2000 if year < 69 else 1900  # as POSIX has it
    month = month_number(name, forms.language) if (name := parts.get("name")) else int(parts["month"] or 0)
    clock_parts = {name: parts.get(name) for name in ("hour", "minute", "second", "fraction", "half")}
    if clock_parts["hour"] and not clock_parts["half"]:
        clock_parts["minute"] = clock_parts["minute"] or "0"
    local = _at(datetime(year, month, int(parts["day"] or 0)), clock_parts)
    zone = parts.get("zone")
    return placed(local, zone, forms.home) if zone else local
