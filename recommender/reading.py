"""JSONL, CSV and Parquet files, tables and iterables -> one table of current articles and a report."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from recommender.articles import FIELDS, SCHEMA, Article, row_digest, to_table
from recommender.errors import InputError
from recommender.fields import RowError, recognise, to_article
from recommender.progress import Progress, silent
from recommender.settings import ReadingSettings

Source: TypeAlias = str | Path | pa.Table | Iterable[Article | Mapping[str, Any]] | Sequence[str | Path]

_LONGEST_LINE = 64 << 20  # bytes; keeps one broken line from filling the memory
_CHUNK = 10_000  # rows turned into Arrow at a time
_BROKEN_STREAM = (EOFError, OSError, zlib.error, zstandard.ZstdError, pa.ArrowException, csv.Error)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that was left out: `file`, `line` (1-based; 0 = the whole file), `reason`, `id` if known."""

    file: str
    line: int
    reason: str
    id: str | None = None


@dataclass(slots=True)
class ReadReport:
    """Counts of one reading; every row read is accepted, superseded or rejected."""

    read: int = 0
    accepted: int = 0
    superseded: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def rejected_jsonl(self) -> bytes:
        """The rejected rows as JSON lines."""
        return b"".join(orjson.dumps(asdict(row)) + b"\n" for row in self.rejected)


class _Bad(ValueError):
    """A row that could not even be parsed."""


def read_articles(
    source: Source,
    *,
    settings: ReadingSettings | None = None,
    columns: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: Progress = silent,
) -> tuple[pa.Table, ReadReport]:
    """Read a whole archive.

    Parameters
    ----------
    source : path, list of paths, pyarrow.Table, or iterable of Article or dict
        Files end in .jsonl, .ndjson, .csv, .tsv or .parquet, optionally .gz or .zst; a folder
        stands for every such file in it.
    settings : ReadingSettings, optional
    columns : mapping, optional
        Field -> column, for names that are not recognised: ``{"title": "kop"}``.
    strict : bool, default False
        Raise at the first bad row instead of rejecting it.
    progress : callable
        Called with (stage, done, total).

    Returns
    -------
    table : pyarrow.Table
        Columns of `SCHEMA`, one row an id: of several, the one with the greatest `updated_at`
        and then the greatest content hash.
    report : ReadReport

    Raises
    ------
    InputError
        If a file is missing or of an unknown kind, a mapping names no field or no column,
        or, in strict mode, a row is bad.

    Examples
    --------
    >>> table, report = read_articles([{"guid": 7, "headline": "Ferry aground"}, {"headline": "No id"}])
    >>> table["title"].to_pylist(), report.rejected[0].reason
    (['Ferry aground'], 'missing id')
    """
    settings, columns = settings or ReadingSettings(), dict(columns or {})
    streams = _streams(source)
    _check_mapping(streams, columns)
    report = ReadReport()
    accepted = _accepted(streams, columns, settings, strict, report, progress)
    tables = []
    while chunk := list(islice(accepted, _CHUNK)):
        tables.append(to_table(chunk))
    table = pa.concat_tables(tables).combine_chunks() if tables else SCHEMA.empty_table()
    table = _newest(table, report)
    report.accepted = len(table)
    return table, report


def _accepted(
    streams: list[_Stream],
    mapping: Mapping[str, str],
    settings: ReadingSettings,
    strict: bool,
    report: ReadReport,
    progress: Progress,
) -> Iterator[Article]:
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for stream in streams:
        lines = 0
        for line, raw in stream.rows():
            lines += 1
            if line or not isinstance(raw, _Bad):
                report.read += 1
            try:
                if isinstance(raw, _Bad):
                    raise RowError(str(raw))
                if isinstance(raw, Article):
                    raw = {name: getattr(raw, name) for name in FIELDS}
                names = tuple(raw)
                if names not in known:
                    known[names] = recognise(names, {f: c for f, c in mapping.items() if c in raw})
                yield to_article(raw, known[names], settings)
            except RowError as error:
                given = _given_id(raw, known.get(tuple(raw), {}).get("id")) if isinstance(raw, Mapping) else None
                rejected = Rejected(stream.name, line, str(error), given)
                if strict:
                    raise InputError(f"{stream.name}, line {line}: {error}") from None
                report.rejected.append(rejected)
            if report.read % 1_000 == 0:
                progress("reading", report.read, None)
        if not lines:
            reason = f"{stream.name}, line 0: empty file"
            if strict and stream.path:
                raise InputError(reason)
            if stream.path:
                report.rejected.append(Rejected(stream.name, 0, "empty file"))
    progress("reading", report.read, report.read)


