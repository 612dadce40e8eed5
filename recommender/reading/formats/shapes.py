"""Rows as systems answer them -> rows whose columns are known by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Row = dict[str, Any]

# Where objects hold their stories; a path through objects, from the outside.
_WRAPPERS = (
    *(("response", "results"), ("response", "docs"), ("hits", "hits"), ("feed", "entry"), ("channel", "item")),
    *(("rss", "channel", "item"), ("data", "articles"), ("data", "posts"), ("data", "items"), ("@graph",)),
    *((name,) for name in ("data", "articles", "items", "results", "posts", "entries", "stories", "docs", "news")),
    *((name,) for name in ("content_elements", "records", "rows", "documents", "hits", "value", "list", "content")),
)
_STORY = frozenset(("title", "headline", "headlines", "webTitle", "body", "text", "_source", "attributes", "fields"))
_KINDS = {"opinionnewsarticle": "opinion", "liveblogposting": "live", "reviewnewsarticle": "review"}
_PLAIN_KINDS = ("article", "newsarticle", "text", "story", "post", "reportagenewsarticle", "composite")


def rows_within(value: Row) -> Iterator[Row]:
    """The stories that an object wraps; itself where it wraps none.

    Examples
    --------
    >>> list(rows_within({"status": "ok", "data": [{"id": 1, "title": "Ferry aground"}]}))
    [{'id': 1, 'title': 'Ferry aground'}]
    """
    if not _STORY.isdisjoint(value):
        yield value
        return
    if isinstance(value.get("db"), list):  # Ghost
        for part in value["db"]:
            data = part.get("data") if isinstance(part, Mapping) else None
            yield from data.get("posts", ()) if isinstance(data, Mapping) else ()
        return
    for path in _WRAPPERS:
        found: Any = value
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
            yield from found
            return
    yield value


def shape_of(names: Collection[str]) -> Callable[[Row], Row] | None:
    """What makes rows with these columns plain; None where they are."""
    return next((shape for fits, shape in SHAPES if fits.issubset(names)), None)


def _elasticsearch(row: Row) -> Row:
    source = row["_source"]
    return {"_id": row.get("_id"), **source} if isinstance(source, Mapping) else row


def _json_api(row: Row) -> Row:
    attributes = row["attributes"]
    if not isinstance(attributes, Mapping):
        return row
    kind = str(row.get("type", "")).removeprefix("node--")
    return _kind({"id": row["id"], "type": kind, **attributes})


def _guardian(row: Row) -> Row:
    fields = row.get("fields")
    more = dict(fields) if isinstance(fields, Mapping) else {}
    rest = {name: value for name, value in row.items() if name != "fields"}
    return _kind({**rest, **more})


def _json_ld(row: Row) -> Row:
    plain = dict(row)
    kind = plain.pop("@type")
    plain["type"] = next((one for one in kind if "Article" in str(one)), None) if isinstance(kind, list) else kind
    free = plain.pop("isAccessibleForFree", None)
    if free is not None:
        plain["access"] = "free" if str(free).casefold() in ("true", "1", "yes") else "paid"
    page = plain.get("mainEntityOfPage")
    address = plain.get("url") or (page.get("@id") if isinstance(page, Mapping) else page) or plain.get("@id")
    return _kind({"id": plain.pop("@id", None) or address, "url": address, **plain})


def _wordpress(row: Row) -> Row:
    """Without numbers of authors, categories and tags, which tell a reader nothing."""
    return _kind(
        {
            name: value
            for name, value in row.items()
            if not (name in ("author", "categories", "tags", "featured_media") and _is_numbers(value))
        }
    )


def _ghost(row: Row) -> Row:
    access = "paid" if row["visibility"] in ("paid", "tiers") else "free"
    return _kind({"access": access, **{name: value for name, value in row.items() if name != "visibility"}})


def _arc(row: Row) -> Row:
    """Stories of Arc XP."""
    taxonomy = row.get("taxonomy")
    taxonomy = taxonomy if isinstance(taxonomy, Mapping) else {}
    promo, credits = row.get("promo_items"), row.get("credits")
    plain = {name: value for name, value in row.items() if name not in ("taxonomy", "promo_items", "credits")}
    plain.setdefault("tags", taxonomy.get("tags"))
    plain.setdefault("section", taxonomy.get("primary_section") or taxonomy.get("primary_site"))
    if isinstance(credits, Mapping):
        plain.setdefault("author", credits.get("by"))
    if isinstance(promo, Mapping) and isinstance(promo.get("basic"), Mapping):
        plain.setdefault("image", promo["basic"].get("url"))
    return _kind(plain)


def _ninjs(row: Row) -> Row:
    plain = dict(row)
    if isinstance(plain.get("headlines"), list):
        plain["headline"] = plain.pop("headlines")
    if isinstance(plain.get("bodies"), list):
        plain["body"] = plain.pop("bodies")
    return _kind(plain)


def _is_numbers(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return all(isinstance(one, int) for one in numbers)


def _kind(row: Row) -> Row:
    """With a type that is one of ours, or none."""
    kind = str(row.get("type") or "").casefold()
    if kind in _PLAIN_KINDS:
        return {name: value for name, value in row.items() if name != "type"}
    return {**row, "type": _KINDS[kind]} if kind in _KINDS else row


SHAPES: tuple[tuple[frozenset[str], Callable[[Row], Row]], ...] = (
    (frozenset(("_index", "_source")), _elasticsearch),
    (frozenset(("type", "id", "attributes")), _json_api),
    (frozenset(("webTitle", "webPublicationDate")), _guardian),
    (frozenset(("@type", "headline")), _json_ld),
    (frozenset(("date_gmt", "slug", "title")), _wordpress),
    (frozenset(("uuid", "visibility", "html")), _ghost),
    (frozenset(("headlines", "content_elements")), _arc),
    (frozenset(("uri", "versioncreated")), _ninjs),
)
"""Columns that tell a shape, and what makes its rows plain; the first that fits counts."""
