"""Texts that editors' programs keep as trees of nodes -> HTML, so that their links are read as well."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recommender.reading.leftovers import from_markdown
from recommender.reading.values import parse_printed, unwrap

_ROOTS = ("root", "document", "raw")  # which may contain an object
_CHILDREN = ("children", "content", "nodes", "leaves", "blocks", "rich_text", "items", "components", *_ROOTS)
_PART_KEYS = ("spans", "value", "__component", "insert")  # what only parts of texts have, besides children
_TYPE_KEYS = ("type", "nodeType", "_type", "__component", "__typename")
_TEXTS = ("text", "value", "plain_text", "content")
_STRAPI_TEXTS = ("body", "content", "html", "markdown", "text")
_CARDS = ("html", "markdown")  # of Ghost
_EDITORJS_TEXTS = ("text", "html", "title", "message", "items", "content")
_BREAKS = ("break", "hardbreak", "linebreak", "br")
_NO_TEXT = frozenset((
    "image", "images", "img", "picture", "photo", "video", "audio", "embed", "oembed", "gallery", "media", "asset",
    "file", "figure", "chart", "map", "code", "divider", "delimiter", "separator", "hr", "ad", "advert", "promo",
    "related", "newsletter", "tweet", "twitter", "youtube", "instagram", "form", "button", "interstitial",
))  # fmt: skip
_WORDS = re.compile(r"[A-Z]?[a-z]+")
_PRINTED = re.compile(r"""\s*"?[\[{]\s*\\?["'\[{]""")
_PRINTED_STARTS = '[{" \t\r\n'  # a look at the first letter spares most searches
_PARAGRAPH_BREAK = "</p>\n<p>"
_MAX_DEPTH = 100
_Links = Mapping[str, str]
"""Key of an entity or a mark -> address."""


