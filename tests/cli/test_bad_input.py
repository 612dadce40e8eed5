"""Bad rows, files and flags, given to the command line as a newsroom would."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender import PublishedLists
from recommender.articles.article import Article, to_table
from recommender.articles.languages import unknown_language_warning
from tests.support.processes import cli

WORDS = [
    "ferry",
    "harbour",
    "crew",
    "storm",
    "bridge",
    "council",
    "vote",
    "budget",
    "school",
    "nurse",
    "strike",
    "pay",
    "mill",
    "market",
    "fire",
    "police",
    "court",
    "trial",
    "museum",
    "theft",
    "opera",
    "cup",
    "goal",
    "coach",
    "lynx",
    "forest",
    "farm",
    "fish",
    "quota",
    "tunnel",
    "rail",
    "bus",
    "bank",
    "rent",
    "flood",
]


def story(article_id: str, **fields: Any) -> dict[str, Any]:
    chance = random.Random(article_id)
    title, body = (" ".join(chance.sample(WORDS, count)) for count in (5, 30))
    return {
        "id": article_id,
        "title": title,
        "body": body,
        "published_at": f"2026-03-{chance.randint(1, 28):02}",
        **fields,
    }


def jsonl(*rows: dict[str, Any] | bytes) -> bytes:
    return b"".join((row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n" for row in rows)


def precompute(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return cli("precompute", *args, "--model", "tfidf", environment={"COLUMNS": "200"})


@dataclass(frozen=True)
class Bad:
    """What must be said of one bad row."""

    file: str
    line: int
    reason: str
    id: str | None = None


# kind of trouble -> a line of rows.jsonl and what is said of it
ROWS: dict[str, tuple[dict[str, Any] | bytes, str, str | None]] = {
    "missing id": ({"title": "Nobody knows my name"}, "missing id", None),
    "empty id": ({"id": " ", "title": "Nobody knows my name"}, "missing id", " "),
    "neither title nor body": ({"id": "bare", "lead": "Only a lead"}, "neither title nor body", "bare"),
    "bad JSON": (b'{"id": "broken", "title": "Ferry', "bad JSON: ", None),
    "no object": (b'["id", "title"]', "JSON list, expected an object", None),
}
# the same of news.csv
CELLS: dict[str, tuple[bytes, str, str | None]] = {
    "CSV missing id": (b",Nobody knows,Some text,2026-03-03", "missing id", None),
    "CSV neither title nor body": (b"csv-bare,,,2026-03-03", "neither title nor body", "csv-bare"),
    "CSV too few columns": (b"csv-short", "1 columns, expected 4 as in the header", None),
    "CSV too many columns": (b"csv-long,Ferry, fog,Some text,2026-03-03", "5 columns, expected 4 as in the", None),
    "CSV wrong encoding of an id": ("csv-é,Ferry,,".encode("latin-1"), "id is not valid UTF-8", "csv-?"),
}
# rows whose trouble costs a field, or less, and what is said of it
MENDED: list[dict[str, Any] | bytes] = [
    story("undatable", published_at="last Tuesday"),
    b'{"id": "escaped-nul", "title": "Fer\\u0000ry"}',
    story("tagged", tags=["tag"] * 100_000),
    '{"id": "latin", "title": "Café"}'.encode("latin-1"),
    b'{"id": "nul", "title": "Fer\x00ry"}',
    story("huge", body="ferry " * 3_500_000),
    story("nested", body="<div>" * 190_000 + "</div>"),
]
MENDED_CELLS = [
    b"csv-undatable,Ferry,Some text,soon",
    b"csv-nul,Fer\x00ry,Some text,",
    "csv-latin,Café,,".encode("latin-1"),
    b"csv-huge,Ferry," + b"ferry " * 3_500_000 + b",",
]
MENDED_IDS = ["undatable", "escaped-nul", "tagged", "latin", "nul", "huge", "nested"]
MENDED_IDS += ["csv-undatable", "csv-nul", "csv-latin", "csv-huge"]
SAID = [
    "2 times in published_at could not be read, and were left out (reading.date_format names their form), such as "
    "'soon'",
    "1 stories have more than 1,000 tags, and lost the others (reading.max_tags)",
    "2 texts are longer than 1,000,000 characters, and were cut there (reading.max_body_chars)",
    "1 texts hold more than 20,000 HTML tags, and were cut there",
    "2 texts are not valid UTF-8, and were read as Windows-1252, or lost halves of characters, such as 'Café'",
]
FILES = {
    "empty file": Bad("empty.jsonl", 0, "empty file"),
    "empty CSV": Bad("empty.csv", 0, "empty file"),
    "empty Parquet": Bad("empty.parquet", 0, "empty file"),
    "no Parquet": Bad("false.parquet", 1, "damaged file: "),
}
KINDS = [*ROWS, *CELLS, *FILES]


@dataclass(frozen=True)
class Run:
    """One run over a folder that holds everything bad."""

    news: Path
    out: Path
    done: subprocess.CompletedProcess[str]
    expected: dict[str, Bad]
    rejected: list[dict[str, Any]]
    good: list[str]


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Bad], list[str]]:
    news = tmp_path_factory.mktemp("news")
    expected, good = dict(FILES), ["json-start", "csv-start"]
    rows: list[dict[str, Any] | bytes] = [story("json-start")]
    for number, (kind, (row, reason, article_id)) in enumerate(ROWS.items()):
        rows += [row, story(f"json-{number}")]
        expected[kind] = Bad("rows.jsonl", len(rows) - 1, reason, article_id)
        good.append(f"json-{number}")
    (news / "rows.jsonl").write_bytes(jsonl(*rows, *MENDED))
    good += MENDED_IDS
    lines = [b"id,title,body,date", b"csv-start,Ferry aground,In fog,2026-03-03"]
    for number, (kind, (line, reason, article_id)) in enumerate(CELLS.items()):
        # letters beyond ASCII show that the file is UTF-8, and that what is not is damage
        lines += [line, f'csv-{number},Ferry {WORDS[number]},"Crew, and\tmöre",'.encode()]
        expected[kind] = Bad("news.csv", len(lines) - 1, reason, article_id)
        good.append(f"csv-{number}")
    (news / "news.csv").write_bytes(b"\n".join([*lines, *MENDED_CELLS]))
    for name in ("empty.jsonl", "empty.csv", "empty.parquet"):
        (news / name).touch()
    (news / "false.parquet").write_bytes(b"PAR1" + jsonl(story("false")))
    packed = gzip.compress(jsonl(*(story(f"cut-{number}") for number in range(300))))
    (news / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    return news, expected, good


@pytest.fixture(scope="module")
def run(bad_folder: tuple[Path, dict[str, Bad], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Run:
    news, expected, good = bad_folder
    out = tmp_path_factory.mktemp("bad") / "out"
    done = precompute(news, "--lists", out)
    assert done.returncode == 0, done.stderr
    rejected = [orjson.loads(line) for line in (out / "rejected.jsonl").read_bytes().splitlines()]
    return Run(news, out, done, expected, rejected, good)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_row_is_named_with_file_line_and_reason(run: Run, kind: str) -> None:
    bad = run.expected[kind]
    found = [row for row in run.rejected if row["file"] == str(run.news / bad.file) and row["line"] == bad.line]
    assert len(found) == 1
    assert found[0]["reason"].startswith(bad.reason)
    assert len(found[0]["reason"]) < 250
    assert found[0]["id"] == bad.id


@pytest.mark.parametrize("line", SAID)
def test_what_was_left_out_of_stories_that_are_kept_is_said(run: Run, line: str) -> None:
    assert line in run.done.stdout


def test_a_truncated_gzip_keeps_the_rows_before_the_cut(run: Run) -> None:
    found = [row for row in run.rejected if row["file"] == str(run.news / "cut.jsonl.gz")]
    kept = {article_id for article_id in PublishedLists.open(run.out).ids() if article_id.startswith("cut-")}
    assert 50 < len(kept) < 300
    assert kept == {f"cut-{number}" for number in range(len(kept))}
    assert [row["line"] for row in found] == [len(kept) + 1]
    assert found[0]["reason"].startswith("truncated file: ")


def test_nothing_else_is_rejected(run: Run) -> None:
    assert len(run.rejected) == len(KINDS) + 1


def test_every_good_row_around_is_published(run: Run) -> None:
    lists = PublishedLists.open(run.out)
    for article_id in run.good:
        assert lists.get(article_id).status in ("ok", "filled")
    assert {i for i in lists.ids() if not i.startswith("cut-")} == set(run.good)


def test_bad_rows_are_unknown(run: Run) -> None:
    lists = PublishedLists.open(run.out)
    named = [bad.id for bad in run.expected.values() if bad.id]
    for article_id in [*named, "", "broken", "csv-short", "csv-é", "false"]:
        assert lists.get(article_id).status == "unknown"


def test_counts_are_printed(run: Run) -> None:
    stories = len(list(PublishedLists.open(run.out).ids()))
    assert re.search(rf"^ *rejected rows +{len(run.rejected)}, see .*rejected.jsonl$", run.done.stdout, re.MULTILINE)
    assert re.search(rf"^ *stories +{stories}$", run.done.stdout, re.MULTILINE)
    assert run.done.stderr == ""


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refusal prints."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.rstrip("\n")


def untouched(out: Path) -> bool:
    return not any((out / name).exists() for name in ("CURRENT", "rejected.jsonl", "versions"))


def test_strict_stops_at_the_first_bad_row(bad_folder: tuple[Path, dict[str, Bad], list[str]], tmp_path: Path) -> None:
    path = bad_folder[0] / "rows.jsonl"
    message = refused(precompute(path, "--lists", tmp_path / "out", "--strict"))
    assert message == f"error: {path}, line 2: missing id"
    assert untouched(tmp_path / "out")


@pytest.mark.parametrize(("name", "reason"), [("empty.csv", "line 0: empty file"), ("cut.jsonl.gz", "truncated file")])
def test_strict_stops_at_a_bad_file(
    bad_folder: tuple[Path, dict[str, Bad], list[str]], tmp_path: Path, name: str, reason: str
) -> None:
    path = bad_folder[0] / name
    message = refused(precompute(path, "--lists", tmp_path / "out", "--strict"))
    assert message.startswith(f"error: {path}, line ")
    assert reason in message
    assert untouched(tmp_path / "out")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "no such file"),
        (
            ["--column", "title=nosuch"],
            "no column 'nosuch' (mapped to title) in the input; found body, id, published_at, title",
        ),
        (
            ["--column", "nosuchfield=title"],
            "unknown field 'nosuchfield' in a column mapping; expected one of id, title",
        ),
        (["--column", "title"], "--column 'title' has no NAME=VALUE form"),
    ],
    ids=["missing file", "unknown column", "unknown field", "no mapping"],
)
def test_a_wrong_call_is_refused_before_any_work(tmp_path: Path, flags: list[str], message: str) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(jsonl(*(story(str(number)) for number in range(20))))
    # a good file first: nothing of it may be worked on
    sources = [path] if flags else [path, tmp_path / "nosuch.jsonl"]
    assert message in refused(precompute(*sources, "--lists", tmp_path / "out", *flags))
    assert untouched(tmp_path / "out")


@pytest.mark.parametrize("place", ["taken", "taken/out"])
def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "news.jsonl"
    path.write_bytes(jsonl(story("1"), b"bad row"))
    message = refused(precompute(path, "--lists", tmp_path / place))
    assert message.startswith(f"error: cannot write to {tmp_path / place}: ")
    assert (tmp_path / "taken").read_text() == "a file"


def test_only_bad_rows_are_refused_with_their_reasons(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(b"broken\n{}\n")
    assert "no usable story among 2 rows" in refused(precompute(path, "--lists", tmp_path / "out"))
    assert (tmp_path / "out" / "rejected.jsonl").read_bytes().count(b"\n") == 2
    assert not (tmp_path / "out" / "CURRENT").exists()


def test_stories_that_vanish(tmp_path: Path) -> None:
    path, out = tmp_path / "news.jsonl", tmp_path / "out"

    def publish(count: int, *flags: str) -> subprocess.CompletedProcess[str]:
        path.write_bytes(jsonl(*(story(f"s{number:03}") for number in range(count))))
        return precompute(path, "--lists", out, *flags)

    def vanished(done: subprocess.CompletedProcess[str]) -> int:
        assert done.returncode == 0, done.stderr
        found = re.search(r"^ *vanished +(\d+) ", done.stdout, re.MULTILINE)
        return int(found[1]) if found else 0

    assert vanished(publish(100)) == 0
    before = PublishedLists.open(out)

    message = refused(publish(90))
    assert "10 of 100 stories of the last version are missing (10.0%, such as 's090')" in message
    assert "--allow-shrink" in message
    lists = PublishedLists.open(out)
    assert lists.version == before.version
    assert len(list(lists.ids())) == 100
    assert lists.get("s099").items

    assert vanished(publish(97)) == 3
    lists = PublishedLists.open(out)
    assert len(list(lists.ids())) == 97
    assert lists.get("s099").status == "unknown"

    assert vanished(publish(80, "--allow-shrink")) == 17
    assert len(list(PublishedLists.open(out).ids())) == 80


ENGLISH = (
    "The ferry ran aground in thick fog off the point early on Tuesday morning, and the crew of nine waited for "
    "hours until the lifeboat from the harbour reached them, the coastguard said."
)
GERMAN = (
    "Die Fähre lief am frühen Dienstagmorgen in dichtem Nebel vor der Landspitze auf Grund, und die neun Mann der "
    "Besatzung warteten stundenlang, bis das Rettungsboot aus dem Hafen sie erreichte, teilte die Küstenwache mit."
)


def language_warning(
    german: int, english: int, named: bool, site: str | None = None, known: frozenset[str] | None = frozenset({"en"})
) -> str | None:
    texts = [("de-AT", GERMAN)] * german + [("en_GB", ENGLISH)] * english
    stories = [
        Article(id=str(number), title=text[:30], body=f"{text} {number}", language=language if named else None)
        for number, (language, text) in enumerate(texts)
    ]
    return unknown_language_warning(to_table(stories), known, site)


@pytest.mark.parametrize("named", [True, False], ids=["named", "detected"])
def test_stories_in_an_unknown_language_are_told_with_a_remedy(named: bool) -> None:
    message = language_warning(40, 0, named)
    assert message is not None
    assert message.startswith("100% of the stories")
    assert "(de)" in message
    assert "--model paraphrase-multilingual-MiniLM-L12-v2" in message
    assert "use words only" in message
    assert "\n" not in message


@pytest.mark.parametrize("named", [True, False], ids=["named", "detected"])
@pytest.mark.parametrize(("german", "english", "told"), [(0, 50, False), (4, 96, False), (5, 95, False), (6, 94, True)])
def test_up_to_a_twentieth_may_be_unknown(german: int, english: int, told: bool, named: bool) -> None:
    assert (language_warning(german, english, named) is not None) is told


def test_the_sites_language_stands_in_for_a_missing_one() -> None:
    assert language_warning(0, 20, named=False, site="de")
    assert language_warning(20, 0, named=False, site="en") is None


def test_a_model_for_any_language_needs_no_warning() -> None:
    assert language_warning(20, 0, named=True, known=None) is None
    assert language_warning(20, 0, named=True, known=frozenset({"de"})) is None
    assert language_warning(0, 0, named=True) is None


def test_headlines_alone_tell_the_language_of_an_archive() -> None:
    stories = to_table([Article(id=str(number), title="Fähre auf Grund") for number in range(20)])
    assert unknown_language_warning(stories, frozenset({"en"}), None) is not None
    assert unknown_language_warning(stories, frozenset({"de"}), None) is None
