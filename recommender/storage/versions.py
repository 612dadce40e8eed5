"""Folders with versions: written to a staging folder, checked by SHA-256, switched by one atomic replace."""

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
from recommender.storage.atomic import (
    check_writable,
    fsync,
    sha256,
    wrap_read_errors,
    wrap_write_errors,
    write_atomically,
)
from recommender.version import __version__

FORMAT = 1
SEALED = ("kind", "format", "library", "files")  # fields that sealing adds to a manifest
_LOCK, _VERSIONS, _STAGING = ".lock", "versions", ".staging"
CURRENT = "CURRENT"
"""Name of the file that names the version which readers see."""
ADVICE = {
    "lists": "nothing was published, and the last version is untouched. Free some space and run again",
    "snapshot": "the archive is as it was before. Free some space and run again",
}
"""What users can rely on and do after a failed write, by kind."""
T = TypeVar("T")

_NAMES = {"lists": "published lists", "snapshot": "a saved archive"}  # kinds in words


@dataclass(frozen=True)
class Version:
    """The folder and the manifest of one complete version."""

    folder: Path
    manifest: dict[str, Any]

    def check(self, names: list[str] | None = None, largest: int | None = None) -> None:
        """Compare the files, or those of `names`, with the sizes and digests in the manifest.

        Of files with more bytes than `largest` only the size is compared.

        Raises `DamagedError` if a file is missing, cut or altered.
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
        checked = [self.folder / name for name, file in files.items() if largest is None or file["bytes"] <= largest]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing releases the interpreter's lock
            for path, digest in zip(checked, pool.map(sha256, checked), strict=True):
                if digest != files[path.name]["sha256"]:
                    raise DamagedError(f"damaged: {path} does not match its checksum; restore it or run again")


def versions_to_delete(versions: Sequence[tuple[T, str]], keep: int) -> list[T]:
    """Find the versions to delete: those beyond the last `keep`, and in a run of equal versions all but the newest.

    The last two versions stay, so that readers of the last but one may finish. `versions` are an identifier and the
    name of each version, the oldest first.

    Examples
    --------
    >>> versions_to_delete([(1, "a"), (2, "b"), (3, "b"), (4, "b")], 3)
    [2]
    """
    deleted, n_runs, newer = [], 0, None
    for age, (version, name) in enumerate(reversed(versions)):
        n_runs += name != newer
        if age >= min(keep, 2) and (name == newer or n_runs > keep):
            deleted.append(version)
        newer = name
    return deleted[::-1]


class _OtherKindError(SnapshotError):
    """A folder holds versions of something else."""


class VersionedFolder:
    """A folder whose `CURRENT` file names the version that readers see.

    The `kind` of its versions is 'lists' or 'snapshot' (a saved archive); versions of another kind raise an error.
    """

    def __init__(self, root: str | Path, kind: str) -> None:
        self.root, self.kind = Path(root), kind

    def check_writable(self) -> None:
        """Raise an error before any work if the folder cannot be written, or has versions of another kind."""
        check_writable(self.root)
        try:
            self.current()
        except _OtherKindError:
            raise
        except SnapshotError:  # there is none, or it is damaged and replaced
            pass

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock, which ends with the process, so that a dead writer never blocks.

        Raises `PublishError` if another process is writing here.
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
        """Create an empty folder to fill, deleted afterwards unless `publish` moved it. Needs `writing`."""
        staging = self.root / _STAGING
        staging.mkdir()
        try:
            with wrap_write_errors(staging, ADVICE[self.kind]):
                yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def publish(self, staging: Path, details: dict[str, Any], keep: int) -> Version:
        """Seal a staged folder as the next version, make it current, and delete versions beyond `keep`.

        Versions of one name are equal, and count once, so that publishing the same again deletes no other version.
        """
        folders = self.versions()
        last = max((int(path.name[:6]) for path in folders), default=0)
        version = self._seal(staging, details, last + 1)
        self.switch(version.folder)
        folders = self.versions()
        for path in versions_to_delete([(path, path.name[7:]) for path in folders], keep):
            if path != version.folder:
                shutil.rmtree(path, ignore_errors=True)
        return version

    def rewrite(self, old: Path, staging: Path, details: dict[str, Any]) -> Version:
        """Seal a staged folder in the place of an old version, which is deleted; current stays current."""
        current = self.current().folder
        number = int(old.name[:6])
        target = self._target(details, number)
        # An interrupted rewriting may have left the complete new version next to the old one.
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
        """Return the folders of the complete versions, oldest first."""
        return sorted((self.root / _VERSIONS).glob("[0-9]" * 6 + "-*"))

    def switch(self, folder: Path) -> None:
        """Make a complete version current."""
        digest = sha256(folder / "manifest.json")
        pointer = orjson.dumps({"folder": folder.name, "manifest_sha256": digest})
        write_atomically(self.root / CURRENT, pointer + b"\n")
        self._link(folder)

    def _link(self, folder: Path) -> None:
        """Point a symbolic link to the version, for other programs that read its files; this library uses `CURRENT`."""
        link = self.root / CURRENT.lower()
        if link.exists() and not link.is_symlink():  # `CURRENT` itself, where case does not count
            return
        temporary = self.root / f".{link.name}"
        with suppress(OSError):  # some file systems have no links
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(Path(_VERSIONS) / folder.name, target_is_directory=True)
            os.replace(temporary, link)

    def rollback(self, version: str | None = None) -> str:
        """Make `version` current, by default the one before the current, and return its folder name.

        Raises `SnapshotError` if there is no such version.
        """
        with self.writing():
            folder = self.find(version)
            self.switch(folder)
        return folder.name

    def find(self, version: str | None) -> Path:
        """Return the folder of a kept version by its name or number; None = the one before the current.

        Raises `SnapshotError` if there is no such version.
        """
        folders = self.versions()
        current = self.current().folder.name
        if version is None:
            earlier = [path for path in folders if path.name < current]
            matches = [path for path in earlier if path.name[7:] != current[7:]][-1:] or earlier[-1:]
        else:
            matches = [path for path in folders if version in (path.name, path.name[:6], path.name[7:])][-1:]
        if not matches:
            kept = ", ".join(path.name for path in folders)
            raise SnapshotError(f"no version {version or 'before ' + current} in {self.root}; kept are: {kept}")
        return matches[0]

    def current(self) -> Version:
        """Open the version that readers see.

        Raises `SnapshotError` if there is none, or it is damaged, of another kind, or newer than this code.
        """
        pointer = self.root / CURRENT
        if not pointer.is_file():
            reason = f"it has no {CURRENT} file" if self.root.is_dir() else "there is no such folder"
            made = "publishes some" if self.kind == "lists" else "--archive saves one"
            raise SnapshotError(
                f"no {_NAMES[self.kind].removeprefix('a ')} in {self.root}: {reason}; recommender precompute {made}"
            )
        try:
            content = orjson.loads(pointer.read_bytes())
            folder, digest = self.root / _VERSIONS / Path(content["folder"]).name, content["manifest_sha256"]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise DamagedError(f"damaged: {pointer} cannot be read ({error})") from error
        manifest = folder / "manifest.json"
        try:
            is_same = sha256(manifest) == digest
        except (OSError, ValueError) as error:
            raise DamagedError(f"damaged: {pointer}, or {manifest}, which it names, is missing ({error})") from error
        if not is_same:
            raise DamagedError(f"damaged: {manifest} does not match its checksum in {pointer}")
        return self.version(folder)

    def version(self, folder: Path) -> Version:
        """Open the version in a folder, checked as `current` is."""
        path = folder / "manifest.json"
        with wrap_read_errors(path):
            manifest = orjson.loads(path.read_bytes())
            files = [(name, file["bytes"], file["sha256"]) for name, file in manifest["files"].items()]
            if any(Path(name).name != name for name, _, _ in files) or not isinstance(manifest["format"], int):
                raise ValueError("it names files outside of its folder, or no format")
        if manifest.get("kind") != self.kind:
            kind = manifest.get("kind")
            kind_name = next((name for known, name in _NAMES.items() if known == kind), repr(kind))
            raise _OtherKindError(f"{self.root} holds {kind_name}, expected {_NAMES[self.kind]}; name another folder")
        if manifest["format"] > FORMAT:
            raise SnapshotError(
                f"{self.root} has format {manifest['format']}, written by recommender {manifest['library']}; "
                f"this is {__version__} and reads up to format {FORMAT}: upgrade recommender"
            )
        return Version(folder, manifest)


def folder_kind(root: str | Path) -> str | None:
    """Return the kind of a folder: 'lists' for published lists, 'snapshot' for a saved archive, else None."""
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