def rich_text(value: Any) -> str | None:
    """Convert a tree to HTML, a paragraph for each node that contains words; None for what is no tree.

    Such trees are those of Contentful, Strapi, Sanity, Slate, ProseMirror, Lexical, Draft.js, Editor.js, Quill,
    Prismic, Wagtail, Notion, Wix, DatoCMS and Mobiledoc.

    Examples
    --------
    >>> rich_text([{"type": "paragraph", "children": [{"text": "Fog & "}, {"text": "rain", "bold": True}]}])
    '<p>Fog &amp; rain</p>'
    >>> rich_text([{"type": "text", "content": "Fog"}]) is None
    True
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("sections"), list) and isinstance(value.get("markups"), list):
            return _to_html(_mobiledoc_paragraphs(value))
        if isinstance(value.get("ops"), list):
            value = value["ops"]
        elif isinstance(value.get("value"), Mapping):  # of DatoCMS
            value = value["value"]
    nodes = value if isinstance(value, list) else [value]
    objects = [node for node in nodes if isinstance(node, Mapping)]
    if not any(map(_is_part, objects)):
        return None
    if any("insert" in node for node in objects):
        return _to_html(_quill_lines(objects))
    return _to_html(paragraph for node in objects for paragraph in _paragraphs(node, {}, 0))


def parse_tree(text: str) -> Any:
    """Read a text that is a list or an object as JSON or Python print it; None for any other.

    Examples
    --------
    >>> parse_tree('{"blocks": [{"text": "Fog"}]}'), parse_tree("[Update] Fog"), parse_tree("['Fog.', 'Rain.']")
    ({'blocks': [{'text': 'Fog'}]}, None, ['Fog.', 'Rain.'])
    """
    if text[:1] not in _PRINTED_STARTS or _PRINTED.match(text) is None:
        return None
    value = parse_printed(text.strip())
    if isinstance(value, str):  # it was printed twice
        value = parse_printed(value.strip())
    if isinstance(value, list) and not all(isinstance(item, str | Mapping) for item in value):
        return None
    return value if isinstance(value, list | Mapping) else None


def is_no_text(kind: Any) -> bool:
    """Check whether a part of this kind stands next to the words of a text, such as a picture.

    Examples
    --------
    >>> is_no_text("oembed_response"), is_no_text("pullQuote")
    (True, False)
    """
    return not _NO_TEXT.isdisjoint(word.casefold() for word in _WORDS.findall(str(kind or "")))


def _to_html(paragraphs: Iterable[str]) -> str:
    return "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph.strip())


def _kind(node: Mapping[str, Any]) -> Any:
    return next((node[name] for name in _TYPE_KEYS if node.get(name)), None)


def _first_text(node: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((node[name] for name in names if isinstance(node.get(name), str)), None)


def _is_part(node: Mapping[str, Any]) -> bool:
    return bool(_children(node)) or (any(name in node for name in _PART_KEYS) and bool(_kind(node) or "insert" in node))


def _children(node: Mapping[str, Any]) -> list[Any]:
    kind = node.get("type")
    inner = node.get(kind) if isinstance(kind, str) and kind not in _TEXTS else None  # of Notion
    if isinstance(inner, Mapping):
        return [inner, *_child_list(node, "children")]
    return next((children for name in _CHILDREN if (children := _child_list(node, name))), [])


def _child_list(node: Mapping[str, Any], name: str) -> list[Any]:
    children = node.get(name)
    if name in _ROOTS and isinstance(children, Mapping):
        return [children]
    return children if isinstance(children, list) and any(isinstance(child, Mapping) for child in children) else []


def _paragraphs(node: Any, links: _Links, depth: int) -> Iterator[str]:
    """Yield the paragraphs of a node: it is one itself where any of its children is a run of words."""
    if not isinstance(node, Mapping) or depth > _MAX_DEPTH:
        return
    if entities := _entity_addresses(node.get("entityMap")):
        links = {**links, **entities}
    children = _children(node)
    if not children:
        if not is_no_text(_kind(node)):
            yield _leaf(node, links)
    elif any(isinstance(child, Mapping) and _is_run(child) for child in children):
        yield _inline(node, links, depth)
    else:
        for child in children:
            yield from _paragraphs(child, links, depth + 1)


def _entity_addresses(entities: Any) -> _Links:
    """Return the addresses that a document keeps apart from its nodes, as Draft.js does."""
    if not isinstance(entities, Mapping):
        return {}
    return {
        str(key): address
        for key, entity in entities.items()
        if isinstance(entity, Mapping) and (address := _address(entity))
    }


def _is_run(node: Mapping[str, Any]) -> bool:
    kind = node.get("type") or node.get("nodeType") or node.get("_type") or (node.get("object") == "text" and "text")
    return kind in ("text", "span", "TEXT") or (not kind and _first_text(node, ("text", "content")) is not None)


def _leaf(node: Mapping[str, Any], links: _Links) -> str:
    """Convert a node without children; those of Editor.js, Wagtail and Strapi contain HTML."""
    kind = _kind(node)
    if str(kind).lower().replace("_", "").replace("-", "") in _BREAKS:
        return "<br>"
    text = _first_text(node, _TEXTS)
    if text is None and isinstance(node.get("textData"), Mapping):  # of Wix
        return _decorated(node["textData"])
    data = node.get("data")
    if isinstance(data, Mapping) and node.get("type") and text is None:
        return _PARAGRAPH_BREAK.join(_editorjs_texts(data, 0))
    if "value" in node and node.get("type") not in ("text", "span", None):
        return _PARAGRAPH_BREAK.join(_wagtail_texts(node["value"], 0))
    if kind in _CARDS and isinstance(node.get(kind), str):
        return _card(kind, node[kind])
    if "__component" in node:
        markup = _first_text(node, _STRAPI_TEXTS) or ""
        return markup if "</" in markup else _card("markdown", markup)
    if text is None:  # of Chorus
        parts = (part.get("html") for part in node.values() if isinstance(part, Mapping))
        return next((part for part in parts if isinstance(part, str)), "")
    return _link_ranges(text, node, links)


def _decorated(data: Mapping[str, Any]) -> str:
    words = html.escape(_first_text(data, ("text",)) or "", quote=False)
    for mark in data.get("decorations") or ():
        link = mark.get("linkData") if isinstance(mark, Mapping) else None
        inner = link.get("link") if isinstance(link, Mapping) else None
        if isinstance(inner, Mapping) and (address := _address(inner)):
            return _linked(address, words)
    return words


def _editorjs_texts(data: Any, depth: int) -> Iterator[str]:
    """Yield the texts of a block of Editor.js: of lists and tables each part."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and depth <= _MAX_DEPTH:
        for item in data:
            yield from _editorjs_texts(item, depth + 1)
    elif isinstance(data, Mapping) and depth <= _MAX_DEPTH:
        for name in _EDITORJS_TEXTS:
            yield from _editorjs_texts(data.get(name), depth + 1)


