"""Stories in NITF."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements.plain import local, text_of

_BESIDE = ("media", "table-of-contents", "header", "footer", "nav", "aside", "figure")


def first(item: Element, *names: str) -> Element | None:
    """Find the first element of one of these names, by the order of the names."""
    for name in names:
        for one in item.iter():
            if local(one) == name:
                return one
    return None


def words(element: Element | None) -> str | None:
    """Join the text of an element, blanks as one."""
    return " ".join("".join(element.itertext()).split()) or None if element is not None else None


def row(item: Element) -> dict[str, Any]:
    """Make a row of a story: what its head says, and its paragraphs."""
    given = {
        "image": _attribute(item, "media-reference", "source"),  # before the body loses it
        "id": _attribute(item, "doc-id", "id-string"),
        "published_at": _attribute(item, "date.issue", "norm")
        or _attribute(item, "pubdata", "date.publication")
        or _attribute(item, "story.date", "norm"),
        "updated_at": _attribute(item, "date.release", "norm"),
        "expires_at": _attribute(item, "date.expire", "norm"),
        "title": words(first(item, "hl1", "hedline", "title")),
        "lead": words(first(item, "abstract", "hl2")),
        "author": words(first(item, "person")) if first(item, "byline") is None else _byline(item),
        "section": _attribute(item, "pubdata", "position.section") or _attribute(item, "fixture", "fix-id"),
        "source": _attribute(item, "doc.copyright", "holder") or _attribute(item, "pubdata", "name"),
        "language": item.get("{http://www.w3.org/XML/1998/namespace}lang") or _attribute(item, "body", "lang"),
        "tags": [one.get("key") for one in item.iter() if local(one) == "keyword" and one.get("key")],
        "body": body(item),
        "status": _attribute(item, "docdata", "management-status"),
    }
    return {name: value for name, value in given.items() if value}


def body(item: Element) -> str | None:
    """Read the text of a story as HTML."""
    content = first(item, "body.content")
    return None if content is None else prose(content)


def prose(content: Element) -> str | None:
    """Read a text without pictures, tables of contents, and what stands around it in HTML."""
    for parent in list(content.iter()):
        for one in [one for one in parent if local(one) in _BESIDE]:
            parent.remove(one)
    return text_of(content) or None


def _attribute(item: Element, name: str, key: str) -> str | None:
    return next((one.get(key) for one in item.iter() if local(one) == name and one.get(key)), None)


def _byline(item: Element) -> str | None:
    line = first(item, "byline")
    if line is None:
        return None
    for title in [one for one in line if local(one) == "byttl"]:
        line.remove(title)
    person = first(line, "person")
    return words(line if person is None else person)
