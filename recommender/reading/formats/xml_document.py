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

from recommender.reading.formats.elements import Adapter, adapter_of, feed, nitf, plain
from recommender.reading.formats.encodings import detect_encoding, is_encoding
from recommender.reading.formats.file import File
from recommender.reading.formats.rows import BadRow, LimitExceeded, Rows
from recommender.reading.names import known_names

_PIECE = 1 << 16  # characters read at a time
_MAX_TAG = 256  # characters at the end of a piece that may begin a tag
_MAX_DEPTH = 200
_MAX_HEAD = 1 << 22  # characters before the first story that may list authors
_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NAME = r"[A-Za-z_][\w.\-]*"
_SECTION_ENDS = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_TAG = re.compile(rf"<!--|<!\[CDATA\[|<\?|<(/?)((?:{_NAME}:)?({_NAME}))(?=[\s/>])([^<>]{{0,2000}})>")
_PREFIX = re.compile(rf"(?:</?|\s)({_NAME}):{_NAME}(?=[\s/>=])")
_NAME_ATTRIBUTE = re.compile(r"""\bname\s*=\s*["']([^"'<>]{1,100})["']""")
_ENTITY_DECLARATION = re.compile(
    r"<!ENTITY\s+(?!%)", re.IGNORECASE
)  # those of parts of a document type stand in no text
_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)([a-z][a-z0-9]{1,31};)?", re.IGNORECASE)
_BARE_LESS_THAN = re.compile(r"<(?![A-Za-z_/!?])")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMERIC_REFERENCE = re.compile(r"&#(x[0-9a-f]{1,6}|\d{1,7});", re.IGNORECASE)


class _Item(NamedTuple):
    """Where an item stands in a text; it is not whole where another begins before its end."""

    start: int
    end: int
    is_whole: bool


def rows_of_xml(file: File) -> Rows:
    """Read one row a story, by the line that it begins in."""
    max_size = file.limits.max_line_bytes
    with _open_text(file) as text:
        buffer = text.read(_PIECE)
        root = next((tag.start() for tag in _TAG.finditer(buffer) if tag[0] not in _SECTION_ENDS), len(buffer))
        if _ENTITY_DECLARATION.search(buffer, 0, root):
            raise LimitExceeded("XML with entities of its own, which are not read")
        if buffer.startswith(("<Workbook", "<ss:Workbook"), root):
            yield 1, BadRow("a workbook of Excel 2003 in XML, which is not read; save it as .xlsx or CSV")
            return
        names, adapter = _find_story_elements(buffer)
        if not names:
            yield 1, BadRow("bad XML: no element in it; expected a feed, an export or a news item")
            return
        if adapter is feed.row and "<wp:author>" in buffer:  # all authors of a site stand before its stories
            while "<item" not in buffer and len(buffer) < _MAX_HEAD and (piece := text.read(_PIECE)):
                buffer += piece
        authors = _find_authors(buffer) if adapter is feed.row else {}
        tags = re.compile(rf"<!--|<!\[CDATA\[|<(/?)((?:{_NAME}:)?(?:{'|'.join(map(re.escape, names))}))(?=[\s/>])")
        line = 1
        while True:
            item = _find_item(buffer, tags, may_nest=adapter is plain.row)
            if isinstance(item, _Item):
                line += buffer.count("\n", 0, item.start)
                xml = buffer[item.start : item.end]
                row = _read_item(xml, adapter) if item.is_whole else BadRow("bad XML: another story begins in this one")
                if adapter is nitf.row and isinstance(row, dict):  # one story a file
                    row.setdefault("id", file.story_name)
                if authors and isinstance(row, dict) and isinstance(row.get("author"), str):
                    row["author"] = authors.get(row["author"], row["author"])
                yield line, row
                line, buffer = line + xml.count("\n"), buffer[item.end :]
                continue
            start = item  # of a story that ends later, or None
            piece = text.read(max(_PIECE, len(buffer)))
            if not piece:
                if start is not None and buffer[start : start + 4] not in ("<!--", "<![C"):
                    yield line + buffer.count("\n", 0, start), BadRow("bad XML: the file ends in this story")
                return
            keep = max(len(buffer) - _MAX_TAG, 0) if start is None else start
            line, buffer = line + buffer.count("\n", 0, keep), buffer[keep:] + piece
            if len(buffer) > max_size and start is not None:
                raise LimitExceeded(f"an item longer than {max_size:,} characters (reading.max_line_bytes)")


def _find_authors(text: str) -> dict[str, str]:
    """Find the names of the authors that an export of WordPress lists, by the logins that its posts name."""
    authors = {}
    for author in re.findall(r"<wp:author>.*?</wp:author>", text, re.DOTALL):
        fields = dict(re.findall(r"<wp:author_(login|display_name)>(.*?)</wp:author_", author, re.DOTALL))
        login, name = (_plain_text(fields.get(field, "")) for field in ("login", "display_name"))
        if login and name:
            authors[login] = name
    return authors


def _plain_text(xml: str) -> str:
    text = xml.strip()
    return text[9:-3].strip() if text.startswith("<![CDATA[") else html.unescape(text)


@contextmanager
def _open_text(file: File) -> Iterator[io.TextIOBase]:
    """Open the text of a file, in the encoding that it declares, unless its bytes show another."""
    detected = detect_encoding(file.head)
    declaration = _DECLARED_ENCODING.search(file.head[:1_000])
    declared = declaration[1].decode().casefold() if declaration else "utf-8"
    is_given = file.limits.encoding is not None
    if is_given or detected.startswith("utf-") or declared.startswith("utf-") or not is_encoding(declared):
        with file.text() as text:
            yield text
    else:
        with file.opened() as stream, io.TextIOWrapper(stream, declared, "replace", newline="") as text:
            yield text


