"""CSV and TSV as databases, spreadsheets and people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recommender.reading.read import read_articles
from recommender.reading.report import ReadReport
from recommender.settings import ReadingSettings


def read(path: Path, text: str, **settings: Any) -> tuple[list[tuple[str, str]], ReadReport]:
    path.write_text(text, newline="")
    table, report = read_articles(path, settings=ReadingSettings(**settings))
    return list(zip(table["title"].to_pylist(), table["body"].to_pylist(), strict=True)), report


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('id,title,body\n1,"A ""big"" day","x, y"\n', [('A "big" day', "x, y")]),
        (
            'id,title,body\n1,"A \\"big\\" day","x, y"\n2,B,"z \\"q\\", w"\n',
            [('A "big" day', "x, y"), ("B", 'z "q", w')],
        ),
        ('id;title;body\r\n1;A;"x\r\ny"\r\n', [("A", "x\ny")]),
        ("id\ttitle\tbody\n1\tA\tx, y\n", [("A", "x, y")]),
        ('id,title,body\n1,"A \\"big\\" day","x, y"\n2,B,z\n', [('A "big" day', "x, y"), ("B", "z")]),
        ('id,title,body\n1,"A","x:\\y\\"\n2,B,"an ""odd"" z"\n', [("A", "x:\\y\\"), ("B", 'an "odd" z')]),
        ('id, title, body\n1, A, x\n2, B, "y, z"\n', [("A", "x"), ("B", "y, z")]),
        ("id|title|body\n1|A|x, y; z\n", [("A", "x, y; z")]),
        ("sep=;\r\nid;title;body\r\n1;A;x, y\r\n", [("A", "x, y")]),
        ("id,title,body\r1,A,x\r2,B,y\r", [("A", "x"), ("B", "y")]),
        ("\n\nid,title,body\n\n1,A,x\n\n", [("A", "x")]),
        ("id,title,body,\n1,A,x,\n2,B,y\n3,C,z,,\n", [("A", "x"), ("B", "y"), ("C", "z")]),
        (",id,title,body\n0,1,A,x\n", [("A", "x")]),
        ("id,title,title,body\n1,A,B,x\n", [("A", "x")]),
        ("id,title,body\n1,A,\\N\n", [("A", "")]),
        ("id,title,body\nID,Title,Body\n1,A,x\n", [("A", "x")]),
        ("id,title,body\n--,-----,----\n1,A,x\n", [("A", "x")]),
        ("id^title^body\n1^A^x, y\n", [("A", "x, y")]),
        ("id~title~body\n1~A~x, y\n", [("A", "x, y")]),
        ("id\x01title\x01body\n1\x01A\x01x, y\n", [("A", "x, y")]),
        ("+----+-------+------+\n| id | title | body |\n+----+-------+------+\n|  1 | A     | x    |\n", [("A", "x")]),
        (" id | title | body\n----+-------+------\n  1 | A     | x\n", [("A", "x")]),
        ("id,title,body\n1,A,x\n" + "\0" * 40, [("A", "x")]),
        ('id,title,body\n="1",="A",="\n="2",="B",=""\n', [("A", '="'), ("B", "")]),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_every_dialect(tmp_path: Path, text: str, rows: list[tuple[str, str]], name: str) -> None:
    found, report = read(tmp_path / name, text)
    assert found == rows
    assert report.rejected == []


@pytest.mark.parametrize("word", ["Total", "Grand total", "TOTALS:", "Gesamt", "Summe", "Totaal", "Итого", "合計"])
@pytest.mark.parametrize("count", [2, 40])
def test_a_line_of_totals_is_no_story(tmp_path: Path, word: str, count: int) -> None:
    stories = "".join(f"{number},Total {number},\n" for number in range(count))
    found, report = read(tmp_path / "a.csv", f"id,title,body\n{stories}Total-eclipse,Total eclipse,\n{word},{count},\n")
    assert len(found) == count + 1
    assert [row.reason for row in report.rejected] == ["a line of totals, not a story"]


def test_columns_of_a_file_without_a_header_are_named_by_a_setting(tmp_path: Path) -> None:
    header = ("id", "title", "body")
    assert read(tmp_path / "a.csv", "1,A,x\n2,B,y\n", header=header)[0] == [("A", "x"), ("B", "y")]
    assert read(tmp_path / "a.csv", "ID,Title,body\n1,A,x\n", header=header)[0] == [("A", "x")]
    text = "1;A;x, y, z, and more\n2;B;y\n"
    for name, mark in (("a.csv", ";"), ("a.tsv", "\t")):
        found, _ = read(tmp_path / name, text.replace(";", mark), header=header)
        assert found == [("A", "x, y, z, and more"), ("B", "y")]
    assert read(tmp_path / "a.csv", "1,A,x\n2,B\n", header=header)[0] == [("A", "x"), ("B", "")]


def test_a_first_line_of_unknown_names_is_told(tmp_path: Path) -> None:
    found, report = read(tmp_path / "a.csv", "1,A,x\n2,B,y\n")
    assert found == []
    assert "reading.header names the columns of one without a header" in report.notes.lines()[0]
    path = tmp_path / "a.csv"
    path.write_text("nr,kop,tekst\n1,A,x\n")
    table, _ = read_articles(path, columns={"id": "nr", "title": "kop"})
    assert table["title"].to_pylist() == ["A"]


def test_a_quote_alone_between_tabs_is_a_letter(tmp_path: Path) -> None:
    rows, report = read(tmp_path / "a.tsv", 'id\ttitle\tbody\n1\t"Open\ty\n2\tB\tz\n')
    assert (rows, report.rejected) == ([('"Open', "y"), ("B", "z")], [])
    rows, report = read(tmp_path / "a.tsv", 'id\ttitle\tbody\n1\t"Open\tand" more\n2\tB\tz\n')
    assert (rows, report.rejected) == ([('"Open', 'and" more'), ("B", "z")], [])
    rows, report = read(tmp_path / "a.tsv", 'id\ttitle\tbody\ttags\n1\t"Open\ty\n2\tB\tz\n')
    assert (rows, report.rejected) == ([('"Open', "y"), ("B", "z")], [])


def test_a_forced_format_counts(tmp_path: Path) -> None:
    (tmp_path / "a.weird").write_text("nr;x\n1;A\n")
    table, _ = read_articles(tmp_path / "a.weird", format="csv", columns={"id": "nr", "title": "x"})
    assert table["title"].to_pylist() == ["A"]


_TABLE = """<table border=1><tr><td colspan=4>Export of the desk</td></tr>
<tr><th>ID</th><th>Titel</th><th>Text</th><th>Datum</th></tr>
<tr><td>007</td><td>Fähre</td><td><p>It <a href="/1">ran</a> aground.</p><p>Fog.</p></td><td>27.11.2026</td></tr>
<tr><td>8</td><td rowspan=2>Storm</td><td>It came.</td><td></td></tr>
<tr><td>9</td><td>It left.</td><td></td></tr>
<tfoot><tr><th>ID</th><th>Titel</th><th>Text</th><th>Datum</th></tr></tfoot></table>"""
_PAGE_OF_TABLE = f"<html xmlns:x='urn:schemas-microsoft-com:office:excel'><meta charset=utf-8><body>{_TABLE}</body>"


@pytest.mark.parametrize("text", [_TABLE, _PAGE_OF_TABLE, f"<table><tr><td>{_TABLE}</table>"])
@pytest.mark.parametrize("end", [".xls", ".html"])
def test_tables_of_html_are_sheets(tmp_path: Path, end: str, text: str) -> None:
    (tmp_path / f"a{end}").write_text(text)
    table, report = read_articles(tmp_path / f"a{end}")
    first, second = table.to_pylist()
    assert (first["id"], first["title"], first["body"]) == ("007", "Fähre", "It ran aground.\n\nFog.")
    assert (first["published_at"].date().isoformat(), [link["target"] for link in first["links"]]) == (
        "2026-11-27",
        ["/1"],
    )
    assert (second["id"], second["title"], second["body"]) == ("8", "Storm", "It came.")
    assert [row.reason for row in report.rejected] == ["3 cells, expected 4 as in the header"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_text_that_is_named_like_a_sheet_is_read_as_what_it_is(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.xls").write_text("ID\tTitel\tText\n7\tFähre\tIm Nebel.\n", encoding)
    table, _ = read_articles(tmp_path / "a.xls")
    assert (table["id"].to_pylist(), table["title"].to_pylist()) == (["7"], ["Fähre"])


@pytest.mark.parametrize("end", [".xlsx", ".ods"])
def test_sheets_are_read_below_the_line_that_names_columns(tmp_path: Path, end: str) -> None:
    if end == ".ods":
        pytest.importorskip("odf")
    news = pd.DataFrame({"ID": [1, 2], "Title": ["A", "B"], "date": pd.to_datetime(["2026-11-27", None])})
    path = tmp_path / f"a{end}"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"note": ["of no use"]}).to_excel(writer, sheet_name="About", index=False)
        news.to_excel(writer, sheet_name="News", index=False, startrow=2)
    table, report = read_articles(path)
    assert table.select(["id", "title"]).to_pylist() == [{"id": "1", "title": "A"}, {"id": "2", "title": "B"}]
    assert table["published_at"][0].as_py().isoformat() == "2026-11-27T00:00:00+00:00"
    assert report.rejected == []


def test_what_is_no_sheet_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 no sheet")
    _, report = read_articles(tmp_path / "a.xlsx")
    assert "a sheet that cannot be read" in report.rejected[0].reason


@pytest.mark.parametrize(
    "header",
    [
        "Artikel-ID;Titel;Text;Datum;Ressort",
        "identifiant;Titre;Contenu;Date de publication;Rubrique",
        "identificador;Título;Texto;Fecha;Sección",
        "artikel_id;Titel;Tekst;Publicatiedatum;Rubriek",
        "id;Titolo;Testo;Data pubblicazione;Sezione",
        "id;Заголовок;Текст;Дата публикации;Рубрика",
        "编号;标题;内容;发布时间;栏目",
        "記事ID;タイトル;本文;公開日時;カテゴリー",
        "기사번호;제목;본문;등록일시;카테고리",
        "المعرف;العنوان;النص;تاريخ النشر;القسم",
        "מזהה;כותרת;תוכן;תאריך פרסום;מדור",
        "شناسه;عنوان;متن;تاریخ انتشار;بخش",
        "आईडी;शीर्षक;सामग्री;प्रकाशन तिथि;श्रेणी",
        "Κωδικός;Τίτλος;Κείμενο;Ημερομηνία δημοσίευσης;Κατηγορία",
        "ідентифікатор;заголовок;текст;дата публікації;рубрика",
        "รหัส;หัวข้อ;เนื้อหา;วันที่เผยแพร่;หมวดหมู่",
        "Mã bài;Tiêu đề;Nội dung;Ngày đăng;Chuyên mục",
        "id;Judul;Isi;Tanggal terbit;Kategori",
        "id_clanka;Naslov;Tekst;Datum objave;Rubrika",
        "id_artykulu;Tytul;Tresc;Data publikacji;Dzial",
    ],
)
def test_columns_with_names_of_other_languages_are_known(tmp_path: Path, header: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{header}\n7;Fähre;Auf Grund gelaufen.;02.03.2026 00:00;Lokales\n")
    (row,) = read_articles(path)[0].to_pylist()
    assert [row[name] for name in ("id", "title", "body", "section")] == [
        "7",
        "Fähre",
        "Auf Grund gelaufen.",
        "Lokales",
    ]
    assert f"{row['published_at']:%Y-%m-%d}" == "2026-03-02"


def test_columns_that_are_not_known_are_named_in_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Sach-ID;Titel\n7;Fähre\n")
    (bad,) = read_articles(path)[1].rejected
    assert "columns Sach-ID, Titel is known as one ('Sach-ID' may be it)" in bad.reason
    assert "; name it with --column id=Sach-ID" in bad.reason
    assert "--column title" not in bad.reason  # which is known
    path.write_text("nr;Kopf\n7;Fähre\n")
    (bad,) = read_articles(path)[1].rejected
    assert bad.reason.endswith("--column title=COLUMN --column body=COLUMN")  # all in one go
    path.write_text("id;Kopf\n7;Fähre\n")
    (bad,) = read_articles(path)[1].rejected
    assert "columns id, Kopf is known as one; name them with --column title=COLUMN" in bad.reason


@pytest.mark.parametrize(
    "before", ["Export of 27 Nov 2026\n", "\n\nStories\n\n", "Article,Article,Article\n", "Meta,Body,\n"]
)
def test_lines_before_the_names_of_the_columns_are_passed_over(tmp_path: Path, before: str) -> None:
    (tmp_path / "a.csv").write_text(f"{before}id,title,body\n1,Ferry,It ran.\n2\n")
    table, report = read_articles(tmp_path / "a.csv")
    assert table["id"].to_pylist() == ["1"]
    assert [one.line for one in report.rejected] == [before.count("\n") + 3]
    assert [one.startswith("1 files begin with lines before the names") for one in report.notes.lines()] == [True]


@pytest.mark.parametrize("count", [3, 60])
def test_cells_that_a_row_lacks_at_its_end_are_missing(tmp_path: Path, count: int) -> None:
    ragged, whole = ["id,title,body,section"], ["id,title,body,section"]
    for number in range(count):
        ragged += [f"a{number},Ferry", f"b{number},Ferry,It ran.", f"c{number},Ferry,It ran.,Local,, "]
        whole += [f"a{number},Ferry,,", f"b{number},Ferry,It ran.,", f"c{number},Ferry,It ran.,Local"]
    tables = []
    for lines in (ragged, whole):
        (tmp_path / "a.csv").write_text("\n".join([*lines, ",Nobody", "z,,,Local"]))
        table, report = read_articles(tmp_path / "a.csv")
        assert [one.reason for one in report.rejected] == ["missing id", "neither title nor body"]
        tables.append(table.drop_columns("line") if "line" in table.column_names else table)
        told = [one for one in report.notes.lines() if "shorter than the header" in one]
        assert [one.split()[0] for one in told] == [str(2 * count + 1) if lines is ragged else "1"]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,Ferry, fog and rocks,It ran.,Local", "5 columns, expected 4 as in the header; values that hold ',' need"),
        ("1", "1 columns, expected 4 as in the header"),
        ('1,Ferry,"It ran,Local', "a quote that is never closed: it ran over 2 lines, which are kept"),
        ('1,Ferry,"It ran,Local\n2,Fog,It is thick.', "a quote that is never closed: it ran over 3 lines"),
    ],
)
def test_a_row_that_cannot_be_told_apart_costs_itself_alone(tmp_path: Path, row: str, reason: str) -> None:
    (tmp_path / "a.csv").write_text(f"id,title,body,section\n{row}\n3,Storm,It blew.\n")
    table, report = read_articles(tmp_path / "a.csv")
    assert [one["title"] for one in table.to_pylist()][-1] == "Storm"
    assert [one.reason.startswith(reason) for one in report.rejected] == [True]
    assert report.read == len(table) + 1


def test_a_quote_that_the_next_one_closes_swallows_no_rows(tmp_path: Path) -> None:
    rows = ['1,A,"Text one,Local', "2,B,Text,Local", '3,C,"Text, too",Local', '4,D,"Lines\nof ""text""",Local']
    (tmp_path / "a.csv").write_text("\n".join(["id,title,body,section", *rows]))
    table, report = read_articles(tmp_path / "a.csv")
    assert table["body"].to_pylist() == ["Text", "Text, too", 'Lines\nof "text"']
    assert [one.line for one in report.rejected] == [2]


