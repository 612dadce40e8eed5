"""CSV and TSV of every dialect -> rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.reading.names import known_names

_MARKS = (",", ";", "\t", "|")
_MOST_BEFORE = 20  # lines
_SAMPLE, _MOST = 200, 1 << 20  # lines, and about how many characters, that a dialect is told by


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file separates its values.

    Attributes
    ----------
    mark : str
        What stands between two values.
    escaped : bool
        Whether a quote in quotes stands behind a backslash; else it is doubled.
    literal : bool
        Whether quotes are letters like all others.
    padded : bool
        Whether blanks stand before values.
    """

    mark: str
    escaped: bool = False
    literal: bool = False
    padded: bool = False

    def reader(self, lines: Iterator[str] | Sequence[str], *, strict: bool = False) -> Any:
        """Make a reader of records from lines; a `strict` one raises an error where quotes stand wrong."""
        if self.literal:
            return csv.reader(lines, delimiter=self.mark, quoting=csv.QUOTE_NONE)
        escape = "\\" if self.escaped else None
        return csv.reader(lines, delimiter=self.mark, escapechar=escape, skipinitialspace=self.padded, strict=strict)

    def values(self, line: str) -> list[str]:
        """Split one line into its values."""
        return next(self.reader([line]), [])


def rows_of_delimited(file: File, usual: str = ",") -> Rows:
    """Read rows of a file whose first line names the columns; that line also shows the separator.

    `reading.header` names them where that line is a row already.
    """
    csv.field_size_limit(file.limits.max_line_bytes)
    with file.text() as text:
        records = _Records(text, file.limits.max_line_bytes)
        mark, given = records.mark(), file.limits.header
        if not given and (before := _before_names(records.sample(), usual)):
            records.skip(before)
            file.tell(
                "files begin with lines before the names of their columns, which were passed over", file.name.name
            )
        dialect = Dialect(mark=mark) if mark else _dialect(records.sample(), usual, len(given))
        names = _header(records, dialect, given)
        if names is not None:
            if not given and not known_names(names):
                file.tell(
                    "files begin with a line of no known names; reading.header names the columns of one without a "
                    "header, --column those with other names",
                    f"{file.name.name}: {', '.join(names)[:80]}",
                )
            yield from _rows(file, records, dialect, names)


def _before_names(lines: Sequence[str], usual: str) -> int:
    """Count the lines before the first that names columns, where those before hold fewer values and no known name."""
    for at, line in enumerate(lines[:_MOST_BEFORE]):
        names = _dialect([line], usual).values(line)
        if known_names(names):
            return at if len(names) > 1 and known_names(names) & {"title", "body"} else 0
        if len(names) > 1:
            return 0
    return 0


def separates(text: str) -> bool:
    """Tell whether a text begins with names of columns of which some are known."""
    line = re.split(r"[\r\n]", text.removeprefix("\ufeff").lstrip("\r\n"), maxsplit=1)[0]
    if line.casefold().startswith("sep=") and len(line) == 5:
        return True
    try:
        found = known_names(_dialect([line], ",").values(line)) if 0 < len(line) < 10_000 else frozenset()
    except csv.Error:
        return False
    return bool(found & {"title", "body"}) and len(found) > 1


class _Records:
    """Lines of text for a CSV reader, which asks for more until a record is whole: `begin` before each."""

    def __init__(self, text: io.TextIOWrapper, longest: int) -> None:
        self._text, self._longest = text, longest
        self._again: deque[str] = deque()
        self.line = 0
        self.begin()

    def sample(self) -> list[str]:
        """Look at the first lines, which are read again afterwards."""
        held = sum(map(len, self._again))
        while len(self._again) < _SAMPLE and held < _MOST and (line := self._text.readline(self._longest + 1)):
            self._again.append(line)
            held += len(line)
        return list(self._again)

    def skip(self, count: int) -> None:
        """Pass over some of the first lines."""
        for _ in range(count):
            self._again.popleft()
        self.line += count

    def mark(self) -> str | None:
        """Read the separator where the first line names it, ``sep=;`` as Excel writes it; any other line is kept."""
        line = self._text.readline(self._longest + 1)
        if line.casefold().startswith("sep=") and len(line.rstrip("\r\n")) == 5:
            self.line += 1
            return line[4]
        if line:
            self._again.append(line)
        return None

    def begin(self) -> None:
        """Forget the lines of the record before: the next one starts a record."""
        self.lines: list[str] = []
        self._held = 0

    def give_back(self, whole: bool = False) -> None:
        """Read all lines of the record but the first once more; with `whole` that too."""
        lines = self.lines if whole else self.lines[1:]
        self._again.extendleft(reversed(lines))
        self.line -= len(lines)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(self._longest - self._held + 1)
        self._held += len(line)
        if line:
            self.lines.append(line)
            self.line += 1
        if self._held > self._longest:
            raise TooMuch(f"record longer than {self._longest:,} characters (reading.max_line_bytes)")
        if not line:
            raise StopIteration
        return line


