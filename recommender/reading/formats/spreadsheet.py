"""Excel and OpenDocument sheets -> rows of the first sheet that names columns."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from recommender.errors import MissingExtraError
from recommender.reading.formats.file import File
from recommender.reading.formats.packing import Allowance
from recommender.reading.formats.rows import BadRow, Rows
from recommender.reading.names import known_names

_HEADER_WITHIN = 20  # rows in which the names of the columns stand


def is_sheet(data: bytes) -> bool:
    """Tell whether a file that begins so holds sheets."""
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return True  # of Excel before 2007, and of other programs of that time
    zipped = data.startswith(b"PK\x03\x04")
    return zipped and (b"xl/" in data or b"[Content_Types].xml" in data or b"opendocument.spreadsheet" in data)


def rows_of_sheet(file: File) -> Rows:
    """Read rows of the first sheet with a line that names columns."""
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
            with zipfile.ZipFile(io.BytesIO(data)) as parts:
                Allowance(len(data), file.limits).check(sum(one.file_size for one in parts.infolist()))
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, RuntimeError, LookupError) as error:
        yield 1, BadRow(f"a sheet that cannot be read: {' '.join(str(error).split())[:200]}")
        return
    for rows in sheets:
        head = next((at for at, row in enumerate(rows[:_HEADER_WITHIN]) if _names_columns(row)), None)
        if head is not None:
            yield from _rows(rows, head)
            return
    if any(any(cell != "" for cell in row) for rows in sheets for row in rows):
        yield 1, BadRow("no row of the sheet names columns that are known; expected a header with id and title or body")


def _names_columns(row: list[Any]) -> bool:
    return len(known_names([cell for cell in row if isinstance(cell, str)])) > 1


def _rows(rows: list[list[Any]], head: int) -> Iterator[tuple[int, Any]]:
    names = [str(name).strip() for name in rows[head]]
    for line, row in enumerate(rows[head + 1 :], head + 2):
        found = {name: _plain(cell) for name, cell in zip(names, row, strict=False) if name and cell != ""}
        if found:
            yield line, {name: None for name in names if name} | found


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell if isinstance(cell, str | int | float | bool | datetime | date) else str(cell)
