"""Items of IPTC ninjs, 1.x to 3.x."""

from __future__ import annotations

from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, filled, mappings, with_kind, within, without

_BODIES = ("body_html", "body_xhtml", "body_text", "body")
_LEADS = ("description_html", "description_xhtml", "description_text", "description")
_MAIN = ("main", "body", "headline", "summary", "description")
_TIMES = ("embargoed", "firstpublished", "firstcreated", "contentcreated", "versioncreated")
_CAPITALS = {
    name: name.casefold()
    for name in ("pubStatus", "versionCreated", "firstCreated", "firstPublished", "contentCreated", "infoSources")
}
_NO_STORIES = ("picture", "graphic", "planning", "event")
_MAY_BE_STORIES = ("video", "audio")  # with a text


def _plain(row: Row) -> Row:
    row = {**row, **{_CAPITALS[name]: value for name, value in row.items() if name in _CAPITALS}}  # of 3.0
    body = next((row[name] for name in _BODIES if row.get(name)), None) or _of_role(row.get("bodies"))
    lead = next((row[name] for name in reversed(_LEADS) if row.get(name)), None) or _of_role(row.get("descriptions"))
    rest = without(row, *_BODIES, *_LEADS, "bodies", "descriptions", "headlines", "associations", "renditions")
    times = {"published_at": _first_time(row), "updated_at": row.get("versioncreated")}
    plain = filled(
        {**without(rest, "by"), "body": body, "lead": lead, **times},
        headline=_of_role(row.get("headlines")),
        byline=row.get("by") if isinstance(row.get("by"), str) else _names(row.get("by") or row.get("bylines")),
        image=_picture(row),
        source=_source(row),
    )
    kind = str(row.get("type") or "").casefold()
    if kind in _NO_STORIES or (kind in _MAY_BE_STORIES and not body):
        plain["post_type"] = "attachment"  # a picture of its own, whose body is its caption
    return with_kind(without(plain, *_TIMES))


def _first_time(row: Row) -> Any:
    return next((row[name] for name in _TIMES if row.get(name)), None)


def _of_role(parts: Any) -> Any:
    """Find the main text of several; HTML before plain text, as it holds the links."""
    found = mappings(parts)
    if not found:
        return parts if isinstance(parts, str) else None
    found = [one for one in found if one.get("role") in _MAIN] or found
    html = [one for one in found if "html" in f"{one.get('contenttype')} {one.get('contentType')} {one.get('role')}"]
    return (html or found)[0].get("value")


def _source(row: Row) -> Any:
    return row.get("provider") or next((one.get("name") for one in mappings(row.get("infosources"))), None)


def _names(value: Any) -> list[Any]:
    names = [one.get("name") or one.get("value") for one in mappings(value)]
    return [name.removeprefix("By ") for name in names if isinstance(name, str)]


def _picture(row: Row) -> Any:
    for one in mappings(row.get("associations")):
        for picture in mappings(one.get("renditions")):
            if picture.get("href") and "video" not in str(picture.get("mimetype") or picture.get("contenttype")):
                return within(picture, "href")
    return None


SHAPE = Shape(
    name="IPTC ninjs",
    any_of=(
        frozenset(("uri", "versioncreated")),
        frozenset(("uri", "versionCreated")),
        *(frozenset((name, "versioncreated")) for name in ("guid", "_id")),  # of Superdesk
        *(frozenset(("uri", name)) for name in ("body_html", "body_text", "bodies", "headlines", "pubstatus")),
    ),
    plain=_plain,
)
