"""Read settings from TOML, and write them with their descriptions."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recommender.errors import SettingsError


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Read the values of a TOML file.

    Raises `SettingsError` if the file is missing, is no TOML, or is nested too deeply.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"cannot read {what} from {path}, expected a file of TOML: {error}") from error
    except (OSError, ValueError, RecursionError) as error:  # numbers of thousands of digits are a ValueError
        raise SettingsError(f"cannot read {what} from {path}: {error}") from error


def without_nones(values: dict[str, Any]) -> dict[str, Any]:
    """Replace the word 'none' in stages by None, which TOML and a command line lack."""
    words = {("ranking", "ranker")}  # settings for which the word is a value
    return {
        stage: {
            name: None if value == "none" and (stage, name) not in words else value for name, value in settings.items()
        }
        if isinstance(settings, dict)
        else settings
        for stage, settings in values.items()
    }


def to_toml(value: Any) -> str:
    """Return a value as TOML; strings are those of JSON, except for the delete character.

    Examples
    --------
    >>> to_toml(["a", 1.5, True]), to_toml(None), to_toml({"by": "kind", "value": None})
    ('["a", 1.5, true]', '"none"', '{by = "kind"}')
    """
    if value is None:
        return '"none"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {to_toml(item)}' for key, item in value.items() if item is not None)}}}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower()  # True, 0.35, 1e-05, inf


def template(settings: BaseModel) -> str:
    """Return all settings as commented TOML, each below its description."""
    lines = ["# All settings of recommender with their defaults. To change one, remove the # before its name."]
    for stage, values in settings:
        lines += ["", f"# {(type(values).__doc__ or '').strip().partition(chr(10))[0]}", f"[{stage}]"]
        for name, value in values.model_dump().items():
            about = type(values).model_fields[name].description
            lines += ["", *([f"# {about}"] if about else []), f"#{name} = {to_toml(value)}"]
    return "\n".join(lines) + "\n"
