"""How names are written, learned from the texts of an archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recommender.articles.article import Article, to_table
from recommender.articles.text import whole_texts
from recommender.features.spelling import Spelling, _with_marks
from recommender.features.tfidf import Tfidf
from recommender.lists.wording import Wording

BODIES = (
    "On Monday the mayor, Livia Santoro, spoke to NATO officers. Later Santoro left for Rome.",
    "In the evening Livia Santoro met the band McKay and a crowd; people from NATO came as well.",
    "It was said that Santoro sang with McKay in the harbour of Rome.",
    "The harbour was quiet. Fishing went on, and the crowd went home.",
)


@pytest.fixture
def fitted() -> tuple[Tfidf, Spelling]:
    table = to_table([Article(id=str(n), title="untitled", body=body) for n, body in enumerate(BODIES)])
    tfidf, _ = Tfidf.fit(whole_texts(table))
    return tfidf, Spelling.fit(table, tfidf)


def test_names_keep_their_own_spelling(fitted: tuple[Tfidf, Spelling]) -> None:
    tfidf, spelling = fitted
    written = dict(zip(tfidf.terms, spelling.written.to_pylist(), strict=True))
    assert {term: one for term, one in written.items() if one} == {
        "livia": "Livia",
        "mckay": "McKay",
        "monday": "Monday",
        "nato": "NATO",
        "rome": "Rome",
        "santoro": "Santoro",
    }
    assert spelling.is_name.tolist() == [term in {k for k, v in written.items() if v} for term in tfidf.terms]


def test_a_name_knows_what_completes_it(fitted: tuple[Tfidf, Spelling]) -> None:
    tfidf, spelling = fitted
    place = tfidf.terms.index
    assert spelling.before[place("santoro")] == place("livia")
    assert spelling.after[place("livia")] == place("santoro")
    assert spelling.before[place("rome")] == spelling.after[place("rome")] == -1


def test_what_mostly_stands_beside_other_names_is_bare() -> None:
    bodies = [
        "Later Paul Moss and Professor Ada Reed met Rand Paul; then Paul left for Rome.",
        "In the end Paul Rook, a friend of Ada Quill, met Professor Reed in Rome, as Paul had said; and Paul knew.",
    ]
    table = to_table([Article(id=str(n), title="untitled", body=body) for n, body in enumerate(bodies)])
    tfidf, _ = Tfidf.fit(whole_texts(table))
    spelling = Spelling.fit(table, tfidf)
    bare = {term for term, bare in zip(tfidf.terms, spelling.bare, strict=True) if bare}
    assert bare == {"ada", "professor", "rand", "reed"}, "what stands behind ever other names is too"


def test_a_part_of_the_vocabulary_keeps_its_names(fitted: tuple[Tfidf, Spelling], tmp_path: Path) -> None:
    tfidf, spelling = fitted
    kept = np.array([number for number, term in enumerate(tfidf.terms) if term != "livia"])
    fewer = spelling.select_terms(kept)
    names = [tfidf.terms[number] for number in kept]
    assert fewer.written[names.index("nato")].as_py() == "NATO"
    assert fewer.before[names.index("santoro")] == -1
    fewer.save(tmp_path, "spelling")
    again = Spelling.load(tmp_path, "spelling", len(kept))
    assert again.written.equals(fewer.written)
    assert np.array_equal(again.before, fewer.before)
    assert np.array_equal(again.after, fewer.after)
    with pytest.raises(ValueError, match="terms of 3"):
        Spelling.load(tmp_path, "spelling", 3)


def stories(*bodies: str) -> pa.Table:
    return to_table([Article(id=str(n), title="untitled", body=body) for n, body in enumerate(bodies)])


def fit(*bodies: str) -> tuple[list[str], Spelling]:
    table = stories(*bodies)
    tfidf, _ = Tfidf.fit(whole_texts(table))
    return tfidf.terms, Spelling.fit(table, tfidf)


def test_double_names_keep_their_hyphens_and_apostrophes() -> None:
    terms, spelling = fit(
        "In May Ada Roybal-Allard met Brian O'Toole, and then Roybal-Allard met O\u2019Toole in Rome."
    )
    allard, toole = terms.index("allard"), terms.index("toole")
    assert spelling.before[allard] == terms.index("roybal")
    assert spelling.joint[allard].as_py() == "-"
    assert spelling.written[toole].as_py() == "O'Toole"
    assert spelling.is_name[toole]


@pytest.mark.parametrize(
    "name",
    [
        *("Roybal-Allard", "O'Toole", "Grade 4", "Bank of Norway", "Bank of the West", "Ministry for Health"),
        *("Rio de Janeiro", "Rua de la Paz", "Rue du Bac", "Rue des Arts", "Paseo del Prado", "Lido di Ostia"),
        *("Vasco da Gama", "Praia do Sol", "Vincent van Gogh", "Otto von Moor"),
    ],
)
def test_what_joins_a_name_is_marked_though_no_text_has_anything_else(name: str) -> None:
    for column in ("lead", "body"):
        table = to_table([Article(id="a", title="untitled", **{column: f"Then {name} came"})]).select(["lead", "body"])
        marked = _with_marks(table)[column][0].as_py()
        assert sum(one in marked for one in "\u2010\u02bc\u2423") == 1, marked


@pytest.mark.parametrize(
    ("body", "term", "expected"),
    [
        ("Then the Bank of Norway met at the Bank of Norway in Rome.", "bank", "Bank of Norway"),
        ("In the Institute of Allergy and another Institute of Allergy.", "allergy", "Institute of Allergy"),
        ("In Grade 4 or in Grade 7.", "grade", "Grade"),
        ("Near Saint John, Saint Charles, Lac Saint-Jean and Saint-Henri.", "saint", "Saint"),
        ("Then the mayor of Rome met Ada in Rome.", "rome", None),
        ("Then Ada Moss met Ada Moss in Rome.", "moss", None),
    ],
)
def test_what_is_but_a_part_of_names_says_little_alone(body: str, term: str, expected: str | None) -> None:
    terms, spelling = fit(body)
    wording = Wording.fit(Tfidf.fit(whole_texts(stories(body)))[0], spelling)
    number = np.array([terms.index(term)])
    assert wording.says_little(number)[0] == (expected is not None)
    if expected is not None:
        assert wording.spell(number, wording.completions(number))[0].as_py() == expected


def test_a_word_completes_a_name_only_where_it_nearly_always_stands_there() -> None:
    terms, spelling = fit(
        "In the Oval Office one day; the Oval Office again; at the Lincoln Memorial; the day of Memorial Day, "
        "an office, by the Grant Memorial; one day, another office, at the War Memorial"
    )
    assert spelling.after[terms.index("oval")] == terms.index("office")
    assert spelling.written[terms.index("office")].as_py() == "Office"
    assert spelling.after[terms.index("memorial")] == -1


def test_what_stands_before_a_first_name_completes_no_name() -> None:
    terms, spelling = fit("There Minister Ada Moss met Minister Ada Moss, and Minister Ada Reed met Minister Ada Moss.")
    assert spelling.before[terms.index("ada")] == spelling.after[terms.index("minister")] == -1
    assert spelling.after[terms.index("ada")] == terms.index("moss")


@pytest.mark.parametrize(
    ("body", "term", "expected"),
    [
        ("there the World Economic Forum met the World Economic Forum of Rome;", "forum", "World Economic Forum"),
        ("there Keisha Lance Bottoms met Keisha Lance Bottoms, and Bottoms left;", "bottoms", "Keisha Lance Bottoms"),
        (
            "there Minister Ada Moss met Minister Ada Moss, Minister Reed, Minister Bell and Minister Lang;",
            "moss",
            "Ada Moss",
        ),
        ("there Heinz Bell and Heinz Reed met Heinz-Leo Moss and Heinz-Leo Moss;", "moss", "Heinz-Leo Moss"),
        ("there the Hall of Fame met the Hall of Fame in the Hall of Fame;", "fame", "Hall of Fame"),
    ],
)
def test_names_are_told_whole_and_without_titles(body: str, term: str, expected: str) -> None:
    terms, spelling = fit(body * 2)
    wording = Wording.fit(Tfidf.fit(whole_texts(stories(body * 2)))[0], spelling)
    number = np.array([terms.index(term)])
    assert wording.spell(number, wording.completions(number))[0].as_py() == expected


def test_an_archive_of_an_earlier_version_has_fewer_columns(fitted: tuple[Tfidf, Spelling], tmp_path: Path) -> None:
    tfidf, spelling = fitted
    spelling.save(tmp_path, "spelling")
    with pa.OSFile(str(tmp_path / "spelling.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    earlier = table.drop_columns(["is_name", "joint", "whole"])
    written = pc.if_else(table["is_name"], table["written"], None)
    earlier = earlier.set_column(0, "written", written)
    with pa.OSFile(str(tmp_path / "old.arrow"), "wb") as sink, pa.ipc.new_file(sink, earlier.schema) as writer:
        writer.write_table(earlier)
    again = Spelling.load(tmp_path, "old", len(tfidf.terms))
    assert np.array_equal(again.is_name, spelling.is_name)
    assert set(again.joint.to_pylist()) == {" "}
