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
    CONVERTERS,
    Converter,
    further_tags,
    repeated_lead,
    to_extra,
    to_moment,
    to_texts,
    to_word,
    with_tags,
)
from recommender.reading.links import is_other_than_links, story_links
from recommender.reading.markup import Anchor
from recommender.reading.months import AmbiguousMonth
from recommender.reading.names import TIMES, guess_id_column
from recommender.reading.plan import Plan
from recommender.reading.status import TOTALS, notice
from recommender.reading.time_texts import AmbiguousDate, AmbiguousYear
from recommender.reading.values import as_text, plain, quoted, single_value

MIN_LONG_TEXT = 500
"""Characters of a text that may be a body under a name that is not known."""
ID_IS_URL = "stories have no id: their address serves as one"
_NO_BODY = "stories have no body, but a long text in the column {!r}: --column {} reads it"
NAME_ID = "name it with --column"
"""What comes before the mapping, in the reason why a row without an id is rejected."""
_TEXTS, _MAP_TEXTS = frozenset(("title", "body")), "--column title=COLUMN --column body=COLUMN"
_MAX_NAMES, _MAX_NAME = 12, 40  # names of columns in a reason, and characters of each
_MIN_INEXACT = 2**53  # from here on floats are several whole numbers each
FLOAT_ID = r"^(\d+)[.,]0$"
"""A number that a program wrote as a decimal one, mostly next to missing ids."""
_FLOAT_ID = re.compile(FLOAT_ID, re.ASCII)
SHORTENED_ID = r"^\d[.,]\d+[Ee]\+\d+$"
"""A number as a spreadsheet shows a long one: several ids have become one."""
_SHORTENED_ID = re.compile(SHORTENED_ID, re.ASCII)
_TOTALS = re.compile(TOTALS)
_INSTANT = timedelta(microseconds=1)


class Unpublished(Exception):
    """A row that is no published story; `article` still says which version of the story it is."""

    def __init__(self, reason: str, article: Article) -> None:
        super().__init__(reason)
        self.reason, self.article = reason, article


def to_article(raw: Mapping[str, Any], plan: Plan) -> Article:
    """Build an `Article` from one row.

    Only a row without an id, or without a title and a body, is refused, and what is beyond the limits of these;
    whatever else cannot be used is left out and noted in the report of the plan.

    Raises `RowError` with the reason, `Unpublished` if it is no published story, and `UnsettledOrder` if the column of
    a date must be searched first.
    """
    return _RowConverter(raw, plan).article()


class _RowConverter:
    """Converts one row; `used` are the columns that are no further details."""

    def __init__(self, raw: Mapping[str, Any], plan: Plan) -> None:
        self.raw, self.plan = raw, plan
        self.used = set(plan.sole_columns)
        self.values: dict[str, Any] = {}
        self.anchors: dict[str, list[Anchor]] = {}

    def article(self) -> Article:
        self.values["id"] = self._id()
        self._add_times()
        self._check_status()
        self._add_other_fields()
        if not self.values.get("title") and not self.values.get("body"):
            raise RowError(_missing_text(self.raw, self.plan))
        if not self.values.get("body") and _TOTALS.search(self.values["id"]) and self.values["title"].isdecimal():
            raise RowError("a line of totals, not a story")
        if self.plan.status.reads_texts and (
            reason := notice(self.values.get("title", ""), self.values.get("body", ""))
        ):
            raise Unpublished(reason, Article(**self.values))
        self._drop_repeated_lead()
        self._add_links()
        self._add_details()
        return Article(**self.values)

    def _id(self) -> str:
        for column in self.plan.columns.get("id", ()):
            value = single_value(self.raw.get(column))
            if value is None or value == "":
                continue
            if isinstance(value, float) and abs(value) >= _MIN_INEXACT:
                raise RowError(
                    f"id {value:g} is a number whose last digits are lost; give it as text or a whole number"
                )
            if isinstance(value, str) and _SHORTENED_ID.fullmatch(value.strip()):
                raise RowError(f"id {value.strip()} was shortened by a spreadsheet; give its column the format of text")
            text = _FLOAT_ID.sub(r"\1", as_text(value, "id").strip())
            if not text:
                continue
            if isinstance(value, str) and "\x00" in value:
                raise RowError("NUL byte in id")
            if len(text) > self.plan.limits.max_id_chars:
                raise RowError(f"id of {len(text)} characters; the limit is {self.plan.limits.max_id_chars}")
            if self.plan.id_is_url:
                self.plan.report.notes.add(ID_IS_URL)
            self.used.add(column)
            return text
        raise RowError(_missing_id(self.raw, self.plan))

    def _add_times(self) -> None:
        values = self.values
        for field, columns in self.plan.time_fields:
            if (time := self._first(field, columns, to_moment)) is not None:
                values[field] = time
        for column in self.plan.embargoes:
            until = self._first("published_at", (column,), to_moment, uses_column=False)
            if until is not None and until > values.get("published_at", until - _INSTANT):
                values["published_at"] = until

    def _check_status(self) -> None:
        if self.plan.status.columns:
            hidden, unknown = self.plan.status(self.raw)
            if hidden:
                raise Unpublished(hidden, Article(**self.values))
            if unknown:
                self.plan.report.unknown_statuses[unknown] += 1

    def _add_other_fields(self) -> None:
        for field, columns in self.plan.other_fields:
            convert = CONVERTERS.get(field, to_word)
            value = self._first(field, columns, convert)
            if value is not None:
                if convert is to_texts:
                    value, self.anchors[field] = value
                self.values[field] = value
        self.used.update(self.plan.kickers)
        if tags := further_tags(self.raw, self.plan, self.values.get("section")):
            self.values["tags"] = with_tags(self.values.get("tags", ()), tags, self.plan)

    def _first(self, field: str, columns: tuple[str, ...], convert: Converter, uses_column: bool = True) -> Any:
        """Convert the first of several columns that can be read; where none can, only the field is lost."""
        lost: tuple[RowError, Any] | None = None
        for column in columns:
            value = self.raw.get(column)
            if type(value) is not str:
                value = plain(value)
            if value is None or value == "":
                continue
            try:
                converted = convert(value, field, self.plan, column)
            except RowError as error:
                if uses_column:
                    self.used.add(column)
                lost = lost or (error, value)
                if isinstance(error, AmbiguousDate | AmbiguousMonth):
                    break
                continue
            if converted is not None and converted != () and converted != "":
                if uses_column:
                    self.used.add(column)
                return converted
        if lost is not None:
            _note_lost(*lost, field=field, plan=self.plan)
        return None

    def _drop_repeated_lead(self) -> None:
        lead, title, body = (self.values.get(field, "") for field in ("lead", "title", "body"))
        if lead and (note := repeated_lead(lead, title, body)):
            del self.values["lead"]
            self.plan.report.notes.add(note)

    def _add_links(self) -> None:
        values, plan = self.values, self.plan
        if plan.limits.site_url and values.get("url", "").startswith("/"):
            values["url"] = absolute_url(values["url"], plan.limits.site_url)
        given = None
        if "links" in plan.columns:
            column = plan.columns["links"][0]
            if is_other_than_links(self.raw.get(column)):
                self.used.discard(column)
            elif not _is_absent(self.raw.get(column)):
                given = plain(self.raw.get(column))
        if given is not None or any(self.anchors.values()):
            anchors = (anchor for field in ("lead", "body") for anchor in self.anchors.get(field, ()))
            values["links"] = collect_links(anchors, given, values["id"], values.get("url"), plan)

    def _add_details(self) -> None:
        details = {key: value for key, value in self.raw.items() if key not in self.used and not _is_absent(value)}
        if not details:
            return
        if isinstance(details.get("extra"), Mapping):
            details = {**details.pop("extra"), **details}
        extra = self.values["extra"] = {**self.values.get("extra", {}), **to_extra(details, self.plan)}
        if not self.values.get("body"):
            for name, value in extra.items():
                if isinstance(value, str) and len(value) >= MIN_LONG_TEXT:
                    self.plan.report.notes.add(_NO_BODY.format(name, shlex.quote(f"body={name}")))


