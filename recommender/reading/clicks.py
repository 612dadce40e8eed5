"""Click logs of related-article lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import TIME
from recommender.errors import InputError, SettingsError
from recommender.reading.click_rows import CHUNK, SCHEMA, open_stream, read_rows
from recommender.reading.report import ReadReport
from recommender.reading.times import to_time
from recommender.settings import ReadingSettings

_MAX_REJECTED = 0.1  # of the rows of a log, or of those with a click: what is missing may differ from what is left
_GROUP_PREFIXES = [[pa.scalar(prefix, pa.large_string()), pa.scalar("", pa.large_string())] for prefix in "abc"]


@dataclass(frozen=True, eq=False)
class ClickLog:
    """Lists as they were shown, and what was clicked in them.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `SCHEMA`, one row a list, in the order they were read. `shown` has each item once, in the order of
        the list; `clicked` is a part of it. `source`, `version`, `time` and `session` may be null.

    Examples
    --------
    >>> log = ClickLog.of([{"story": "a", "items": ["b", "c"], "clicks": ["c"], "time": "2026-03-03T06:30Z"}])
    >>> len(log), log.table["clicked"].to_pylist()
    (1, [['c']])
    """

    table: pa.Table

    @classmethod
    def read(
        cls,
        source: str | Path | pa.Table | Iterable[Mapping[str, Any]],
        *,
        columns: Mapping[str, str] | None = None,
        strict: bool = False,
        settings: ReadingSettings | None = None,
    ) -> tuple[ClickLog, ReadReport]:
        """Read a log of lists that were shown and of what readers clicked in them.

        Parameters
        ----------
        source : path, pyarrow.Table, or iterable of dict
            A file ends in .jsonl, .ndjson, .csv, .tsv or .parquet, optionally .gz or .zst. `shown` and `clicked` are
            lists of ids, or one text with blanks, `|`, `;` or `,` between them: the sign is found from the first rows,
            so ids may have these signs in them. A row without `list_id` is named by its line.
        columns : mapping, optional
            Field -> column, for names that are not in `click_rows.ALIASES`.
        strict : bool, default False
            Raise at the first bad row instead of rejecting it.
        settings : ReadingSettings, optional
            How times and files are read: `day_first`, `date_format`, `time_zone`, `encoding`.

        Returns
        -------
        log : ClickLog
        report : ReadReport
            Rows that were left out, with line and reason: nothing shown, an item shown twice, a click on something
            that was not shown, an unreadable time.

        Raises
        ------
        InputError
            If the file is missing or of an unknown kind, `columns` names no field, or, in strict mode, a row is bad.

        Examples
        --------
        >>> log, report = ClickLog.read([{"shown": "b c", "clicked": "b"}, {"shown": "b c", "clicked": "d"}])
        >>> len(log), report.rejected[0].line, report.rejected[0].reason
        (1, 2, "a click on 'd', which was not shown")
        """
        if unknown := set(columns or {}).difference(SCHEMA.names):
            raise InputError(
                f"unknown field {min(unknown)!r} in a column mapping; expected one of {', '.join(SCHEMA.names)}"
            )
        report = ReadReport()
        rows = read_rows(open_stream(source, settings or ReadingSettings()), columns or {}, strict, report)
        tables = [SCHEMA.empty_table()]
        while chunk := list(islice(rows, CHUNK)):
            tables.append(pa.Table.from_pylist(chunk, schema=SCHEMA))
        log = cls(pa.concat_tables(tables).combine_chunks())
        report.accepted = len(log)
        return log, report

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> ClickLog:
        """Make a log of rows in memory, as `read` takes them; raises InputError at the first bad one."""
        return cls.read(rows, strict=True)[0]

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def items(self) -> pa.Table:
        """One row a shown item: `list` (row in `table`), `place` (from 1), `source`, `item`, `clicked`."""
        shown, clicked = (self.table[name].combine_chunks() for name in ("shown", "clicked"))
        rows, click_rows = (np.repeat(np.arange(len(self)), _lengths(lists)) for lists in (shown, clicked))
        items = pc.list_flatten(shown)
        ids = pa.concat_arrays([items, pc.list_flatten(clicked)]).dictionary_encode()
        codes, count = ids.indices.to_numpy().astype(np.int64), len(ids.dictionary)
        is_clicked = np.isin(rows * count + codes[: len(rows)], click_rows * count + codes[len(rows) :])
        starts = np.cumsum(_lengths(shown)) - _lengths(shown)
        return pa.table(
            {
                "list": rows,
                "place": np.arange(len(rows)) - starts[rows] + 1,
                "source": self.table["source"].combine_chunks().take(pa.array(rows)),
                "item": items,
                "clicked": is_clicked,
            }
        )

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """Codes of what is resampled together, shape (n,): session, where unknown source, where unknown the list."""
        columns = (self.table["session"], self.table["source"], pa.chunked_array([np.arange(len(self))]))
        # a session may have the name of a source
        prefixed = (
            pc.binary_join_element_wise(column.cast(SCHEMA.field("session").type), *prefix)
            for column, prefix in zip(columns, _GROUP_PREFIXES, strict=True)
        )
        return encode_names(pc.coalesce(*prefixed))

    def between(self, start: datetime | None = None, end: datetime | None = None) -> ClickLog:
        """Keep the lists shown at `start` or later and before `end`; those without a time are in no such part."""
        is_between = pc.is_valid(self.table["time"])
        if start is not None:
            is_between = pc.and_(is_between, pc.greater_equal(self.table["time"], _to_scalar(start)))
        if end is not None:
            is_between = pc.and_(is_between, pc.less(self.table["time"], _to_scalar(end)))
        return ClickLog(self.table.filter(pc.fill_null(is_between, False)))

    def among(self, ids: Collection[str]) -> ClickLog:
        """Keep only these articles: lists under others, or with fewer than two of these items, are left out."""
        known = pa.array(sorted(ids), pa.large_string())
        table = self.table.filter(pc.is_in(self.table["source"].combine_chunks(), known))
        columns = {}
        for name in ("shown", "clicked"):
            lists = table[name].combine_chunks()
            is_known = pc.is_in(lists.flatten(), known)
            counts = np.bincount(
                pc.list_parent_indices(lists).to_numpy(), is_known.to_numpy(zero_copy_only=False), len(lists)
            )
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            columns[name] = pa.LargeListArray.from_arrays(pa.array(offsets), lists.flatten().filter(is_known))
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), SCHEMA.field(name), column)
        return ClickLog(table.filter(pa.array(_lengths(columns["shown"]) >= 2)))

    def split(self, at: datetime | float) -> tuple[ClickLog, ClickLog]:
        """Split into past and future: what is tuned on the first part is tested on the second.

        Parameters
        ----------
        at : datetime or float
            The first moment of the future, or the share of lists in the past, in (0, 1); lists of one moment stay
            together in the future.

        Raises
        ------
        InputError
            If a list has no time, or a part would be empty.
        SettingsError
            If a share is not in (0, 1).

        Examples
        --------
        >>> log = ClickLog.of({"shown": ["a"], "clicked": None, "time": f"2026-03-0{day}"} for day in (4, 1, 2, 3))
        >>> past, future = log.split(0.5)
        >>> [time.day for time in past.table["time"].to_pylist()], len(future)
        ([1, 2], 2)
        """
        if undated := self.table["time"].null_count:
            raise InputError(
                f"{undated:,} of {len(self):,} lists have no time and belong to neither past nor future; "
                "leave them out first with between()"
            )
        if not isinstance(at, datetime):
            if not 0 < at < 1:
                raise SettingsError(f"the share of the past is {at}; expected a number between 0 and 1")
            times = self.table["time"].combine_chunks().sort()
            at = times[int(at * len(times))].as_py() if len(times) else datetime.min
        parts = self.between(end=at), self.between(start=at)
        if not all(map(len, parts)):
            raise InputError(
                f"a split at {at} leaves {len(parts[0]):,} lists before and {len(parts[1]):,} after it; "
                "expected some in both"
            )
        return parts

    def paths(self) -> list[list[str]]:
        """List what each session read, in order of time: the source of each list and then its clicks.

        A list without a session is a path of its own.
        """
        table = self.table.append_column("row", pa.array(np.arange(len(self))))
        table = table.sort_by([("time", "ascending"), ("row", "ascending")])
        paths: dict[str | int, list[str]] = {}
        for row in table.select(["row", "session", "source", "clicked"]).to_pylist():
            path = paths.setdefault(row["row"] if row["session"] is None else row["session"], [])
            path.extend([row["source"]] * (row["source"] is not None) + row["clicked"])
        return list(paths.values())


def refuse_many_rejected(log: ClickLog, report: ReadReport, name: str) -> None:
    """Raise InputError if over a tenth of the rows of a log, or of those with a click, were rejected.

    The rest may differ from what is missing, and figures of it would be of the wrong readers.
    """
    clicked = int(np.count_nonzero(_lengths(log.table["clicked"].combine_chunks())))
    with_click = report.lost["clicked"] + clicked
    if len(report.rejected) > _MAX_REJECTED * report.read:
        what = f"{len(report.rejected):,} of {report.read:,} rows"
    elif report.lost["clicked"] > _MAX_REJECTED * with_click:
        what = f"{report.lost['clicked']:,} of {with_click:,} rows with a click"
    else:
        return
    first = report.rejected[0]
    raise InputError(
        f"{what} of {name} were rejected, such as line {first.line}: {first.reason}. The rest may not be like them, so "
        f"no figures are given where more than {_MAX_REJECTED:.0%} are missing: mend these rows or the settings that "
        "read them ([reading]), or leave them out of the file if they do not count"
    )


def _to_scalar(time: datetime) -> pa.Scalar:
    return pa.scalar(to_time(time), TIME)


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.list_value_length(lists).to_numpy(), dtype=np.int64)


def encode_names(names: pa.ChunkedArray) -> NDArray[np.int64]:
    """Assign a number to each different name, (n,)."""
    return np.asarray(names.combine_chunks().dictionary_encode().indices.to_numpy(), dtype=np.int64)
