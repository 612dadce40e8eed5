"""Entries of Contentful: `sys` and `fields`, whose values may stand by language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, get_path, with_kind

_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")


def _convert(row: Row) -> Row:
    system, fields = row["sys"], row["fields"]
    if not isinstance(system, Mapping) or not isinstance(fields, Mapping):
        return row
    metadata = {
        "id": system.get("id"),
        "type": get_path(system, "contentType", "sys", "id"),
        "created_at": system.get("firstPublishedAt") or system.get("createdAt"),
        "updated_at": system.get("updatedAt"),
        "language": system.get("locale"),
        **({"status": row["status"]} if "status" in row else {}),
    }
    # entries of an export, and of the interface that manages them, may be drafts
    if ("publishedCounter" in system and not system.get("publishedVersion")) or system.get("archivedVersion"):
        metadata["status"] = "draft"
    return with_kind({**metadata, **{name: _plain_value(value) for name, value in fields.items()}})


def _plain_value(value: Any) -> Any:
    """Return a value in the first language; of a picture its address, and of another entry its values likewise."""
    value = _in_first_language(value)
    if not isinstance(value, Mapping) or "nodeType" in value:
        return value
    file = value.get("file")
    address = get_path(file, "url") or get_path(_in_first_language(file), "url")
    if isinstance(address, str):
        return f"https:{address}" if address.startswith("//") else address
    return {name: _in_first_language(part) for name, part in value.items()}


def _in_first_language(value: Any) -> Any:
    if isinstance(value, Mapping) and value and all(_LOCALE.fullmatch(str(name)) for name in value):
        return next(iter(value.values()))
    return value


SHAPE = Shape(name="Contentful", any_of=(("sys", "fields"),), convert=_convert)
