"""Stories whose fields stand in an object of their own: Airtable, Webflow, Prismic, Storyblok, Wagtail."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, without

_INNER = ("fields", "fieldData", "data", "content", "meta")


def _plain(row: Row) -> Row:
    name = next((name for name in _INNER if isinstance(row.get(name), Mapping)), None)
    if name is None:
        return row
    held = row[name]
    outer = without(row, name, "name") if "component" in held else without(row, name)  # a name that readers never see
    plain = {**held, **outer} if name == "meta" else {**outer, **without(held, "id", "_uid", "component")}
    return with_kind(without(plain, "type") if name == "meta" else plain)


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
