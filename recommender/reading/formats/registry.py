"""The formats of files: what tells each, and what reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from recommender.errors import InputError
from recommender.plugins import plugins
from recommender.reading.formats.archives import is_tar, is_zip
from recommender.reading.formats.delimited import rows_of_delimited, separates
from recommender.reading.formats.elements import ELEMENTS
from recommender.reading.formats.encodings import encoding_of
from recommender.reading.formats.file import File
from recommender.reading.formats.html_page import rows_of_page
from recommender.reading.formats.json_document import rows_of_json, rows_of_lines
from recommender.reading.formats.markdown import rows_of_markdown
from recommender.reading.formats.parquet import ARROW, rows_of_arrow, rows_of_parquet
from recommender.reading.formats.rows import Rows
from recommender.reading.formats.spreadsheet import is_sheet, rows_of_sheet
from recommender.reading.formats.xml_document import rows_of_xml

_JSON = re.compile(r"(?:\{\s*(?:\"|\}|$)|\[\s*(?:[\[{\]]|$))")
_PAGE = re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rf"<\?xml[\s?]|<(?:\w+:)?(?:{'|'.join(ELEMENTS)})[\s>]")
_FRONT = re.compile(r"(?:---|\+\+\+)[ \t]*\r?\n")


@dataclass(frozen=True)
class Head:
    """How a file begins: bytes, and text without its mark and the blanks before it."""

    data: bytes
    text: str

    @classmethod
    def of(cls, file: File) -> Head:
        """Read the head of a file."""
        encoding = encoding_of(file.head)
        return cls(file.head, file.head.decode(encoding, "replace").lstrip("\ufeff \t\r\n\x1e"))


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files.

    Attributes
    ----------
    name : str
        What `format` and `--input-format` take.
    ends : tuple of str
        Ends of names of its files.
    tells : callable
        Whether the head of a file is surely of this format.
    rows : callable, optional
        What reads a file; none for archives, whose files have formats of their own.
    """

    name: str
    ends: tuple[str, ...]
    tells: Callable[[Head], bool]
    rows: Callable[[File], Rows] | None


FORMATS: list[Format] = [
    Format(
        name="jsonl",
        ends=(".jsonl", ".ndjson", ".jsonlines"),
        tells=lambda head: bool(_JSON.match(head.text)),
        rows=rows_of_lines,
    ),
    Format(
        name="json",
        ends=(".json", ".geojson", ".jsonld", ".json-seq"),
        tells=lambda head: bool(_JSON.match(head.text)),
        rows=rows_of_json,
    ),
    Format(name="csv", ends=(".csv",), tells=lambda head: separates(head.text), rows=rows_of_delimited),
    Format(
        name="tsv",
        ends=(".tsv", ".tab"),
        tells=lambda head: separates(head.text),
        rows=partial(rows_of_delimited, usual="\t"),
    ),
    Format(
        name="parquet",
        ends=(".parquet", ".pq"),
        tells=lambda head: head.data.startswith(b"PAR1"),
        rows=rows_of_parquet,
    ),
    Format(
        name="arrow",
        ends=(".arrow", ".feather", ".ipc"),
        tells=lambda head: head.data.startswith(ARROW),
        rows=rows_of_arrow,
    ),
    Format(
        name="html",
        ends=(".html", ".htm", ".xhtml"),
        tells=lambda head: bool(_PAGE.match(head.text)),
        rows=rows_of_page,
    ),
    Format(
        name="xml",
        ends=(".xml", ".rss", ".atom", ".rdf", ".nitf", ".newsml", ".wxr"),
        tells=lambda head: bool(_XML.match(head.text)),
        rows=rows_of_xml,
    ),
    Format(
        name="markdown",
        ends=(".md", ".markdown", ".mdx"),
        tells=lambda head: bool(_FRONT.match(head.text)),
        rows=rows_of_markdown,
    ),
    Format(
        name="excel",
        ends=(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
        tells=lambda head: is_sheet(head.data),
        rows=rows_of_sheet,
    ),
    Format(name="zip", ends=(".zip",), tells=lambda head: is_zip(head.data), rows=None),
    Format(name="tar", ends=(".tar",), tells=lambda head: is_tar(head.data), rows=None),
]
"""The formats of this package; what tells the earlier counts before what tells the later."""

KNOWN = f"{', '.join(end for one in FORMATS for end in one.ends)} (or .gz, .bz2, .xz, .zst)"
"""The ends of names that are known, for messages."""
_UNSAID = ("", ".txt", ".dat", ".log", ".out", ".data", ".export", ".dump", ".download")  # ends that tell nothing


def every_format() -> list[Format]:
    """Give all formats, those of other packages first."""
    return [*_added(), *FORMATS]


@cache
def _added() -> tuple[Format, ...]:
    return tuple(plugins("formats").values())


def format_by_end(end: str) -> Format | None:
    """Find the format whose files have names that end so."""
    return next((one for one in every_format() if end in one.ends), None)


def format_named(name: str) -> Format:
    """Find the format of a name.

    Raises
    ------
    InputError
        If there is none such.
    """
    for one in every_format():
        if one.name == name.casefold():
            return one
    raise InputError(f"unknown format {name!r}; expected one of {', '.join(one.name for one in every_format())}")


def format_of(file: File, *, certain: bool = False) -> Format | None:
    """Find the format of a file by what it holds, else by the end of its name; None if neither tells.

    With `certain`, as for one file of many, only names that say what they hold, or nothing at all, are looked into.
    """
    end = file.name.suffix.lower()
    named = format_by_end(end)
    if named is None and certain and end not in _UNSAID:
        return None
    if (named is not None and named.name in ("markdown", "excel")) or not file.head:
        return named  # a page may begin with anything, and a sheet is a zip archive as others are
    head = Head.of(file)
    if named is not None and named.tells(head):
        return named
    return next((one for one in every_format() if one.tells(head)), named)
