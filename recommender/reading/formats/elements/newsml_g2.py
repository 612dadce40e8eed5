"""News items of IPTC NewsML-G2."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from recommender.reading.formats.elements import nitf
from recommender.reading.formats.elements.nitf import first, words
from recommender.reading.formats.elements.plain import local

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NO_STORIES = ("picture", "video", "audio", "graphic", "animation")


def row(item: Element) -> dict[str, Any]:
    """Make a row of an item: what it says of itself and of its content, and the text in it."""
    about, content = _part(item, "itemMeta"), _part(item, "contentMeta")
    texts = _part(item, "contentSet")
    kind = _code(about, "itemClass")
    inside = first(texts, "inlineXML", "inlineData")
    body = _body(inside)
    given = {
        "id": item.get("guid"),
        "title": words(_direct(content, "headline")) or (inside is not None and words(first(inside, "hl1", "title"))),
        "body": body,
        "lead": _description(content),
        "published_at": words(_direct(about, "embargoed"))
        or words(_direct(about, "firstCreated"))
        or words(_direct(content, "contentCreated"))
        or words(_direct(about, "versionCreated")),
        "updated_at": words(_direct(about, "versionCreated")),
        "status": _code(about, "pubStatus"),
        "author": (words(_direct(content, "by")) or _name(content, "creator") or "").removeprefix("By "),
        "source": words(_direct(content, "creditline")) or _name(about, "provider"),
        "language": _attribute(content, "language", "tag") or item.get(_LANGUAGE),
        "tags": _subjects(content),
        "url": _web(about),
        "type": "attachment" if kind in _NO_STORIES and not body else None,
    }
    return {name: value for name, value in given.items() if value}


def _part(item: Element, name: str) -> Element:
    found = next((one for one in item if local(one) == name), None)
    return Element(name) if found is None else found


def _direct(parent: Element, name: str) -> Element | None:
    found = [one for one in parent if local(one) == name]
    main = (one for one in found if not one.get("role") or "main" in one.get("role", ""))
    return next(main, found[0] if found else None)


def _attribute(parent: Element, name: str, key: str) -> str | None:
    return next((one.get(key) for one in parent if local(one) == name and one.get(key)), None)


def _code(parent: Element, name: str) -> str | None:
    """Read the last part of a code such as `stat:usable`."""
    found = _attribute(parent, name, "qcode") or _attribute(parent, name, "uri")
    return found.replace("/", ":").rpartition(":")[2] if found else None


def _name(parent: Element, name: str) -> str | None:
    """Read the name of a person or an organisation."""
    one = _direct(parent, name)
    if one is None:
        return None
    return words(next((part for part in one if local(part) == "name"), None)) or one.get("literal")


def _subjects(content: Element) -> list[str]:
    found = []
    for one in content:
        if local(one) in ("subject", "keyword"):
            names = [words(part) for part in one if local(part) == "name"] or [words(one)]
            found += [name for name in names[:1] if name]
    return found


def _description(content: Element) -> str | None:
    found = [one for one in content if local(one) == "description"]
    chosen = next((one for one in found if "summary" in one.get("role", "")), found[0] if found else None)
    return words(chosen)


def _web(about: Element) -> str | None:
    """Find the address of the story itself; most links lead to others, as `irel:seeAlso`."""
    for one in about:
        own = one.get("rel", "self").rpartition(":")[2].casefold() in ("self", "alternate", "permalink", "sameas")
        if local(one) == "link" and own and "://" in one.get("href", "") and "html" in one.get("contenttype", "html"):
            return one.get("href")
    return None


def _body(inside: Element | None) -> str | None:
    """Read the text of an item, which is NITF or HTML."""
    if inside is None:
        return None
    if first(inside, "body.content") is not None:
        return nitf.body(inside)
    page = first(inside, "body")
    return nitf.prose(inside if page is None else page)