def _find_story_elements(text: str) -> tuple[tuple[str, ...], Adapter]:
    """Find the names of the elements that are stories, and their adapter; no names in a text without elements."""
    path: list[str] = []
    root, first, story = "", "", ""
    position = 0
    while (tag := _TAG.search(text, position)) is not None and not (story and story != root):
        position = tag.end()
        if tag[0] in _SECTION_ENDS:
            end = text.find(_SECTION_ENDS[tag[0]], position)
            position = len(text) if end < 0 else end + len(_SECTION_ENDS[tag[0]])
            continue
        is_closing, name, attributes = tag[1], tag[3], tag[4]
        if is_closing:
            path = path[: len(path) - path[::-1].index(name) - 1] if name in path else path
            continue
        root, first = root or name, first or (name if path else "")
        field = _NAME_ATTRIBUTE.search(attributes)
        if path and known_names([field[1] if field else name]) & {"title", "body", "id"}:
            story = path[-1] if not story or path[-1] != root else story
        if not attributes.endswith("/"):
            path.append(name)
    names, adapter = adapter_of(root, story or first or root)
    return (names if root else ()), adapter


def _find_item(text: str, tags: re.Pattern[str], may_nest: bool) -> _Item | int | None:
    """Find the first story of a text; or where one begins that ends later; None where there is none.

    With `may_nest` a story may contain elements of its own name, as no item of a feed does.
    """
    start, name, depth, position, has_nested = -1, "", 0, 0, False
    while (tag := tags.search(text, position)) is not None:
        position = tag.end()
        if tag[0] in _SECTION_ENDS:
            end = text.find(_SECTION_ENDS[tag[0]], position)
            if end < 0:
                return start if start >= 0 else tag.start()
            position = end + 3
            continue
        close = text.find(">", position)
        if close < 0:
            return start if start >= 0 else tag.start()
        if start < 0:
            if tag[1]:
                continue
            start, name = tag.start(), tag[2]
        elif tag[2] != name:
            continue
        position = close + 1
        if tag[1]:
            depth -= 1
        elif text[close - 1] != "/":
            depth += 1
            if depth == 2 and not has_nested and (not may_nest or _is_complete(text[start : tag.start()])):
                return _Item(start, tag.start(), is_whole=False)
            has_nested = has_nested or depth == 2
        if depth == 0:
            return _Item(start, position, is_whole=True)
    return start if start >= 0 else None


def _is_complete(text: str) -> bool:
    """Check whether all elements but the first are closed, so that what follows is no part of them."""
    tags = [tag for tag in _TAG.finditer(_CDATA.sub("", text)) if tag[0] not in _SECTION_ENDS and tag[4][-1:] != "/"]
    return len(tags) > 1 and sum(-1 if tag[1] else 1 for tag in tags) == 1


def _read_item(xml: str, adapter: Adapter) -> object:
    """Make a row of a story; what is wrong in many exports is repaired first."""
    prefixes = sorted(set(_PREFIX.findall(xml)) - {"xml", "xmlns"})
    namespaces = "".join(f' xmlns:{prefix}="urn:{prefix}"' for prefix in prefixes)
    try:
        try:
            element = _parse(f"<x{namespaces}>{xml}</x>")
        except ElementTree.ParseError:
            element = _parse(f"<x{namespaces}>{_mend(xml)}</x>")
    except ElementTree.ParseError as error:
        return BadRow(f"bad XML: {error.args[0]} of this story")
    except UnicodeEncodeError:
        return BadRow("not valid UTF-8; convert the file's encoding")
    return adapter(element)


def _parse(text: str) -> ElementTree.Element:
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    if text.count("<") <= _MAX_DEPTH:
        return ElementTree.fromstring(text)[0]
    parser.feed(text)
    parser.close()
    events, depth = list(parser.read_events()), 0
    for event, _ in events:
        depth += 1 if event == "start" else -1
        if depth > _MAX_DEPTH:
            raise ElementTree.ParseError("nested too deep")
    root: ElementTree.Element = events[-1][1]  # it ends last
    return root[0]


def _mend(xml: str) -> str:
    """Mend what is no XML: `&`, `<` and `]]>` alone, HTML's names of letters, and letters that XML does not know."""
    parts = _CDATA.split(_CONTROL.sub("", xml))
    return "".join(part if part.startswith("<![CDATA[") else _mend_text(part) for part in parts)


def _mend_text(text: str) -> str:
    text = _BARE_LESS_THAN.sub("&lt;", text.replace("]]>", "]]&gt;"))
    text = _ENTITY.sub(_mend_entity, text)
    return _NUMERIC_REFERENCE.sub(_mend_reference, text)


def _mend_reference(match: re.Match[str]) -> str:
    """Keep a letter that is written as a number; drop what XML does not know."""
    number = int(match[1][1:], 16) if match[1][0] in "xX" else int(match[1])
    return "" if number > 0x10FFFF or _CONTROL.match(chr(number)) else match[0]


def _mend_entity(match: re.Match[str]) -> str:
    """Replace a name of HTML by what it means; any other stays as it is written."""
    entity = match[0]
    letters = html.unescape(entity) if entity.endswith(";") else entity
    return "".join(f"&#{ord(letter)};" for letter in letters) if letters != entity else entity.replace("&", "&amp;")
