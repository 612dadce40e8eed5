"""Answers of the Guardian's content API."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, fill, objects, with_kind, without


def _convert(row: Row) -> Row:
    fields = row.get("fields")
    story = {**without(row, "fields"), **(fields if isinstance(fields, Mapping) else {})}
    if story.get("headline") == story.get("webTitle"):
        story = without(story, "headline")
    tags = objects(row.get("tags"))
    if tags:
        keywords, contributors = (
            [tag.get("webTitle") for tag in tags if tag.get("type") == kind] for kind in ("keyword", "contributor")
        )
        story = fill({**story, "tags": keywords}, byline=contributors)
    return with_kind(story)


SHAPE = Shape(name="Guardian", any_of=(("webTitle", "webPublicationDate"),), convert=_convert)
