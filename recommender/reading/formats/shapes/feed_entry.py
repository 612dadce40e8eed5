"""Entries as feedparser gives them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, objects, without

_TIMES = {"published": "published_at", "updated": "updated_at", "expired": "expires_at"}
_APART = ("links", "link", "guidislink", "content", "authors")


def _convert(row: Row) -> Row:
    """Take texts without their details, and times as they were parsed, which are UTC."""
    parsed = {field: row.get(f"{name}_parsed") for name, field in _TIMES.items()}
    times = {field: time for field, time in parsed.items() if time}
    if not times.get("published_at") and not row.get("published") and times.get("updated_at"):
        times["published_at"] = times["updated_at"]
    details = [name for name in row if name.endswith(("_detail", "_parsed"))]
    unparsed = [name for name, field in _TIMES.items() if field in times]
    story = fill(
        {**without(row, *details, *unparsed, *_APART), **times},
        body=_find_text(row.get("content")),
        url=row.get("link"),
        image_url=get_path(row.get("media_thumbnail"), 0, "url") or _find_picture(row),
    )
    author = get_path(row.get("authors"), 0, "name")
    return {**without(story, "media_thumbnail", "media_content"), **({"author": author} if author else {})}


def _find_text(contents: object) -> str | None:
    texts = objects(contents)
    chosen = next((text for text in texts if "html" in str(text.get("type"))), texts[0] if texts else None)
    return str(chosen.get("value") or "") if chosen is not None else None


def _find_picture(row: Row) -> object:
    links = [*objects(row.get("media_content")), *objects(row.get("links"))]
    return next((first_of(link, "url", "href") for link in links if "image" in str(link.get("type", ""))), None)


SHAPE = Shape(name="feedparser", any_of=(("title_detail",), ("summary_detail",)), convert=_convert)
