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
        authors = [one.get("name") for one in mappings(held.get("author")) if one.get("name")]
        plain = filled(
            without(plain, "_embedded", "author" if authors else ""),  # which may be a login
            author=authors,
            section=names["category"][:1],
            tags=names["post_tag"],
            image_url=within(held.get("wp:featuredmedia"), 0, "source_url"),
        )
    if any(
        isinstance(row.get(name), Mapping) and row[name].get("protected") is True for name in ("content", "excerpt")
    ):
        plain["status"] = PROTECTED
    about = row.get("yoast_head_json")
    return with_kind(
        filled(
            without(plain, "yoast_head", "yoast_head_json"),
            author=within(about, "author"),
            image_url=row.get("jetpack_featured_media_url") or within(about, "og_image", 0, "url"),
        )
    )


def _of_graphql(row: Row) -> Row:
    """Take the number of a post, which is the same in all interfaces, for its id."""
    number = row.get("databaseId") or row.get("postId")
    plain = without(
        row, "databaseId", "postId", "uri" if row.get("link") else "", "featuredImage", "id" if number else ""
    )
    picture = within(row.get("featuredImage"), "node") or row.get("featuredImage")
    given = {"id": number} if number else {}
    kind = within(row.get("contentType"), "node", "name") or row.get("contentTypeName") or row.get("__typename")
    return with_kind(
        filled(
            {**given, **without(plain, "contentType", "contentTypeName", "__typename")},
            image_url=within(picture, "sourceUrl"),
            type=kind,
        )
    )


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
    return all(isinstance(one, int) or (isinstance(one, str) and one.isdecimal()) for one in numbers)


REST = Shape(
    name="WordPress REST",
    any_of=(
        frozenset(("date_gmt", "slug", "title")),
        frozenset(("id", "slug", "title", "content", "_links")),
        *(frozenset(("id", "title", name)) for name in ("date_gmt", "_embedded")),  # as `_fields` of a request asks
    ),
    plain=_of_rest,
)
GRAPHQL = Shape(
    name="WPGraphQL",
    any_of=tuple(frozenset((name, "title")) for name in ("databaseId", "postId", "featuredImage")),
    plain=_of_graphql,
)
TABLE = Shape(
    name="wp_posts", any_of=(frozenset(("ID", "post_title", "post_content", "post_status")),), plain=_of_table
)
