"""Stories whose fields stand in an object: Airtable, Webflow, Prismic, Storyblok, Wagtail, Firestore, Umbraco."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, first_of, with_kind, without
from recommender.reading.names import known_names

_INNER = ("fields", "fieldData", "data", "content", "meta")
_UNTITLED_INNER = (
    *_INNER,
    *("properties", "frontmatter", "article", "story", "post", "document", "doc", "node", "item", "record", "Item"),
    "payload",
    "translations",
)
_FIELDS = ("fields", "data", "properties", "attributes", "contentFields")  # whose names are no text of a story


def _convert(row: Row) -> Row:
    name = next((name for name in _INNER if isinstance(row.get(name), Mapping) and known_names(row[name])), None)
    if name is None:  # or a text kept as a tree
        return row
    fields = row[name]
    outer = without(row, name, "name") if "component" in fields else without(row, name)  # which readers never see
    if outer.get("first_published_at"):  # of Storyblok, whose other time is that of the last publication
        outer["published_at"] = outer["first_published_at"]
    if name == "meta":
        return with_kind(without({**fields, **outer}, "type"))
    return with_kind({**outer, **without(fields, "id", "_uid", "component")})


def _convert_untitled(row: Row) -> Row:
    """Take the fields of an object that contains the title which its row lacks."""
    for name in _UNTITLED_INNER:
        fields = row.get(name)
        if isinstance(fields, list) and name == "translations":  # the first is that of the site
            fields = next(iter(fields), None)
        if isinstance(fields, Mapping) and "title" in known_names(fields):
            outer = without(row, name)
            if "createTime" in outer and isinstance(outer.get("name"), str):  # of Firestore: a path that ends in the id
                outer = {**without(outer, "name", "createTime", "updateTime"), "id": outer["name"].rpartition("/")[2]}
            return with_kind({**fields, **outer})
    return row


def _convert_bodiless(row: Row) -> Row:
    """Take the fields of an object that contains the body which its row lacks."""
    for name in _FIELDS:
        fields = row.get(name)
        if isinstance(fields, list):
            fields = _join_pairs(fields)
        if isinstance(fields, Mapping) and "body" in known_names(fields):
            return with_kind({**fields, **without(row, name)})
    return row


def _join_pairs(parts: list[Any]) -> Row:
    """Make a row of a list of names and values, as Liferay and others keep fields that a newsroom defined."""
    pairs = (part for part in parts if isinstance(part, Mapping) and isinstance(part.get("name"), str))
    return {part["name"]: first_of(part, "value", "contentFieldValue", "values") for part in pairs}


class _Untitled(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether no column contains a title, and one may contain an object with it."""
        return any(name in names for name in _UNTITLED_INNER) and (
            {"fields", "createTime"} <= set(names) or "title" not in known_names(names)
        )


SHAPE = Shape(
    name="fields in an object",
    any_of=(
        ("id", "createdTime", "fields"),
        ("id", "fieldData"),
        ("id", "uid", "data"),
        ("uuid", "full_slug", "content"),
        ("id", "meta", "title"),
    ),
    convert=_convert,
)


class _Bodiless(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether a column contains a title, but none a body, and one may contain an object with it."""
        return any(name in names for name in _FIELDS) and "body" not in known_names(names)


UNTITLED = _Untitled(name="a story in an object", any_of=(("frontmatter",),), convert=_convert_untitled)
BODILESS = _Bodiless(name="a body in an object", any_of=(("name", "properties"),), convert=_convert_bodiless)
