"""JSON of every layout -> rows: lines, an array, an object around one, printed prettily or not."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import IO, Any, TextIO

import orjson

from recommender.reading.formats.file import Chunks, File
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.reading.formats.wrappers import rows_within
from recommender.reading.names import known_names
from recommender.reading.values import printed

_PIECE = 1 << 16  # characters read at a time
_SPACE = " \t\r\n,\x1e"  # the last begins each text of a sequence (RFC 7464)
_SEPARATORS = b" \t\r\n\x0b\x0c\x1e"
_DECODER = json.JSONDecoder()
_FEW = 2  # bytes that are no UTF-8: damage of a row or two
_CALL = re.compile(  # texts first, so that no call within one is found
    r'(?P<text>"(?:[^"\\]|\\.)*"?)|(?:new\s+)?(?:ISODate|Date|ObjectId|UUID|Number(?:Long|Int|Decimal)|Timestamp|BinData|HexData)'
    r'\(\s*(?:\d+\s*,\s*(?="))?(?P<held>"[^"\\]*"|-?[\d.]+)\s*(?:,\s*\d+\s*)?\)',
    re.DOTALL,
)


def rows_of_lines(file: File) -> Rows:
    """Read lines with one JSON object each; an array or a wrapper in its place is read as `rows_of_json` does."""
    longest = file.limits.max_line_bytes
    with file.utf8(_FEW) as stream:
        first = stream.readline(longest)
        plain = _plain(first)
        if plain in (b"[", b"{") or (plain[:1] == b"[" and _holds_objects(plain)):
            yield from _document(stream, first, longest)
            return
        whole = chain([first] if first else [], _lines(stream, longest))
        if len(first) == longest and not first.endswith(b"\n"):
            while (rest := stream.readline(longest)) and not rest.endswith(b"\n"):
                pass
        yield from _filled(whole)


def rows_of_json(file: File) -> Rows:
    """Read a JSON file: an array, objects one after another, or an object that holds a list of them."""
    longest = file.limits.max_line_bytes
    with file.utf8(_FEW) as stream:
        first = stream.readline(longest)
        if isinstance(_json_row(_plain(first), longest), dict):  # a bad line costs itself alone
            yield from _filled(chain([first], _lines(stream, longest)))
        else:
            yield from _document(stream, first, longest)


def _plain(line: bytes) -> bytes:
    return line.strip(_SEPARATORS).removeprefix(codecs.BOM_UTF8)


def _holds_objects(text: bytes) -> bool:
    """Tell whether a line begins an array of objects, or of arrays."""
    return text[1:].lstrip()[:1] in (b"{", b"[")


def _filled(lines: Iterator[bytes]) -> Rows:
    """Pass over blank lines; the others come with their numbers, as they stand."""
    filled = ((line, text) for line, text in enumerate(lines, 1) if not text.isspace())
    first = next(filled, None)
    if first is None:
        return filled
    whole = chain([first], filled)
    return _of_bulk(whole) if _action(first[1]) else whole


_ACTIONS = ("index", "create", "update", "delete")


def _action(line: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Read what a line of a bulk request says of the document after it; None for any other line."""
    text = _plain(line)
    if not any(text[1:].lstrip().startswith(b'"%b"' % name.encode()) for name in _ACTIONS):
        return None
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    name, about = next(iter(row.items())) if isinstance(row, dict) and len(row) == 1 else ("", None)
    if name not in _ACTIONS or not isinstance(about, dict):
        return None
    return (
        (name, about) if all(key.startswith("_") or not isinstance(about[key], str | list) for key in about) else None
    )


def _of_bulk(lines: Iterator[tuple[int, bytes]]) -> Rows:
    """Read a bulk request of Elasticsearch or OpenSearch: a line says what to do with the document of the next."""
    waiting: tuple[int, Mapping[str, Any]] | None = None
    skipped = False
    for line, text in lines:
        if (action := _action(text)) is not None:
            if waiting is not None:
                yield waiting[0], BadRow("an action without its document")
            waiting, skipped = None, action[0] == "update"
            if action[0] == "delete":
                yield line, {"_id": action[1].get("_id"), "status": "deleted"}
            elif skipped:
                yield line, BadRow("an update of a part of a document, expected whole documents")
            else:
                waiting = line, action[1]
        elif not skipped:
            for row in rows_of_line(text, len(text) + 3):
                given = {} if waiting is None or waiting[1].get("_id") is None else {"_id": waiting[1]["_id"]}
                yield line, row if isinstance(row, BadRow) else {**given, **row}
            waiting = None
    if waiting is not None:
        yield waiting[0], BadRow("an action without its document")


