"""Hits of Elasticsearch and OpenSearch, and dumps of them."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape


def _convert(row: Row) -> Row:
    source = row.get("_source") or row.get("fields")
    return {"_id": row.get("_id"), **source} if isinstance(source, Mapping) else row


SHAPE = Shape(name="Elasticsearch", any_of=(("_id", "_source"), ("_index", "_id", "fields")), convert=_convert)
