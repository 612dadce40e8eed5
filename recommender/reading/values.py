"""Values as systems write them -> plain text, lists and numbers."""

from __future__ import annotations

import ast
import base64
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from recommender.errors import RowError


class WrongType(RowError):
    """A value that is no text, number or list, nor an object of known keys."""


class NotUtf8(RowError):
    """A value that is no UTF-8; `mended` is read by the encoding of Windows, without halves of characters."""

    def __init__(self, field: str, mended: str) -> None:
        super().__init__(f"{field} is not valid UTF-8; convert the file's encoding")
        self.mended = mended


_PLAIN_TYPES = frozenset((str, int, bool, dict, list))
# Keys that contain the value of an object: WordPress, Arc XP, Drupal, JSON-LD, XML as JSON, MongoDB, then names, then
# types of DynamoDB and Firestore, and those of Avro and BigQuery.
_KEYS = (
    "rendered", "basic", "processed", "#text", "@value", "$t", "_", "value", "name", "term", "title", "headline",
    "label", "text", "content", "html", "markup", "display_name", "displayName", "full_name", "fullName", "byline",
    "fullOrUserName", "slug", "$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal",
    "$uuid", "$timestamp", "en", "main", "original", "webTitle", "data", "attributes", "_seconds", "seconds", "node",
    "nodes", "edges", "t", "S", "N", "SS", "L", "BOOL", "stringValue", "timestampValue", "integerValue",
    "doubleValue", "booleanValue", "arrayValue", "values", "tag", "keyword", "target_id",
    "string", "long", "int", "array", "list", "element", "v", "author", "person", "category",
)  # fmt: skip
_NAMES = ("name", "term", "label", "title", "slug")
_ADDRESSES = ("url", "href", "src", "contentUrl", "@id", "link", "canonical", "uri", "original", "path")
_PERSON_NAMES = ("first_name", "last_name"), ("firstName", "lastName"), ("givenName", "familyName")
_FULL_NAMES = ("name", "display_name", "displayName", "full_name", "fullName", "byline", "fullOrUserName", "rendered")
_LOCALE = re.compile(r"[a-z]{2}(?:[-_][A-Za-z]{2,4})?")
_MAX_DEPTH = 6  # of objects in objects
MISSING = frozenset((
    "", "nan", "nat", "none", "null", "n/a", "<na>", r"\n", "undefined", "#n/a", "#nv", "#value!", "#ref!", "#name?",
    "(null)", "<null>", "[null]", "(none)",
))  # fmt: skip
"""Words that mean a missing value, folded."""
_WORDS = (
    "true yes y t on 1 x ja oui si sí sim da tak ano igen evet wahr vrai vero verdadero verdadeiro waar sant sand "
    "kyllä はい 是 да истина prawda",
    "false no n f off 0 nein non nee nej nei não nao nie ne nem hayır falsch faux falso onwaar falskt falsk usann "
    "いいえ 否 нет ложь fałsz",
)
YES, NO = (frozenset(words.split()) for words in _WORDS)
"""Words for yes and for no, as people and sheets write them."""
_MAX_MISSING = 19  # characters of a text that may be such a word
_WRONG_BYTES = re.compile("[\udc80-\udcff]+(?<![\ud800-\udbff].)")
_SEPARATORS = (";", ",", "|", "\n")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_NUMPY_LIST = re.compile(rf"\[(?:{_QUOTED.pattern})(?:\s+(?:{_QUOTED.pattern}))+\]")
_PRINTED_NAMES = {"nan": None, "NaN": None, "NaT": None, "null": None, "true": True, "false": False}
_MAX_LITERAL = 100_000  # characters of a Python list that is read


def quoted(value: Any) -> str:
    """Quote a value in an error, cut to a length that fits a line."""
    try:
        return repr(str(value)[:60])
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of thousands of digits"


