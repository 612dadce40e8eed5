"""Packed files: what they hold, and what is raised where they are damaged."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path
from typing import Any

import pytest

from recommender.reading.formats.packing import ChunkStream, unpack_gzip
from recommender.reading.read import read_articles

TEXT = b"".join(b'{"id": %d, "title": "Ferry %d aground"}\n' % (at, at * 7919 % 1_009) for at in range(5_000))
NOISE = random.Random(0).randbytes(50_000)


def unpacked(stream: Any) -> tuple[bytes, type[Exception] | None]:
    held, buffer = b"", bytearray(1 << 15)
    try:
        while count := stream.readinto(buffer):
            held += buffer[:count]
    except (EOFError, OSError) as error:
        return held, type(error)
    return held, None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        gzip.compress(b""),
        gzip.compress(TEXT),
        gzip.compress(NOISE, 0),
        gzip.compress(TEXT) + gzip.compress(NOISE),
        gzip.compress(TEXT) + b"\0" * 20_000 + gzip.compress(NOISE) + b"\0",
        b"".join(gzip.compress(b"%d" % at) for at in range(3_000)),
    ],
    ids=["nothing", "empty", "text", "stored", "two members", "zeros between", "many members"],
)
def test_members_are_unpacked_one_after_another(data: bytes) -> None:
    assert unpacked(ChunkStream(unpack_gzip(io.BytesIO(data)))) == (gzip.decompress(data) if data else b"", None)


@pytest.mark.parametrize("end", [".gz", ".zst"])
def test_a_file_that_was_unpacked_on_its_way_is_read_as_it_is(tmp_path: Path, end: str) -> None:
    (tmp_path / f"a.csv{end}").write_text("id,title\n1,Ferry\n")
    assert read_articles(tmp_path / f"a.csv{end}")[0]["title"].to_pylist() == ["Ferry"]


@pytest.mark.parametrize("kept", [2, 5, 9, 12, 100, 9_000, -9, -8, -4, -1])
def test_a_cut_file_gives_what_comes_before_the_cut(kept: int) -> None:
    data = gzip.compress(TEXT + NOISE)[:kept]
    held, error = unpacked(ChunkStream(unpack_gzip(io.BytesIO(data))))
    assert error is EOFError
    assert (TEXT + NOISE).startswith(held)
    assert len(held) >= len(unpacked(gzip.GzipFile(fileobj=io.BytesIO(data)))[0])


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip at all",
        gzip.compress(TEXT)[:1],
        gzip.compress(TEXT) + b"more",
        gzip.compress(TEXT)[:-8] + b"\0" * 4 + gzip.compress(TEXT)[-4:],
        gzip.compress(NOISE, 0)[:20_000] + b"wrong" + gzip.compress(NOISE, 0)[20_005:],
    ],
    ids=["no gzip", "one byte", "more behind", "wrong checksum", "damaged inside"],
)
def test_a_damaged_file_is_no_gzip(data: bytes) -> None:
    assert unpacked(ChunkStream(unpack_gzip(io.BytesIO(data))))[1] is gzip.BadGzipFile


def test_a_second_reading_after_damage_repeats_nothing() -> None:
    text = b"".join(b"%d ferries and %d boats\n" % (at, at * 7919 % 100_003) for at in range(300_000))
    data = bytearray(gzip.compress(text))
    at = len(data) - 20_000
    data[at : at + 300] = bytes(300)
    held, error = unpacked(ChunkStream(unpack_gzip(io.BytesIO(bytes(data)))))
    assert error is gzip.BadGzipFile
    assert len(held) > 0.9 * len(text)
    assert held[: int(0.9 * len(text))] == text[: int(0.9 * len(text))]
