"""JSON of every layout -> rows: lines, an array, an object around one, printed prettily or not, within a script."""

from __future__ import annotations

import ast
import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import IO, Any, TextIO

import orjson

from recommender.reading.formats.file import File
from recommender.reading.formats.packing import ChunkStream
from recommender.reading.formats.rows import BadRow, LimitExceeded, Rows
from recommender.reading.formats.wrappers import rows_within
from recommender.reading.names import known_names
from recommender.reading.values import literal, parse_printed

SCRIPT = (
    r"(?:\)\]\}',?|/\*[^*]{0,200}\*/|(?:while\s*\(1\)|for\s*\(;;\));|\s)*+"  # against its use as a script, and comments
    r"(?:export\s+default|(?:(?:var|let|const)\s+)?[\w$.]{1,100}\s*=|(?:typeof[^;{\[]{1,200}&&\s*)?[\w$.]{1,100}\()?"
)
"""What may stand before JSON that is a script: the name that it is given to, or the function that is called (JSONP)."""
_SCRIPT = re.compile(rb"(?!\s*[\[{])" + SCRIPT.encode() + rb"(?=\s*(?:[\[{]|\Z))")
_PRINTED = re.compile(rb"\[\s*\{\s*'")  # by Python, as a list
_PIECE = 1 << 16  # characters read at a time
_SPACE = " \t\r\n\0,\x1e"  # the last begins each text of a sequence (RFC 7464)
_SPACE_BYTES = b" \t\r\n\0\x0b\x0c\x1e"
_DECODER = json.JSONDecoder(strict=False)
_BEGIN, _TRAILING = re.compile(r'\{\s*"[^"\\\n]{0,60}"'), re.compile(r",(?=\s*[}\]])")
_MAX_CUT = 32  # characters of a token that may be cut
_MAX_WRONG_BYTES = 2  # that are no UTF-8: damage of a row or two
_CALL = re.compile(  # texts first, so that no call within one is found
    r'(?P<text>"(?:[^"\\]|\\.)*"?)|(?:new\s+)?(?:ISODate|Date|ObjectId|UUID|Number(?:Long|Int|Decimal)|Timestamp|BinData|HexData)'
    r'\(\s*(?:\d+\s*,\s*(?="))?(?P<argument>"[^"\\]*"|-?[\d.]+)\s*(?:,\s*\d+\s*)?\)',
    re.DOTALL,
)
_ACTIONS = ("index", "create", "update", "delete")  # of a bulk request
_NO_DOCUMENT = "an action without its document"


def rows_of_lines(file: File) -> Rows:
    """Read lines with one JSON object each; an array or a wrapper in its place is read as `rows_of_json` does."""
    max_size = file.limits.max_line_bytes
    with file.utf8(_MAX_WRONG_BYTES) as stream:
        first, is_script = _read_first(stream, max_size)
        text = _strip(first)
        if _PRINTED.match(text):
            yield from _read_printed(stream, first, max_size)
        elif is_script or text in (b"[", b"{") or (text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"[")):
            yield from _read_document(stream, first, max_size)
        else:
            _skip_rest_of_line(stream, first, max_size)
            yield from _number_lines(chain([first] if first else [], _read_lines(stream, max_size)))


def rows_of_json(file: File) -> Rows:
    """Read a JSON file: an array, objects one after another, or an object that contains a list of them."""
    max_size = file.limits.max_line_bytes
    with file.utf8(_MAX_WRONG_BYTES) as stream:
        first, is_script = _read_first(stream, max_size)
        if _PRINTED.match(_strip(first)):
            yield from _read_printed(stream, first, max_size)
        elif not is_script and isinstance(_decode(_strip(first), max_size), dict):  # a bad line costs itself alone
            yield from _number_lines(chain([first], _read_lines(stream, max_size)))
        else:
            yield from _read_document(stream, first, max_size)


def _read_first(stream: io.BufferedReader[Any], max_size: int) -> tuple[bytes, bool]:
    """Read the first line, without what a script has before its JSON; and whether there was such."""
    first, is_script = stream.readline(max_size), False
    while (script := _SCRIPT.match(first.removeprefix(codecs.BOM_UTF8))) and (is_script or script[0].strip()):
        first, is_script = first.removeprefix(codecs.BOM_UTF8)[script.end() :], True
        if first.strip() or not (following := stream.readline(max_size)):
            break
        first = b"\n" + following
    return first, is_script


def _strip(line: bytes) -> bytes:
    return line.strip(_SPACE_BYTES).removeprefix(codecs.BOM_UTF8)


def _read_lines(stream: IO[bytes], max_size: int) -> Iterator[bytes]:
    """Read lines, each cut to the longest that is read."""
    while line := stream.readline(max_size):
        yield line
        _skip_rest_of_line(stream, line, max_size)


