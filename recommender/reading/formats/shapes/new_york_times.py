"""Answers of the New York Times: its search, its archive and its front pages."""

from __future__ import annotations

from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, objects, with_kind, without


def _convert(row: Row) -> Row:
    facets = [row.get(name) for name in ("des_facet", "org_facet", "per_facet", "geo_facet")]
    tags = [tag for facet in facets if isinstance(facet, list) for tag in facet]
    author = get_path(row.get("byline"), "original") or row.get("byline")
    if isinstance(author, str):
        row = {**row, "byline": author.removeprefix("By ")}
    story = fill(
        {**without(row, "multimedia", "lead_paragraph"), "type": first_of(row, "document_type", "item_type")},
        body=row.get("lead_paragraph"),
        tags=tags,
        image=_find_image(row.get("multimedia")),
    )
    return with_kind(without(story, "document_type", "item_type", "type_of_material", "uri" if "_id" in row else ""))


def _find_image(media: Any) -> Any:
    urls = (picture.get("url") for picture in objects(media))
    url = get_path(media, "default", "url") or next(filter(None, urls), None)
    return url if isinstance(url, str) and "://" in url else None


SHAPE = Shape(
    name="New York Times",
    any_of=(("web_url", "pub_date", "headline"), ("des_facet", "published_date", "title")),
    convert=_convert,
)
