"""Hits of Elasticsearch and OpenSearch, and dumps of them."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape


def _plain(row: Row) -> Row:
    source = row.get("_source") or row.get("fields")
    return {"_id": row.get("_id"), **source} if isinstance(source, Mapping) else row


SHAPE = Shape(
    name="Elasticsearch", any_of=(frozenset(("_id", "_source")), frozenset(("_index", "_id", "fields"))), plain=_plain
)
