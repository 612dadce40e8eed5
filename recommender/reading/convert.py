"""The value of one column -> the value of a field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from time import struct_time
from typing import Any

import orjson

from recommender.articles.languages import subtag
from recommender.errors import RowError
from recommender.reading.leftovers import APPENDED
from recommender.reading.markup import MAX_TAGS, Anchor, is_plain, to_text, to_text_and_links, unescape
from recommender.reading.names import fold
from recommender.reading.plan import Plan
from recommender.reading.rich_text import is_no_text, parse_tree, rich_text
from recommender.reading.time_texts import AmbiguousDate
from recommender.reading.times import in_utc, read_time
from recommender.reading.values import (
    NO,
    YES,
    NotUtf8,
    as_list,
    as_text,
    is_missing,
    plain,
    quoted,
    single_value,
    unwrap,
)

Converter = Callable[[Any, str, Plan, str], Any]
"""Given a value, the field, the plan and the column: what the article contains; None where there is nothing."""

_ACCESS = {
    **dict.fromkeys(("free", "open", "public", *NO), "free"),
    **dict.fromkeys(("paid", "premium", "subscriber", "subscribers", "metered", *YES), "paid"),
}
_LIVE = ("liveblog", "liveticker", "liveblogposting", "livepage", "liveupdates", "livestory", "livearticle")
_URLS = ("url", "image_url")
_NOT_READ = ("id", "canonical_id", *_URLS)  # texts that are followed, not read
_MAX_NUMBER = 19  # characters, of an author
_NO_LANGUAGE = ("und", "mul", "zxx", "mis", "*")
_NO_MOMENT, _ZONES = datetime(1970, 1, 1, tzinfo=UTC), timedelta(hours=14)  # what stands where there is no time
_MOMENT_KEYS = ("iso", "iso8601", "utc", "gmt", "timestamp", "epoch", "unix", "date", "time", "datetime")
_PARTS = (("year",), ("monthValue", "month"), ("dayOfMonth", "day"), ("hour",), ("minute",), ("second",), ("nano",))
_JAVA_LENGTHS, _MIN_YEAR = (3, 5, 6, 7), 1_000  # of a list of year, month, day, hour, minute, second, nanoseconds
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an escaped NUL, not the text backslash-u0000
_UNKEPT = (orjson.JSONEncodeError, UnicodeEncodeError, ValueError)

_CUT = re.compile(r"\s*(?:…|\.\s?\.\s?\.)?\s*(?:\[\s*(?:…|\.\s?\.\s?\.)\s*\]|…|\.\.\.)\s*$")
_MAX_CUT = 50  # characters
CUT_ENDS = ("]", "…", "...")
"""How leads end that a program may have cut."""
CUT_LEAD = "leads are the beginning of the body, cut by a machine, and were left out"
TITLE_LEAD = "leads repeat the title, and were left out"
_NOT_UTF_8 = "texts are not valid UTF-8, and were read as Windows-1252, or lost halves of characters"
_CUT_TEXT = "texts are longer than {:,} characters, and were cut there (reading.{})"
_MIN_REPEATED = 20  # characters

LINE_BREAK = r"[\t\n\x0b\x0c\r]"
"""What separates lines, where a field has one."""
_LINE_BREAK = re.compile(LINE_BREAK)

_MAX_EMAIL_AUTHOR = 300  # characters
_BY_WORDS = "By|BY|by|Par|PAR|Por|POR|Von|VON|Door|DOOR|Av|Af"
MORE_THAN_NAME = rf"(?:^|, )(?:{_BY_WORDS}) |@"
"""What all authors match that are more than a name."""
_BY = re.compile(rf"(?:^|(?<=, ))(?:(?i:By)|(?:{_BY_WORDS})(?= +[A-ZÀ-Þ]\S* )) +")  # "Von Miller" is a name
_EMAIL_AUTHOR = re.compile(r"\S+@\S+ \(([^()]+)\)")

_CALLS = (
    "Continue reading|Read (?:more|on)|Weiterlesen|Mehr lesen|Lees (?:verder|meer)|Lire la suite|Leer más|"
    "Seguir leyendo|Leggi tutto|Ler mais|Läs mer|Les mer|Læs mere|Czytaj (?:dalej|więcej)|Читать далее"
)
READ_MORE = rf"(?:…|\.\.\.|\])(?P<more>\s*Continue reading [^.\n]{{1,200}})\z|\s\[?(?:{_CALLS})[\s.…»→>\]]*\z"
"""What all leads match that a program ended with a call to read more."""
_MAX_APPENDED = 700  # characters
# No pattern begins with blanks: a search would read a long run of them once for each.
_READ_MORE = re.compile(READ_MORE.replace(r"\z", r"\Z"), re.IGNORECASE)
_POST = re.compile(rf"\bThe post [^\n]{{1,300}} {APPENDED} [^\n]{{1,200}}\Z")


class UnsettledOrder(Exception):
    """A date of a column that was not searched yet for the order of days and months."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def repeated_lead(lead: str, title: str, body: str) -> str | None:
    """Return the note on a lead that is no more than the title or a beginning of the body; None for any other."""
    if repeats_title(lead, title):
        return TITLE_LEAD
    return CUT_LEAD if lead.endswith(CUT_ENDS) and is_cut_from(lead, body) else None


