"""Documents of Apple News: their metadata, and components of which some are text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, objects, without

_TEXTS = ("body", "intro", "quote", "heading")
_MAX_DEPTH = 20


def _convert(row: Row) -> Row:
    metadata = row["metadata"] if isinstance(row["metadata"], dict) else {}
    outer = {**without(row, "metadata", "components", "identifier", "version"), "id": row["identifier"]}
    return {**metadata, **outer, "body": list(_find_texts(row["components"], 0))}


def _find_texts(components: Any, depth: int) -> Iterator[Any]:
    for component in objects(components) if depth < _MAX_DEPTH else ():
        if str(component.get("role")).startswith(_TEXTS):  # heading1 to heading6
            yield component.get("text")
        yield from _find_texts(component.get("components"), depth + 1)


SHAPE = Shape(name="Apple News", any_of=(("identifier", "components", "metadata"),), convert=_convert)
