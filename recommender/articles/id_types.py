"""Ids in the type that a caller has them in; archives and lists keep them as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import index
from typing import Any, TypeAlias
from uuid import UUID

Id: TypeAlias = str | int | UUID
"""An id as a caller may give it: integers of NumPy and pandas are such too."""


def id_text(value: Any) -> Any:
    """Convert an id to text; what can be none is given back as it is, and equals none.

    Examples
    --------
    >>> id_text("2"), id_text(2), id_text(2.0), id_text(UUID(int=2))
    ('2', '2', '2', '00000000-0000-0000-0000-000000000002')
    """
    if isinstance(value, str | bool):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(index(value)) if hasattr(type(value), "__index__") else value


def id_texts(ids: Id | Iterable[Id]) -> list[str]:
    """Convert several ids to texts; a single one may be given as it is.

    Examples
    --------
    >>> id_texts([2, "a"]), id_texts(2)
    (['2', 'a'], ['2'])
    """
    if isinstance(ids, str | UUID) or not isinstance(ids, Iterable):
        return [id_text(ids)]
    return list(map(id_text, ids))


def giving_back(asked: Any) -> Callable[[str], Any] | None:
    """Make the function that turns ids back into the type of the id that was asked; None where that is text.

    An id that cannot be of that type stays text.

    Examples
    --------
    >>> give = giving_back(2)
    >>> give("17"), give("017"), give("a")
    (17, '017', 'a')
    >>> giving_back("2") is None
    True
    """
    if isinstance(asked, UUID):
        return _uuid
    return None if isinstance(asked, str) or isinstance(id_text(asked), bool) else _integer


def _integer(text: str) -> str | int:
    digits = text[1:] if text[:1] == "-" else text
    plain = digits.isascii() and digits.isdecimal() and len(digits) < 40 and (digits == "0" or digits[0] != "0")
    return int(text) if plain and text != "-0" else text


def _uuid(text: str) -> str | UUID:
    try:
        found = UUID(text)
    except ValueError:
        return text
    return found if str(found) == text else text
