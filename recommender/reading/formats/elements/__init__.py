"""XML elements of stories -> rows: one file for each adapter, registered in `ELEMENTS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements import feed, newsml_1, newsml_g2, nitf, plain, sitemap

Adapter: TypeAlias = Callable[[Element], dict[str, Any]]

ELEMENTS: dict[str, tuple[tuple[str, ...], Adapter]] = {
    "rss": (("item",), feed.row),
    "RDF": (("item",), feed.row),
    "channel": (("item",), feed.row),
    "feed": (("entry",), feed.row),
    "urlset": (("url",), sitemap.row),
    "sitemapindex": (("sitemap",), sitemap.row),
    "newsMessage": (("newsItem",), newsml_g2.row),
    "newsItem": (("newsItem",), newsml_g2.row),
    "NewsML": (("NewsItem",), newsml_1.row),
    "nitf": (("nitf",), nitf.row),
}
"""Name of the outermost element -> names of the elements that are stories, and their adapter."""


def adapter_of(root: str, story: str) -> tuple[tuple[str, ...], Adapter]:
    """Find the names of the elements that are stories, and their adapter.

    `root` is the outermost element; `story` is what looks like a story where the root is not known.
    """
    return ELEMENTS.get(root, ((story,), plain.row))
