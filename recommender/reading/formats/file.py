"""Files that stories are read from: where they lie, how they are packed, and in which encoding they are written."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePath
from typing import IO, Any

import zstandard

from recommender.reading.formats.encodings import encoding_of
from recommender.reading.formats.packing import Allowance, Gzip, Unpacked, Zstandard
from recommender.reading.formats.rows import TooMuch
from recommender.reading.report import Told
from recommender.settings import ReadingSettings

_PIECE = 1 << 16  # bytes that a format and an encoding are told by
_FARTHEST = 256  # pieces that are looked through for the first that is not ASCII
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a damaged file raises."""
# how a packed file begins, and the ends of its name
_PACKED = {
    ".gz": b"\x1f\x8b\x08",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".zstd": b"\x28\xb5\x2f\xfd",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\x00",
}
_PACKED_ALSO = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}


@dataclass(frozen=True)
class File:
    """A file that is read, or one out of an archive, which was unpacked to a place of its own.

    Attributes
    ----------
    path : Path
        Where it lies.
    limits : ReadingSettings
    called : str
        Its name where it comes from; empty = that of its path.
    size : int, optional
        Bytes that it takes there, as far as it may be packed; None = those of its path.
    told : Told, optional
        What was mended is told there; where it cannot be told, no encoding is guessed.
    """

    path: Path
    limits: ReadingSettings
    called: str = ""
    size: int | None = None
    told: Told | None = None

    @property
    def name(self) -> PurePath:
        """Name of the file, without the end that says that it is packed."""
        name = PurePath(self.called or self.path)
        if name.suffix.lower() in _PACKED:
            return name.with_suffix("")
        return name.with_suffix(_PACKED_ALSO[end]) if (end := name.suffix.lower()) in _PACKED_ALSO else name

    @property
    def held(self) -> int:
        """Bytes that the file takes."""
        return self.path.stat().st_size if self.size is None else self.size

    def tell(self, what: str, example: str = "") -> None:
        """Report something that was mended in the file."""
        if self.told is not None:
            self.told.add(what, example)

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader[Any]]:
        """Open the bytes, unpacked where they are packed, and no further than the file's size can explain."""
        with self.path.open("rb") as file:
            end = PurePath(self.called or self.path).suffix.lower()
            start = file.peek(8)
            packed = next((one for one, mark in _PACKED.items() if start.startswith(mark)), None)
            packed = packed or (end if end in _PACKED and start else None)
            if packed is None:
                yield file
                return
            unpacked = Unpacked(_unpacking(packed, file), Allowance(self.held, self.limits))
            with io.BufferedReader(unpacked, 1 << 17) as reader:
                yield reader

    @cached_property
    def head(self) -> bytes:
        """First bytes of the file, as far as they can be read; whoever reads the rows is told why."""
        with self.opened() as stream:
            try:
                return next(_pieces(stream), b"")
            except (*BROKEN, TooMuch):
                return b""

    @contextmanager
    def utf8(self, few: int = 0) -> Iterator[io.BufferedReader[Any]]:
        """Open the bytes as UTF-8, whatever encoding they are written in; bytes that are wrong in UTF-8 stay.

        So `few` bytes that are no UTF-8 are damage, and no sign of another encoding.
        """
        with self.opened() as stream, io.BufferedReader(Chunks(self._as_utf8(stream, few)), 1 << 17) as reader:
            yield reader

    def _as_utf8(self, stream: io.BufferedReader[Any], few: int) -> Iterator[bytes]:
        """Read the bytes as UTF-8; a mark tells their encoding, or the first that are not ASCII."""
        encoding, pieces = self.limits.encoding, _pieces(stream)
        for number, piece in enumerate(pieces, 1):
            if encoding is None:
                found = encoding_of(piece, few if self.told is not None else len(piece))
                if found != "ascii" and not found.startswith("utf-"):
                    self.tell(f"files are not UTF-8, and were read as {found}", self.called or str(self.path))
                if found != "ascii" or number == _FARTHEST:
                    encoding = found.replace("ascii", "utf-8")
            if encoding in (None, "utf-8"):
                yield piece
                continue
            rest = io.BufferedReader(Chunks(chain([piece], pieces)))
            text = io.TextIOWrapper(rest, encoding=encoding, errors="replace", newline="")
            while some := text.read(_PIECE):
                yield some.encode(errors="replace").removeprefix(codecs.BOM_UTF8)

    @contextmanager
    def text(self) -> Iterator[io.TextIOWrapper]:
        """Open the text; bytes that are wrong in UTF-8 stay visible as surrogates, and ends of lines as they are."""
        with self.utf8() as stream, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
            yield text


def _unpacking(kind: str, file: IO[bytes]) -> Any:
    if kind == ".gz":
        return Gzip(file)
    if kind == ".bz2":
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if kind == ".xz" else Zstandard(file)


def _pieces(stream: io.BufferedReader[Any]) -> Iterator[bytes]:
    """Read all bytes, up to where they cannot be read."""
    while True:
        piece = b""
        try:
            while len(piece) < _PIECE and (more := stream.read1(_PIECE - len(piece))):
                piece += more
        except (*BROKEN, TooMuch):
            if piece:
                yield piece
            raise
        if not piece:
            return
        yield piece


class Chunks(io.RawIOBase):
    """Bytes that come in chunks, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._ready = chunks, b""

    def readable(self) -> bool:
        """Say that the stream can be read, as `io.RawIOBase` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer."""
        while not self._ready:
            if (chunk := next(self._chunks, None)) is None:
                return 0
            self._ready = chunk
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count
