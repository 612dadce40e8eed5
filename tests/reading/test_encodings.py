"""Text in every encoding that newsrooms still export."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pydantic import ValidationError

from recommender.reading.clicks import ClickLog
from recommender.reading.formats.encodings import detect_encoding
from recommender.reading.links import read_links
from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings

TEXTS = {
    "cp1252": "Storm floods “cafés” — twice; Über die Straße",
    "cp1250": "Sto osiemdziesięciu pasażerów zdjęto z promu w niedzielę rano, powiedziała straż przybrzeżna",
    "cp1251": "Сто восемьдесят пассажиров сняли с парома спасатели в воскресенье утром",
    "cp932": "青葉市の市長選挙が日曜日に行われ、新人の山本花子氏が現職を破って当選した。",
    "euc_jp": "青葉市の市長選挙が日曜日に行われた。",
    "gb18030": "周日一艘渡轮在雾中搁浅，救生艇救下了一百八十名乘客。",
    "utf-16": "Storm floods cafés",
    "utf-16-le": "Storm floods the harbour",
    "utf-16-be": "Storm floods the harbour",
    "utf-32": "Storm floods cafés",
    "utf-8": "Storm floods cafés",
    "utf-8-sig": "Storm floods cafés",
}


@pytest.mark.parametrize("encoding", list(TEXTS))
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.md", "a.txt"])
def test_texts_in_every_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    text = TEXTS[encoding]
    mark = "\t" if name == "a.tsv" else "|"
    whole = f"---\nid: 1\ntitle: |-\n  {text}\n---\n" if name == "a.md" else f"id{mark}title\n1{mark}{text}\n"
    (tmp_path / name).write_bytes(whole.encode(encoding))
    table, report = read_articles(tmp_path / name)
    assert table["title"].to_pylist() == [text]
    told = [line for line in report.notes.lines() if "read as" in line]
    assert [encoding in line for line in told] == [True] * (not encoding.startswith("utf"))


def test_xml_is_read_as_it_declares_itself_or_as_it_is(tmp_path: Path) -> None:
    for declared, written in (
        ("ISO-8859-1", "latin-1"),
        ("UTF-8", "cp1252"),
        ("UTF-16", "utf-16"),
        ("nonsense", "utf-8"),
    ):
        item = "<item><guid>1</guid><title>Cafés là-bas</title></item>"
        text = f'<?xml version="1.0" encoding="{declared}"?><rss>{item}</rss>'
        (tmp_path / "a.xml").write_bytes(text.encode(written))
        assert read_articles(tmp_path / "a.xml")[0]["title"].to_pylist() == ["Cafés là-bas"]


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("windows-1254", "Feribot karaya oturdu ışıklı"),
        ("tis-620", "เรือเฟอร์รี่เกยตื้น"),
        ("GB2312", "渡轮在港口搁浅，朱镕基到场"),
        ("iso-8859-1", "The mayor’s “cafés”"),
        ("nonsense", "Caf\u00e9s l\u00e0-bas"),
    ],
)
def test_a_page_is_read_as_it_declares_itself(tmp_path: Path, declared: str, text: str) -> None:
    written = {"GB2312": "gb18030", "iso-8859-1": "cp1252", "nonsense": "cp1252"}.get(declared, declared)
    head = f'<meta charset="{declared}"><meta property="og:type" content="article"><title>{text}</title>'
    (tmp_path / "a.html").write_bytes(f"<html><head>{head}</head></html>".encode(written))
    assert read_articles(tmp_path / "a.html")[0]["title"].to_pylist() == [text]


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,title\n1,Şişli\n".encode("iso8859-9"))
    table, report = read_articles(tmp_path / "a.csv", settings=ReadingSettings(encoding="iso8859-9"))
    assert (table["title"].to_pylist(), report.notes.lines()) == (["Şişli"], [])
    for name in ("nonsense", "zip"):
        with pytest.raises(ValidationError, match="expected an encoding of text"):
            ReadingSettings(encoding=name)


def test_a_wrong_byte_among_right_ones_is_damage_and_costs_its_row() -> None:
    assert detect_encoding("Les cafés de la cité\n".encode() + b"caf\xe9") == "utf-8"


def test_the_first_letters_beyond_ascii_may_come_late(tmp_path: Path) -> None:
    rows = [f"{number},Ferry {number}" for number in range(20_000)]
    (tmp_path / "a.csv").write_bytes("\n".join(["id,title", *rows, "x,Cafés"]).encode("cp1252"))
    table, report = read_articles(tmp_path / "a.csv")
    assert table["title"][-1].as_py() == "Cafés"
    assert report.rejected == []


def test_a_packed_file_of_another_encoding_that_breaks_off_keeps_the_rows_before(tmp_path: Path) -> None:
    rows = "".join(f"{number},Ferry {number}\n" for number in range(20_000))
    rest = "".join(f"x{number},Cafés {number * 7919 % 100_003}\n" for number in range(60_000))
    whole = gzip.compress(f"id,title\n{rows}{rest}".encode("cp1252"))
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    table, report = read_articles(tmp_path / "a.csv.gz")
    assert table["title"][20_000].as_py() == "Cafés 0"
    assert [row.reason.partition(":")[0] for row in report.rejected] == ["truncated file"]
    assert [line for line in report.notes.lines() if "cp1252" in line]


def test_an_encoding_that_is_named_holds_for_the_first_letters_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,title\n1,Storm\n2,Cafés\n".encode())
    for encoding, title in (("ascii", "Caf\ufffd\ufffds"), ("utf-8", "Cafés")):
        table = read_articles(tmp_path / "a.csv", settings=ReadingSettings(encoding=encoding))[0]
        assert table["title"].to_pylist() == ["Storm", title]


def test_a_mapping_and_an_order_of_days_are_looked_up_in_the_letters_of_the_file(tmp_path: Path) -> None:
    text = "id,title,Geändert am\n1,Fähre,05/11/2026\n2,Sturm,27/11/2026\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    table, report = read_articles(tmp_path / "a.csv", columns={"updated_at": "Geändert am"})
    assert [time.isoformat()[:10] for time in table["updated_at"].to_pylist()] == ["2026-11-05", "2026-11-27"]
    assert [line.partition(",")[0] for line in report.notes.lines()] == ["1 files are not UTF-8"]


def test_links_and_click_logs_are_read_in_the_letters_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_bytes("story,item\nfähre-1,sturm-2\nüberfall,fähre-1\n".encode("cp1252"))
    assert read_links(tmp_path / "links.csv")["story"].to_pylist() == ["fähre-1", "überfall"]
    (tmp_path / "clicks.csv").write_bytes("source,shown,clicked\nfähre-1,sturm-2,sturm-2\n".encode("cp1252"))
    assert ClickLog.read(tmp_path / "clicks.csv")[0].table["source"].to_pylist() == ["fähre-1"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Trajekt uvízl v husté mlze u přístavu"),
        ("iso8859_2", "Trajekt uvízl v husté mlze u přístavu"),
        ("cp1250", "Senki sem sérült meg, közölte a kikötő főnöke"),
        ("cp1250", "Županja želi več šol"),
        ("cp1250", "Łódź żegna się z tramwajami"),
        ("cp1250", "Guvernul a adoptat bugetul în şedinţă"),
        ("cp1254", "Işıklar söndü, kış çetin geçiyor"),
        ("cp1252", "Ferjan strandaði í þykkri þoku"),
        ("cp1252", "Øst-Norge får ny båt; ingen såret"),
        ("cp1252", "O governo aprovou o orçamento; as eleições são amanhã"),
        ("mac_roman", "Fähre läuft im Nebel auf Grund, über hundert an Bord"),
    ],
)
def test_few_letters_show_an_encoding_by_the_language_that_has_them(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert data.decode(detect_encoding(data)) == text
