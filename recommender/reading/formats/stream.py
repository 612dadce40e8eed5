"""Sources of raw rows: files by their format, tables, queries and iterables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from recommender.reading.formats.archives import members
from recommender.reading.formats.file import BROKEN, File
from recommender.reading.formats.frames import rows_in_memory
from recommender.reading.formats.json_document import rows_of_line
from recommender.reading.formats.markdown import page_name
from recommender.reading.formats.registry import Format, format_by_end, format_named, format_of
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.reading.report import Told
from recommender.settings import ReadingSettings

_BROKEN = (*BROKEN, UnicodeError, pa.ArrowException, csv.Error)
_LIMITS = ReadingSettings()


@dataclass(frozen=True)
class Stream:
    """One source of raw rows.

    Attributes
    ----------
    name : str
        What it is called in reports.
    path : Path, optional
        Of its file; None for rows already in memory.
    data : any
        Rows in memory.
    limits : ReadingSettings
    format : str, optional
        The format of the file, where its content shall not tell.
    called : str
        Its name in an archive or a folder, where ids may come from it; empty = that of its path.
    size : int, optional
        Bytes that it takes in an archive.
    """

    name: str
    path: Path | None = None
    data: Any = None
    limits: ReadingSettings = _LIMITS
    format: str | None = None
    called: str = ""
    size: int | None = None

    def parts(self, told: Told | None = None) -> Iterator[Stream]:
        """Give the stream itself; of an archive the files in it, each there until the next is asked for.

        Files of an archive that are of no format are told and passed over.
        """
        file = self._file(told)
        if file is None or (kind := self._format(file)) is None or kind.rows is not None:
            yield self
            return
        with members(file) as found:
            for name, one in found:
                whole = replace(self, name=f"{self.name}/{name}", path=None, format=None, called=name)
                if isinstance(one, BadRow):
                    yield replace(whole, data=[one])
                    continue
                inside = format_of(one, certain=True)
                if inside is None or inside.rows is None:
                    file.tell(PASSED_OVER, name)
                else:
                    yield replace(whole, path=one.path, size=one.size, format=inside.name, called=_called(name, inside))

    def rows(self, told: Told | None = None) -> Iterator[tuple[int, Any]]:
        """Read (line, raw row or BadRow), of an archive of all its files; a broken stream ends with the reason.

        What was mended is added to `told`.
        """
        for line, raw in self.lines(told):
            if type(raw) is bytes:
                for row in rows_of_line(raw, self.limits.max_line_bytes):
                    yield line, row
            else:
                yield line, raw

    def lines(self, told: Told | None = None) -> Iterator[tuple[int, Any]]:
        """Read what `rows` reads, but for lines of JSON, which come as they stand, as bytes."""
        line = 0
        try:
            for line, raw in self._parsed(told):
                yield line, raw
        except _BROKEN as error:
            reason = "truncated" if isinstance(error, EOFError) else "damaged"
            yield line + 1, BadRow(f"{reason} file: {error}; the rows before it were kept")
        except TooMuch as error:
            yield line + 1, BadRow(f"{error}; the rows before it were kept")

    def _parsed(self, told: Told | None) -> Rows:
        file = self._file(told)
        if file is None:
            yield from enumerate(rows_in_memory(self.data), 1)
        elif (kind := self._format(file)) is not None:
            if kind.rows is not None:
                yield from kind.rows(file)
            else:
                for part in self.parts(told):
                    yield from part.lines(told)

    def _file(self, told: Told | None) -> File | None:
        if self.path is None:
            return None
        return File(self.path, self.limits, self.called, self.size, told)

    def _format(self, file: File) -> Format | None:
        return format_named(self.format) if self.format else format_of(file)


def _called(name: str, kind: Format) -> str:
    """Name a file of an archive, where ids may come from it: pages of Markdown by their own names."""
    path = PurePosixPath(name)
    if kind.name != "markdown":
        return name
    return f"{path.parent.name}/{path.name}" if page_name(path) == path.parent.name != "" else path.name


PASSED_OVER = "files are no articles by their names, and were passed over"


def is_readable(path: Path, *, certain: bool = False) -> bool:
    """Tell whether a file is of a format that is known; `certain` as for `format_of`."""
    file = File(path, _LIMITS)
    return format_by_end(file.name.suffix.lower()) is not None or format_of(file, certain=certain) is not None


def shown_name(path: Path) -> str:
    """Write a path so that JSON can hold it: file names may hold bytes that are not UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()
