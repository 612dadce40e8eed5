"""Zip and tar archives -> the files in them, one after another, each unpacked to a temporary path.

Nothing is written under a name of the archive, so none can lead out of a folder; links in it are not followed.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from recommender.reading.formats.file import File
from recommender.reading.formats.packing import BROKEN, Allowance
from recommender.reading.formats.rows import BadRow, LimitExceeded

_PIECE = 1 << 20
_MAX_MEMBERS = 1_000_000
_BROKEN = (*BROKEN, zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, ValueError, LookupError)
_TAR_OFFSET, _TAR_MAGIC = 257, b"ustar"
_Member: TypeAlias = tuple[str, int, IO[bytes] | BadRow]
"""Name, packed size, and the bytes or why they cannot be read."""


def is_zip(head: bytes) -> bool:
    """Check whether a file that begins so is a zip archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(head: bytes) -> bool:
    """Check whether a file that begins so is a tar archive."""
    return head[_TAR_OFFSET:].startswith(_TAR_MAGIC)


@contextmanager
def members(archive: File) -> Iterator[Iterator[tuple[str, File | BadRow]]]:
    """Open the files of an archive one by one, in order, with their names; each is there until the next one."""
    read_members = _zip_members if is_zip(archive.head) else _tar_members
    with tempfile.TemporaryDirectory(prefix="recommender-") as folder:
        yield _unpack_members(archive, read_members(archive), Path(folder) / "member")


def _unpack_members(archive: File, found: Iterator[_Member], path: Path) -> Iterator[tuple[str, File | BadRow]]:
    allowance = Allowance(archive.size, archive.limits)
    name = ""
    try:
        for count, (name, size, stream) in enumerate(found, 1):
            if count > _MAX_MEMBERS:
                raise LimitExceeded(f"an archive of more than {_MAX_MEMBERS:,} files")
            if isinstance(stream, BadRow):
                yield name, stream
                continue
            try:
                with stream, path.open("wb") as file:
                    while piece := stream.read(_PIECE):
                        allowance.use(len(piece))
                        file.write(piece)
            except _BROKEN as error:
                yield name, BadRow(f"damaged file: {error}")
                continue
            yield name, File(path, archive.limits, name, min(size, path.stat().st_size), archive.notes)
    except LimitExceeded as error:
        yield name, BadRow(f"{error}; the files before it were kept")
    except _BROKEN as error:
        yield "", BadRow(f"damaged archive: {error}; the files before it were kept")


def _zip_members(archive: File) -> Iterator[_Member]:
    with archive.opened() as stream, tempfile.TemporaryFile() as copy:
        if not stream.seekable():  # as where the archive is packed once more
            shutil.copyfileobj(stream, copy)
        with zipfile.ZipFile(stream if stream.seekable() else copy) as members:
            for member in members.infolist():
                if not member.is_dir() and not is_hidden(member.filename):
                    yield member.filename, member.compress_size, _open_member(members, member)


def _open_member(members: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes] | BadRow:
    if member.flag_bits & 1:
        return BadRow("a file with a password; give it without")
    try:
        return members.open(member)
    except _BROKEN as error:
        return BadRow(f"damaged file: {error}")


def _tar_members(archive: File) -> Iterator[_Member]:
    with archive.opened() as stream, tarfile.open(fileobj=stream, mode="r|") as members:
        for member in members:
            file = members.extractfile(member) if member.isreg() and not is_hidden(member.name) else None
            if file is not None:
                yield member.name, archive.size, file


def is_hidden(name: str) -> bool:
    """Check whether a file of an archive is one of those that systems hide, or a draft of Jekyll."""
    hidden = (".", "__MACOSX", "_drafts")
    return any(part.startswith(hidden) and part not in (".", "..") for part in PurePosixPath(name).parts)