def _given_id(raw: Mapping[str, Any], column: str | None) -> str | None:
    value = raw.get(column) if column is not None else None
    try:
        return str(value)[:200].encode(errors="replace").decode() if value not in (None, "") else None
    except ValueError:  # an integer of thousands of digits
        return None


def _newest(table: pa.Table, report: ReadReport) -> pa.Table:
    """Keep one row an id."""
    ids = table["id"].to_pylist()
    if len(set(ids)) == len(ids):
        return table
    best: dict[str, int] = {}
    updated = table["updated_at"].cast(pa.int64()).to_pylist()

    def key(row: int) -> tuple[bool, int, bytes]:
        digest = row_digest(table.slice(row, 1).to_pylist()[0])
        return updated[row] is not None, updated[row] or 0, digest

    for row, article_id in enumerate(ids):
        other = best.setdefault(article_id, row)
        if other != row and key(row) > key(other):
            best[article_id] = row
    report.superseded = len(ids) - len(best)
    return table.take(pa.array(sorted(best.values()), type=pa.int64()))


@dataclass(frozen=True)
class _Stream:
    """One source of raw rows; `path` is None for rows already in memory."""

    name: str
    path: Path | None = None
    data: Any = None

    def rows(self) -> Iterator[tuple[int, Any]]:
        """(line, raw row or _Bad); a stream that breaks off ends with the reason."""
        line = 0
        try:
            for line, raw in self._parsed():
                yield line, raw
        except _BROKEN_STREAM as error:
            reason = "truncated" if isinstance(error, EOFError) else "damaged"
            yield line + 1, _Bad(f"{reason} file: {error}; the rows before it were kept")

    def _parsed(self) -> Iterator[tuple[int, Any]]:
        if self.path is None:
            yield from enumerate(_in_memory(self.data), 1)
            return
        kind = _kind(self.path)
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
        yield row if isinstance(row, Article | Mapping) else _Bad(f"{type(row).__name__}, expected Article or dict")


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
            return [_Bad("not valid UTF-8; convert the file's encoding")]
        return [_Bad(f"a value cannot be read: {error}")]


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
        return _Bad(f"line longer than {_LONGEST_LINE >> 20} MiB")
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            return _Bad(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
        return _Bad("NUL byte" if b"\x00" in text else f"bad JSON: {error.msg} at character {error.colno}")
    return raw if isinstance(raw, dict) else _Bad(f"JSON {type(raw).__name__}, expected an object")


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
                yield reader.line_num, _Bad(f"{len(values)} columns, expected {len(header or ())} as in the header")
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


_KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}


def _kind(path: Path) -> str | None:
    name = path.with_suffix("") if path.suffix in (".gz", ".zst", ".zstd") else path
    return _KINDS.get(name.suffix.lower())


def _streams(source: Source) -> list[_Stream]:
    if isinstance(source, pa.Table):
        return [_Stream("<table>", data=source)]
    if isinstance(source, Mapping):
        raise InputError("one dict was given, expected an iterable of them: fit([article, ...])")
    if not isinstance(source, str | Path):
        source = list(source)
        if not source or not isinstance(source[0], str | Path):
            return [_Stream("<articles>", data=source)]
        return [stream for path in source for stream in _streams(path)]
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and _kind(p))
        if not found:
            raise InputError(f"no article files in folder {path}; expected {', '.join(_KINDS)} (or .gz, .zst)")
        return [_Stream(_name(p), p) for p in found]
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if not _kind(path):
        raise InputError(f"unknown kind of file: {path}; expected {', '.join(_KINDS)} (or .gz, .zst)")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return [_Stream(_name(path), path)]


def _name(path: Path) -> str:
    """A path that can be written as JSON: file names may hold bytes that are not UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()


def _check_mapping(streams: list[_Stream], mapping: Mapping[str, str]) -> None:
    """Refuse a mapping that no file can follow, before any work."""
    if not mapping:
        return
    if unknown := sorted(set(mapping) - set(FIELDS)):
        raise InputError(f"unknown field {unknown[0]!r} in a column mapping; expected one of {', '.join(FIELDS)}")
    seen: set[str] = set()
    for stream in streams:
        for _, raw in islice(stream.rows(), 100):
            seen.update(raw if isinstance(raw, Mapping) else FIELDS if isinstance(raw, Article) else ())
    for name, column in mapping.items():
        if seen and column not in seen:
            raise InputError(f"no column {column!r} (mapped to {name}) in the input; found {', '.join(sorted(seen))}")
