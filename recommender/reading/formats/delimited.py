"""CSV and TSV of every dialect -> rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from recommender.reading.formats.packing import opened
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.settings import ReadingSettings

_MARKS = (",", ";", "\t", "|")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def rows_of_delimited(path: Path, limits: ReadingSettings, usual: str = ",") -> Rows:
    """Rows of a file whose first line names the columns; its separator is told by that line."""
    csv.field_size_limit(limits.max_line_bytes)
    with opened(path, limits) as stream:
        whole = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
        encoding = "utf-16" if _peeked(whole).startswith(_UTF_16) else "utf-8-sig"
        # surrogateescape keeps wrong bytes visible, so that only their own row is refused
        with io.TextIOWrapper(whole, encoding=encoding, errors="surrogateescape", newline="") as text:
            yield from _rows(text, usual, limits.max_line_bytes)


def _peeked(stream: IO[bytes]) -> bytes:
    return bytes(stream.peek(2)[:2]) if isinstance(stream, io.BufferedReader) else b""


class _Records:
    """Lines of text for a CSV reader, which asks for more until a record is whole: `begin` before each."""

    def __init__(self, text: io.TextIOWrapper, longest: int) -> None:
        self._text, self._longest = text, longest
        self._again: deque[str] = deque()
        self.line = 0
        self.begin()

    def begin(self) -> None:
        """A record starts."""
        self.lines: list[str] = []
        self._held = 0

    def give_back(self) -> None:
        """Read all lines of the record but the first once more."""
        self._again.extendleft(reversed(self.lines[1:]))
        self.line -= len(self.lines) - 1

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


def _rows(text: io.TextIOWrapper, usual: str, longest: int) -> Rows:
    records = _Records(text, longest)
    mark, head = _dialect(records, usual)
    reader = _reader(records, mark)
    if head is None:
        head = next(reader, None)
    names = head or []
    while True:
        records.begin()
        try:
            values = next(reader, None)
        except TooMuch:
            if not _runs_on(records.lines, names, mark):
                raise
            values = []
        if values is None:
            return
        if not values and len(records.lines) <= 1:
            continue
        if len(values) == len(names):
            yield records.line, dict(zip(names, values, strict=True))
        elif _runs_on(records.lines, names, mark):
            count = len(records.lines)
            records.give_back()
            yield records.line, BadRow(f"a quote that is never closed: it ran over {count:,} lines, which are kept")
            reader = _reader(records, mark)
        else:
            yield records.line, BadRow(f"{len(values)} columns, expected {len(names)} as in the header")


def _reader(records: Iterator[str], mark: str) -> Any:
    return csv.reader(records, delimiter=mark)


def _runs_on(lines: list[str], names: list[str], mark: str) -> bool:
    """Whether a record of several lines swallowed others, of which the next is a row by itself."""
    return len(lines) > 1 and len(next(csv.reader([lines[1]], delimiter=mark), [])) == len(names) > 1


def _dialect(records: _Records, usual: str) -> tuple[str, list[str] | None]:
    """The separator of a file, and its header if that was read; ``sep=;``, as Excel writes it, comes before."""
    first = next(records, "")
    if first.casefold().startswith("sep=") and len(first.rstrip("\r\n")) == 5:
        return first[4], None
    counts = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in (usual, *_MARKS)}
    mark = max(counts, key=lambda one: (counts[one], one == usual))
    lines = _Continued(first, records)
    return mark, next(_reader(lines, mark), None)


class _Continued:
    """A line that was read before, and those after it."""

    def __init__(self, first: str, records: _Records) -> None:
        self._first: str | None = first or None
        self._records = records

    def __iter__(self) -> _Continued:
        return self

    def __next__(self) -> str:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._records)
