"""Candidates of a large archive, whose stories are compared with some rows only."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from recommender import Filters, Recommender, Settings
from recommender.search.limits import Limits

LARGE = Limits(exact=20, near=30, rank=8)
WORDS = [f"word{number}" for number in range(60)]


def fitted(limits: Limits) -> Recommender:
    rng = Random(7)
    stories = [
        {
            "id": f"s{number:03}",
            "title": " ".join(rng.choices(WORDS, k=4)),
            "body": " ".join(rng.choices(WORDS, k=30)),
            "section": "harbour" if number % 4 == 0 else "opera",
        }
        for number in range(240)
    ]
    options = {"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}, "retrieval": {"candidates": 20}}
    return Recommender(Settings.of(options), limits=limits).fit(stories)


def test_where_a_filter_leaves_few_rows_a_story_is_compared_with_all_of_them() -> None:
    ids = [f"s{number:03}" for number in range(0, 240, 5)]
    near, exact = fitted(LARGE), fitted(Limits())
    few = Filters(sections=("harbour",))

    def items(rec: Recommender, filters: Filters | None) -> list[list[str]]:
        return [[item.article_id for item in one.items] for one in rec.recommend_many(ids, filters=filters)]

    assert items(near, few) == items(exact, few)
    assert near.archive.searched.reach is not None
    assert any(len(one) == 5 for one in items(near, few))


def test_lists_of_many_stories_are_those_of_each() -> None:
    """Those of many are chosen cell by cell, for which they are put in another order, and back."""
    rec = fitted(replace(LARGE, lists=16))
    ids = [f"s{number:03}" for number in range(0, 240, 3)]
    many = rec.recommend_many(ids)
    assert len(set(rec.archive.searched.reach.cell.tolist())) > 3
    assert [(one.article_id, len(one.items)) for one in many] == [(article_id, 5) for article_id in ids]
    assert many == [rec.recommend(article_id) for article_id in ids]
