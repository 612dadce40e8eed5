"""Numbers that represent times, as databases and sheets keep them -> a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_MAX_YEAR = 2300  # a greater number is a fault
_EXCEL, _EPOCH = datetime(1899, 12, 30), datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_OF_SHEETS = range(25_570, 55_153)  # of Excel: 1970 to 2050
# Steps of 100 nanoseconds since 1601 in Windows and since the year 1 in .NET, which may be nanoseconds of 1974 and 1990
_TICKS, _TICKS_OF_60_YEARS = (125_911_584_000_000_000, 630_822_816_000_000_000), 60 * 365 * 86_400 * 10_000_000


def from_excel(number: float) -> datetime:
    """Read days as Excel counts them; raise `ValueError` where it counts none."""
    if not 1 <= number < 150_000:  # 2310
        raise ValueError
    return _EXCEL + timedelta(milliseconds=round(number * 86_400_000))


def from_number(number: float) -> datetime:
    """Read digits such as 20260303, seconds to nanoseconds since 1970, or days of a sheet, which differ by their size.

    Raises `ValueError` if it is none of these for certain.

    Examples
    --------
    >>> from_number(20260303).isoformat(), from_number(1772519400).isoformat()
    ('2026-03-03T00:00:00', '2026-03-03T06:30:00+00:00')
    """
    if number == (whole := int(number)):
        if 1900_00_00 < whole < 2101_00_00:  # 20260303
            return datetime.strptime(str(whole), "%Y%m%d")
        if 1900e10 < whole < 2101e10:  # 20260303063000
            return datetime.strptime(str(whole), "%Y%m%d%H%M%S")
        if 1900e8 < whole < 2101e8 and _is_date(str(whole)):  # 202603030630, or milliseconds of 1976
            raise ValueError
        number = whole  # exact
    if int(number) in _DAYS_OF_SHEETS:
        return from_excel(number)
    if abs(number) < 1e8:  # a year, a zero or a day count rather than a moment before March 1973
        raise ValueError
    if any(abs(number - ticks) < _TICKS_OF_60_YEARS for ticks in _TICKS):
        raise ValueError
    for unit in (1, 10**3, 10**6, 10**9):
        if abs(number) < 1e11 * unit:
            micros = (number * 10**6 + unit // 2) // unit if isinstance(number, int) else round(number * (10**6 / unit))
            moment = _EPOCH + timedelta(microseconds=micros)
            if moment.year < _MAX_YEAR:
                return moment
            break
    raise ValueError


def _is_date(digits: str) -> bool:
    try:
        datetime.strptime(digits, "%Y%m%d%H%M")
    except ValueError:
        return False
    return True
