"""Sources of raw rows: files by their format, tables, queries and iterables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from recommender.reading.formats.archives import members
from recommender.reading.formats.file import File
from recommender.reading.formats.frames import rows_in_memory
from recommender.reading.formats.json_document import rows_of_line
from recommender.reading.formats.markdown import page_name
from recommender.reading.formats.packing import BROKEN
from recommender.reading.formats.registry import Format, format_by_suffix, format_named, format_of
from recommender.reading.formats.rows import BadRow, LimitExceeded, Rows
from recommender.reading.report import Notes
from recommender.settings import ReadingSettings

PASSED_OVER = "files are no articles by their names, and were passed over"
_BROKEN = (*BROKEN, UnicodeError, pa.ArrowException, csv.Error)
_LIMITS = ReadingSettings()


@dataclass(frozen=True)
class Stream:
    """One source of raw rows."""

    name: str  # what it is called in reports
    path: Path | None = None  # of its file; None for rows already in memory
    data: Any = None  # rows in memory
    limits: ReadingSettings = _LIMITS
    format: str | None = None  # the format of the file, where its content shall not decide
    # as of a `File`
    member_name: str = ""
    member_size: int | None = None

    def parts(self, notes: Notes | None = None) -> Iterator[Stream]:
        """Yield the stream itself; of an archive the files in it, each there until the next is asked for.

        Files of an archive that are of no format are noted and passed over.
        """
        file = self._file(notes)
        if file is None or (format := self._format(file)) is None or format.rows is not None:
            yield self
            return
        with members(file) as files:
            for name, member in files:
                part = replace(self, name=f"{self.name}/{name}", path=None, format=None, member_name=name)
                if isinstance(member, BadRow):
                    yield replace(part, data=[member])
                    continue
                inner = format_of(member, certain=True)
                if inner is None or inner.rows is None:
                    file.note(PASSED_OVER, name)
                    continue
                yield replace(
                    part,
                    path=member.path,
                    member_size=member.member_size,
                    format=inner.name,
                    member_name=_page_path(name) if inner.name == "markdown" else name,
                )

    def rows(self, notes: Notes | None = None) -> Rows:
        """Read (line, raw row or BadRow), of an archive of all its files; a broken stream ends with the reason.

        What was repaired is added to `notes`.
        """
        for line, raw in self.lines(notes):
            if type(raw) is bytes:
                for row in rows_of_line(raw, self.limits.max_line_bytes):
                    yield line, row
            else:
                yield line, raw

    def lines(self, notes: Notes | None = None) -> Rows:
        """Read what `rows` reads, but for lines of JSON, which come as they stand, as bytes."""
        line = 0
        try:
            for line, raw in self._parse(notes):
                yield line, raw
        except _BROKEN as error:
            reason = "truncated" if isinstance(error, EOFError) else "damaged"
            yield line + 1, BadRow(f"{reason} file: {error}; the rows before it were kept")
        except LimitExceeded as error:
            yield line + 1, BadRow(f"{error}; the rows before it were kept")

    def _parse(self, notes: Notes | None) -> Rows:
        file = self._file(notes)
        if file is None:
            yield from enumerate(rows_in_memory(self.data), 1)
        elif (format := self._format(file)) is not None:
            if format.rows is not None:
                yield from format.rows(file)
            else:
                for part in self.parts(notes):
                    yield from part.lines(notes)

    def _file(self, notes: Notes | None) -> File | None:
        if self.path is None:
            return None
        # an encoding is guessed even if nobody asks for the notes: all who read the rows must see the same letters
        return File(self.path, self.limits, self.member_name, self.member_size, notes or Notes())

    def _format(self, file: File) -> Format | None:
        return format_named(self.format) if self.format else format_of(file)


def _page_path(name: str) -> str:
    """Shorten the name of a page of Markdown in an archive to what its id is made of."""
    path = PurePosixPath(name)
    return f"{path.parent.name}/{path.name}" if page_name(path) == path.parent.name != "" else path.name


def is_readable(path: Path, *, certain: bool = False) -> bool:
    """Check whether a file is of a known format; `certain` as for `format_of`."""
    file = File(path, _LIMITS)
    by_suffix = format_by_suffix(file.name.suffix.lower())
    if by_suffix is not None and by_suffix.name != "yaml":
        return True
    return format_of(file, certain=certain) is not None


def shown_name(path: Path) -> str:
    """Write a path so that JSON can contain it: file names may contain bytes that are not UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()
