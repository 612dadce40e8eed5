"""The overlay of withdrawn and withheld ids: append-only, outside the versions, read by every reader."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import Literal

import orjson

from recommender.editorial.unpublished import STATE, Unpublished
from recommender.errors import DamagedError, PublishError, SettingsError, SnapshotError
from recommender.storage.atomic import write_atomically

Action = Literal["withdraw", "restore", "withhold", "release", "block", "unblock"]
Entry = str | tuple[str, str | None]
_KIND: dict[Action, tuple[str, bool]] = {
    "withdraw": ("withdrawn", True),
    "restore": ("withdrawn", False),
    "withhold": ("withheld", True),
    "release": ("withheld", False),
    "block": ("blocked", True),
    "unblock": ("blocked", False),
}
NAME, HEAD = "tombstones.jsonl", "tombstones.head"


class Tombstones:
    """Withdrawn ids (in no list, with no list), withheld ids (no list under this story) and blocks, by editors.

    Beside them stand the ids that the newsroom's system took back, see `take_back`.

    A block is a pair (item, story); with None for the story it holds everywhere.

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
        self._unpublished = Unpublished(path and path.with_name(STATE))
        self._hidden: tuple[frozenset[str], frozenset[str], frozenset[str]] = (frozenset(), frozenset(), frozenset())
        self.withdrawn: frozenset[str] = frozenset()
        self.withheld: frozenset[str] = frozenset()
        self.blocked: frozenset[tuple[str, str | None]] = frozenset()
        self._undone: dict[str, frozenset[Entry]] = {}
        self._seen: tuple[int, int] = (0, 0)
        self.refresh()

    @property
    def unpublished(self) -> frozenset[str]:
        """Ids that the newsroom's system took back: in no list and with no list, whatever editors do."""
        return self._unpublished.ids

    @property
    def hidden(self) -> frozenset[str]:
        """Ids that no reader sees, for whichever reason."""
        withdrawn, unpublished = self.withdrawn, self.unpublished
        if not unpublished:
            return withdrawn
        if self._hidden[0] is not withdrawn or self._hidden[1] is not unpublished:
            self._hidden = withdrawn, unpublished, withdrawn | unpublished
        return self._hidden[2]

    def take_back(self, hidden: Collection[str], shown: Collection[str]) -> int:
        """Hide stories that are not published any more, until they are among the `shown` of a later call.

        Returns for how many ids this is new. What editors withdrew stays withdrawn.
        """
        return self._unpublished.change(hidden, shown)

    def refresh(self) -> None:
        """Read the files again if they changed."""
        if self.path is None:
            return
        self._unpublished.refresh()
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._lines(b"", self._acknowledged())
            return
        if (stat.st_ino, stat.st_size) == self._seen:
            return
        acknowledged = self._acknowledged()  # first: the file only grows
        data = self.path.read_bytes()
        whole = self._lines(data, acknowledged)
        self.withdrawn, self.withheld, self.blocked, self._undone = frozenset(), frozenset(), frozenset(), {}
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = orjson.loads(line)
                if _sealed(entry["action"], entry["ids"]) != line:
                    raise ValueError("it does not match its checksum")
                self._apply(entry["action"], entry["ids"])
            except (ValueError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"{self.path}, line {number} is damaged ({error}); mend it by hand: withdrawals depend on it"
                ) from error
        self._seen = (stat.st_ino, len(data))

    def copied(self, path: Path | None = None) -> Tombstones:
        """What holds now, added to the overlay at `path`; in memory without it."""
        other = Tombstones(path)
        other.follow(self)
        return other

    def follow(self, other: Tombstones) -> None:
        """Record what holds in another overlay, and what was undone there last; what it never named stays."""
        for action, (name, adds) in _KIND.items():
            self.record(action, getattr(other, name) if adds else other._undone.get(name, ()))

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action; returns for how many ids, or pairs of a block, it changed something."""
        wanted = named(ids)
        if self.path is None:
            return self._apply(action, wanted)
        try:
            return self._append(self.path, action, wanted)
        except OSError as error:
            self._seen = (0, 0)  # what the file holds counts
            raise PublishError(f"cannot write to {self.path}: {error.strerror}; try again") from error

    def _append(self, path: Path, action: Action, wanted: list[Entry]) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # only against other withdrawals, never against a publish
            self.refresh()
            file.seek(0)
            data = file.read()
            file.truncate(len(self._lines(data, self._acknowledged())))
            news = self._news(action, wanted)  # alone: an overlay that repeats what it holds grows with its square
            changed = self._apply(action, wanted)
            if changed:
                file.write(_sealed(action, news) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                write_atomically(path.with_name(HEAD), _sealed("size", [str(file.tell())]))
        return changed

    def _acknowledged(self) -> int:
        """Bytes that are known to have been written whole, so that a cut file is told from one that is growing."""
        assert self.path is not None
        head = self.path.with_name(HEAD)
        try:
            data = head.read_bytes()
            size = orjson.loads(data)["ids"]
            if _sealed("size", size) != data:
                raise ValueError("it does not match its checksum")
            return int(size[0])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DamagedError(f"damaged: {head} ({error}); delete it once {self.path.name} is whole") from error

    def _lines(self, data: bytes, acknowledged: int) -> bytes:
        """The whole lines of the file; the last may be half-written by another process, if nobody acknowledged it."""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < acknowledged:
            raise DamagedError(
                f"damaged: {self.path} is missing, cut or altered: of {acknowledged:,} bytes {len(whole):,} are whole "
                "lines; restore it: withdrawals depend on it"
            )
        return whole

    def _news(self, action: Action, wanted: list[Entry]) -> list[Entry]:
        """Those that an action changes."""
        name, adds = _KIND[action]
        return [entry for entry in wanted if (entry in getattr(self, name)) != adds]

    def _apply(self, action: Action, ids: Iterable[Entry | list[str | None]]) -> int:
        name, adds = _KIND[action]
        held: frozenset[Entry] = getattr(self, name)
        entries = {entry if isinstance(entry, str) else (str(entry[0]), entry[1]) for entry in ids}
        after = held | entries if adds else held - entries
        setattr(self, name, after)
        undone = self._undone.get(name, frozenset())
        self._undone[name] = undone - entries if adds else undone | entries
        return len(held ^ after)


class Decided:
    """What editors decide after the lists were made: it holds at once, in every version, and until it is undone.

    Those who read or make lists inherit it. Each method returns for how many ids it changed something.
    """

    tombstones: Tombstones

    def withdraw(self, ids: str | Iterable[str]) -> int:
        """Take stories out of every list.

        An id that is not in the archive is remembered: should it come in, it stays withdrawn. For published
        lists and a saved archive this is written to their place immediately.
        """
        return self.tombstones.record("withdraw", ids)

    def restore(self, ids: str | Iterable[str]) -> int:
        """Undo `withdraw`."""
        return self.tombstones.record("restore", ids)

    def withhold(self, ids: str | Iterable[str]) -> int:
        """Show no list under these stories; they may stand in others."""
        return self.tombstones.record("withhold", ids)

    def release(self, ids: str | Iterable[str]) -> int:
        """Undo `withhold`."""
        return self.tombstones.record("release", ids)

    def block(self, item: str, *, story: str | None = None) -> int:
        """Keep an item out of every list, or of the list under one story."""
        return self.tombstones.record("block", [(item, story)])

    def unblock(self, item: str, *, story: str | None = None) -> int:
        """Undo `block` with the same arguments; blocks of the rules stay."""
        return self.tombstones.record("unblock", [(item, story)])


def _sealed(action: str, ids: list[Entry]) -> bytes:
    """An action as a line with its checksum."""
    entry: dict[str, object] = {"action": action, "ids": ids}
    return orjson.dumps({**entry, "crc32": zlib.crc32(orjson.dumps(entry))})


def named(ids: Iterable[Entry]) -> list[Entry]:
    """`ordered`, of what can be written.

    Raises
    ------
    SettingsError
        If an id is no text in UTF-8.
    """
    wanted = ordered(ids)
    for article_id in chain.from_iterable([entry] if isinstance(entry, str) else entry for entry in wanted):
        try:
            (article_id or "").encode()
        except UnicodeEncodeError:
            raise SettingsError(f"the id {article_id!r} is not valid UTF-8, as all ids of articles are") from None
    return wanted


def ordered(ids: Iterable[Entry]) -> list[Entry]:
    """Each id or pair once, in order; a single id may be given as it is."""
    return sorted(
        {ids} if isinstance(ids, str) else set(ids),
        key=lambda entry: (entry, "") if isinstance(entry, str) else (entry[0], entry[1] or ""),
    )
