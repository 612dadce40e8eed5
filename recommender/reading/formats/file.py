"""Files that stories are read from: where they lie, how they are packed, and in which encoding they are written."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from recommender.reading.formats.encodings import detect_encoding
from recommender.reading.formats.packing import BROKEN, Allowance, ChunkStream, unpack
from recommender.reading.formats.rows import LimitExceeded
from recommender.reading.report import Notes
from recommender.settings import ReadingSettings

_PIECE = 1 << 16  # bytes that a format and an encoding are recognised by
_MAX_ASCII_PIECES = 256  # pieces that are searched for the first byte that is not ASCII
# suffix of a packed file -> how it begins
_MAGIC = {
    ".gz": b"\x1f\x8b\x08",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".zstd": b"\x28\xb5\x2f\xfd",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\x00",
}
_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?[\t\r\n -~]+")  # of a file that was unpacked on its way, and kept its name
_PACKED_TAR = (".tgz", ".tbz2", ".txz", ".tzst")


@dataclass(frozen=True)
class File:
    """A file on disk, or a member of an archive that was unpacked to a temporary path."""

    path: Path  # where it lies
    limits: ReadingSettings
    member_name: str = ""  # its name in the archive or folder that it comes from; empty = that of its path
    member_size: int | None = None  # bytes that it takes in its archive; None = those of its path
    notes: Notes | None = None  # what is repaired is noted there; without it no encoding is guessed

    @property
    def name(self) -> PurePath:
        """Name of the file, without the suffix of packing."""
        name = PurePath(self.member_name or self.path)
        suffix = name.suffix.lower()
        if suffix in _MAGIC:
            return name.with_suffix("")
        return name.with_suffix(".tar") if suffix in _PACKED_TAR else name

    @property
    def story_name(self) -> str:
        """Name that serves as the id of a story that has none."""
        return self.member_name or self.name.name

    @property
    def size(self) -> int:
        """Bytes that the file takes, packed as it is."""
        return self.path.stat().st_size if self.member_size is None else self.member_size

    def note(self, what: str, example: str = "") -> None:
        """Note something that was repaired in the file."""
        if self.notes is not None:
            self.notes.add(what, example)

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader[Any]]:
        """Open the bytes, unpacked where they are packed, and no further than the file's size can explain."""
        with self.path.open("rb") as file:
            start = file.peek(8)
            suffix = PurePath(self.member_name or self.path).suffix.lower()
            packing = next((known for known, magic in _MAGIC.items() if start.startswith(magic)), None)
            if packing is None and suffix in _MAGIC and start and not _TEXT.fullmatch(start):
                packing = suffix
            if packing is None:
                yield file
                return
            with unpack(packing, file, Allowance(self.size, self.limits)) as reader:
                yield reader

    @cached_property
    def head(self) -> bytes:
        """First bytes of the file, as far as they can be read; reading the rows tells why no more."""
        with self.opened() as stream:
            try:
                return next(_read_pieces(stream), b"")
            except (*BROKEN, LimitExceeded):
                return b""

    @contextmanager
    def utf8(self, max_wrong: int = 0) -> Iterator[io.BufferedReader[Any]]:
        """Open the bytes as UTF-8, whatever encoding they are written in; bytes that are wrong in UTF-8 stay.

        Up to `max_wrong` bytes that are no UTF-8 are damage, and no sign of another encoding.
        """
        with self.opened() as stream, _buffered(self._to_utf8(stream, max_wrong)) as reader:
            yield reader

    def _to_utf8(self, stream: io.BufferedReader[Any], max_wrong: int) -> Iterator[bytes]:
        """Yield the bytes as UTF-8; a byte order mark shows their encoding, or the first that are not ASCII."""
        encoding, pieces = self.limits.encoding, _read_pieces(stream)
        for number, piece in enumerate(pieces, 1):
            if encoding is None:
                encoding = self._detect_encoding(piece, max_wrong, is_last=number == _MAX_ASCII_PIECES)
            if encoding in (None, "utf-8"):
                yield piece
                continue
            text = io.TextIOWrapper(_buffered(chain([piece], pieces)), encoding=encoding, errors="replace", newline="")
            while decoded := text.read(_PIECE):
                yield decoded.encode(errors="replace").removeprefix(codecs.BOM_UTF8)

    def _detect_encoding(self, piece: bytes, max_wrong: int, is_last: bool) -> str | None:
        """Guess the encoding of the file by a piece; None where it is ASCII, and a later piece may show more."""
        encoding = detect_encoding(piece, len(piece) if self.notes is None else max_wrong)
        if encoding == "ascii":
            return "utf-8" if is_last else None
        if not encoding.startswith("utf-"):
            self.note(f"files are not UTF-8, and were read as {encoding}", self.member_name or str(self.path))
        return encoding

    @contextmanager
    def text(self) -> Iterator[io.TextIOWrapper]:
        """Open the text; bytes that are wrong in UTF-8 stay visible as surrogates, and ends of lines as they are."""
        with self.utf8() as stream, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
            yield text


def _buffered(chunks: Iterator[bytes]) -> io.BufferedReader[Any]:
    return io.BufferedReader(ChunkStream(chunks), 1 << 17)


def _read_pieces(stream: io.BufferedReader[Any]) -> Iterator[bytes]:
    while True:
        piece = b""
        try:
            while len(piece) < _PIECE and (more := stream.read1(_PIECE - len(piece))):
                piece += more
        except (*BROKEN, LimitExceeded):
            if piece:
                yield piece
            raise
        if not piece:
            return
        yield piece
