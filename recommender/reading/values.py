"""Values as systems write them -> plain text, lists and numbers."""

from __future__ import annotations

import ast
import base64
import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from recommender.errors import RowError
from recommender.reading.times import MISSING, shown


class WrongType(RowError):
    """A value that is no text, number or list, nor an object of known keys."""


_PLAIN = frozenset((str, int, bool, dict, list))
# Where an object holds what it stands for: WordPress, Arc XP, Drupal, JSON-LD, XML as JSON, MongoDB, then names.
_KEYS = (
    *("rendered", "basic", "processed", "#text", "@value", "$t", "_", "value", "name", "term", "title", "headline"),
    *(
        "label",
        "text",
        "content",
        "html",
        "display_name",
        "displayName",
        "full_name",
        "fullName",
        "byline",
        "fullOrUserName",
        "slug",
    ),
    *("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$uuid", "$timestamp", "en"),
    *("main", "original", "webTitle", "data", "attributes", "_seconds", "seconds", "node", "nodes", "edges", "t"),
    # types of DynamoDB and Firestore
    *("S", "N", "SS", "L", "BOOL", "stringValue", "timestampValue", "integerValue", "doubleValue", "booleanValue"),
    *("arrayValue", "values", "tag", "keyword"),
)
_NAMES = ("name", "term", "label", "title", "slug")
_ADDRESSES = ("url", "href", "src", "contentUrl", "@id", "link", "canonical", "uri", "original")
_PARTS = ("first_name", "last_name"), ("firstName", "lastName"), ("givenName", "familyName")
_LOCALE = re.compile(r"[a-z]{2}(?:[-_][A-Za-z]{2,4})?")
_DEEPEST = 6  # objects in objects
LONGEST_MISSING = 19
"""Characters of the longest text that `is_missing` may find to be a word for nothing."""
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_OF_NUMPY = re.compile(rf"\[(?:{_QUOTED.pattern})(?:\s+(?:{_QUOTED.pattern}))+\]")
_LONGEST_REPR = 100_000  # characters of a Python list that is read


