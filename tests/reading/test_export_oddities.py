"""What is odd about a row is mended or dropped and told: it costs no row, one by one and in blocks alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender.reading.formats.encodings import detect_encoding
from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings


def read(**values: Any) -> tuple[dict[str, Any], list[str]]:
    """Read a story with some values by itself, and many of it as a block, which must give the same."""
    row = {"id": "a", "title": "Ferry aground", **values}
    table, report = read_articles([row])
    many, reports = read_articles([{**row, "id": str(number)} for number in range(40)])
    found, *others = table.drop_columns("id").to_pylist() + many.drop_columns("id").to_pylist()
    assert others == [found] * 40
    assert reports.notes.counts == {what: 40 * count for what, count in report.notes.counts.items()}
    return found, list(report.notes.counts)


@pytest.mark.parametrize(
    ("values", "section", "tags"),
    [
        ({"section": ["Local", "Sea"]}, "Local", ["Sea"]),
        ({"sections": [{"name": "Local", "id": 4}, {"name": "Sea"}], "tags": ["fog"]}, "Local", ["fog", "Sea"]),
        ({"categories": ["Local", "Sea", 7]}, "Local", ["Sea"]),
        ({"section": "['Local', 'Sea']"}, "Local", ["Sea"]),
        ({"section": [], "tags": ["fog"]}, None, ["fog"]),
        ({"Dachzeile": "Hafen", "section": "Lokales"}, "Lokales", ["Hafen"]),
        ({"kicker": "Opinion", "tags": "fog; sea"}, None, ["fog", "sea", "Opinion"]),
    ],
)
def test_further_sections_and_words_above_headlines_are_tags(values: Any, section: str | None, tags: list[str]) -> None:
    found, notes = read(**values)
    assert (found["section"], found["tags"], notes) == (section, tags, [])


def test_leads_that_repeat_the_title_are_told_apart_from_those_that_are_cut() -> None:
    assert read(lead="Ferry aground")[1] == ["leads repeat the title, and were left out"]
    cut = read(lead="It ran […]", body="It ran aground in fog.")[1]
    assert cut == ["leads are the beginning of the body, cut by a machine, and were left out"]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (b'{"id": 1, "title": "Ferry\taground"}', "Ferry aground"),
        (b'{"id": 1, "title": "Ferry \\ud83d aground"}', "Ferry aground"),
        ('{"id": 1, "title": "F\xe4hre"}'.encode("latin-1"), "F\xe4hre"),
        (b'{"id": 1, "title": "Fer\x00ry"}', "Ferry"),
    ],
)
@pytest.mark.parametrize("indented", [False, True])
def test_a_text_with_what_json_forbids_costs_no_row(tmp_path: Path, line: bytes, title: str, indented: bool) -> None:
    path = tmp_path / "a.json"
    other = orjson.dumps({"id": 2, "title": "Frühling, größer, später"})
    path.write_bytes(b"[\n" + line + b",\n" + other + b"\n]\n" if indented else line + b"\n" + other + b"\n")
    table, report = read_articles(path)
    assert (" ".join(table["title"][0].as_py().split()), report.rejected) == (title, [])


def test_an_id_of_16_bytes_is_a_uuid() -> None:
    table, _ = read_articles([{"id": bytes(range(0xF0, 0x100)), "title": "Ferry aground"}])
    assert table["id"].to_pylist() == ["f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff"]


def read_text(path: Path, text: str, encoding: str = "utf-8") -> tuple[list[dict[str, Any]], list[str]]:
    path.write_bytes(text.encode(encoding))
    table, report = read_articles(path)
    assert report.rejected == []
    return table.to_pylist(), list(report.notes.counts)


def test_title_rows_of_a_sheet_stand_before_the_names_of_columns(tmp_path: Path) -> None:
    text = "Export, Redaktion;;;\nStand: 01.12.2026;;;\n;;;\nID;Titel;Text;Datum\n1;Fähre;Im Nebel.;20.11.2026\n"
    (row,), notes = read_text(tmp_path / "a.csv", text)
    assert (row["id"], row["title"], row["body"]) == ("1", "Fähre", "Im Nebel.")
    assert notes == ["files begin with lines before the names of their columns, which were passed over"]


def test_the_names_of_columns_within_joined_files_are_no_story(tmp_path: Path) -> None:
    part = "\ufeffid,title,body\n{0},Fog {0},It lifted.\n"
    rows, notes = read_text(tmp_path / "a.csv", part.format(1) + part.format(2))
    assert [row["id"] for row in rows] == ["1", "2"]
    assert notes == ["lines repeat the names of the columns, and were passed over"]


@pytest.mark.parametrize("null", ["\\N", "NULL"])
def test_backslashes_of_databases_are_read(tmp_path: Path, null: str) -> None:
    text = f"id\ttitle\tbody\tsection\n1\tFog\tIt lifted.\\nShips \\\\ left\\tport.\t{null}\n"
    (row,), _ = read_text(tmp_path / "a.tsv", text)
    assert (row["body"], row["section"]) == ("It lifted.\nShips \\ left\tport.", None)


@pytest.mark.parametrize("written", ['="007"', '"=""007"""'])
def test_formulas_that_keep_zeros_of_ids_are_taken_off(tmp_path: Path, written: str) -> None:
    (row,), _ = read_text(tmp_path / "a.csv", f"id,title\n{written},Fog\n")
    assert row["id"] == "007"


