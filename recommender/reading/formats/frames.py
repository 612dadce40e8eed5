"""Rows in memory: frames, tables, batches, queries, and iterables of objects that represent stories."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from recommender.articles.article import Article
from recommender.errors import InputError
from recommender.reading.formats.parquet import ROWS_AT_ONCE, rows_of_batch
from recommender.reading.formats.rows import BadRow


def is_frame(data: Any) -> bool:
    """Check whether data is a table: of Arrow, pandas, Polars, DuckDB, or any that offers Arrow's interface."""
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__") or _is_lazy(data)


def materialize(data: Any) -> Any:
    """Read what can be read only once, such as record batches or the rows of a cursor; return other data unchanged."""
    if is_cursor(data):
        names = [column[0] for column in data.description]
        return [row if isinstance(row, Mapping) else dict(zip(names, row, strict=True)) for row in data.fetchall()]
    if hasattr(data, "__arrow_c_stream__") and (hasattr(data, "read_next_batch") or hasattr(data, "__next__")):
        return pa.RecordBatchReader.from_stream(data).read_all()
    return data


def is_cursor(data: Any) -> bool:
    """Check whether data is a cursor of a database (DB-API) with rows, or a connection of DuckDB with some."""
    return isinstance(getattr(data, "description", None), list | tuple) and callable(getattr(data, "fetchall", None))


def _is_lazy(data: Any) -> bool:
    return callable(getattr(data, "collect", None)) and hasattr(data, "collect_schema")


def is_of_pandas(data: Any) -> bool:
    """Check whether data is a frame or a series of pandas."""
    return type(data).__module__.partition(".")[0] == "pandas"


def rows_in_memory(data: Any) -> Iterator[Any]:
    """Read the rows of a frame, or those that an iterable yields: articles, mappings, objects, or frames in turn."""
    if is_frame(data):
        yield from _rows_of_frame(data)
        return
    for row in data:
        if isinstance(row, Article | Mapping | BadRow):
            yield row
        elif is_frame(row) and not (is_of_pandas(row) and not hasattr(row, "columns")):  # a Series is one row
            yield from _rows_of_frame(row)
        else:
            yield _as_mapping(row)


def _rows_of_frame(frame: Any) -> Iterator[Any]:
    if _is_lazy(frame):
        frame = frame.collect()
    if is_of_pandas(frame) and hasattr(frame, "columns"):
        yield from _rows_of_pandas(frame)
        return
    for batch in _batches(frame):
        if not batch.schema.names or batch.schema.names == [""]:
            raise InputError(f"a {type(frame).__name__} without names was given, expected columns such as id and title")
        for start in range(0, len(batch), ROWS_AT_ONCE):
            yield from rows_of_batch(batch.slice(start, ROWS_AT_ONCE))


def _batches(frame: Any) -> Any:
    if isinstance(frame, pa.RecordBatch):
        return [frame]
    if isinstance(frame, pa.Table):
        return frame.to_batches(max_chunksize=ROWS_AT_ONCE)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(frame)
    return [pa.record_batch(frame)]


def _rows_of_pandas(frame: Any) -> Iterator[Any]:
    """Read pandas' own values: Arrow has no columns of several types. An index with a name is a column."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    frame = frame.loc[:, ~frame.columns.duplicated()]  # of columns of one name the first counts
    names = list(frame.columns)
    for start in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[start : start + ROWS_AT_ONCE]
        columns = [part.iloc[:, number].astype(object).tolist() for number in range(len(names))]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _as_mapping(row: Any) -> Any:
    """Read the fields of an object: a dataclass, named tuple, model of pydantic or attrs, or row of a database."""
    if is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in fields(row)}
    if isinstance(row, np.void) and row.dtype.names:
        return {name: row[name] for name in row.dtype.names}
    if isinstance(row, sqlite3.Row):
        return {name: row[name] for name in row.keys()}  # noqa: SIM118  a row iterates over its values
    for name in ("_asdict", "model_dump", "to_dict", "_mapping"):
        mapping = getattr(row, name, None)
        mapping = mapping() if callable(mapping) else mapping
        if isinstance(mapping, Mapping):
            return dict(mapping)
    attributes = getattr(type(row), "__attrs_attrs__", None)
    if attributes is not None:
        return {attribute.name: getattr(row, attribute.name) for attribute in attributes}
    return BadRow(f"{type(row).__name__}, expected Article or dict")
