"""Items of RSS and WordPress exports (WXR), entries of Atom."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.plain import local, text_of

_NAMES = {
    "encoded": "body",  # content:encoded
    "post_id": "id",
    "pubDate": "published_at",
    "post_date_gmt": "post_date_gmt",
    "creator": "author",
    "guid": "guid",
}
_PUBLISHED = ("published", "published_at", "issued", "created", "date")
_SKIPPED = ("source", "postmeta", "comment", "contributor", "links", "in-reply-to", "total")  # of others, or of none
_MEDIA = ("thumbnail", "content", "enclosure", "image")


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item of a feed, by the names of its elements; the first of several counts."""
    found: dict[str, list[Any]] = {}
    _add(item, found)
    row: dict[str, Any] = {
        name: values if name in ("tags", "authors") else values[0] for name, values in found.items() if values
    }
    if row.get("body") and row.get("content") and "post_id" not in row:
        row.pop("content")
    if not row.get("title") and not row.get("body") and not row.get("content") and row.get("description"):
        row["body"] = row.pop("description")  # RSS asks for one of both alone
    if "authors" in row:  # names, where the creator is a login
        row["author"] = list(dict.fromkeys(row.pop("authors")))
    if row.get("post_type") == "post":
        row.pop("post_type")
    if row.pop("post_password", None):
        row["status"] = "password protected"
    if local(item) == "entry" and row.get("updated") and not any(row.get(name) for name in _PUBLISHED):
        row["published"] = row["updated"]  # the one time that Atom asks for
    return row


def _add(parent: Element, found: dict[str, list[Any]]) -> None:
    for child in parent:
        name, text = local(child), (child.text or "").strip()
        if name in _SKIPPED:
            continue
        if name == "link" and child.get("href"):
            if child.get("rel", "alternate") == "alternate":
                found.setdefault("link", []).append(child.get("href"))
            elif child.get("rel") == "enclosure" and "image" in child.get("type", ""):
                found.setdefault("image", []).append(child.get("href"))
        elif name in _MEDIA and child.get("url"):
            if "image" in child.get("type", child.get("medium", "image")):
                found.setdefault("image", []).append(child.get("url"))
            _add(child, found)
        elif name == "type" and "blogger" in child.tag:
            found["post_type"] = ["post" if text == "POST" else f"blogger {text.casefold()}"]
        elif name == "category":
            _add_category(found, child)
        elif name == "author":
            names = [(one.text or "").strip() for one in child if local(one) == "name"] or [text]
            found.setdefault("author", []).extend(filter(None, names))
        elif name in ("group", "control"):  # which may hold that an entry is a draft
            _add(child, found)
        elif name == "encoded" and "excerpt" in child.tag:
            if text:
                found.setdefault("lead", []).append(text)
        elif text := (text_of(child) if len(child) else text):
            found.setdefault(_NAMES.get(name, name), []).append(text)


def _add_category(found: dict[str, list[Any]], child: Element) -> None:
    """Add a tag, or in WordPress the section, as the domain of the category tells."""
    text = (child.get("label") or child.text or child.get("term") or "").strip()
    if child.get("scheme", "").endswith("#kind"):  # of Blogger: posts, pages, comments and settings
        kind = text.rpartition("#")[2]
        found["post_type"] = ["post" if kind == "post" else f"blogger {kind}"]
        return
    domain = child.get("domain")
    if text and domain not in ("post_format", "language", "nav_menu"):
        name = "section" if domain == "category" and "section" not in found else "tags"
        found.setdefault("authors" if domain == "author" else name, []).append(text)  # of Co-Authors Plus
