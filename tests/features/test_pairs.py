"""Features of pairs against plain Python, and what is missing where something is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommender import Article, Recommender, Settings
from recommender.archive.archive import Archive
from recommender.articles.article import to_table
from recommender.features.families import FAMILIES
from recommender.features.hubness import NEAREST, OWN, SCALE_NEAREST, Hubness
from recommender.features.pairs import Pairs, pair_features
from recommender.features.texts import name_texts, opening_texts
from recommender.features.vectors import SCALE

START = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = "ferry harbour storm mayor Ellery school budget council Santoro opera vote island nurse strike Voss cod quota"
WORDS = np.array(TEXT.split())


def stories(count: int, seed: int = 0) -> list[Article]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        text = " ".join(rng.choice(WORDS, 30)).replace(" strike", ". Strike")
        made.append(
            Article(
                id=f"s{number}",
                title=" ".join(rng.choice(WORDS, 4)) if number % 7 else "",
                body=text,
                section=[None, "news", "news/local", "sport"][number % 4],
                published_at=START + timedelta(hours=int(rng.integers(0, 500))) if number % 9 else None,
            )
        )
    return made


@pytest.fixture(scope="module")
def archive() -> Archive:
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}})
    return Recommender(settings).fit(stories(60)).archive


def features(
    archive: Archive, at: list[int], rows: list[list[int]], pool: list[list[bool]] | None = None
) -> dict[str, np.ndarray]:
    names = [name for family in FAMILIES.values() for name in family.names]
    candidates = np.array(rows)
    marked = candidates >= 0 if pool is None else np.array(pool)
    found = pair_features(Pairs(archive.table, np.array(at), archive.table, candidates, marked), names, FAMILIES)
    return {name: found[:, :, place] for place, name in enumerate(names)}


def test_cosines_of_the_parts_are_those_of_dense_matrices(archive: Archive) -> None:
    every = list(range(60))
    found = features(archive, every, [every] * 60)
    parts = archive.parts
    whole, title, lead, names = (
        one.toarray().astype(np.float64) for one in (parts.whole, parts.title, parts.lead, parts.names)
    )
    untitled = ~title.any(axis=1)
    for name, left, right in (
        ("words.cosine", whole, whole),
        ("title.cosine", title, title),
        ("title.in_item", title, whole),
        ("title.in_story", whole, title),
        ("lead.cosine", lead, lead),
        ("lead.in_item", lead, whole),
        ("lead.in_story", whole, lead),
        ("names.cosine", names, names),
    ):
        wanted = left @ right.T
        if name == "title.cosine":
            wanted[untitled] = wanted[:, untitled] = np.nan
        elif name == "title.in_item":
            wanted[untitled] = np.nan
        elif name == "title.in_story":
            wanted[:, untitled] = np.nan
        np.testing.assert_allclose(found[name], wanted, atol=1e-6, err_msg=name)
    shared = (whole > 0).astype(float)
    np.testing.assert_allclose(found["words.rare"], (shared * archive.table.rarity) @ shared.T, atol=1e-5)


def test_standing_is_told_by_the_pool_alone(archive: Archive) -> None:
    rows = [list(range(1, 31))]
    pool = [[place % 2 == 0 for place in range(30)]]
    found = features(archive, [0], rows, pool)
    values = found["words.cosine"][0].astype(np.float64)
    marked = np.sort(values[::2])[::-1]
    for place, value in enumerate(values):
        assert found["standing.rank"][0, place] == (marked > value).sum()
        assert found["standing.gap"][0, place] == pytest.approx(marked[0] - value, abs=1e-6)
        assert found["standing.lift"][0, place] == pytest.approx(value - marked[2:10].mean(), abs=1e-6)
    fewer = features(archive, [0], [rows[0][:5]], [pool[0][:5]])
    assert fewer["standing.rank"].shape == (1, 5)


def test_nothing_is_told_of_what_is_not_there(archive: Archive) -> None:
    found = features(archive, [0, 1], [[9, -1, 2], [-1, -1, -1]])
    for name, values in found.items():
        assert np.isnan(values[0, 1]), name
        assert np.isnan(values[1]).all(), name
    undated, plain = features(archive, [0], [[1, 2, 3]]), features(archive, [20], [[30, 31, 32]])
    assert archive.table.undated[0]  # undated stories come first
    assert np.isnan(undated["time.distance"]).all()
    assert (plain["time.distance"] >= 0).all()


def test_sections_share_the_levels_of_their_paths() -> None:
    settings = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}})
    sections = ["news/local", "news/world", "news/local", None, "Sport"]
    made = [Article(id=str(n), title=f"Ferry {n}", section=section) for n, section in enumerate(sections)]
    found = features(Recommender(settings).fit(made).archive, [0], [[1, 2, 3, 4]])
    np.testing.assert_array_equal(found["section.same"][0], np.float32([0, 1, np.nan, 0]))
    np.testing.assert_array_equal(found["section.path"][0], np.float32([0.5, 1, np.nan, 0]))


@pytest.mark.filterwarnings("ignore:.*language that the model does not know")
def test_a_vector_of_zeros_is_none(archive: Archive) -> None:
    german = Article(
        id="d", title="Die Fähre", body="Die Fähre liegt im Hafen und der Sturm geht weiter " * 5, language="de"
    )
    english = [
        Article(id=f"e{n}", title="The ferry", body="The ferry lies in the harbour", language="en") for n in range(3)
    ]
    rec = Recommender(Settings()).fit([german, *english])
    row = rec.catalog.row("d")
    assert not rec.archive.vectors[row].any()
    others = [rec.catalog.row(f"e{n}") for n in range(3)]
    found = features(rec.archive, [others[0], row], [[row, others[1]], [others[0], others[1]]])
    assert np.isnan(found["embedding.cosine"][0, 0])
    assert found["embedding.cosine"][0, 1] > 0.9
    assert np.isnan(found["embedding.cosine"][1]).all()


def test_hubness_is_the_mean_of_the_ten_nearest(archive: Archive) -> None:
    whole = archive.terms.toarray().astype(np.float64)
    products = whole @ whole.T
    products[products > 0.9999] = 0  # itself and copies
    wanted = np.sort(products, axis=1)[:, -NEAREST:].mean(axis=1)
    np.testing.assert_allclose(archive.neighbours.hubness, wanted, atol=1e-6)
    alone = archive.terms[:1], archive.vectors[:1]
    assert Hubness.fit(["a"], *alone).neighbours(*alone).hubness.tolist() == [0.0]


def test_local_scale_is_the_mean_of_the_third_to_the_fiftieth_nearest(archive: Archive) -> None:
    for place, rows, itself in ((0, archive.terms.toarray(), 0.9999), (1, archive.vectors / SCALE, 0.999)):
        products = rows.astype(np.float64) @ rows.astype(np.float64).T
        products[products >= itself] = 0
        wanted = np.sort(np.maximum(products, 0), axis=1)[:, -SCALE_NEAREST:-OWN].mean(axis=1)
        np.testing.assert_allclose(archive.neighbours.scale[:, place], wanted, atol=1e-6)


def test_neighbours_of_one_are_those_of_a_batch(archive: Archive) -> None:
    every = archive.hubness.neighbours(archive.terms, archive.vectors)
    for row in (0, len(archive.catalog) // 2, len(archive.catalog) - 1):
        alone = archive.hubness.neighbours(archive.terms[row], archive.vectors[row : row + 1])
        assert alone.hubness.tobytes() == every.hubness[row : row + 1].tobytes()
        assert alone.scale.tobytes() == every.scale[row : row + 1].tobytes()


def test_a_story_without_a_vector_has_no_local_scale_by_vectors(archive: Archive) -> None:
    blank = np.zeros_like(archive.vectors[:1])
    words, dense = archive.hubness.neighbours(archive.terms[:1], blank).scale[0]
    assert words == archive.neighbours.scale[0, 0]
    assert np.isnan(dense)


def test_names_are_capitals_in_mid_sentence() -> None:
    table = to_table(
        [
            Article(
                id="1",
                title="Voss wins",
                body="Mayor Voss met Ana Santoro. She said: Ellery votes.\nIn Ellery the NATO",
            ),
            Article(id="2", body="É"),
            Article(id="3", body="the Älteste met Opera goers, Über alles and Fähre"),
        ]
    )
    (found,) = name_texts(table)
    assert [text.split() for text in found.to_pylist()] == [
        ["Voss", "Ana", "Santoro", "Ellery", "NATO"],
        [],
        ["Älteste", "Opera", "Über", "Fähre"],
    ]


def test_the_opening_is_title_and_sixty_words() -> None:
    body = " ".join(f"w{n}" for n in range(100))
    (found,) = opening_texts(to_table([Article(id="1", title="Ferry aground", lead="A lead.", body=body)]))
    assert found.to_pylist()[0].split() == ["Ferry", "aground", "A", "lead.", *(f"w{n}" for n in range(58))]
