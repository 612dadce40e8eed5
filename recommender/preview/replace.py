"""Replacing the folder of a site as a whole, so that readers see either the old pages or the new ones."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recommender.errors import PublishError
from recommender.storage.database import is_database

MARKER = ".recommender-preview"  # a folder with this file may be replaced as a whole


def check_replaceable(target: Path, kept: Iterable[str | Path]) -> None:
    """Refuse a folder that holds anything but an earlier preview, or the lists that the pages are made from."""
    for place in kept:
        if not is_database(place) and Path(place).resolve().is_relative_to(target):
            raise PublishError(f"{target} holds {place}, which the preview reads; choose another folder")
    if target.exists() and not target.is_dir():
        raise PublishError(f"{target} is a file; choose a folder")
    if target.is_dir() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise PublishError(f"{target} is not empty and holds no preview; choose another folder")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Return a folder to fill, which replaces the target at the end unless an error is raised."""
    staging = target.with_name(f".{target.name}.preview")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        lock = os.open(staging, os.O_RDONLY)
    except OSError as error:
        raise PublishError(f"cannot write to {target.parent}: {error.strerror}; choose another folder") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PublishError(f"another process is writing to {target}; wait for it to end") from None
        try:
            _put_back(staging / "old", target)  # a run may have been killed between its two renames
            yield staging / "new"
            _swap(staging / "new", target, staging / "old")
        except OSError as error:
            raise PublishError(f"cannot write {target}: {error}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(lock)


def _swap(new: Path, target: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    try:
        if target.is_dir():
            os.rename(target, old)
        os.rename(new, target)
    except BaseException:
        _put_back(old, target)
        raise


def _put_back(old: Path, target: Path) -> None:
    """Undo half a swap."""
    if old.is_dir() and not target.exists():
        os.rename(old, target)
