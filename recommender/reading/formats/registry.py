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
from recommender.reading.formats.json_document import SCRIPT, rows_of_json, rows_of_lines
from recommender.reading.formats.markdown import rows_of_markdown
from recommender.reading.formats.parquet import is_arrow, is_parquet, rows_of_arrow, rows_of_parquet
from recommender.reading.formats.rows import Rows
from recommender.reading.formats.spreadsheet import is_sheet, rows_of_sheet
from recommender.reading.formats.xml_document import rows_of_xml
from recommender.reading.formats.yaml_document import is_yaml, rows_of_yaml

_JSON = re.compile(rf"{SCRIPT}\s*(?:\{{\s*(?:[\"'}}]|$)|\[\s*(?:[\[{{\]]|$))")
_PAGE = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<(?:html|table|meta)[\s>])", re.IGNORECASE | re.DOTALL
)
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
    suffixes : tuple of str
        Suffixes of its files.
    recognises : callable
        Whether the head of a file is surely of this format.
    rows : callable, optional
        Reads a file; None for archives, whose files have formats of their own.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Head], bool]
    rows: Callable[[File], Rows] | None


def _begins(pattern: re.Pattern[str]) -> Callable[[Head], bool]:
    return lambda head: pattern.match(head.text) is not None


def _is_delimited(head: Head) -> bool:
    return is_delimited(head.text)


FORMATS: list[Format] = [
    Format(name="jsonl", suffixes=(".jsonl", ".ndjson", ".jsonlines"), recognises=_begins(_JSON), rows=rows_of_lines),
    Format(
        name="json",
        suffixes=(".json", ".geojson", ".jsonld", ".json-seq"),
        recognises=_begins(_JSON),
        rows=rows_of_json,
    ),
    Format(name="csv", suffixes=(".csv",), recognises=_is_delimited, rows=rows_of_delimited),
    Format(
        name="tsv", suffixes=(".tsv", ".tab"), recognises=_is_delimited, rows=partial(rows_of_delimited, default="\t")
    ),
    Format(
        name="parquet",
        suffixes=(".parquet", ".pq"),
        recognises=lambda head: is_parquet(head.data),
        rows=rows_of_parquet,
    ),
    Format(
        name="arrow",
        suffixes=(".arrow", ".feather", ".ipc"),
        recognises=lambda head: is_arrow(head.data),
        rows=rows_of_arrow,
    ),
    Format(name="html", suffixes=(".html", ".htm", ".xhtml"), recognises=_begins(_PAGE), rows=rows_of_page),
    Format(
        name="xml",
        suffixes=(".xml", ".rss", ".atom", ".rdf", ".nitf", ".newsml", ".wxr"),
        recognises=_begins(_XML),
        rows=rows_of_xml,
    ),
    Format(name="markdown", suffixes=(".md", ".markdown", ".mdx"), recognises=_begins(_FRONT), rows=rows_of_markdown),
    Format(name="yaml", suffixes=(".yaml", ".yml"), recognises=lambda head: is_yaml(head.text), rows=rows_of_yaml),
    Format(
        name="excel",
        suffixes=(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
        recognises=lambda head: is_sheet(head.data),
        rows=rows_of_sheet,
    ),
    Format(name="zip", suffixes=(".zip",), recognises=lambda head: is_zip(head.data), rows=None),
    Format(name="tar", suffixes=(".tar",), recognises=lambda head: is_tar(head.data), rows=None),
]
"""The formats of this package; where several recognise a file, the first counts."""

KNOWN = f"{', '.join(suffix for format in FORMATS for suffix in format.suffixes)} (or .gz, .bz2, .xz, .zst)"
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
    return next((format for format in all_formats() if suffix in format.suffixes), None)


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
    name = by_suffix.name if by_suffix is not None else ""
    if name == "markdown" or (name == "yaml" and not certain) or not file.head:
        return by_suffix  # a page may begin with anything
    head = Head.from_file(file)
    if name == "yaml":  # mostly settings
        return by_suffix if is_yaml(head.text) else None
    is_packed_sheet = name == "excel" and is_zip(head.data)
    if by_suffix is not None and (is_packed_sheet or by_suffix.recognises(head)):
        return by_suffix
    return next((format for format in all_formats() if format.recognises(head)), by_suffix)
