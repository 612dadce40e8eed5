from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.features.vectors import SCALE, cosines, quantise
from recommender.search.index import FlatIndex, VectorIndex

KINDS: dict[str, Callable[[np.ndarray], VectorIndex]] = {
    "flat": FlatIndex,
    "flat in many blocks": lambda vectors: FlatIndex(vectors, block=37),
}


def brute_force(queries: np.ndarray, vectors: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores = queries.astype(float) @ vectors[rows].astype(float).T
    return rows[np.argsort(-scores, axis=1, kind="stable")], -np.sort(-scores, axis=1)


@pytest.mark.parametrize("kind", KINDS)
class TestContract:
    """What holds for every kind of index."""

    @pytest.mark.parametrize("dim", [3, 64, 384])
    @pytest.mark.parametrize("scattered", [False, True])
    def test_finds_the_best(self, kind: str, dim: int, scattered: bool) -> None:
        rng = np.random.default_rng(dim)
        vectors = quantise(rng.normal(size=(300, dim)))
        queries = quantise(rng.normal(size=(25, dim)))
        rows: slice | np.ndarray = rng.permutation(300)[:150] if scattered else slice(40, 260)
        within = np.arange(40, 260) if isinstance(rows, slice) else rows
        found = KINDS[kind](vectors).search(queries, 10, rows)
        best, scores = brute_force(queries, vectors, within)
        for query in range(len(queries)):
            own = [float(queries[query].astype(float) @ vectors[row].astype(float)) for row in found[query]]
            np.testing.assert_allclose(own, scores[query, :10], rtol=1e-5)
            assert len(set(found[query])) == 10
        if dim > 3:
            assert np.array_equal(found, best[:, :10])

    def test_pads_where_there_are_too_few(self, kind: str) -> None:
        vectors = quantise(np.eye(3))
        found = KINDS[kind](vectors).search(vectors[:1], 5, np.array([2, 0]))
        assert found.tolist() == [[0, 2, -1, -1, -1]]

    def test_nothing_allowed_and_nothing_asked(self, kind: str) -> None:
        vectors = quantise(np.eye(3))
        assert KINDS[kind](vectors).search(vectors, 2, slice(1, 1)).tolist() == [[-1, -1]] * 3
        assert KINDS[kind](vectors).search(vectors[:0], 2, slice(0, 3)).shape == (0, 2)

    def test_alone_equals_in_a_batch(self, kind: str) -> None:
        vectors = quantise(np.random.default_rng(1).normal(size=(200, 48)))
        found = KINDS[kind](vectors).search(vectors, 7, slice(0, 200))
        for row in range(0, 200, 17):
            assert np.array_equal(KINDS[kind](vectors).search(vectors[row : row + 1], 7, slice(0, 200))[0], found[row])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 600), st.integers(0, 2**32 - 1))
def test_float32_dot_products_are_exact_in_any_order(rows: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = quantise(rng.normal(size=(rows, dim)) ** 3)  # some components dominate
    exact = vectors.astype(np.int64) @ vectors.astype(np.int64).T
    assert np.abs(exact).max() < 2**24
    order = rng.permutation(dim)
    floats = vectors.astype(np.float32)
    assert np.array_equal(floats @ floats.T, exact)
    assert np.array_equal(floats[:, order] @ floats[:, order].T, exact)
    everyone = np.broadcast_to(np.arange(rows), (rows, rows))
    assert np.array_equal(cosines(vectors, vectors, everyone), (exact / SCALE**2).astype(np.float32))


def test_cosines_of_missing_candidates_are_zero() -> None:
    vectors = quantise(np.eye(2))
    assert cosines(vectors, vectors, np.array([[0, -1], [-1, 1]])).tolist() == [[1, 0], [0, 1]]


def test_quantised_cosines_are_close_to_the_true_ones() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 384))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    everyone = np.broadcast_to(np.arange(200), (200, 200))
    found = cosines(quantise(vectors), quantise(vectors), everyone)
    assert np.abs(found - unit @ unit.T).max() < 1e-3


def test_a_zero_vector_stays_zero() -> None:
    assert quantise(np.zeros((1, 4))).tolist() == [[0, 0, 0, 0]]
