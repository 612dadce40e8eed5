"""Zip and tar archives -> the files in them, one after another, each unpacked to a place of its own.

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
from typing import IO, Any

from recommender.reading.formats.file import BROKEN, File
from recommender.reading.formats.packing import Allowance
from recommender.reading.formats.rows import BadRow, TooMuch

_PIECE = 1 << 20
_MOST_FILES = 1_000_000
_BROKEN = (*BROKEN, zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, ValueError, LookupError)
_TAR = 257, b"ustar"  # where a tar archive says what it is


def is_zip(data: bytes) -> bool:
    """Tell whether a file that begins so is a zip archive."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(data: bytes) -> bool:
    """Tell whether a file that begins so is a tar archive."""
    return data[_TAR[0] :].startswith(_TAR[1])


@contextmanager
def members(archive: File) -> Iterator[Iterator[tuple[str, File | BadRow]]]:
    """Open the files of an archive one by one, in order, with their names; each is there until the next one."""
    opened = _zipped if is_zip(archive.head) else _tarred
    with tempfile.TemporaryDirectory(prefix="recommender-") as folder:
        yield _unpacked(archive, opened(archive), Path(folder) / "member")


def _unpacked(
    archive: File, found: Iterator[tuple[str, int, IO[bytes] | BadRow]], place: Path
) -> Iterator[tuple[str, File | BadRow]]:
    allowance, count = Allowance(archive.held, archive.limits), 0
    name = ""
    try:
        for name, size, stream in found:
            count += 1
            if count > _MOST_FILES:
                raise TooMuch(f"an archive of more than {_MOST_FILES:,} files")
            if isinstance(stream, BadRow):
                yield name, stream
                continue
            try:
                with stream, place.open("wb") as file:
                    while piece := stream.read(_PIECE):
                        allowance.use(len(piece))
                        file.write(piece)
            except _BROKEN as error:
                yield name, BadRow(f"damaged file: {error}")
                continue
            yield name, File(place, archive.limits, name, min(size, place.stat().st_size), archive.told)
    except TooMuch as error:
        yield name, BadRow(f"{error}; the files before it were kept")
    except _BROKEN as error:
        yield "", BadRow(f"damaged archive: {error}; the files before it were kept")


def _zipped(archive: File) -> Iterator[tuple[str, int, IO[bytes] | BadRow]]:
    with archive.opened() as packed, tempfile.TemporaryFile() as copy:
        if not packed.seekable():  # as where the archive is packed once more
            shutil.copyfileobj(packed, copy)
        yield from _zipped_in(packed if packed.seekable() else copy)


def _zipped_in(stream: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes] | BadRow]]:
    with zipfile.ZipFile(stream) as files:
        for one in files.infolist():
            if one.is_dir() or not is_told(one.filename):
                continue
            if one.flag_bits & 1:
                yield one.filename, 0, BadRow("a file with a password; give it without")
                continue
            try:
                yield one.filename, one.compress_size, files.open(one)
            except _BROKEN as error:
                yield one.filename, 0, BadRow(f"damaged file: {error}")


def _tarred(archive: File) -> Iterator[tuple[str, int, IO[bytes] | BadRow]]:
    with archive.opened() as stream, tarfile.open(fileobj=stream, mode="r|") as files:
        for one in files:
            held: Any = files.extractfile(one) if one.isreg() and is_told(one.name) else None
            if held is not None:
                yield one.name, archive.held, held


def is_told(name: str) -> bool:
    """Tell whether a file of an archive is none of those that systems hide."""
    return not any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in PurePosixPath(name).parts)
