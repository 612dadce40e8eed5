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
_LISTS = "lists.path"  # in the folder of an archive: where the lists are that the same run published


class Overlay:
    """Withdrawn ids (in no list, with no list), withheld ids (no list under this story), blocks, pins and boosts.

    Beside them stand the ids that the newsroom's system took back, see `take_back`.

    A block is a pair (item, story); with None for the story it holds everywhere. A pin is a tuple of item, story,
    position, end as ISO 8601 text or None, and who pinned it; a boost one of section, factor, end and who. Threads may
    share one: what holds is replaced as a whole.

    Parameters
    ----------
    path : path, optional
        File that actions are appended to and read from; without it they live in memory.
    beside : Overlay, optional
        Another overlay; what it hides is withdrawn here too.

    Examples
    --------
    >>> overlay = Overlay()
    >>> overlay.record("withdraw", ["a"]), overlay.withdrawn
    (1, frozenset({'a'}))
    """

    def __init__(self, path: Path | None = None, beside: Overlay | None = None) -> None:
        self.path, self.beside = path, beside
        self._unpublished = Unpublished(path and path.with_name(STATE))
        self._hidden: tuple[frozenset[str], frozenset[str], frozenset[str]] = (frozenset(), frozenset(), frozenset())
        self.decisions = Decisions()
        self._seen: tuple[int, int] = (0, 0)
        self.refresh()

    @property
    def withdrawn(self) -> frozenset[str]:
        """Ids that editors took out of every list."""
        own = self.decisions.withdrawn
        return own if self.beside is None else own | self.beside.hidden

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
        """The same ids, with the times of the rows that took them back, and those of the overlay beside this one."""
        own = self._unpublished.versions
        return own if self.beside is None else {**self.beside.taken_back, **own}

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

        Returns for how many ids this is new. What editors withdrew stays withdrawn.
        """
        return self._unpublished.change(hidden, shown)

    def settle(self, told: Mapping[str, Version], catalog: Container[object]) -> None:
        """Take back what an input told so of, and drop whatever an archive holds after it was read."""
        back = {one for one in {*self.unpublished, *told} if one in catalog}
        self.take_back({one: version for one, version in told.items() if one not in back}, back)

    def refresh(self) -> None:
        """Read the files again if they changed."""
        if self.beside is not None:
            self.beside.refresh()
        if self.path is None:
            return
        self._unpublished.refresh()
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            acknowledged = self._acknowledged()
            if acknowledged and self.path.exists():  # the first action was written between the two looks
                self.refresh()
            else:
                self._lines(b"", acknowledged)
            return
        if (stat.st_ino, stat.st_size) == self._seen:
            return
        acknowledged = self._acknowledged()  # first: the file only grows
        data = self.path.read_bytes()
        decisions = Decisions()
        for number, line in enumerate(self._lines(data, acknowledged).splitlines(), 1):
            try:
                entry = orjson.loads(line)
                action, ids = entry["action"], entry["ids"]
                if _sealed(action, ids) != line:
                    raise ValueError("it does not match its checksum")
                if action not in KINDS:
                    raise SnapshotError(
                        f"{self.path}, line {number}: the action {action!r} is not known to recommender {__version__}; "
                        "upgrade recommender"
                    )
                decisions = decisions.after(action, ids)
            except (ValueError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"{self.path}, line {number} is damaged ({error}); mend it by hand: withdrawals depend on it"
                ) from error
        self.decisions = decisions
        self._seen = (stat.st_ino, len(data))

    def copied(self, path: Path | None = None) -> Overlay:
        """Copy what holds now, into the overlay at `path` or, without it, in memory.

        What the input took back is saved there, and what it takes back later is held in memory until the next copy: an
        archive is saved together with it.
        """
        other = Overlay(path)
        other.follow(self)
        other.take_back(self.taken_back, other.unpublished - self.taken_back.keys())
        other.detach()
        return other

    def detach(self) -> None:
        """Hold what the input takes back from now on in memory alone."""
        self._unpublished = self._unpublished.in_memory()

    def follow(self, other: Overlay) -> None:
        """Record what holds in another overlay, and what was undone there last; what it never named stays."""
        held = other.decisions
        for action, (name, adds) in KINDS.items():
            self.record(action, getattr(held, name) if adds else held.undone.get(name, ()))

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
            # alone: an overlay that repeats what it holds grows with its square
            news = self.decisions.news(action, wanted)
            changed = self._apply(action, wanted)
            if changed:
                file.write(_sealed(action, news) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                write_atomically(path.with_name(HEAD), _sealed("size", [str(file.tell())]))
        return changed

    def _acknowledged(self) -> int:
        """Read how many bytes were written whole, to tell a file that was cut from one that grows."""
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
        """Take the whole lines of the file; the last may be half-written, unless it was acknowledged."""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < acknowledged:
            raise DamagedError(
                f"damaged: {self.path} is missing, cut or altered: of {acknowledged:,} bytes {len(whole):,} are whole "
                "lines; restore it: withdrawals depend on it"
            )
        return whole

    def _apply(self, action: Action, wanted: list[Entry]) -> int:
        changed = len(self.decisions.news(action, wanted))
        self.decisions = self.decisions.after(action, wanted)
        return changed


def overlay_of_archive(folder: Path) -> Overlay:
    """Open the overlay of a saved archive; what is withdrawn from the lists that the same run published is so here.

    Raises
    ------
    DamagedError
        If the note of where these lists are is damaged.
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
    """Note in the folder of an archive where its lists are, from there, so that both may be moved; None = nowhere."""
    if lists is None:
        (folder / _LISTS).unlink(missing_ok=True)
        return
    place = os.fsencode(os.path.relpath(lists.resolve(), folder.resolve()))
    write_atomically(folder / _LISTS, b"%s\n%08x" % (place, zlib.crc32(place)))


