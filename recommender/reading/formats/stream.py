"""Sources of raw rows: files by their format, tables, queries and iterables."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

from recommender.articles.article import Article
from recommender.plugins import plugins
from recommender.reading.formats.delimited import rows_of_delimited
from recommender.reading.formats.feed import rows_of_feed
from recommender.reading.formats.json_document import rows_of_json, rows_of_lines
from recommender.reading.formats.markdown import rows_of_markdown
from recommender.reading.formats.parquet import rows_of_batch, rows_of_parquet
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.settings import ReadingSettings

_BROKEN_STREAM = (EOFError, OSError, UnicodeError, zlib.error, zstandard.ZstdError, pa.ArrowException, csv.Error)
_LIMITS = ReadingSettings()

FORMATS: dict[str, Callable[[Path, ReadingSettings], Rows]] = {
    ".jsonl": rows_of_lines,
    ".ndjson": rows_of_lines,
    ".csv": rows_of_delimited,
    ".tsv": partial(rows_of_delimited, usual="\t"),
    ".parquet": rows_of_parquet,
    ".json": rows_of_json,
    ".xml": rows_of_feed,
    ".rss": rows_of_feed,
    ".atom": rows_of_feed,
    ".md": rows_of_markdown,
    ".markdown": rows_of_markdown,
    **plugins("formats"),
}
"""What reads a file, by the end of its name; other packages may add to them."""


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
        except TooMuch as error:
            yield line + 1, BadRow(f"{error}; the rows before it were kept")

    def _parsed(self) -> Rows:
        if self.path is None:
            yield from enumerate(_in_memory(self.data), 1)
        elif (kind := format_of(self.path)) is not None:
            yield from FORMATS[kind](self.path, self.limits)


def _in_memory(data: Any) -> Iterator[Any]:
    if isinstance(data, pa.Table):
        for batch in data.to_batches(max_chunksize=1_000):
            yield from rows_of_batch(batch)
        return
    for row in data:
        yield row if isinstance(row, Article | Mapping) else BadRow(f"{type(row).__name__}, expected Article or dict")


def format_of(path: Path) -> str | None:
    """The end of a file's name that says what it holds, whether packed or not; None if nothing known."""
    name = path.with_suffix("") if path.suffix in (".gz", ".zst", ".zstd") else path
    kind = name.suffix.lower()
    return kind if kind in FORMATS else None


def shown_name(path: Path) -> str:
    """A path that can be written as JSON: file names may hold bytes that are not UTF-8."""
    return str(path).encode(errors="backslashreplace").decode()
