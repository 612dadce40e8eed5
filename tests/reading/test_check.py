"""What `check` says of an input, in Python and on the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from recommender.cli.app import app
from recommender.reading.check import FIELDS, check
from recommender.settings import ReadingSettings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROWS = [
    {
        "id": "a",
        "title": "Ferry aground",
        "body": "Same words.",
        "published_at": "2026-03-01T10:00:00Z",
        "section": "local",
    },
    {"id": "b", "title": "Another headline", "body": "Same words.", "published_at": "2026-03-01", "language": "de"},
    {"id": "c", "title": "A draft", "status": "draft"},
    {"id": "d"},
    {"title": "No id"},
    {"id": "e", "title": "Odd date", "published_at": "soon", "links": ["a", "nowhere"], "tags": ["sea"]},
    {
        "id": "a",
        "title": "Ferry refloated",
        "body": "Same words.",
        "updated_at": "2026-03-02T10:00:00Z",
        "section": "local",
    },
]


def test_counts_add_up_and_fields_are_told() -> None:
    found, report = check(ROWS, now=NOW)
    assert found.rows == 7 == found.stories + found.rejected + found.superseded + found.unpublished
    assert (found.stories, found.rejected, found.superseded, found.unpublished) == (3, 2, 1, 1)
    assert sum(found.reasons.values()) == 3
    assert found.reasons["status draft"] == 1
    assert len(report.rejected) == 2
    assert tuple(found.filled) == FIELDS
    assert found.filled["title"] == 1
    assert found.filled["body"] == pytest.approx(2 / 3, abs=1e-4)
    assert found.filled["section"] == pytest.approx(1 / 3, abs=1e-4)
    assert found.filled["tags"] == found.filled["links"] == pytest.approx(1 / 3, abs=1e-4)
    assert found.oldest == found.newest == datetime(2026, 3, 1, tzinfo=UTC)
    assert found.without_clock == 1
    assert (found.copies, found.links, found.unresolved_links) == (1, 1, 1)
    assert found.sections == {"local": 1}
    assert any("'soon'" in line for line in found.findings)


def test_boilerplate_is_told() -> None:
    cookies = "We use cookies to make the site better."
    news = [{"id": at, "title": f"Ferry {at}", "body": f"{cookies} Boat {at} ran aground."} for at in range(9)]
    news.append({"id": 9, "title": "Mayor", "body": "LONDON (Agency) - The mayor resigned on Monday."})
    found, report = check(news, now=NOW)
    assert [(one.text, one.stories) for one in found.boilerplate] == [(cookies, 9)]
    assert found.by_form == 1
    assert report.boilerplate == found.boilerplate
    assert list(found.to_dict()["boilerplate"]) == [{"text": cookies, "outlet": None, "stories": 9}]
    kept, _ = check(news, now=NOW, settings=ReadingSettings(drop_boilerplate=False))
    assert (kept.boilerplate, kept.by_form) == ((), 0)


def test_nothing_at_all() -> None:
    found, _ = check([], now=NOW)
    assert (found.rows, found.stories, found.newest, found.languages) == (0, 0, None, {})


def test_a_default_counts_as_nothing_given() -> None:
    rows = [{"id": "a", "title": "Ferry"}, {"id": "b", "title": "Fog", "kind": "opinion", "access": "paid"}]
    found, _ = check(rows, now=NOW)
    assert (found.filled["kind"], found.filled["access"]) == (0.5, 0.5)
    assert found.kinds == {"news": 1, "opinion": 1}


def test_the_command_prints_and_publishes_nothing(tmp_path: Path) -> None:
    articles = tmp_path / "stories.jsonl"
    articles.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    before = sorted(tmp_path.iterdir())
    found = CliRunner().invoke(app, ["check", str(articles)])
    assert found.exit_code == 0
    for said in ("stories  3", "because  1 status draft", "not published  1", "section    33%"):
        assert said in found.stdout
    assert "kind     0%    (other than 'news', which is also the default)" in found.stdout
    assert "language    33%  ██████████  (of the others it is detected from the text)" in found.stdout
    assert sorted(tmp_path.iterdir()) == before
    rejected = tmp_path / "rejected.jsonl"
    told = orjson.loads(CliRunner().invoke(app, ["check", str(articles), "--json", "--rejected", str(rejected)]).stdout)
    assert told["stories"] == 3
    assert told["newest"] == "2026-03-01T00:00:00+00:00"
    assert len(rejected.read_bytes().splitlines()) == 2


def test_an_input_without_a_story_is_a_failure(tmp_path: Path) -> None:
    articles = tmp_path / "stories.jsonl"
    articles.write_bytes(b"{}\n")
    found = CliRunner().invoke(app, ["check", str(articles)])
    assert found.exit_code == 2
    assert "stories  0" in found.stdout
    assert "body     0%" not in found.stdout


def test_a_file_whose_id_is_not_known_ends_with_the_command_to_copy(tmp_path: Path) -> None:
    articles = tmp_path / "my stories.csv"
    articles.write_text("Sach ID,headline\n1,Ferry aground\n")
    found = CliRunner().invoke(app, ["check", str(articles)])
    assert found.exit_code == 2
    assert found.stdout.splitlines()[-1] == f"recommender check '{articles}' --column 'id=Sach ID'"


def test_the_command_to_copy_keeps_the_options_that_were_given(tmp_path: Path) -> None:
    articles = tmp_path / "stories.csv"
    articles.write_text("Sach ID,kop\n1,Ferry aground\n")
    options = ["--column", "title=kop", "--input-format", "csv", "--set", "reading.day_first=true"]
    last = CliRunner().invoke(app, ["check", str(articles), *options]).stdout.splitlines()[-1]
    assert last == f"recommender check {articles} {' '.join(options)} --column 'id=Sach ID'"
    database = f"sqlite:///{tmp_path}/news.db"
    with closing(sqlite3.connect(tmp_path / "news.db")) as connection:
        connection.execute("CREATE TABLE beitrag AS SELECT 7 AS sach_nr, 'Ferry' AS title")
        connection.commit()
    last = CliRunner().invoke(app, ["check", database, "--query", "beitrag"]).stdout.splitlines()[-1]
    assert last == f"recommender check {database} --query beitrag --column id=sach_nr"


def test_columns_that_are_not_read_are_told_and_times_in_them_too(tmp_path: Path) -> None:
    rows = "".join(f"{day},Ferry,Hafen,online,{day}.11.2025 10:00\n" for day in range(10, 20))
    (tmp_path / "a.csv").write_text("id,title,Umfang,status,Gedruckt am\n" + rows)
    told = CliRunner().invoke(app, ["check", str(tmp_path / "a.csv")]).stdout
    assert "not read  the columns Umfang, Gedruckt am; --column FIELD=COLUMN reads one" in told
    found, report = check(tmp_path / "a.csv", now=NOW)
    assert found.unused == ("Umfang", "Gedruckt am")
    assert (
        found.findings
        == report.findings(NOW)
        == (
            "10 stories have no date, but times in the column 'Gedruckt am': --column 'published_at=Gedruckt am' reads "
            "it, such as 10.11.2025 10:00",
        )
    )
    found, _ = check(tmp_path / "a.csv", now=NOW, columns={"published_at": "Gedruckt am"})
    assert (found.unused, found.findings, found.filled["published_at"]) == (("Umfang",), (), 1)


def test_numbers_and_few_times_are_no_dates_that_are_not_read() -> None:
    rows = [{"id": day, "title": "Ferry", "number": 1_700_000_000 + day, "code": f"17000000{day}"} for day in range(20)]
    rows[0]["seen"] = "2025-11-27"
    assert check(rows, now=NOW)[0].findings == ()


def test_dates_in_the_future_are_told() -> None:
    rows = [{"id": day, "title": "Ferry", "date": f"2026-03-0{day}"} for day in range(1, 6)]
    assert (
        check(rows, now=NOW)[0]
        .findings[0]
        .startswith("2 stories are dated more than a day in the future, the latest on 2026-03-05")
    )


def test_a_language_that_the_model_does_not_know_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "title": "Fähre auf Grund", "language": "de"}\n')
    said = "100% of the stories are in a language that the model does not know (de)"
    assert said in CliRunner().invoke(app, ["check", str(tmp_path / "a.jsonl")]).stdout
    other = ["--set", "embedding.model=tfidf"]
    assert said not in CliRunner().invoke(app, ["check", str(tmp_path / "a.jsonl"), *other]).stdout


def test_few_dates_are_told(tmp_path: Path) -> None:
    articles = tmp_path / "stories.jsonl"
    undated = "".join(f'{{"id": {number}, "title": "Ferry {number}"}}\n' for number in range(2))
    articles.write_text('{"id": "dated", "title": "Harbour", "date": "2026-03-01"}\n' + undated)
    told = CliRunner().invoke(app, ["check", str(articles)]).stdout
    assert "33% of the stories carry a date, fewer than half: time does not count" in told


def test_languages_are_told_story_by_story_where_there_are_several() -> None:
    german = "Der Stadtrat hat am Dienstag nach langer Debatte den Haushalt für das kommende Jahr mit großer Mehrheit "
    english = "The city council has passed the budget for the coming year after a long debate by a large majority on "
    texts = [f"{german} beschlossen, und die Bürger sind zufrieden.", f"{english} Tuesday, and people are content."]
    found, _ = check([{"id": at, "title": f"{at}", "body": texts[at % 2]} for at in range(30)], now=NOW)
    assert found.languages == {"de": 15, "en": 15}


def test_counts_add_up_whatever_the_files_hold(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": 1, "title": "Ferry"}\n{"id": 1, "title": "Ferry again"}\n{"id": 2, "title": "Storm", '
        '"status": "draft"}\n'
        '{"title": "No id"}\n{"id": 3}\n{broken\n\n'
    )
    (tmp_path / "b.jsonl").write_text("")
    (tmp_path / "c.csv").write_text("id,title\n4,Fog\n5\n,,\n")
    found, report = check(tmp_path, now=datetime.now(UTC))
    assert (found.stories, found.superseded, found.unpublished, found.rejected) == (2, 1, 1, 5)
    assert found.rows == found.stories + found.superseded + found.unpublished + found.rejected
    assert sum(found.reasons.values()) == found.rejected + found.unpublished
    assert len(report.rejected) == found.rejected
