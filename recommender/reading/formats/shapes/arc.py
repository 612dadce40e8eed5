"""Stories of Arc XP, in its ANS schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, objects, with_kind, without

_APART = ("taxonomy", "promo_items", "credits", "content_elements", "distributor", "related_content", "revision")
_MAX_DEPTH = 10


def _convert(row: Row) -> Row:
    taxonomy, promo = row.get("taxonomy"), row.get("promo_items")
    source = get_path(row.get("source"), "name") or get_path(row.get("distributor"), "name")
    story = fill(
        without(row, *_APART),
        content_elements=_find_texts(row.get("content_elements")),
        tags=[first_of(tag, "text", "slug") for tag in objects(get_path(taxonomy, "tags"))],
        section=_find_section(taxonomy),
        author=[_name(author) for author in objects(get_path(row.get("credits"), "by"))],
        image=get_path(promo, "basic", "url") or get_path(promo, "lead_art", "url"),
        source=source,
    )
    story["published_at"] = first_of(row, "display_date", "first_publish_date", "publish_date", "created_date")
    if get_path(row.get("revision"), "published") is False:
        story["status"] = "unpublished"
    if get_path(row.get("content_restrictions"), "content_code") not in (None, "", "free", "open", "default"):
        story["access"] = "paid"
    if isinstance(row.get("source"), dict):
        story["source"] = source
    return with_kind(story)


def _name(value: Any) -> Any:
    return get_path(value, "name") or get_path(value, "byline")


def _find_section(taxonomy: Any) -> Any:
    primary = (_name(get_path(taxonomy, name)) for name in ("primary_section", "primary_site"))
    further = (_name(section) for name in ("sections", "sites") for section in objects(get_path(taxonomy, name)))
    return next(filter(None, (*primary, *further)), None)


def _find_texts(elements: Any, depth: int = 0) -> list[Any]:
    """Find the elements that are text; of lists, quotes and tables what they contain."""
    texts: list[Any] = []
    for element in objects(elements) if depth < _MAX_DEPTH else ():
        if element.get("type") in ("list", "quote", "blockquote", "link_list") and not element.get("content"):
            texts += _find_texts(element.get("items") or element.get("content_elements"), depth + 1)
        elif element.get("type") == "table":
            texts += _read_table(element)
        else:
            texts.append(element)
    return texts


def _read_table(table: Mapping[str, Any]) -> list[Any]:
    rows = table.get("rows")
    lines = [[cell.get("content") for cell in objects(row)] for row in rows] if isinstance(rows, list) else []
    return [{"type": "text", "content": " ".join(cell for cell in line if isinstance(cell, str))} for line in lines]


SHAPE = Shape(
    name="Arc XP", any_of=(("headlines", "content_elements"), ("headlines", "canonical_website")), convert=_convert
)
