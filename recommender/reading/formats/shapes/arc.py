"""Stories of Arc XP, in its ANS schema."""

from __future__ import annotations

from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, within, without

_APART = ("taxonomy", "promo_items", "credits", "content_elements", "distributor", "related_content", "revision")


def _plain(row: Row) -> Row:
    taxonomy, promo = row.get("taxonomy"), row.get("promo_items")
    plain = filled(
        without(row, *_APART),
        content_elements=_paragraphs(row.get("content_elements")),
        tags=[one.get("text") or one.get("slug") for one in mappings(within(taxonomy, "tags"))],
        section=_name(within(taxonomy, "primary_section")) or _name(within(taxonomy, "primary_site")),
        author=[_name(one) for one in mappings(within(row.get("credits"), "by"))],
        image=within(promo, "basic", "url") or within(promo, "lead_art", "url"),
        source=within(row.get("source"), "name") or within(row.get("distributor"), "name"),
    )
    if isinstance(row.get("source"), dict):
        plain["source"] = within(row["source"], "name") or within(row.get("distributor"), "name")
    return with_kind(plain)


def _name(value: Any) -> Any:
    return within(value, "name") or within(value, "byline")


def _paragraphs(elements: Any) -> list[Any]:
    """Find the elements that are text; of lists and quotes what they hold."""
    found: list[Any] = []
    for one in mappings(elements):
        if one.get("type") in ("list", "quote", "blockquote", "link_list"):
            items = mappings(one.get("items")) or mappings(one.get("content_elements"))
            found += [{"type": "text", "content": item.get("content")} for item in items if item.get("content")]
        else:
            found.append(one)
    return found


SHAPE = Shape(
    name="Arc XP",
    any_of=(frozenset(("headlines", "content_elements")), frozenset(("headlines", "canonical_website"))),
    plain=_plain,
)
