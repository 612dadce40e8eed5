"""Files of named sets: that they exist, and their rows without damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recommender.errors import InputError
from recommender.reading.formats import BadRow, Stream


def need_files(folder: Path, names: tuple[str, ...], source: str) -> None:
    """Raise an `InputError` that names the source of a set if one of its files is missing."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"no {' and '.join(missing)} in {folder}; {source}; --data names the folder")


def read_sound_rows(
    path: Path, columns: tuple[str, ...] = (), *, filled: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, row) of a file; raise an `InputError` at the first row that is damaged or lacks one of `columns`.

    With `filled` a row lacks a column that is empty, too.
    """
    empty = (None, "") if filled else (None,)
    for line, row in Stream(path.name, path).rows():
        if isinstance(row, BadRow):
            raise InputError(f"{path}, line {line}: {row}")
        missing = [name for name in columns if row.get(name) in empty]
        if missing:
            raise InputError(f"{path}, line {line}: no {' and '.join(missing)}; expected {', '.join(columns)}")
        yield line, row
