"""`Shape`: how rows of one system are told by their columns, and how they are renamed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

_KINDS = {"opinionnewsarticle": "opinion", "liveblogposting": "live", "reviewnewsarticle": "review"}
_PLAIN_KINDS = frozenset(
    (
        *("article", "newsarticle", "text", "story", "post", "reportagenewsarticle", "composite", "news"),
        *("backgroundnewsarticle", "analysisnewsarticle", "blogposting", "report", "standard", "blogpost", "newsitem"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How rows of one system are told and made plain.

    Attributes
    ----------
    name : str
    any_of : tuple of frozenset of str
        Columns that tell the system: all of one of these sets.
    plain : callable
        Given a row: the same by names that are known.
    """

    name: str
    any_of: tuple[frozenset[str], ...]
    plain: Callable[[Row], Row]

    def fits(self, names: Collection[str]) -> bool:
        """Tell whether rows with columns of these names are of this system."""
        return any(told.issubset(names) for told in self.any_of)


def with_kind(row: Row) -> Row:
    """Translate the type of a row to one of ours, or drop it for plain stories."""
    kind = str(row.get("type") or "").casefold()
    if kind in _PLAIN_KINDS:
        return {name: value for name, value in row.items() if name != "type"}
    return {**row, "type": _KINDS[kind]} if kind in _KINDS else row


def without(row: Mapping[str, Any], *names: str) -> Row:
    """Leave out some columns of a row."""
    return {name: value for name, value in row.items() if name not in names}


def within(value: Any, *path: str | int) -> Any:
    """Follow a path through objects and lists to what stands there; None where it ends before."""
    for name in path:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list) and -len(value) <= name < len(value) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """List the objects of a list; those of an object, where it stands for a list; none of anything else."""
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [one for one in held if isinstance(one, Mapping)]


def filled(row: Row, **more: Any) -> Row:
    """Add further columns to a row, where they hold something and the row has none such."""
    return {**row, **{name: value for name, value in more.items() if value and not row.get(name)}}
