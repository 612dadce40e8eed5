"""Elements whose children are named as columns are: exports of databases, search servers and other systems."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.tree import HTML_TAGS, local, text_of

_FIELD_TAGS = ("field", "str", "arr", "date", "int", "long", "column")  # <field name="title"> of Solr and MySQL


def row(item: Element) -> dict[str, Any]:
    """Make a row of an element's attributes and children, by their names; a name that comes again is a list."""
    fields: dict[str, list[Any]] = {}
    for name, value in item.attrib.items():
        fields.setdefault(name.rpartition("}")[2], []).append(value)
    for child in item:
        name = (child.get("name") if local(child) in _FIELD_TAGS else None) or local(child)
        parts = list(child)
        is_list = parts and not any(local(part).casefold() in HTML_TAGS for part in parts)
        values = [text_of(part) for part in parts] if is_list else [text_of(child)]
        fields.setdefault(name, []).extend(filter(None, values))
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items() if values}
