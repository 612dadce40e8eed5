"""Parquet files and Arrow batches -> rows."""

from __future__ import annotations

from collections.abc import Iterator
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

ARROW = b"ARROW1"
"""How a file of Arrow batches begins."""
_TOGETHER = 1_000  # rows turned into Python at a time
_ROW = 8  # bytes that a row counts at least, however little it holds
_UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, MemoryError)  # what Arrow cannot turn into Python


def rows_of_parquet(file: File) -> Rows:
    """Read rows of a Parquet file."""
    if not file.held:
        return
    with file.opened() as stream:
        source = stream if stream.seekable() else pa.BufferReader(stream.read())
        try:
            yield from enumerate(_parquet_rows(source, file.held, file.limits), 1)
        except _UNREADABLE as error:
            raise pa.ArrowInvalid(str(error)) from error


def rows_of_arrow(file: File) -> Rows:
    """Read rows of a file of Arrow batches, as Feather is one, or of a stream of them."""
    with file.opened() as stream:
        data = stream.read()
    allowance = Allowance(file.held, file.limits)
    opened = pa.ipc.open_file if data.startswith(ARROW) else pa.ipc.open_stream
    row = 0
    try:
        with opened(pa.BufferReader(data)) as reader:
            batches = map(reader.get_batch, range(reader.num_record_batches)) if data.startswith(ARROW) else reader
            for batch in batches:
                batch.validate(full=True)
                allowance.use(int(sum((_row_bytes(one) for one in batch.columns), np.full(len(batch), _ROW)).sum()))
                for start in range(0, len(batch), _TOGETHER):
                    for one in rows_of_batch(_plain(batch.slice(start, _TOGETHER))):
                        row += 1
                        yield row, one
    except _UNREADABLE as error:
        raise pa.ArrowInvalid(str(error)) from error


def rows_of_batch(batch: pa.RecordBatch) -> list[Any]:
    """Read rows of a batch; a row that holds what Python cannot is bad, the others are kept."""
    try:
        # Python's times end at microseconds
        fields = [
            f.with_type(pa.timestamp("us", f.type.tz)) if pa.types.is_timestamp(f.type) and f.type.unit == "ns" else f
            for f in batch.schema
        ]
        return list(batch.cast(pa.schema(fields), safe=False).to_pylist())
    except (*_UNREADABLE, pa.ArrowException) as error:
        if len(batch) > 1:
            return [row for at in range(len(batch)) for row in rows_of_batch(batch.slice(at, 1))]
        if isinstance(error, UnicodeDecodeError):
            return [BadRow("not valid UTF-8; convert the file's encoding")]
        return [BadRow(f"a value cannot be read: {error}")]


def _parquet_rows(source: Any, size: int, limits: ReadingSettings) -> Iterator[Any]:
    """Read rows of a file; one that holds more than its size can explain ends with the reason.

    A dictionary stands for as many copies of a long text as there are rows: it stays one until its rows are due.
    """
    allowance = Allowance(size, limits)
    with pq.ParquetFile(source) as file:
        allowance.check(sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
        # not `row_group(i).column(j)`: what is damaged there ends the process
        columns = map(file.schema.column, range(len(file.schema)))
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=_TOGETHER):
            sizes = sum((_row_bytes(column) for column in batch.columns), np.full(len(batch), _ROW))
            ends, start = np.cumsum(sizes), 0
            while start < len(batch):
                held = int(ends[start - 1]) if start else 0
                stop = max(int(np.searchsorted(ends, held + limits.max_line_bytes, "right")), start + 1)
                allowance.use(int(ends[stop - 1]) - held)
                yield from rows_of_batch(_plain(batch.slice(start, stop - start)))
                start = stop


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Decode dictionaries, in columns at least."""
    columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _row_bytes(column: pa.Array) -> NDArray[np.int64]:
    """Estimate how many bytes the value of each row comes to."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.fill_null(pc.binary_length(column.dictionary), 0).cast(pa.int64())
        if not len(lengths):
            return np.zeros(len(column), dtype=np.int64)
        return np.asarray(pc.fill_null(lengths.take(column.indices), 0).to_numpy(zero_copy_only=False))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = np.append(0, np.cumsum(_row_bytes(column.flatten())))
        counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        ends = np.cumsum(counts)
        return np.asarray(inner[ends] - inner[ends - counts], dtype=np.int64)
    if pa.types.is_struct(kind):
        return np.asarray(sum((_row_bytes(part) for part in column.flatten()), np.zeros(len(column), dtype=np.int64)))
    return np.full(len(column), column.nbytes // max(len(column), 1), dtype=np.int64)