def collect_links(anchors: Iterable[Anchor], given: Any, id: str, url: str | None, plan: Plan) -> tuple[Link, ...]:
    """Collect the links of a story, from its texts and its column of links; addresses start from the story's."""
    base = url or (id if "://" in id else plan.limits.site_url)
    return story_links(anchors, given, base, plan.limits, plan.report.links_left_out)


def _is_absent(value: Any) -> bool:
    if type(value) is str:
        return not value
    value = plain(value)
    return value is None or (isinstance(value, str) and not value)


def _missing_id(raw: Mapping[str, Any], plan: Plan) -> str:
    """Return the reason of a row without an id; where no column is known as one, it says how to name it."""
    names = [name for name in raw if isinstance(name, str)]
    if {"story", "item"} <= set(map(str.casefold, names)):
        return "a row of a table of links, not a story: --links reads it"
    guess = guess_id_column(names)
    if "id" in plan.columns or not names or (guess is None and not _TEXTS.isdisjoint(plan.columns)):
        return "missing id"
    texts = f" {_MAP_TEXTS}" if _TEXTS.isdisjoint(plan.columns) else ""
    maybe = f" ({guess!r} may be it)" if guess else ""
    mapping = shlex.quote(f"id={guess or 'COLUMN'}")
    return f"missing id: {_no_column_of(names)} is known as one{maybe}; {NAME_ID} {mapping}{texts}"


def _missing_text(raw: Mapping[str, Any], plan: Plan) -> str:
    names = [name for name in raw if isinstance(name, str)]
    if len(names) < 2 or not _TEXTS.isdisjoint(plan.columns):
        return "neither title nor body"
    return f"neither title nor body: {_no_column_of(names)} is known as one; name them with {_MAP_TEXTS}"


def _no_column_of(names: list[str]) -> str:
    more = " ..." if len(names) > _MAX_NAMES else ""
    return f"none of the columns {', '.join(name[:_MAX_NAME] for name in names[:_MAX_NAMES])}{more}"


def _note_lost(error: RowError, value: Any, field: str, plan: Plan) -> None:
    if isinstance(error, AmbiguousDate) and not isinstance(error, AmbiguousYear):
        what = f"dates in {field} may have day or month first, and were left out (reading.day_first tells)"
    elif isinstance(error, AmbiguousMonth):
        what = f"times in {field} name a month of several languages, and were left out (reading.site_language tells)"
    elif field in TIMES:
        what = f"times in {field} could not be read, and were left out (reading.date_format names their form)"
    else:
        reason = re.sub(r"\d[\d,]*", "N", str(error).split(":")[0]) if "limit" in str(error) else str(error)
        reason = re.split(r" is '|: ", reason)[0]
        what = f"values of {field} could not be used, and were left out ({reason})"
    plan.report.notes.add(what, quoted(value))
    plan.report.lost[field] += 1
