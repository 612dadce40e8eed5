"""CSV and TSV of every dialect -> rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, LimitExceeded, Rows
from recommender.reading.names import known_names

_SEPARATORS = (",", ";", "\t", "|", "^", "~", "\x01")
_SLASHED = re.compile(r"\\(.)", re.DOTALL)
_SLASHES = {"n": "\n", "t": "\t", "r": "\r", "0": "", "N": "\\N", "\\": "\\"}
_HAS_SLASHES = re.compile(r"(?:^|\t)\\N(?:\t|\r?\n|$)|[.!?>]\\n")
_BEGINS_WITH_QUOTE = re.compile(r'(?:^|\t)"')
_MAX_LINES_BEFORE = 20  # of the header
_RULED = " \t\0-=+|_"  # what lines of databases consist of that only part others, and the end of a file that is padded
_SAMPLE_LINES, _SAMPLE_SIZE = 200, 1 << 20  # lines, and about how many characters, that a dialect is recognised by


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file separates its values."""

    separator: str
    escaped: bool = False  # whether a quote in quotes stands behind a backslash; else it is doubled
    literal: bool = False  # whether quotes are letters like all others
    padded: bool = False  # whether blanks stand before values
    slashed: bool = False  # whether backslashes stand for ends of lines and tabs, as MySQL and PostgreSQL write them
    formulas: bool = False  # whether formulas keep sheets from changing values, as ``="007"``

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        """Make a reader of records from lines; a `strict` one raises an error where quotes stand wrong."""
        if self.literal:
            return csv.reader(lines, delimiter=self.separator, quoting=csv.QUOTE_NONE)
        return csv.reader(
            lines,
            delimiter=self.separator,
            escapechar="\\" if self.escaped else None,
            skipinitialspace=self.padded,
            strict=strict,
        )

    def clean(self, values: list[str]) -> list[str]:
        """Take the values of a record out of what is written around and within them."""
        if self.slashed:
            values = [_SLASHED.sub(_from_slashed, value) if "\\" in value else value for value in values]
        if self.formulas:
            values = [
                value[2:-1] if len(value) > 2 and value[:2] == '="' and value[-1] == '"' else value for value in values
            ]
        return values

    def split(self, line: str) -> list[str]:
        """Split one line into its values."""
        return next(self.reader([line]), [])


def rows_of_delimited(file: File, default: str = ",") -> Rows:
    """Read rows of a file whose first line names the columns; that line also shows the separator.

    `reading.header` names them where that line is a row already.
    """
    csv.field_size_limit(file.limits.max_line_bytes)
    with file.text() as text:
        records = _Records(text, file.limits.max_line_bytes)
        separator, given = records.read_separator(), file.limits.header
        if not given and (count := _count_lines_before_header(records.sample(), default)):
            records.skip(count)
            file.note(
                "files begin with lines before the names of their columns, which were passed over", file.name.name
            )
        dialect = Dialect(separator=separator) if separator else _detect_dialect(records.sample(), default, len(given))
        names = _read_header(records, dialect, given)
        if names is None:
            return
        if not given and not known_names(names):
            file.note(
                "files begin with a line of no known names; reading.header names the columns of one without a "
                "header, --column those with other names",
                f"{file.name.name}: {', '.join(names)[:80]}",
            )
        yield from _read_rows(file, records, dialect, names)


def is_delimited(text: str) -> bool:
    """Check whether a text begins with names of columns of which some are known."""
    lines = re.split(r"[\r\n]+", text.removeprefix("\ufeff").lstrip("\r\n"), maxsplit=2)
    line = next((line for line in lines[:2] if line.strip(_RULED)), "")  # below a line that mysql draws
    if line.casefold().startswith("sep=") and len(line) == 5:
        return True
    if not 0 < len(line) < 10_000:
        return False
    try:
        fields = known_names(_detect_dialect([line], ",").split(line))
    except csv.Error:
        return False
    return bool(fields & {"title", "body"}) and len(fields) > 1