def test_lone_quotes_in_all_rows_are_told(tmp_path: Path) -> None:
    rows = [f'{number},Ferry,"It ran,Local' for number in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["id,title,body,section", *rows, "x,Storm,It blew.,Local"]))
    table, report = read_articles(tmp_path / "a.csv")
    assert (table["id"].to_pylist(), len(report.rejected), report.read) == (["x"], 30, 31)


def test_what_an_unquoted_end_of_line_cut_off_is_no_story(tmp_path: Path) -> None:
    text = "id,title,body,section\n1,Ferry,It ran onto rocks\nin the fog, and was towed,Local\n2,Storm,It blew.,Local\n"
    (tmp_path / "a.csv").write_text(text)
    table, report = read_articles(tmp_path / "a.csv")
    assert table["title"].to_pylist() == ["Ferry", "Storm"]
    assert ["seems cut from the row before" in one.reason for one in report.rejected] == [True]


def test_rows_of_nothing_but_separators_are_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title,body\n1,Ferry,It ran.\n,,\n , ,\n2,Storm,It blew.\n")
    table, report = read_articles(tmp_path / "a.csv")
    assert (table["id"].to_pylist(), report.rejected, report.read) == (["1", "2"], [], 2)


def test_cells_that_hold_json_are_read(tmp_path: Path) -> None:
    cells = (
        """1,Ferry,"{""name"": ""Ann""}","[""sea"", ""fog""]\"""",
        """2,Storm,"[{'name': 'Ann'}]","{sea,""fog""}\"""",
    )
    (tmp_path / "a.csv").write_text('id, "title" ,author,tags\n' + "\n".join(cells) + "\n")
    table, _ = read_articles(tmp_path / "a.csv")
    rows = table.select(["title", "author", "tags"]).to_pylist()
    assert rows == [{"title": one, "author": "Ann", "tags": ["sea", "fog"]} for one in ("Ferry", "Storm")]