def pin_entry(item: str, story: str, position: int, until: datetime | None, by: str) -> Entry:
    """Check a pin, and give it as the overlay keeps it."""
    if item == story:
        raise SettingsError(f"the story {story!r} cannot be pinned under itself")
    if not 1 <= position <= 1_000:
        raise SettingsError(f"position is {position}, expected 1 to 1,000")
    return item, story, position, _end(until), by


def boost_entry(section: str, factor: float, until: datetime | None, by: str) -> Entry:
    """Check a boost, and give it as the overlay keeps it."""
    if not 0 < factor <= 100:
        raise SettingsError(f"factor is {factor:g}, expected more than 0 and up to 100")
    return section, float(factor), _end(until), by


def _end(until: datetime | None) -> str | None:
    if until is None:
        return None
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _sealed(action: str, ids: list[Entry]) -> bytes:
    """Write an action as a line with its checksum."""
    entry: dict[str, object] = {"action": action, "ids": ids}
    return orjson.dumps({**entry, "crc32": zlib.crc32(orjson.dumps(entry))})


def named(ids: Iterable[Entry]) -> list[Entry]:
    """Order ids as `ordered` does, and refuse what cannot be written.

    Raises
    ------
    SettingsError
        If an id is no text in UTF-8.
    """
    wanted = ordered(ids)
    for article_id in chain.from_iterable([entry] if isinstance(entry, str) else entry for entry in wanted):
        try:
            str(article_id).encode()
        except UnicodeEncodeError:
            raise SettingsError(f"the id {article_id!r} is not valid UTF-8, as all ids of articles are") from None
    return wanted


def ordered(ids: Iterable[Entry]) -> list[Entry]:
    """Keep each id or pair once, in order; a single id may be given as it is."""
    return sorted(
        {ids} if isinstance(ids, str) else set(ids),
        key=lambda entry: (entry, "") if isinstance(entry, str) else (entry[0], entry[1] or ""),
    )
