"""Convert ids of callers to text, as archives and lists keep them, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import index
from typing import Any, TypeAlias
from uuid import UUID

from recommender.articles.article import Article
from recommender.errors import SettingsError

Id: TypeAlias = str | int | UUID
"""An id as a caller may give it, including integers of NumPy and pandas."""


def id_text(value: Any) -> Any:
    """Convert an id to text; a value that is no id comes back as it is.

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


def as_ids(ids: Id | Iterable[Id]) -> list[Id]:
    """Return ids as a list, also a single one."""
    return [ids] if isinstance(ids, str | UUID) or not isinstance(ids, Iterable) else list(ids)


def id_texts(ids: Id | Iterable[Id]) -> list[str]:
    """Convert ids, or a single one, to a list of texts.

    Examples
    --------
    >>> id_texts([2, "a"]), id_texts(2)
    (['2', 'a'], ['2'])
    """
    return list(map(id_text, as_ids(ids)))


def require_single(given: Any, call: str, several: str) -> None:
    """Raise `SettingsError` if a call that takes one id got several, or a story.

    `call`: name of the function. `several`: what to do instead.

    Examples
    --------
    >>> require_single([2, 3], "get", "call it for each")
    Traceback (most recent call last):
    recommender.errors.SettingsError: get takes one id, got list [2, 3]; call it for each
    """
    if isinstance(given, Iterable | Article) and not isinstance(given, str | UUID):
        raise SettingsError(f"{call} takes one id, got {type(given).__name__} {str(given)[:60]}; {several}")


def id_converter(given: Any) -> Callable[[str], Any] | None:
    """Return the function that converts texts to the type of the given id; None where that is text, or no id.

    An id that cannot be of that type stays text.

    Examples
    --------
    >>> to_id = id_converter(2)
    >>> to_id("17"), to_id("017"), to_id("a")
    (17, '017', 'a')
    >>> id_converter("2") is None
    True
    """
    if isinstance(given, UUID):
        return _uuid
    is_number = not isinstance(given, str) and isinstance(id_text(given), str)
    return _integer if is_number else None


def _integer(text: str) -> str | int:
    digits = text[1:] if text[:1] == "-" else text
    is_canonical = digits.isascii() and digits.isdecimal() and len(digits) < 40 and (digits == "0" or digits[0] != "0")
    return int(text) if is_canonical and text != "-0" else text


def _uuid(text: str) -> str | UUID:
    try:
        value = UUID(text)
    except ValueError:
        return text
    return value if str(value) == text else text
