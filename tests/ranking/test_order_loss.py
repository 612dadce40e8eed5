"""The loss that learns the order of a story's candidates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.ranking import learn as learning
from recommender.ranking import order_loss
from recommender.ranking.learn import LinkedPairs, learn
from recommender.ranking.ndcg import ndcg_by_story
from recommender.ranking.order_loss import PLACES, OrderLoss
from tests.support import oracles

Derivatives = tuple[NDArray[np.float64], NDArray[np.float64]]


def derivatives(story: list[int], linked: list[int], scores: list[float]) -> Derivatives:
    is_linked = np.array(linked, dtype=bool)
    loss = OrderLoss(np.array(story), is_linked)
    gradient, hessian = loss.gradient_hessian(is_linked.astype(float), np.array(scores))
    return gradient, hessian


@given(seed=st.integers(0, 2**31), n_stories=st.sampled_from([1, 5, 700]))
@settings(max_examples=20, deadline=None)
def test_the_loop_finds_what_numpy_finds(seed: int, n_stories: int) -> None:
    """Also with equal scores, stories of one candidate, and more candidates than places."""
    rng = np.random.default_rng(seed)
    story = np.repeat(np.cumsum(rng.integers(1, 4, n_stories)), rng.integers(1, 2 * PLACES, n_stories))
    is_linked = rng.random(len(story)) < 0.2
    scores = np.round(rng.normal(0, 3, len(story)), 1)
    found = OrderLoss(story, is_linked).gradient_hessian(is_linked.astype(float), scores)
    wanted = oracles.order_derivatives(story, is_linked, scores, PLACES, order_loss._FLAT)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1], np.maximum(wanted[1], order_loss._LEAST), rtol=1e-9, atol=1e-12)


def test_derivatives_are_the_same_bits_however_stories_are_shared_out() -> None:
    rng = np.random.default_rng(0)
    story = np.repeat(np.arange(1_500), 12)
    is_linked, scores = rng.random(len(story)) < 0.2, rng.normal(0, 1, len(story))
    whole = OrderLoss(story, is_linked).gradient_hessian(is_linked.astype(float), scores)
    few = story < 100  # too few for a second thread
    part = OrderLoss(story[few], is_linked[few]).gradient_hessian(is_linked[few].astype(float), scores[few])
    for every, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(every[few], some)


def test_derivatives_are_written_where_scikit_learn_wants_them() -> None:
    loss = OrderLoss(np.array([0, 0]), np.array([True, False]))
    out = np.zeros((2, 2, 1), np.float32)[:, ::-1]  # not contiguous
    gradient, hessian = loss.gradient_hessian(np.array([1.0, 0.0]), np.zeros((2, 1)), None, out[0], out[1])
    assert np.shares_memory(gradient, out)
    assert np.shares_memory(hessian, out)
    assert out[0, 0] < 0 < out[0, 1]
    assert (out[1] > 0).all()


def test_linked_candidates_rise_and_the_others_fall_by_the_same() -> None:
    gradient, hessian = derivatives([3, 3, 3, 8, 8], [0, 1, 0, 1, 0], [2.0, 1.0, 0.0, 0.5, 1.5])
    assert (gradient < 0).tolist() == [False, True, False, True, False]
    np.testing.assert_allclose([gradient[:3].sum(), gradient[3:].sum()], 0, atol=1e-12)
    assert (hessian > 0).all()


def test_a_wrong_order_weighs_more_than_a_right_one() -> None:
    wrong, _ = derivatives([0, 0], [1, 0], [0.0, 2.0])
    right, _ = derivatives([0, 0], [1, 0], [2.0, 0.0])
    assert abs(wrong[0]) > 2 * abs(right[0])


def test_the_order_far_down_does_not_matter() -> None:
    count = PLACES + 3
    linked = [0] * (count - 2) + [1, 0]
    gradient, _ = derivatives([0] * count, linked, [float(score) for score in range(count, 0, -1)])
    assert gradient[-1] == 0
    assert gradient[-2] < 0 < gradient[0]


def test_what_happens_in_one_story_changes_nothing_in_another() -> None:
    alone, _ = derivatives([0, 0, 0], [0, 1, 0], [0.3, 0.2, 0.1])
    beside, _ = derivatives([0, 0, 0, 1, 1], [0, 1, 0, 1, 0], [0.3, 0.2, 0.1, -5.0, 5.0])
    np.testing.assert_array_equal(alone, beside[:3])


@pytest.mark.parametrize("linked", [[0, 0], [1, 1]])
def test_a_story_without_a_choice_teaches_nothing(linked: list[int]) -> None:
    gradient, _ = derivatives([0, 0], linked, [1.0, 2.0])
    assert gradient.tolist() == [0, 0]


def test_the_order_alone_is_learned_from_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories whose candidates all share many words and stories whose candidates all share few have one order."""
    rng = np.random.default_rng(0)
    n_stories, n_candidates = 200, 20
    closeness = rng.random((n_stories, n_candidates)).astype(np.float32)
    linked = closeness >= np.sort(closeness, axis=1)[:, -2:-1]
    values = (closeness + rng.random((n_stories, 1), dtype=np.float32)).reshape(-1, 1)
    pairs = LinkedPairs(
        values=values,
        linked=linked.ravel(),
        story=np.repeat(np.arange(n_stories), n_candidates),
        links=np.full(n_stories, 2),
        group=np.arange(n_stories),
        features=("words.cosine",),
    )
    monkeypatch.setattr(learning, "ROUNDS", 12)
    ranker = learn(pairs, name="planted", calibrate=False)
    assert ndcg_by_story(pairs, ranker.raw(pairs.values)).mean() > 0.9


def test_clicks_teach_odds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the order of shown items depends on their places")

    rng = np.random.default_rng(1)
    chosen = (rng.random(1_000) < 0.2).astype(float)
    pairs = LinkedPairs(
        values=rng.random((1_000, 1), dtype=np.float32),
        linked=chosen > 0,
        story=np.repeat(np.arange(100), 10),
        links=np.zeros(100, np.int64),
        group=np.arange(100),
        features=("words.cosine",),
        chosen=chosen,
        offered=np.ones(1_000),
    )
    monkeypatch.setattr(learning, "ROUNDS", 3)
    monkeypatch.setattr("recommender.ranking.order_loss.OrderLoss", refuse)
    assert learn(pairs, name="clicks", calibrate=False).features == ("words.cosine",)
