"""Columns, statuses and flags in the languages of newsrooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recommender.reading.names import recognise
from recommender.reading.read import read_articles
from recommender.settings import ReadingSettings

HEADERS = {  # in the order of FIELDS
    "Artikel-ID;Überschrift;Unterzeile;Fließtext;Ressort;Autor:in;Stichwörter;Veröffentlicht am",
    "Meldungs-Nr.;Schlagzeile;Vorspann;Haupttext;Rubrik;Redakteur;Schlagwörter;Erscheinungstermin",
    "Identifiant;Titre;Chapeau;Corps de l'article;Rubrique;Auteur(s);Mots-clés;Date de parution",
    "ID artículo;Título;Entradilla;Cuerpo;Sección;Autor;Etiquetas;Fecha de publicación",
    "Codice;Titolo;Sommario;Testo;Sezione;Autore;Parole chiave;Data di pubblicazione",
    "Código;Título;Linha fina;Texto;Editoria;Autor;Palavras-chave;Data de publicação",
    "Artikelnummer;Kop;Inleiding;Artikel;Rubriek;Auteur;Trefwoorden;Publicatiedatum",
    "Identyfikator;Tytuł;Zajawka;Treść;Dział;Autor;Słowa kluczowe;Data publikacji",
    "Artikel-id;Rubrik;Ingress;Brödtext;Avdelning;Skribent;Nyckelord;Publicerad",
    "Artikkel-ID;Tittel;Ingress;Brødtekst;Seksjon;Forfatter;Emneord;Publisert",
    "Artikel-ID;Rubrik;Manchet;Brødtekst;Sektion;Skribent;Emneord;Udgivet",
    "Tunnus;Otsikko;Ingressi;Leipäteksti;Osasto;Kirjoittaja;Avainsanat;Julkaistu",
    "ID;Titulek;Perex;Text;Rubrika;Autor;Klíčová slova;Datum vydání",
    "Azonosító;Cím;Bevezető;Szöveg;Rovat;Szerző;Címkék;Megjelenés dátuma",
    "Haber ID;Başlık;Spot;İçerik;Kategori;Yazar;Etiketler;Yayın Tarihi",
    "Идентификатор;Заголовок;Лид;Текст;Рубрика;Автор;Теги;Дата публикации",
    "記事番号;タイトル;リード文;本文;カテゴリー;筆者;タグ;公開日時",
    "Story No.;Head Line;Sub Head;Story Text;Desk / Section;By-line;Key Words;Publication Date/Time",
}
FIELDS = ("id", "title", "lead", "body", "section", "author", "tags", "published_at")


@pytest.mark.parametrize("header", sorted(HEADERS))
def test_headers_in_the_languages_of_newsrooms_are_known(header: str) -> None:
    names = header.split(";")
    assert recognise(names, {}) == {field: (name,) for field, name in zip(FIELDS, names, strict=True)}


def test_a_german_rubrik_is_a_section_and_a_nordic_one_a_headline() -> None:
    assert recognise(["ID", "Titel", "Rubrik"], {})["section"] == ("Rubrik",)
    nordic = recognise(["ID", "Rubrik", "Kategori", "Brödtext"], {})
    assert (nordic["title"], nordic["section"]) == (("Rubrik",), ("Kategori",))


@pytest.mark.parametrize(
    "name", ["publish_ts", "Publish Timestamp", "firstPublishedTime", "releaseDateUtc", "pub_epoch"]
)
def test_times_of_publication_have_names_of_many_forms(name: str) -> None:
    assert recognise(["created_at", name], {}) == {"published_at": (name, "created_at")}


def test_the_second_column_of_a_name_counts_where_the_first_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,title,body\n1,,Ferry aground,It ran aground.\n2,Fog,,It lifted.\n")
    assert read_articles(path)[0]["title"].to_pylist() == ["Ferry aground", "Fog"]


def test_tables_of_people_and_topics_are_no_stories() -> None:
    people = [{"id": 1, "name": "Ada Reed", "email": "ada@courier.example", "created_at": "2026-11-20"}]
    topics = [{"id": 2, "name": "Local", "slug": "local", "taxonomy": "category", "description": "News from here"}]
    assert not len(read_articles([*people, *topics])[0])
    assert len(read_articles([{"id": 1, "name": "Ferry aground"}])[0]) == 1


@pytest.mark.parametrize(
    ("column", "shown", "hidden"),
    [
        ("Status", "Veröffentlicht", "In Bearbeitung"),
        ("Statut", "Publié", "Brouillon"),
        ("Estado", "Publicado", "Borrador"),
        ("Stato", "Pubblicato", "Bozza"),
        ("Situação", "Publicado", "Rascunho"),
        ("Durum", "Yayında", "Taslak"),
        ("Статус", "Опубликовано", "Черновик"),
        ("ステータス", "公開", "下書き"),
        ("freigegeben", "ja", "nein"),
        ("publié", "oui", "non"),
        ("publicado", "sí", "no"),
        ("Online", "WAHR", "FALSCH"),
        ("visible", "VRAI", "FAUX"),
        ("gesperrt", "nein", "x"),
        ("brouillon", "non", "oui"),
        ("noindex", False, True),
        ("robots", "index, follow", "noindex, nofollow"),
        ("published", b"\x01", b"\x00"),
        ("published", 1.0, 0.0),
        ("hideFromRecommendations", False, True),
    ],
)
def test_statuses_and_flags_in_the_languages_of_newsrooms(column: str, shown: Any, hidden: Any) -> None:
    rows = [{"id": name, "title": "Ferry aground", column: value} for name, value in (("a", shown), ("b", hidden))]
    table, report = read_articles(rows)
    assert table["id"].to_pylist() == ["a"]
    assert (report.unknown_statuses, report.notes.counts) == ({}, {})


@pytest.mark.parametrize("column", ["unpublish_date", "valid_to", "Gültig bis", "online_until", "expirationDate"])
def test_the_end_of_a_publication_has_names_of_many_forms(column: str) -> None:
    table, _ = read_articles([{"id": 1, "title": "Ferry aground", column: "2026-11-27"}])
    assert f"{table['expires_at'][0].as_py():%Y-%m-%d}" == "2026-11-27"


@pytest.mark.parametrize("word", ["#N/A", "(null)", "#NV", "<NULL>"])
def test_what_sheets_and_databases_write_for_nothing_is_missing(word: str) -> None:
    table, report = read_articles([{"id": 1, "title": "Ferry aground", "lead": word, "published_at": word}])
    assert (table["lead"][0].as_py(), table["published_at"][0].as_py(), report.notes.counts) == ("", None, {})


def test_a_day_and_its_clock_in_columns_of_german_names() -> None:
    row = {"ID": 1, "Titel": "Fähre", "Erscheinungsdatum": "13.03.2026", "Erscheinungszeit": "14:05"}
    assert f"{read_articles([row])[0]['published_at'][0].as_py():%d %H:%M}" == "13 14:05"


@pytest.mark.parametrize("values", [{"robots": "noindex"}, {"noindex": True}])
def test_settings_show_what_search_engines_shall_not_find(values: dict[str, Any]) -> None:
    settings = ReadingSettings(shown_values=("noindex",))
    assert len(read_articles([{"id": 1, "title": "Ferry aground", **values}], settings=settings)[0]) == 1