def _header(records: _Records, dialect: Dialect, given: Sequence[str]) -> list[str] | None:
    """Read the names of the columns; None for an empty file."""
    for head in dialect.reader(records):
        if any(head):
            break
        records.begin()
    else:
        return None
    if given:
        if [one.strip().casefold() for one in head] != [one.strip().casefold() for one in given]:
            records.give_back(whole=True)
        return list(given)
    while head and not head[-1].strip():  # separators at the end of the line
        head.pop()
    seen: Counter[str] = Counter()
    names = []
    for name in head:
        name = name.strip().strip('"') if '"' in name else name
        seen[name] += 1
        names.append(f"{name} {seen[name]}" if seen[name] > 1 and name else name)
    return names


def _rows(file: File, records: _Records, dialect: Dialect, names: list[str]) -> Rows:
    reader = dialect.reader(records)
    was_whole, by_id = True, known_names(names[:1]) == {"id"}
    while True:
        records.begin()
        try:
            values = next(reader, None)
        except TooMuch:
            if not _runs_on(records.lines, names, dialect, is_whole=False):
                raise
            values = []
        if values is None:
            return
        if not any(map(str.strip, values)) and len(records.lines) <= 1:
            continue
        if len(values) > len(names) and not any(map(str.strip, values[len(names) :])):
            values = values[: len(names)]  # separators at the end of the line
        is_whole = len(values) == len(names)
        runs_on = _runs_on(records.lines, names, dialect, is_whole)
        literal = [] if is_whole and not runs_on else _literal(records.lines, dialect)
        if len(literal) == len(names) or (runs_on and 1 < len(literal) < len(names)):
            values, runs_on = literal, False
            records.give_back()
            reader = dialect.reader(records)
        if runs_on:
            count = len(records.lines)
            records.give_back()
            yield records.line, BadRow(f"a quote that is never closed: it ran over {count:,} lines, which are kept")
            reader = dialect.reader(records)
        elif len(values) == len(names):
            yield records.line, dict(zip(names, values, strict=True))
        elif not 1 < len(values) < len(names):
            quotes = f"; values that hold {dialect.mark!r} need quotes" if len(values) > len(names) else ""
            yield records.line, BadRow(f"{len(values)} columns, expected {len(names)} as in the header{quotes}")
        elif by_id and not was_whole and " " in values[0].strip():
            yield records.line, BadRow("seems cut from the row before; values that hold ends of lines need quotes")
        else:
            file.tell("rows are shorter than the header, and what they lack is missing", records.lines[0].strip()[:80])
            yield records.line, dict.fromkeys(names, "") | dict(zip(names, values, strict=False))
        was_whole = len(values) == len(names)


def _literal(lines: list[str], dialect: Dialect) -> list[str]:
    """Split the first line as if quotes were letters, which they may be where tabs separate values."""
    return replace(dialect, literal=True).values(lines[0]) if dialect.mark == "\t" and lines else []


def _runs_on(lines: list[str], names: list[str], dialect: Dialect, is_whole: bool) -> bool:
    """Tell whether a record of several lines swallowed others: its quotes stand wrong, and it is no row as it stands.

    One with as many values as the header is none where a line in it is a row by itself, with quotes or as letters.
    """
    if len(lines) < 2:
        return False
    try:
        list(dialect.reader(lines, strict=True))
    except csv.Error:
        ways = (dialect, replace(dialect, literal=True))
        return not is_whole or any(len(way.values(line)) == len(names) for line in lines[1:] for way in ways)
    return False


def _dialect(lines: Sequence[str], usual: str, expected: int = 0) -> Dialect:
    """Choose the separator that makes the most columns of the header, and the quotes that make the most whole rows.

    Where the first line is no header, that of so many columns as are `expected`, as commas stand in texts too.
    """
    first = next((line for line in lines if line.strip()), "")
    counts = {mark: len(Dialect(mark=mark).values(first)) for mark in (usual, *_MARKS)}
    mark = max(counts, key=lambda one: (counts[one] == expected, counts[one], one == usual))
    dialect = Dialect(mark="\t" if usual == "\t" and counts["\t"] > 1 else mark)
    found = [dialect]
    if any('\\"' in line for line in lines):
        # behind a doubled quote, or one that ends a value, stands nothing else
        inside = re.compile(rf'\\"(?!{re.escape(dialect.mark)}|"|\r?\n|$)')
        found.insert(0 if any(map(inside.search, lines)) else 1, replace(dialect, escaped=True))
    if any(f'{dialect.mark} "' in line for line in lines):
        found += [replace(one, padded=True) for one in found]
    return max(found, key=lambda one: _whole(one, lines))  # of equal ones the first


def _whole(dialect: Dialect, lines: Sequence[str]) -> int:
    """Count the records with as many values as the first."""
    try:
        records = list(dialect.reader(lines))
    except csv.Error:
        return 0
    return sum(len(one) == len(records[0]) for one in records)
