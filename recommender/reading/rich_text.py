"""Texts that editors' programs keep as trees of nodes -> HTML, so that their links are read as well."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

_CHILDREN = ("children", "content", "nodes", "blocks", "items", "root", "document")
_BREAKS = ("break", "hardbreak", "linebreak", "br")
_DEEPEST = 100
_Links = Mapping[str, str]


def rich_text(value: Any) -> str | None:
    """Write a tree as HTML, a paragraph for each node that holds words; None for what is no tree.

    Such trees are those of Contentful, Strapi, Sanity, Slate, ProseMirror, Lexical, Draft.js and Editor.js.

    Examples
    --------
    >>> rich_text([{"type": "paragraph", "children": [{"text": "Fog & "}, {"text": "rain", "bold": True}]}])
    '<p>Fog &amp; rain</p>'
    >>> rich_text([{"type": "text", "content": "Fog"}]) is None
    True
    """
    nodes = value if isinstance(value, list) else [value]
    if not any(isinstance(node, Mapping) and _children(node) for node in nodes):
        return None
    return "\n".join(f"<p>{words}</p>" for node in nodes for words in _paragraphs(node, 0) if words.strip())


def _children(node: Mapping[str, Any]) -> list[Any]:
    for name in _CHILDREN:
        held = node.get(name)
        if isinstance(held, list) and any(isinstance(one, Mapping) for one in held):
            return held
        if name in ("root", "document") and isinstance(held, Mapping):
            return [held]
    return []


def _paragraphs(node: Any, depth: int) -> Iterator[str]:
    """Give the paragraphs of a node: it is one itself where any of its children is a run of words."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return
    children = _children(node)
    if not children:
        yield _leaf(node)
    elif any(isinstance(child, Mapping) and _is_run(child) for child in children):
        yield _inline(node, {}, depth)
    else:
        for child in children:
            yield from _paragraphs(child, depth + 1)


def _is_run(node: Mapping[str, Any]) -> bool:
    """Tell whether a node is words within a paragraph."""
    kind = node.get("type") or node.get("nodeType") or node.get("_type")
    return kind in ("text", "span") or (kind is None and isinstance(node.get("text"), str))


def _leaf(node: Mapping[str, Any]) -> str:
    """Write a node without children; those of Editor.js hold HTML."""
    if str(node.get("type")).lower().replace("_", "").replace("-", "") in _BREAKS:
        return "<br>"
    held = node.get("data")
    if isinstance(held, Mapping) and node.get("type") and not isinstance(node.get("text"), str):
        items = held.get("items")
        texts = [held.get("text"), *(items if isinstance(items, list) else [])]
        texts = [one.get("content") if isinstance(one, Mapping) else one for one in texts]
        return "</p>\n<p>".join(one for one in texts if isinstance(one, str))
    text = next((node[name] for name in ("text", "value") if isinstance(node.get(name), str)), "")
    return html.escape(text, quote=False)


def _inline(node: Any, links: _Links, depth: int) -> str:
    """Write what a node holds as one run, with its links."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return ""
    named = {str(one.get("_key")): one for one in node.get("markDefs") or () if isinstance(one, Mapping)}
    links = {**links, **{key: address for key, one in named.items() if (address := _address(one))}}
    children = _children(node)
    words = "".join(_inline(child, links, depth + 1) for child in children) if children else _leaf(node)
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        address = _address(mark) if isinstance(mark, Mapping) else links.get(str(mark))
        if address:
            return _linked(address, words)
    address = _address(node)
    return _linked(address, words) if address and children else words


def _linked(address: str, words: str) -> str:
    return f'<a href="{html.escape(address)}">{words}</a>'


def _address(node: Mapping[str, Any]) -> str | None:
    """Find the address that a node or a mark leads to."""
    for held in (node, node.get("attrs"), node.get("data"), node.get("fields")):
        for name in ("href", "url", "uri"):
            if isinstance(held, Mapping) and isinstance(held.get(name), str):
                return str(held[name])
    return None
