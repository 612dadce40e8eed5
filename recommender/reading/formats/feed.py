"""RSS, Atom, news sitemaps and WordPress exports (WXR) -> rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from recommender.reading.formats.packing import opened
from recommender.reading.formats.rows import BadRow, Rows, TooMuch
from recommender.settings import ReadingSettings

_PIECE = 1 << 16
_ENTITIES = re.compile(rb"<!ENTITY", re.IGNORECASE)
_ITEMS = ("item", "entry", "url")
_MOST_DEPTH = 200
_NAMES = {
    "encoded": "body",  # content:encoded
    "post_id": "id",
    "pubDate": "published_at",
    "publication_date": "published_at",
    "post_date_gmt": "post_date_gmt",
    "creator": "author",
    "loc": "url",
    "category": "tags",
    "lastmod": "updated_at",
}
_EXCERPT = "excerpt"


def rows_of_feed(path: Path, limits: ReadingSettings) -> Rows:
    """One row an item, by the names of its elements."""
    with opened(path, limits) as stream:
        parser: Any = ElementTree.XMLPullParser(("start", "end"))
        depth, row, held = 0, 0, 0
        inside: ElementTree.Element | None = None
        while piece := stream.read(_PIECE):
            held += len(piece)
            if _ENTITIES.search(piece):
                raise TooMuch("XML with entities of its own, which are not read")
            if inside is not None and held > limits.max_line_bytes:
                raise TooMuch(f"an item longer than {limits.max_line_bytes:,} bytes (reading.max_line_bytes)")
            try:
                parser.feed(piece)
                events = list(parser.read_events())
            except ElementTree.ParseError as error:
                yield row + 1, BadRow(f"bad XML: {error}; what follows was not read")
                return
            for event, element in events:
                depth += 1 if event == "start" else -1
                if depth > _MOST_DEPTH:
                    raise TooMuch("XML nested too deep")
                if event == "start" and inside is None and _local(element) in _ITEMS:
                    inside, held = element, 0
                elif event == "end" and inside is not None and element is inside:
                    row += 1
                    yield row, _row(inside)
                    inside.clear()
                    inside = None
        try:
            parser.close()
        except ElementTree.ParseError as error:
            yield row + 1, BadRow(f"bad XML: {error}; the items before it were kept")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _row(item: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for child in item.iter():
        if child is item:
            continue
        name = _local(child)
        if name == "encoded" and _EXCERPT in child.tag:
            name = "lead"
        elif name == "link" and child.get("href"):
            if child.get("rel", "alternate") != "alternate":
                continue
            found.setdefault("link", []).append(child.get("href"))
            continue
        elif name in ("thumbnail", "content", "enclosure") and child.get("url"):
            if "image" in child.get("type", child.get("medium", "image")):
                found.setdefault("image", []).append(child.get("url"))
            continue
        elif name == "category":
            _add_category(found, child)
            continue
        text = (
            "".join(child.itertext()).strip() if name in ("content", "summary", "title") else (child.text or "").strip()
        )
        if text:
            found.setdefault(_NAMES.get(name, name), []).append(text)
    row: dict[str, Any] = {name: values if name == "tags" else values[0] for name, values in found.items()}
    if "author" not in row and "name" in row and "title" in row:
        row["author"] = row.pop("name")  # of Atom; in a news sitemap it is the publication's
    if "loc" in row or (_local(item) == "url" and "author" in row):
        row["source"] = row.pop("author", None)
    return row


def _add_category(found: dict[str, list[Any]], child: ElementTree.Element) -> None:
    """A tag, or in WordPress the section, which its domain tells."""
    text = (child.get("label") or child.text or child.get("term") or "").strip()
    if text:
        name = "section" if child.get("domain") == "category" and "section" not in found else "tags"
        found.setdefault(name, []).append(text)