def _wagtail_texts(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts of a block of Wagtail, whose value may be a list, or an object with parts of its own."""
    if isinstance(value, list) and depth <= _MAX_DEPTH:
        for item in value:
            if not (isinstance(item, Mapping) and is_no_text(_kind(item))):
                yield from _wagtail_texts(item, depth + 1)
        return
    inner = unwrap(value)
    if isinstance(inner, list) and inner is not value:
        yield from _wagtail_texts(inner, depth + 1)
    elif isinstance(inner, str) and "://" not in inner.partition(" ")[0]:
        yield inner


def _link_ranges(text: str, node: Mapping[str, Any], links: _Links) -> str:
    """Convert a text whose links are ranges of it, as in Draft.js and Prismic."""
    ranges = sorted(_ranges(node, links))
    if not ranges:
        return html.escape(text, quote=False)
    units = text.encode("utf-16-le", "surrogatepass")  # JavaScript counts in units of UTF-16

    def part(start: int, end: int | None) -> str:
        data = units[2 * start : None if end is None else 2 * end]
        return html.escape(data.decode("utf-16-le", "ignore"), quote=False)

    parts, position = [], 0
    for start, end, address in ranges:
        if start >= position:
            parts += [part(position, start), _linked(address, part(start, end))]
            position = end
    return "".join([*parts, part(position, None)])


def _ranges(node: Mapping[str, Any], links: _Links) -> Iterator[tuple[int, int, str]]:
    for name in ("entityRanges", "spans"):
        ranges = node.get(name)
        for span in ranges if isinstance(ranges, list) else ():
            if not isinstance(span, Mapping):
                continue
            start = _index(span.get("offset", span.get("start")))
            end = start + _index(span["length"]) if "length" in span else _index(span.get("end"))
            address = links.get(str(span.get("key"))) if "key" in span else _address(span)
            if address and 0 <= start < end:
                yield start, end, address


def _index(value: Any) -> int:
    """Return an index of a text or a list; -1 for what is none."""
    return value if type(value) is int and 0 <= value < 1 << 40 else -1


def _quill_lines(operations: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    line = ""
    for operation in operations:
        text = operation.get("insert")
        if not isinstance(text, str):
            continue
        attributes = operation.get("attributes")
        address = attributes.get("link") if isinstance(attributes, Mapping) else None
        for number, piece in enumerate(text.split("\n")):
            if number:
                yield line
                line = ""
            words = html.escape(piece, quote=False)
            line += _linked(address, words) if isinstance(address, str) and words else words
    yield line


def _mobiledoc_paragraphs(value: Mapping[str, Any]) -> Iterator[str]:
    markups, cards = value["markups"], value.get("cards")
    for section in value["sections"]:
        match section:
            case [1, str(), list(markers), *_]:
                yield _mobiledoc_run(markers, markups)
            case [3, str(), list(items), *_]:
                for markers in items:
                    yield _mobiledoc_run(markers, markups)
            case [10, int(number)] if isinstance(cards, list) and 0 <= number < len(cards):
                card = cards[number]
                payload = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], Mapping) else {}
                yield next((_card(name, payload[name]) for name in _CARDS if isinstance(payload.get(name), str)), "")


def _mobiledoc_run(markers: Any, markups: list[Any]) -> str:
    """Convert a run of Mobiledoc: each part opens markups, such as links, and closes the last that are open."""
    run, opened = "", []
    for marker in markers if isinstance(markers, list) else ():
        match marker:
            case [int(kind), list(opens), int(closes), text]:
                indices = map(_index, opens)
                opened += [_markup_address(markups[index]) if 0 <= index < len(markups) else "" for index in indices]
                address = next((address for address in reversed(opened) if address), "")
                words = html.escape(text, quote=False) if kind == 0 and isinstance(text, str) else " "
                run += _linked(address, words) if address else words
                opened = opened[: len(opened) - closes] if closes > 0 else opened
    return run


def _markup_address(markup: Any) -> str:
    match markup:
        case ["a", list(pairs)]:
            return next((str(pairs[at + 1]) for at in range(0, len(pairs) - 1, 2) if pairs[at] == "href"), "")
    return ""


def _card(kind: str, text: str) -> str:
    if kind == "markdown":
        plain, is_html = from_markdown(f"{text}\n")  # a heading alone is Markdown too
        text = re.sub(r"\n\s*\n", _PARAGRAPH_BREAK, plain if is_html else html.escape(plain, quote=False))
    return text


def _inline(node: Any, links: _Links, depth: int) -> str:
    if not isinstance(node, Mapping) or depth > _MAX_DEPTH:
        return ""
    marks_by_key = {str(mark.get("_key")): mark for mark in node.get("markDefs") or () if isinstance(mark, Mapping)}
    links = {**links, **{key: address for key, mark in marks_by_key.items() if (address := _address(mark))}}
    children = _children(node)
    words = "".join(_inline(child, links, depth + 1) for child in children) if children else _leaf(node, links)
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        address = _address(mark) if isinstance(mark, Mapping) else links.get(str(mark))
        if address:
            return _linked(address, words)
    address = _address(node)
    return _linked(address, words) if address and words.strip() else words


def _linked(address: str, words: str) -> str:
    return f'<a href="{html.escape(address)}">{words}</a>'


def _address(node: Mapping[str, Any]) -> str | None:
    for fields in (node, node.get("attrs"), node.get("data"), node.get("fields")):
        if isinstance(fields, Mapping) and (address := _first_text(fields, ("href", "url", "uri"))) is not None:
            return address
    return None
