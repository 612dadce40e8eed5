"""Documents of Solr: names of columns that end in their type, as `title_txt_en`, or in Drupal begin with it."""

from __future__ import annotations

import re
from collections.abc import Collection

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind
from recommender.reading.names import EMBARGOES, fold, known_names
from recommender.reading.status import STATUS_NAMES

_END = re.compile(r"(?<=\w)_(?:ss?|[ilfd]s?|bs?|dts?|tdts?|t|txt(?:_[a-z]{2,3})?|text(?:_[a-z]{2})?|str|ws|sort)\Z")
_BEGIN = re.compile(r"(?:[stbdif]s|[stbdif]m|its|itm)_(?:X3b_[a-z]{2}_)?(?=\w)")
_OWN = frozenset(("_version_", "score"))


def _name(column: str) -> str:
    """Find the name of a column without its type, if that is a name that is known."""
    for form in (_END, _BEGIN):
        plain = form.sub("", column, count=1)
        if plain != column and _is_known(plain) and not _is_known(column):
            return plain
    return column


def _is_known(name: str) -> bool:
    return bool(known_names([name])) or fold(name) in STATUS_NAMES or name in EMBARGOES


def _plain(row: Row) -> Row:
    found = {name: _name(name) for name in row if isinstance(name, str)}
    kept = {name: value for name, value in row.items() if name not in _OWN}
    given = {found[name]: value for name, value in kept.items() if value not in (None, "", [])}
    return with_kind({**{found.get(name, name): value for name, value in kept.items()}, **given})


class _Solr(Shape):
    def fits(self, names: Collection[str]) -> bool:
        """Tell whether two columns, or one beside those of Solr itself, have names with a type."""
        typed = sum(isinstance(name, str) and _name(name) != name for name in names)
        return typed + (not _OWN.isdisjoint(names)) > 1


SHAPE = _Solr(
    name="Solr", any_of=(frozenset(("id", "title_s", "body_txt_en", "published_dt", "_version_")),), plain=_plain
)
