"""Excel and OpenDocument sheets -> rows of the first sheet that names columns."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

from recommender.errors import MissingExtraError
from recommender.reading.formats.file import File
from recommender.reading.formats.packing import Allowance
from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.names import known_names

_MAX_HEADER_ROW = 20


def is_sheet(head: bytes) -> bool:
    """Check whether a file that begins so contains sheets."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return True  # of Excel before 2007, and of other programs of that time
    is_zip = head.startswith(b"PK\x03\x04")
    return is_zip and (b"xl/" in head or b"[Content_Types].xml" in head or b"opendocument.spreadsheet" in head)


def rows_of_sheet(file: File) -> Rows:
    """Read rows of the first sheet with a line that names columns, and of further sheets of stories."""
    try:
        import python_calamine
    except ImportError:
        raise MissingExtraError(
            f"{file.name.name} is a sheet of Excel or OpenDocument: pip install 'recommender[excel]', or save it as CSV"
        ) from None

    with file.opened() as stream:
        data = stream.read()
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as members:
                Allowance(len(data), file.limits).check(sum(member.file_size for member in members.infolist()))
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, RuntimeError, LookupError) as error:
        why = " ".join(str(error).split())[:200]
        yield 1, BadRow(f"a sheet that cannot be read: {why}; save it anew as .xlsx or CSV")
        return
    headers = {name: find_header(rows) for name, rows in sheets.items()}
    first = next((name for name, header in headers.items() if header is not None), None)
    for name, rows in sheets.items():
        header = headers[name]
        if header is not None and (name == first or _are_stories(rows[header])):
            yield from _read_rows(rows, header)
        elif first is not None and any(cell != "" for row in rows for cell in row):
            file.note("sheets hold no stories by the names of their columns, and were passed over", name)
    if first is None and any(cell != "" for rows in sheets.values() for row in rows for cell in row):
        yield 1, BadRow("no row of the sheet names columns that are known; expected a header with id and title or body")


def find_header(rows: list[list[Any]]) -> int | None:
    """Find the first row that names columns."""
    return next((number for number, row in enumerate(rows[:_MAX_HEADER_ROW]) if len(_fields(row)) > 1), None)


def _are_stories(header: list[Any]) -> bool:
    """Check whether a further sheet has columns of stories, not only names such as those of authors."""
    return "title" in _fields(header) and not _fields(header).isdisjoint(("body", "published_at", "url"))


def _fields(row: list[Any]) -> frozenset[str]:
    return known_names([cell for cell in row if isinstance(cell, str)])


def _read_rows(rows: list[list[Any]], header: int) -> Rows:
    names = [str(name).strip() for name in rows[header]]
    for line, row in enumerate(rows[header + 1 :], header + 2):
        values = {name: _to_value(cell) for name, cell in zip(names, row, strict=False) if name and cell != ""}
        if values:
            yield line, {name: None for name in names if name} | values


def _to_value(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell if isinstance(cell, str | int | float | bool | datetime | date) else str(cell)
