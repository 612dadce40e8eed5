"""Parquet files and Arrow batches -> rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommender.reading.formats.file import File
from recommender.reading.formats.packing import Allowance
from recommender.reading.formats.rows import BadRow, Rows
from recommender.settings import ReadingSettings

ROWS_AT_ONCE = 1_000
"""Rows that are turned into Python at a time."""
_MIN_ROW_BYTES = 8  # that a row counts, however little it contains
_UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, MemoryError)  # what Arrow cannot turn into Python


def is_parquet(head: bytes) -> bool:
    """Check whether a file that begins so is a Parquet file."""
    return head.startswith(b"PAR1")


def is_arrow(head: bytes) -> bool:
    """Check whether a file that begins so contains Arrow batches, and is no stream of them."""
    return head.startswith(b"ARROW1")


def rows_of_parquet(file: File) -> Rows:
    """Read rows of a Parquet file."""
    if not file.size:
        return
    with file.opened() as stream:
        source = stream if stream.seekable() else pa.BufferReader(stream.read())
        try:
            yield from enumerate(_read_parquet(source, file.size, file.limits), 1)
        except _UNREADABLE as error:
            raise pa.ArrowInvalid(str(error)) from error


def rows_of_arrow(file: File) -> Rows:
    """Read rows of a file of Arrow batches, as Feather is one, or of a stream of them."""
    with file.opened() as stream:
        data = stream.read()
    try:
        yield from enumerate(_read_arrow(data, Allowance(file.size, file.limits)), 1)
    except _UNREADABLE as error:
        raise pa.ArrowInvalid(str(error)) from error


def rows_of_batch(batch: pa.RecordBatch) -> list[Any]:
    """Read rows of a batch; a row with a value that Python cannot represent is bad."""
    try:
        fields = [
            # Python's times end at microseconds
            field.with_type(pa.timestamp("us", field.type.tz))
            if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
            else field
            for field in batch.schema
        ]
        return list(batch.cast(pa.schema(fields), safe=False).to_pylist())
    except (*_UNREADABLE, pa.ArrowException) as error:
        if len(batch) > 1:
            return [row for number in range(len(batch)) for row in rows_of_batch(batch.slice(number, 1))]
        if isinstance(error, UnicodeDecodeError):
            return [BadRow("not valid UTF-8; convert the file's encoding")]
        return [BadRow(f"a value cannot be read: {error}")]


def _read_arrow(data: bytes, allowance: Allowance) -> Iterator[Any]:
    is_file = is_arrow(data)
    with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.BufferReader(data)) as reader:
        batches: Iterable[Any] = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        for batch in batches:
            batch.validate(full=True)
            allowance.use(int(_row_sizes(batch).sum()))
            for start in range(0, len(batch), ROWS_AT_ONCE):
                yield from rows_of_batch(_decode_dictionaries(batch.slice(start, ROWS_AT_ONCE)))


def _read_parquet(source: Any, size: int, limits: ReadingSettings) -> Iterator[Any]:
    """Read rows of a file; one that contains more than its size can explain ends with the reason.

    A dictionary represents as many copies of a long text as there are rows: it stays one until its rows are due.
    """
    allowance = Allowance(size, limits)
    with pq.ParquetFile(source) as file:
        allowance.check(sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
        # not `row_group(i).column(j)`: what is damaged there ends the process
        columns = map(file.schema.column, range(len(file.schema)))
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            ends = np.cumsum(_row_sizes(batch))
            start = used = 0
            while start < len(batch):
                stop = max(int(np.searchsorted(ends, used + limits.max_line_bytes, "right")), start + 1)
                allowance.use(int(ends[stop - 1]) - used)
                yield from rows_of_batch(_decode_dictionaries(batch.slice(start, stop - start)))
                start, used = stop, int(ends[stop - 1])


def _decode_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Decode the columns that are dictionaries; those within structs stay."""
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _row_sizes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    return np.asarray(sum(map(_value_sizes, batch.columns), np.full(len(batch), _MIN_ROW_BYTES)))


def _value_sizes(column: pa.Array) -> NDArray[np.int64]:
    kind, no_sizes = column.type, np.zeros(len(column), dtype=np.int64)
    if pa.types.is_dictionary(kind):
        lengths = pc.fill_null(pc.binary_length(column.dictionary), 0).cast(pa.int64())
        if not len(lengths):
            return no_sizes
        return np.asarray(pc.fill_null(lengths.take(column.indices), 0).to_numpy(zero_copy_only=False))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner_ends = np.append(0, np.cumsum(_value_sizes(column.flatten())))
        counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        ends = np.cumsum(counts)
        return np.asarray(inner_ends[ends] - inner_ends[ends - counts], dtype=np.int64)
    if pa.types.is_struct(kind):
        return np.asarray(sum(map(_value_sizes, column.flatten()), no_sizes))
    return np.full(len(column), column.nbytes // max(len(column), 1), dtype=np.int64)
