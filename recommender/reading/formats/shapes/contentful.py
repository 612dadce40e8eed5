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
    }
    return with_kind({**about, **{name: _of_first_language(value) for name, value in fields.items()}})


def _of_first_language(value: Any) -> Any:
    if isinstance(value, Mapping) and value and all(_LOCALE.fullmatch(str(name)) for name in value):
        return next(iter(value.values()))
    return value


SHAPE = Shape(name="Contentful", any_of=(frozenset(("sys", "fields")),), plain=_plain)
