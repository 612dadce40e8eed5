"""Entries of Contentful: `sys` and `fields`, whose values may stand by language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, within

_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")


def _plain(row: Row) -> Row:
    system, fields = row["sys"], row["fields"]
    if not isinstance(system, Mapping) or not isinstance(fields, Mapping):
        return row
    about = {
        "id": system.get("id"),
        "type": within(system, "contentType", "sys", "id"),
        "created_at": system.get("createdAt"),
        "updated_at": system.get("updatedAt"),
        "language": system.get("locale"),
        **({"status": row["status"]} if "status" in row else {}),
    }
    return with_kind({**about, **{name: _plain_value(value) for name, value in fields.items()}})


def _plain_value(value: Any) -> Any:
    """Take a value of the first language; of a picture its address, and of another entry its values likewise."""
    value = _of_first_language(value)
    if not isinstance(value, Mapping) or "nodeType" in value:
        return value
    file = value.get("file")
    address = within(file, "url") or within(_of_first_language(file), "url")
    if isinstance(address, str):
        return f"https:{address}" if address.startswith("//") else address
    return {name: _of_first_language(one) for name, one in value.items()}


def _of_first_language(value: Any) -> Any:
    if isinstance(value, Mapping) and value and all(_LOCALE.fullmatch(str(name)) for name in value):
        return next(iter(value.values()))
    return value


SHAPE = Shape(name="Contentful", any_of=(frozenset(("sys", "fields")),), plain=_plain)