def with_tags(tags: Iterable[str], more: Iterable[str], plan: Plan) -> tuple[str, ...]:
    """Add tags that a story has not yet, up to the most that are read."""
    known = {tag.casefold() for tag in tags}
    return (*tags, *(tag for tag in more if tag.casefold() not in known))[: plan.limits.max_tags]


def is_cut_from(lead: str, body: str) -> bool:
    """Check whether a lead is a beginning of the body, cut by a program as "[…]" or "…" shows: no editor wrote it.

    Examples
    --------
    >>> is_cut_from("The ferry ran […]", "The ferry ran aground."), is_cut_from("Fog […]", "The ferry ran aground.")
    (True, False)
    """
    if not (cut := _CUT.search(lead, max(len(lead) - _MAX_CUT, 0))):
        return False
    words = lead[: cut.start()].split()
    start = body.split(maxsplit=len(words))[: len(words)]
    # the last word may be cut as well
    return bool(words) and start[:-1] == words[:-1] and len(start) == len(words) and start[-1].startswith(words[-1])


def repeats_title(lead: str, title: str) -> bool:
    """Check whether a lead is the title again, or ends with it after what a desk calls the story.

    Examples
    --------
    >>> repeats_title("FERRY/FOG (PIX):Ferry runs aground in fog", "Ferry runs aground in fog")
    True
    """
    return lead == title or (len(title) >= _MIN_REPEATED and lead.endswith(title))


def to_word(value: Any, field: str, plan: Plan, column: str) -> str | None:
    """Read a short text."""
    if type(value) is str and (tree := parse_tree(value)) is not None:
        value = tree
    if isinstance(value, Mapping) and field == "author":
        value = unwrap(value)
    if field in ("author", "section") and isinstance(value, list | tuple):
        value = [part for part in as_list(value) if not is_missing(part)]
        if field == "author":
            value = ", ".join(_text(part, field, plan) for part in value)
    value = single_value(value, address=field in _URLS)
    if is_missing(value):
        return None
    text = _text(value, field, plan).strip()
    if field not in _NOT_READ and (not is_plain(text) or _LINE_BREAK.search(text)):
        text = " ".join(to_text(text).split())
    if field in _URLS:
        text = text.replace("&amp;", "&")
    if field == "author":
        text = _author_name(text)
    if field == "image_url":  # which may contain the image itself, of any length
        return _image_address(text) or None
    return _within_limit(text, field, plan.limits.max_field_chars) or None


def further_tags(raw: Mapping[Any, Any], plan: Plan, section: str | None) -> list[str]:
    """Read what else says what a story is about: its sections but the first, and the words above its headline."""
    words = []
    for column in plan.columns.get("section", ()):
        value = raw.get(column)
        value = parse_tree(value) if type(value) is str else plain(value)
        words += [(part, column) for part in as_list(value)] if isinstance(value, list | tuple) else []
    words += [(raw.get(column), column) for column in plan.kickers]
    tags = []
    for value, column in words:
        try:
            tag = to_word(plain(value), "section", plan, column)
        except RowError:
            continue
        if tag and tag != section and not tag.isdecimal():
            tags.append(tag)
    return list(dict.fromkeys(tags))


def _text(value: Any, field: str, plan: Plan) -> str:
    """Read a text; one that is no UTF-8 is mended, and noted."""
    try:
        return as_text(value, field)
    except NotUtf8 as error:
        plan.report.notes.add(_NOT_UTF_8, quoted(error.mended))
        return error.mended


def _cut(text: str, limit: int, setting: str, plan: Plan) -> str:
    if len(text) > limit:
        plan.report.notes.add(_CUT_TEXT.format(limit, setting), quoted(text))
    return text[:limit]


