"""One raw row -> one `Article`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from recommender.articles.article import Article, Link
from recommender.articles.urls import absolute_url
from recommender.errors import RowError
from recommender.reading.convert import (
    CONVERT,
    CUT_LEAD,
    Converter,
    is_cut_from,
    kept_extra,
    read_moment,
    repeats,
    to_texts,
    word,
)
from recommender.reading.links import is_other_than_links, story_links
from recommender.reading.markup import Anchor
from recommender.reading.months import AmbiguousMonth
from recommender.reading.names import TIMES, guessed_id
from recommender.reading.plan import Plan
from recommender.reading.times import AmbiguousDate, shown
from recommender.reading.values import WrongType, as_text, one_of, plain

LONG_TEXT = 500
"""Characters of a text that may be a body under a name that is not known."""
_MOMENT = timedelta(microseconds=1)
_TEXTS, _MAP_TEXTS = frozenset(("title", "body")), "--column title=COLUMN --column body=COLUMN"
NAME_ID = "name it with --column"
"""What comes before the mapping, in the reason why a row without an id is rejected."""
_MOST_NAMES, _LONGEST_NAME = 12, 40  # names of columns that a reason tells, and characters of each
_INEXACT = 2**53  # from here on floats are several whole numbers each
ID_IS_URL = "stories have no id: their address serves as one"
_NO_BODY = "stories have no body, but a long text in the column {!r}: --column body={} reads it"


class Unpublished(Exception):
    """A row that is no published story; it still tells which version of the story it is."""

    def __init__(self, reason: str, article: Article) -> None:
        super().__init__(reason)
        self.reason, self.article = reason, article


def to_article(raw: Mapping[str, Any], plan: Plan) -> Article:
    """Build an `Article` from one row.

    Only a row without an id, or without a title and a body, is refused, and what is beyond the limits of these;
    whatever else cannot be used is left out and told in the report of the plan.

    Raises
    ------
    RowError
        With the reason, if the row cannot be used.
    Unpublished
        If it is no published story.
    UnsettledOrder
        If the column of a date must be looked at first.
    """
    used = set(plan.alone)
    values: dict[str, Any] = {"id": _id(raw, plan, used)}
    for field, columns in plan.times:
        if (time := _first(raw, field, columns, read_moment, plan, used)) is not None:
            values[field] = time
    for column in plan.embargoes:
        until = _first(raw, "published_at", (column,), read_moment, plan, set())
        if until is not None and until > values.get("published_at", until - _MOMENT):
            values["published_at"] = until
    if plan.status.columns:
        hidden, unknown = plan.status(raw)
        if hidden:
            raise Unpublished(hidden, Article(**values))
        if unknown:
            plan.report.unknown_statuses[unknown] += 1
    anchors: dict[str, list[Anchor]] = {}
    for field, columns in plan.words:
        convert = CONVERT.get(field, word)
        found = _first(raw, field, columns, convert, plan, used)
        if found is not None:
            if convert is to_texts:
                found, anchors[field] = found
            values[field] = found
    if not values.get("title") and not values.get("body"):
        raise RowError(_missing_text(raw, plan))
    lead = values.get("lead", "")
    if lead and (repeats(lead, values.get("title", "")) or is_cut_from(lead, values.get("body", ""))):
        del values["lead"]
        plan.report.told.add(CUT_LEAD)
    _add_links(values, anchors, raw, plan, used)
    rest = {key: value for key, value in raw.items() if key not in used and not _absent(value)}
    if rest:
        if isinstance(rest.get("extra"), Mapping):
            rest = {**rest.pop("extra"), **rest}
        values["extra"] = {**values.get("extra", {}), **kept_extra(rest, plan)}
        if not values.get("body"):
            _tell_long_texts(values["extra"], plan)
    return Article(**values)


def _id(raw: Mapping[str, Any], plan: Plan, used: set[str]) -> str:
    for column in plan.columns.get("id", ()):
        value = one_of(raw.get(column))
        if value is None or value == "":
            continue
        if isinstance(value, float) and abs(value) >= _INEXACT:
            raise RowError(f"id {value:g} is a number whose last digits are lost; give it as text or a whole number")
        text = as_text(value, "id").strip()
        if not text:
            continue
        if isinstance(value, str) and "\x00" in value:
            raise RowError("NUL byte in id")
        if len(text) > plan.limits.max_id_chars:
            raise RowError(f"id of {len(text)} characters; the limit is {plan.limits.max_id_chars}")
        if plan.id_is_url:
            plan.report.told.add(ID_IS_URL)
        used.add(column)
        return text
    raise RowError(_missing_id(raw, plan))


def _missing_id(raw: Mapping[str, Any], plan: Plan) -> str:
    """Say that a row has no id, and where none of its columns is known as one, how to name that and the texts."""
    names = [name for name in raw if isinstance(name, str)]
    guess = guessed_id(names)
    if "id" in plan.columns or not names or (guess is None and not _TEXTS.isdisjoint(plan.columns)):
        return "missing id"
    texts = f" {_MAP_TEXTS}" if _TEXTS.isdisjoint(plan.columns) else ""
    maybe = f" ({guess!r} may be it)" if guess else ""
    mapping = shlex.quote(f"id={guess or 'COLUMN'}")
    return f"missing id: {_found(names)} is known as one{maybe}; {NAME_ID} {mapping}{texts}"


def _missing_text(raw: Mapping[str, Any], plan: Plan) -> str:
    names = [name for name in raw if isinstance(name, str)]
    if len(names) < 2 or not _TEXTS.isdisjoint(plan.columns):
        return "neither title nor body"
    return f"neither title nor body: {_found(names)} is known as one; name them with {_MAP_TEXTS}"


def _found(names: list[str]) -> str:
    more = " ..." if len(names) > _MOST_NAMES else ""
    return f"none of the columns {', '.join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMES])}{more}"


def _first(
    raw: Mapping[str, Any], field: str, columns: tuple[str, ...], convert: Converter, plan: Plan, used: set[str]
) -> Any:
    """Read the first of several columns that can be read; where none can, that is told, and costs the field alone."""
    wrong: tuple[RowError, Any] | None = None
    for column in columns:
        value = raw.get(column)
        if type(value) is not str:
            value = plain(value)
        if value is None or value == "":
            continue
        try:
            found = convert(value, field, plan, column)
        except RowError as error:
            used.add(column)
            if field in ("title", "body") and not isinstance(error, WrongType):
                raise
            wrong = wrong or (error, value)
            if isinstance(error, AmbiguousDate | AmbiguousMonth):
                break
            continue
        if found is not None and found != () and found != "":
            used.add(column)
            return found
    if wrong is not None:
        _tell_lost(*wrong, field=field, plan=plan)
    return None


def _tell_lost(error: RowError, value: Any, field: str, plan: Plan) -> None:
    if isinstance(error, AmbiguousDate):
        what = f"dates in {field} may have day or month first, and were left out (reading.day_first tells)"
    elif isinstance(error, AmbiguousMonth):
        what = f"times in {field} name a month of several languages, and were left out (reading.site_language tells)"
    elif field in TIMES:
        what = f"times in {field} could not be read, and were left out (reading.date_format names their form)"
    else:
        reason = re.sub(r"\d[\d,]*", "N", str(error).split(":")[0]) if "limit" in str(error) else str(error)
        reason = re.split(r" is '|: ", reason)[0]
        what = f"values of {field} could not be used, and were left out ({reason})"
    plan.report.told.add(what, shown(value))
    plan.report.lost[field] += 1


def _add_links(
    values: dict[str, Any], anchors: Mapping[str, list[Anchor]], raw: Mapping[str, Any], plan: Plan, used: set[str]
) -> None:
    if plan.limits.site_url and values.get("url", "").startswith("/"):
        values["url"] = absolute_url(values["url"], plan.limits.site_url)
    linked = None
    if "links" in plan.columns:
        column = plan.columns["links"][0]
        if is_other_than_links(raw.get(column)):
            used.discard(column)
        elif not _absent(raw.get(column)):
            linked = plain(raw.get(column))
    if linked is not None or any(anchors.values()):
        found = (one for field in ("lead", "body") for one in anchors.get(field, ()))
        values["links"] = links_of(found, linked, values["id"], values.get("url"), plan)


def links_of(anchors: Iterable[Anchor], linked: Any, id: str, url: str | None, plan: Plan) -> tuple[Link, ...]:
    """Collect the links of a story, from its texts and its column of links; addresses start from the story's."""
    base = url or (id if "://" in id else plan.limits.site_url)
    return story_links(anchors, linked, base, plan.limits, plan.report.links_left_out)


def _absent(value: Any) -> bool:
    if type(value) is str:
        return not value
    value = plain(value)
    return value is None or (isinstance(value, str) and not value)


def _tell_long_texts(extra: Mapping[str, Any], plan: Plan) -> None:
    for name, value in extra.items():
        if isinstance(value, str) and len(value) >= LONG_TEXT:
            plan.report.told.add(_NO_BODY.format(name, name))
