"""The journal of what editors did: one JSON object a line, only ever added to."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import Any

import orjson

from recommender.errors import PublishError

JOURNAL = "journal.jsonl"
_BLOCK = 1 << 16  # bytes that are read at once from the end


class Journal:
    """Who did what, when and why, with what held before and after.

    Parameters
    ----------
    path : path
        File that lines are added to; several processes may.

    Examples
    --------
    >>> import tempfile
    >>> journal = Journal(Path(tempfile.mkdtemp()) / JOURNAL)
    >>> with journal.writing() as add:
    ...     add({"who": "Ana", "what": "withdraw"})
    >>> [entry["who"] for entry in journal.newest(10)]
    ['Ana']
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self) -> Iterator[_Add]:
        """Hold the journal; what is added is on disk when the call returns.

        Raises
        ------
        PublishError
            If the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield _Add(file)
        except OSError as error:
            raise PublishError(f"cannot write to {self.path}: {error.strerror}; nothing was done") from error

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Read the last entries, the newest first; a line that is cut is left out."""
        try:
            data = self._end(count)
        except FileNotFoundError:
            return []
        entries = [entry for line in data.splitlines() if (entry := _entry(line)) is not None]
        return entries[::-1][:count]

    def find(self, entry_id: str) -> dict[str, Any] | None:
        """Find the entry with an id; None where there is none."""
        needle = entry_id.encode(errors="replace")
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            found = [entry for line in file if needle in line and (entry := _entry(line)) is not None]
        return next((entry for entry in found if entry.get("id") == entry_id), None)

    def _end(self, count: int) -> bytes:
        """Read the last lines of the file, and maybe some before."""
        with self.path.open("rb") as file:
            place, data = file.seek(0, os.SEEK_END), b""
            while place and data.count(b"\n") <= count:
                start = max(place - _BLOCK, 0)
                file.seek(start)
                data, place = file.read(place - start) + data, start
        return data


class _Add:
    """Adds lines, and has them on disk."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file

    def __call__(self, *entries: dict[str, Any]) -> None:
        cut = self._file.tell() and not self._ends_whole()
        self._file.write(b"\n" if cut else b"")
        self._file.writelines(orjson.dumps(entry, option=orjson.OPT_UTC_Z) + b"\n" for entry in entries)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _ends_whole(self) -> bool:
        """Tell whether the last line ends; one that a killed process left is kept apart from the next."""
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
