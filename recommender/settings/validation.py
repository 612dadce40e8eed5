"""Validation of settings and rules: one error names every fault, its place, what was given and what was expected."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from recommender.errors import SettingsError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


_FAULTS = 20  # faults of a file in one error
_DISPLAY = reprlib.Repr()  # values may be large, deep, or numbers that Python does not print
_DISPLAY.maxstring = _DISPLAY.maxother = _DISPLAY.maxlong = 200
_DISPLAY.maxlist = _DISPLAY.maxtuple = _DISPLAY.maxdict = 20
_DISPLAY.maxlevel = 4
# pydantic adds it to the name of a value of several types
_TYPE = re.compile(r"(constrained-)?(float|int|bool|str|literal\[.*)$")
_EXPECTED = {  # by the type of pydantic's error
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "expected a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "expected a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "expected true or false"),
    "string_type": "expected a text",
    "tuple_type": "expected a list",
    "literal_error": "expected {expected}",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than_equal": "expected {le:g} or less",
    "value_error": "{error}",
}


class Stage(BaseModel):
    """Settings of a stage; an unknown name raises an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def validate(model: type[Model], values: Any, origin: str) -> Model:
    """Validate nested values as a model; one `SettingsError` names all faults."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A value that may be of several types has a fault for each.
        faults: dict[tuple[str, str], list[str]] = {}
        for details in error.errors(include_url=False):
            name = _place([part for part in details["loc"] if not _TYPE.match(str(part))])
            faults.setdefault((name, _display(details["input"])), []).append(_fault(model, details))
        messages = []
        for (name, given), (first, *others) in [*faults.items()][:_FAULTS]:
            alternatives = "".join(f" or {other.removeprefix('expected ')}" for other in others)
            messages.append(f"{name}: {first}{alternatives} (given: {given})")
        if len(faults) > _FAULTS:
            messages.append(f"and {len(faults) - _FAULTS:,} more")
        raise SettingsError(f"{origin}: {'; '.join(messages)}") from error


def _place(path: Sequence[int | str]) -> str:
    """Name the place of a value; entries of a list are counted from 1.

    Examples
    --------
    >>> _place(["pins", 0, "story"]), _place(["selection", "k"])
    ('pins, number 1, story', 'selection.k')
    """
    name = ""
    for before, part in zip([None, *path], path, strict=False):
        separator = "" if before is None else ", " if isinstance(part, int) or isinstance(before, int) else "."
        name += separator + (f"number {part + 1}" if isinstance(part, int) else part[:100])
    return name


def _fault(model: type[BaseModel], error: Any) -> str:
    """Return what is wrong with a value; for an unknown name, a similar name or all names."""
    *path, name = error["loc"]
    if error["type"] == "string_pattern_mismatch":
        field = _fields(model, path).get(name)
        return f"expected {(field.description if field else None) or error['msg']}"
    if error["type"] != "extra_forbidden":
        expected = _EXPECTED.get(error["type"])
        return str(error["msg"] if expected is None else expected.format(**error.get("ctx", {})))[:500]
    names = _fields(model, path)
    suggestion = did_you_mean(str(name), names) or (names and f"; expected one of {', '.join(names)}")
    return f"there is no such name{suggestion or ''}"


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> dict[Any, Any]:
    """Return the fields at a path of names within a model; none where no model stands there."""
    owner: Any = model
    for part in path:
        field = owner.model_fields.get(part) if hasattr(owner, "model_fields") else None
        owner = None if field is None else field.annotation
    return getattr(owner, "model_fields", {})


def _display(value: Any) -> str:
    try:
        return "none" if value is None else _DISPLAY.repr(value)  # as in files and on the command line
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of thousands of digits"
