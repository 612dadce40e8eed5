"""Posts of WordPress: as its REST interface answers them, and as rows of the table `wp_posts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, objects, with_kind, without

PROTECTED = "password protected"
"""Status of a post that readers see with a password only."""
_NUMBERS = ("author", "categories", "tags", "featured_media")


def _convert_rest(row: Row) -> Row:
    """Drop numbers of authors, categories and tags, which say nothing to readers; embedded names are read."""
    # the form of a post, such as `standard`, and what the theme looks for
    story = without(row, "format", "template", "guid", "_links", "yoast_head", "yoast_head_json")
    story = {name: value for name, value in story.items() if not (name in _NUMBERS and _are_numbers(value))}
    if isinstance(row.get("_embedded"), Mapping):
        story = _with_embedded(without(story, "_embedded"), row["_embedded"])
    if any(get_path(row.get(name), "protected") is True for name in ("content", "excerpt")):
        story["status"] = PROTECTED
    seo = row.get("yoast_head_json")
    if get_path(seo, "robots", "index") == "noindex":
        story["robots"] = "noindex"
    return with_kind(
        fill(
            story,
            author=get_path(seo, "author"),
            image_url=row.get("jetpack_featured_media_url") or get_path(seo, "og_image", 0, "url"),
        )
    )


def _with_embedded(story: Row, embedded: Mapping[str, Any]) -> Row:
    groups = embedded.get("wp:term")
    terms = [term for group in groups for term in objects(group)] if isinstance(groups, list) else []
    sections, tags = (
        [term.get("name") for term in terms if term.get("taxonomy") == taxonomy]
        for taxonomy in ("category", "post_tag")
    )
    authors = [author.get("name") for author in objects(embedded.get("author")) if author.get("name")]
    return fill(
        without(story, "author") if authors else story,  # which may be a login
        author=authors,
        section=sections[:1],
        tags=tags,
        image_url=get_path(embedded.get("wp:featuredmedia"), 0, "source_url"),
    )


def _convert_graphql(row: Row) -> Row:
    """Take the number of a post, which is the same in all interfaces, for its id."""
    number = first_of(row, "databaseId", "postId")
    story = without(row, "databaseId", "postId", "featuredImage", "contentType", "contentTypeName", "__typename")
    if row.get("link"):
        story = without(story, "uri")
    if number:
        story = {"id": number, **without(story, "id")}
    picture = get_path(row.get("featuredImage"), "node") or row.get("featuredImage")
    return with_kind(
        fill(
            story,
            image_url=get_path(picture, "sourceUrl"),
            type=get_path(row.get("contentType"), "node", "name") or first_of(row, "contentTypeName", "__typename"),
        )
    )


def _convert_table(row: Row) -> Row:
    """Drop the number of the author; a guid is an address with the number of the post."""
    story = without(row, "guid", "post_password")
    if row.get("post_password"):
        story["post_status"] = PROTECTED
    if row.get("post_type") == "post":
        story = without(story, "post_type")
    return without(story, "post_author") if str(row.get("post_author", "")).isdecimal() else story


def _are_numbers(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return all(isinstance(number, int) or (isinstance(number, str) and number.isdecimal()) for number in numbers)


REST = Shape(
    name="WordPress REST",
    any_of=(
        ("date_gmt", "slug", "title"),
        ("id", "slug", "title", "content", "_links"),
        *(("id", "title", name) for name in ("date_gmt", "_embedded")),  # as `_fields` of a request asks
    ),
    convert=_convert_rest,
)
GRAPHQL = Shape(
    name="WPGraphQL",
    any_of=tuple((name, "title") for name in ("databaseId", "postId", "featuredImage")),
    convert=_convert_graphql,
)
TABLE = Shape(name="wp_posts", any_of=(("ID", "post_title", "post_content", "post_status"),), convert=_convert_table)
