"""The command line from outside: every process here is a real one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from recommender import PublishedLists, Recommender
from recommender.ranking.ranker import Ranker
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
        (["https://courier.example/feed"], ["is an address, and nothing is fetched", "downloaded"]),
        (["{good}", "--column", "title=nosuch"], ["no column 'nosuch'", "found body, date, id, title"]),
        (["{good}", "--column", "nosuch=title"], ["unknown field 'nosuch'", "expected one of id, title"]),
        (["{good}", "--column", "titel=title"], ["unknown field 'titel' in a column mapping; did you mean 'title'?"]),
        (["sqlite:///news.db"], ["sqlite:///news.db is a database: --query names the table"]),
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
    done = precompute(*(a.format(tmp=tmp_path, good=good) for a in arguments), "--lists", out)
    refused(done, *words)
    assert not (out / "CURRENT").exists()
    assert not (out / "rejected.jsonl").exists()


def test_show_info_withdraw_restore_and_roll_back(tmp_path: Path) -> None:
    out, snap = tmp_path / "out", tmp_path / "snap"
    (tmp_path / "s.toml").write_text("[selection]\nk = 4\n")
    assert precompute(NEWSROOM, "--lists", out, "--archive", snap, "--settings", tmp_path / "s.toml").returncode == 0
    shown = cli("recommend", "ferry-inquiry", "--lists", out)
    assert "Read next after Safety board opens inquiry into Marisol grounding  ferry-inquiry" in shown.stdout
    assert "local" in shown.stdout
    assert "both on:" in shown.stdout
    for place in (("--lists", out), ("--archive", snap)):
        found = json.loads(cli("recommend", "ferry-inquiry", *place, "--json").stdout)
        assert len(found["items"]) == 4
        assert found["items"][0]["rank"] == 1
        assert found["items"][0]["published_at"].endswith("Z")
    first = found["items"][0]["article_id"]
    assert "withdrawn: 1" in cli("withdraw", first, "--lists", out).stdout
    assert first not in cli("recommend", "ferry-inquiry", "--lists", out, "--json").stdout
    assert "restored: 1" in cli("restore", first, "--lists", out).stdout
    info = cli("info", "--lists", out).stdout
    assert "stories  110" in info
    assert "selection.k = 4" in info
    assert "files match their checksums" in cli("info", "--archive", snap, "--check").stdout
    assert precompute(NEWSROOM, "--lists", out).returncode == 0
    assert "current version: 000001" in cli("rollback", "--lists", out).stdout
    refused(cli("recommend", "no-such", "--lists", out), "no article with id 'no-such'")
    refused(cli("recommend", "t0-s0", "--lists", tmp_path / "nowhere"), "nowhere: there is no such folder")
    refused(cli("info", "--lists", tmp_path / "nothing"), "no published lists in")
    refused(cli("recommend", "x", "--lists", tmp_path / "nothing"), "no published lists in")


def test_what_orders_the_lists_is_told(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    shipped, own = Ranker.default("lexical"), replace(Ranker.default("lexical"), name="our own")
    own.save(tmp_path / "own.json")
    for number, (wanted, ranker) in enumerate((("auto", shipped), (tmp_path / "own.json", own), ("none", None))):
        lists, archive = tmp_path / f"lists{number}", tmp_path / f"archive{number}"
        done = precompute(stories, "--lists", lists, "--archive", archive, "--ranker", wanted)
        assert f"ranker  {ranker.name if ranker else 'none'}\n" in done.stdout
        for place in (("--lists", lists), ("--archive", archive)):
            told = cli("info", *place).stdout
            assert (f"ranking.ranker = {wanted}" in told) == (wanted != "auto")
            assert f"ranker  {ranker.name} ({ranker.sha256[:12]})" in told if ranker else "ranker  none" in told
    done = cli("refresh", stories, "--lists", lists, "--archive", archive, "--ranker", tmp_path / "own.json")
    assert "note  the ranker was none and is our own (" in done.stdout
    assert "ranker  our own (" in cli("info", "--archive", archive).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ranker", "{tmp}/none.json"], ["cannot read the ranker", "none.json"]),
        (["--ranker", "{tmp}/good.jsonl"], ["good.jsonl is no ranker", "`recommender learn` wrote"]),
        (["--set", "ranking.half_life_days=30"], ["half_life_days", "ranking.ranker = 'none'"]),
        (["--set", "ranking.half_life_days=none"], ["half_life_days", "ranking.ranker = 'none'"]),
    ],
)
def test_an_order_that_cannot_be_is_refused(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(GOOD % (1, 1))
    refused(precompute(good, "--lists", tmp_path / "out", *(a.format(tmp=tmp_path) for a in arguments)), *words)
    assert not (tmp_path / "out" / "CURRENT").exists()


def test_the_word_none_is_no_value(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    (tmp_path / "s.toml").write_text('[retrieval]\nwindow_days = "none"\n[ranking]\nranker = "none"\n')
    more = (
        "--settings",
        tmp_path / "s.toml",
        "--set",
        "ranking.half_life_days=none",
        "--set",
        "selection.related_at=none",
    )
    assert precompute(stories, "--lists", tmp_path / "out", *more).returncode == 0
    told = cli("info", "--lists", tmp_path / "out", "--all").stdout
    for said in (
        "retrieval.window_days = None",
        "ranking.half_life_days = None",
        "selection.related_at = None",
        "ranking.ranker = none",
    ):
        assert said in told


def test_version_and_help() -> None:
    assert cold("--version").stdout.startswith("recommender ")
    text = cold("precompute", "--help").stdout
    for option in ("--lists", "--settings", "--column", "--strict", "--allow-shrink", "--archive"):
        assert option in text


def test_an_unknown_id_is_told_when_editors_act(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert precompute(dump(tmp_path / "a.jsonl", checkerboard()), "--lists", out).returncode == 0
    known = cli("withdraw", "t0-s1", "--lists", out)
    assert (known.returncode, known.stderr) == (0, "")
    for act in (["block", "t0-s22"], ["withhold", "t0-s33"], ["pin", "t0-s44", "--story", "t0-s0"]):
        meant = act[1][:-1]
        refused(cli(*act, "--lists", out), f"no story has the id {act[1]!r}; did you mean {meant!r}?", "--unknown-too")
        assert cli(*act, "--lists", out, "--unknown-too").stdout.partition(": ")[2].startswith("1")
    told = cli("restore", "t0-s12", "--lists", out)
    assert (told.stdout, told.stderr) == (
        "restored: 0; 1 as before\n",
        "warning: no story has the id 't0-s12'; did you mean 't0-s2'?\n",
    )


def test_what_is_done_on_the_command_line_stands_in_the_journal(
    places: tuple[Path, Path],
) -> None:
    for flag, place in zip(("--lists", "--archive"), places, strict=True):
        cli("withdraw", "t0-s0", "t0-s1", flag, place, "--by", "legal", "--why", "court order")
        cli("withdraw", "t0-s0", flag, place)  # changes nothing, so nothing is told
        cli("boost", "section1", "--factor", 3, flag, place)
        told = [json.loads(line) for line in (place / "journal.jsonl").read_text().splitlines()[-3:]]
        assert [(one["who"], one["what"], one["item"], one["why"]) for one in told[:2]] == [
            ("legal", "withdraw", "t0-s0", "court order"),
            ("legal", "withdraw", "t0-s1", "court order"),
        ]
        assert (told[2]["what"], told[2]["factor"], told[2]["token"]) == ("boost", 3.0, "command line")
        assert told[2]["who"]
        listed = cli("journal", flag, place, "--count", 2).stdout.splitlines()
        assert [line.split()[0] for line in listed] == [told[2]["id"], told[1]["id"]]
        assert listed[0].endswith("boost section1 ×3")
        assert "boosted  1" in cli("info", flag, place).stdout
        assert cli("undo", told[0]["id"], flag, place, "-q").stdout == (
            "undone: t0-s0 is not withdrawn any more: it may appear in lists again\n"
        )
        assert "withdrawn  1" in cli("info", flag, place).stdout
        refused(cli("undo", "nothing", flag, place), "no such act")
        refused(cli("boost", "sektion1", "--factor", 3, flag, place), "did you mean 'section1'?")
        assert cli("restore", "t0-s1", flag, place).returncode == 0
        assert cli("unboost", "section1", flag, place).stdout == "unboosted: 1\n"


def test_a_mistyped_takedown_is_refused_and_one_of_a_story_to_come_is_remembered(places: tuple[Path, Path]) -> None:
    for flag, place in zip(("--lists", "--archive"), places, strict=True):
        refused(cli("withdraw", "t0-s0", "t0-s00", flag, place), "has the id 't0-s00'", "--unknown-too")
        assert "withdrawn  0" in cli("info", flag, place).stdout
        assert cli("withdraw", "t0-s0", "t0-s00", "--unknown-too", flag, place).stdout == "withdrawn: 2\n"
        assert cli("restore", "t0-s0", "t0-s00", flag, place).returncode == 0


def test_a_list_is_shown_under_its_headline_and_as_long_as_there_are_reserves(places: tuple[Path, Path]) -> None:
    lists = places[0]
    title = PublishedLists.open(lists).get("t0-s0").story.title  # type: ignore[union-attr]
    assert cli("recommend", "t0-s0", "--lists", lists).stdout.startswith(f"Read next after {title}  t0-s0")
    more = cli("recommend", "t0-s0", "--lists", lists, "--k", 9)
    assert "  9  " in more.stdout
    assert more.stderr == ""
    beyond = cli("recommend", "t0-s0", "--lists", lists, "--k", 90)
    assert "90 items were requested, 10 were published; more needs --archive" in beyond.stderr


def test_what_is_known_is_shown_before_an_unknown_id_is_refused(places: tuple[Path, Path]) -> None:
    for flag, place in zip(("--lists", "--archive"), places, strict=True):
        told = cli("recommend", "t0-s00", "t0-s0", "--json", flag, place)
        assert json.loads(told.stdout)["article_id"] == "t0-s0"
        refused(told, "no article with id 't0-s00'", "did you mean 't0-s0'?")
        assert "did you mean" not in cli("recommend", "1009", flag, place).stderr  # numbers alike say nothing


def test_a_mistyped_setting_is_asked_after(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    told = cli("precompute", stories, "--lists", tmp_path / "out", "--set", "selection.reservs=3")
    refused(told, "did you mean 'reserves'?")
    told = cli("precompute", stories, "--lists", tmp_path / "out", "--set", "selecton.k=3")
    refused(told, "did you mean 'selection.k'?")


def test_an_empty_list_says_why(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    short = ("--set", "selection.related_at=0.99", "--set", "selection.fill=[]", "--allow-worse")
    done = precompute(stories, "--lists", tmp_path / "out", *short)
    assert done.returncode == 0
    assert "24 (0 all related, 24 empty)" in done.stdout
    assert "no story may be shown here" in cli("recommend", "t0-s0", "--lists", tmp_path / "out").stdout
    assert "empty lists  most candidates left out: 24 by unrelated (" in done.stdout


def test_the_summary_names_the_rules_that_leave_lists_empty(tmp_path: Path) -> None:
    story = {"title": "Ferry leaves the harbour", "body": "The ferry leaves the harbour with its captain at nine."}
    rows = [{"id": str(n), "published_at": f"2026-11-20T{n % 24:02}:00:00Z", **story} for n in range(60)]
    stories = dump(tmp_path / "a.jsonl", rows)
    done = precompute(stories, "--lists", tmp_path / "out", "--archive", tmp_path / "snap")
    assert "60 (0 all related, 60 empty)" in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if "empty lists  " in line)
    assert "most candidates left out of 50 looked at: 50 by copy (" in line
    again = cli("refresh", stories, "--lists", tmp_path / "out", "--archive", tmp_path / "snap", "--json")
    assert json.loads(again.stdout)["empty_because"] == {"copy": 50}
    alone = precompute(dump(tmp_path / "b.jsonl", rows[:1]), "--lists", tmp_path / "b")
    assert "1 without a candidate" in alone.stdout


def test_a_killed_run_leaves_the_old_version_and_the_next_one_finishes(tmp_path: Path) -> None:
    """SIGKILL at ten random moments of a run that embeds, searches, writes and saves."""
    stories = [json.loads(line) for line in NEWSROOM.read_text(encoding="utf-8").splitlines()]
    many = [s | {"id": f"{s['id']}-{n}", "body": f"{n} {s['body']} {n * 7919}"} for n in range(2) for s in stories]
    old, new = dump(tmp_path / "old.jsonl", stories[:60]), dump(tmp_path / "new.jsonl", stories[:60] + many)
    out, snap = tmp_path / "out", tmp_path / "snap"
    job = ["precompute", new, "--lists", out, "--model", "tfidf", "--archive", snap]
    assert precompute(old, "--lists", out, "--archive", snap).returncode == 0
    before = PublishedLists.open(out).version
    calm = tmp_path / "calm"
    began = time.monotonic()  # the run before it has compiled what was not yet
    assert precompute(new, "--lists", calm).returncode == 0
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
        assert {lists.get(article_id).status for article_id in lists.ids()} <= {"ok", "filled"}
        version = VersionedFolder(out, "lists").current()
        version.check()
        assert Recommender.load(snap).recommend("mill-vote").status in ("ok", "filled")
    assert cli(*job).returncode == 0
    assert PublishedLists.open(out).version == expected
    data = [VersionedFolder(place, "lists").current().folder / "lists.jsonl" for place in (out, calm)]
    assert data[0].read_bytes() == data[1].read_bytes()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [".lock"]
    assert os.listdir(out / "versions")


@pytest.mark.parametrize("option", ["--archive", "--rejected"])
def test_other_places_that_cannot_be_written_are_refused_before_any_work(option: str, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(GOOD % (1, 1))
    refused(precompute(good, "--lists", tmp_path / "out", option, good / "x" / "y"), "cannot write to")
    assert not (tmp_path / "out" / "CURRENT").exists()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Published lists and the saved archive of one run."""
    root = tmp_path_factory.mktemp("places")
    stories = dump(root / "a.jsonl", checkerboard())
    done = precompute(stories, "--lists", root / "lists", "--archive", root / "archive")
    assert done.returncode == 0, done.stderr
    return root / "lists", root / "archive"