def _count_lines_before_header(lines: Sequence[str], default: str) -> int:
    """Count the lines before the first that names columns, where those before have fewer values and few known names.

    Names of groups of columns may stand in as many values above it.
    """
    most, found = 0, 0
    for count, line in enumerate(lines[:_MAX_LINES_BEFORE]):
        names = [name for name in _detect_dialect([line], default).split(line) if name.strip()]
        fields = known_names(names)
        if len(fields) > 2 and "id" in fields and fields & {"title", "body"}:
            return count
        if len(fields) > 1 and not found:
            return count if fields & {"title", "body"} and len(names) > most else 0
        if fields & {"title", "body"} and len(names) > max(most, 1):
            found = found or count
        most = max(most, len(names))
    return found


def _from_slashed(match: re.Match[str]) -> str:
    return _SLASHES.get(match[1], match[0])


class _Records:
    """Lines of text for a CSV reader, which asks for more until a record is whole: `begin` before each."""

    def __init__(self, text: io.TextIOWrapper, max_size: int) -> None:
        self._text, self._max_size = text, max_size
        self._ahead: deque[str] = deque()  # lines that were read already, and are read again
        self.line = 0
        self.begin()

    def sample(self) -> list[str]:
        """Look at the first lines, which are read again afterwards."""
        size = sum(map(len, self._ahead))
        while len(self._ahead) < _SAMPLE_LINES and size < _SAMPLE_SIZE and (line := self._read_line()):
            self._ahead.append(line)
            size += len(line)
        return list(self._ahead)

    def skip(self, count: int) -> None:
        """Pass over some of the first lines."""
        for _ in range(count):
            self._ahead.popleft()
        self.line += count

    def read_separator(self) -> str | None:
        """Read the separator where the first line names it, ``sep=;`` as Excel writes it; any other line is kept."""
        line = self._read_line()
        if line.casefold().startswith("sep=") and len(line.rstrip("\r\n")) == 5:
            self.line += 1
            return line[4]
        if line:
            self._ahead.append(line)
        return None

    def begin(self) -> None:
        """Forget the lines of the record before: the next one starts a record."""
        self.lines: list[str] = []
        self._size = 0

    def give_back(self, first_too: bool = False) -> None:
        """Read all lines of the record but the first once more; with `first_too` all."""
        lines = self.lines if first_too else self.lines[1:]
        self._ahead.extendleft(reversed(lines))
        self.line -= len(lines)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read_line()
        self._size += len(line)
        if line:
            self.lines.append(line)
            self.line += 1
        if self._size > self._max_size:
            raise LimitExceeded(f"record longer than {self._max_size:,} characters (reading.max_line_bytes)")
        if not line:
            raise StopIteration
        return line

    def _read_line(self) -> str:
        return self._text.readline(self._max_size - self._size + 1)


def _read_header(records: _Records, dialect: Dialect, given: Sequence[str]) -> list[str] | None:
    header: list[str] | None = None
    for header in dialect.reader(records):
        if any(header):
            break
        records.begin()
    else:
        return None
    if given:
        if [name.strip().casefold() for name in header] != [name.strip().casefold() for name in given]:
            records.give_back(first_too=True)
        return list(given)
    while header and not header[-1].strip():  # separators at the end of the line
        header.pop()
    counts: Counter[str] = Counter()
    names = []
    for name in header:
        name = name.strip().strip('"') if '"' in name else name
        counts[name] += 1
        names.append(f"{name} {counts[name]}" if counts[name] > 1 and name else name)
    return names


