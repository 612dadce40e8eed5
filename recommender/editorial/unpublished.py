"""The ids of stories that the newsroom's system took back, beside the overlay of what editors decide."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from pathlib import Path

import orjson

from recommender.errors import DamagedError, PublishError
from recommender.storage.atomic import write_atomically

STATE = "unpublished.json"


class Unpublished:
    """Ids that are in no list, and have none, until they come in published again.

    A state, not a log: each run that reads articles says what holds from then on. Only those who hold the writer's lock
    of the place change it.

    Parameters
    ----------
    path : path, optional
        File that is replaced as a whole; without it the ids live in memory.

    Examples
    --------
    >>> state = Unpublished()
    >>> state.change({"a", "b"}, set()), state.change({"c"}, {"a"}), sorted(state.ids)
    (2, 2, ['b', 'c'])
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.ids: frozenset[str] = frozenset()
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it was replaced."""
        if self.path is None:
            return
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self.ids, self._seen = frozenset(), None
            return
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        try:
            entry = orjson.loads(self.path.read_bytes())
            if entry["crc32"] != zlib.crc32(orjson.dumps(entry["unpublished"])):
                raise ValueError("it does not match its checksum")
            self.ids, self._seen = frozenset(entry["unpublished"]), seen
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"damaged: {self.path} ({error}), which names stories that were taken back; delete it and run "
                "precompute again"
            ) from error

    def change(self, hidden: Collection[str], shown: Collection[str]) -> int:
        """Take in ids that are not published any more, and drop those that are; returns for how many that is new."""
        self.refresh()
        after = self.ids.difference(shown).union(hidden)
        changed = len(after ^ self.ids)
        if changed and self.path is not None:
            ids = sorted(after)
            entry = {"unpublished": ids, "crc32": zlib.crc32(orjson.dumps(ids))}
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path, orjson.dumps(entry) + b"\n")
            except OSError as error:
                raise PublishError(f"cannot write to {self.path}: {error.strerror}; try again") from error
            self.refresh()
        self.ids = after
        return changed
