"""Versioned folders: staged beside, checked by SHA-256, switched by one atomic replace."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from recommender.errors import DamagedError, PublishError, SnapshotError
from recommender.storage.atomic import check_writable, fsync, naming_failed_writes, refusing, sha256, write_atomically
from recommender.version import __version__

FORMAT = 1
SEALED = ("kind", "format", "library", "files")  # what sealing adds to a manifest
_LOCK, _VERSIONS, _STAGING = ".lock", "versions", ".staging"
CURRENT = "CURRENT"
"""The file of a folder that names the version which readers see."""
_LEFT = {
    "lists": "nothing was published, and the last version is untouched. Free some space and run again",
    "snapshot": "the archive is as it was before. Free some space and run again",
}
"""What a failed write leaves, by kind."""
T = TypeVar("T")

_NAMES = {"lists": "published lists", "snapshot": "a saved archive"}  # what a reader calls each kind


@dataclass(frozen=True)
class Version:
    """One complete version: its folder and manifest."""

    folder: Path
    manifest: dict[str, Any]

    def check(self, names: list[str] | None = None, largest: int | None = None) -> None:
        """Compare files with their sizes and SHA-256.

        Parameters
        ----------
        names : list of str, optional
            Only these files.
        largest : int, optional
            Of files of more bytes than this only the size is compared.

        Raises
        ------
        SnapshotError
            Naming the first file that is missing, cut or altered.
        """
        if unknown := set(names or ()) - set(self.manifest["files"]):
            raise DamagedError(f"damaged: {self.folder} has no {min(unknown)} in its manifest; run again")
        files = {name: file for name, file in self.manifest["files"].items() if names is None or name in names}
        for name, expected in files.items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != expected["bytes"]:
                raise DamagedError(f"damaged: {path} is missing or cut; restore it or run again")
            if path.is_symlink():
                raise DamagedError(f"damaged: {path} is a link; a version holds its own files")
        read = [self.folder / name for name, file in files.items() if largest is None or file["bytes"] <= largest]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
            for path, found in zip(read, pool.map(sha256, read), strict=True):
                if found != files[path.name]["sha256"]:
                    raise DamagedError(f"damaged: {path} does not match its checksum; restore it or run again")


def surplus(versions: Sequence[tuple[T, str]], keep: int) -> list[T]:
    """Find versions to delete: of equal ones in a row all but the newest, beyond `keep` rows; the last but one stays.

    Parameters
    ----------
    versions : sequence of (T, str)
        What tells each version, and its name, the oldest first.

    Examples
    --------
    >>> surplus([(1, "a"), (2, "b"), (3, "b"), (4, "b")], 3)
    [2]
    """
    gone, rows, newer = [], 0, None
    for place, (version, name) in enumerate(reversed(versions)):
        rows += name != newer
        if place >= min(keep, 2) and (name == newer or rows > keep):  # who reads the last but one shall go on
            gone.append(version)
        newer = name
    return gone[::-1]


class _OtherKindError(SnapshotError):
    """A folder holds versions of something else."""


class VersionedFolder:
    """A folder whose `CURRENT` file names the version that readers see.

    Parameters
    ----------
    root : path
    kind : {'lists', 'snapshot'}
        What the versions hold, a saved archive being a 'snapshot'; another kind is refused on reading.
    """

    def __init__(self, root: str | Path, kind: str) -> None:
        self.root, self.kind = Path(root), kind

    def check_writable(self) -> None:
        """Raise `PublishError` before any work if the folder cannot be written."""
        check_writable(self.root)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock; it goes with the process, so a dead writer never blocks.

        Raises
        ------
        PublishError
            If another process is writing here.
        """
        self.check_writable()
        with (self.root / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise PublishError(f"another process is writing to {self.root}; wait for it to end") from None
            shutil.rmtree(self.root / _STAGING, ignore_errors=True)
            yield

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """Make an empty folder to fill; gone afterwards unless `publish` moved it. Needs `writing`."""
        staging = self.root / _STAGING
        staging.mkdir()
        try:
            with naming_failed_writes(staging, _LEFT[self.kind]):
                yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def publish(self, staging: Path, details: dict[str, Any], keep: int) -> Version:
        """Seal a staged folder as the next version and make it current; older ones beyond `keep` go.

        Versions of one name are equal, and count once: publishing the same again pushes no other version out.
        """
        folders = self.versions()
        last = max((int(path.name[:6]) for path in folders), default=0)
        version = self._seal(staging, details, last + 1)
        self.switch(version.folder)
        folders = self.versions()
        for path in surplus([(path, path.name[7:]) for path in folders], keep):
            if path != version.folder:
                shutil.rmtree(path, ignore_errors=True)
        return version

    def rewrite(self, old: Path, staging: Path, details: dict[str, Any]) -> Version:
        """Seal a staged folder in the place of an old version, which is deleted; current stays current."""
        current = self.current().folder
        number = int(old.name[:6])
        target = self._target(details, number)
        # a rewriting that was interrupted may have left the new version, whole, beside the old one
        version = self.version(target) if target.exists() else self._seal(staging, details, number)
        if old == current:
            self.switch(version.folder)
        if old != version.folder:
            shutil.rmtree(old)
        return version

    def _seal(self, staging: Path, details: dict[str, Any], number: int) -> Version:
        files = {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(staging.iterdir())
        }
        manifest = {"kind": self.kind, "format": FORMAT, "library": __version__, **details, "files": files}
        write_atomically(staging / "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        for name in files:
            fsync(staging / name)
        target = self._target(details, number)
        target.parent.mkdir(exist_ok=True)
        fsync(staging)
        os.rename(staging, target)
        fsync(target.parent)
        return Version(target, manifest)

    def _target(self, details: dict[str, Any], number: int) -> Path:
        return self.root / _VERSIONS / f"{number:06d}-{details['version']}"

    def versions(self) -> list[Path]:
        """Find the folders of the complete versions, oldest first."""
        return sorted((self.root / _VERSIONS).glob("[0-9]" * 6 + "-*"))

    def switch(self, folder: Path) -> None:
        """Make a complete version current."""
        digest = sha256(folder / "manifest.json")
        pointer = orjson.dumps({"folder": folder.name, "manifest_sha256": digest})
        write_atomically(self.root / CURRENT, pointer + b"\n")
        self._link(folder)

    def _link(self, folder: Path) -> None:
        """Let a link lead to the version too, for programs that read its files; readers of ours go by `CURRENT`."""
        link = self.root / CURRENT.lower()
        if link.exists() and not link.is_symlink():  # it is `CURRENT` itself where case does not count
            return
        beside = self.root / f".{link.name}"
        with suppress(OSError):  # a file system may have no links
            beside.unlink(missing_ok=True)
            beside.symlink_to(Path(_VERSIONS) / folder.name, target_is_directory=True)
            os.replace(beside, link)

    def rollback(self, version: str | None = None) -> str:
        """Return to `version`, or to the one before the current; gives the version's folder name.

        Raises
        ------
        SnapshotError
            If there is no such version.
        """
        with self.writing():
            wanted = self.named(version)
            self.switch(wanted)
        return wanted.name

    def named(self, version: str | None) -> Path:
        """Find the folder of a kept version by its name or number; None = the one before the current.

        Raises
        ------
        SnapshotError
            If there is no such version.
        """
        folders = self.versions()
        current = self.current().folder.name
        if version is None:
            earlier = [path for path in folders if path.name < current]
            wanted = [path for path in earlier if path.name[7:] != current[7:]][-1:] or earlier[-1:]
        else:
            wanted = [path for path in folders if version in (path.name, path.name[:6], path.name[7:])][-1:]
        if not wanted:
            kept = ", ".join(path.name for path in folders)
            raise SnapshotError(f"no version {version or 'before ' + current} in {self.root}; kept are: {kept}")
        return wanted[0]

    def current(self) -> Version:
        """Open the version that readers see.

        Raises
        ------
        SnapshotError
            If there is none, or it is damaged, of another kind, or newer than this code.
        """
        pointer = self.root / CURRENT
        if not pointer.is_file():
            why = f"it has no {CURRENT} file" if self.root.is_dir() else "there is no such folder"
            raise SnapshotError(f"no {_NAMES[self.kind].removeprefix('a ')} in {self.root}: {why}")
        try:
            named = orjson.loads(pointer.read_bytes())
            folder, digest = self.root / _VERSIONS / Path(named["folder"]).name, named["manifest_sha256"]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise DamagedError(f"damaged: {pointer} cannot be read ({error})") from error
        manifest = folder / "manifest.json"
        try:
            same = sha256(manifest) == digest
        except (OSError, ValueError) as error:
            raise DamagedError(f"damaged: {pointer}, or {manifest}, which it names, is missing ({error})") from error
        if not same:
            raise DamagedError(f"damaged: {manifest} does not match its checksum in {pointer}")
        return self.version(folder)

    def version(self, folder: Path) -> Version:
        """Open a version by its folder, checked as `current` is."""
        path = folder / "manifest.json"
        with refusing(path):
            manifest = orjson.loads(path.read_bytes())
            files = [(name, file["bytes"], file["sha256"]) for name, file in manifest["files"].items()]
            if any(Path(name).name != name for name, _, _ in files) or not isinstance(manifest["format"], int):
                raise ValueError("it names files outside of its folder, or no format")
        if manifest.get("kind") != self.kind:
            found = manifest.get("kind")
            named = next((name for kind, name in _NAMES.items() if kind == found), repr(found))
            raise _OtherKindError(f"{self.root} holds {named}, expected {_NAMES[self.kind]}; name another folder")
        if manifest["format"] > FORMAT:
            raise SnapshotError(
                f"{self.root} has format {manifest['format']}, written by recommender {manifest['library']}; "
                f"this is {__version__} and reads up to format {FORMAT}: upgrade recommender"
            )
        return Version(folder, manifest)


def kind_of(root: str | Path) -> str | None:
    """Tell what a folder holds: 'lists' for published lists, 'snapshot' for a saved archive, else None."""
    for kind in ("lists", "snapshot"):
        try:
            VersionedFolder(root, kind).current()
        except _OtherKindError:
            continue
        except SnapshotError:
            return None
        else:
            return kind
    return None
