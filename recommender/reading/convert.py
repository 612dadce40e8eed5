"""The value of one column -> the value of a field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from time import struct_time
from typing import Any

import orjson

from recommender.articles.languages import subtag
from recommender.errors import RowError
from recommender.reading.leftovers import APPENDED
from recommender.reading.markup import Anchor, is_plain, to_text, to_text_and_links, unescaped
from recommender.reading.plan import Plan
from recommender.reading.rich_text import is_no_text, rich_text, tree_of
from recommender.reading.times import AmbiguousDate, in_utc, read_time, shown
from recommender.reading.values import as_list, as_text, is_missing, one_of, unwrapped

_ACCESS = {
    **dict.fromkeys(("free", "open", "public", "false", "0", "no"), "free"),
    **dict.fromkeys(("paid", "premium", "subscriber", "subscribers", "metered", "true", "1", "yes"), "paid"),
}

_ADDRESSES = ("id", "url", "image_url", "canonical_id")  # texts that are not read but followed

_LONGEST_NUMBER = 19  # characters, of an author
_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)  # what stands where there is no time
_FLAGS = ("1", "true", "false", "yes", "no", "on", "off", "y", "n")

Converter = Callable[[Any, str, Plan, str], Any]
"""Given a value, the field, the plan and the column: what the article holds; None where there is nothing."""


_CUT = re.compile(r"\s*(?:…|\.\s?\.\s?\.)?\s*(?:\[\s*(?:…|\.\s?\.\s?\.)\s*\]|…|\.\.\.)\s*$")
_LONGEST_CUT = 50  # characters
CUT_ENDS = ("]", "…", "...")
"""How leads end that a machine may have cut."""
CUT_LEAD = "leads are the beginning of the body, cut by a machine, and were left out"


def is_cut_from(lead: str, body: str) -> bool:
    """Tell whether a lead is a beginning of the body, cut by a machine as "[…]" or "…" says: no editor wrote it.

    Examples
    --------
    >>> is_cut_from("The ferry ran […]", "The ferry ran aground."), is_cut_from("Fog […]", "The ferry ran aground.")
    (True, False)
    """
    if not (cut := _CUT.search(lead, max(len(lead) - _LONGEST_CUT, 0))):
        return False
    words = lead[: cut.start()].split()
    begin = body.split(maxsplit=len(words))[: len(words)]
    # the last word may be cut as well
    return bool(words) and begin[:-1] == words[:-1] and len(begin) == len(words) and begin[-1].startswith(words[-1])


def repeats(lead: str, title: str) -> bool:
    """Tell whether a lead is the title again, or ends with it behind what a desk calls the story.

    Examples
    --------
    >>> repeats("FERRY/FOG (PIX):Ferry runs aground in fog", "Ferry runs aground in fog"), repeats("Fog", "Ferry")
    (True, False)
    """
    return lead == title or (len(title) >= _LEAST_REPEATED and lead.endswith(title))


_LEAST_REPEATED = 20  # characters


LINED = r"[\t\n\x0b\x0c\r]"
"""What parts lines, where a field has one."""
_LINED = re.compile(LINED)


_CALLS = (
    "Continue reading|Read (?:more|on)|Weiterlesen|Mehr lesen|Lees (?:verder|meer)|Lire la suite|Leer más|"
    "Seguir leyendo|Leggi tutto|Ler mais|Läs mer|Les mer|Læs mere|Czytaj (?:dalej|więcej)|Читать далее"
)
MORE = rf"(?:…|\.\.\.|\])(?P<more>\s*Continue reading [^.\n]{{1,200}})\z|\s\[?(?:{_CALLS})[\s.…»→>\]]*\z"
"""What all leads match that a program ended."""
_LONGEST_APPENDED = 700  # characters
# No pattern begins with blanks: a search would read a long run of them once for each.
_MORE = re.compile(MORE.replace(r"\z", r"\Z"), re.IGNORECASE)
_POST = re.compile(rf"\bThe post [^\n]{{1,300}} {APPENDED} [^\n]{{1,200}}\Z")


class UnsettledOrder(Exception):
    """A date of a column of which it is not known yet whether it shows the order of days and months."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _within(text: str, field: str, most: int) -> str:
    if len(text) > most:
        raise RowError(f"{field} of {len(text):,} characters; the limit is {most:,}")
    return text


