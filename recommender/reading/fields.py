"""One raw row -> one `Article`: column names, times, HTML and limits."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from recommender.articles.article import FIELDS, Article
from recommender.articles.urls import absolute_url
from recommender.errors import RowError
from recommender.reading.links import is_other_than_links, story_links
from recommender.reading.markup import Anchor, to_text, to_text_and_links
from recommender.reading.times import MISSING, shown, to_time
from recommender.settings import ReadingSettings

# The first name found wins, so a field's own name comes first. Compared without case and "_- ".
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("article_id", "story_id", "doc_id", "news_id", "uuid", "guid", "_id"),
    "title": ("headline", "head", "name"),
    "body": ("text", "content", "article_body", "full_text", "body_html", "content_html", "html"),
    "lead": ("abstract", "summary", "description", "standfirst", "dek", "teaser", "subtitle", "excerpt"),
    "section": ("category", "desk", "channel", "rubric", "department"),
    "tags": ("keywords", "topics", "labels"),
    "language": ("lang", "locale", "in_language"),
    "author": ("authors", "byline", "creator"),
    "source": ("brand", "publisher", "outlet", "publication"),
    "url": ("link", "permalink", "canonical_url", "web_url"),
    "image_url": ("image", "thumbnail", "picture"),
    "published_at": (
        *("published", "pub_date", "publish_date", "publication_date", "date_published", "published_date"),
        *("date", "datetime", "timestamp", "created_at", "created", "time"),
    ),
    "updated_at": ("updated", "modified", "modified_at", "date_modified", "last_modified", "lastmod"),
    "expires_at": ("expires", "expiry", "valid_until", "unpublish_at"),
    "canonical_id": ("canonical", "original_id"),
    "access": ("paywall", "access_level"),
    "sensitivity": ("sensitive",),
    "kind": ("type", "article_type", "content_type", "genre", "format"),
}
_ACCESS = {
    **dict.fromkeys(("free", "open", "public", "false", "0", "no"), "free"),
    **dict.fromkeys(("paid", "premium", "subscriber", "subscribers", "metered", "true", "1", "yes"), "paid"),
}

_Converter = Callable[[Any, str, ReadingSettings], Any]


def fold(name: str) -> str:
    """A column name without case, spaces, hyphens and underscores.

    Examples
    --------
    >>> fold("Pub_Date") == fold("pubDate")
    True
    """
    return re.sub(r"[\s_\-.:@]+", "", name).casefold()


_NAMES = {field: tuple(fold(name) for name in (field, *ALIASES.get(field, ()))) for field in FIELDS}


def recognise(columns: Iterable[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Which column feeds which field: first `mapping` (field -> column), then the known names.

    Examples
    --------
    >>> recognise(["guid", "Headline", "pubDate", "mood"], {})
    {'id': 'guid', 'title': 'Headline', 'published_at': 'pubDate'}
    """
    taken = set(mapping.values())
    named = [column for column in columns if isinstance(column, str) and column not in taken]
    by_name = {fold(column): column for column in reversed(named)}
    found = dict(mapping)
    for field, names in _NAMES.items():
        if field == "links" and field not in found:
            # `_links` of REST answers are addresses of the answer itself
            column = next((column for column in named if column.strip().casefold() == field), None)
            if column is not None:
                found[field] = column
        elif field not in found and field != "extra":
            known = (by_name[name] for name in names if name in by_name)
            column = field if field in named else next(known, None)  # "id" before "_id", which reads the same
            if column is not None:
                found[field] = column
    return found


def to_article(
    raw: Mapping[str, Any], columns: Mapping[str, str], limits: ReadingSettings, left_out: Counter[str] | None = None
) -> Article:
    """Build an `Article` from one row.

    Parameters
    ----------
    raw : mapping
        Values as a reader found them.
    columns : mapping
        Field -> column, as `recognise` returns it.
    limits : ReadingSettings
        Sizes beyond which the row is refused.
    left_out : Counter of str, optional
        Links that cannot be used are counted there by reason; they never cost the row.

    Raises
    ------
    RowError
        With the reason, if the row cannot be used.
    """
    values: dict[str, Any] = {}
    anchors: dict[str, list[Anchor]] = {}
    if "links" in columns and is_other_than_links(raw.get(columns["links"])):
        columns = {field: column for field, column in columns.items() if field != "links"}
    for field, column in columns.items():
        value = raw.get(column)
        if _absent(value) or field == "links":
            continue
        if field in ("lead", "body"):
            values[field], anchors[field] = to_text_and_links(_markup(value, field, limits))
        else:
            convert: _Converter = _CONVERT.get(field, _word)
            values[field] = convert(value, field, limits)
    used = set(columns.values())
    rest = {key: value for key, value in raw.items() if key not in used and not _absent(value)}
    if isinstance(rest.get("extra"), Mapping):
        rest = {**rest.pop("extra"), **rest}
    values = {key: value for key, value in values.items() if value is not None}
    if not values.get("id"):
        raise RowError("missing id")
    if len(values["id"]) > limits.max_id_chars:
        raise RowError(f"id of {len(values['id'])} characters; the limit is {limits.max_id_chars}")
    if not values.get("title") and not values.get("body"):
        raise RowError("neither title nor body")
    if limits.site_url and values.get("url", "").startswith("/"):
        values["url"] = absolute_url(values["url"], limits.site_url)
    linked = raw.get(columns["links"]) if "links" in columns else None
    linked = None if _absent(linked) else linked
    if linked is not None or any(anchors.values()):
        found = (one for field in ("lead", "body") for one in anchors.get(field, ()))
        base = values.get("url") or (values["id"] if "://" in values["id"] else limits.site_url)
        values["links"] = story_links(found, linked, base, limits, Counter() if left_out is None else left_out)
    if rest:
        values["extra"] = {**values.get("extra", {}), **_extra(rest)}
    return Article(**values)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and math.isnan(value))


