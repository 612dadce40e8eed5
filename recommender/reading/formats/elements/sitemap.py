"""Addresses of a news sitemap."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.tree import local

_NAMES = {"publication_date": "published_at", "lastmod": "updated_at", "loc": "url", "name": "source"}


def row(item: Element) -> dict[str, Any]:
    """Make a row of an address and what the site says of the story; of its pictures the first."""
    row: dict[str, Any] = {}
    is_media = False  # from the first picture or film on
    for node in item.iter():
        name, text = local(node), (node.text or "").strip()
        is_media = is_media or name in ("image", "video")
        if node is item or not text:
            continue
        row.setdefault("image" if name == "loc" and is_media else _NAMES.get(name, name), text)
    if "title" not in row:
        row["type"] = "webpage" if local(item) == "url" else "sitemap"  # of the site, but no story
    return {name: value for name, value in row.items() if name not in ("changefreq", "priority", "genres")}
