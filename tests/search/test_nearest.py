"""The search of many stories against brute force: of all rows, and of those within reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from recommender.features.tfidf import Tfidf
from recommender.features.vectors import SCALE
from recommender.search import loops
from recommender.search import nearest as module
from recommender.search.keys import KEYS, Keys, Postings, mask_distinctive_words
from recommender.search.limits import Limits
from recommender.search.nearest import nearest
from recommender.search.pools import Queries
from recommender.search.table import Rows
from tests.support import searching


class Problem(NamedTuple):
    """Stories that ask, some with windows, the rows that they may find, and how many are wanted."""

    queries: Queries
    rows: Rows
    windows: np.ndarray | None
    count: int
    allowed: np.ndarray
    id_rank: np.ndarray


def problem(seed: int, stories: int, near: bool = False) -> Problem:
    rng = np.random.default_rng(seed)
    table = searching.table(rng, stories, near)
    found = np.sort(rng.permutation(stories)[: max(int((0.9, 0.3)[seed % 3 == 0] * stories), 1)])
    time, timeless = rng.integers(0, 50, stories), rng.random(stories) < 0.1
    windows = None if near or seed % 2 else np.sort(rng.integers(0, 50, (stories, 4)), axis=1)
    id_rank = rng.permutation(9 * stories)[:stories]  # ranks are those in an archive of which these are a part
    rows = table.rows(found, id_rank, *((time, timeless) if windows is not None else ()))
    own = np.where(rng.random(stories) < 0.9, np.arange(stories), -1)
    queries = Queries(table, np.arange(stories), own, np.zeros(stories, np.int64), np.zeros(stories, np.int32))
    allowed = np.zeros((stories, stories), dtype=bool)
    allowed[:, found] = True
    allowed &= np.arange(stories) != own[:, None]
    if windows is not None:
        a, b, c, d = windows.T[:, :, None]
        allowed &= timeless | ((time >= a) & (time <= b)) | ((time >= c) & (time <= d))
    if near:
        allowed &= searching.reached(table, table)
    return Problem(queries, rows, windows, int(rng.integers(1, 40)), allowed, id_rank)


def brute_force(one: Problem, least: np.ndarray | None = None, dots: np.ndarray | None = None) -> np.ndarray:
    dots = searching.products(one.queries.search, one.queries.search) if dots is None else dots
    able = one.allowed & (dots >= (1 if least is None else np.maximum(least, 1)[:, None]))
    found = np.full((len(dots), one.count), -1)
    for story, dot in enumerate(dots):
        order = np.lexsort((one.id_rank, -dot))
        best = order[able[story][order]][: one.count]
        found[story, : len(best)] = best
    return found


@pytest.mark.parametrize("kind", ["integers", "single", "PyTorch", "near"])
class TestNearest:
    @pytest.fixture(autouse=True)
    def blocks(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_FEW", 1 << 30 if kind == "integers" else 8)
        monkeypatch.setattr(module, "_PRODUCTS", 5_000)

    @pytest.mark.parametrize("seed", range(24))
    def test_finds_what_brute_force_finds(self, seed: int, kind: str) -> None:
        one = problem(seed, 230, kind == "near")
        options = {"within_reach": kind == "near", "windows": one.windows, "torch": kind == "PyTorch"}
        found = nearest(one.queries, one.rows, one.count, **options)  # type: ignore[arg-type]
        assert np.array_equal(found, brute_force(one))
        least = np.random.default_rng(seed).integers(0, 120_000_000, 230).astype(np.int32)
        found = nearest(one.queries, one.rows, one.count, least=least, **options)  # type: ignore[arg-type]
        assert np.array_equal(found, brute_force(one, least))

    def test_a_story_alone_finds_what_it_finds_among_all(self, kind: str) -> None:
        for seed in range(8):
            one = problem(seed, 90, kind == "near")
            together = nearest(one.queries, one.rows, one.count, within_reach=kind == "near", windows=one.windows)
            alone = np.array([7 * seed])
            windows = None if one.windows is None else one.windows[alone]
            found = nearest(one.queries.take(alone), one.rows, one.count, within_reach=kind == "near", windows=windows)
            assert np.array_equal(found, together[alone])

    def test_nobody_asks_and_nothing_can_be_found(self, kind: str) -> None:
        one = problem(0, 20, kind == "near")
        assert nearest(one.queries.take(np.zeros(0, np.int64)), one.rows, 5, within_reach=kind == "near").shape == (
            0,
            5,
        )
        empty = one.queries.search.rows(np.zeros(0, np.int64), one.id_rank)
        assert (nearest(one.queries, empty, 5, within_reach=kind == "near") == -1).all()


def test_rows_of_several_tiles_are_found_alike() -> None:
    rng, stories = np.random.default_rng(0), 2 * loops.TILE + 77  # the last tile is not full
    table, id_rank = searching.table(rng, stories, near=True), rng.permutation(stories)
    at, none = np.sort(rng.permutation(stories)[:40]), np.full(40, -1)
    queries = Queries(table, at, none, np.zeros(40, np.int64), np.zeros(40, np.int32))
    rows, asking = table.rows(np.arange(stories), id_rank), table.take(at)
    one = Problem(queries, rows, None, 30, searching.reached(asking, table), id_rank)
    found = nearest(queries, rows, one.count, within_reach=True)
    assert np.array_equal(found, brute_force(one, dots=searching.products(asking, table)))


@given(seed=st.integers(0, 2**16))
def test_products_of_pairs_are_those_of_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = searching.table(rng, 30)
    rows = rng.integers(-1, 30, (20, 7))
    at = rng.integers(0, 30, 20)
    wanted = np.where(rows >= 0, np.take_along_axis(searching.products(table, table)[at], rows, axis=1), 0)
    assert np.array_equal(table.products(at, table, rows), wanted)


@given(seed=st.integers(0, 2**16))
def test_keys_are_the_weightiest_of_the_distinctive_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.random((5, 200)) * (rng.random((5, 200)) < rng.choice([0.1, 0.9]))
    values /= np.linalg.norm(values, axis=1, keepdims=True) + 1e-9
    terms, is_distinctive = sp.csr_matrix(values.astype(np.float32)), rng.random(200) < 0.9
    vectors = np.array([[1], [0], [1], [1], [1]], dtype=np.int16)
    keys = Keys.from_terms(terms, is_distinctive, vectors)
    scale = np.where(vectors[:, 0] > 0, np.float32(np.sqrt(0.7)), np.float32(1)) * np.float32(SCALE)
    weights = np.rint(values.astype(np.float32) * scale[:, None]).astype(int) * is_distinctive
    for row, weight in enumerate(weights):
        best = np.argsort(-weight, kind="stable")[:KEYS]
        best = np.sort(best[weight[best] > 0])
        assert keys.words[row][keys.words[row] >= 0].tolist() == best.tolist()
        assert keys.weights[row][: len(best)].tolist() == weight[best].tolist()


def test_words_of_one_story_or_of_very_many_tell_nothing() -> None:
    texts = [f"harbour {'opera ' * (n % 5 == 0)}{'seagrass ' * (n < 2)}word{n}" for n in range(4_004)]
    tfidf, _ = Tfidf.fit(texts)
    mask = dict(zip(tfidf.terms, mask_distinctive_words(tfidf).tolist(), strict=True))
    assert {name: mask[name] for name in ("harbour", "opera", "seagrass", "word7")} == {
        "harbour": False,
        "opera": True,
        "seagrass": True,
        "word7": False,
    }


def test_postings_tell_where_each_word_stands() -> None:
    keys = searching.table(np.random.default_rng(0), 50).keys
    order = np.random.default_rng(1).permutation(50)[:40]
    for rows in (None, order):
        postings = Postings.from_keys(keys, searching.VOCABULARY, rows)
        some = keys if rows is None else keys.take(rows)
        for word in range(searching.VOCABULARY):
            part = slice(postings.offsets[word], postings.offsets[word + 1])
            line, place = np.nonzero(some.words == word)
            assert postings.positions[part].tolist() == line.tolist()
            assert postings.weights[part].tolist() == some.weights[line, place].tolist()


class TestReach:
    """How far a story looks does not depend on who else is there."""

    def test_it_is_the_same_alone_in_another_order_and_in_small_blocks(self) -> None:
        table = searching.table(np.random.default_rng(3), 300, near=True)
        frozen = searching.shortlist(table.keys, table.vectors)
        order = np.random.default_rng(4).permutation(300)[:37]
        for rows in (order, order[:1]):
            found = frozen.reach(table.keys.take(rows), table.vectors[rows])
            assert table.reach is not None
            assert np.array_equal(found.cut, table.reach.cut[rows])
            assert np.array_equal(found.cell, table.reach.cell[rows])

    def test_a_story_lies_in_the_cell_of_the_nearest_centre(self) -> None:
        table = searching.table(np.random.default_rng(5), 300, near=True)
        frozen = searching.shortlist(table.keys, table.vectors)
        assert table.reach is not None
        dots = table.vectors.astype(np.int64) @ frozen.centres[:-1].astype(np.int64).T
        wanted = np.where(table.vectors.any(axis=1), dots.argmax(axis=1), len(frozen.centres) - 1)
        assert table.reach.cell.tolist() == wanted.tolist()
        assert not frozen.centres[-1].any()

    def test_it_holds_about_as_many_as_are_wanted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(searching, "LIMITS", Limits(near=300, rank=64))
        table = searching.table(np.random.default_rng(6), 3_000, near=True)
        assert table.reach is not None
        counts = searching.reached(table, table).sum(axis=1)
        assert 0.7 < np.median(counts / 300) < 1.4


@given(seed=st.integers(0, 2**16), distinct=st.integers(1, 60))
def test_lines_are_thinned_to_their_best(seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    count, room = 20, 52
    place = np.array([rng.permutation(100)[:room] for _ in range(30)], dtype=np.int32)
    dot = rng.integers(1, distinct + 1, (30, room)).astype(np.int32)  # few values: many ties
    size, worst = rng.integers(count, room + 1, 30).astype(np.int32), np.zeros(30, np.int32)
    id_rank = rng.permutation(100)
    before = [list(zip(-dot[i, :n], id_rank[place[i, :n]], place[i, :n], strict=True)) for i, n in enumerate(size)]
    for story in range(30):
        loops.thin(story, id_rank, place, dot, size, worst, count, np.empty((2, room + 1), np.int64))
    for story, held in enumerate(before):
        best = sorted(held)[:count]
        assert sorted(place[story, :count]) == sorted(row for *_, row in best)
        assert worst[story] == -best[-1][0]
        assert size[story] == count