ONE_OF = ["recommend", "withdraw", "restore", "withhold", "release", "block", "unblock", "info"]


@pytest.mark.parametrize("command", ONE_OF)
def test_one_place_is_named_no_more_and_no_fewer(command: str, places: tuple[Path, Path]) -> None:
    lists, archive = places
    ids = [] if command == "info" else ["t0-s0"]
    refused(cli(command, *ids), "got neither --lists nor --archive", "add --lists DIR or --archive DIR")
    both = cli(command, *ids, "--lists", lists, "--archive", archive)
    refused(both, f"got --lists {lists} and --archive {archive}", "leave one out")
    refused(cli(command, *ids, "--lists", archive), f"{archive} holds a saved archive, expected published lists")
    refused(cli(command, *ids, "--archive", lists), f"{lists} holds published lists, expected a saved archive")
    refused(cli(command, *ids, "--archive", lists / "none"), "no saved archive in")
    told = cli(command, *ids, "--archive", "postgresql://press:secret@db.example/news")
    refused(told, "got --archive postgresql://press:***@db.example/news, expected a folder")


@pytest.mark.parametrize(
    ("command", "undo", "done"),
    [
        ("withdraw", "restore", ("withdrawn", "restored")),
        ("withhold", "release", ("withheld", "released")),
        ("block", "unblock", ("blocked", "unblocked")),
    ],
)
@pytest.mark.parametrize("flag", ["--lists", "--archive"])
def test_what_editors_decide_can_be_undone(
    command: str, undo: str, done: tuple[str, str], flag: str, places: tuple[Path, Path]
) -> None:
    place = places[flag == "--archive"]
    under = ["--story", "t0-s1"] if command == "block" else []
    assert cli(command, "t0-s0", "t1-s0", flag, place, *under).stdout == f"{done[0]}: 2\n"
    assert f"{done[0]}  2" in cli("info", flag, place).stdout
    assert cli(undo, "t0-s0", "t1-s0", flag, place, *under).stdout == f"{done[1]}: 2\n"
    assert f"{done[0]}  0" in cli("info", flag, place).stdout


