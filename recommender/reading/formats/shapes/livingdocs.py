"""Documents of Livingdocs: a list of components, their metadata, and data of the system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, get_path, objects, with_kind, without
from recommender.reading.rich_text import is_no_text

_TEXTS = ("title", "text", "lead", "html", "quote")


def _convert(row: Row) -> Row:
    system, metadata = row["systemdata"], row.get("metadata")
    parts = objects(row.get("content"))
    titles = (get_path(part, "content", "title") for part in parts)
    title = get_path(metadata, "title") or next(filter(None, titles), None)
    published = get_path(system, "firstPublishedAt") or get_path(system, "publishedAt")
    story = {
        **(without(metadata, "language") if isinstance(metadata, dict) else {}),
        "id": get_path(system, "documentId"),
        "title": title,
        "body": [text for part in parts for text in _find_texts(part) if text != title],
        "language": get_path(metadata, "language", "locale"),
        "published_at": published,
        "updated_at": get_path(system, "updatedAt"),
        "type": get_path(system, "documentType"),
    }
    return with_kind(story if published else {**story, "status": "draft"})


def _find_texts(part: Any) -> Iterator[Any]:
    if not is_no_text(part.get("component") or part.get("identifier")):
        for content in (part.get("content"), *objects(part.get("containers"))):
            yield from (text for name in _TEXTS if (text := get_path(content, name)))


SHAPE = Shape(name="Livingdocs", any_of=(("systemdata", "content"),), convert=_convert)
