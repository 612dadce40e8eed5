"""Documents of Solr: names of columns that end in their type, as `title_txt_en`, or in Drupal begin with it."""

from __future__ import annotations

import re
from collections.abc import Collection

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind
from recommender.reading.names import EMBARGOES, fold, known_names
from recommender.reading.status import STATUS_NAMES

_SUFFIX = re.compile(r"(?<=\w)_(?:ss?|[ilfd]s?|bs?|dts?|tdts?|t|txt(?:_[a-z]{2,3})?|text(?:_[a-z]{2})?|str|ws|sort)\Z")
_PREFIX = re.compile(r"(?:[stbdif]s|[stbdif]m|its|itm)_(?:X3b_[a-z]{2}_)?(?=\w)")
_OWN_COLUMNS = frozenset(("_version_", "score"))


def _untyped_name(column: str) -> str:
    """Return the name of a column without its type, if that is a name that is known."""
    for pattern in (_SUFFIX, _PREFIX):
        name = pattern.sub("", column, count=1)
        if name != column and _is_known(name) and not _is_known(column):
            return name
    return column


def _is_known(name: str) -> bool:
    return bool(known_names([name])) or fold(name) in STATUS_NAMES or name in EMBARGOES


def _convert(row: Row) -> Row:
    story: Row = {}
    filled: Row = {}  # counts before an empty column of the same name
    for column, value in row.items():
        if column in _OWN_COLUMNS:
            continue
        name = _untyped_name(column) if isinstance(column, str) else column
        story[name] = value
        if value not in (None, "", []):
            filled[name] = value
    return with_kind({**story, **filled})


class _Solr(Shape):
    def matches(self, names: Collection[str]) -> bool:
        """Check whether two columns, or one besides those of Solr itself, have names with a type."""
        typed = sum(isinstance(name, str) and _untyped_name(name) != name for name in names)
        return typed + (not _OWN_COLUMNS.isdisjoint(names)) > 1


SHAPE = _Solr(name="Solr", any_of=(("id", "title_s", "body_txt_en", "published_dt", "_version_"),), convert=_convert)
