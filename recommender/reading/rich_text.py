"""Texts that editors' programs keep as trees of nodes -> HTML, so that their links are read as well."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recommender.reading.leftovers import of_markdown
from recommender.reading.values import parse_printed, unwrapped

_CHILDREN = (
    "children",
    "content",
    "nodes",
    "leaves",
    "blocks",
    "rich_text",
    "items",
    "components",
    "root",
    "document",
    "raw",
)
_ROOTS = ("root", "document", "raw")  # which may hold an object
_HELD = ("spans", "value", "__component", "insert")  # what only parts of texts have, beside children
_TEXTS = ("text", "value", "plain_text", "content")
_MARKUP = ("body", "content", "html", "markdown", "text")  # of a part of Strapi
_CARDS = ("html", "markdown")  # of Ghost
_OF_DATA = ("text", "html", "title", "message", "items", "content")  # of Editor.js
_BREAKS = ("break", "hardbreak", "linebreak", "br")
_BESIDE = frozenset(
    (
        *(
            "image",
            "images",
            "img",
            "picture",
            "photo",
            "video",
            "audio",
            "embed",
            "oembed",
            "gallery",
            "media",
            "asset",
        ),
        *("file", "figure", "chart", "map", "code", "divider", "delimiter", "separator", "hr", "ad", "advert", "promo"),
        *("related", "newsletter", "tweet", "twitter", "youtube", "instagram", "form", "button", "interstitial"),
    )
)
_WORDS = re.compile(r"[A-Z]?[a-z]+")
_PRINTED = re.compile(r"""\s*"?[\[{]\s*\\?["'\[{]""")
_BEGINS = '[{" \t\r\n'  # of what is printed; a look that spares the other
_DEEPEST = 100
_Links = Mapping[str, str]


def rich_text(value: Any) -> str | None:
    """Write a tree as HTML, a paragraph for each node that holds words; None for what is no tree.

    Such trees are those of Contentful, Strapi, Sanity, Slate, ProseMirror, Lexical, Draft.js, Editor.js, Quill,
    Prismic, Wagtail, Notion and Mobiledoc.

    Examples
    --------
    >>> rich_text([{"type": "paragraph", "children": [{"text": "Fog & "}, {"text": "rain", "bold": True}]}])
    '<p>Fog &amp; rain</p>'
    >>> rich_text([{"type": "text", "content": "Fog"}]) is None
    True
    """
    if (
        isinstance(value, Mapping)
        and isinstance(value.get("sections"), list)
        and isinstance(value.get("markups"), list)
    ):
        return _paragraphed(_of_mobiledoc(value))
    if isinstance(value, Mapping) and isinstance(value.get("ops"), list):
        value = value["ops"]
    nodes = value if isinstance(value, list) else [value]
    if not any(isinstance(node, Mapping) and _is_part(node) for node in nodes):
        return None
    if any(isinstance(node, Mapping) and "insert" in node for node in nodes):
        return _paragraphed(_lines(nodes))
    return _paragraphed(words for node in nodes for words in _paragraphs(node, {}, 0))


def tree_of(text: str) -> Any:
    """Read a text that is a list or an object as JSON or Python print it; None for any other.

    Examples
    --------
    >>> tree_of('{"blocks": [{"text": "Fog"}]}'), tree_of("[Update] Fog"), tree_of("['Fog.', 'Rain.']")
    ({'blocks': [{'text': 'Fog'}]}, None, ['Fog.', 'Rain.'])
    """
    if text[:1] not in _BEGINS or _PRINTED.match(text) is None:
        return None
    found = parse_printed(text.strip())
    if isinstance(found, str):  # it was printed twice
        found = parse_printed(found.strip())
    if isinstance(found, list) and not all(isinstance(one, str | Mapping) for one in found):
        return None
    return found if isinstance(found, list | Mapping) else None


def is_no_text(kind: Any) -> bool:
    """Tell whether a part of a text of this kind stands beside its words, such as a picture.

    Examples
    --------
    >>> is_no_text("oembed_response"), is_no_text("pullQuote")
    (True, False)
    """
    return not _BESIDE.isdisjoint(word.casefold() for word in _WORDS.findall(str(kind or "")))


def _paragraphed(texts: Iterable[str]) -> str:
    return "\n".join(f"<p>{words}</p>" for words in texts if words.strip())


def _kind(node: Mapping[str, Any]) -> Any:
    return next(
        (node[name] for name in ("type", "nodeType", "_type", "__component", "__typename") if node.get(name)), None
    )


