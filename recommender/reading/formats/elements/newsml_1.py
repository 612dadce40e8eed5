"""News items of IPTC NewsML 1, as agencies still send them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements import nitf
from recommender.reading.formats.elements.tree import LANGUAGE, first, line_of, named, text_of


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item: what it says of itself, and the longest of its texts."""
    texts = (body for content in named(item.iter(), "DataContent") if (body := _body(content)))
    fields = {
        "id": _id(item),
        "title": line_of(first(item, "HeadLine")),
        "lead": line_of(first(item, "SubHeadLine")),
        "body": max(texts, key=len, default=None),  # others contain its title or its beginning
        "published_at": line_of(first(item, "FirstCreated")),
        "updated_at": line_of(first(item, "ThisRevisionCreated")),
        "status": _formal_name(item, "Status"),
        "author": line_of(first(item, "ByLine")),
        "source": line_of(first(item, "CreditLine")) or _formal_name(item, "Provider"),
        "language": _formal_name(item, "Language") or item.get(LANGUAGE),
        "tags": [tag for keyword in named(item.iter(), "KeywordLine") if (tag := line_of(keyword))],
    }
    if not fields["body"] and (_formal_name(item, "MediaType") or "Text") != "Text":
        fields["type"] = "attachment"
    return {name: value for name, value in fields.items() if value}


def _id(item: Element) -> str | None:
    """Return the id of a story: the public identifier without its last part, which counts revisions."""
    parts = [line_of(first(item, name)) for name in ("ProviderId", "DateId", "NewsItemId")]
    return ":".join(("urn:newsml", *map(str, parts))) if all(parts) else line_of(first(item, "PublicIdentifier"))


def _formal_name(item: Element, name: str) -> str | None:
    """Return the formal name of an element, or of the party in it."""
    element = first(item, name)
    parts = element.iter() if element is not None else ()
    return next((part.get("FormalName") for part in parts if part.get("FormalName")), None)


def _body(content: Element) -> str | None:
    return nitf.body(content) if first(content, "body.content") is not None else text_of(content) or None
