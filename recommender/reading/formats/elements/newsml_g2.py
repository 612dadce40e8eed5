"""News items of IPTC NewsML-G2."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements import nitf
from recommender.reading.formats.elements.tree import LANGUAGE, attribute, first, line_of, named

_NO_STORIES, _MAY_BE_STORIES = ("picture", "graphic", "animation"), ("video", "audio")  # the last with a text
_OWN_RELATIONS = ("self", "alternate", "permalink", "sameas")  # other links lead to other stories, as `irel:seeAlso`


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item: what it says of itself and of its content, and the text in it."""
    about, content, texts = (
        next(named(item, name), Element(name)) for name in ("itemMeta", "contentMeta", "contentSet")
    )
    inner = first(texts, "inlineXML", "inlineData")
    body, kind = _body(inner), _code(about, "itemClass")
    fields = {
        "id": item.get("guid"),
        "title": _line(content, "headline") or (inner is not None and line_of(first(inner, "hl1", "title"))),
        "body": body,
        "lead": _description(content),
        "published_at": _line(about, "embargoed")
        or _line(about, "firstCreated")
        or _line(content, "contentCreated")
        or _line(about, "versionCreated"),
        "updated_at": _line(about, "versionCreated"),
        "status": _code(about, "pubStatus"),
        "author": (_line(content, "by") or _name(content, "creator") or "").removeprefix("By "),
        "source": _line(content, "creditline") or _name(about, "provider"),
        "language": attribute(content, "language", "tag") or item.get(LANGUAGE),
        "tags": _subjects(content),
        "url": _address(about),
        "type": "attachment" if kind in _NO_STORIES or (kind in _MAY_BE_STORIES and not body) else None,
    }
    return {name: value for name, value in fields.items() if value}


def _main(parent: Element, name: str) -> Element | None:
    children = list(named(parent, name))
    main = (child for child in children if not child.get("role") or "main" in child.get("role", ""))
    return next(main, children[0] if children else None)


def _line(parent: Element, name: str) -> str | None:
    return line_of(_main(parent, name))


def _code(parent: Element, name: str) -> str | None:
    code = attribute(parent, name, "qcode") or attribute(parent, name, "uri")
    return code.replace("/", ":").rpartition(":")[2] if code else None


def _name(parent: Element, name: str) -> str | None:
    element = _main(parent, name)
    if element is None:
        return None
    return line_of(next(named(element, "name"), None)) or element.get("literal")


def _subjects(content: Element) -> list[str]:
    subjects = (next(named(element, "name"), element) for element in named(content, "subject", "keyword"))
    return [line for subject in subjects if (line := line_of(subject))]


def _description(content: Element) -> str | None:
    descriptions = list(named(content, "description"))
    summaries = (description for description in descriptions if "summary" in description.get("role", ""))
    return line_of(next(summaries, descriptions[0] if descriptions else None))


def _address(about: Element) -> str | None:
    for link in named(about, "link"):
        is_own = link.get("rel", "self").rpartition(":")[2].casefold() in _OWN_RELATIONS
        if is_own and "://" in link.get("href", "") and "html" in link.get("contenttype", "html"):
            return link.get("href")
    return None


def _body(inner: Element | None) -> str | None:
    if inner is None:
        return None
    if first(inner, "body.content") is not None:
        return nitf.body(inner)
    page = first(inner, "body")
    return nitf.prose(inner if page is None else page)