def _is_part(node: Mapping[str, Any]) -> bool:
    return bool(_children(node)) or (any(name in node for name in _HELD) and bool(_kind(node) or "insert" in node))


def _children(node: Mapping[str, Any]) -> list[Any]:
    kind = node.get("type")
    own = node.get(kind) if isinstance(kind, str) and kind not in _TEXTS else None  # of Notion
    if isinstance(own, Mapping):
        return [own, *_listed(node, "children")]
    for name in _CHILDREN:
        if found := _listed(node, name):
            return found
    return []


def _listed(node: Mapping[str, Any], name: str) -> list[Any]:
    held = node.get(name)
    if name in _ROOTS and isinstance(held, Mapping):
        return [held]
    return held if isinstance(held, list) and any(isinstance(one, Mapping) for one in held) else []


def _paragraphs(node: Any, links: _Links, depth: int) -> Iterator[str]:
    """Give the paragraphs of a node: it is one itself where any of its children is a run of words."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return
    links = _with_entities(node, links)
    children = _children(node)
    if not children:
        if not is_no_text(_kind(node)):
            yield _leaf(node, links)
    elif any(isinstance(child, Mapping) and _is_run(child) for child in children):
        yield _inline(node, links, depth)
    else:
        for child in children:
            yield from _paragraphs(child, links, depth + 1)


def _with_entities(node: Mapping[str, Any], links: _Links) -> _Links:
    """Add the addresses that a document keeps apart from its nodes, as Draft.js does."""
    held = node.get("entityMap")
    if not isinstance(held, Mapping):
        return links
    found = ((str(key), _address(one)) for key, one in held.items() if isinstance(one, Mapping))
    return {**links, **{key: address for key, address in found if address}}


def _is_run(node: Mapping[str, Any]) -> bool:
    """Tell whether a node is words within a paragraph."""
    kind = node.get("type") or node.get("nodeType") or node.get("_type") or (node.get("object") == "text" and "text")
    return kind in ("text", "span") or (
        not kind and any(isinstance(node.get(name), str) for name in ("text", "content"))
    )


def _leaf(node: Mapping[str, Any], links: _Links) -> str:
    """Write a node without children; those of Editor.js, Wagtail and Strapi hold HTML."""
    kind = _kind(node)
    if str(kind).lower().replace("_", "").replace("-", "") in _BREAKS:
        return "<br>"
    held = node.get("data")
    if isinstance(held, Mapping) and node.get("type") and not any(isinstance(node.get(name), str) for name in _TEXTS):
        return "</p>\n<p>".join(_of_data(held, 0))
    if "value" in node and node.get("type") not in ("text", "span", None):
        return "</p>\n<p>".join(_of_value(node["value"], 0))
    if kind in _CARDS and isinstance(node.get(kind), str):
        return _card(kind, node[kind])
    if "__component" in node:
        found = next((node[name] for name in _MARKUP if isinstance(node.get(name), str)), "")
        return found if "</" in found else _card("markdown", found)
    text = next((node[name] for name in _TEXTS if isinstance(node.get(name), str)), None)
    if text is None:  # of Chorus
        parts = (one.get("html") for one in node.values() if isinstance(one, Mapping))
        return next((part for part in parts if isinstance(part, str)), "")
    return _with_ranges(text, node, links)


def _of_data(held: Any, depth: int) -> Iterator[str]:
    """Give the texts of a block of Editor.js: of lists and tables each part."""
    if isinstance(held, str):
        yield held
    elif isinstance(held, list) and depth <= _DEEPEST:
        for one in held:
            yield from _of_data(one, depth + 1)
    elif isinstance(held, Mapping) and depth <= _DEEPEST:
        for name in _OF_DATA:
            yield from _of_data(held.get(name), depth + 1)


def _of_value(value: Any, depth: int) -> Iterator[str]:
    """Give the texts of a block of Wagtail, whose value may be a list, or an object with parts of its own."""
    if isinstance(value, list) and depth <= _DEEPEST:
        for one in value:
            if not (isinstance(one, Mapping) and is_no_text(_kind(one))):
                yield from _of_value(one, depth + 1)
        return
    found = unwrapped(value)
    if isinstance(found, list) and found is not value:
        yield from _of_value(found, depth + 1)
    elif isinstance(found, str) and "://" not in found.partition(" ")[0]:
        yield found


def _with_ranges(text: str, node: Mapping[str, Any], links: _Links) -> str:
    """Write a text whose links are told by their places, counted as JavaScript does, in Draft.js and Prismic."""
    ranges: list[tuple[int, int, str]] = []
    for name in ("entityRanges", "spans"):
        held = node.get(name)
        for one in held if isinstance(held, list) else ():
            if not isinstance(one, Mapping):
                continue
            start = _place(one.get("offset", one.get("start")))
            end = start + _place(one["length"]) if "length" in one else _place(one.get("end"))
            address = links.get(str(one.get("key"))) if "key" in one else _address(one)
            if address and 0 <= start < end:
                ranges.append((start, end, address))
    if not ranges:
        return html.escape(text, quote=False)
    units, at, found = text.encode("utf-16-le", "surrogatepass"), 0, []

    def part(start: int, end: int | None) -> str:
        piece = units[2 * start : None if end is None else 2 * end]
        return html.escape(piece.decode("utf-16-le", "ignore"), quote=False)

    for begin, after, address in sorted(ranges):
        if begin >= at:
            found += [part(at, begin), _linked(address, part(begin, after))]
            at = after
    return "".join([*found, part(at, None)])


def _place(value: Any) -> int:
    """Read a place in a text; -1 where that is none."""
    return value if type(value) is int and 0 <= value < 1 << 40 else -1


def _lines(operations: list[Any]) -> Iterator[str]:
    """Give the lines of a document of Quill, which is a list of what was inserted."""
    line = ""
    for one in operations:
        text = one.get("insert") if isinstance(one, Mapping) else None
        if not isinstance(text, str):
            continue
        attributes = one.get("attributes")
        address = attributes.get("link") if isinstance(attributes, Mapping) else None
        for number, piece in enumerate(text.split("\n")):
            if number:
                yield line
                line = ""
            words = html.escape(piece, quote=False)
            line += _linked(address, words) if isinstance(address, str) and words else words
    yield line


def _of_mobiledoc(value: Mapping[str, Any]) -> Iterator[str]:
    """Give the paragraphs of a Mobiledoc: sections are lists that begin with a number of their kind."""
    markups, cards = value["markups"], value.get("cards")
    for section in value["sections"]:
        match section:
            case [1, str(), list(markers), *_]:
                yield _marked(markers, markups)
            case [3, str(), list(parts), *_]:
                for markers in parts:
                    yield _marked(markers, markups)
            case [10, int(at)] if isinstance(cards, list) and 0 <= at < len(cards):
                card = cards[at]
                held = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], Mapping) else {}
                yield next((_card(name, held[name]) for name in _CARDS if isinstance(held.get(name), str)), "")


def _marked(markers: Any, markups: list[Any]) -> str:
    """Write a run of Mobiledoc: each part opens markups, such as links, and closes the last of those that are open."""
    found, opened = "", []
    for marker in markers if isinstance(markers, list) else ():
        match marker:
            case [int(kind), list(opens), int(closes), text]:
                opened += [_of_markup(markups[at]) if 0 <= at < len(markups) else "" for at in map(_place, opens)]
                address = next((one for one in reversed(opened) if one), "")
                words = html.escape(text, quote=False) if kind == 0 and isinstance(text, str) else " "
                found += _linked(address, words) if address else words
                opened = opened[: len(opened) - closes] if closes > 0 else opened
    return found


def _card(kind: str, text: str) -> str:
    """Write a part that holds HTML or Markdown."""
    if kind == "markdown":
        found, is_html = of_markdown(f"{text}\n")  # a heading alone is one
        text = re.sub(r"\n\s*\n", "</p>\n<p>", found if is_html else html.escape(found, quote=False))
    return text


def _of_markup(markup: Any) -> str:
    """Find the address of a markup that is a link; empty for others."""
    match markup:
        case ["a", list(pairs)]:
            return next((str(pairs[at + 1]) for at in range(0, len(pairs) - 1, 2) if pairs[at] == "href"), "")
    return ""


def _inline(node: Any, links: _Links, depth: int) -> str:
    """Write what a node holds as one run, with its links."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return ""
    named = {str(one.get("_key")): one for one in node.get("markDefs") or () if isinstance(one, Mapping)}
    links = {**links, **{key: address for key, one in named.items() if (address := _address(one))}}
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
    """Find the address that a node or a mark leads to."""
    for held in (node, node.get("attrs"), node.get("data"), node.get("fields")):
        for name in ("href", "url", "uri"):
            if isinstance(held, Mapping) and isinstance(held.get(name), str):
                return str(held[name])
    return None