def word(value: Any, field: str, plan: Plan, column: str) -> str | None:
    """Read a short text."""
    if type(value) is str:
        printed = tree_of(value)
        value = value if printed is None else printed
    if isinstance(value, Mapping) and field == "author":
        value = unwrapped(value)
    if type(value) is not str and field in ("author", "section") and isinstance(value, list | tuple):
        parts = as_list(value)
        value = ", ".join(as_text(part, field) for part in parts if not is_missing(part))
    value = one_of(value, address=field in ("url", "image_url"))
    if is_missing(value):
        return None
    text = as_text(value, field).strip()
    if field not in _ADDRESSES and (not is_plain(text) or _LINED.search(text)):
        text = " ".join(to_text(text).split())
    if field in ("url", "image_url"):
        text = text.replace("&amp;", "&")
    if field == "author":
        text = _without_frame(text)
    if field == "image_url":
        text = text.partition("|")[0].strip()  # the first of several
        if not any(mark in text for mark in "/.:"):
            raise RowError("image_url is no address")
    if field != "image_url":  # which may hold the image itself
        _within(text, field, plan.limits.max_field_chars)
    return text or None


def _without_frame(author: str) -> str:
    """Take the name of an author out of a byline, or of what RSS puts behind an address of mail."""
    if len(author) < _LONGEST_NUMBER and author.isdecimal():
        raise RowError("author is a number, which names nobody")
    found = _OF_RSS.fullmatch(author) if len(author) < _LONGEST_OF_RSS else None
    return found[1] if found else _BY.sub("", author)


_LONGEST_OF_RSS = 300  # characters
_BY, _OF_RSS = re.compile(r"(?:By|BY|by) "), re.compile(r"\S+@\S+ \(([^()]+)\)")
FRAMED = r"^(?:By|BY|by) |@"
"""What all authors match that are more than a name."""


def _markup(value: Any, field: str, plan: Plan) -> str | None:
    printed = tree_of(value) if type(value) is str else None
    held = value if printed is None else printed
    if isinstance(held, list | Mapping):
        tree = _tree(held, field)
        told = unwrapped(held)
        value = tree if tree is not None else value if isinstance(told, Mapping) else told
    value = one_of(value)
    if is_missing(value):
        return None
    return _within(as_text(value, field), field, plan.limits.max_body_chars)


def _tree(value: list[Any] | Mapping[str, Any], field: str) -> str | None:
    """Read a text that is a tree, or a list of parts; None where it is neither."""
    tree = rich_text(value)
    if tree is None and isinstance(value, list) and field != "title":
        parts = [one for one in value if not (isinstance(one, Mapping) and is_no_text(one.get("type")))]
        words = [found for one in parts if (found := _paragraph(one, field))]
        return "\n\n".join(words) if words or not parts else None
    return tree


def _paragraph(value: Any, field: str) -> str | None:
    """Read one of several parts of a text; one that is none costs itself alone."""
    value = unwrapped(value)
    return as_text(value, field) if isinstance(value, str) and not is_missing(value) else None


def _title(value: Any, field: str, plan: Plan, column: str) -> str | None:
    text = _markup(value, field, plan)
    if text is None:
        return None
    title = to_text(text)
    if _LINED.search(title):  # lines, as in XML that is printed prettily
        title = " ".join(title.split())
    return _within(title, field, plan.limits.max_field_chars)


def to_texts(value: Any, field: str, plan: Plan, column: str) -> tuple[str, list[Anchor]] | None:
    """Read a text that may hold HTML, and the links of its sentences."""
    text = _markup(value, field, plan)
    if text is None:
        return None
    words, anchors = to_text_and_links(text)
    for pattern in ((_POST,) if APPENDED in words else ()) + ((_MORE,) if field == "lead" else ()):
        if machine := pattern.search(words, max(len(words) - _LONGEST_APPENDED, 0)):
            words = words[: machine.start(machine.lastgroup or 0)].rstrip()
            anchors = [one for one in anchors if one.text not in machine[0]]
    return (words, anchors) if words else None


def _tags(value: Any, field: str, plan: Plan, column: str) -> tuple[str, ...]:
    if isinstance(value, str) and "&" in value and value.lstrip()[:1] not in ("[", "{"):
        value = unescaped(value)  # the semicolons of entities part no tags
    parts = as_list(value)
    most, told = plan.limits.max_tags, plan.report.told
    if len(parts) > most:
        told.add(f"stories have more than {most:,} tags, and lost the others (reading.max_tags)")
        parts = parts[:most]
    tags = []
    for part in parts:
        if is_missing(part):
            continue
        try:
            tag = _within(" ".join(to_text(as_text(part, "a tag")).split()), "a tag", plan.limits.max_field_chars)
        except RowError:
            told.add("tags could not be used, and were left out", shown(part))
        else:
            tags.append(tag)
    return tuple(tag for tag in tags if tag)


