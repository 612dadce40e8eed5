"""Answers of the Guardian's content API."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, without


def _plain(row: Row) -> Row:
    fields = row.get("fields")
    plain = {**without(row, "fields"), **(fields if isinstance(fields, Mapping) else {})}
    if plain.get("headline") == plain.get("webTitle"):
        plain = without(plain, "headline")
    tags = mappings(row.get("tags"))
    if tags:
        kinds = {kind: [one.get("webTitle") for one in tags if one.get("type") == kind] for kind in _KINDS}
        plain = filled({**plain, "tags": kinds["keyword"]}, byline=kinds["contributor"])
    return with_kind(plain)


_KINDS = ("keyword", "contributor")
SHAPE = Shape(name="Guardian", any_of=(frozenset(("webTitle", "webPublicationDate")),), plain=_plain)