def _author_name(author: str) -> str:
    """Take the name of an author out of a byline, or of what RSS puts behind an address of mail."""
    if len(author) < _MAX_NUMBER and author.isdecimal():
        raise RowError("author is a number, which names nobody")
    match = _EMAIL_AUTHOR.fullmatch(author) if len(author) < _MAX_EMAIL_AUTHOR else None
    return match[1] if match else _BY.sub("", author)


def _image_address(text: str) -> str:
    address = text.partition("|")[0].strip()  # the first of several
    if not any(mark in address for mark in "/.:"):
        raise RowError("image_url is no address")
    return address


def _cut_tags(markup: str, plan: Plan) -> str:
    if markup.count("<") <= MAX_TAGS:
        return markup
    plan.report.notes.add(f"texts hold more than {MAX_TAGS:,} HTML tags, and were cut there", quoted(markup))
    return "<".join(markup.split("<", MAX_TAGS + 1)[: MAX_TAGS + 1])


def _within_limit(text: str, field: str, limit: int) -> str:
    if len(text) > limit:
        raise RowError(f"{field} of {len(text):,} characters; the limit is {limit:,}")
    return text


def _to_title(value: Any, field: str, plan: Plan, column: str) -> str | None:
    markup = _to_markup(value, field, plan)
    if markup is None:
        return None
    title = to_text(markup)
    if _LINE_BREAK.search(title):  # as in XML that is printed prettily
        title = " ".join(title.split())
    return _cut(title, plan.limits.max_field_chars, "max_field_chars", plan)


def to_texts(value: Any, field: str, plan: Plan, column: str) -> tuple[str, list[Anchor]] | None:
    """Read a text that may contain HTML, and the links of its sentences."""
    markup = _to_markup(value, field, plan)
    if markup is None:
        return None
    text, anchors = to_text_and_links(markup)
    patterns = ((_POST,) if APPENDED in text else ()) + ((_READ_MORE,) if field == "lead" else ())
    for pattern in patterns:
        if match := pattern.search(text, max(len(text) - _MAX_APPENDED, 0)):
            text = text[: match.start(match.lastgroup or 0)].rstrip()
            anchors = [anchor for anchor in anchors if anchor.text not in match[0]]
    return (text, anchors) if text else None


def _to_markup(value: Any, field: str, plan: Plan) -> str | None:
    tree = parse_tree(value) if type(value) is str else value
    if isinstance(tree, list | Mapping):
        markup = _tree_markup(tree, field, plan)
        if markup is not None:
            value = markup
        elif not isinstance(unwrapped := unwrap(tree), Mapping):
            value = unwrapped
    value = single_value(value)
    if is_missing(value):
        return None
    return _cut_tags(_cut(_text(value, field, plan), plan.limits.max_body_chars, "max_body_chars", plan), plan)


def _tree_markup(value: list[Any] | Mapping[str, Any], field: str, plan: Plan) -> str | None:
    """Convert a text that is a tree, or a list of parts; None where it is neither."""
    markup = rich_text(value)
    if markup is None and isinstance(value, list) and field != "title":
        parts = [part for part in value if not (isinstance(part, Mapping) and is_no_text(part.get("type")))]
        paragraphs = [text for part in parts if (text := _paragraph(part, field, plan))]
        return "\n\n".join(paragraphs) if paragraphs or not parts else None
    return markup


def _paragraph(value: Any, field: str, plan: Plan) -> str | None:
    """Read one of several parts of a text; one that is no text costs itself alone."""
    value = unwrap(value)
    return _text(value, field, plan) if isinstance(value, str) and not is_missing(value) else None


def _to_tags(value: Any, field: str, plan: Plan, column: str) -> tuple[str, ...]:
    if isinstance(value, str) and "&" in value and value.lstrip()[:1] not in ("[", "{"):
        value = unescape(value)  # the semicolons of entities separate no tags
    parts = as_list(value)
    limit, notes = plan.limits.max_tags, plan.report.notes
    if len(parts) > limit:
        notes.add(f"stories have more than {limit:,} tags, and lost the others (reading.max_tags)")
    tags = []
    for part in parts[:limit]:
        if is_missing(part):
            continue
        try:
            tag = " ".join(to_text(_text(part, "a tag", plan)).split())
            tags.append(_within_limit(tag, "a tag", plan.limits.max_field_chars))
        except RowError:
            notes.add("tags could not be used, and were left out", quoted(part))
    return tuple(filter(None, tags))


