"""Stories in NITF."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.tree import LANGUAGE, attribute, first, line_of, local, named, text_of

_NOT_OF_TEXT = ("media", "table-of-contents", "header", "footer", "nav", "aside", "figure")


def row(item: Element) -> dict[str, Any]:
    """Make a row of a story: what its head says, and its paragraphs."""

    def find(name: str, key: str) -> str | None:
        return attribute(item.iter(), name, key)

    fields = {
        "image": find("media-reference", "source"),  # before the body loses it
        "id": find("doc-id", "id-string"),
        "published_at": find("date.issue", "norm") or find("pubdata", "date.publication") or find("story.date", "norm"),
        "updated_at": find("date.release", "norm"),
        "expires_at": find("date.expire", "norm"),
        "title": line_of(first(item, "hl1", "hedline", "title")),
        "lead": line_of(first(item, "abstract", "hl2")),
        "author": _author(item),
        "section": find("pubdata", "position.section") or find("fixture", "fix-id"),
        "source": find("doc.copyright", "holder") or find("pubdata", "name"),
        "language": item.get(LANGUAGE) or find("body", "lang"),
        "tags": [key for keyword in named(item.iter(), "keyword") if (key := keyword.get("key"))],
        "body": body(item),
        "status": find("docdata", "management-status"),
    }
    return {name: value for name, value in fields.items() if value}


def body(item: Element) -> str | None:
    """Return the text of a story as HTML."""
    content = first(item, "body.content")
    return None if content is None else prose(content)


def prose(content: Element) -> str | None:
    """Return a text without pictures, tables of contents, and what stands around it in HTML."""
    for parent in list(content.iter()):
        for part in list(named(parent, *_NOT_OF_TEXT)):
            parent.remove(part)
    return text_of(content) or None


def _author(item: Element) -> str | None:
    byline = first(item, "byline")
    if byline is None:
        return line_of(first(item, "person"))
    for title in [part for part in byline if local(part) == "byttl"]:
        byline.remove(title)
    person = first(byline, "person")
    return line_of(byline if person is None else person)
