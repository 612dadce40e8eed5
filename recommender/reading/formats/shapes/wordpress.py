"""Posts of WordPress: as its REST interface answers them, and as rows of the table `wp_posts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, within, without

PROTECTED = "password protected"
"""Status of a post that readers see with a password only."""
_NUMBERS = ("author", "categories", "tags", "featured_media")


def _of_rest(row: Row) -> Row:
    """Drop numbers of authors, categories and tags, which tell readers nothing; embedded names are read."""
    plain = {name: value for name, value in row.items() if not (name in _NUMBERS and _is_numbers(value))}
    # the form of a post, such as `standard`, and what the theme looks for
    plain = without(plain, "format", "template", "guid", "_links")
    held = row.get("_embedded")
    if isinstance(held, Mapping):
        groups = held.get("wp:term")
        terms = [term for group in groups for term in mappings(group)] if isinstance(groups, list) else []
        names = {kind: [one.get("name") for one in terms if one.get("taxonomy") == kind] for kind in _TERMS}
        plain = filled(
            without(plain, "_embedded"),
            author=[one.get("name") for one in mappings(held.get("author")) if one.get("name")],
            section=names["category"][:1],
            tags=names["post_tag"],
            image_url=within(held.get("wp:featuredmedia"), 0, "source_url"),
        )
    if any(
        isinstance(row.get(name), Mapping) and row[name].get("protected") is True for name in ("content", "excerpt")
    ):
        plain["status"] = PROTECTED
    return with_kind(filled(plain, image_url=row.get("jetpack_featured_media_url")))


_TERMS = ("category", "post_tag")


def _of_table(row: Row) -> Row:
    """Drop the number of the author; a guid is an address with the number of the post."""
    plain = without(row, "guid", "post_password")
    if row.get("post_password"):
        plain["post_status"] = PROTECTED
    kind = str(row.get("post_type") or "")
    plain = without(plain, "post_type") if kind == "post" else plain
    return without(plain, "post_author") if str(row.get("post_author", "")).isdecimal() else plain


def _is_numbers(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return all(isinstance(one, int) for one in numbers)


REST = Shape(
    name="WordPress REST",
    any_of=(frozenset(("date_gmt", "slug", "title")), frozenset(("id", "slug", "title", "content", "_links"))),
    plain=_of_rest,
)
TABLE = Shape(
    name="wp_posts", any_of=(frozenset(("ID", "post_title", "post_content", "post_status")),), plain=_of_table
)
