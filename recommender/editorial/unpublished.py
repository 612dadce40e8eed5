"""Keep the ids of stories that the newsroom's system took back."""

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
"""When a row that took a story back was changed, and published; None where the row has no such time."""
_WITHOUT_TIMES: Version = (None, None)


class Unpublished:
    """Ids that are in no list, and have none, until they come in published again, and when they were taken back.

    The file is a state, not a log: each run that reads articles replaces it. Only the holder of the writer's lock of
    the folder may change it.

    Parameters
    ----------
    path : path, optional
        File that is replaced as a whole; without it the ids are kept in memory.

    Examples
    --------
    >>> state = Unpublished()
    >>> state.change({"a", "b"}, set()), state.change({"c"}, {"a"}), sorted(state.ids)
    (2, 2, ['b', 'c'])
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._set({})
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def _set(self, versions: Mapping[str, Version]) -> None:
        self.versions, self.ids = versions, frozenset(versions)

    def detached(self) -> Unpublished:
        """Return a copy that lives in memory alone."""
        other = Unpublished()
        other._set(self.versions)
        return other

    def refresh(self) -> None:
        """Read the file again if it was replaced."""
        if self.path is None:
            return
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._set({})
            self._seen = None
            return
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        try:
            entry = orjson.loads(self.path.read_bytes())
            if entry["crc32"] != zlib.crc32(orjson.dumps(entry["unpublished"])):
                raise ValueError("it does not match its checksum")
            ids = entry["unpublished"]  # earlier versions wrote a list of ids, without times
            self._set(parse_versions(ids, ids.values() if isinstance(ids, dict) else ()))
            self._seen = seen
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError(
                f"damaged: {self.path} ({error}), which names stories that were taken back; delete it and run "
                "precompute again"
            ) from error

    def change(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> int:
        """Add ids that are not published any more, drop those that are, and return for how many that is new.

        `hidden` may map each id to the version that took it back; the newest version of an id is kept.
        """
        self.refresh()
        after = self._after(hidden, shown)
        changed = len(after.keys() ^ self.ids)
        if after != self.versions and self.path is not None:
            versions = {article_id: version_texts(after[article_id]) for article_id in sorted(after)}
            entry = {"unpublished": versions, "crc32": zlib.crc32(orjson.dumps(versions))}
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path, orjson.dumps(entry) + b"\n")
            except OSError as error:
                raise PublishError(f"cannot write to {self.path}: {error.strerror}; try again") from error
            self.refresh()
        self._set(after)
        return changed

    def _after(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> dict[str, Version]:
        dropped = set(shown)
        after = {article_id: version for article_id, version in self.versions.items() if article_id not in dropped}
        for article_id in hidden:
            version = hidden[article_id] if isinstance(hidden, Mapping) else _WITHOUT_TIMES
            after[article_id] = max(version, after.get(article_id, _WITHOUT_TIMES), key=_age)
        return after


def _age(version: Version) -> tuple[str, str]:
    return tuple(version_texts(version, ""))  # type: ignore[return-value]


def version_texts(version: Version, missing: str | None = None) -> list[str | None]:
    """Return the times of a version as texts, which sort as times do, since all are UTC."""
    return [missing if time is None else time.isoformat() for time in version]


def parse_versions(ids: Iterable[str], versions: Iterable[Any]) -> dict[str, Version]:
    """Return the version of each id from its `version_texts`; ids without texts have no times."""
    ids = list(ids)
    parsed = (tuple(None if time is None else datetime.fromisoformat(time) for time in texts) for texts in versions)
    known = {article_id: (times[0], times[1]) for article_id, times in zip(ids, parsed, strict=False)}
    return dict.fromkeys(ids, _WITHOUT_TIMES) | known
