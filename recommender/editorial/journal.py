"""The journal of the acts of editors: one JSON object a line, append-only."""

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
    """All acts of editors: who did what, when and why, and the state before and after.

    Parameters
    ----------
    path : path
        File that lines are added to, by one process or more.

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
        """Lock the journal, and yield the function that adds entries; they are on disk when it returns.

        Raises `PublishError` if the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield _Add(file)
        except OSError as error:
            raise PublishError(f"cannot write to {self.path}: {error.strerror}; nothing was done") from error

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Read the last entries, the newest first, without lines that are cut."""
        try:
            data = self._read_end(count)
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
            entries = [entry for line in file if needle in line and (entry := _entry(line)) is not None]
        return next((entry for entry in entries if entry.get("id") == entry_id), None)

    def purged(self) -> dict[str, dict[str, Any]]:
        """Return the entry of each story that was purged and not restored since, by its id."""
        purges: dict[str, dict[str, Any]] = {}
        if not self.path.exists():
            return purges
        with self.path.open("rb") as file:
            for line in file:
                if b'"purge"' not in line and b'"restore"' not in line:
                    continue
                entry = _entry(line) or {}
                if entry.get("what") == "purge":
                    purges[entry["item"]] = entry
                elif entry.get("what") == "restore":
                    purges.pop(entry["item"], None)
        return purges

    def _read_end(self, count: int) -> bytes:
        """Read at least the last `count` lines of the file."""
        with self.path.open("rb") as file:
            position, data = file.seek(0, os.SEEK_END), b""
            while position and data.count(b"\n") <= count:
                start = max(position - _BLOCK, 0)
                file.seek(start)
                data, position = file.read(position - start) + data, start
        return data


class _Add:
    """Adds lines to the file, and flushes them to disk."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file

    def __call__(self, *entries: dict[str, Any]) -> None:
        is_cut = self._file.tell() and not self._ends_with_newline()
        self._file.write(b"\n" if is_cut else b"")
        self._file.writelines(orjson.dumps(entry, option=orjson.OPT_UTC_Z) + b"\n" for entry in entries)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _ends_with_newline(self) -> bool:
        """Check whether the last line is complete; a killed process may have left part of a line."""
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
