"""`Shape`: how rows of one system are recognised by their columns, and how they are converted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

_KINDS = {"opinionnewsarticle": "opinion", "liveblogposting": "live", "reviewnewsarticle": "review"}
_USUAL_KINDS = frozenset((
    "article", "newsarticle", "text", "story", "post", "reportagenewsarticle", "composite", "news",
    "backgroundnewsarticle", "analysisnewsarticle", "blogposting", "report", "standard", "blogpost", "newsitem", "item",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How rows of one system are recognised and converted.

    Attributes
    ----------
    any_of : tuple of tuple of str
        Columns that show the system: all of one of these tuples.
    convert : callable
        Given a row: the same with names that are known.
    """

    name: str
    any_of: tuple[tuple[str, ...], ...]
    convert: Callable[[Row], Row]

    def matches(self, names: Collection[str]) -> bool:
        """Check whether rows with columns of these names are of this system."""
        return any(set(required).issubset(names) for required in self.any_of)


def with_kind(row: Row) -> Row:
    """Translate the type of a row to one of ours, or drop it for usual stories."""
    kind = str(row.get("type") or "").casefold()
    if kind in _USUAL_KINDS:
        return without(row, "type")
    return {**row, "type": _KINDS[kind]} if kind in _KINDS else row


def without(row: Mapping[str, Any], *names: str) -> Row:
    """Leave out some columns of a row."""
    return {name: value for name, value in row.items() if name not in names}


def get_path(value: Any, *path: str | int) -> Any:
    """Follow a path through objects and lists; None where it ends before."""
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and -len(value) <= key < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def first_of(row: Mapping[str, Any], *names: str) -> Any:
    """Find the first of some columns that contains something; None where none does."""
    return next((row[name] for name in names if row.get(name)), None)


def objects(value: Any) -> list[Mapping[str, Any]]:
    """List the objects of a list; those of an object, that represents a list; none of anything else."""
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [item for item in items if isinstance(item, Mapping)]


def fill(row: Row, **more: Any) -> Row:
    """Add further columns to a row, where they contain something and the row has none such."""
    return {**row, **{name: value for name, value in more.items() if value and not row.get(name)}}