def test_nothing_is_purged_where_one_place_is_mistaken(places: tuple[Path, Path]) -> None:
    lists, archive = places
    refused(cli("purge", "t0-s0"), "got no place to purge")
    told = cli("purge", "t0-s0", "--lists", lists, "--lists", archive)
    refused(told, f"--lists {archive} holds a saved archive", "name it with --archive")
    told = cli("purge", "t0-s0", "--archive", archive, "--archive", lists)
    refused(told, f"--archive {lists} holds published lists", "name it with --lists")
    for place in (("--lists", lists), ("--archive", archive)):
        assert cli("recommend", "t0-s0", *place).returncode == 0
    told = cli("purge", "t0-s99", "--lists", lists)
    assert told.returncode == 0
    assert "warning: no story of the current version has the id 't0-s99'" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["precompute", "x.jsonl", "--out", "y"], "--out"),
        (["precompute", "x.jsonl", "--lists", "y", "--snapshot", "z"], "--snapshot"),
        (["recommend", "x", "--from", "y"], "--from"),
        (["withdraw", "x", "--from", "y"], "--from"),
        (["rules", "x.toml", "--at", "y"], "--at"),
        (["rollback", "--lists", "y", "--to", "000001"], "--to"),
        (["tune", "--on", "sample", "--out", "y"], "--out"),
    ],
)
def test_an_option_of_before_is_unknown(arguments: list[str], option: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert f"No such option: {option}" in done.stderr


def test_a_version_is_returned_to_by_its_name(tmp_path: Path) -> None:
    stories = dump(tmp_path / "a.jsonl", checkerboard())
    for k in (1, 2, 3):
        assert precompute(stories, "--lists", tmp_path / "lists", "--k", k).returncode == 0
    assert "current version: 000001" in cli("rollback", "--lists", tmp_path / "lists", "--version", "000001").stdout
    refused(cli("rollback", "--lists", tmp_path / "lists", "--version", "000009"), "no version 000009", "kept are")
