"""Answers of the New York Times: its search, its archive and its front pages."""

from __future__ import annotations

from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, within, without


def _plain(row: Row) -> Row:
    held = [row.get(name) for name in ("des_facet", "org_facet", "per_facet", "geo_facet")]
    facets = [one for facet in held if isinstance(facet, list) for one in facet]
    author = within(row.get("byline"), "original") or row.get("byline")
    if isinstance(author, str):
        row = {**row, "byline": author.removeprefix("By ")}
    plain = filled(
        {**without(row, "multimedia", "lead_paragraph"), "type": row.get("document_type") or row.get("item_type")},
        body=row.get("lead_paragraph"),
        tags=facets,
        image=_image(row.get("multimedia")),
    )
    return with_kind(without(plain, "document_type", "item_type", "type_of_material", "uri" if "_id" in row else ""))


def _image(media: Any) -> Any:
    """Find the address of the first picture, where it is whole."""
    found = within(media, "default", "url") or next((one.get("url") for one in mappings(media) if one.get("url")), None)
    return found if isinstance(found, str) and "://" in found else None


SHAPE = Shape(
    name="New York Times",
    any_of=(frozenset(("web_url", "pub_date", "headline")), frozenset(("des_facet", "published_date", "title"))),
    plain=_plain,
)
