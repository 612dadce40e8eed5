"""Write files atomically, so that readers see either the old or the new file."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from recommender.errors import DamagedError, PublishError

# Errors that reading a damaged file may raise.
_DAMAGED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    OSError,
    EOFError,
    pa.ArrowException,
)
_FAILED_WRITES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_NUMPY_MESSAGES = (" requested and ", "Not enough free space")  # NumPy raises an OSError without a number


@contextmanager
def wrap_read_errors(path: Path) -> Iterator[None]:
    """Raise errors of reading a file of this library as a `DamagedError` that names the file."""
    try:
        yield
    except _DAMAGED as error:
        raise DamagedError(
            f"damaged: {path} is not what recommender writes ({type(error).__name__}: {str(error)[:200]}); restore it "
            "or run again"
        ) from error


@contextmanager
def wrap_write_errors(path: Path, advice: str) -> Iterator[None]:
    """Raise errors of writing, as on a full disk, as a `PublishError` that names the file and ends with `advice`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FAILED_WRITES and not any(words in str(error) for words in _NUMPY_MESSAGES):
            raise
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PublishError(f"cannot write {error.filename or path}: {reason}; {advice}") from error


def check_writable(folder: Path) -> None:
    """Create a folder, and raise `PublishError` if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PublishError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write and fsync a temporary file, and move it into place: readers see the old file or the new one.

    An `OSError` names the file.
    """
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename is None:  # of a failed write Python names no file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    fsync(path.parent)


def sha256(path: Path) -> str:
    """Compute the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
