"""Blocks of rows -> tables of articles, column by column; rows that are odd in any way are read one by one."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.article import Article, to_table
from recommender.reading.columns import HIDDEN, NO_ROWS, READ, Columns
from recommender.reading.formats import BadRow
from recommender.reading.formats.json_document import rows_of_line
from recommender.reading.json_columns import JsonColumns, is_regular
from recommender.reading.markup import are_plain
from recommender.reading.report import Notes
from recommender.reading.rows import RowReader

_BLOCK_ROWS = 4_000
_BLOCK_BYTES = 1 << 23  # of lines
_MIN_LONG = 500  # bytes of a text
_BLOCKS_AHEAD = 2  # that are made before they are needed
_MIN_GROUP = 16  # rows of the same columns; fewer are read one by one
_T = TypeVar("_T")
_Lines: TypeAlias = list[tuple[int, Any]]


@dataclass(frozen=True)
class _Block:
    """Lines of a stream, and the columns of those that Arrow has read, which are `regular`.

    `plain` marks the plain texts of columns of long texts: the longest work of all, and done in another thread.
    """

    lines: _Lines
    regular: list[int] = field(default_factory=list)
    table: pa.Table | None = None
    plain: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


class BlockReader:
    """Reads the rows of one stream in blocks; `reader` decides what they mean, and reads those that are odd."""

    def __init__(self, reader: RowReader, size: int = _BLOCK_ROWS) -> None:
        self._reader, self._size = reader, size
        self._max_line = reader.settings.max_line_bytes
        self._json = JsonColumns(reader.is_simple)

    def tables(self, strict: bool = False) -> Iterator[pa.Table]:
        """Read articles in their order, columns of `READ`; stops after a bad row if `strict`, or after too many."""
        stream, notes = self._reader.stream, Notes()
        lines = self._split_lines(stream.lines(notes))
        # what unpacks and what parses waits little for the interpreter's lock
        blocks = _read_ahead(map(self._parse, _read_ahead(lines))) if stream.path else map(self._parse, lines)
        for block in blocks:
            yield self._convert(block, strict)
            if self._is_enough(strict):
                return
        self._reader.report.notes.merge(notes)

    def _is_enough(self, strict: bool) -> bool:
        rejected = len(self._reader.report.rejected)
        return rejected > (0 if strict else self._reader.settings.max_rejected)

    def _split_lines(self, lines: Iterator[tuple[int, Any]]) -> Iterator[_Lines]:
        """Split lines into blocks; this runs in another thread, and shares nothing that changes."""
        block: _Lines = []
        size = 0
        for numbered in lines:
            block.append(numbered)
            size += len(numbered[1]) if type(numbered[1]) is bytes else 0
            if len(block) >= self._size or size >= _BLOCK_BYTES:
                yield block
                block, size = [], 0
        if block:
            yield block

    def _parse(self, lines: _Lines) -> _Block:
        regular = [
            number for number, (_, raw) in enumerate(lines) if type(raw) is bytes and is_regular(raw, self._max_line)
        ]
        table = self._json.read([lines[number][1] for number in regular]) if len(regular) >= _MIN_GROUP else None
        if table is None:
            return _Block(lines)
        long = [name for name in table.column_names if _is_long(table[name])]
        return _Block(lines, regular, table, {name: are_plain(table[name].chunk(0)) for name in long})

    def _convert(self, block: _Block, strict: bool) -> pa.Table:
        rows, groups = self._group(block)
        self._reader.report.read += sum(1 for line, raw in rows if line or not isinstance(raw, BadRow))
        tables, length = [NO_ROWS], 0
        positions = np.full(len(rows), -1)  # of rows in all tables together
        for members, columns in groups:
            tables.append(columns.table())
            usual = np.flatnonzero(~columns.odd)
            positions[np.array(members)[usual]] = length + usual
            length += len(tables[-1])
        if odd := np.flatnonzero(positions < 0).tolist():
            kept, table = self._read_one_by_one(rows, odd, strict)
            tables.append(table)
            positions[kept] = length + np.arange(len(kept))
        taken, all_rows = positions[positions >= 0], pa.concat_tables(tables)
        return all_rows if np.array_equal(taken, np.arange(len(all_rows))) else all_rows.take(pa.array(taken))

    def _read_one_by_one(self, rows: _Lines, numbers: list[int], strict: bool) -> tuple[list[int], pa.Table]:
        """Read some rows by themselves; return the numbers of those that are not rejected, and a table of them."""
        kept: list[int] = []
        articles: list[Article] = []
        reasons: list[str | None] = []
        for number in numbers:
            line, raw = rows[number]
            if type(raw) is bytes:
                (raw,) = rows_of_line(raw, self._max_line)  # a single one, as the line was regular
            if (read := self._reader.read(line, raw)) is not None:
                kept.append(number)
                articles.append(read[0])
                reasons.append(read[1])
            elif self._is_enough(strict):
                break
        hidden = pa.array(reasons, READ.field(HIDDEN).type)
        return kept, to_table(articles).append_column(READ.field(HIDDEN), hidden)

    def _group(self, block: _Block) -> tuple[_Lines, list[tuple[list[int], Columns]]]:
        """Group rows of the same columns, with their numbers; those that Arrow has read are still bytes."""
        if block.table is not None and len(block.regular) == len(block.lines):
            return block.lines, [(block.regular, self._columns(block.table, block.plain))]
        regular = set(block.regular)
        rows: _Lines = []
        numbers: list[int] = []
        groups: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for number, (line, raw) in enumerate(block.lines):
            if number in regular:
                numbers.append(len(rows))
                rows.append((line, raw))
                continue
            for row in rows_of_line(raw, self._max_line) if type(raw) is bytes else (raw,):
                if type(row) is dict:
                    normalized = self._reader.normalize(row)
                    groups[tuple(normalized)][len(rows)] = normalized
                rows.append((line, row))
        columns = [] if block.table is None else [(numbers, self._columns(block.table, block.plain))]
        for names, members in groups.items():
            if len(members) >= _MIN_GROUP and all(type(name) is str for name in names):
                cells = zip(*(row.values() for row in members.values()), strict=True)
                by_name = dict(zip(names, cells, strict=True))
                columns.append((list(members), Columns(by_name, len(members), self._reader.plan(names))))
        return rows, columns

    def _columns(self, table: pa.Table, plain: Mapping[str, NDArray[np.bool_]]) -> Columns:
        return Columns.from_table(table, self._reader.plan(tuple(table.column_names)), plain)


def _is_long(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_large_string(column.type) and column.nbytes > _MIN_LONG * len(column))


def _read_ahead(source: Iterator[_T]) -> Iterator[_T]:
    """Make the next values of an iterator in a thread while one is used: some blocks take longer than others."""
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, source, None) for _ in range(_BLOCKS_AHEAD))
        while (value := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, source, None))
            yield value
