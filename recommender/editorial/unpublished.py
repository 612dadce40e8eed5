"""The ids of stories that the newsroom's system took back, beside the overlay of what editors decide."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from recommender.errors import DamagedError, PublishError
from recommender.storage.atomic import write_atomically

STATE = "unpublished.json"

Version: TypeAlias = tuple[datetime | None, datetime | None]
"""When a row that took a story back was changed, and published; None where it did not say."""
_UNTOLD: Version = (None, None)


class Unpublished:
    """Ids that are in no list, and have none, until they come in published again, and when they were taken back.

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
        self._hold({})
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def _hold(self, versions: Mapping[str, Version]) -> None:
        self.versions, self.ids = versions, frozenset(versions)

    def in_memory(self) -> Unpublished:
        """Copy what holds now, apart from the file."""
        other = Unpublished()
        other._hold(self.versions)
        return other

    def refresh(self) -> None:
        """Read the file again if it was replaced."""
        if self.path is None:
            return
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._hold({})
            self._seen = None
            return
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        try:
            entry = orjson.loads(self.path.read_bytes())
            if entry["crc32"] != zlib.crc32(orjson.dumps(entry["unpublished"])):
                raise ValueError("it does not match its checksum")
            held = entry["unpublished"]  # a list of ids alone, as earlier versions wrote it
            self._hold(held_versions(held, held.values() if isinstance(held, dict) else ()))
            self._seen = seen
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError(
                f"damaged: {self.path} ({error}), which names stories that were taken back; delete it and run "
                "precompute again"
            ) from error

    def change(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> int:
        """Take in ids that are not published any more, and drop those that are; returns for how many that is new.

        `hidden` may tell the version that took each back; of several the newest is kept.
        """
        self.refresh()
        after = self._after(hidden, shown)
        changed = len(after.keys() ^ self.ids)
        if after != self.versions and self.path is not None:
            told = {one: written(after[one]) for one in sorted(after)}
            entry = {"unpublished": told, "crc32": zlib.crc32(orjson.dumps(told))}
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path, orjson.dumps(entry) + b"\n")
            except OSError as error:
                raise PublishError(f"cannot write to {self.path}: {error.strerror}; try again") from error
            self.refresh()
        self._hold(after)
        return changed

    def _after(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> dict[str, Version]:
        drop = set(shown)
        after = {one: version for one, version in self.versions.items() if one not in drop}
        for one in hidden:
            version = hidden[one] if isinstance(hidden, Mapping) else _UNTOLD
            after[one] = max(version, after.get(one, _UNTOLD), key=_age)
        return after


def _age(version: Version) -> tuple[str, str]:
    return tuple(written(version, ""))  # type: ignore[return-value]


def written(version: Version, missing: str | None = None) -> list[str | None]:
    """Write a version as texts, which are in the order of their times: all are UTC."""
    return [missing if one is None else one.isoformat() for one in version]


def held_versions(ids: Iterable[str], versions: Iterable[Any]) -> dict[str, Version]:
    """Read versions as `written` wrote them; those that are not told have no times."""
    read = (tuple(None if one is None else datetime.fromisoformat(one) for one in two) for two in versions)
    named = list(ids)
    return dict.fromkeys(named, _UNTOLD) | {one: (two[0], two[1]) for one, two in zip(named, read, strict=False)}
