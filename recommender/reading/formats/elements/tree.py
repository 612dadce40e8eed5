"""What the adapters of XML elements look for: children, descendants, attributes and text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, tostring

HTML_TAGS = frozenset((
    "p", "div", "br", "b", "i", "em", "strong", "a", "ul", "ol", "h1", "h2", "h3", "h4", "blockquote", "figure",
))  # fmt: skip
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def local(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def named(elements: Iterable[Element], *names: str) -> Iterator[Element]:
    """Find the elements of these names: of `element` among its children, of `element.iter()` among all in it."""
    return (element for element in elements if local(element) in names)


def first(item: Element, *names: str) -> Element | None:
    """Find the first element of one of these names in an item, by the order of the names."""
    return next((element for name in names for element in named(item.iter(), name)), None)


def attribute(elements: Iterable[Element], name: str, key: str) -> str | None:
    """Find the first attribute that is filled among elements of a name."""
    return next((value for element in named(elements, name) if (value := element.get(key))), None)


def line_of(element: Element | None) -> str | None:
    """Return the text of an element on one line; None where there is none."""
    return None if element is None else " ".join("".join(element.itertext()).split()) or None


def text_of(element: Element) -> str:
    """Return all text in an element; as HTML where it contains such."""
    if any(local(node).casefold() in HTML_TAGS for node in element.iter() if node is not element):
        for node in element.iter():
            node.tag = local(node) or node.tag
        html = tostring(element, encoding="unicode", method="html", short_empty_elements=False)
        return html[html.index(">") + 1 : html.rindex("<")].strip()
    return "".join(element.itertext()).strip()
