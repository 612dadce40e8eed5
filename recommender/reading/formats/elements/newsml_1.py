"""News items of IPTC NewsML 1, as agencies still send them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements import nitf
from recommender.reading.formats.elements.nitf import first, words
from recommender.reading.formats.elements.plain import local, text_of


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item: what it says of itself, and the longest of its texts."""
    texts = (body for one in item.iter() if local(one) == "DataContent" and (body := _body(one)))
    given = {
        "id": _id(item),
        "title": words(first(item, "HeadLine")),
        "lead": words(first(item, "SubHeadLine")),
        "body": max(texts, key=len, default=None),  # others hold its title or its beginning
        "published_at": words(first(item, "FirstCreated")),
        "updated_at": words(first(item, "ThisRevisionCreated")),
        "status": _name(item, "Status"),
        "author": words(first(item, "ByLine")),
        "source": words(first(item, "CreditLine")) or _name(item, "Provider"),
        "language": _name(item, "Language") or item.get("{http://www.w3.org/XML/1998/namespace}lang"),
        "tags": [name for one in item.iter() if local(one) == "KeywordLine" and (name := words(one))],
    }
    if not given["body"] and (_name(item, "MediaType") or "Text") != "Text":
        given["type"] = "attachment"
    return {name: value for name, value in given.items() if value}


def _id(item: Element) -> str | None:
    """Name a story: the public identifier without its last part, which counts revisions."""
    parts = [words(first(item, name)) for name in ("ProviderId", "DateId", "NewsItemId")]
    return ":".join(("urn:newsml", *map(str, parts))) if all(parts) else words(first(item, "PublicIdentifier"))


def _name(item: Element, name: str) -> str | None:
    """Read the formal name of an element, or of the party in it."""
    one = first(item, name)
    return (
        next((part.get("FormalName") for part in one.iter() if part.get("FormalName")), None)
        if one is not None
        else None
    )


def _body(content: Element) -> str | None:
    return nitf.body(content) if first(content, "body.content") is not None else text_of(content) or None
