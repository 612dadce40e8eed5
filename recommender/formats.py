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
from typing import IO, Any, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from recommender.articles import Article

_LONGEST_LINE = 64 << 20  # bytes; keeps one broken line from filling the memory
_BROKEN_STREAM = (EOFError, OSError, zlib.error, zstandard.ZstdError, pa.ArrowException, csv.Error)


class BadRow(ValueError):
    """A row that could not even be parsed."""


@dataclass(frozen=True)
class Stream:
    """One source of raw rows; `path` is None for rows already in memory."""

    name: str
    path: Path | None = None
    data: Any = None

    def rows(self) -> Iterator[tuple[int, Any]]:
        """(line, raw row or BadRow); a stream that breaks off ends with the reason."""
        line = 0
        try:
            for line, raw in self._parsed():
                yield line, raw
        except _BROKEN_STREAM as error:
            reason = "truncated" if isinstance(error, EOFError) else "damaged"
            yield line + 1, BadRow(f"{reason} file: {error}; the rows before it were kept")

    def _parsed(self) -> Iterator[tuple[int, Any]]:
        if self.path is None:
            yield from enumerate(_in_memory(self.data), 1)
            return
        kind = format_of(self.path)
        if kind == "parquet":
            if self.path.stat().st_size:
                with _opened(self.path) as stream:
                    plain = self.path.suffix.lower() == ".parquet"
                    with pq.ParquetFile(self.path if plain else pa.BufferReader(stream.read())) as file:
                        batches = file.iter_batches(batch_size=1_000)
                        yield from enumerate((row for batch in batches for row in _batch_rows(batch)), 1)
            return
        with _opened(self.path) as stream:
            yield from _json_rows(stream) if kind == "jsonl" else _csv_rows(stream, "\t" if kind == "tsv" else ",")


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
    except (ValueError, OverflowError) as error:
        if len(batch) > 1:
            return [row for at in range(len(batch)) for row in _batch_rows(batch.slice(at, 1))]
        if isinstance(error, UnicodeDecodeError):
            return [BadRow("not valid UTF-8; convert the file's encoding")]
        return [BadRow(f"a value cannot be read: {error}")]


def _json_rows(stream: IO[bytes]) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(_lines(stream), 1):
        text = text.strip().removeprefix(b"\xef\xbb\xbf")
        if text:
            yield line, _json_row(text)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, each cut to the longest that is read."""
    while text := stream.readline(_LONGEST_LINE):
        yield text
        while len(text) == _LONGEST_LINE and not text.endswith(b"\n"):
            text = stream.readline(_LONGEST_LINE)


def _json_row(text: bytes) -> Any:
    if len(text) >= _LONGEST_LINE - 2:
        return BadRow(f"line longer than {_LONGEST_LINE >> 20} MiB")
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            return BadRow(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
        return BadRow("NUL byte" if b"\x00" in text else f"bad JSON: {error.msg} at character {error.colno}")
    return raw if isinstance(raw, dict) else BadRow(f"JSON {type(raw).__name__}, expected an object")


def _csv_rows(stream: IO[bytes], delimiter: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(_LONGEST_LINE)
    # surrogateescape keeps wrong bytes visible, so that only their own row is refused
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        header = next(reader, None)
        for values in reader:
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


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as stream:
                yield cast(IO[bytes], stream)
        elif path.suffix in (".zst", ".zstd"):
            with io.BufferedReader(_Zstandard(file)) as reader:
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