def rows_of_line(line: bytes, longest: int) -> list[Any]:
    """Read the rows that a line of JSON holds, mostly one; BadRow where it cannot be read."""
    text = _plain(line)
    text = text[:-1] if text.endswith(b"},") else text  # as between the parts of an array
    return list(_rows_of(_json_row(text, longest))) if text else []


def _rows_of(value: Any) -> Iterator[Any]:
    """Give the rows of a value: of an object those that it wraps, of an array of objects those of each."""
    if isinstance(value, Mapping):
        yield from rows_within(dict(value))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for one in value:
            yield from rows_within(one)
    else:
        yield value if isinstance(value, BadRow) else BadRow(f"JSON {type(value).__name__}, expected an object")


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """Read lines, each cut to the longest that is read."""
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
        raw = _as_programs_print(text, is_great="infinity" in error.msg)
        if raw is None:
            try:
                text.decode()
            except UnicodeDecodeError as wrong:
                return BadRow(f"not valid UTF-8 at byte {wrong.start}; convert the file's encoding")
            return BadRow("NUL byte" if b"\x00" in text else f"bad JSON: {error.msg} at character {error.colno}")
    return raw


def _as_programs_print(text: bytes, is_great: bool) -> Any:
    """Decode JSON as Python prints it, with NaN and Infinity, or the shell of MongoDB, with calls such as ObjectId.

    A number may be too great to be held (`is_great`), which is Infinity too.

    An object in single quotes is one that Python printed as it shows it to people.
    """
    if text.startswith(b"{'"):
        return printed(text.decode(errors="replace"))
    if not (is_great or b"NaN" in text or b"Infinity" in text or b"(" in text):
        return None
    try:
        return json.loads(_without_calls(text.decode()))
    except (ValueError, RecursionError):
        return None


def _without_calls(text: str) -> str:
    """Put what calls of the shell of MongoDB hold in their place.

    Examples
    --------
    >>> _without_calls('{"_id": ObjectId("5f"), "at": ISODate("2026-11-27"), "n": NumberLong(2), "t": "UUID(1)"}')
    '{"_id": "5f", "at": "2026-11-27", "n": 2, "t": "UUID(1)"}'
    """
    return _CALL.sub(lambda found: found["text"] or found["held"], text) if "(" in text else text


def _document(stream: io.BufferedReader[Any], first: bytes, longest: int) -> Rows:
    """Read a document, whose values are decoded one after another; its first line was read before."""
    whole = io.BufferedReader(Chunks(chain([first], iter(partial(stream.read1, _PIECE), b""))))
    text = io.TextIOWrapper(whole, "utf-8-sig", "surrogateescape", newline="\n")
    names: list[str] | None = None
    for line, value in _values(text, longest):
        if isinstance(value, list) and names is None and _names_columns(value):
            names = value
            continue
        if names is not None and isinstance(value, list) and len(value) <= len(names):
            value = dict.fromkeys(names) | dict(zip(names, value, strict=False))
        for row in _rows_of(value):
            yield line, row


def _names_columns(value: list[Any]) -> bool:
    """Tell whether an array names the columns of those after it."""
    return all(isinstance(one, str) for one in value) and len(known_names(value) & {"id", "title", "body"}) > 1


def _values(text: TextIO, longest: int) -> Iterator[tuple[int, Any]]:
    """Decode the objects of a document with the line that each begins at; an array stands for what it holds."""
    held, line, ended, inside = "", 1, False, False
    while True:
        start = len(held) - len(held.lstrip(f"{_SPACE}]\ufeff"))
        if not inside and held[start : start + 1] == "[":  # of an array around all
            start, inside = len(held) - len(held[start + 1 :].lstrip(f"{_SPACE}]")), True
        line, held = line + held.count("\n", 0, start), held[start:]
        if held:
            try:
                value, end = _DECODER.raw_decode(held)
            except RecursionError:
                raise TooMuch(f"JSON nested too deep at line {line}") from None
            except ValueError as error:
                if (plain := _without_calls(held)) != held:
                    held = plain
                    continue
                if ended:
                    yield line, BadRow(f"bad JSON: {str(error)[:100]}; what follows was not read")
                    return
            else:
                # a number may go on in the next piece
                if end < len(held) or ended or isinstance(value, dict | list | str):
                    yield line, value
                    line, held = line + held.count("\n", 0, end), held[end:]
                    continue
        elif ended:
            return
        if len(held) > longest:
            raise TooMuch(f"a JSON value longer than {longest:,} characters (reading.max_line_bytes)")
        piece = text.read(max(_PIECE, len(held)))  # twice as much, so that nothing is decoded many times
        ended = not piece
        held += piece
