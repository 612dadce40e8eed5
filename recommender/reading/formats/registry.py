"""The formats of files: how each is recognised, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from recommender.errors import InputError
from recommender.plugins import plugins
from recommender.reading.formats.archives import is_tar, is_zip
from recommender.reading.formats.delimited import is_delimited, rows_of_delimited
from recommender.reading.formats.elements import ELEMENTS
from recommender.reading.formats.encodings import detect_encoding
from recommender.reading.formats.file import File
from recommender.reading.formats.html_page import rows_of_page
from recommender.reading.formats.json_document import rows_of_json, rows_of_lines
from recommender.reading.formats.markdown import rows_of_markdown
from recommender.reading.formats.parquet import is_arrow, is_parquet, rows_of_arrow, rows_of_parquet
from recommender.reading.formats.rows import Rows
from recommender.reading.formats.spreadsheet import is_sheet, rows_of_sheet
from recommender.reading.formats.xml_document import rows_of_xml

_JSON = re.compile(r"(?:\{\s*(?:\"|\}|$)|\[\s*(?:[\[{\]]|$))")
_PAGE = re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rf"<\?xml[\s?]|<(?:\w+:)?(?:{'|'.join(ELEMENTS)})[\s>]")
_FRONT = re.compile(r"(?:---|\+\+\+)[ \t]*\r?\n")


@dataclass(frozen=True)
class Head:
    """How a file begins: bytes, and text without its byte order mark and leading blanks."""

    data: bytes
    text: str

    @classmethod
    def from_file(cls, file: File) -> Head:
        """Read the head of a file."""
        text = file.head.decode(detect_encoding(file.head), "replace")
        return cls(file.head, text.lstrip("\ufeff \t\r\n\x1e"))


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files.

    Attributes
    ----------
    name : str
        What `format` and `--input-format` take.
    ends : tuple of str
        Suffixes of its files.
    tells : callable
        Whether the head of a file is surely of this format.
    rows : callable, optional
        Reads a file; None for archives, whose files have formats of their own.
    """

    name: str
    ends: tuple[str, ...]
    tells: Callable[[Head], bool]
    rows: Callable[[File], Rows] | None


def _begins(pattern: re.Pattern[str]) -> Callable[[Head], bool]:
    return lambda head: pattern.match(head.text) is not None


def _is_delimited(head: Head) -> bool:
    return is_delimited(head.text)


FORMATS: list[Format] = [
    Format(name="jsonl", ends=(".jsonl", ".ndjson", ".jsonlines"), tells=_begins(_JSON), rows=rows_of_lines),
    Format(name="json", ends=(".json", ".geojson", ".jsonld", ".json-seq"), tells=_begins(_JSON), rows=rows_of_json),
    Format(name="csv", ends=(".csv",), tells=_is_delimited, rows=rows_of_delimited),
    Format(name="tsv", ends=(".tsv", ".tab"), tells=_is_delimited, rows=partial(rows_of_delimited, default="\t")),
    Format(name="parquet", ends=(".parquet", ".pq"), tells=lambda head: is_parquet(head.data), rows=rows_of_parquet),
    Format(
        name="arrow", ends=(".arrow", ".feather", ".ipc"), tells=lambda head: is_arrow(head.data), rows=rows_of_arrow
    ),
    Format(name="html", ends=(".html", ".htm", ".xhtml"), tells=_begins(_PAGE), rows=rows_of_page),
    Format(
        name="xml",
        ends=(".xml", ".rss", ".atom", ".rdf", ".nitf", ".newsml", ".wxr"),
        tells=_begins(_XML),
        rows=rows_of_xml,
    ),
    Format(name="markdown", ends=(".md", ".markdown", ".mdx"), tells=_begins(_FRONT), rows=rows_of_markdown),
    Format(
        name="excel",
        ends=(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
        tells=lambda head: is_sheet(head.data),
        rows=rows_of_sheet,
    ),
    Format(name="zip", ends=(".zip",), tells=lambda head: is_zip(head.data), rows=None),
    Format(name="tar", ends=(".tar",), tells=lambda head: is_tar(head.data), rows=None),
]
"""The formats of this package; where several recognise a file, the first counts."""

KNOWN = f"{', '.join(suffix for format in FORMATS for suffix in format.ends)} (or .gz, .bz2, .xz, .zst)"
"""The known suffixes, for messages."""
_VAGUE_SUFFIXES = ("", ".txt", ".dat", ".log", ".out", ".data", ".export", ".dump", ".download")


def all_formats() -> list[Format]:
    """List all formats, those of other packages first."""
    return [*_plugin_formats(), *FORMATS]


@cache
def _plugin_formats() -> tuple[Format, ...]:
    return tuple(plugins("formats").values())


def format_by_suffix(suffix: str) -> Format | None:
    """Find the format whose files have a suffix."""
    return next((format for format in all_formats() if suffix in format.ends), None)


def format_named(name: str) -> Format:
    """Find the format of a name; raise `InputError` if there is none such."""
    formats = all_formats()
    for format in formats:
        if format.name == name.casefold():
            return format
    raise InputError(f"unknown format {name!r}; expected one of {', '.join(format.name for format in formats)}")


def format_of(file: File, *, certain: bool = False) -> Format | None:
    """Find the format of a file by its content, else by its suffix; None if neither shows it.

    With `certain`, as for one file of many, a file is opened only if its suffix is known, or says nothing.
    """
    suffix = file.name.suffix.lower()
    by_suffix = format_by_suffix(suffix)
    if by_suffix is None and certain and suffix not in _VAGUE_SUFFIXES:
        return None
    if (by_suffix is not None and by_suffix.name in ("markdown", "excel")) or not file.head:
        return by_suffix  # a page may begin with anything, and a sheet is a zip archive as others are
    head = Head.from_file(file)
    if by_suffix is not None and by_suffix.tells(head):
        return by_suffix
    return next((format for format in all_formats() if format.tells(head)), by_suffix)
