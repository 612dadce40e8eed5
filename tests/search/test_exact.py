"""The blocked, exact search of all stories against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recommender.features.vectors import quantise
from recommender.search import exact, loops, products, scan
from recommender.search.scan import Asking, Best, Block, Held, Rows
from tests.support import oracles


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "BLOCK", 32)


def problem(seed: int, stories: int) -> tuple[Asking, Rows, np.ndarray, int, int]:
    """Stories with ties, copies, windows, rows that may not be shown; and weight, least, count."""
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(stories, 8)) + 0.3)
    vectors[rng.integers(0, stories, stories // 4)] = vectors[rng.integers(stories)]
    hour = np.sort(rng.integers(0, int(rng.choice([1, 200, 20_000])), stories))
    # ranks are those in an archive of which these rows are a part
    rows = Rows(vectors, np.arange(stories), rng.random(stories) < 0.9, hour, rng.permutation(9 * stories)[:stories])
    spans = np.tile([0, stories, 0, 0], (stories, 1))
    if seed % 2:
        window = int(rng.integers(1, 5_000))
        recent = np.searchsorted(hour, hour.max() - window)
        start, end = np.searchsorted(hour, hour - window), np.searchsorted(hour, hour + window, "right")
        spans = np.stack([start, np.minimum(end, recent), np.full(stories, recent), np.full(stories, stories)], axis=1)
    asking = Asking(vectors, np.arange(stories), np.arange(stories), hour, spans)
    weight = np.exp2(-np.arange(20_001) / (24 * 30)) if seed % 3 else np.ones(20_000)
    return asking, rows, weight, int(rng.choice([0, 3_000_000, 12_000_000])), int(rng.integers(1, 40))


def brute_force(asking: Asking, rows: Rows, count: int, least: int, weight: np.ndarray) -> np.ndarray:
    dots = asking.vectors[asking.rows].astype(np.int64) @ rows.vectors[rows.rows].astype(np.int64).T
    scores = dots * weight[np.abs(asking.hour[:, None] - rows.hour)]
    at = np.arange(len(rows.rows))
    a, b, c, d = (column[:, None] for column in asking.spans.T)
    able = rows.shown & (dots >= max(least, 1)) & (at != asking.own[:, None])
    able &= ((at >= a) & (at < b)) | ((at >= c) & (at < d))
    found = np.full((len(dots), count), -1)
    for story, score in enumerate(scores):
        order = np.lexsort((rows.id_rank, -score))
        best = order[able[story][order]][:count]
        found[story, : len(best)] = best
    return found


def places(best: Best) -> np.ndarray:
    return best.place


@pytest.mark.usefixtures("many_blocks")
class TestExact:
    @pytest.mark.parametrize("seed", range(24))
    def test_finds_what_brute_force_finds(self, seed: int) -> None:
        asking, rows, weight, least, count = problem(seed, 230)
        wanted = brute_force(asking, rows, count, least, weight)
        found = exact.nearest(asking, rows, count, least=least, weight=weight)
        assert np.array_equal(places(found), wanted)
        blocks = list(exact.every(asking, rows, count, least=least, weight=weight))
        assert [start for start, _ in blocks] == list(range(0, 230, 32))
        assert np.array_equal(np.concatenate([places(best) for _, best in blocks]), wanted)

    def test_products_are_exact(self) -> None:
        asking, rows, weight, _, _ = problem(2, 100)
        found = exact.nearest(asking, rows, 10, weight=weight)
        at, dot = found
        story, column = np.nonzero(at >= 0)
        near = rows.vectors[at[story, column]].astype(np.int64)
        assert np.array_equal(dot[story, column], (asking.vectors[story].astype(np.int64) * near).sum(axis=1))

    def test_few_stories_and_none(self) -> None:
        asking, rows, weight, least, count = problem(5, 200)
        few = asking.take(np.array([190, 3, 77]))
        wanted = brute_force(few, rows, count, least, weight)
        assert np.array_equal(places(exact.nearest(few, rows, count, least=least, weight=weight)), wanted)
        none = asking.take(np.zeros(0, dtype=np.int64))
        assert len(exact.nearest(none, rows, count).size) == 0

    def test_no_rows(self) -> None:
        asking, rows, _, _, _ = problem(0, 20)
        empty = Rows(rows.vectors, *(column[:0] for column in rows[1:]))
        foreign = asking._replace(own=np.full(20, -1), spans=np.zeros((20, 4), dtype=np.int64))
        assert (exact.nearest(foreign, empty, 5).size == 0).all()


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("seed", range(12))
def test_half_precision_loses_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, rows, weight, least, count = problem(seed, 230)
    monkeypatch.setattr(products, "TORCH", 0)
    monkeypatch.setattr(products, "bfloat16_unit", lambda: "avx512")
    monkeypatch.setattr(products, "_CONVERTED", 2_000)  # a few blocks
    wanted = brute_force(asking, rows, count, least, weight)
    assert np.array_equal(places(exact.nearest(asking, rows, count, least=least, weight=weight)), wanted)
    blocks = exact.every(asking, rows, count, least=least, weight=weight)
    assert np.array_equal(np.concatenate([places(best) for _, best in blocks]), wanted)


@given(seed=st.integers(0, 2**16))
def test_half_precision_errs_by_less_than_its_bound(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "TORCH", 0)
        patch.setattr(products, "FEW", 0)
        patch.setattr(products, "bfloat16_unit", lambda: "avx512")
        rng = np.random.default_rng(seed)
        vectors = quantise(rng.normal(size=(40, int(rng.integers(1, 200)))) ** 3)
        rounded = products.Products(vectors, np.arange(40), 40, 40)
        side = rounded.block(0)
        found = rounded(side, side).astype(np.uint16).astype(np.uint32) << 16
    true = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    reached = (true - products.slack(side, side)[:, None]) * loops.HALF
    assert (found.view(np.float32)[reached > 0] >= reached[reached > 0]).all()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_blocks_are_offered_as_by_numpy(seed: int, by_row: bool, half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, rows, weight, least, count = problem(seed, 230)
    monkeypatch.setattr(products, "TORCH", 0 if half else 1 << 62)
    monkeypatch.setattr(products, "bfloat16_unit", lambda: "avx512")
    multiply = products.Products(rows.vectors, rows.rows, 230, 64)
    assert multiply.exact is not half
    stories = np.arange(70, 190)
    side, bound = multiply.side(asking.vectors, asking.rows[stories]), np.full(len(stories), max(least, 1.0))
    held, other = (Held.empty(230, count) for _ in range(2))
    for number in range(4):
        near = multiply.block(number)
        block = Block(
            stories, 64 * number, np.ones(len(stories)), products.slack(side, near), least, weight, multiply.exact
        )
        product = multiply(near, side) if by_row else multiply(side, near)
        scan.offer(product, bound, block, asking, rows, held, by_row)
        oracles.offer(product, bound, block, asking, rows, other, by_row)
    assert held.size.any()
    for found, wanted in zip(held.best(asking, rows, weight), other.best(asking, rows, weight), strict=True):
        assert np.array_equal(found, wanted)


@given(seed=st.integers(0, 2**16), distinct=st.integers(1, 60))
def test_lines_are_thinned_as_by_numpy(seed: int, distinct: int) -> None:
    asking, rows, weight, _, count = problem(seed, 100)
    rng = np.random.default_rng(seed)
    held = Held.empty(100, count)
    room = held.place.shape[1]
    held.place[:] = [rng.permutation(100)[:room] for _ in range(100)]
    held.dot[:] = rng.integers(1, distinct + 1, (100, room))  # few values: many ties
    held.size[:] = rng.integers(count, room + 1, 100)
    other = Held(*(column.copy() for column in held[:4]), count)
    oracles.thin(other, np.arange(100), asking, rows, weight)
    scratch = np.empty((3, room + 1))
    for story in range(100):
        loops.thin(story, asking.hour, rows.hour, rows.id_rank, weight, *held, scratch)
    assert np.array_equal(held.place[:, :count], other.place[:, :count])
    assert np.array_equal(held.dot[:, :count], other.dot[:, :count])
    assert np.array_equal(held.size, other.size)
    assert np.array_equal(held.worst, other.worst)


@given(seed=st.integers(0, 2**16), stories=st.integers(1, 90))
def test_all_with_all_is_each_alone(seed: int, stories: int) -> None:
    asking, rows, weight, least, count = problem(seed, stories)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK", 16)
        together = np.concatenate(
            [places(best) for _, best in exact.every(asking, rows, count, least=least, weight=weight)]
        )
    assert np.array_equal(together, places(exact.nearest(asking, rows, count, least=least, weight=weight)))


def test_half_precision_keeps_to_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each that it meets, oneDNN keeps machine code."""
    monkeypatch.setattr(products, "TORCH", 0)
    monkeypatch.setattr(products, "bfloat16_unit", lambda: "avx512")
    multiply, shapes = torch.mm, set()

    def heard(a: torch.Tensor, b: torch.Tensor, **options: torch.Tensor) -> torch.Tensor:
        shapes.add((a.shape, b.shape))
        return multiply(a, b, **options)

    monkeypatch.setattr(torch, "mm", heard)
    rng = np.random.default_rng(0)
    vectors = quantise(rng.normal(size=(1_500, 8)))
    rounded = products.Products(vectors, np.arange(1_500), 1_500, 1_024)
    whole = rounded.side(vectors, np.arange(1_500))
    for _ in range(300):
        stories, start, rows = rng.integers(0, 700), rng.integers(0, 700), rng.integers(1, 700)
        some, others = whole.take(slice(0, stories)), whole.take(slice(start, start + rows))
        found = rounded(some, others).astype(np.uint16).astype(np.uint32) << 16
        exactly = vectors[:stories].astype(np.float64) @ vectors[start : start + rows].T
        assert found.shape == (stories, rows)
        assert np.allclose(found.view(np.float32), exactly, rtol=2.0**-7, atol=2e5)
    assert len(shapes) <= 10
