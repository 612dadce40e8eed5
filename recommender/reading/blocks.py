"""Blocks of rows -> tables of articles, column by column; rows that are odd in any way are read one by one."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.article import to_table
from recommender.reading.columns import HIDDEN, READ, Columns
from recommender.reading.formats import BadRow
from recommender.reading.formats.json_document import rows_of_line
from recommender.reading.json_columns import JsonColumns, is_regular
from recommender.reading.markup import are_plain
from recommender.reading.report import Notes
from recommender.reading.rows import RowReader

_ROWS = 4_000  # of a block
_BYTES = 1 << 23  # of a block of lines
_LONG = 500  # bytes of a text
_AHEAD = 2  # blocks that are made before they are needed
_FEW = 16  # rows of the same columns that are sooner read one by one
_T = TypeVar("_T")
_Lines = list[tuple[int, Any]]


@dataclass(frozen=True)
class _Block:
    """What `Stream.lines` gave, and the columns of some of it, by their places, where Arrow has read them.

    `plain` tells of columns of long texts which are plain: the longest work of all, and done beside the rest.
    """

    lines: _Lines
    places: list[int]
    table: pa.Table | None
    plain: Mapping[str, NDArray[np.bool_]]


class BlockReader:
    """Reads the rows of one stream in blocks; `reader` says what they mean, and reads those that are odd."""

    def __init__(self, reader: RowReader, size: int = _ROWS) -> None:
        self._reader, self._size = reader, size
        self._longest = reader.settings.max_line_bytes
        self._json = JsonColumns(reader.is_simple)

    def tables(self, strict: bool = False) -> Iterator[pa.Table]:
        """Read articles in their order, columns of `READ`; stops after a bad row if `strict`, or after too many."""
        stream, told = self._reader.stream, Notes()
        lines = self._lines(stream.lines(told))
        # what unpacks and what parses waits little for the interpreter's lock
        for block in _ahead(map(self._block, _ahead(lines))) if stream.path else map(self._block, lines):
            yield self._table(block, strict)
            if self._is_enough(strict):
                return
        self._reader.report.told.take(told)

    def _is_enough(self, strict: bool) -> bool:
        rejected = len(self._reader.report.rejected)
        return rejected > (0 if strict else self._reader.settings.max_rejected)

    def _lines(self, lines: Iterator[tuple[int, Any]]) -> Iterator[_Lines]:
        """Read blocks of lines; this runs beside the rest, and touches nothing that the rest changes."""
        some: _Lines = []
        held = 0
        for one in lines:
            some.append(one)
            held += len(one[1]) if type(one[1]) is bytes else 0
            if len(some) >= self._size or held >= _BYTES:
                yield some
                some, held = [], 0
        if some:
            yield some

    def _block(self, lines: _Lines) -> _Block:
        places = [at for at, (_, raw) in enumerate(lines) if type(raw) is bytes and is_regular(raw, self._longest)]
        table = self._json.read([lines[at][1] for at in places]) if len(places) >= _FEW else None
        long = [] if table is None else [name for name in table.column_names if _is_long(table[name])]
        plain = {name: are_plain(table[name].chunk(0)) for name in long} if table is not None else {}
        return _Block(lines, places, table, plain)

    def _table(self, block: _Block, strict: bool) -> pa.Table:
        reader, report = self._reader, self._reader.report
        rows, groups = self._grouped(block)
        report.read += sum(1 for line, raw in rows if line or not isinstance(raw, BadRow))
        tables, held = [READ.empty_table()], 0
        found_at = np.full(len(rows), -1)  # where rows are in all tables together
        for members, columns in groups:
            tables.append(columns.table())
            usual = np.flatnonzero(~columns.odd)
            found_at[np.array(members)[usual]] = held + usual
            held += len(tables[-1])
        one_by_one = []
        for at in np.flatnonzero(found_at < 0).tolist():
            line, raw = rows[at]
            if type(raw) is bytes:
                (raw,) = rows_of_line(raw, self._longest)  # one, as it was simple
            if (found := reader.read(line, raw)) is not None:
                one_by_one.append((at, *found))
            elif self._is_enough(strict):
                break
        if one_by_one:
            hidden = pa.array([reason for _, _, reason in one_by_one], READ.field(HIDDEN).type)
            tables.append(to_table(article for _, article, _ in one_by_one).append_column(READ.field(HIDDEN), hidden))
            found_at[[at for at, _, _ in one_by_one]] = held + np.arange(len(one_by_one))
        taken, table = found_at[found_at >= 0], pa.concat_tables(tables)
        return table if np.array_equal(taken, np.arange(len(table))) else table.take(pa.array(taken))

    def _grouped(self, block: _Block) -> tuple[_Lines, list[tuple[list[int], Columns]]]:
        """Group rows of the same columns, with their places; those that Arrow has read are still bytes."""
        if block.table is not None and len(block.places) == len(block.lines):
            plan = self._reader.plan(tuple(block.table.column_names))
            return block.lines, [(block.places, Columns.of_table(block.table, plan, block.plain))]
        read = set(block.places) if block.table is not None else frozenset[int]()
        rows: _Lines = []
        places: list[int] = []
        groups: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for at, (line, raw) in enumerate(block.lines):
            if at in read:
                places.append(len(rows))
                rows.append((line, raw))
                continue
            for one in rows_of_line(raw, self._longest) if type(raw) is bytes else (raw,):
                if type(one) is dict:
                    shaped = self._reader.shaped(one)
                    groups[tuple(shaped)][len(rows)] = shaped
                rows.append((line, one))
        found = []
        if block.table is not None:
            plan = self._reader.plan(tuple(block.table.column_names))
            found.append((places, Columns.of_table(block.table, plan, block.plain)))
        for names, members in groups.items():
            if len(members) >= _FEW and all(type(name) is str for name in names):
                cells = zip(*(row.values() for row in members.values()), strict=True)
                columns = Columns(dict(zip(names, cells, strict=True)), len(members), self._reader.plan(names))
                found.append((list(members), columns))
        return rows, found


def _is_long(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_large_string(column.type) and column.nbytes > _LONG * len(column))


def _ahead(source: Iterator[_T]) -> Iterator[_T]:
    """Make the next values of an iterator in a thread while one is used: some blocks take longer than others."""
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, source, None) for _ in range(_AHEAD))
        while (one := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, source, None))
            yield one