def _checked(value: Any, field: str) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError(f"{field} is {type(value).__name__}, expected text")
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise RowError(f"{field} is not valid UTF-8; convert the file's encoding") from None
    except ValueError:
        raise RowError(f"{field} is {shown(value)}") from None
    if "\x00" in text:
        raise RowError(f"NUL byte in {field}")
    return text


def _word(value: Any, field: str, limits: ReadingSettings) -> str | None:
    if isinstance(value, list | tuple) and field in ("author", "section"):
        value = ", ".join(_checked(part, field) for part in value)
    text = _checked(value, field).strip()
    if field not in ("id", "image_url"):  # the one has a limit of its own, the other may hold the image itself
        _within(text, field, limits.max_field_chars)
    return None if field != "id" and text.casefold() in MISSING else text


def _within(text: str, field: str, most: int) -> str:
    if len(text) > most:
        raise RowError(f"{field} of {len(text):,} characters; the limit is {most:,}")
    return text


def _markup(value: Any, field: str, limits: ReadingSettings) -> str:
    return _within(_checked(value, field), field, limits.max_body_chars)


def _title(value: Any, field: str, limits: ReadingSettings) -> str:
    return _within(to_text(_markup(value, field, limits)), field, limits.max_field_chars)


def _tags(value: Any, field: str, limits: ReadingSettings) -> tuple[str, ...]:
    if isinstance(value, str):
        text = _checked(value, field).strip()
        value = _json_list(text) if text.startswith("[") else re.split(r"[;,|]", text)
    if not isinstance(value, list | tuple):
        raise RowError(f"tags is {type(value).__name__}, expected a list or text")
    if len(value) > limits.max_tags:
        raise RowError(f"{len(value):,} tags; the limit is {limits.max_tags:,}")
    tags = (_checked(part, field).strip() for part in value if part is not None)
    return tuple(_within(tag, "a tag", limits.max_field_chars) for tag in tags if tag)


def _json_list(text: str) -> list[Any]:
    try:
        return list(orjson.loads(text))
    except (orjson.JSONDecodeError, TypeError):
        raise RowError(f"tags is not a JSON list: {text[:60]!r}") from None


def _access(value: Any, field: str, limits: ReadingSettings) -> str:
    try:
        return _ACCESS[str(value).strip().casefold()]
    except (KeyError, ValueError):
        raise RowError(f"access is {shown(value)}; expected free or paid") from None


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an escaped NUL, not the text backslash-u0000


def _extra(rest: dict[str, Any]) -> dict[str, Any]:
    try:
        clean = orjson.loads(orjson.dumps(rest, default=str, option=orjson.OPT_NON_STR_KEYS))
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise RowError(f"a further column cannot be kept: {error}") from None
    if _NUL.search(orjson.dumps(clean)):
        raise RowError("NUL byte in a further column")
    return dict(clean)


def _time(value: Any, field: str, limits: ReadingSettings) -> datetime | None:
    return to_time(value, field)


def _folded(value: Any, field: str, limits: ReadingSettings) -> str | None:
    word = _word(value, field, limits)
    return word.casefold() if word else None


def _given(value: Any, field: str, limits: ReadingSettings) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RowError(f"extra is {type(value).__name__}, expected an object")
    return _extra(dict(value))


_CONVERT: dict[str, _Converter] = {
    "title": _title,
    **dict.fromkeys(("published_at", "updated_at", "expires_at"), _time),
    **dict.fromkeys(("kind", "language"), _folded),
    "tags": _tags,
    "access": _access,
    "extra": _given,
}
