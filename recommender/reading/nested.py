"""Values within objects of a row, by a path with dots such as `headlines.main`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """Return the value of a column; where there is none of this name, the one at the end of its path, or None.

    Examples
    --------
    >>> row = {"headlines": {"main": "Ferry"}, "desks": [{"name": "local"}], "a.b": 1}
    >>> value_at(row, "headlines.main"), value_at(row, "desks.0.name"), value_at(row, "a.b"), value_at(row, "x.y")
    ('Ferry', 'local', 1, None)
    """
    if name in row or "." not in name:
        return row.get(name)
    value: Any = row
    for key in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list | tuple) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def paths(row: Mapping[str, Any], depth: int = 3) -> Iterator[str]:
    """List the names of columns, and the paths of what their objects contain.

    Examples
    --------
    >>> list(paths({"id": 1, "headlines": {"main": "Ferry"}}))
    ['id', 'headlines', 'headlines.main']
    """
    for name, value in row.items():
        yield name
        if isinstance(value, Mapping) and depth > 1:
            yield from (f"{name}.{path}" for path in paths(value, depth - 1))
