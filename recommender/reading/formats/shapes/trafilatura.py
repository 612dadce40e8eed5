"""Pages as trafilatura extracts them, which calls the address of a page its source."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, filled, without


def _plain(row: Row) -> Row:
    plain = without(
        row,
        "" if row.get("id") else "id",
        "source",
        "source-hostname",
        "raw_text",
        "fingerprint",
        "pagetype",
        "comments",
    )
    return filled(plain, url=row.get("source"), source=row.get("source-hostname") or row.get("hostname"))


SHAPE = Shape(name="trafilatura", any_of=(frozenset(("source", "hostname", "fingerprint")),), plain=_plain)