def plain(value: Any) -> Any:
    """Unpack what pandas, NumPy and databases put around a value; None where it stands for nothing.

    Examples
    --------
    >>> plain(np.int64(7)), plain(float("nan")), plain(Decimal("2"))
    (7, None, 2)
    """
    kind = type(value)
    if kind in _PLAIN or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, datetime):
        return value if value == value else None  # NaT is one
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value.astype("datetime64[us]").item()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.item()) if value.ndim == 0 else value.tolist()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None if value.is_nan() else value
        return int(value) if value == value.to_integral_value() and abs(value) < 10**30 else float(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if kind.__name__ == "Period" and callable(getattr(value, "to_timestamp", None)):
        return value.to_timestamp()
    return None if kind.__name__ in ("NAType", "NaTType") else value


def is_missing(value: Any) -> bool:
    """Tell whether a plain value is nothing, or a word for it.

    Examples
    --------
    >>> [is_missing(value) for value in (None, "", " NULL ", [], "Null Island")]
    [True, True, True, True, False]
    """
    if type(value) is str:
        return not value or (len(value) <= LONGEST_MISSING and value.strip().casefold() in MISSING)
    return value is None or (isinstance(value, list | tuple | Mapping | str) and not value)


def unwrapped(value: Any, address: bool = False) -> Any:
    """Find what an object stands for, by the keys that systems use; other values stay as they are.

    `address` looks for the URL first. An object whose known keys hold nothing stands for nothing.

    Examples
    --------
    >>> unwrapped({"rendered": "Ferry aground", "protected": False}), unwrapped({"@type": "Person", "name": "Ann"})
    ('Ferry aground', 'Ann')
    >>> unwrapped({"rendered": "", "protected": False}) is None
    True
    """
    if type(value) is str:
        return value
    for _ in range(_DEEPEST):
        value = plain(value)
        if not isinstance(value, Mapping):
            return value
        keys = (*_ADDRESSES, *_KEYS) if address else (*_KEYS, *_ADDRESSES)
        found = next((key for key in keys if key in value and not is_missing(plain(value[key]))), None)
        if (
            found is None
            and len(value) > 1
            and all(isinstance(one, str) and _LOCALE.fullmatch(str(key)) for key, one in value.items())
        ):
            found = next((key for key, one in value.items() if not is_missing(one)), None)  # the first language
        if found is None and "$binary" in value:
            return _binary(value["$binary"])
        if (
            found is None
            and value
            and all(isinstance(one, Mapping) and any(map(one.get, _NAMES)) for one in value.values())
        ):
            return list(value.values())  # by their names, or by other keys
        if found is None:
            name = (" ".join(str(value[part]) for part in parts if value.get(part)) for parts in _PARTS)
            empty = None if any(key in value for key in keys) else value
            return next((one for one in name if one), empty)
        value = value[found]
    return value


def _binary(value: Any) -> str | None:
    """Write bytes as MongoDB exports them, which are mostly UUIDs, as text."""
    text = value.get("base64") if isinstance(value, Mapping) else value
    try:
        held = base64.b64decode(text or "", validate=True)
    except (ValueError, TypeError):
        return None
    return str(UUID(bytes=held)) if len(held) == 16 else str(text)


def one_of(value: Any, address: bool = False) -> Any:
    """Find the first of a list that holds something, unwrapped."""
    if type(value) is str:
        return value
    value = unwrapped(value, address)
    if isinstance(value, list | tuple):
        found = (unwrapped(one, address) for one in value)
        return next((one for one in found if not is_missing(one)), None)
    return value


def as_text(value: Any, field: str) -> str:
    """Convert a plain value to text.

    Raises
    ------
    RowError
        If it is no text and no number, or holds what no UTF-8 is.
    """
    if type(value) is str and value.isascii():
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            value = bytes(value).decode()
        except UnicodeDecodeError:
            raise RowError(f"{field} is not valid UTF-8; convert the file's encoding") from None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongType(f"{field} is {type(value).__name__}, expected text")
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise RowError(f"{field} is not valid UTF-8; convert the file's encoding") from None
    except ValueError:
        raise RowError(f"{field} is {shown(value)}") from None
    return text.replace("\x00", "") if "\x00" in text else text


def as_list(value: Any, split: Iterable[str] = (";", ",", "|", "\n")) -> list[Any]:
    """List what a field holds: a list as JSON or as Python prints it, text with separators, or one thing.

    Examples
    --------
    >>> as_list("['ferry', 'Port Ellery']"), as_list("ferry; fog"), as_list({"name": "ferry"})
    (['ferry', 'Port Ellery'], ['ferry', ' fog'], ['ferry'])
    """
    value = plain(value)
    if isinstance(value, Mapping):
        value = unwrapped(value)
        if isinstance(value, Mapping):
            raise WrongType("an object of unknown keys, expected a list or text")
    if isinstance(value, list | tuple):
        found = [unwrapped(one) for one in value]
        return [part for one in found for part in (map(unwrapped, one) if isinstance(one, list | tuple) else (one,))]
    if not isinstance(value, str):
        return [value]
    text = value.strip()
    if text[:1] in "[({" and text[-1:] in "])}" and text and (found := parse_printed(text)) is not None:
        return [unwrapped(one) for one in ([found] if isinstance(found, Mapping) else found)]
    if text[:1] == "{" and text[-1:] == "}":  # an array of PostgreSQL
        return [one.strip().strip('"') for one in text[1:-1].split(",")]
    parts = [text.strip("[]") if text[:1] == "[" else text]
    for mark in split:
        parts = [one for part in parts for one in part.split(mark)]
    return parts


def parse_printed(text: str) -> Any:
    """Read a list, an object or a text in quotes that JSON or Python printed; None for anything else.

    Examples
    --------
    >>> parse_printed("['ferry', 'fog']"), parse_printed("['ferry' 'fog']"), parse_printed("[ferry]")
    (['ferry', 'fog'], ['ferry', 'fog'], None)
    """
    if _OF_NUMPY.fullmatch(text):  # Python would make one text of all
        return [one[1:-1] for one in _QUOTED.findall(text)]
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        if len(text) > _LONGEST_REPR:
            return None
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    if isinstance(found, set):
        return sorted(found, key=lambda one: text.find(str(one)))
    if isinstance(found, tuple):
        return list(found)
    return found if isinstance(found, list | Mapping | str) else None
