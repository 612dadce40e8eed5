"""Zip and tar archives: what is in them is read, and nothing of them can do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings

STORY = orjson.dumps({"id": 1, "title": "Ferry aground"})
PAGE = b"---\ntitle: Storm\ndate: 2026-11-27\n---\nText"
TABLE = b"id,title\n3,Opera\n"


def read(path: Path, data: bytes, **limits: Any) -> tuple[list[str], ReadReport]:
    path.write_bytes(data)
    table, report = read_articles(path, settings=ReadingSettings(**limits))
    return table["title"].to_pylist(), report


def zipped(*files: tuple[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return held.getvalue()


def tarred(mode: str, *files: tuple[str, bytes], link: str | None = None) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files:
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
        if link is not None:
            about = tarfile.TarInfo("link.jsonl")
            about.type, about.linkname = tarfile.SYMTYPE, link
            archive.addfile(about)
    return held.getvalue()


FILES = [("export/a.jsonl", STORY), ("b.md", PAGE), ("deep/er/c.csv.gz", gzip.compress(TABLE))]


def test_a_packed_zip_archive_is_read_as_far_as_its_size_allows(tmp_path: Path) -> None:
    assert read(tmp_path / "e.zip.gz", gzip.compress(zipped(*FILES)))[0] == ["Ferry aground", "Storm", "Opera"]
    bomb = gzip.compress(zipped(("a.jsonl", bytes(30_000_000))))
    found, report = read(tmp_path / "e.zip.gz", bomb, max_expansion=2, max_line_bytes=1_000_000)
    assert found == []
    assert "max_expansion" in report.rejected[0].reason


@pytest.mark.parametrize("name", ["e.zip", "export.download"])
def test_all_files_of_a_zip_archive_are_read(tmp_path: Path, name: str) -> None:
    hidden = [("__MACOSX/._a.jsonl", b"x"), (".git/x.json", b"{}"), ("photo.jpg", b"\xff\xd8")]
    titles, report = read(tmp_path / name, zipped(*FILES, *hidden))
    assert titles == ["Ferry aground", "Storm", "Opera"]
    assert (report.rejected, report.read) == ([], 3)
    assert report.notes.lines() == ["1 files are no articles by their names, and were passed over, such as photo.jpg"]


@pytest.mark.parametrize(("name", "mode"), [("e.tar", "w"), ("e.tgz", "w:gz"), ("e.tar.bz2", "w:bz2"), ("e", "w:xz")])
def test_all_files_of_a_tar_archive_are_read(tmp_path: Path, name: str, mode: str) -> None:
    titles, report = read(tmp_path / name, tarred(mode, *FILES))
    assert (titles, report.rejected) == (["Ferry aground", "Storm", "Opera"], [])


def test_archives_in_a_folder_and_rejected_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(zipped(("a.jsonl", STORY + b"\n{\n")))
    (tmp_path / "b.md").write_bytes(PAGE)
    table, report = read_articles(tmp_path)
    assert sorted(table["title"].to_pylist()) == ["Ferry aground", "Storm"]
    assert [(row.file, row.line) for row in report.rejected] == [(f"{tmp_path}/e.zip/a.jsonl", 2)]


@pytest.mark.parametrize("evil", ["../../evil.csv", "/tmp/evil.csv", "C:\\evil.csv", "a/../../evil.csv"])
def test_no_name_in_an_archive_leads_out_of_it(tmp_path: Path, evil: str) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    before = {*tmp_path.rglob("*"), *Path("/tmp").glob("evil*")}
    for name, data in (("e.zip", zipped((evil, TABLE))), ("e.tar", tarred("w", (evil, TABLE)))):
        titles, _ = read(inside / name, data)
        assert titles == ["Opera"]
    after = {*tmp_path.rglob("*"), *Path("/tmp").glob("evil*")}
    assert {path.name for path in after - before} == {"e.zip", "e.tar"}


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_bytes(STORY)
    titles, report = read(tmp_path / "e.tar", tarred("w", ("b.md", PAGE), link=str(tmp_path / "secret.jsonl")))
    assert (titles, report.rejected) == (["Storm"], [])


@pytest.mark.parametrize("pack", [zipped, lambda *files: tarred("w:gz", *files)])
def test_a_bomb_ends_the_archive_and_what_came_before_is_kept(tmp_path: Path, pack: Any) -> None:
    data = pack(("a.jsonl", STORY), ("bomb.jsonl", b" " * 3_000_000), ("c.csv", TABLE))
    titles, report = read(tmp_path / "e", data, max_line_bytes=500_000, max_expansion=10)
    assert titles == ["Ferry aground"]
    assert "reading.max_expansion" in report.rejected[0].reason


def test_a_bomb_in_an_archive_is_held_to_its_share(tmp_path: Path) -> None:
    inner = gzip.compress(b'{"id": 9, "title": "' + b" " * 30_000_000)
    titles, report = read(
        tmp_path / "e.zip", zipped(("a.jsonl", STORY), ("b.jsonl.gz", inner)), max_line_bytes=10_000, max_expansion=10
    )
    assert titles == ["Ferry aground"]
    assert len(report.rejected) == 1


def test_a_cut_or_damaged_archive_is_told(tmp_path: Path) -> None:
    noise = [(f"{number}.bin", os.urandom(500)) for number in range(20)]
    for name, data in (
        ("e.zip", zipped(*FILES)[:-60]),
        ("e.tgz", tarred("w:gz", ("a.jsonl", STORY), *noise)[:6_000]),
        ("f.zip", b"PK\x03\x04" + b"\x00" * 50),
    ):
        titles, report = read(tmp_path / name, data)
        assert titles in ([], ["Ferry aground"])
        assert len(report.rejected) == 1


def test_a_file_with_a_password_is_told(tmp_path: Path) -> None:
    data = bytearray(zipped(("a.jsonl", STORY), ("c.csv", TABLE)))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark)
        data[place + at] |= 1
    titles, report = read(tmp_path / "e.zip", bytes(data))
    assert titles == ["Opera"]
    assert "password" in report.rejected[0].reason


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_told_by_their_first_bytes(tmp_path: Path, pack: Any) -> None:
    titles, report = read(tmp_path / "download", pack(STORY))
    assert (titles, report.rejected) == (["Ferry aground"], [])
    table, _ = read_articles(tmp_path)
    assert table["title"].to_pylist() == ["Ferry aground"]


def test_a_member_of_a_zip_without_a_name_is_damage(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.jsonl", '{"id": 1, "title": "Ferry"}\n')
        archive.writestr("b", "x")
    data = held.getvalue()
    at = data.rindex(b"b", 0, data.rindex(b"PK\x05\x06"))
    (tmp_path / "a.zip").write_bytes(data[:at] + b"\0" + data[at + 1 :])
    _, report = read_articles(tmp_path / "a.zip")
    assert all("damaged" in one.reason for one in report.rejected)
