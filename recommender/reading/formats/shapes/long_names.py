"""Columns whose names say more: their type, as `title_txt_en` of Solr, or where they stood, as `fields.title`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind
from recommender.reading.names import EMBARGOES, fold, known_names
from recommender.reading.status import STATUS_NAMES

_SUFFIX = re.compile(
    r"(?<=\w)_(?:ss?|[ilfd]s?|bs?|dts?|tdts?|t|txt(?:_[a-z]{2,3})?|text(?:_[a-z]{2})?|str|ws|sort|_c)\Z"
)
_PREFIX = re.compile(r"(?:[stbdif]s|[stbdif]m|its|itm)_(?:X3b_[a-z]{2}_)?(?=\w)")
_DECLARED = re.compile(r"(?<=\w):[A-Za-z]+\Z")  # id:ID, of graph databases
# of rows that were made flat: a part that represents the whole, and objects around the fields of a story
_VALUE = re.compile(r"(?<=\w)\.(?:rendered|value|basic|name|text|html|main|processed|\$oid|\$date|0)\Z")
_WRAPPER = re.compile(
    r"\A(?:\w+\.)?(?:_source|fields|attributes|properties|content|data|article|story|post|node|item)\."
)
_MARKS = re.compile(r"(?:seo|meta|metadata|publishing|flags|system)\.(?=[^.]+\Z)")
_PATTERNS = (_SUFFIX, _PREFIX, _DECLARED, _VALUE)
_EMPTY: tuple[Any, ...] = (None, "", [])
_OWN_COLUMNS = frozenset(("_version_", "score"))


def _untyped_name(column: str) -> str:
    """Return the name of a column without its type or place, if that is a name that is known."""
    inner = _WRAPPER.sub("", column)
    bases = (inner, column) if inner != column else (column,)
    names = (name for base in bases for name in (base, *(one.sub("", base, count=1) for one in _PATTERNS)))
    marks = _MARKS.sub("", column)
    if _is_known(column):
        return column
    return next(filter(_is_known, names), marks if fold(marks) in STATUS_NAMES else column)


def _is_known(name: str) -> bool:
    return bool(known_names([name])) or fold(name) in STATUS_NAMES or name in EMBARGOES


def _convert(row: Row) -> Row:
    story: Row = {}
    filled: Row = {}  # counts before an empty column of the same name
    for column, value in row.items():
        if column in _OWN_COLUMNS:
            continue
        name = _untyped_name(column) if isinstance(column, str) else column
        name = column if row.get(name) not in _EMPTY else name
        story[name] = value
        if value not in _EMPTY:
            filled[name] = value
    return with_kind({**story, **filled})


class _LongNames(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether two columns have names with a type, or one besides those of Solr itself, or with a place."""
        typed = [name for name in names if isinstance(name, str) and _untyped_name(name) != name]
        return len(typed) + (not _OWN_COLUMNS.isdisjoint(names)) > 1 or any(
            "." in name or name.endswith("__c") for name in typed
        )


SHAPE = _LongNames(
    name="Solr", any_of=(("id", "title_s", "body_txt_en", "published_dt", "_version_"),), convert=_convert
)
