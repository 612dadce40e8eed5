"""Nodes of JSON:API, as Drupal answers them, and entries of Strapi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, objects, with_kind

_TAGS = ("tag", "topic", "keyword")
_SECTIONS = ("section", "category", "channel", "rubric", "desk")


def _convert(row: Row) -> Row:
    attributes = row["attributes"]
    if not isinstance(attributes, Mapping):
        return row
    kind = str(row.get("type", "")).removeprefix("node--")
    if "publishedAt" in attributes:  # of Strapi
        attributes = _convert_strapi({**attributes})
    fields = {str(name).removeprefix("field_"): value for name, value in attributes.items()}
    story: Row = {"id": row.get("id"), "type": kind, **fields}
    if isinstance(row.get("meta"), Mapping):  # of DatoCMS: status and times
        story = fill(story, **row["meta"])
    story = fill(story, lead=get_path(story.get("body"), "summary"), language=story.get("langcode"))
    path = story.get("path")
    if isinstance(path, Mapping):
        story = fill({**story, "path": None}, url=path.get("alias"))
    return with_kind(_with_related(story, row.get("relationships")))


def _with_related(story: Row, related: Any) -> Row:
    """Add the names that relationships lead to, as far as the answer includes them."""
    if not isinstance(related, Mapping):
        return story
    more: dict[str, list[Any]] = {}
    for relationship, items in related.items():
        names = [first_of(item, "display_name", "name", "title") for item in objects(items)]
        field = _related_field(str(relationship).removeprefix("field_").casefold())
        if field is not None and any(names):
            more.setdefault(field, []).extend(filter(None, names))
    return fill(story, **more)


def _related_field(relationship: str) -> str | None:
    if any(word in relationship for word in _TAGS):
        return "tags"
    if any(word in relationship for word in _SECTIONS):
        return "section"
    return "author" if relationship in ("uid", "author", "authors", "byline") else None


def _convert_strapi(row: Row) -> Row:
    """Mark what Strapi never published as a draft; its number is the id, not that of all languages and drafts."""
    return {**row, "status": "draft"} if row.get("publishedAt") is None else row


STRAPI = Shape(name="Strapi", any_of=(("documentId", "publishedAt"),), convert=_convert_strapi)
SHAPE = Shape(name="Drupal JSON:API", any_of=(("id", "attributes"),), convert=_convert)
