"""Stories whose fields stand in an object: Airtable, Webflow, Prismic, Storyblok, Wagtail, Firestore, Gatsby."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, without
from recommender.reading.names import known_names

_INNER = ("fields", "fieldData", "data", "content", "meta")
_ELSEWHERE = (
    *_INNER,
    "properties",
    "frontmatter",
    "article",
    "story",
    "post",
    "document",
    "doc",
    "node",
    "item",
    "record",
    "Item",
    "translations",
)


def _plain(row: Row) -> Row:
    name = next((name for name in _INNER if isinstance(row.get(name), Mapping)), None)
    if name is None:
        return row
    held = row[name]
    outer = without(row, name, "name") if "component" in held else without(row, name)  # a name that readers never see
    plain = {**held, **outer} if name == "meta" else {**outer, **without(held, "id", "_uid", "component")}
    return with_kind(without(plain, "type") if name == "meta" else plain)


def _of_untitled(row: Row) -> Row:
    """Take the fields of an object that holds the title which its row lacks."""
    for name in _ELSEWHERE:
        held = row.get(name)
        if isinstance(held, list) and name == "translations":  # the first is that of the site
            held = next(iter(held), None)
        if isinstance(held, Mapping) and "title" in known_names(held):
            outer = without(row, name)
            if "createTime" in outer and isinstance(outer.get("name"), str):  # of Firestore: a path that ends in the id
                outer = {**without(outer, "name", "createTime", "updateTime"), "id": outer["name"].rpartition("/")[2]}
            return with_kind({**held, **outer})
    return row


class _Untitled(Shape):
    def fits(self, names: Collection[str]) -> bool:
        """Tell whether no column holds a title, and one may hold an object with it."""
        return any(name in names for name in _ELSEWHERE) and (
            {"fields", "createTime"} <= set(names) or "title" not in known_names(names)
        )


SHAPE = Shape(
    name="fields in an object",
    any_of=(
        frozenset(("id", "createdTime", "fields")),
        frozenset(("id", "fieldData")),
        frozenset(("id", "uid", "data")),
        frozenset(("uuid", "full_slug", "content")),
        frozenset(("id", "meta", "title")),
    ),
    plain=_plain,
)
UNTITLED = _Untitled(name="a story in an object", any_of=(frozenset(("frontmatter",)),), plain=_of_untitled)
