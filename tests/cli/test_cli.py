"""The command line from outside: every process here is a real one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recommender import PublishedLists, Recommender
from recommender.storage.versions import VersionedFolder
from tests.conftest import NEWSROOM
from tests.support.checkerboard import checkerboard
from tests.support.processes import cli, start


def cold(*arguments: object) -> subprocess.CompletedProcess[str]:
    """As `cli`, by an interpreter that has imported nothing yet."""
    command = [sys.executable, "-m", "recommender", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def precompute(*arguments: object) -> subprocess.CompletedProcess[str]:
    return cli("precompute", *arguments, "--model", "tfidf")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One clear line and exit status 2."""
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    for word in words:
        assert word in done.stderr


def dump(path: Path, stories: list[dict]) -> Path:
    path.write_text("".join(json.dumps(story, default=str) + "\n" for story in stories), encoding="utf-8")
    return path


GOOD = b'{"id": "good-%d", "title": "Good story %d", "body": "harbour ferry captain", "date": "2026-05-01"}\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/no-such.jsonl"], ["no such file", "no-such.jsonl"]),
        (["{good}", "--column", "title=nosuch"], ["no column 'nosuch'", "found body, date, id, title"]),
        (["{good}", "--column", "nosuch=title"], ["unknown field 'nosuch'"]),
        (["{good}", "--column", "title"], ["has no NAME=VALUE form"]),
        (["{good}", "--set", "selection.k=many"], ["selection.k"]),
        (["{good}", "--set", "selection.nosuch=1"], ["nosuch"]),
        (["{good}", "--settings", "{tmp}/none.toml"], ["none.toml"]),
        (["{good}", "--as-of", "someday"], ["--as-of", "someday"]),
        (["{tmp}/file.xyz"], ["unknown kind of file"]),
    ],
)
def test_unusable_arguments_are_refused_before_any_work(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    good, out = tmp_path / "good.jsonl", tmp_path / "out"
    good.write_bytes(GOOD % (1, 1))
    (tmp_path / "file.xyz").touch()
    done = precompute(*(a.format(tmp=tmp_path, good=good) for a in arguments), "--out", out)
    refused(done, *words)
    assert not (out / "CURRENT").exists()
    assert not (out / "rejected.jsonl").exists()


def test_show_info_withdraw_restore_and_roll_back(tmp_path: Path) -> None:
    out, snap = tmp_path / "out", tmp_path / "snap"
    (tmp_path / "s.toml").write_text("[selection]\nk = 4\n")
    assert precompute(NEWSROOM, "--out", out, "--snapshot", snap, "--settings", tmp_path / "s.toml").returncode == 0
    shown = cli("recommend", "ferry-inquiry", "--from", out)
    assert "Read next after ferry-inquiry" in shown.stdout
    assert "local" in shown.stdout
    assert "both on:" in shown.stdout
    for place in (out, snap):
        found = json.loads(cli("recommend", "ferry-inquiry", "--from", place, "--json").stdout)
        assert len(found["items"]) == 4
        assert found["items"][0]["rank"] == 1
        assert found["items"][0]["published_at"].endswith("Z")
    first = found["items"][0]["article_id"]
    assert "withdrawn: 1" in cli("withdraw", first, "--from", out).stdout
    assert first not in cli("recommend", "ferry-inquiry", "--from", out, "--json").stdout
    assert "restored: 1" in cli("restore", first, "--from", out).stdout
    info = cli("info", out).stdout
    assert "stories  110" in info
    assert "selection.k = 4" in info
    assert "files match their checksums" in cli("info", snap, "--check").stdout
    assert precompute(NEWSROOM, "--out", out).returncode == 0
    assert "current version: 000001" in cli("rollback", out).stdout
    refused(cli("recommend", "no-such", "--from", out), "no article with id 'no-such'")
    refused(cli("info", tmp_path / "nothing"), "no lists in")
    refused(cli("recommend", "x", "--from", tmp_path / "nothing"), "no lists in")


def test_version_and_help() -> None:
    assert cold("--version").stdout.startswith("recommender ")
    text = cold("precompute", "--help").stdout
    for option in ("--out", "--settings", "--column", "--strict", "--allow-shrink", "--snapshot"):
        assert option in text


def test_an_empty_list_says_why(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    assert precompute(stories, "--out", tmp_path / "out", "--set", "selection.floor=0.99").returncode == 0
    assert "no story is close enough" in cli("recommend", "t0-s0", "--from", tmp_path / "out").stdout


def test_a_killed_run_leaves_the_old_version_and_the_next_one_finishes(tmp_path: Path) -> None:
    """SIGKILL at ten random moments of a run that embeds, searches, writes and saves."""
    stories = [json.loads(line) for line in NEWSROOM.read_text(encoding="utf-8").splitlines()]
    many = [s | {"id": f"{s['id']}-{n}", "body": f"{n} {s['body']} {n * 7919}"} for n in range(12) for s in stories]
    old, new = dump(tmp_path / "old.jsonl", stories[:60]), dump(tmp_path / "new.jsonl", stories[:60] + many)
    out, snap = tmp_path / "out", tmp_path / "snap"
    job = ["precompute", new, "--out", out, "--model", "tfidf", "--snapshot", snap]
    assert precompute(old, "--out", out, "--snapshot", snap).returncode == 0
    before = PublishedLists.open(out).version
    calm = tmp_path / "calm"
    for _ in range(2):  # the first may have to compile
        began = time.monotonic()
        assert precompute(new, "--out", calm).returncode == 0
        whole = time.monotonic() - began
    expected = PublishedLists.open(calm).version
    rng = random.Random(0)
    for _ in range(10):
        process = start(*job)
        process.join(rng.uniform(0.1, 1.0) * whole)
        process.kill()
        process.join()
        lists = PublishedLists.open(out)
        assert lists.version in (before, expected)
        assert all(lists.get(article_id).status in ("ok", "short") for article_id in lists.ids())
        version = VersionedFolder(out, "lists").current()
        version.check()
        assert Recommender.load(snap).recommend("mill-vote").status in ("ok", "short")
    assert cold(*job).returncode == 0
    assert PublishedLists.open(out).version == expected
    data = [VersionedFolder(place, "lists").current().folder / "lists.jsonl" for place in (out, calm)]
    assert data[0].read_bytes() == data[1].read_bytes()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [".lock"]
    assert os.listdir(out / "versions")


@pytest.mark.parametrize("option", ["--snapshot", "--rejected"])
def test_other_places_that_cannot_be_written_are_refused_before_any_work(option: str, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(GOOD % (1, 1))
    refused(precompute(good, "--out", tmp_path / "out", option, good / "x" / "y"), "cannot write to")
    assert not (tmp_path / "out" / "CURRENT").exists()
