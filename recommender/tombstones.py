"""The overlay of withdrawn and withheld ids: append-only, outside the versions, read by every reader."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import orjson

from recommender.errors import SnapshotError

Action = Literal["withdraw", "restore", "withhold", "release"]
_ADDS: dict[str, bool] = {"withdraw": True, "restore": False, "withhold": True, "release": False}
NAME = "tombstones.jsonl"


class Tombstones:
    """Withdrawn ids (in no list, with no list) and withheld ids (no list under this story).

    Parameters
    ----------
    path : path, optional
        File that actions are appended to and read from; without it they live in memory.

    Examples
    --------
    >>> stones = Tombstones()
    >>> stones.record("withdraw", ["a"]), stones.withdrawn
    (1, frozenset({'a'}))
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.withdrawn: frozenset[str] = frozenset()
        self.withheld: frozenset[str] = frozenset()
        self._seen: tuple[int, int] = (0, 0)
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it grew."""
        if self.path is None:
            return
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return
        if (stat.st_ino, stat.st_size) == self._seen:
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half-written by another process
        self.withdrawn, self.withheld = frozenset(), frozenset()
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = orjson.loads(line)
                self._apply(entry["action"], entry["ids"])
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"{self.path}, line {number} is damaged ({error}); mend it by hand: withdrawals depend on it"
                ) from error
        self._seen = (stat.st_ino, len(data))

    def record(self, action: Action, ids: Iterable[str]) -> int:
        """Add an action; returns for how many ids it changed something."""
        wanted = sorted(set([ids] if isinstance(ids, str) else ids))
        if self.path is None:
            return self._apply(action, wanted)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # only against other withdrawals, never against a publish
            self.refresh()
            file.seek(0)
            data = file.read()
            file.truncate(data.rfind(b"\n") + 1)
            changed = self._apply(action, wanted)
            if changed:
                file.write(orjson.dumps({"action": action, "ids": wanted}) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        return changed

    def _apply(self, action: str, ids: list[str]) -> int:
        held = self.withdrawn if action in ("withdraw", "restore") else self.withheld
        after = held | set(ids) if _ADDS[action] else held - set(ids)
        if action in ("withdraw", "restore"):
            self.withdrawn = after
        else:
            self.withheld = after
        return len(held ^ after)
