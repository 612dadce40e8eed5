"""The search of many stories against brute force, in every precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recommender.features.vectors import quantise
from recommender.search import loops, products
from recommender.search.nearest import Asking, Rows, nearest, nearest_of_each_other
from recommender.search.products import Products


def problem(seed: int, stories: int) -> tuple[Asking, Rows, int]:
    """Make stories with ties, copies, windows and rows that every story may find; and a count."""
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(stories, 8)) + 0.3)
    vectors[rng.integers(0, stories, stories // 4)] = vectors[rng.integers(stories)]
    found = np.sort(rng.permutation(stories)[: max(int(0.9 * stories), 1)])
    free = int(rng.integers(0, len(found))) if seed % 2 else 0
    # ranks are those in an archive of which these rows are a part
    rows = Rows(vectors, found, rng.random(len(found)) < 0.9, free, rng.permutation(9 * stories)[: len(found)])
    spans = np.tile([0, len(found), 0, 0], (stories, 1))
    if seed % 2:
        spans = np.sort(rng.integers(free, len(found) + 1, (stories, 4)), axis=1)
    own = np.where(rng.random(stories) < 0.9, np.arange(stories), -1)
    return Asking(vectors, np.arange(stories), own, spans), rows, int(rng.integers(1, 40))


def brute_force(asking: Asking, rows: Rows, count: int, least: np.ndarray | None = None) -> np.ndarray:
    dots = asking.vectors[asking.at].astype(np.int64) @ rows.vectors[rows.rows].astype(np.int64).T
    at = np.arange(len(rows.rows))
    a, b, c, d = (column[:, None] for column in asking.spans.T)
    able = rows.shown & (dots >= 1) & (rows.rows != asking.own[:, None])
    able &= (at < rows.free) | ((at >= a) & (at < b)) | ((at >= c) & (at < d))
    if least is not None:
        able &= dots >= least[:, None]
    found = np.full((len(dots), count), -1)
    for story, dot in enumerate(dots):
        order = np.lexsort((rows.id_rank, -dot))
        best = rows.rows[order[able[story][order]][:count]]
        found[story, : len(best)] = best
    return found


@pytest.fixture(params=["integers", "single", "PyTorch", "half"])
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Multiply in one of the ways that there are, whatever this processor has."""
    monkeypatch.setattr(products, "FEW", 1 << 30 if request.param == "integers" else 0)
    monkeypatch.setattr(products, "half_pays", lambda: request.param == "half")
    return str(request.param)


class TestNearest:
    @pytest.mark.parametrize("seed", range(24))
    def test_finds_what_brute_force_finds(self, seed: int, precision: str) -> None:
        asking, rows, count = problem(seed, 230)
        torch = precision in ("PyTorch", "half")
        found = nearest(asking, rows, count, torch=torch, block=64)
        assert np.array_equal(found, brute_force(asking, rows, count))
        least = np.random.default_rng(seed).integers(0, 12_000_000, 230).astype(np.int32)
        found = nearest(asking, rows, count, least=least, torch=torch, block=100)
        assert np.array_equal(found, brute_force(asking, rows, count, least))

    @pytest.mark.parametrize("seed", range(12))
    def test_all_with_all_is_each_alone(self, seed: int, precision: str) -> None:
        asking, rows, count = problem(seed, 230)
        asking = Asking(asking.vectors, rows.rows, rows.rows, asking.spans[: len(rows.rows)])
        asks = np.random.default_rng(seed).random(len(rows.rows)) < 0.8
        least = np.where(asks, 0, np.iinfo(np.int32).max).astype(np.int32)
        torch = precision in ("PyTorch", "half")
        blocks = list(nearest_of_each_other(asking, rows, count, least, torch=torch, block=32))
        assert [part.start for part, _ in blocks] == list(range(0, len(rows.rows), 32))
        found = np.concatenate([best for _, best in blocks])
        assert np.array_equal(found[asks], brute_force(asking, rows, count)[asks])
        assert (found[~asks] == -1).all()

    @given(seed=st.integers(0, 2**16), stories=st.integers(1, 90), block=st.integers(1, 90))
    def test_a_story_alone_finds_what_it_finds_among_all(self, seed: int, stories: int, block: int) -> None:
        asking, rows, count = problem(seed, stories)
        together = nearest(asking, rows, count, block=block)
        assert np.array_equal(together, brute_force(asking, rows, count))
        one = np.array([seed % stories])
        assert np.array_equal(nearest(asking.take(one), rows, count), together[one])

    def test_nobody_asks_and_nothing_can_be_found(self) -> None:
        asking, rows, _ = problem(0, 20)
        assert nearest(asking.take(slice(0)), rows, 5).shape == (0, 5)
        empty = Rows.of(rows.vectors, rows.rows[:0], rows.id_rank[:0])
        assert (nearest(asking, empty, 5) == -1).all()


@given(seed=st.integers(0, 2**16))
def test_half_precision_errs_by_less_than_its_bound(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "FEW", 0)
        patch.setattr(products, "half_pays", lambda: True)
        rng = np.random.default_rng(seed)
        vectors = quantise(rng.normal(size=(40, int(rng.integers(1, 200)))) ** 3)
        rounded = Products(40, 40, True)
        side = rounded.side(vectors, np.arange(40))
        found = rounded(side, side)[:40, :40].astype(np.uint16).astype(np.uint32) << 16
        slack = rounded.slack(side, side)
    true = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    reached = (true - slack[:, None]) * loops.HALF
    assert (found.view(np.float32)[reached > 0] >= reached[reached > 0]).all()


def test_half_precision_keeps_to_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each that it meets, oneDNN keeps machine code."""
    monkeypatch.setattr(products, "FEW", 0)
    monkeypatch.setattr(products, "half_pays", lambda: True)
    multiply, shapes = torch.mm, set()

    def heard(a: torch.Tensor, b: torch.Tensor, **options: torch.Tensor) -> torch.Tensor:
        shapes.add((a.shape, b.shape))
        return multiply(a, b, **options)

    monkeypatch.setattr(torch, "mm", heard)
    rng = np.random.default_rng(0)
    vectors = quantise(rng.normal(size=(1_500, 8)))
    rounded = Products(1_500, 1_500, True)
    for _ in range(300):
        stories, rows = np.arange(rng.integers(1, 700)), np.arange(rng.integers(1, 700)) + rng.integers(0, 700)
        product = rounded(rounded.side(vectors, stories), rounded.side(vectors, rows))[: len(stories), : len(rows)]
        found = product.astype(np.uint16).astype(np.uint32) << 16
        exactly = vectors[stories].astype(np.float64) @ vectors[rows].T
        assert np.allclose(found.view(np.float32), exactly, rtol=2.0**-7, atol=2e5)
    assert len(shapes) <= 10


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
