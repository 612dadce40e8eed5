"""Entries as feedparser gives them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, within, without


def _plain(row: Row) -> Row:
    """Take texts without what describes them, and times as they were parsed, which are UTC."""
    parsed = {field: row.get(f"{name}_parsed") for name, field in _TIMES.items()}
    times = {field: time for field, time in parsed.items() if time}
    if not times.get("published_at") and not row.get("published") and times.get("updated_at"):
        times["published_at"] = times["updated_at"]
    told = [name for name in row if name.endswith(("_detail", "_parsed"))]
    written = [name for name, field in _TIMES.items() if field in times]
    plain = filled(
        {**without(row, *told, *written, *_APART), **times},
        body=_markup(row.get("content")),
        url=row.get("link"),
        image_url=within(row.get("media_thumbnail"), 0, "url") or _picture(row),
    )
    author = within(row.get("authors"), 0, "name")
    return {**without(plain, "media_thumbnail", "media_content"), **({"author": author} if author else {})}


_APART = ("links", "link", "guidislink", "content", "authors")


def _markup(parts: object) -> str | None:
    """Find the text of an entry: the first in HTML, else the first of any kind."""
    found = mappings(parts)
    chosen = next((one for one in found if "html" in str(one.get("type"))), found[0] if found else None)
    return str(chosen.get("value") or "") if chosen is not None else None


_TIMES = {"published": "published_at", "updated": "updated_at", "expired": "expires_at"}


def _picture(row: Row) -> object:
    links = [*mappings(row.get("media_content")), *mappings(row.get("links"))]
    return next((one.get("url") or one.get("href") for one in links if "image" in str(one.get("type", ""))), None)


SHAPE = Shape(
    name="feedparser",
    any_of=(frozenset(("title_detail",)), frozenset(("summary_detail",))),
    plain=_plain,
)
