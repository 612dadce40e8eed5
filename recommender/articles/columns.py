"""A table of articles -> masks, names of outlets, times and bytes of its columns, for all that works on tables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def is_in(table: pa.Table, column: str, values: Collection[str]) -> NDArray[np.bool_]:
    """Find rows whose text column has one of the values; a mask (n,)."""
    known = [value.casefold() for value in values] if column == "kind" else list(values)  # kinds are kept folded
    hit = pc.is_in(table[column], pa.array(known, pa.large_string()))
    return np.asarray(hit.to_numpy(), dtype=bool)


def has_tag(table: pa.Table, tags: Collection[str]) -> NDArray[np.bool_]:
    """Find rows that carry one of the tags; a mask (n,)."""
    column = table["tags"].combine_chunks()
    wanted = pa.array(list(tags), pa.large_string())
    hit = pc.is_in(pc.list_flatten(column), wanted).to_numpy(zero_copy_only=False)
    found = np.zeros(len(table), dtype=bool)
    found[pc.list_parent_indices(column).to_numpy()[hit]] = True
    return found


def outlets(table: pa.Table) -> pa.Array:
    """Find who published each row, in small letters, so that one outlet has one name."""
    return pc.utf8_lower(outlet_names(table))


def outlet_names(table: pa.Table) -> pa.Array:
    """Find who published each row, as readers are told: its source, else the host of its URL; null for neither.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> both = [Article(id="a", url="https://www.courier.example/a"), Article(id="b", source="Wire")]
    >>> outlet_names(to_table(both)).to_pylist()
    ['courier.example', 'Wire']
    """
    host = pc.struct_field(pc.extract_regex(table["url"], r"^[a-zA-Z]+://(?:www\.)?(?P<host>[^/:?#]+)"), "host")
    return whole(pc.coalesce(table["source"], host))


def to_micros(time: datetime) -> int:
    """Convert a time to microseconds since 1970; a time without a zone is UTC."""
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(time.timestamp() * 1e6)


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Give a column as one array; without a copy where it is one."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def buffers(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give the bytes of a large_string array, and where each text begins, (n + 1,)."""
    _, offsets, data = texts.buffers()
    begin = np.zeros(1, dtype=np.int64) if offsets is None else np.frombuffer(offsets, dtype=np.int64)
    content = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return content, begin[texts.offset : texts.offset + len(texts) + 1]
