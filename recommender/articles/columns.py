"""Columns of a table of articles: masks of rows, outlets, times, and the bytes of texts; and tables as Arrow files."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.errors import SettingsError


def is_in(table: pa.Table, column: str, values: Collection[str]) -> NDArray[np.bool_]:
    """Mark the rows whose text column has one of the values, (n,)."""
    wanted = [value.casefold() for value in values] if column == "kind" else list(values)  # kinds are stored folded
    return np.asarray(pc.is_in(table[column], pa.array(wanted, pa.large_string())).to_numpy(), dtype=bool)


def has_tag(table: pa.Table, tags: Collection[str]) -> NDArray[np.bool_]:
    """Mark the rows that carry one of the tags, (n,)."""
    column = table["tags"].combine_chunks()
    wanted = pa.array(list(tags), pa.large_string())
    is_wanted = pc.is_in(pc.list_flatten(column), wanted).to_numpy(zero_copy_only=False)
    mask = np.zeros(len(table), dtype=bool)
    mask[pc.list_parent_indices(column).to_numpy()[is_wanted]] = True
    return mask


def outlets(table: pa.Table) -> pa.Array:
    """Return the outlet of each row in small letters, so that an outlet has one name."""
    return pc.utf8_lower(outlet_names(table))


def outlet_names(table: pa.Table) -> pa.Array:
    """Return the outlet of each row as readers see it: its source, else the host of its URL; null for neither.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> both = [Article(id="a", url="https://www.courier.example/a"), Article(id="b", source="Wire")]
    >>> outlet_names(to_table(both)).to_pylist()
    ['courier.example', 'Wire']
    """
    source, url = table["source"], table["url"]
    if not source.null_count or url.null_count == len(table):
        return as_array(source)
    host = pc.struct_field(pc.extract_regex(url, r"^[a-zA-Z]+://(?:www\.)?(?P<host>[^/:?#]+)"), "host")
    return as_array(pc.coalesce(source, host))


def to_micros(time: datetime) -> int:
    """Convert a time to microseconds since 1970; a time without a zone is UTC.

    Raises `SettingsError` if it is no datetime.
    """
    if not isinstance(time, datetime):
        raise SettingsError(f"a moment is {time!r}, expected a datetime such as datetime(2026, 11, 27, 10, tzinfo=UTC)")
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(time.timestamp() * 1e6)


def column_to_micros(column: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    """Convert a column of times to microseconds since 1970; `UNDATED` where missing."""
    micros = pc.fill_null(as_array(column).cast(pa.int64()), UNDATED)
    return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.int64)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table to an Arrow file."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def map_table(path: Path) -> pa.Table:
    """Return the table of an Arrow file, memory-mapped."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array, without a copy where it has one chunk."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def encode(values: pa.ChunkedArray | pa.Array) -> tuple[NDArray[np.int64], list[Any]]:
    """Return the code of each row of a column, -1 where it has no value, and the value of each code."""
    encoded = as_array(values).dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), encoded.dictionary.to_pylist()


def as_mask(values: pa.Array) -> NDArray[np.bool_]:
    """Return booleans as an array that may be written to; null counts as False."""
    return np.asarray(values.to_numpy(zero_copy_only=False).astype(bool))


def text_buffers(texts: pa.LargeStringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of texts, without a copy, and the offsets at which each text begins, (n + 1,)."""
    if not len(texts):
        return np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int64)
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]