@pytest.mark.parametrize("written", ["7.0", "7,0"])
def test_ids_that_a_program_wrote_as_decimal_numbers_are_whole(written: str) -> None:
    for count in (1, 40):
        table, _ = read_articles([{"id": f"{number}{written}", "title": "Fog"} for number in range(1, count + 1)])
        assert table["id"].to_pylist() == [f"{number}7" for number in range(1, count + 1)]


def test_further_sheets_of_stories_are_read_and_others_told(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("python_calamine")
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        for month in ("March", "April"):
            row = {"ID": month, "Title": f"Fog in {month}", "Date": "2026-11-20"}
            pd.DataFrame([row]).to_excel(book, sheet_name=month, index=False)
        pd.DataFrame([{"ID": 1, "Name": "Ada Reed"}]).to_excel(book, sheet_name="Authors", index=False)
    table, report = read_articles(tmp_path / "a.xlsx")
    assert table["id"].to_pylist() == ["March", "April"]
    (note,) = report.notes.lines()
    assert note.endswith("passed over, such as Authors")


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
def test_old_encodings_of_western_europe_are_told_apart(encoding: str) -> None:
    for text in ("Rødgrød på øen, også Ærø", "El niño está en el jardín de España", "Åsa går på ön"):
        assert text.encode(encoding).decode(detect_encoding(text.encode(encoding))) == text


def test_what_spark_writes_next_to_stories_is_nothing_bad(tmp_path: Path) -> None:
    (tmp_path / "part-00000.json").write_text('{"id": 1, "title": "Fog"}\n')
    (tmp_path / "part-00001.json").touch()
    (tmp_path / "_committed_17").write_text('{"added": ["part-00000.json"]}')
    table, report = read_articles(tmp_path)
    assert (len(table), report.rejected) == (1, [])


def test_ends_of_lines_that_were_escaped_once_too_often_are_read() -> None:
    assert read(body="It lifted.\\nShips left.")[0]["body"] == "It lifted.\nShips left."
    assert read(body="In C:\\news it stays.")[0]["body"] == "In C:\\news it stays."


@pytest.mark.parametrize(
    ("title", "body", "shown"),
    [
        ("BC-US--Ferry, Kill", "Editors: please kill the story headlined Ferry aground.", False),
        ("KILL: Ferry aground", "The story has been withdrawn.", False),
        ("MANDATORY KILL", "", False),
        ("WITHDRAWN - Ferry aground", "The story has been withdrawn and should be ignored.", False),
        ("Achtung Redaktionen", "Bitte die Meldung nicht verwenden.", False),
        ("Test article", "Please ignore.", False),
        ("Ferry aground", "Lorem ipsum dolor sit amet, consectetur.", False),
        ("KILL: a film of fury", "The hero fights his way through a train.", True),
        ("Bears, Wolves Kill", "Farmers have lost forty sheep.", True),
        ("BARLEY LOST, BY WINTER KILL", "The soil needs to warm up.", True),
        ("Ferry aground, 1st Ld KILL", "A text of its own.", False),
        ("Kill Bill returns to cinemas", "It has been withdrawn once.", True),
        ("Lorem ipsum: how filler text became art", "A show opens.", True),
        ("CORRECTION: Ferry aground", "In a story of Friday the name was wrong.", True),
    ],
)
def test_notices_to_newsrooms_are_no_stories(title: str, body: str, shown: bool) -> None:
    rows = [{"id": str(number), "title": title, "body": body} for number in range(40)]
    for part in (rows[:1], rows):
        table, report = read_articles(part)
        assert (len(table), sum(report.unpublished.values())) == ((len(part), 0) if shown else (0, len(part)))
    assert len(read_articles(rows, drafts=True)[0]) == 40


def test_columns_of_the_settings_that_the_input_lacks_are_told() -> None:
    settings = ReadingSettings(columns={"title": "kopf", "lead": "vorspann_x"})
    _, report = read_articles([{"id": 1, "kopf": "Fog"}, {"id": 2, "title": "Rain"}], settings=settings)
    (note,) = report.notes.lines()
    assert note.endswith("not in the input, and their fields were read as usual, such as lead = 'vorspann_x'")


def test_front_matter_with_quotes_forgotten_is_read_line_by_line(tmp_path: Path) -> None:
    page = tmp_path / "fog.md"
    page.write_text("---\ntitle: Fog: it lifts\ndate: 2026-11-20\ntags: [sea, fog\n---\nShips left.\n")
    table, report = read_articles(page)
    assert (table["title"][0].as_py(), table["body"][0].as_py(), report.rejected) == (
        "Fog: it lifts",
        "Ships left.",
        [],
    )
    page.write_text("---\ntitle: Fog\nlayout: page\n---\nAbout us.\n")
    assert read_articles(page)[1].unpublished == {"type page": 1}
    page.write_text("---\ntitle: Fog\npermalink: false\n---\nNo page.\n")
    assert read_articles(page)[1].unpublished == {"draft true": 1}


def test_pages_that_search_engines_shall_not_find_are_not_shown(tmp_path: Path) -> None:
    head = '<meta property="og:type" content="article"><meta property="og:title" content="Fog">'
    for name, robots in (("a", "index,follow"), ("b", "noindex, nofollow")):
        text = f'<html><head>{head}<meta name="robots" content="{robots}"></head><body><p>It lifted.</p></body></html>'
        (tmp_path / f"{name}.html").write_text(text)
    table, report = read_articles(tmp_path)
    assert (len(table), report.unpublished) == (1, {"robots noindex, nofollow": 1})


def test_a_translation_is_a_copy_of_its_original() -> None:
    rows = [{"id": 1, "title": "Fog"}, {"id": 2, "title": "Nebel", "translation_of": 1}]
    assert read_articles(rows)[0]["canonical_id"].to_pylist() == [None, "1"]


def test_a_list_goes_on_behind_a_story_that_is_no_json(tmp_path: Path) -> None:
    good = [f'{{"id": {number}, "title": "Fog {number}", "body": "{"It lifted. " * 20}"}}' for number in range(600)]
    for bad, kept in (('{"id": "x", "title": "He said "no""}', 600), ('{"id": "x", "title": "Rain",}', 601)):
        for separator in (",\n  ", ","):
            stories = [*good[:300], bad, *good[300:]]
            (tmp_path / "a.json").write_text(f"[\n  {separator.join(stories)}\n]")
            table, report = read_articles(tmp_path / "a.json")
            assert (len(table), len(report.rejected)) == (kept, 601 - kept)
            assert all("passed over" in row.reason for row in report.rejected)


def test_tables_of_authors_next_to_stories_replace_none(tmp_path: Path) -> None:
    (tmp_path / "stories.csv").write_text("id,title,body\n1,Fog,It lifted.\n")
    (tmp_path / "wp_users.csv").write_text("id,name\n1,Ada Reed\n")
    table, _ = read_articles(tmp_path)
    assert table["title"].to_pylist() == ["Fog"]


@pytest.mark.parametrize("kind", ["liveblog", "Live Blog", "LiveBlogPosting", "Liveticker"])
def test_live_pages_have_many_names(kind: str) -> None:
    assert read(type=kind)[0]["kind"] == "live"


def test_drafts_of_contentful_and_news_that_were_removed_are_not_shown() -> None:
    entry = {"sys": {"id": "1", "publishedCounter": 0}, "fields": {"title": {"en": "Fog"}}}
    _, report = read_articles([entry, {**entry, "sys": {"id": "2", "publishedCounter": 3, "publishedVersion": 7}}])
    assert (report.unpublished, report.accepted) == ({"status draft": 1}, 1)
    _, report = read_articles([{"url": "https://removed.example", "title": "[Removed]", "content": "[Removed]"}])
    assert report.unpublished == {"title [removed]": 1}


def test_parts_of_a_time_are_joined() -> None:
    parts = {"year": 2026, "monthValue": 11, "dayOfMonth": 27, "hour": 10, "minute": 5, "second": 0}
    assert f"{read(published_at=parts)[0]['published_at']:%d %H:%M}" == "27 10:05"
