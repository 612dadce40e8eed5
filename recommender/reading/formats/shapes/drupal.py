"""Nodes of JSON:API, as Drupal answers them, and entries of Strapi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, within

_TAGS = ("tag", "topic", "keyword")
_SECTIONS = ("section", "category", "channel", "rubric", "desk")


def _plain(row: Row) -> Row:
    held = row["attributes"]
    if not isinstance(held, Mapping):
        return row
    kind = str(row.get("type", "")).removeprefix("node--")
    if "publishedAt" in held and held["publishedAt"] is None:  # of Strapi
        held = {**held, "status": "draft"}
    plain: Row = {"id": row.get("id"), "type": kind, **{str(name).removeprefix("field_"): held[name] for name in held}}
    plain = filled(plain, lead=within(plain.get("body"), "summary"), language=plain.get("langcode"))
    path = plain.get("path")
    if isinstance(path, Mapping):
        plain = filled({**plain, "path": None}, url=path.get("alias"))
    return with_kind(_with_related(plain, row.get("relationships")))


def _with_related(plain: Row, related: Any) -> Row:
    """Add the names that relationships lead to, as far as the answer includes them."""
    if not isinstance(related, Mapping):
        return plain
    more: dict[str, list[Any]] = {}
    for name, parts in related.items():
        names = [part.get("display_name") or part.get("name") or part.get("title") for part in mappings(parts)]
        word = str(name).removeprefix("field_").casefold()
        field = "tags" if any(one in word for one in _TAGS) else None
        field = field or ("section" if any(one in word for one in _SECTIONS) else None)
        field = field or ("author" if word in ("uid", "author", "authors", "byline") else None)
        if field is not None and any(names):
            more.setdefault(field, []).extend(filter(None, names))
    return filled(plain, **more)


def _of_strapi(row: Row) -> Row:
    """Mark what Strapi never published as a draft; its number is the id, not that of all languages and drafts."""
    return {**row, "status": "draft"} if row.get("publishedAt") is None else row


STRAPI = Shape(name="Strapi", any_of=(frozenset(("documentId", "publishedAt")),), plain=_of_strapi)
SHAPE = Shape(name="Drupal JSON:API", any_of=(frozenset(("id", "attributes")),), plain=_plain)
