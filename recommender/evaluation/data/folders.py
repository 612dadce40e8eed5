"""Checks of the files of a named set and of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recommender.errors import InputError


def need_files(folder: Path, names: tuple[str, ...], source: str) -> None:
    """Raise an `InputError` that names the source of a set if one of its files is missing."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"no {' and '.join(missing)} in {folder}; {source}; --data names the folder")


def need_columns(path: Path, line: int, row: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise an `InputError` if a row lacks one of its columns."""
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise InputError(f"{path}, line {line}: no {' and '.join(missing)}; expected {', '.join(names)}")