def plain(value: Any) -> Any:
    """Unpack what pandas, NumPy and databases put around a value; None where it means nothing.

    Examples
    --------
    >>> plain(np.int64(7)), plain(float("nan")), plain(Decimal("2"))
    (7, None, 2)
    """
    kind = type(value)
    if kind in _PLAIN_TYPES or value is None:
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
    """Check whether a plain value is nothing, or a word for it.

    Examples
    --------
    >>> [is_missing(value) for value in (None, "", " NULL ", [], "Null Island")]
    [True, True, True, True, False]
    """
    if type(value) is str:
        return not value or (len(value) <= _MAX_MISSING and value.strip().casefold() in MISSING)
    return value is None or (isinstance(value, list | tuple | Mapping | str) and not value)


def unwrap(value: Any, address: bool = False) -> Any:
    """Find what an object means, by the keys that systems use; other values stay as they are.

    `address` looks for the URL first. An object whose known keys contain nothing means nothing.

    Examples
    --------
    >>> unwrap({"rendered": "Ferry aground", "protected": False}), unwrap({"@type": "Person", "name": "Ann"})
    ('Ferry aground', 'Ann')
    >>> unwrap({"rendered": "", "protected": False}) is None
    True
    """
    if type(value) is str:
        return value
    keys = (*_ADDRESSES, *_KEYS) if address else (*_KEYS, *_ADDRESSES)
    for _ in range(_MAX_DEPTH):
        value = plain(value)
        if not isinstance(value, Mapping):
            return value
        if (person := _person_name(value)) is not None:
            return person
        key = _find_key(value, keys)
        if key is None:
            return _unwrap_other(value, keys)
        value = value[key]
    return value


def _find_key(value: Mapping[Any, Any], keys: Iterable[str]) -> Any:
    """Find the key of an object under which it contains something: a known one, or its first language."""
    key = next((key for key in keys if key in value and not is_missing(plain(value[key]))), None)
    if key is not None or len(value) < 2:
        return key
    is_by_language = all(isinstance(text, str) and _LOCALE.fullmatch(str(name)) for name, text in value.items())
    return next((name for name, text in value.items() if not is_missing(text)), None) if is_by_language else None


def _person_name(value: Mapping[Any, Any]) -> str | None:
    """Find the names of a person, who has no name as a whole: what else it says may be a post or an address."""
    parts = next((parts for parts in _PERSON_NAMES if not value.keys().isdisjoint(parts)), ())
    if not parts or any(map(value.get, _FULL_NAMES)):
        return None
    return " ".join(str(value[part]) for part in parts if value.get(part)) or None


def _unwrap_other(value: Mapping[Any, Any], keys: Iterable[str]) -> Any:
    """Find what an object without a filled key means: bytes, or the list of its parts."""
    if "$binary" in value:
        return _binary_text(value["$binary"])
    if value.keys() <= {"NULL", "nullValue"} or "_ref" in value:  # nothing of DynamoDB and Firestore, a link of Sanity
        return None
    if value and all(isinstance(part, Mapping) and any(map(part.get, _NAMES)) for part in value.values()):
        return list(value.values())  # by their names, or by other keys
    return None if any(key in value for key in keys) else value


def _binary_text(value: Any) -> str | None:
    text = value.get("base64") if isinstance(value, Mapping) else value
    try:
        data = base64.b64decode(text or "", validate=True)
    except (ValueError, TypeError):
        return None
    return str(UUID(bytes=data)) if len(data) == 16 else str(text)


def single_value(value: Any, address: bool = False) -> Any:
    """Unwrap a value; of a list the first that contains something."""
    if type(value) is str:
        return value
    value = unwrap(value, address)
    if isinstance(value, list | tuple):
        items = (unwrap(item, address) for item in value)
        return next((item for item in items if not is_missing(item)), None)
    return value


def as_text(value: Any, field: str) -> str:
    """Convert a plain value to text; raise `RowError` if it is no text and no number, or is no UTF-8."""
    if type(value) is str and value.isascii():
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value)
        try:
            value = value.decode()
        except UnicodeDecodeError:
            if len(value) == 16 and field == "id":
                return str(UUID(bytes=value))
            value = value.decode(errors="surrogateescape")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongType(f"{field} is {type(value).__name__}, expected text")
    try:
        text = str(value)
        text.encode()
    except UnicodeEncodeError:
        raise NotUtf8(field, _mend(text)) from None
    except ValueError:
        raise RowError(f"{field} is {quoted(value)}") from None
    return text.replace("\x00", "") if "\x00" in text else text


