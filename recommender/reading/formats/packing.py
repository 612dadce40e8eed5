"""What packed files hold, read no further than their size can explain."""

from __future__ import annotations

import gzip
import io
from typing import IO, Any

import zstandard
from isal import igzip_lib

from recommender.reading.formats.rows import TooMuch
from recommender.settings import ReadingSettings

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 19  # bytes of a packed file unpacked at a time: another thread may hold the lock between two
_SMALL = 1 << 13  # the same of a damaged file
_MOST = 1 << 22  # bytes unpacked at a time: a kilobyte can stand for a megabyte


class Zstandard(io.RawIOBase):
    """Decompressed frames; as with gzip, and unlike zstandard's own reader, a cut file raises EOFError."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: Any = None  # the one being read
        self._rest = b""  # read from the file, of the next frame
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Say that the stream can be read, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Unpack the next bytes into a buffer."""
        while not self._ready:
            # little at a time: a kilobyte of zeros can stand for 32 MiB
            data = self._rest or self._file.read(1_024)
            if not data and self._frame is None:
                return 0
            if not data:
                raise EOFError("Compressed file ended before the end of its last frame")
            frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(frame.decompress(data))
            self._frame, self._rest = (None, frame.unused_data) if frame.eof else (frame, b"")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


class Gzip(io.RawIOBase):
    """Unpacked members, three times as fast as Python's own reader; what that raises is raised here."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._piece, self._longest = _SMALL, _PIECE
        self._given = 0  # bytes given so far
        self._again = 0  # of them, those that are unpacked a second time
        self._start()

    def _start(self) -> None:
        self._member: Any = None  # the one being read
        self._is_first = True
        self._rest = b""  # read from the file, of the next member
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Say that the stream can be read, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Unpack the next bytes into a buffer."""
        while not self._ready:
            data = b""
            if self._member is None or self._member.needs_input:
                data = self._rest or self._file.read(self._piece)
                self._rest = b""
                self._piece = min(2 * self._piece, self._longest)  # the head of a file is often all that is read
                if not data:
                    if self._member is None:
                        return 0
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            if self._member is None:
                data = data if self._is_first else data.lstrip(b"\0")  # some tapes are filled up
                if not data:
                    continue
                if not data.startswith(_GZIP[: len(data)]):
                    raise gzip.BadGzipFile(f"Not a gzipped file ({data[:2]!r})")
                self._member, self._is_first = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP), False
            try:
                found = self._member.decompress(data, _MOST)
            except igzip_lib.error as error:  # type: ignore[misc]  # its stubs take the class for one of its errors
                if self._longest == _SMALL:
                    raise gzip.BadGzipFile(str(error)) from error
                # what the piece holds before the damage is lost with it: as little as can be
                self._file.seek(0)
                self._piece, self._longest, self._again = _SMALL, _SMALL, self._given
                self._start()
                continue
            if self._member.eof:
                self._rest, self._member = self._member.unused_data, None
            self._ready = memoryview(found)[self._again :]
            self._again -= len(found) - len(self._ready)
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        self._given += size
        return size


class Allowance:
    """How much a file may come to: a bomb of a few kilobytes can stand for terabytes."""

    def __init__(self, size: int, limits: ReadingSettings) -> None:
        self._most = self._left = limits.max_expansion * size + limits.max_line_bytes

    def check(self, count: int) -> None:
        """Raise if less than so many bytes are left."""
        if count > self._left:
            raise TooMuch(f"the file unpacks to more than {self._most:,} bytes (reading.max_expansion)")

    def use(self, count: int) -> None:
        """Take so many bytes off what is left."""
        self.check(count)
        self._left -= count


class Unpacked(io.RawIOBase):
    """What a packed stream holds, as far as it is allowed."""

    def __init__(self, stream: Any, allowance: Allowance) -> None:
        self._stream = stream
        self._readinto = getattr(stream, "readinto1", stream.readinto)
        self._allowance = allowance

    def readable(self) -> bool:
        """Say that the stream can be read, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer, as far as the allowance goes."""
        # one piece at a time: what comes before the end of a cut file must not be lost with it
        count = int(self._readinto(buffer))
        self._allowance.use(count)
        return count

    def close(self) -> None:
        """Close this stream and the packed one under it."""
        self._stream.close()
        super().close()