def _read_rows(file: File, records: _Records, dialect: Dialect, names: list[str]) -> Rows:
    reader = dialect.reader(records)
    begins_with_id = known_names(names[:1]) == {"id"}
    written = [name.strip().casefold() for name in names[:2]]  # which files that were joined repeat
    was_whole = True
    while True:
        records.begin()
        try:
            values = next(reader, None)
        except LimitExceeded:
            if not _runs_on(records.lines, names, dialect, is_whole=False):
                raise
            values = []
        if values is None:
            return
        if not any(value.strip(_RULED) for value in values) and len(records.lines) <= 1:
            continue
        if len(values) > len(names) and not any(map(str.strip, values[len(names) :])):
            values = values[: len(names)]  # separators at the end of the line
        is_whole = len(values) == len(names)
        runs_on = _runs_on(records.lines, names, dialect, is_whole)
        literal = [] if is_whole and not runs_on else _split_literally(records.lines, dialect)
        if len(literal) == len(names) or (runs_on and 1 < len(literal) < len(names)):
            values, runs_on = literal, False
            records.give_back()
            reader = dialect.reader(records)
        if runs_on:
            count = len(records.lines)
            records.give_back()
            yield records.line, BadRow(f"a quote that is never closed: it ran over {count:,} lines, which are kept")
            reader = dialect.reader(records)
        elif _first_words(values) == written and len(values) == len(names) > 1:
            file.note("lines repeat the names of the columns, and were passed over", file.name.name)
        elif len(values) == len(names):
            yield records.line, dict(zip(names, dialect.clean(values), strict=True))
        elif not 1 < len(values) < len(names):
            advice = f"; values that hold {dialect.separator!r} need quotes" if len(values) > len(names) else ""
            yield records.line, BadRow(f"{len(values)} columns, expected {len(names)} as in the header{advice}")
        elif begins_with_id and not was_whole and " " in values[0].strip():
            yield records.line, BadRow("seems cut from the row before; values that hold ends of lines need quotes")
        else:
            file.note("rows are shorter than the header, and what they lack is missing", records.lines[0].strip()[:80])
            yield records.line, dict.fromkeys(names, "") | dict(zip(names, dialect.clean(values), strict=False))
        was_whole = len(values) == len(names)


def _first_words(values: list[str]) -> list[str]:
    return [value.strip().strip("\ufeff").casefold() for value in values[:2]]


def _split_literally(lines: list[str], dialect: Dialect) -> list[str]:
    """Split the first line as if quotes were letters, which they may be where tabs separate values."""
    return replace(dialect, literal=True).split(lines[0]) if dialect.separator == "\t" and lines else []


def _runs_on(lines: list[str], names: list[str], dialect: Dialect, is_whole: bool) -> bool:
    """Check whether a record of several lines swallowed others: its quotes stand wrong, and it is no row as it stands.

    One with as many values as the header swallowed others where a line in it is a row by itself, with quotes or as
    letters.
    """
    if len(lines) < 2:
        return False
    try:
        list(dialect.reader(lines, strict=True))
    except csv.Error:
        dialects = (dialect, replace(dialect, literal=True))
        return not is_whole or any(len(dialect.split(line)) == len(names) for line in lines[1:] for dialect in dialects)
    return False


def _detect_dialect(lines: Sequence[str], default: str, expected: int = 0) -> Dialect:
    """Choose the separator that makes the most columns of the header, and the quotes that make the most whole rows.

    Where the first line is no header, the separator that makes `expected` columns, as commas stand in texts too.
    """
    first = next((line for line in lines if line.strip()), "")
    counts = {mark: len(Dialect(separator=mark).split(first)) for mark in (default, *_SEPARATORS)}
    separator = max(counts, key=lambda mark: (counts[mark] == expected, counts[mark], mark == default))
    if default == "\t" and counts["\t"] > 1:
        separator = "\t"
    dialects = [Dialect(separator=separator)]
    if any('\\"' in line for line in lines):
        escaped = replace(dialects[0], escaped=True)
        # behind a doubled quote, or one that ends a value, stands nothing else
        inside = re.compile(rf'\\"(?!{re.escape(separator)}|"|\r?\n|$)')
        dialects.insert(0 if any(map(inside.search, lines)) else 1, escaped)
    if any(f'{separator} "' in line for line in lines):
        dialects += [replace(dialect, padded=True) for dialect in dialects]
    dialect = max(dialects, key=lambda dialect: _count_whole_records(dialect, lines))  # of equal ones the first
    if separator == "\t" and any(map(_HAS_SLASHES.search, lines)):
        dialect = replace(dialect, slashed=True, literal=not any(map(_BEGINS_WITH_QUOTE.search, lines)))
    mark = re.escape(separator)
    formula = re.compile(rf'(?:^|{mark})(?:="[^"]*"|"=""[^"]*""")(?:{mark}|\r?\n|$)')
    return replace(dialect, formulas=any(map(formula.search, lines[1:])))


def _count_whole_records(dialect: Dialect, lines: Sequence[str]) -> int:
    try:
        records = list(dialect.reader(lines))
    except csv.Error:
        return 0
    return sum(len(record) == len(records[0]) for record in records)
