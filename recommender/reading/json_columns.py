"""Lines of JSON -> Arrow columns, as long as all of them contain the same columns of texts and lists of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.json

from recommender.reading.formats.json_document import rows_of_line

_SAMPLE = 16  # lines that show the columns
_MAX_FAILURES = 3  # after which Arrow is not tried again
_STRING = pa.large_string()
_STRINGS = pa.list_(_STRING)


class JsonColumns:
    """Reads blocks of lines of one file; a block with any line of other columns is not read."""

    def __init__(self, is_simple: Callable[[tuple[str, ...]], bool]) -> None:
        self._is_simple = cache(is_simple)
        self._types: dict[str, pa.DataType] = {}
        self._failures = 0

    def read(self, lines: Sequence[bytes]) -> pa.Table | None:
        """Read regular lines into columns, null where one lacks a column; None unless Arrow reads all as orjson does.

        As many objects as lines, all of which begin and end as objects do, are one a line: none goes on after `}` and
        the end of a line with `{`.
        """
        if not self._types and self._failures < _MAX_FAILURES:
            self._note_types(lines[:_SAMPLE])
        if self._failures >= _MAX_FAILURES or not self._is_simple(tuple(self._types)):
            return None
        table = self._read(b"".join(lines))
        if table is None or len(table) != len(lines):
            self._failures += 1
            self._note_types(lines)
            return None
        return table.combine_chunks()

    def _read(self, data: bytes) -> pa.Table | None:
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(data),
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=pa.schema(self._types), unexpected_field_behavior="error"
                ),
            )
            table.validate(full=True)  # UTF-8 among others
        except (pa.ArrowException, OverflowError):
            return None
        return table

    def _note_types(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            for row in rows_of_line(line, len(line) + 3):
                for name, value in row.items() if isinstance(row, dict) else ():
                    self._note_type(name, value)

    def _note_type(self, name: str, value: Any) -> None:
        if value is None:
            return
        if type(value) is str:
            kind = _STRING
        elif type(value) is list and all(type(item) is str for item in value):
            kind = _STRINGS
        else:
            self._failures = _MAX_FAILURES
            return
        if self._types.setdefault(name, kind) != kind:
            self._failures = _MAX_FAILURES


def is_regular(line: bytes, max_size: int) -> bool:
    """Check whether a line begins and ends as an object does, and was not cut."""
    return line.startswith(b"{") and line.endswith((b"}\n", b"}\r\n")) and len(line) < max_size - 2