def _skip_rest_of_line(stream: IO[bytes], line: bytes, max_size: int) -> None:
    while len(line) == max_size and not line.endswith(b"\n"):
        line = stream.readline(max_size)


def _number_lines(lines: Iterator[bytes]) -> Rows:
    """Return lines with their numbers, without blank ones; of a bulk request its documents."""
    numbered = ((line, text) for line, text in enumerate(lines, 1) if not text.isspace())
    first = next(numbered, None)
    if first is None:
        return numbered
    all_lines = chain([first], numbered)
    return _rows_of_bulk(all_lines) if _bulk_action(first[1]) else all_lines


def _rows_of_bulk(lines: Iterator[tuple[int, bytes]]) -> Rows:
    """Read a bulk request of Elasticsearch or OpenSearch: a line says what to do with the document of the next."""
    open_action: tuple[int, Mapping[str, Any]] | None = None  # whose document comes next: its line and metadata
    is_update = False
    for line, text in lines:
        if (action := _bulk_action(text)) is not None:
            if open_action is not None:
                yield open_action[0], BadRow(_NO_DOCUMENT)
            name, metadata = action
            open_action, is_update = None, name == "update"
            if name == "delete":
                yield line, {"_id": metadata.get("_id"), "status": "deleted"}
            elif is_update:
                yield line, BadRow("an update of a part of a document, expected whole documents")
            else:
                open_action = line, metadata
        elif not is_update:
            id_ = None if open_action is None else open_action[1].get("_id")
            for row in rows_of_line(text, len(text) + 3):
                yield line, row if isinstance(row, BadRow) or id_ is None else {"_id": id_, **row}
            open_action = None
    if open_action is not None:
        yield open_action[0], BadRow(_NO_DOCUMENT)


