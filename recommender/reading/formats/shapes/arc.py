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
        section=_section(taxonomy),
        author=[_name(one) for one in mappings(within(row.get("credits"), "by"))],
        image=within(promo, "basic", "url") or within(promo, "lead_art", "url"),
        source=within(row.get("source"), "name") or within(row.get("distributor"), "name"),
    )
    if isinstance(row.get("source"), dict):
        plain["source"] = within(row["source"], "name") or within(row.get("distributor"), "name")
    return with_kind(plain)


def _name(value: Any) -> Any:
    return within(value, "name") or within(value, "byline")


def _section(taxonomy: Any) -> Any:
    primary = (_name(within(taxonomy, name)) for name in ("primary_section", "primary_site"))
    further = (_name(one) for name in ("sections", "sites") for one in mappings(within(taxonomy, name)))
    return next(filter(None, (*primary, *further)), None)


def _paragraphs(elements: Any, depth: int = 0) -> list[Any]:
    """Find the elements that are text; of lists, quotes and tables what they hold."""
    found: list[Any] = []
    for one in mappings(elements) if depth < _DEEPEST else ():
        if one.get("type") in ("list", "quote", "blockquote", "link_list") and not one.get("content"):
            found += _paragraphs(one.get("items") or one.get("content_elements"), depth + 1)
        elif one.get("type") == "table":
            rows = one.get("rows")
            for row in rows if isinstance(rows, list) else ():
                cells = [cell.get("content") for cell in mappings(row)]
                found.append({"type": "text", "content": " ".join(cell for cell in cells if isinstance(cell, str))})
        else:
            found.append(one)
    return found


_DEEPEST = 10
SHAPE = Shape(
    name="Arc XP",
    any_of=(frozenset(("headlines", "content_elements")), frozenset(("headlines", "canonical_website"))),
    plain=_plain,
)
