"""Items of RSS and WordPress exports (WXR), entries of Atom."""

from __future__ import annotations

from typing import Any, TypeAlias
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.tree import local, named, text_of

_NAMES = {"encoded": "body", "post_id": "id", "pubDate": "published_at", "creator": "author"}  # content:encoded
_PUBLISHED = ("published", "published_at", "issued", "created", "date")
_SKIPPED = ("postmeta", "comment", "contributor", "links", "in-reply-to", "total")  # of others, or of none
_MEDIA = ("thumbnail", "content", "enclosure", "image")
_Fields: TypeAlias = dict[str, list[Any]]


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item of a feed, by the names of its elements; the first of several counts."""
    fields: _Fields = {}
    _add_children(fields, item)
    row: dict[str, Any] = {
        name: values if name in ("tags", "authors") else values[0] for name, values in fields.items() if values
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


def _add_children(fields: _Fields, parent: Element) -> None:
    # what a group of media says of a picture counts only where the item does not say it of itself
    for child in sorted(parent, key=lambda child: local(child) == "group"):
        name, text = local(child), (child.text or "").strip()
        if name == "postmeta" and _forbids_search(child):
            fields["noindex"] = ["yes"]
        if name in _SKIPPED:
            continue
        if name == "link" and child.get("href"):
            _add_link(fields, child)
        elif name in _MEDIA and child.get("url"):
            parts = [part for part in child.iter() if local(part) in _MEDIA and part.get("url")]
            images = (part.get("url") for part in parts if "image" in part.get("type", part.get("medium", "image")))
            fields.setdefault("image", []).extend(images)
        elif name == "source":  # of RSS the outlet, of Atom a feed with a title of its own
            fields.setdefault(name, []).extend([text] if text else [])
        elif name == "type" and "blogger" in child.tag:
            fields["post_type"] = ["post" if text == "POST" else f"blogger {text.casefold()}"]
        elif name == "category":
            _add_category(fields, child)
        elif name == "author":
            names = [(element.text or "").strip() for element in named(child, "name")] or [text]
            fields.setdefault("author", []).extend(filter(None, names))
        elif name in ("group", "control"):  # which may mark an entry as a draft
            _add_children(fields, child)
        elif name == "encoded" and "excerpt" in child.tag:
            if text:
                fields.setdefault("lead", []).append(text)
        elif text := (text_of(child) if len(child) else text):
            fields.setdefault(_NAMES.get(name, name), []).append(text)


def _forbids_search(meta: Element) -> bool:
    """Check whether a further field of a post, as plugins of WordPress write it, keeps it from search engines."""
    key, value = ("".join(text_of(part) for part in named(meta, name)).strip() for name in ("meta_key", "meta_value"))
    return value in ("1", "on") if "noindex" in key else "robots" in key and "noindex" in value


def _add_link(fields: _Fields, link: Element) -> None:
    if link.get("rel", "alternate") == "alternate":
        fields.setdefault("link", []).append(link.get("href"))
    elif link.get("rel") == "enclosure" and "image" in link.get("type", ""):
        fields.setdefault("image", []).append(link.get("href"))


def _add_category(fields: _Fields, category: Element) -> None:
    """Add a tag, or in WordPress the section, as the domain of the category says."""
    text = (category.get("label") or category.text or category.get("term") or "").strip()
    if category.get("scheme", "").endswith("#kind"):  # of Blogger: posts, pages, comments and settings
        kind = text.rpartition("#")[2]
        fields["post_type"] = ["post" if kind == "post" else f"blogger {kind}"]
        return
    domain = category.get("domain")
    if text and domain not in ("post_format", "language", "nav_menu"):
        name = "section" if domain == "category" and "section" not in fields else "tags"
        fields.setdefault("authors" if domain == "author" else name, []).append(text)  # of Co-Authors Plus
