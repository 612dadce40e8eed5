"""Files and rows in memory -> streams of raw rows, each with its line."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from numpy.typing import NDArray

from recommender.articles.article import Article
from recommender.settings import ReadingSettings

_ROW = 8  # bytes that a row counts at least, however little it holds
_UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, MemoryError)  # what Arrow cannot turn into Python
_BROKEN_STREAM = (EOFError, OSError, zlib.error, zstandard.ZstdError, pa.ArrowException, csv.Error)


_LIMITS = ReadingSettings()


class BadRow(ValueError):
    """A row that could not even be parsed."""


class _TooMuch(Exception):
    """A file goes beyond a limit, and nothing after that can be told apart."""


@dataclass(frozen=True)
class Stream:
    """One source of raw rows; `path` is None for rows already in memory."""

    name: str
    path: Path | None = None
    data: Any = None
    limits: ReadingSettings = _LIMITS

    def rows(self) -> Iterator[tuple[int, Any]]:
        """(line, raw row or BadRow); a stream that breaks off ends with the reason."""
        line = 0
        try:
            for line, raw in self._parsed():
                yield line, raw
        except _BROKEN_STREAM as error:
            reason = "truncated" if isinstance(error, EOFError) else "damaged"
            yield line + 1, BadRow(f"{reason} file: {error}; the rows before it were kept")
        except _TooMuch as error:
            yield line + 1, BadRow(f"{error}; the rows before it were kept")

    def _parsed(self) -> Iterator[tuple[int, Any]]:
        if self.path is None:
            yield from enumerate(_in_memory(self.data), 1)
            return
        kind = format_of(self.path)
        if kind == "parquet":
            if self.path.stat().st_size:
                with _opened(self.path, self.limits) as stream:
                    plain = self.path.suffix.lower() == ".parquet"
                    source = self.path if plain else pa.BufferReader(stream.read())
                    try:
                        yield from enumerate(_parquet_rows(source, self.path.stat().st_size, self.limits), 1)
                    except _UNREADABLE as error:
                        raise pa.ArrowInvalid(str(error)) from error
            return
        with _opened(self.path, self.limits) as stream:
            if kind == "jsonl":
                yield from _json_rows(stream, self.limits.max_line_bytes)
            else:
                yield from _csv_rows(stream, "\t" if kind == "tsv" else ",", self.limits.max_line_bytes)


def _in_memory(data: Any) -> Iterator[Any]:
    if isinstance(data, pa.Table):
        for batch in data.to_batches(max_chunksize=1_000):
            yield from _batch_rows(batch)
        return
    for row in data:
        yield row if isinstance(row, Article | Mapping) else BadRow(f"{type(row).__name__}, expected Article or dict")


def _batch_rows(batch: pa.RecordBatch) -> list[Any]:
    """Rows of a batch; a row that holds what Python cannot is bad, the others are kept."""
    try:
        # Python's times end at microseconds
        fields = [
            f.with_type(pa.timestamp("us", f.type.tz)) if pa.types.is_timestamp(f.type) and f.type.unit == "ns" else f
            for f in batch.schema
        ]
        return list(batch.cast(pa.schema(fields), safe=False).to_pylist())
    except (*_UNREADABLE, pa.ArrowException) as error:
        if len(batch) > 1:
            return [row for at in range(len(batch)) for row in _batch_rows(batch.slice(at, 1))]
        if isinstance(error, UnicodeDecodeError):
            return [BadRow("not valid UTF-8; convert the file's encoding")]
        return [BadRow(f"a value cannot be read: {error}")]


def _parquet_rows(source: Any, size: int, limits: ReadingSettings) -> Iterator[Any]:
    """Rows of a file; one that holds more than its size can explain ends with the reason.

    A dictionary stands for as many copies of a long text as there are rows: it stays one until its rows are due.
    """
    allowance = _Allowance(size, limits)
    with pq.ParquetFile(source) as file:
        allowance.check(sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
        # not `row_group(i).column(j)`: what is damaged there ends the process
        columns = map(file.schema.column, range(len(file.schema)))
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=1_000):
            sizes = sum((_row_bytes(column) for column in batch.columns), np.full(len(batch), _ROW))
            ends, start = np.cumsum(sizes), 0
            while start < len(batch):
                held = int(ends[start - 1]) if start else 0
                stop = max(int(np.searchsorted(ends, held + limits.max_line_bytes, "right")), start + 1)
                allowance.use(int(ends[stop - 1]) - held)
                yield from _batch_rows(_plain(batch.slice(start, stop - start)))
                start = stop


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without dictionaries, in its columns at least."""
    columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _row_bytes(column: pa.Array) -> NDArray[np.int64]:
    """About how many bytes the value of each row comes to."""
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


