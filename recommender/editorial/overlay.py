"""The overlay of what editors withdrew, withheld, blocked, pinned and boosted: append-only, outside the versions."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Collection, Container, Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import orjson

from recommender.editorial.decisions import KINDS, Action, Decisions, Entry, Pair
from recommender.editorial.unpublished import STATE, Unpublished, Version
from recommender.errors import DamagedError, PublishError, SettingsError, SnapshotError
from recommender.storage.atomic import write_atomically
from recommender.version import __version__

NAME, HEAD = "tombstones.jsonl", "tombstones.head"
_LISTS = "lists.path"  # in the folder of an archive: the path of the lists that the same run published


class Overlay:
    """Withdrawn ids (in no list, with no list), withheld ids (no list under this story), blocks, pins and boosts.

    It also keeps the ids that the newsroom's system took back, see `take_back`.

    A block is a pair (item, story); with None for the story it holds everywhere. A pin is a tuple of item, story,
    position, end as ISO 8601 text or None, and who pinned it; a boost is a tuple of section, factor, end and who.
    Threads may share an overlay, since its decisions are replaced as a whole.

    Parameters
    ----------
    path : path, optional
        File that actions are appended to and read from; without it they are kept in memory.
    parent : Overlay, optional
        Another overlay; stories that it hides are withdrawn here, too.

    Examples
    --------
    >>> overlay = Overlay()
    >>> overlay.record("withdraw", ["a"]), overlay.withdrawn
    (1, frozenset({'a'}))
    """

    def __init__(self, path: Path | None = None, parent: Overlay | None = None) -> None:
        self.path, self.parent = path, parent
        self._unpublished = Unpublished(path and path.with_name(STATE))
        self._hidden: tuple[frozenset[str], frozenset[str], frozenset[str]] = (frozenset(), frozenset(), frozenset())
        self.decisions = Decisions()
        self._seen: tuple[int, int] = (0, 0)
        self.refresh()

    @property
    def withdrawn(self) -> frozenset[str]:
        """Ids that editors took out of every list."""
        withdrawn = self.decisions.withdrawn
        return withdrawn if self.parent is None else withdrawn | self.parent.hidden

    @property
    def withheld(self) -> frozenset[str]:
        """Ids of stories that no list is shown under."""
        return self.decisions.withheld

    @property
    def blocked(self) -> frozenset[Pair]:
        """Items and the stories that they are kept from; None = all."""
        return self.decisions.blocked

    @property
    def unpublished(self) -> frozenset[str]:
        """Ids that the newsroom's system took back: in no list and with no list, whatever editors do."""
        return self._unpublished.ids

    @property
    def taken_back(self) -> Mapping[str, Version]:
        """The same ids, with the times of the rows that took them back, and those of the parent."""
        versions = self._unpublished.versions
        return versions if self.parent is None else {**self.parent.taken_back, **versions}

    @property
    def hidden(self) -> frozenset[str]:
        """Ids that no reader sees, for whichever reason."""
        withdrawn, unpublished, hidden = self.withdrawn, self.unpublished, self._hidden
        if not unpublished:
            return withdrawn
        if hidden[0] is not withdrawn or hidden[1] is not unpublished:
            self._hidden = hidden = withdrawn, unpublished, withdrawn | unpublished
        return hidden[2]

    def take_back(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> int:
        """Hide stories that are not published any more, until they are among the `shown` of a later call.

        Returns the number of ids for which this is new. Stories that editors withdrew stay withdrawn.
        """
        return self._unpublished.change(hidden, shown)

    def settle(self, taken_back: Mapping[str, Version], catalog: Container[object]) -> None:
        """Take back the stories that an input took back, unless the archive has them after it was read."""
        present = {article_id for article_id in {*self.unpublished, *taken_back} if article_id in catalog}
        self.take_back(
            {article_id: version for article_id, version in taken_back.items() if article_id not in present}, present
        )

    def refresh(self) -> None:
        """Read the files again if they changed."""
        if self.parent is not None:
            self.parent.refresh()
        if self.path is None:
            return
        self._unpublished.refresh()
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            acknowledged = self._acknowledged()
            if acknowledged and self.path.exists():  # the first action was written in between
                self.refresh()
            else:
                self._complete_lines(b"", acknowledged)
            return
        if (stat.st_ino, stat.st_size) == self._seen:
            return
        acknowledged = self._acknowledged()  # before the file, which only grows
        data = self.path.read_bytes()
        decisions = Decisions()
        for number, line in enumerate(self._complete_lines(data, acknowledged).splitlines(), 1):
            try:
                entry = orjson.loads(line)
                action, ids = entry["action"], entry["ids"]
                if _with_checksum(action, ids) != line:
                    raise ValueError("it does not match its checksum")
                if action not in KINDS:
                    raise SnapshotError(
                        f"{self.path}, line {number}: the action {action!r} is not known to recommender {__version__}; "
                        "upgrade recommender"
                    )
                decisions = decisions.apply(action, ids)
            except (ValueError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"{self.path}, line {number} is damaged ({error}); mend it by hand: withdrawals depend on it"
                ) from error
        self.decisions = decisions
        self._seen = (stat.st_ino, len(data))

    def copy(self, path: Path | None = None) -> Overlay:
        """Copy the decisions that hold now to the overlay at `path` or, without it, in memory.

        Stories that the input took back are saved there; those that it takes back later are kept in memory until the
        next copy, since an archive is saved together with its overlay.
        """
        other = Overlay(path)
        other.adopt(self)
        other.take_back(self.taken_back, other.unpublished - self.taken_back.keys())
        other.detach()
        return other

    def detach(self) -> None:
        """Keep stories that the input takes back from now on in memory alone."""
        self._unpublished = self._unpublished.detached()

    def adopt(self, other: Overlay) -> None:
        """Record the decisions of another overlay, and what was undone there last; other decisions stay."""
        decisions = other.decisions
        for action, (name, adds) in KINDS.items():
            self.record(action, getattr(decisions, name) if adds else decisions.undone.get(name, ()))

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action, and return for how many ids, or pairs of a block, it changed something."""
        entries = validated_entries(ids)
        if self.path is None:
            return self._apply(action, entries)
        try:
            return self._append(self.path, action, entries)
        except OSError as error:
            self._seen = (0, 0)  # so that the file is read again
            raise PublishError(f"cannot write to {self.path}: {error.strerror}; try again") from error

    def _append(self, path: Path, action: Action, entries: list[Entry]) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # against other actions, never against a publication
            self.refresh()
            file.seek(0)
            data = file.read()
            file.truncate(len(self._complete_lines(data, self._acknowledged())))
            # Entries without effect are left out, or a repeated withdrawal would make the file grow without end.
            effective = self.decisions.effective_entries(action, entries)
            changed = self._apply(action, entries)
            if changed:
                file.write(_with_checksum(action, effective) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                write_atomically(path.with_name(HEAD), _with_checksum("size", [str(file.tell())]))
        return changed

    def _acknowledged(self) -> int:
        """Read how many bytes were completely written, which distinguishes a cut file from one that grows."""
        assert self.path is not None
        head = self.path.with_name(HEAD)
        try:
            data = head.read_bytes()
            size = orjson.loads(data)["ids"]
            if _with_checksum("size", size) != data:
                raise ValueError("it does not match its checksum")
            return int(size[0])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DamagedError(f"damaged: {head} ({error}); delete it once {self.path.name} is whole") from error

    def _complete_lines(self, data: bytes, acknowledged: int) -> bytes:
        """Return the complete lines of the file; the last may be half-written, unless it was acknowledged."""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < acknowledged:
            raise DamagedError(
                f"damaged: {self.path} is missing, cut or altered: of {acknowledged:,} bytes {len(whole):,} are whole "
                "lines; restore it: withdrawals depend on it"
            )
        return whole

    def _apply(self, action: Action, entries: list[Entry]) -> int:
        changed = len(self.decisions.effective_entries(action, entries))
        self.decisions = self.decisions.apply(action, entries)
        return changed


def overlay_of_archive(folder: Path) -> Overlay:
    """Open the overlay of a saved archive; its parent is the overlay of the lists that the same run published.

    Raises `DamagedError` if the file with the path of these lists is damaged.
    """
    path = folder / _LISTS
    try:
        place, _, crc = path.read_bytes().rpartition(b"\n")
    except OSError:
        place, crc = b"", b"00000000"
    if crc != b"%08x" % zlib.crc32(place):
        raise DamagedError(
            f"damaged: {path}, which tells where the lists of this archive are, does not match its checksum; run "
            "precompute or refresh with --archive again"
        )
    lists = folder / os.fsdecode(place)
    overlay = Overlay(folder / NAME, Overlay(lists / NAME) if place and lists.is_dir() else None)
    overlay.detach()
    return overlay


def note_lists(folder: Path, lists: Path | None) -> None:
    """Write the path of its lists to the folder of an archive, relative, so that both may be moved; None = no lists."""
    if lists is None:
        (folder / _LISTS).unlink(missing_ok=True)
        return
    relative = os.fsencode(os.path.relpath(lists.resolve(), folder.resolve()))
    write_atomically(folder / _LISTS, b"%s\n%08x" % (relative, zlib.crc32(relative)))


def pin_entry(item: str, story: str, position: int, until: datetime | None, by: str) -> Entry:
    """Return a pin as the overlay keeps it, or raise `SettingsError`."""
    if item == story:
        raise SettingsError(f"the story {story!r} cannot be pinned under itself")
    if not 1 <= position <= 1_000:
        raise SettingsError(f"position is {position}, expected 1 to 1,000")
    return item, story, position, _end(until), by


def boost_entry(section: str, factor: float, until: datetime | None, by: str) -> Entry:
    """Return a boost as the overlay keeps it, or raise `SettingsError`."""
    if not 0 < factor <= 100:
        raise SettingsError(f"factor is {factor:g}, expected more than 0 and up to 100")
    return section, float(factor), _end(until), by


def _end(until: datetime | None) -> str | None:
    if until is None:
        return None
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _with_checksum(action: str, ids: list[Entry]) -> bytes:
    """Return an action as a line with its checksum."""
    entry: dict[str, object] = {"action": action, "ids": ids}
    return orjson.dumps({**entry, "crc32": zlib.crc32(orjson.dumps(entry))})


def validated_entries(ids: Iterable[Entry]) -> list[Entry]:
    """Return `sorted_entries` if all of them can be written.

    Raises `SettingsError` if an id is no text in UTF-8.
    """
    entries = sorted_entries(ids)
    for article_id in chain.from_iterable([entry] if isinstance(entry, str) else entry for entry in entries):
        try:
            str(article_id).encode()
        except UnicodeEncodeError:
            raise SettingsError(f"the id {article_id!r} is not valid UTF-8, as all ids of articles are") from None
    return entries


def sorted_entries(ids: Iterable[Entry]) -> list[Entry]:
    """Return each id or pair once, in order; `ids` may be a single id."""
    return sorted(
        {ids} if isinstance(ids, str) else set(ids),
        key=lambda entry: (entry, "") if isinstance(entry, str) else (entry[0], entry[1] or ""),
    )
