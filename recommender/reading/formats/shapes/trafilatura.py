"""Pages as trafilatura extracts them, which calls the address of a page its source."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, fill, without

_LEFT_OUT = ("source", "source-hostname", "raw_text", "fingerprint", "pagetype", "comments")


def _convert(row: Row) -> Row:
    story = without(row, *_LEFT_OUT) if row.get("id") else without(row, "id", *_LEFT_OUT)
    return fill(story, url=row.get("source"), source=row.get("source-hostname") or row.get("hostname"))


SHAPE = Shape(name="trafilatura", any_of=(("source", "hostname", "fingerprint"),), convert=_convert)
