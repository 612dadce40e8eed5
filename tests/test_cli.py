"""The command line from outside: every process here is a real one."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recommender import PublishedLists, Recommender
from recommender.articles import Article, to_table
from recommender.languages import unknown_language_warning
from recommender.storage import VersionedFolder
from tests.checkerboard import checkerboard
from tests.conftest import NEWSROOM


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recommender.cli", *map(str, arguments)]
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
BAD_LINES: dict[str, tuple[bytes, str]] = {
    "missing id": (b'{"title": "No id"}', "missing id"),
    "neither title nor body": (b'{"id": "empty", "lead": "only a lead"}', "neither title nor body"),
    "unreadable date": (b'{"id": "d", "title": "x", "date": "next Tuesday"}', "unreadable date in published_at: 'next"),
    "bad JSON": (b'{"id": "j", "title": "x"', "bad JSON"),
    "not an object": (b'["id", "title"]', "expected an object"),
    "wrong encoding": ('{"id": "l1", "title": "Café"}'.encode("latin-1"), "not valid UTF-8"),
    "NUL byte": (b'{"id": "n", "title": "a\\u0000b"}', "NUL byte in title"),
    "raw NUL byte": (b'{"id": "n2", "title": "a\x00b"}', "NUL byte"),
    "20 MB body": (b'{"id": "big", "title": "x", "body": "' + b"long " * 4_000_000 + b'"}', "20,000,000 characters"),
    "100,000 tags": (b'{"id": "t", "title": "x", "tags": [' + b'"a",' * 99_999 + b'"a"]}', "100,000 tags"),
}


@pytest.fixture(scope="module", name="bad")
def bad_(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, subprocess.CompletedProcess[str], list[dict]]:
    """One run over a folder with every kind of bad input."""
    folder, out = tmp_path_factory.mktemp("input"), tmp_path_factory.mktemp("out")
    lines = [GOOD % (0, 0)]
    for number, (line, _) in enumerate(BAD_LINES.values(), 1):
        lines += [line + b"\n", GOOD % (number, number)]
    (folder / "a.jsonl").write_bytes(b"".join(lines))
    (folder / "b-empty.jsonl").write_bytes(b"")
    whole = gzip.compress(b"".join(GOOD % (n, n) for n in range(1000, 3000)), mtime=0)
    (folder / "c-cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    rows = ["id,headline,text,date", 'csv-1,"Good, quoted","line one\nline two",2026-05-01']
    table = "\n".join(rows).encode() + "\ncsv-latin,Café,x,2026-05-01\n".encode("latin-1")
    (folder / "d.csv").write_bytes(table + b"csv-nul,a\x00b,x,2026-05-01\ncsv-short,x\ncsv-2,Good,y,2026-05-02\n")
    (folder / "e.parquet").write_bytes(b"PAR1 this is not parquet")
    done = precompute(folder, "--out", out)
    rejected = [json.loads(line) for line in (out / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    return folder, out, done, rejected


@pytest.mark.parametrize("name", BAD_LINES)
def test_each_bad_line_is_rejected_with_its_place_and_reason(name: str, bad: tuple) -> None:
    folder, _, done, rejected = bad
    assert done.returncode == 0, done.stderr
    line = 2 * (1 + list(BAD_LINES).index(name))
    found = [row for row in rejected if row["file"] == str(folder / "a.jsonl") and row["line"] == line]
    assert len(found) == 1
    assert BAD_LINES[name][1] in found[0]["reason"]


def test_bad_files_and_csv_rows_are_rejected(bad: tuple) -> None:
    folder, _, _, rejected = bad
    reasons = {(Path(row["file"]).name, row["line"]): row["reason"] for row in rejected}
    assert reasons["b-empty.jsonl", 0] == "empty file"
    (cut,) = (reason for (file, _), reason in reasons.items() if file == "c-cut.jsonl.gz")
    assert cut.startswith("truncated file")
    assert "not valid UTF-8" in reasons["d.csv", 4]
    assert "NUL byte in title" in reasons["d.csv", 5]
    assert "2 columns, expected 4" in reasons["d.csv", 6]
    (parquet,) = (reason for (file, _), reason in reasons.items() if file == "e.parquet")
    assert parquet.startswith("damaged file")
    assert len(rejected) == len(BAD_LINES) + 6


def test_the_good_rows_around_bad_ones_are_published(bad: tuple) -> None:
    _, out, done, rejected = bad
    lists = PublishedLists.open(out)
    published = set(lists.ids())
    assert {f"good-{n}" for n in range(len(BAD_LINES) + 1)} <= published
    assert {"csv-1", "csv-2", "good-1000"} <= published
    assert lists.get("good-3").status == "short"  # the others repeat its text
    assert not published & {"empty", "d", "j", "l1", "n", "n2", "big", "t", "csv-latin", "csv-nul", "csv-short"}
    assert f"rejected rows  {len(rejected)}" in done.stdout


def test_strict_stops_at_the_first_bad_row(bad: tuple, tmp_path: Path) -> None:
    folder = bad[0]
    done = precompute(folder / "a.jsonl", "--out", tmp_path, "--strict")
    refused(done, "a.jsonl, line 2: missing id")
    assert not (tmp_path / "CURRENT").exists()


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


def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(GOOD % (1, 1))
    refused(precompute(good, "--out", good / "out"), "cannot write to")


def test_vanished_stories_are_reported_and_a_shrunken_archive_is_refused(tmp_path: Path) -> None:
    stories, out = checkerboard(per_topic=25), tmp_path / "out"
    assert precompute(dump(tmp_path / "a.jsonl", stories), "--out", out).returncode == 0
    less = dump(tmp_path / "b.jsonl", stories[10:])
    refused(precompute(less, "--out", out), "10 of 100 stories", "10.0%", "--allow-shrink")
    assert PublishedLists.open(out).get(stories[0]["id"]).status == "ok"
    done = precompute(dump(tmp_path / "c.jsonl", stories[3:]), "--out", out)
    assert done.returncode == 0
    assert "vanished  3 stories" in done.stdout
    assert precompute(less, "--out", out, "--allow-shrink").returncode == 0
    assert PublishedLists.open(out).get(stories[0]["id"]).status == "unknown"


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
    assert cli("info", snap).returncode == 0
    assert precompute(NEWSROOM, "--out", out).returncode == 0
    assert "current version: 000001" in cli("rollback", out).stdout
    refused(cli("recommend", "no-such", "--from", out), "no article with id 'no-such'")
    refused(cli("info", tmp_path / "nothing"), "no lists in")
    refused(cli("recommend", "x", "--from", tmp_path / "nothing"), "no lists in")


def test_version_and_help() -> None:
    assert cli("--version").stdout.startswith("recommender ")
    text = cli("precompute", "--help").stdout
    for option in ("--out", "--settings", "--column", "--strict", "--allow-shrink", "--snapshot"):
        assert option in text


def test_published_lists_need_no_model(tmp_path: Path) -> None:
    assert precompute(dump(tmp_path / "a.jsonl", checkerboard()), "--out", tmp_path / "out").returncode == 0
    code = (
        "import sys; from recommender import PublishedLists\n"
        f"assert PublishedLists.open({str(tmp_path / 'out')!r}).get('t0-s0').items\n"
        "print([m for m in ('torch', 'sklearn', 'faiss', 'sentence_transformers') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


class English:
    languages = frozenset({"en"})


GERMAN = "Der Fährbetrieb im Hafen wurde am Montag eingestellt, weil die Brücke nach dem Sturm geprüft werden muss, sagte die Stadt."
ENGLISH = "The ferry service in the harbour was stopped on Monday because the bridge has to be inspected after the storm, the city said."


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(("german", "warned"), [(0, False), (4, False), (6, True), (100, True)])
def test_stories_in_an_unknown_language_are_warned_of(marked: bool, german: int, warned: bool) -> None:
    stories = [
        Article(
            id=str(n),
            title="x",
            body=GERMAN if n < german else ENGLISH,
            language=("de" if n < german else "en") if marked else None,
        )
        for n in range(100)
    ]
    message = unknown_language_warning(to_table(stories), English(), None)  # type: ignore[arg-type]
    assert bool(message) == warned
    if message:
        assert "de" in message
        assert "--model" in message


def test_a_killed_run_leaves_the_old_version_and_the_next_one_finishes(tmp_path: Path) -> None:
    """SIGKILL at ten random moments of a run that embeds, searches, writes and saves."""
    stories = [json.loads(line) for line in NEWSROOM.read_text(encoding="utf-8").splitlines()]
    many = [s | {"id": f"{s['id']}-{n}", "body": f"{n} {s['body']} {n * 7919}"} for n in range(12) for s in stories]
    old, new = dump(tmp_path / "old.jsonl", stories[:60]), dump(tmp_path / "new.jsonl", stories[:60] + many)
    out, snap = tmp_path / "out", tmp_path / "snap"
    command = [sys.executable, "-m", "recommender.cli", "precompute", str(new), "--out", str(out), "--model", "tfidf"]
    command += ["--snapshot", str(snap)]
    calm = tmp_path / "calm"
    began = time.monotonic()
    assert precompute(new, "--out", calm).returncode == 0
    whole = time.monotonic() - began
    assert precompute(old, "--out", out, "--snapshot", snap).returncode == 0
    before = PublishedLists.open(out).version
    expected = PublishedLists.open(calm).version
    rng = random.Random(0)
    for _ in range(10):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.0) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        lists = PublishedLists.open(out)
        assert lists.version in (before, expected)
        assert all(lists.get(article_id).status in ("ok", "short") for article_id in lists.ids())
        version = VersionedFolder(out, "lists").current()
        version.check()
        assert Recommender.load(snap).recommend("ferry-inquiry").items
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert PublishedLists.open(out).version == expected
    data = [VersionedFolder(place, "lists").current().folder / "lists.jsonl" for place in (out, calm)]
    assert data[0].read_bytes() == data[1].read_bytes()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [".lock"]
    assert os.listdir(out / "versions")