def _json_rows(stream: IO[bytes], longest: int) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(_lines(stream, longest), 1):
        text = text.strip().removeprefix(b"\xef\xbb\xbf")
        if text:
            yield line, _json_row(text, longest)


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """Lines, each cut to the longest that is read."""
    while text := stream.readline(longest):
        yield text
        while len(text) == longest and not text.endswith(b"\n"):
            text = stream.readline(longest)


def _json_row(text: bytes, longest: int) -> Any:
    if len(text) >= longest - 2:
        return BadRow(f"line longer than {longest:,} bytes (reading.max_line_bytes)")
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            return BadRow(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
        return BadRow("NUL byte" if b"\x00" in text else f"bad JSON: {error.msg} at character {error.colno}")
    return raw if isinstance(raw, dict) else BadRow(f"JSON {type(raw).__name__}, expected an object")


class _Records:
    """Lines of text for a CSV reader, which asks for more until a record is whole: `begin` before each."""

    def __init__(self, text: io.TextIOWrapper, longest: int) -> None:
        self._text, self._longest = text, longest
        self.begin()

    def begin(self) -> None:
        """A record starts."""
        self._held = 0

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._longest - self._held + 1)
        self._held += len(line)
        if self._held > self._longest:
            raise _TooMuch(f"record longer than {self._longest:,} characters (reading.max_line_bytes)")
        if not line:
            raise StopIteration
        return line


def _csv_rows(stream: IO[bytes], delimiter: str, longest: int) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(longest)
    # surrogateescape keeps wrong bytes visible, so that only their own row is refused
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        records = _Records(text, longest)
        reader = csv.reader(records, delimiter=delimiter)
        header = next(reader, None)
        records.begin()
        for values in reader:
            records.begin()
            if not values:
                continue
            if len(values) != len(header or ()):
                yield reader.line_num, BadRow(f"{len(values)} columns, expected {len(header or ())} as in the header")
            else:
                yield reader.line_num, dict(zip(header or (), values, strict=True))


class _Zstandard(io.RawIOBase):
    """Decompressed frames; as with gzip, and unlike zstandard's own reader, a cut file raises EOFError."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: Any = None  # the one being read
        self._rest = b""  # read from the file, of the next frame
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            # little at a time: a kilobyte of zeros can stand for 32 MiB
            data = self._rest or self._file.read(1_024)
            if not data and self._frame is None:
                return 0
            if not data:
                raise EOFError("Compressed file ended before the end of its last frame")
            frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(frame.decompress(data))
            self._frame, self._rest = (None, frame.unused_data) if frame.eof else (frame, b"")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


class _Allowance:
    """How much a file may come to: a bomb of a few kilobytes can stand for terabytes."""

    def __init__(self, size: int, limits: ReadingSettings) -> None:
        self._most = self._left = limits.max_expansion * size + limits.max_line_bytes

    def check(self, count: int) -> None:
        """Raise if there is not so much left."""
        if count > self._left:
            raise _TooMuch(f"the file unpacks to more than {self._most:,} bytes (reading.max_expansion)")

    def use(self, count: int) -> None:
        """Take a part."""
        self.check(count)
        self._left -= count


class _Unpacked(io.RawIOBase):
    """What a packed stream holds, as far as it is allowed."""

    def __init__(self, stream: Any, allowance: _Allowance) -> None:
        self._readinto = getattr(stream, "readinto1", stream.readinto)
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # one piece at a time: what comes before the end of a cut file must not be lost with it
        count = int(self._readinto(buffer))
        self._allowance.use(count)
        return count


@contextmanager
def _opened(path: Path, limits: ReadingSettings) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if path.suffix in (".gz", ".zst", ".zstd"):
            packed = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else _Zstandard(file)
            unpacked = _Unpacked(packed, _Allowance(path.stat().st_size, limits))
            with packed, io.BufferedReader(unpacked, 1 << 17) as reader:
                yield reader
        else:
            yield file


FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}


def format_of(path: Path) -> str | None:
    """What a file's name says it holds, whether packed or not; None if nothing known."""
    name = path.with_suffix("") if path.suffix in (".gz", ".zst", ".zstd") else path
    return FORMATS.get(name.suffix.lower())


def shown_name(path: Path) -> str:
    """A path that can be written as JSON: file names may hold bytes that are not UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()
