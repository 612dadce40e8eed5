from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, replace
from datetime import UTC, datetime

import pytest

from recommender import ReadNext, Reason, Recommendation

ITEM = Recommendation(
    1,
    "b",
    "Ferry",
    None,
    "News",
    datetime(2024, 5, 1, tzinfo=UTC),
    "",
    "related",
    0.5,
    {},
    (Reason("meaning", "", 0.5),),
)
WHOLE = ReadNext("a", "short", (ITEM,), (), 5, "v")


class Counted:
    """Makes the list, and counts how often."""

    made = 0

    def __call__(self) -> ReadNext:
        self.made += 1
        return WHOLE


@pytest.mark.parametrize(
    "look",
    [
        lambda one: one == WHOLE,
        lambda one: one == ReadNext.deferred("a", Counted()),
        lambda one: repr(one) == repr(WHOLE),
        lambda one: list(one) == [ITEM],
        lambda one: (len(one), one.shortfall, one.status, one.version) == (1, 4, "short", "v"),
        lambda one: one.items == WHOLE.items and one.reserves == (),
        lambda one: asdict(one) == asdict(WHOLE),
        lambda one: replace(one, k=1) == replace(WHOLE, k=1),
        lambda one: one.without_list("withheld") == WHOLE.without_list("withheld"),
        lambda one: copy.deepcopy(one) == WHOLE,
        lambda one: pickle.loads(pickle.dumps(one)) == WHOLE,
    ],
)
def test_a_deferred_list_is_that_list_and_made_once(look: Callable[[ReadNext], bool]) -> None:
    make = Counted()
    one = ReadNext.deferred("a", make)
    assert (one.article_id, make.made) == ("a", 0)
    assert look(one)
    assert look(one)
    assert make.made == 1


def test_a_deferred_list_is_frozen_and_has_no_other_attributes() -> None:
    make = Counted()
    one = ReadNext.deferred("a", make)
    with pytest.raises(FrozenInstanceError):
        one.k = 3  # type: ignore[misc]
    for name in ("item", "_make_", "__dict__"):
        with pytest.raises(AttributeError, match=name):
            getattr(one, name)
        with pytest.raises(AttributeError, match=name):
            getattr(WHOLE, name)
    assert make.made == 0


def test_a_deferred_list_may_be_looked_at_from_many_threads() -> None:
    for _ in range(50):
        one = ReadNext.deferred("a", Counted())
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda name, one=one: getattr(one, name), ["k"] * 8)) == {5}  # type: ignore[misc]
