"""Items of IPTC ninjs, 1.x to 3.x."""

from __future__ import annotations

from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, objects, with_kind, without

_BODIES = ("body_html", "body_xhtml", "body_text", "body")
_LEADS = ("description", "description_text", "description_xhtml", "description_html")
_APART = ("bodies", "descriptions", "headlines", "associations", "renditions", "by")
_MAIN = ("main", "body", "headline", "summary", "description")
_TIMES = ("embargoed", "firstpublished", "firstcreated", "contentcreated", "versioncreated")
_CAPITALS = {
    name: name.casefold()
    for name in ("pubStatus", "versionCreated", "firstCreated", "firstPublished", "contentCreated", "infoSources")
}
_NO_STORIES = ("picture", "graphic", "planning", "event")
_MAY_BE_STORIES = ("video", "audio")  # with a text


def _convert(row: Row) -> Row:
    row = {**row, **{_CAPITALS[name]: value for name, value in row.items() if name in _CAPITALS}}  # of 3.0
    body = first_of(row, *_BODIES) or _main_text(row.get("bodies"))
    lead = first_of(row, *_LEADS) or _main_text(row.get("descriptions"))
    story = {
        **without(row, *_BODIES, *_LEADS, *_APART),
        "body": body,
        "lead": lead,
        "published_at": first_of(row, *_TIMES),
        "updated_at": row.get("versioncreated"),
    }
    story = fill(
        story,
        headline=_main_text(row.get("headlines")),
        byline=row.get("by") if isinstance(row.get("by"), str) else _names(row.get("by") or row.get("bylines")),
        image=_find_picture(row),
        source=row.get("provider") or next((info.get("name") for info in objects(row.get("infosources"))), None),
    )
    kind = str(row.get("type") or "").casefold()
    if kind in _NO_STORIES or (kind in _MAY_BE_STORIES and not body):
        story["post_type"] = "attachment"  # a picture of its own, whose body is its caption
    return with_kind(without(story, *_TIMES))


def _main_text(value: Any) -> Any:
    """Find the main text of several; HTML before plain text, as it contains the links."""
    texts = objects(value)
    if not texts:
        return value if isinstance(value, str) else None
    texts = [text for text in texts if text.get("role") in _MAIN] or texts
    html = [
        text for text in texts if "html" in f"{text.get('contenttype')} {text.get('contentType')} {text.get('role')}"
    ]
    return (html or texts)[0].get("value")


def _names(value: Any) -> list[Any]:
    names = [first_of(author, "name", "value") for author in objects(value)]
    return [name.removeprefix("By ") for name in names if isinstance(name, str)]


def _find_picture(row: Row) -> Any:
    for association in objects(row.get("associations")):
        for picture in objects(association.get("renditions")):
            if picture.get("href") and "video" not in str(first_of(picture, "mimetype", "contenttype")):
                return picture["href"]
    return None


SHAPE = Shape(
    name="IPTC ninjs",
    any_of=(
        ("uri", "versioncreated"),
        ("uri", "versionCreated"),
        *((name, "versioncreated") for name in ("guid", "_id")),  # of Superdesk
        *(("uri", name) for name in ("body_html", "body_text", "bodies", "headlines", "pubstatus")),
    ),
    convert=_convert,
)