def _bulk_action(line: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Read the action of a bulk request and its metadata; None for any other line."""
    text = _strip(line)
    if not any(text[1:].lstrip().startswith(b'"%b"' % name.encode()) for name in _ACTIONS):
        return None
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(row, dict) or len(row) != 1:
        return None
    ((name, metadata),) = row.items()
    if name not in _ACTIONS or not isinstance(metadata, dict):
        return None
    is_action = all(key.startswith("_") or not isinstance(value, str | list) for key, value in metadata.items())
    return (name, metadata) if is_action else None


def rows_of_line(line: bytes, max_size: int) -> list[Any]:
    """Read the rows that a line of JSON contains, mostly one; BadRow where it cannot be read."""
    text = _strip(line)
    text = text[:-1] if text.endswith(b"},") else text  # as between the parts of an array
    return list(rows_of_value(_decode(text, max_size))) if text else []


def rows_of_value(value: Any) -> Iterator[Any]:
    """Yield the rows of a value: of an object those that it wraps, of an array of objects those of each."""
    if isinstance(value, str) and value[:1] in ("{", "["):  # it was printed twice
        value = parse_printed(value) or value
    if isinstance(value, Mapping):
        yield from rows_within(dict(value))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from rows_within(item)
    else:
        yield value if isinstance(value, BadRow) else BadRow(f"JSON {type(value).__name__}, expected an object")


def _decode(text: bytes, max_size: int) -> Any:
    if len(text) >= max_size - 2:
        return BadRow(f"line longer than {max_size:,} bytes (reading.max_line_bytes)")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        value = _decode_dialect(text)
        return BadRow(f"bad JSON: {error.msg} at character {error.colno}") if value is None else value


def _decode_dialect(text: bytes) -> Any:
    """Decode JSON as Python prints it, with NaN and Infinity, or the shell of MongoDB, with calls such as ObjectId.

    A number that is too great is Infinity too. An object in single quotes is one that Python printed as it shows it to
    people. Control characters, halves of characters, and bytes that are no UTF-8 stay in texts as they are.
    """
    if text.startswith(b"{'"):
        return parse_printed(text.decode(errors="replace"))
    try:
        return _DECODER.decode(_replace_calls(text.decode(errors="surrogateescape")))
    except (ValueError, RecursionError):
        return None


def _replace_calls(text: str) -> str:
    """Replace calls of the shell of MongoDB by their arguments.

    Examples
    --------
    >>> _replace_calls('{"_id": ObjectId("5f"), "at": ISODate("2026-11-27"), "n": NumberLong(2), "t": "UUID(1)"}')
    '{"_id": "5f", "at": "2026-11-27", "n": 2, "t": "UUID(1)"}'
    """
    return _CALL.sub(lambda match: match["text"] or match["argument"], text) if "(" in text else text


def _read_document(stream: io.BufferedReader[Any], first: bytes, max_size: int) -> Rows:
    """Read a document, whose values are decoded one after another; its first line was read before."""
    data = io.BufferedReader(ChunkStream(chain([first], iter(partial(stream.read1, _PIECE), b""))))
    text = io.TextIOWrapper(data, "utf-8-sig", "surrogateescape", newline="\n")
    names: list[str] | None = None
    for line, value in _decode_values(text, max_size):
        if isinstance(value, list) and names is None and _names_columns(value):
            names = value
            continue
        if names is not None and isinstance(value, list) and len(value) <= len(names):
            value = dict.fromkeys(names) | dict(zip(names, value, strict=False))
        for row in rows_of_value(value):
            yield line, row


def _read_printed(stream: io.BufferedReader[Any], first: bytes, max_size: int) -> Rows:
    """Read a list of objects that Python printed."""
    data = first + stream.read(max_size)
    if len(data) > max_size:
        raise LimitExceeded(f"a list that Python printed of more than {max_size:,} bytes (reading.max_line_bytes)")
    try:
        printed = ast.parse(_strip(data).decode(errors="replace"), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = (
            f"{error.msg} (line {error.lineno})" if isinstance(error, SyntaxError) else str(error) or "nested too deep"
        )
        yield 1, BadRow(f"a list that Python printed and that is damaged: {why}; nothing was read")
        return
    for node in printed.elts if isinstance(printed, ast.List) else [printed]:
        try:
            rows = list(rows_of_value(literal(node)))
        except (ValueError, TypeError, RecursionError) as error:
            rows = [BadRow(f"an object that Python printed, with what is no text or number: {str(error)[:100]}")]
        for row in rows:
            yield node.lineno, row


def _begin(buffer: str) -> str:
    """Return how a value begins, as far as others of its kind do: an object with its first key."""
    begins = _BEGIN.match(buffer)
    return begins[0] if begins else ""


def _is_wrong(error: json.JSONDecodeError, buffer: str) -> bool:
    """Check whether a value is wrong, and not only cut at the end of what was read."""
    return not error.msg.startswith("Unterminated string") and error.pos < len(buffer) - _MAX_CUT


def _find_next(buffer: str, first: str, start: int) -> int:
    """Find where the next value begins that begins as the first did, behind a bad one; 0 where there is none yet."""
    found = re.compile(r"[}\]\"\w]\s*,\s*(?=" + re.escape(first) + ")").search(buffer, start) if first else None
    return found.end() if found else 0


def _names_columns(value: list[Any]) -> bool:
    return all(isinstance(name, str) for name in value) and len(known_names(value) & {"id", "title", "body"}) > 1


def _decode_values(text: TextIO, max_size: int) -> Iterator[tuple[int, Any]]:
    """Decode the values of a document with the line that each begins at; of an array, each of its values."""
    buffer, line, is_end, in_array, first = "", 1, False, False, ""
    while True:
        start = len(buffer) - len(buffer.lstrip(f"{_SPACE}]);\ufeff"))
        if not in_array and buffer[start : start + 1] == "[":  # of an array around all
            start, in_array = len(buffer) - len(buffer[start + 1 :].lstrip(f"{_SPACE}]")), True
        line, buffer = line + buffer.count("\n", 0, start), buffer[start:]
        if buffer:
            first = first or _begin(buffer)
            try:
                value, end = _DECODER.raw_decode(buffer)
            except RecursionError:
                raise LimitExceeded(f"JSON nested too deep at line {line}") from None
            except json.JSONDecodeError as error:
                if (replaced := _replace_calls(buffer)) != buffer:
                    buffer = replaced
                    continue
                if is_end or _is_wrong(error, buffer):
                    if comma := _TRAILING.match(buffer, max(buffer.rfind(",", 0, error.pos + 1), 0)):
                        buffer = buffer[: comma.start()] + buffer[comma.end() :]
                        continue
                    skipped = _find_next(buffer, first, max(error.pos, 1))
                    if skipped or is_end:
                        rest = "it was passed over" if skipped else "what follows was not read"
                        yield line, BadRow(f"bad JSON: {str(error)[:100]}; {rest}")
                    if is_end and not skipped:
                        return
                    if skipped:
                        line, buffer = line + buffer.count("\n", 0, skipped), buffer[skipped:]
                        continue
            else:
                # a number may go on in the next piece
                if end < len(buffer) or is_end or isinstance(value, dict | list | str):
                    yield line, value
                    line, buffer = line + buffer.count("\n", 0, end), buffer[end:]
                    continue
        elif is_end:
            return
        if len(buffer) > max_size:
            raise LimitExceeded(f"a JSON value longer than {max_size:,} characters (reading.max_line_bytes)")
        piece = text.read(max(_PIECE, len(buffer)))  # twice as much, so that nothing is decoded many times
        is_end = not piece
        buffer += piece
