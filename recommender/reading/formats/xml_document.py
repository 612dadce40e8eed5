"""XML -> rows: feeds, sitemaps, WordPress exports, NewsML-G2, NITF and plain exports; a bad item costs itself alone.

Items are found in the text and parsed one by one: no declaration of the document counts, and no broken neighbour.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from xml.etree import ElementTree

from recommender.reading.formats.elements import Adapter, adapter_of, nitf, plain
from recommender.reading.formats.encodings import encoding_of, is_encoding
from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.reading.names import known_names

_PIECE = 1 << 16  # characters read at a time
_KEPT = 256  # characters at the end of a piece that may begin a tag
_MOST_DEPTH = 200
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NAME = r"[A-Za-z_][\w.\-]*"
_SKIPPED = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_TAG = re.compile(rf"<!--|<!\[CDATA\[|<\?|<(/?)((?:{_NAME}:)?({_NAME}))(?=[\s/>])([^<>]{{0,2000}})>")
_PREFIX = re.compile(rf"(?:</?|\s)({_NAME}):{_NAME}(?=[\s/>=])")
_FIELD = re.compile(r"""\bname\s*=\s*["']([^"'<>]{1,100})["']""")
_ENTITIES = re.compile(r"<!ENTITY\s+(?!%)", re.IGNORECASE)  # those of parts of a document type stand in no text
_PARTS = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)([a-z][a-z0-9]{1,31};)?", re.IGNORECASE)
_NO_TAG = re.compile(r"<(?![A-Za-z_/!?])")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(x[0-9a-f]{1,6}|\d{1,7});", re.IGNORECASE)


class _Found(NamedTuple):
    """Where an item stands in a text; `whole` is false where another begins before its end."""

    start: int
    end: int
    whole: bool


def rows_of_xml(file: File) -> Rows:
    """Read one row a story, by the line that it begins in."""
    longest = file.limits.max_line_bytes
    with _text(file) as text:
        held = text.read(_PIECE)
        root = next((tag.start() for tag in _TAG.finditer(held) if tag[0] not in _SKIPPED), len(held))
        if _ENTITIES.search(held, 0, root):
            raise TooMuch("XML with entities of its own, which are not read")
        names, adapter = _stories(held)
        if not names:
            yield 1, BadRow("bad XML: no element in it; expected a feed, an export or a news item")
            return
        tags = re.compile(rf"<!--|<!\[CDATA\[|<(/?)((?:{_NAME}:)?(?:{'|'.join(map(re.escape, names))}))(?=[\s/>])")
        line = 1
        while True:
            found = _item(held, tags, adapter is plain.row)
            if isinstance(found, _Found):
                line += held.count("\n", 0, found.start)
                item = held[found.start : found.end]
                row = _row(item, adapter) if found.whole else BadRow("bad XML: another story begins in this one")
                if adapter is nitf.row and isinstance(row, dict):  # one story a file
                    row.setdefault("id", file.called or file.name.name)
                yield line, row
                line, held = line + item.count("\n"), held[found.end :]
                continue
            piece = text.read(max(_PIECE, len(held)))
            if not piece:
                if found is not None and held[found : found + 4] not in ("<!--", "<![C"):
                    yield line + held.count("\n", 0, found), BadRow("bad XML: the file ends in this story")
                return
            keep = max(len(held) - _KEPT, 0) if found is None else found
            line, held = line + held.count("\n", 0, keep), held[keep:] + piece
            if len(held) > longest and found is not None:
                raise TooMuch(f"an item longer than {longest:,} characters (reading.max_line_bytes)")


@contextmanager
def _text(file: File) -> Iterator[io.TextIOBase]:
    """Open the text of a file, in the encoding that it declares, unless its bytes say another."""
    found = encoding_of(file.head)
    declared = _DECLARED.search(file.head[:1_000])
    name = declared[1].decode().casefold() if declared else "utf-8"
    given = file.limits.encoding is not None
    if given or found.startswith("utf-") or name.startswith("utf-") or not is_encoding(name):
        with file.text() as text:
            yield text
    else:
        with file.opened() as stream, io.TextIOWrapper(stream, name, "replace", newline="") as text:
            yield text


def _stories(text: str) -> tuple[tuple[str, ...], Adapter]:
    """Find the names of the elements that are stories, and what makes rows of them; no names without elements."""
    path: list[str] = []
    root, first, story = "", "", ""
    at = 0
    while (tag := _TAG.search(text, at)) is not None and not (story and story != root):
        at = tag.end()
        if tag[0] in _SKIPPED:
            end = text.find(_SKIPPED[tag[0]], at)
            at = len(text) if end < 0 else end + len(_SKIPPED[tag[0]])
            continue
        closes, name, rest = tag[1], tag[3], tag[4]
        if closes:
            path = path[: len(path) - path[::-1].index(name) - 1] if name in path else path
            continue
        root, first = root or name, first or (name if path else "")
        field = _FIELD.search(rest)
        if path and known_names([field[1] if field else name]) & {"title", "body", "id"}:
            story = path[-1] if not story or path[-1] != root else story
        if not rest.endswith("/"):
            path.append(name)
    names, adapter = adapter_of(root, story or first or root)
    return (names if root else ()), adapter


def _item(text: str, tags: re.Pattern[str], nests: bool) -> _Found | int | None:
    """Find the first story of a text; or where one begins that ends later; None where there is none.

    `nests` tells whether a story may hold elements of its own name, as no item of a feed does.
    """
    start, name, depth, at, nested = -1, "", 0, 0, False
    while (tag := tags.search(text, at)) is not None:
        at = tag.end()
        if tag[0] in _SKIPPED:
            end = text.find(_SKIPPED[tag[0]], at)
            if end < 0:
                return start if start >= 0 else tag.start()
            at = end + 3
            continue
        close = text.find(">", at)
        if close < 0:
            return start if start >= 0 else tag.start()
        if start < 0:
            if tag[1]:
                continue
            start, name = tag.start(), tag[2]
        elif tag[2] != name:
            continue
        at = close + 1
        if tag[1]:
            depth -= 1
        elif text[close - 1] != "/":
            depth += 1
            if depth == 2 and not nested and (not nests or _siblings(text[start : tag.start()])):
                return _Found(start, tag.start(), False)
            nested = nested or depth == 2
        if depth == 0:
            return _Found(start, at, True)
    return start if start >= 0 else None


def _siblings(text: str) -> bool:
    """Tell whether all elements but the first are closed, so that what follows is no part of them."""
    opened = [tag for tag in _TAG.finditer(_PARTS.sub("", text)) if tag[0] not in _SKIPPED and tag[4][-1:] != "/"]
    return len(opened) > 1 and sum(-1 if tag[1] else 1 for tag in opened) == 1


def _row(item: str, adapter: Adapter) -> object:
    """Make a row of a story; what is wrong in many exports is mended first."""
    prefixes = sorted(set(_PREFIX.findall(item)) - {"xml", "xmlns"})
    spaces = "".join(f' xmlns:{prefix}="urn:{prefix}"' for prefix in prefixes)
    try:
        try:
            element = _parsed(f"<x{spaces}>{item}</x>")
        except ElementTree.ParseError:
            element = _parsed(f"<x{spaces}>{_mended(item)}</x>")
    except ElementTree.ParseError as error:
        return BadRow(f"bad XML: {error.args[0]} of this story")
    except UnicodeEncodeError:
        return BadRow("not valid UTF-8; convert the file's encoding")
    return adapter(element)


def _parsed(text: str) -> ElementTree.Element:
    """Parse a text, and give the element inside its outermost one."""
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    if text.count("<") <= _MOST_DEPTH:
        return ElementTree.fromstring(text)[0]
    parser.feed(text)
    parser.close()
    events, depth = list(parser.read_events()), 0
    for event, _ in events:
        depth += 1 if event == "start" else -1
        if depth > _MOST_DEPTH:
            raise ElementTree.ParseError("nested too deep")
    whole: ElementTree.Element = events[-1][1]  # it ends last
    return whole[0]


def _mended(item: str) -> str:
    """Mend what is no XML: `&`, `<` and `]]>` alone, HTML's names of letters, and letters that XML does not know."""
    parts = _PARTS.split(_CONTROL.sub("", item))
    return "".join(part if part.startswith("<![CDATA[") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    text = _NO_TAG.sub("&lt;", text.replace("]]>", "]]&gt;"))
    text = _ENTITY.sub(lambda found: _letters(found[0]), text)
    return _REFERENCE.sub(_reference, text)


def _reference(found: re.Match[str]) -> str:
    """Keep a letter that is written as a number; drop what XML does not know."""
    number = int(found[1][1:], 16) if found[1][0] in "xX" else int(found[1])
    return "" if number > 0x10FFFF or _CONTROL.match(chr(number)) else found[0]


def _letters(entity: str) -> str:
    """Replace a name of HTML by what it stands for; any other stays as it is written."""
    found = html.unescape(entity) if entity.endswith(";") else entity
    return "".join(f"&#{ord(one)};" for one in found) if found != entity else entity.replace("&", "&amp;")
