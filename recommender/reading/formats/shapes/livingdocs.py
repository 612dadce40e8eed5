"""Documents of Livingdocs: a list of components, what is told of them, and what the system tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, mappings, with_kind, within, without
from recommender.reading.rich_text import is_beside

_TEXTS = ("title", "text", "lead", "html", "quote")


def _plain(row: Row) -> Row:
    about, told = row["systemdata"], row.get("metadata")
    parts = list(mappings(row.get("content")))
    titles = (within(one, "content", "title") for one in parts)
    title = within(told, "title") or next(filter(None, titles), None)
    published = within(about, "firstPublishedAt") or within(about, "publishedAt")
    plain = {
        **(without(told, "language") if isinstance(told, dict) else {}),
        "id": within(about, "documentId"),
        "title": title,
        "body": [text for one in parts for text in _texts(one) if text != title],
        "language": within(told, "language", "locale"),
        "published_at": published,
        "updated_at": within(about, "updatedAt"),
        "type": within(about, "documentType"),
    }
    return with_kind(plain if published else {**plain, "status": "draft"})


def _texts(part: Any) -> Iterator[Any]:
    if not is_beside(part.get("component") or part.get("identifier")):
        for held in (part.get("content"), *mappings(part.get("containers"))):
            yield from (text for name in _TEXTS if (text := within(held, name)))


SHAPE = Shape(name="Livingdocs", any_of=(frozenset(("systemdata", "content")),), plain=_plain)