def _mend(text: str) -> str:
    """Read bytes that are no UTF-8 as Windows-1252, and drop halves of characters."""
    text = _WRONG_BYTES.sub(lambda bytes_: bytes_[0].encode(errors="surrogateescape").decode("cp1252", "ignore"), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return text.replace("\x00", "")


def as_list(value: Any) -> list[Any]:
    """List what a field contains: a list as JSON or as Python prints it, text with separators, or a single value.

    Examples
    --------
    >>> as_list("['ferry', 'Port Ellery']"), as_list("ferry; fog"), as_list({"name": "ferry"})
    (['ferry', 'Port Ellery'], ['ferry', ' fog'], ['ferry'])
    """
    value = plain(value)
    if isinstance(value, Mapping):
        value = unwrap(value)
        if isinstance(value, Mapping):
            raise WrongType("an object of unknown keys, expected a list or text")
    if isinstance(value, list | tuple):
        return list(_flatten(map(unwrap, value)))
    return _split_text(value.strip()) if isinstance(value, str) else [value]


def _flatten(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from map(unwrap, item)
        else:
            yield item


def _split_text(text: str) -> list[Any]:
    if text[:1] in ("[", "(", "{") and text[-1:] in ("]", ")", "}") and (parsed := parse_printed(text)) is not None:
        return [unwrap(item) for item in ([parsed] if isinstance(parsed, Mapping) else parsed)]
    if text[:1] == "{" and text[-1:] == "}":  # an array of PostgreSQL
        return [part.strip().strip('"') for part in text[1:-1].split(",")]
    parts = [text.strip("[]") if text[:1] == "[" else text]
    for separator in _SEPARATORS:
        parts = [piece for part in parts for piece in part.split(separator)]
    return parts


def literal(node: ast.expr) -> Any:
    """Evaluate what Python printed: of calls times, and others by their only argument, as databases and pandas do.

    Examples
    --------
    >>> text = "[ObjectId('5f'), datetime.datetime(2026, 11, 27, 7, 5, tzinfo=datetime.timezone.utc), nan]"
    >>> literal(ast.parse(text, mode="eval").body)
    ['5f', '2026-11-27T07:05:00+00:00', None]
    """
    return ast.literal_eval(_Constants().visit(node))


class _Constants(ast.NodeTransformer):
    """Replace calls and names by what they stand for; a call that says more raises `ValueError`."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a name of no value, of JavaScript too."""
        return ast.Constant(_PRINTED_NAMES[node.id]) if node.id in _PRINTED_NAMES else node

    def visit_Call(self, node: ast.Call) -> ast.Constant:
        """Replace a time by its text in ISO 8601, and any other call by its only argument."""
        name = ast.unparse(node.func).rpartition(".")[2]
        arguments = [ast.literal_eval(argument) for argument in node.args]
        zones = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg != "tz"}
        is_utc = zones in ({"tzinfo": "datetime.timezone.utc"}, {"tzinfo": "datetime.UTC"})
        if name == "datetime" and (is_utc or not zones):
            time = datetime(*arguments)
            return ast.Constant((time.replace(tzinfo=UTC) if is_utc else time).isoformat())
        if name == "date" and not zones:
            return ast.Constant(date(*arguments).isoformat())
        if zones or len(arguments) != 1:
            raise ValueError(ast.unparse(node))
        return ast.Constant(arguments[0])


def parse_printed(text: str) -> Any:
    """Read a list, an object or a text in quotes that JSON or Python printed; None for anything else.

    Examples
    --------
    >>> parse_printed("['ferry', 'fog']"), parse_printed("['ferry' 'fog']"), parse_printed("[ferry]")
    (['ferry', 'fog'], ['ferry', 'fog'], None)
    """
    if _NUMPY_LIST.fullmatch(text):  # Python would make one text of all
        return [item[1:-1] for item in _QUOTED.findall(text)]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        if len(text) > _MAX_LITERAL:
            return None
        try:
            value = literal(ast.parse(text.strip(), mode="eval").body)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    if isinstance(value, set):
        return sorted(value, key=lambda item: text.find(str(item)))
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, list | Mapping | str) else None
