"""Times: what is printed in a known form is read back to the same instant; what is not certain is not read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from dateutil import parser as peer
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.errors import RowError, SettingsError
from recommender.reading.months import MONTHS
from recommender.reading.read import read_articles
from recommender.reading.time_format import TimeFormat
from recommender.reading.time_texts import AmbiguousDate, is_day_first
from recommender.reading.times import to_time
from recommender.settings import ReadingSettings, Settings

MOMENTS = st.datetimes(datetime(1700, 1, 2), datetime(2290, 1, 1)).filter(lambda one: one.date() != date(1970, 1, 1))
SECONDS = MOMENTS.map(lambda one: one.replace(microsecond=0, fold=0))  # of an hour that comes twice the first is meant
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ENGLISH = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
ENGLISH += ["November", "December"]


def name(one: datetime) -> str:
    return ENGLISH[one.month - 1]


def twelve(one: datetime) -> str:
    return f"{(one.hour - 1) % 12 + 1}:{one:%M:%S} {'AM' if one.hour < 12 else 'PM'}"


def offset(one: datetime, between: str = ":") -> str:
    minutes = round((one.utcoffset() or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{between}{abs(minutes) % 60:02}"


NAIVE: list[Callable[[datetime], str]] = [
    lambda one: one.isoformat(),
    lambda one: one.isoformat(" "),
    lambda one: one.strftime("%Y/%m/%d %H:%M:%S"),
    lambda one: f"{one.year}/{one.month}/{one.day} {one.hour}:{one:%M:%S}",
    lambda one: one.strftime("%Y%m%dT%H%M%S"),
    lambda one: one.strftime("%Y.%m.%d %H:%M:%S"),
    lambda one: f"{one:%Y-%m-%d} {twelve(one)}",
    lambda one: f"{name(one)} {one.day}, {one.year} {twelve(one)}",
    lambda one: f"{name(one)[:3]} {one.day}, {one.year}, {one:%H:%M:%S}",
    lambda one: f"{name(one)} {one.day}th, {one.year} at {twelve(one).replace('M', '.m.').lower()}",
    lambda one: f"{one.day} {name(one)} {one.year} {one:%H:%M:%S}",
    lambda one: f"{one.day}-{name(one)[:3].upper()}-{one.year} {one:%H:%M:%S}",
    lambda one: f"{one:%A}, {one.day} {name(one)} {one.year}, {one:%H:%M:%S}",
    lambda one: f"{one:%a} {name(one)[:3]} {one.day} {one:%H:%M:%S} {one.year}",
    lambda one: f"{twelve(one)}, {one.day} {name(one)} {one.year}",
    lambda one: f"{one:%H:%M:%S} {one:%a} {name(one)} {one.day}, {one.year}",
    lambda one: f"{one.year}年{one.month}月{one.day}日 {one:%H:%M:%S}",
    lambda one: f"{one.day}. {name(one)} {one.year} um {one:%H:%M:%S} Uhr",
    lambda one: f"{one.day} de {name(one)} de {one.year} {one:%H:%M:%S}",
]
ZONED: list[Callable[[datetime], str]] = [
    lambda one: one.isoformat(),
    lambda one: one.isoformat(" "),
    lambda one: f"{one:%Y-%m-%d %H:%M:%S} {offset(one, '')}",
    lambda one: f"{one:%Y-%m-%dT%H:%M:%S}{offset(one, '')}",
    format_datetime,
    lambda one: f"{one:%a, %d %b %Y %H:%M:%S} {offset(one)}",
    lambda one: f"{one:%a %b %d %Y %H:%M:%S} GMT{offset(one, '')} (Somewhere Standard Time)",
    lambda one: f"{one:%Y-%m-%d %H:%M:%S} UTC{offset(one)}",
    lambda one: f"{one:%a %b %d %H:%M:%S} {offset(one, '')} {one.year}",
    lambda one: f"{name(one)} {one.day}, {one.year} {twelve(one)} {offset(one)}",
    lambda one: f"{one:%Y/%m/%d %H:%M:%S} {offset(one)}",
    lambda one: f"{one:%Y-%m-%dT%H:%M:%S}{offset(one)}[Pacific/Nowhere]",
    lambda one: f"{one:%Y-%m-%d %H:%M:%S} {offset(one, '')} UTC",
]
HOMES: list[tzinfo] = [UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]


@settings(max_examples=200, deadline=None)
@given(SECONDS, st.sampled_from(NAIVE), st.sampled_from([UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]))
def test_a_time_without_a_zone_is_read_back_at_home(
    moment: datetime, form: Callable[[datetime], str], home: Any
) -> None:
    assert to_time(form(moment), format=TimeFormat(home)) == moment.replace(tzinfo=home).astimezone(UTC)


@settings(max_examples=200, deadline=None)
@given(SECONDS, OFFSETS, st.sampled_from(ZONED))
def test_a_time_with_an_offset_is_read_back(moment: datetime, zone: timezone, form: Callable[[datetime], str]) -> None:
    there = moment.replace(tzinfo=zone)
    home = TimeFormat(ZoneInfo("Asia/Tokyo"))  # which must not matter
    assert to_time(form(there), format=home) == there


@settings(max_examples=100, deadline=None)
@given(SECONDS, st.sampled_from("/.-"), st.booleans(), st.booleans())
def test_a_date_with_its_year_last_is_never_turned_round(one: datetime, sep: str, day_first: bool, told: bool) -> None:
    first, second = (one.day, one.month) if day_first else (one.month, one.day)
    text = f"{first:02}{sep}{second:02}{sep}{one.year} {one:%H:%M}"
    expected = one.replace(second=0, tzinfo=UTC)
    try:
        found = to_time(text, format=TimeFormat(day_first=day_first if told else None))
    except AmbiguousDate:
        assert not told
        assert one.day <= 12
        assert one.day != one.month
    else:
        assert found == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dates(date(1900, 1, 1), date(2100, 1, 1)), max_size=8), st.booleans())
def test_a_column_shows_its_order_only_where_a_day_does(dates: list[date], day_first: bool) -> None:
    form = "%d/%m/%Y" if day_first else "%m/%d/%Y"
    shows = any(one.day > 12 for one in dates)
    assert is_day_first(one.strftime(form) for one in dates) == (day_first if shows else None)


def test_dates_with_dots_have_the_day_first_unless_their_column_contradicts() -> None:
    def read(*dates: str) -> list[str | None]:
        rows = [{"id": at, "title": "Ferry", "date": one} for at, one in enumerate(dates)]
        return [one and f"{one:%m-%d}" for one in read_articles(rows)[0]["published_at"].to_pylist()]

    assert read("02.03.2026 00:00", "04.05.2026") == ["03-02", "05-04"]
    assert read("02.03.2026", "12.31.2026") == ["02-03", "12-31"]
    assert read("02.03.2026", "12.31.2026", "31.12.2026") == [None, "12-31", "12-31"]
    assert read("02/03/2026") == [None]


@pytest.mark.parametrize(
    ("form", "is_read"),
    [
        *((form, True) for form in ("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y 10:30", "%d-%b-%y", "%d %b %y")),
        *((form, False) for form in ("%y/%m/%d", "%y-%m-%d", "%y.%m.%d", "%y-%b-%d")),
    ],
)
def test_years_of_two_digits_are_read_where_their_column_shows_what_they_are(form: str, is_read: bool) -> None:
    days = [datetime(2025, 12, 24) + timedelta(days=day) for day in range(40)]
    rows = [{"id": at, "title": "Ferry", "date": f"{day:{form}}"} for at, day in enumerate(days)]
    found = read_articles(rows)[0]["published_at"].to_pylist()
    assert [one and f"{one:%Y%m%d}" for one in found] == [f"{day:%Y%m%d}" if is_read else None for day in days]
    table, report = read_articles(rows[:2])  # too few to show it
    assert table["published_at"].to_pylist() == [None, None]
    assert "reading.date_format names their form" in report.notes.lines()[0]
    told = read_articles(rows[:2], settings=ReadingSettings(day_first=form.startswith("%d")))[0]["published_at"]
    assert not is_read or [f"{one:%Y%m%d}" for one in told.to_pylist()] == [f"{day:%Y%m%d}" for day in days[:2]]


def test_years_of_two_digits_are_read_next_to_those_of_four() -> None:
    rows = [{"id": at, "title": "A", "date": one} for at, one in enumerate(("27/11/2026", "05/12/26", "2026-12-06"))]
    found = read_articles(rows)[0]["published_at"].to_pylist()
    assert [f"{one:%m-%d}" for one in found] == ["11-27", "12-05", "12-06"]


@settings(max_examples=150, deadline=None)
@given(MOMENTS, st.sampled_from([1, 10**3, 10**6, 10**9]), st.sampled_from([int, float, str, np.int64]))
def test_epoch_numbers_of_every_unit(moment: datetime, unit: int, kind: Any) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    seconds = int(moment.timestamp())
    if abs(seconds) < 10**8 or seconds > 10**10 or abs(seconds) * unit >= 2**63:
        return
    if unit == 1000 and 1900e8 < seconds * unit < 2101e8:  # of 1976: digits that may be a date
        return
    if unit == 10**9 and any(abs(seconds * unit - begin) < 2e16 for begin in (1.26e17, 6.31e17)):  # of other clocks
        return
    value = kind(seconds * unit)
    found = to_time(value.item() if isinstance(value, np.generic) else value)
    assert found is not None
    lossy = kind is float and unit == 10**9  # a double does not hold so many digits
    assert abs(found - moment) <= timedelta(microseconds=1 if lossy else 0)


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(1950, 1, 1), datetime(2290, 1, 1)))
def test_day_numbers_of_excel_by_setting(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    serial = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    for value in (serial, str(serial), f"{serial:.6f}".replace(".", ",")):
        found = to_time(value, format=TimeFormat(date_format="excel"))
        assert found is not None
        assert abs(found - moment.replace(tzinfo=UTC)) <= timedelta(seconds=0.1)
    if 25_570 <= int(serial) < 55_153:  # from 1970 to 2050 nothing else is counted so
        assert abs(to_time(serial) - found) <= timedelta(seconds=0.1)  # type: ignore[operator]
    else:
        with pytest.raises(RowError):
            to_time(serial)


ZONES = {
    "CET": 1,
    "CEST": 2,
    "MEZ": 1,
    "MESZ": 2,
    "MEST": 2,
    "EET": 2,
    "JST": 9,
    "KST": 9,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "PDT": -7,
    "AEDT": 11,
    "NST": -3.5,
    "UTC": 0,
    "UT": 0,
    "GMT": 0,
    "Z": 0,
    "MSK": 3,
}


@pytest.mark.parametrize("zone", list(ZONES))
def test_names_of_zones(zone: str) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC) - timedelta(hours=ZONES[zone])
    forms = [
        "2026-07-01 12:00 {}",
        "Wed, 01 Jul 2026 12:00:00 {}",
        "July 1, 2026 12:00 PM {}",
        "2026-07-01T12:00:00 {}",
    ]
    for form in (*forms, "2026-07-01 12:00:00 ({})", "Wed Jul 1 12:00:00 {} 2026"):
        assert to_time(form.format(zone)) == moment, form


def test_zones_that_change_with_the_season() -> None:
    for text, hour in (("2026-07-01 12:00 ET", 16), ("2026-12-01 12:00 ET", 17), ("2026-07-01 12:00 PT", 19)):
        found = to_time(text)
        assert found is not None
        assert found.hour == hour
    assert to_time("2026-07-01 12:00 BST") == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert to_time("2026-07-01T12:00[Europe/Paris]") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert to_time("2026-07-01 12:00 Europe/Paris") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert to_time("2026-12-01T12:00+01:00[Europe/Paris]") == datetime(2026, 12, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-12-01 12:00 BST", "2026-12-01 12:00 IST", "2026-12-01 12:00 XYZ"])
def test_a_zone_that_may_be_another_is_not_read(text: str) -> None:
    with pytest.raises(RowError):
        to_time(text)


def test_home_tells_what_its_abbreviations_mean() -> None:
    noon = datetime(2026, 12, 1, 12)
    for home, zone in (
        ("Asia/Kolkata", "IST"),
        ("Asia/Jerusalem", "IST"),
        ("Asia/Shanghai", "CST"),
        ("Asia/Manila", "PST"),
    ):
        forms = TimeFormat(ZoneInfo(home))
        assert to_time(f"2026-12-01 12:00 {zone}", format=forms) == noon.replace(tzinfo=ZoneInfo(home))


MISSING = ["", " ", "TBD", "tba", "NaT", "NULL", r"\N", "<NA>", "None", "n/a", "0", "0.0", "-", "never", "undefined"]
MISSING += ["0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00Z", "00/00/0000", "0001-01-01T00:00:00Z"]
MISSING += ["0001-01-01", "0001-01-01 00:00:00", "1970-01-01", "1970-01-01T00:00:00Z", "1970-01-01 00:00:00+00:00"]
MISSING += ["1899-12-30 00:00:00"]


@pytest.mark.parametrize("value", [*MISSING, 0, 0.0, float("nan"), np.float64("nan")], ids=repr)
def test_words_and_zeros_are_no_time(value: Any) -> None:
    assert to_time(value) is None


REFUSED = ["2026-11", "2026", "Nov 2026", "27 Nov", "10:00", "yesterday", "27/11/26", "11/27/26", "27-Nov-26", "1.2.3"]
REFUSED += ["2026-02-30", "31/31/2026", "2026-13-01", "2026-11-27 25:00", "2026-11-27 10:60", "2026-11-27 24:01"]
REFUSED += [
    "27 Nov 26 10:00 PM",
    "2026-11-27 10",
    "2026-11-27 0:30 PM",
    "2026-11-27 13:00 AM",
    "2026-11-27 noon",
    "2026-11-27 foo",
]
REFUSED += [
    "2026-11-27-10:00",
    "2026-11-27-10.00",
    "2026-11-27 +16:00",
    "27 Foo 2026",
    "27 listopad 2026",
    "2569-11-27",
    "1447-06-07",
    "30000000000",
]
REFUSED += [
    "27 28 2026",
    "27.11.2026 10:00 11:00",
    "202611271030",
    "2026-331",
    "31-JAN-26",
    "5 listopada 2026",
    "133809102000000000",
    "639151350000000000",
]


@pytest.mark.parametrize("value", [*REFUSED, 20_000, 60_000.5, 202611271030, 2026, True, [2026, 11, 27]], ids=repr)
def test_what_is_not_certain_is_not_read(value: Any) -> None:
    with pytest.raises(RowError) as refused:
        to_time(value, "published_at")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-27T24:00", datetime(2026, 11, 28)),
        ("27 Nov 26 10:00 GMT", datetime(2026, 11, 27, 10)),
        ("27 de noviembre de 2026 a las 10:30", datetime(2026, 11, 27, 10, 30)),
        ("27 de novembro de 2026 às 10:30", datetime(2026, 11, 27, 10, 30)),
        ("27 novembre 2026 alle ore 10:30", datetime(2026, 11, 27, 10, 30)),
        ("2026-12-31 23:59:60Z", datetime(2027, 1, 1)),
        ("2026-11-27T10", datetime(2026, 11, 27, 10)),
        ("2026-W48-5", datetime(2026, 11, 27)),
        ("2026-11-27T10:00:00.123456789Z", datetime(2026, 11, 27, 10, 0, 0, 123456)),
        ("2026-11-27T10:00:00,5+01", datetime(2026, 11, 27, 9, 0, 0, 500000)),
        ("2026-11-27-10.05.30.123456", datetime(2026, 11, 27, 10, 5, 30, 123456)),
        ("27-NOV-26 10.05.30.123000 PM", datetime(2026, 11, 27, 22, 5, 30, 123000)),
        ("27-NOV-26 10.05.30.123000000 AM EUROPE/PARIS", datetime(2026, 11, 27, 9, 5, 30, 123000)),
        ("27-NOV-2026 10.05.30 AM +01:00", datetime(2026, 11, 27, 9, 5, 30)),
        ("27NOV2026:10:05:30", datetime(2026, 11, 27, 10, 5, 30)),
        ("27/Nov/2026:10:05:30 +0000", datetime(2026, 11, 27, 10, 5, 30)),
        ("2026:11:27 10:05:30", datetime(2026, 11, 27, 10, 5, 30)),
        ("２０２６／１１／２７　１０：０５", datetime(2026, 11, 27, 10, 5)),
        ("2026年11月27日 14時30分", datetime(2026, 11, 27, 14, 30)),
        ("2026年11月27日下午2时30分", datetime(2026, 11, 27, 14, 30)),
        ("2026년 11월 27일 오전 9시", datetime(2026, 11, 27, 9)),
        ("5. marraskuuta 2026 klo 14.30", datetime(2026, 11, 5, 14, 30)),
        ("5 октября 2026 года в 14:30", datetime(2026, 10, 5, 14, 30)),
        ("5 жовтня 2026 р., 14:30", datetime(2026, 10, 5, 14, 30)),
        ("5. studenoga 2026. u 14:30", datetime(2026, 11, 5, 14, 30)),
        ("2026. november 5., 14:30", datetime(2026, 11, 5, 14, 30)),
        ("5 Kasım 2026 14:30", datetime(2026, 11, 5, 14, 30)),
        ("Veröffentlicht am 5. Januar 2026, 10:30 Uhr", datetime(2026, 1, 5, 10, 30)),
        ("/Date(1795734000000)/", datetime(2026, 11, 26, 23)),
        ("/Date(1795734000000+0100)/", datetime(2026, 11, 26, 23)),
        ("20261127103000", datetime(2026, 11, 27, 10, 30)),
        (20261127103000, datetime(2026, 11, 27, 10, 30)),
        ("2999-01-01", datetime(2999, 1, 1)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59)),
        ("2016/6/29", datetime(2016, 6, 29)),
        ("27.11.2026", datetime(2026, 11, 27)),
        ("11/27/2026", datetime(2026, 11, 27)),
        ("05.05.2026", datetime(2026, 5, 5)),
        ("Sat, 07 Sep 02 00:00:01 GMT", datetime(2002, 9, 7, 0, 0, 1)),
        ("2026-11-27 22:15 PM", datetime(2026, 11, 27, 22, 15)),
        ("12/31/2026 12:00 AM", datetime(2026, 12, 31)),
        ("12/31/2026 12:00 PM", datetime(2026, 12, 31, 12)),
        ("2026-11-27+01:00", datetime(2026, 11, 26, 23)),
        ("2026년 11월 27일", datetime(2026, 11, 27)),
        ("٢٠٢٦-١١-٢٧ ١٠:٠٠", datetime(2026, 11, 27, 10)),
        (time.struct_time((2026, 11, 27, 10, 0, 0, 4, 331, 0)), datetime(2026, 11, 27, 10)),
    ],
    ids=repr,
)
def test_odd_forms(value: Any, moment: datetime) -> None:
    assert to_time(value) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("month", list(MONTHS))
def test_months_of_every_language(month: str) -> None:
    expected = datetime(2026, MONTHS[month], 9, tzinfo=UTC)
    for text in (f"9. {month.title()} 2026", f"{month} 9, 2026", f"9 de {month} de 2026", f"9-{month}-2026"):
        assert to_time(text) == expected


def test_no_name_is_that_of_two_months() -> None:
    for number, month in enumerate(ENGLISH, 1):
        assert MONTHS[month.casefold()] == MONTHS[month[:3].casefold()] == number


@pytest.mark.parametrize(("language", "month"), [("pl", 11), ("Croatian", 10), ("de", None), (None, None)])
def test_a_name_of_two_months_is_read_in_the_language_of_the_site(language: str | None, month: int | None) -> None:
    rows = [{"id": 1, "title": "Ferry", "published_at": "5 listopada 2026"}]
    table, report = read_articles(rows, settings=ReadingSettings(site_language=language))
    assert [time and time.month for time in table["published_at"].to_pylist()] == [month]
    assert ["site_language" in line for line in report.notes.lines()] == [True] * (month is None)
    given = ReadingSettings(site_language=language, date_format="%d %B %Y")
    assert [time and time.month for time in read_articles(rows, settings=given)[0]["published_at"].to_pylist()] == [
        month
    ]


@settings(max_examples=150, deadline=None)
@given(
    SECONDS, st.sampled_from(["%d. %m. %Y, %H:%M:%S", "%A, %d %B %Y %I:%M:%S %p", "%Y%d%m-%H%M%S", "%m|%d|%Y %H.%M.%S"])
)
def test_a_form_of_your_own(moment: datetime, form: str) -> None:
    found = to_time(moment.strftime(form.replace("%Y", f"{moment.year:04}")), format=TimeFormat(date_format=form))
    assert found == moment.replace(tzinfo=UTC)


def test_a_form_of_your_own_comes_first_and_is_not_the_only_one() -> None:
    forms = TimeFormat.from_settings(ReadingSettings(date_format="%A, %d.%m.%y %H.%M", time_zone="Europe/Berlin"))
    assert to_time("Freitag, 05.11.26 10.30", format=forms) == datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
    assert to_time("perjantai, 05.11.26 10.30", format=forms) == datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
    assert to_time("2026-11-05T10:30:00Z", format=forms) == datetime(2026, 11, 5, 10, 30, tzinfo=UTC)
    turned = TimeFormat.from_settings(ReadingSettings(date_format="%Y-%d-%m"))
    assert to_time("2026-05-11", format=turned) == datetime(2026, 11, 5, tzinfo=UTC)


@pytest.mark.parametrize("form", ["%Q", "%H:%M", "%Y-%m", "%d %d %m %Y", "word", ""])
def test_a_form_that_gives_no_date_is_refused(form: str) -> None:
    with pytest.raises(SettingsError, match=r"reading\.date_format"):
        TimeFormat.from_settings(ReadingSettings(date_format=form))


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="time_zone"):
        Settings.of({"reading": {"time_zone": "Europe/Atlantis"}})


SAFE = st.from_regex(
    r"([0-3]?[0-9] (Nov|December|May) (1[6-9]|20)[0-9]{2}|(Nov|December|May) [0-3]?[0-9],? (1[6-9]|20)[0-9]{2})"
    r"( (1?[0-9]:[0-5][0-9](:[0-5][0-9])?|(1[012]|[1-9]):[0-5][0-9] ?[ap]m))?",
    fullmatch=True,
)


@settings(max_examples=150, deadline=None)
@given(SAFE)
def test_what_is_read_is_what_dateutil_reads(text: str) -> None:
    try:
        found = to_time(text)
    except RowError:
        return
    assert found == peer.parse(text, default=datetime(2001, 1, 1)).replace(tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 1447, 2569])
def test_a_datetime_is_what_it_says(year: int) -> None:
    assert to_time(datetime(year, 6, 7, 12)) == datetime(year, 6, 7, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Published: 27 November 2026", "2026-11-27T00:00:00+00:00"),
        ("Last updated on Nov 27, 2026, 9:00 a.m. EST", "2026-11-27T14:00:00+00:00"),
        ("27. 11. 2026 9:30", "2026-11-27T09:30:00+00:00"),
        ("2026. 11. 27.", "2026-11-27T00:00:00+00:00"),
        ("27 Kasım 2026", "2026-11-27T00:00:00+00:00"),
        ("27 ноября 2026 г., 09:00", "2026-11-27T09:00:00+00:00"),
        (
            {"date": "2026-11-27 10:00:00.000000", "timezone_type": 3, "timezone": "Europe/Paris"},
            "2026-11-27T09:00:00+00:00",
        ),
        ([2026, 11, 27, 9, 5], "2026-11-27T09:05:00+00:00"),
        ([2026, 11, 27, 9, 5, 7, 500_000_000], "2026-11-27T09:05:07.500000+00:00"),
        ([2026, 11, 27], "2026-11-27T00:00:00+00:00"),
        ([2026, 13, 27], None),
        ([[2026, 11, 27]], None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Published", None),
    ],
    ids=repr,
)
def test_times_as_pages_and_programs_write_them(value: Any, moment: str | None) -> None:
    for rows in (
        [{"id": 1, "title": "Ferry", "published_at": value}],
        [{"id": n, "title": "Ferry", "published_at": value} for n in range(40)],
    ):
        table, report = read_articles(rows)
        assert {time and time.isoformat() for time in table["published_at"].to_pylist()} == {moment}
        assert report.rejected == []


@pytest.mark.parametrize(
    "text",
    [
        "Freitag, 27.11.2026 um 10:05 Uhr",
        "Fr., 27.11.2026 - 10:05",
        "le 27 novembre 2026 à 10 h 05",
        "vendredi 27 novembre 2026, 10h05",
        "27 novembre 2026 ore 10.05",
        "sexta-feira, 27 de novembro de 2026 às 10h05",
        "2026-11-27T10:05:00+00:00Z",
        "\u200e11/\u200e27/\u200e2026 \u200e10:05 AM",
        "令和8年11月27日 10:05",
        "2026年11月27日(金) 10:05",
        "2026/11/27（金曜日）午前10:05",
        "2026. 11. 27. 오전 10:05",
        "الجمعة 27 نوفمبر 2026 - 10:05",
        "Παρασκευή, 27 Νοεμβρίου 2026, 10:05",
        "27 בנובמבר 2026 10:05",
        "शुक्रवार, 27 नवंबर 2026 10:05",
        "Jumat, 27 November 2026 / 17:05 WIB",
        "Fri Nov 27 2026 11:05:00 GMT+0100 (Mitteleuropäische Normalzeit)",
        "46353.4201388889",
        "46353,4201388889",
        "1.7957739E9",
    ],
)
def test_times_as_people_and_sheets_write_them(text: str) -> None:
    assert to_time(text) == datetime(2026, 11, 27, 10, 5, tzinfo=UTC)


def test_an_hour_with_its_unit_alone_is_a_time_of_day() -> None:
    assert to_time("27.11.2026, 8 Uhr") == to_time("27 novembre 2026 à 8h") == datetime(2026, 11, 27, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [-1, "-62135596800", -62_135_596_800_000, "1601-01-01T00:00:00Z", "-0001-11-30T00:00:00+00:00"],
)
def test_further_zeros_of_databases_are_no_date(value: object) -> None:
    assert to_time(value) is None


@pytest.mark.parametrize("value", ["1970-01-01 01:00:00", "1969-12-31T19:00:00-05:00", "1601-01-01T00:00:00Z"])
def test_the_beginning_of_1970_is_no_date_in_any_zone(value: str) -> None:
    rows = [{"id": str(number), "title": "Ferry aground", "published_at": value} for number in range(40)]
    for part in (rows[:1], rows):  # one by one, and as a block
        table, report = read_articles(part)
        assert (table["published_at"].null_count, report.notes.counts) == (len(part), {})
