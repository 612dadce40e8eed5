"""Elements whose children are named as columns are: exports of databases, search servers and other systems."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, tostring

_HELD = ("p", "div", "br", "b", "i", "em", "strong", "a", "ul", "ol", "h1", "h2", "h3", "h4", "blockquote", "figure")


def local(element: Element) -> str:
    """Drop the namespace of an element's name."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def text_of(element: Element) -> str:
    """Join all text in an element; as HTML where it holds such."""
    if any(local(one).casefold() in _HELD for one in element.iter() if one is not element):
        for one in element.iter():
            one.tag = local(one) or one.tag
        inside = tostring(element, encoding="unicode", method="html", short_empty_elements=False)
        return inside[inside.index(">") + 1 : inside.rindex("<")].strip()
    return "".join(element.itertext()).strip()


def row(item: Element) -> dict[str, Any]:
    """Make a row of an element's attributes and children, by their names; a name that comes again is a list."""
    found: dict[str, list[Any]] = {}
    for name, value in item.attrib.items():
        found.setdefault(name.rpartition("}")[2], []).append(value)
    for child in item:
        # <field name="title"> of Solr and MySQL
        named = child.get("name") if local(child) in ("field", "str", "arr", "date", "int", "long", "column") else None
        parts = list(child)
        held = parts and not any(local(one).casefold() in _HELD for one in parts)
        values = [text_of(one) for one in parts] if held else [text_of(child)]
        found.setdefault(named or local(child), []).extend(one for one in values if one)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items() if values}
