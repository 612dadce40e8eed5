"""Addresses of a news sitemap."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.plain import local

_NAMES = {"publication_date": "published_at", "lastmod": "updated_at", "loc": "url"}


def row(item: Element) -> dict[str, Any]:
    """Make a row of an address and what the site says of the story; of its pictures the first."""
    found: dict[str, Any] = {}
    picture = False
    for child in item.iter():
        name, text = local(child), (child.text or "").strip()
        picture = picture or name in ("image", "video")
        if child is item or not text:
            continue
        if name == "loc" and picture:
            name = "image"
        elif name == "name":
            name = "source"  # of the publication
        found.setdefault(_NAMES.get(name, name), text)
    if "title" not in found:
        found["type"] = "webpage"  # of the site, but no story
    return {name: value for name, value in found.items() if name not in ("changefreq", "priority", "genres")}
