"""The loss that learns the order of a story's candidates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.ranking import learn as learning
from recommender.ranking.learn import LinkedPairs, learn
from recommender.ranking.ndcg import ndcg_by_story
from recommender.ranking.order_loss import PLACES, OrderLoss

Derivatives = tuple[NDArray[np.float64], NDArray[np.float64]]


def derivatives(story: list[int], linked: list[int], scores: list[float]) -> Derivatives:
    is_linked = np.array(linked, dtype=bool)
    loss = OrderLoss(np.array(story), is_linked)
    gradient, hessian = loss.gradient_hessian(is_linked.astype(float), np.array(scores))
    return gradient, hessian


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