def _to_access(value: Any, field: str, plan: Plan, column: str) -> str | None:
    value = single_value(value)
    if is_missing(value):
        return None
    try:
        return _ACCESS[str(value).strip().casefold()]
    except (KeyError, ValueError):
        raise RowError(f"access is {quoted(value)}; expected free or paid") from None


def to_moment(value: Any, field: str, plan: Plan, column: str) -> datetime | None:
    """Read a time, in the format of its column."""
    if not isinstance(value, str | struct_time):
        value = single_value(_join_parts(value))
    if value is None or value == "" or (isinstance(value, date) and value.year == 1):  # the zero of some databases
        return None
    if _is_flag(value) or (isinstance(value, Mapping | list) and column.casefold() == "data"):  # or "date" in Italian
        return None
    format = plan.formats[column]
    try:
        time = read_time(value, field, format)
    except AmbiguousDate:
        if column not in plan.searched and plan.limits.day_first is None:
            raise UnsettledOrder(column) from None
        raise
    if time is None:
        return None
    moment = in_utc(time, field, format)
    if abs(moment - _NO_MOMENT) <= _ZONES and moment.minute in (0, 30) and not moment.second:
        return None
    if time.tzinfo is None and field == "published_at":
        plan.report.note_naive(moment)
    return moment


def _is_flag(value: Any) -> bool:
    """Check whether a value says whether a story is published, not when."""
    if isinstance(value, str):
        word = value.strip().casefold()
        return word in YES or word in NO
    return value in (0, 1) if isinstance(value, int | float) else isinstance(value, bytes) and len(value) == 1


def _join_parts(value: Any) -> Any:
    """Join the parts of a time: of an object, such as those of PHP with their zone, or of a list of Java."""
    if isinstance(value, Mapping):
        for name in ("timezone", "time"):
            if isinstance(value.get("date"), str) and isinstance(value.get(name), str):
                return f"{value['date']} {value[name]}"
        parts = [next((value[name] for name in names if type(value.get(name)) is int), None) for names in _PARTS]
        if None not in parts[:3]:
            return _join_parts([part for part in parts if part is not None])
        return next((value[name] for name in _MOMENT_KEYS if value.get(name)), value)
    if not isinstance(value, list) or len(value) not in _JAVA_LENGTHS:
        return value
    if not all(type(number) is int for number in value) or value[0] <= _MIN_YEAR:
        return value
    year, month, day, *clock = value
    nanoseconds = clock[3] if len(clock) > 3 else 0
    text = ":".join(f"{number:02}" for number in (*clock[:3], 0, 0)[: max(len(clock[:3]), 2)])
    return f"{year:04}-{month:02}-{day:02} {text}" + (f".{nanoseconds:09}" if nanoseconds else "")


def _to_kind(value: Any, field: str, plan: Plan, column: str) -> str | None:
    text = to_word(value, field, plan, column)
    kind = text.casefold() if text else None
    return "live" if kind and fold(kind) in _LIVE else kind


def _to_language(value: Any, field: str, plan: Plan, column: str) -> str | None:
    if isinstance(value, Mapping) and value.get("code"):
        value = value["code"]
    text = to_word(value, field, plan, column)
    language = subtag(text) if text else None
    if text and language is None and text.casefold() not in _NO_LANGUAGE:
        raise RowError(f"language is {quoted(text)}, which names none")
    return language


def to_extra(details: dict[Any, Any], plan: Plan) -> dict[str, Any]:
    """Convert further details to what can be kept; what cannot is left out by itself."""
    try:
        return _to_json(details)
    except _UNKEPT:
        kept: dict[str, Any] = {}
        for name, value in details.items():
            try:
                kept.update(_to_json({name: value}))
            except _UNKEPT as error:
                plan.report.notes.add("values of further columns could not be kept", str(error)[:80])
        return kept


def _to_json(details: dict[Any, Any]) -> dict[str, Any]:
    clean = orjson.loads(orjson.dumps(details, default=str, option=orjson.OPT_NON_STR_KEYS))
    if _NUL.search(orjson.dumps(clean)):
        raise ValueError("a NUL byte")
    return dict(clean)


def _to_given_extra(value: Any, field: str, plan: Plan, column: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RowError(f"extra is {type(value).__name__}, expected an object")
    return to_extra(dict(value), plan)


CONVERTERS: dict[str, Converter] = {
    "title": _to_title,
    **dict.fromkeys(("lead", "body"), to_texts),
    "kind": _to_kind,
    "language": _to_language,
    "tags": _to_tags,
    "access": _to_access,
    "extra": _to_given_extra,
}
"""Converters of fields that are no short texts."""