def _access(value: Any, field: str, plan: Plan, column: str) -> str | None:
    value = one_of(value)
    if is_missing(value):
        return None
    try:
        return _ACCESS[str(value).strip().casefold()]
    except (KeyError, ValueError):
        raise RowError(f"access is {shown(value)}; expected free or paid") from None


def read_moment(value: Any, field: str, plan: Plan, column: str) -> datetime | None:
    """Read a time, in the forms of its column."""
    if not isinstance(value, str | struct_time):
        value = one_of(_in_parts(value))
    if value is None or value == "" or (isinstance(value, date) and value.year == 1):  # the zero of some databases
        return None
    if (
        isinstance(value, bool)
        or (type(value) is int and value == 1)
        or (isinstance(value, str) and value.strip().casefold() in _FLAGS)
    ):
        return None  # it says whether a story is published, not when
    forms = plan.forms[column]
    try:
        found = read_time(value, field, forms)
    except AmbiguousDate:
        if column not in plan.settled and plan.limits.day_first is None:
            raise UnsettledOrder(column) from None
        raise
    if found is None:
        return None
    moment = in_utc(found, field, forms)
    if moment == _NO_MOMENT:
        return None
    if found.tzinfo is None and field == "published_at":
        plan.report.note_naive(moment)
    return moment


def _in_parts(value: Any) -> Any:
    """Find the time in an object, such as those of PHP with their zone, or in the numbers of a list of Java."""
    if isinstance(value, Mapping) and isinstance(value.get("date"), str) and isinstance(value.get("timezone"), str):
        return f"{value['date']} {value['timezone']}"
    if isinstance(value, Mapping):
        if isinstance(value.get("date"), str) and isinstance(value.get("time"), str):
            return f"{value['date']} {value['time']}"
        if all(type(value.get(name)) is int for name in ("year", "month", "day")):
            return _in_parts([value[name] for name in ("year", "month", "day")])
        return next((value[name] for name in _MOMENTS if value.get(name)), value)
    if isinstance(value, list) and len(value) in _PARTS and all(type(one) is int for one in value) and value[0] > _YEAR:
        year, month, day, *clock = value
        nanoseconds = clock[3] if len(clock) > 3 else 0
        text = ":".join(f"{one:02}" for one in (*clock[:3], 0, 0)[: max(len(clock[:3]), 2)])
        return f"{year:04}-{month:02}-{day:02} {text}" + (f".{nanoseconds:09}" if nanoseconds else "")
    return value


_MOMENTS = ("iso", "iso8601", "utc", "gmt", "timestamp", "epoch", "unix", "date", "time", "datetime")
_PARTS, _YEAR = (3, 5, 6, 7), 1_000


def _folded(value: Any, field: str, plan: Plan, column: str) -> str | None:
    text = word(value, field, plan, column)
    return text.casefold() if text else None


def _language(value: Any, field: str, plan: Plan, column: str) -> str | None:
    if isinstance(value, Mapping) and value.get("code"):
        value = value["code"]
    text = word(value, field, plan, column)
    found = subtag(text) if text else None
    if text and found is None and text.casefold() not in ("und", "mul", "zxx", "mis", "*"):
        raise RowError(f"language is {shown(text)}, which names none")
    return found


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an escaped NUL, not the text backslash-u0000


def kept_extra(rest: dict[Any, Any], plan: Plan) -> dict[str, Any]:
    """Convert further details to what can be kept; what cannot is left out by itself."""
    try:
        return _as_json(rest)
    except (orjson.JSONEncodeError, UnicodeEncodeError, ValueError):
        kept: dict[str, Any] = {}
        for name, value in rest.items():
            try:
                kept.update(_as_json({name: value}))
            except (orjson.JSONEncodeError, UnicodeEncodeError, ValueError) as error:
                plan.report.told.add("values of further columns could not be kept", str(error)[:80])
        return kept


def _as_json(rest: dict[Any, Any]) -> dict[str, Any]:
    clean = orjson.loads(orjson.dumps(rest, default=str, option=orjson.OPT_NON_STR_KEYS))
    if _NUL.search(orjson.dumps(clean)):
        raise ValueError("a NUL byte")
    return dict(clean)


def _given(value: Any, field: str, plan: Plan, column: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RowError(f"extra is {type(value).__name__}, expected an object")
    return kept_extra(dict(value), plan)


CONVERT: dict[str, Converter] = {
    "title": _title,
    **dict.fromkeys(("lead", "body"), to_texts),
    "kind": _folded,
    "language": _language,
    "tags": _tags,
    "access": _access,
    "extra": _given,
}
