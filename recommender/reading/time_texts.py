"""Texts of dates and times, as programs and people write them -> a moment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from unicodedata import normalize

from recommender.errors import RowError
from recommender.reading.months import MONTHS, month_number
from recommender.reading.time_format import TimeFormat, at_clock, full_year
from recommender.reading.time_numbers import from_excel, from_number
from recommender.reading.zones import ZONE

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
_EXCEL = re.compile(r"\d{1,6}(?:[.,]\d+)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{9,}(?:\.\d+)?|\d+\.\d+|\d{5}(?:,\d+)?|\d\.\d{6,}E\+?\d{1,2}", re.ASCII | re.IGNORECASE)
_JSON_DATE = re.compile(r"/?(?:new )?Date\((-?\d{1,16})(?:[+-]\d{4})?\)/?")
_DAYS = (  # of the week, before a date
    "mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag den der "
    "lun mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche le "
    "lunes martes miércoles jueves viernes sábado domingo mié jue vie sáb dom el "
    "lunedì martedì mercoledì giovedì venerdì sabato domenica mer gio il "
    "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira seg ter qua qui sex em dia "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo "
    "poniedziałek wtorek środa czwartek piątek sobota niedziela pon wt śr czw pt sob niedz "
    "måndag tisdag onsdag torsdag fredag lördag söndag mandag tirsdag lørdag søndag "
    "понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс "
    "понеділок вівторок середа четвер п'ятниця п’ятниця субота неділя "
    "pazartesi salı çarşamba perşembe cuma cumartesi pazar "
    "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή δευ τρι τετ πεμ παρ σαβ κυρ "
    "senin selasa rabu kamis jumat jum'at sabtu minggu "
    "الاثنين الإثنين الثلاثاء الأربعاء الاربعاء الخميس الجمعة السبت الأحد الاحد "
    "सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार"
)
_WEEKDAY = re.compile(
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?,?\s*"
    rf"|(?:(?:{'|'.join(_DAYS.split())})\b\.?,?\s+)+(?=\d))",
    re.IGNORECASE,
)
_MONTH_NAME = (
    r"(?P<name>[\u0900-\u0963]{2,12}|[^\W\d_]{3,12})"  # of Hindi with the signs of vowels, which are no letters
)
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:(?:[:.]|\s?h\s?)(?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?:\s*(?P<half>[ap]\.?\s?m\b\.?))?(?:\s*(?P<unit>uhr|uur|hrs|h)\b)?"
)
_AT = r"at|um|à|às|a las|(?:alle )?ore|alle|kl\.?|klo|om|o|v|u|ob|la|saat|в|о|об|у|στις"  # before a time of day
_CLOCK_AFTER = re.compile(
    rf"(?:(?:T|:|-(?=\d\d\.\d\d\.\d\d)|\s*,\s*|\s+[-–|@/•·]\s+|,?\s+(?:{_AT})\s+|\s+){_CLOCK})?"
    rf"\s*(?P<zone>{ZONE})?",
    re.IGNORECASE,
)
_NO_ZONE = rf"(?!(?:{'|'.join(MONTHS)}|mon|tue|wed|thu|fri|sat|sun|on)[a-z]*\b)"
_CLOCK_BEFORE = re.compile(
    rf"{_CLOCK}\s*(?:{_NO_ZONE}(?P<zone>{ZONE}))?(?:\s*,\s*|\s+[-–|]\s+|\s+on\s+|\s+)", re.IGNORECASE
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/:]|\. ?)(\d{1,2})\2(\d{1,2})(?!\d)\.?")
_YEAR_LAST = re.compile(r"(?<![\d./-])(\d{1,2})([-/]|\. ?)(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_CJK = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_WITH_MONTH_NAME = (
    re.compile(  # 3 March 2026
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|[.oa])?(?:[\s\-/.]|\s+(?:de|of)\s+)\s*{_MONTH_NAME}\.?"
        r"(?:,?\s+|[-/.])(?:del?\s+)?"
        r"(?P<year>\d{4}|(?P<is_certain>)\d{2}(?=\s+\d{1,2}:\d{2}(?::\d{2})?\s+(?![ap]\.?m)\S"
        r"|\s+\d\d(?:\.\d\d){2}(?:\.\d+)? [ap]m\b)|\d{2})(?!\d)\.?",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<day>\d\d)(?P<name>[A-Z]{3})(?P<year>\d{4})(?!\d)", re.IGNORECASE),  # 03MAR2026, of SAS
    re.compile(  # March 3, 2026
        rf"{_MONTH_NAME}\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,\s*|\s+)(?P<year>\d{{4}})(?!\d)", re.IGNORECASE
    ),
    re.compile(rf"(?P<year>\d{{4}})(?:[-\s]|\. ){_MONTH_NAME}[-\s](?P<day>\d{{1,2}})(?!\d)\.?"),  # 2026 March 3
)
_LABEL = re.compile(
    r"(?:(?:first |last )?(?:published|updated|modified|posted|created)(?: on| at)?"
    r"|(?:veröffentlicht|aktualisiert|stand)(?: am)?|(?:publié|mis à jour)(?: le)?|(?:publicado|actualizado)(?: e[lm])?"
    r"|pubblicato(?: il)?|gepubliceerd(?: op)?|opublikowano)\s*:?\s+",
    re.IGNORECASE,
)
_OF_YEAR = re.compile(r"(?<=\d{4}) ?(?:г(?:ода)?|р(?:оку)?)\b\.?")  # "of the year" in Russian and Ukrainian
_CJK_DAY = re.compile(r"\s*[(（][月火水木金土日一二三四五六월화수목금토일](?:曜日|曜|요일)?[)）]")
_CJK_CLOCK = re.compile(
    r"\s*(?P<half>午前|上午|오전|午後|下午|오후)?\s*(?P<hour>\d{1,2})\s?[時时시]\s?(?:(?P<minute>\d{1,2})\s?[分분]\s?"
    r"(?:(?P<second>\d{1,2})\s?[秒초])?)?"
)
_HALF = re.compile(r"(午前|上午|오전|午後|下午|오후)\s?(\d{1,2}:\d{2}(?::\d{2})?)")
_MORNING = ("午前", "上午", "오전")
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
_ERA = re.compile(rf"({'|'.join(_ERAS)})\s?(元|\d{{1,2}})\s?(?=年)")
_MIN_DAYS = 3  # of a column that show what its years of two digits are
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # of writing
_UNIX = re.compile(
    rf"{_MONTH_NAME}\s+(?P<day>\d{{1,2}})\s+(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}}):(?P<second>\d{{2}})\s+"
    r"(?:(?P<zone>\S{1,9})\s+)?(?P<year>\d{4})"
)


class AmbiguousDate(RowError):
    """A date whose day and month may stand either way round."""

    advice = "day or month first? reading.day_first = true or false tells"


class AmbiguousYear(AmbiguousDate):
    """A date with a year of two digits, which may be a day."""

    advice = "which number is the year? reading.date_format tells"


def is_day_first(texts: Iterable[str]) -> bool | None:
    """Check whether a column writes the day before the month; None where nothing shows it, or dates disagree.

    Where nothing shows it, dates with dots have the day first, as DIN 5008 and custom do. Of years of two digits there
    must be fewer than of days, or they may be days themselves.

    Examples
    --------
    >>> is_day_first(["05/11/2026", "27/11/2026"]), is_day_first(["05/11/2026"])
    (True, None)
    >>> is_day_first(["05.11.2026"]), is_day_first(["05.11.2026", "11.27.2026"])
    (True, False)
    >>> is_day_first(["05/11/26", "27/11/26", "28/11/26"]), is_day_first(["26/11/05", "26/11/27", "26/11/28"])
    (True, None)
    """
    orders, separators = set(), set()
    short_orders, parts = set(), [set[str](), set[str](), set[str]()]  # of years of two digits
    for text in texts:
        if match := _WITH_MONTH_NAME[0].search(text):
            found, order = match.group("day", "name", "year"), {True}
        elif match := _YEAR_LAST.search(text):
            found = match.group(1, 3, 4)
            order = {int(match[1]) > 12} if (int(match[1]) > 12) != (int(match[3]) > 12) else set()
        else:
            continue
        if len(found[2]) == 2:
            short_orders |= order
            for part, value in zip(parts, found, strict=True):
                part.add(value)
        elif found[1].isdecimal():
            separators.add(match[2].strip())
            orders |= order
    if not orders and separators == {"."}:
        return True
    if not orders and len(short_orders) == 1:
        days = parts[0 if True in short_orders else 1]
        orders = short_orders if len(days) >= _MIN_DAYS and len(days) > len(parts[2]) else set()
    return orders.pop() if len(orders) == 1 else None


def normalize_text(text: str) -> str:
    """Drop what stands before a date, and write full-width signs and dates of East Asia and Russia as others do."""
    if not text.isascii():
        text = _OF_YEAR.sub("", _DIRECTIONS.sub("", normalize("NFKC", text)))
        text = _HALF.sub(lambda half: f" {half[2]} {'AM' if half[1] in _MORNING else 'PM'}", _CJK_DAY.sub("", text))
        text = _ERA.sub(lambda era: str(_ERAS[era[1]] + (1 if era[2] == "元" else int(era[2]))), text)
        if clock := _CJK_CLOCK.search(text):
            half = "" if clock["half"] is None else " AM" if clock["half"] in _MORNING else " PM"
            parts = ":".join(part or "00" for part in (clock["hour"], clock["minute"], clock["second"]))
            text = f"{text[: clock.start()]} {parts}{half}{text[clock.end() :]}"
    if text[:1].isalpha() and (label := _LABEL.match(text)):
        text = text[label.end() :]
    return text[:-1] if text.endswith(("+00:00Z", "+0000Z")) else text


def from_text(text: str, format: TimeFormat) -> datetime:
    """Read a time as it is written, without a zone where none is named; raise `ValueError` if that is not certain."""
    if format.date_format is None:
        if _USUAL.fullmatch(text) and text[11:13] < "24" and text[17:19] < "60":
            return datetime.fromisoformat(text)
        if match := _RFC_822.fullmatch(text):
            day, hour, minute, second = (int(match[group]) for group in (1, 4, 5, 6))
            local = datetime(int(match[3]), month_number(match[2], format.language), day, hour, minute, second)
            return format.in_zone(local, match[7])
    text = " ".join(text.split())
    if format.is_excel and _EXCEL.fullmatch(text):
        return from_excel(float(text.replace(",", ".")))
    if (moment := format.parse(text)) is not None:
        return moment
    if (match := _ISO.fullmatch(text)) and (moment := _from_iso(match[1])) is not None:
        if (match[2] or "").startswith("-") and len(match[1]) <= 10:  # a time or an offset after a date
            raise ValueError
        return format.in_zone(moment, match[2])
    if _NUMBER.fullmatch(text):
        return from_number(int(text) if text.lstrip("-").isdecimal() else float(text.replace(",", ".")))
    if match := _JSON_DATE.fullmatch(text):
        return datetime.fromtimestamp(int(match[1]) / 1e3, UTC)
    return _from_prose(_without_weekday(text), format)


def _from_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper().replace(",", "."))
    except ValueError:  # the end of a day as 24:00, a leap second
        return None


def _without_weekday(text: str) -> str:
    weekday = _WEEKDAY.match(text)
    return text[weekday.end() :] if weekday else text


def _from_prose(text: str, format: TimeFormat) -> datetime:
    """Read a date as people write it, with or without a time before or after it."""
    if match := _UNIX.fullmatch(text):
        month = month_number(match["name"], format.language)
        day, hour, minute, second = (int(match[name]) for name in ("day", "hour", "minute", "second"))
        return format.in_zone(datetime(int(match["year"]), month, day, hour, minute, second), match["zone"])
    before = None
    date = _find_date(text, format)
    if date is None and (before := _CLOCK_BEFORE.match(text)):
        text = _without_weekday(text[before.end() :])
        date = _find_date(text, format)
    if date is None:
        raise ValueError
    ymd, end = date
    after = _CLOCK_AFTER.fullmatch(text, end)
    if after is None or (before and after["hour"]):
        raise ValueError
    if before and after["zone"] and before["zone"]:
        raise ValueError
    clock = (before or after).groupdict()
    zone = clock["zone"] or after["zone"]
    local = at_clock(datetime(*ymd), clock)
    if zone and not clock["hour"] and not re.fullmatch(r"Z|\+\d\d:\d\d", zone):
        raise ValueError  # a word or a time after a date alone
    return format.in_zone(local, zone)


def _find_date(text: str, format: TimeFormat) -> tuple[tuple[int, int, int], int] | None:
    """Read year, month and day at the start of a text, and where they end."""
    if (match := _YEAR_FIRST.match(text)) or (match := _CJK.match(text)):
        year, month, day = (int(part) for part in match.groups() if part.isdigit())
        return (year, month, day), match.end()
    if match := _YEAR_LAST.match(text):
        first, second, year = int(match[1]), int(match[3]), full_year(match[4])
        is_short = len(match[4]) == 2
        if is_short and format.day_first is None:
            raise AmbiguousYear
        if first <= 12 and second <= 12 and first != second and format.day_first is None:
            raise AmbiguousDate
        # where only one way gives a date there is no choice, whatever the others do
        is_day_first = bool(format.day_first) if is_short else first > 12 or (second <= 12 and bool(format.day_first))
        return (year, second, first) if is_day_first else (year, first, second), match.end()
    for pattern in _WITH_MONTH_NAME:
        if match := pattern.match(text):
            if len(match["year"]) == 2 and match["is_certain"] is None and format.day_first is None:
                raise AmbiguousYear
            year = full_year(match["year"])
            return (year, month_number(match["name"], format.language), int(match["day"])), match.end()
    return None
