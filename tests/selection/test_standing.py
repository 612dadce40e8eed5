"""A candidate's score depends on the story, the item and the moment: not on who asks, or on what editors hide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recommender import Filters, PublishedLists, ReadNext, Recommender, Rejected, Rules, Settings
from recommender.features.families import FAMILIES
from recommender.features.pairs import Pairs, pair_features
from recommender.jobs.precompute import precompute
from recommender.search.limits import Limits
from tests.support.checkerboard import checkerboard
from tests.support.worlds import AS_OF, SECTIONS, random_rules, random_settings, random_stories

Scores = dict[tuple[str, str], tuple[float, float]]


FEW = Limits(spare=2, stories=20, lists=16)
"""Pools so small that most rows are outside, and that they are soon lost."""


def few_candidates(rng: Random, dated: bool = True, **override: Any) -> Recommender:
    stories = random_stories(rng, 50)
    if not dated:
        for story in stories:
            story["published_at"] = story["published_at"] if rng.random() < 0.2 else None
            story["expires_at"] = AS_OF + timedelta(days=rng.randint(0, 20)) if rng.random() < 0.7 else None
    few = {"retrieval.candidates": 8, "selection.k": 2, "selection.reserves": 2, "selection.related_at": None}
    options = random_settings(rng).override(few | override)
    rules = random_rules(rng, [story["id"] for story in stories])
    return Recommender(options, rules=rules, limits=FEW).fit(stories)


def asked(rec: Recommender) -> list[str]:
    """Half of the stories: what holds for one list holds for all, and they are of any kind."""
    return [i for i in rec.catalog.ids.to_pylist()[::2] if i not in rec.overlay.withdrawn]


def shown(lists: Iterable[ReadNext]) -> Scores:
    """(relevance, score) of every (story, item)."""
    return {
        (found.article_id, item.article_id): (item.relevance, item.score)
        for found in lists
        for item in (*found.items, *found.reserves)
    }


def rejected(found: dict[str, list[Rejected]]) -> Scores:
    return {(story, one.article_id): (one.relevance, one.score) for story, some in found.items() for one in some}


def every(rec: Recommender, **options: Any) -> Scores:
    """Of everything that a list holds or leaves out."""
    return lists_and_scores(rec, **options)[1]


def lists_and_scores(rec: Recommender, **options: Any) -> tuple[list[ReadNext], Scores]:
    lists = rec.recommend_many(asked(rec), **options)
    return lists, rejected(rec.explain_rejected(asked(rec), **options)) | shown(lists)


def same(a: Scores, b: Scores) -> int:
    """Pairs that both have, which must have the same scores."""
    both = a.keys() & b.keys()
    assert {pair: a[pair] for pair in both} == {pair: b[pair] for pair in both}
    return len(both)


class TestScores:
    @settings(max_examples=15)
    @given(seed=st.integers(0, 2**31), pooled=st.booleans())
    def test_editors_change_none_of_another_item(self, seed: int, pooled: bool) -> None:
        rng = Random(seed)
        rec = few_candidates(rng)
        ids = rec.catalog.ids.to_pylist()
        if pooled:
            rec.pool(as_of=AS_OF)
        before = every(rec, as_of=AS_OF)
        for _ in range(4):
            what = rng.randrange(5)
            if what == 0:
                rec.withdraw(rng.sample(ids, 8))
            elif what == 1:
                rec.restore(rng.sample(ids, 12))
            elif what == 2:
                rec.block(rng.choice(ids))
            elif what == 3:
                rec.block(rng.choice(ids), story=rng.choice(ids))
            else:
                blocks = [{"item": rng.choice(ids)}, {"item": rng.choice(ids), "story": rng.choice(ids)}]
                rec.rules = rec.rules.of(rec.rules.model_dump(mode="json") | {"blocks": blocks})
            after = every(rec, as_of=AS_OF)
            assert same(before, after) >= 0.2 * len(after)
            before |= after

    @settings(max_examples=15)
    @given(seed=st.integers(0, 2**31), pooled=st.booleans())
    def test_filters_change_none(self, seed: int, pooled: bool) -> None:
        rng = Random(seed)
        rec = few_candidates(rng)
        ids = asked(rec)
        if pooled:
            rec.pool(as_of=AS_OF)
        whole = every(rec, as_of=AS_OF)
        # what only a filter brings among the candidates has the score that it always had, too
        everything = every(rec.under(rec.settings.override({"selection.fill": []})), as_of=AS_OF)
        assert same(whole, everything)
        for filters in (
            Filters(sections=(rng.choice(SECTIONS),)),
            Filters(kinds=("news", "opinion"), exclude=tuple(rng.sample(ids, 10))),
            Filters(tags=("law",)),
            Filters(after=AS_OF - timedelta(days=60)),
            Filters(days_around_story=30),
            Filters(days_before_as_of=50),
        ):
            found = shown(rec.recommend_many(ids, as_of=AS_OF, filters=filters))
            same(whole, found)
            whole |= found  # filters do not differ in what they say of a pair either

    @settings(max_examples=15)
    @given(seed=st.integers(0, 2**31))
    def test_rejections_tell_those_of_the_published_lists(self, seed: int) -> None:
        rng = Random(seed)
        stories = random_stories(rng, 50)
        ids = [story["id"] for story in stories]
        few = {"retrieval.candidates": 8, "selection.k": 3, "selection.reserves": 3}
        options, rules = random_settings(rng).override(few), random_rules(rng, ids)
        with TemporaryDirectory() as folder:
            out, archive = Path(folder) / "lists", Path(folder) / "archive"
            few_pools = Recommender(options, rules=rules, limits=FEW)
            precompute(stories, out, recommender=few_pools, archive=archive, as_of=AS_OF)
            lists = PublishedLists.open(out)
            published = shown(map(lists.get, lists.ids()))
            rec = Recommender.load(archive)
            assert not published.keys() & rejected(rec.explain_rejected(ids, as_of=AS_OF)).keys()
            # shorter lists leave out what the published ones show
            short = {"selection.k": 1, "selection.reserves": 0, "selection.fill": [], "selection.diversity": 0}
            left = rejected(rec.under(options.override(short)).explain_rejected(ids, as_of=AS_OF))
            assert same(published, left) or not published

    @settings(max_examples=12)
    @given(seed=st.integers(0, 2**31), pooled=st.booleans())
    def test_relevance_is_that_of_the_lists(self, seed: int, pooled: bool) -> None:
        rec = few_candidates(Random(seed))
        if pooled:
            rec.pool()
        found = shown(rec.recommend_many(asked(rec)))
        story, item = zip(*found, strict=True)
        listed = np.array([relevance for relevance, _ in found.values()])
        np.testing.assert_allclose(rec.relevance(story, item), listed, rtol=0, atol=1e-6)

    @example(seed=1634)  # relevance was told by pools of a moment at which others had not expired
    @settings(max_examples=20)
    @given(seed=st.integers(0, 2**31))
    def test_pools_of_an_earlier_moment_serve_an_archive_without_dates(self, seed: int) -> None:
        """Time does not count there: only what expired meanwhile is gone."""
        rng = Random(seed)
        rec = few_candidates(rng, dated=False)
        assert not rec.archive.dated
        rec.pool(as_of=AS_OF)
        anew = Recommender(rec.settings, rules=rec.rules, embedder=rec.embedder)
        anew._archive = replace(rec.archive, pools=None)
        for days in sorted(rng.sample((0, 3, 8, 15), 2)):
            moment = AS_OF + timedelta(days=days)
            assert lists_and_scores(rec, as_of=moment) == lists_and_scores(anew, as_of=moment)
        pairs = [(story, item) for story in asked(rec)[:5] for item in asked(rec)[:5] if story != item]
        story, item = zip(*pairs, strict=True)
        assert np.array_equal(rec.relevance(story, item), anew.relevance(story, item))


def by_hand(rec: Recommender, draft: dict[str, Any]) -> dict[str, float]:
    """Probability of a link to every story of the archive, by the features of the draft beside all of them."""
    archive = rec.archive
    assert archive.ranker is not None
    queries, scope = foreign(rec, draft), archive.pool_scope(archive.newest(AS_OF))
    rows = np.arange(len(rec.catalog))
    held = scope.allowed & (scope.language == queries.language[0])
    pairs = Pairs(queries.features, queries.at, archive.table, rows[None, :], held[None, :])
    raw = archive.ranker.raw(pair_features(pairs, archive.ranker.features, FAMILIES)[0])
    return dict(zip(rec.catalog.ids.to_pylist(), archive.ranker.probability(raw).tolist(), strict=True))


def foreign(rec: Recommender, draft: dict[str, Any]) -> Any:
    from recommender.reading.read import read_articles

    table, _ = read_articles([draft], settings=rec.settings.reading, strict=True)
    return rec.archive.foreign_queries(table, rec.embedder.encode(rec.embedder.prepare(table)))


@pytest.mark.parametrize("seed", range(5))
def test_a_twin_from_outside_has_the_scores_that_its_features_say(seed: int) -> None:
    rng = Random(seed)
    stories = [story | {"canonical_id": None, "expires_at": None} for story in random_stories(rng, 60)]
    for story in stories:
        story["published_at"] = min(story["published_at"], AS_OF) if story["published_at"] else None
    options = {"embedding.model": "tfidf", "selection.related_at": None, "selection.k": 10}
    rec = Recommender(Settings().override(options)).fit(stories)
    count = 0
    for story in rng.sample(stories, 12):
        twin = story | {"id": "twin"}
        expected = by_hand(rec, twin)
        for found in (rec.recommend_for(twin), rec.recommend_for(twin, filters=Filters(sections=("city", "world")))):
            assert story["id"] not in {item.article_id for item in found}, "it is a copy"
            for item in (*found.items, *found.reserves):
                assert item.relevance == pytest.approx(expected[item.article_id], abs=1e-6)
                count += 1
        # under its own id it is the story itself, which is not among its own candidates
        assert shown([rec.recommend_for(story)]) == shown([rec.recommend(story["id"])])
    assert count > 100


@pytest.mark.parametrize("ranker", ["auto", "none"])
def test_a_boost_counts_once_although_a_list_looks_past_its_candidates(ranker: str) -> None:
    options = {"embedding.model": "tfidf", "ranking.ranker": ranker, "retrieval.candidates": 5}
    options |= {"selection.k": 12, "selection.reserves": 0, "selection.related_at": 0.9}
    options |= {"selection.same_report_hours": None, "selection.repeat_hours": None, "selection.caps": ()}
    rules = Rules.of({"boosts": [{"by": "section", "value": "section0", "factor": 3}]})
    rec = Recommender(Settings().override(options), rules=rules).fit(checkerboard())
    (found,) = rec.recommend_many(["t0-s0"])
    assert {item.source for item in found} == {"more"}
    assert {item.components["boost"] for item in found} == {1, 3}
    for item in found:
        parts = item.components
        assert parts["boost"] == (3 if item.section == "section0" else 1)
        chance = parts["relevance"] * parts["freshness"]
        odds = chance / (1 - chance) if ranker == "auto" else chance
        expected = parts["boost"] * odds / (1 + parts["boost"] * odds) if ranker == "auto" else parts["boost"] * odds
        assert item.score == pytest.approx(expected, abs=1e-5)


def test_a_blocked_story_takes_no_candidates_place_where_rejections_are_told() -> None:
    options = {"embedding.model": "tfidf", "retrieval.candidates": 8, "selection.k": 1, "selection.reserves": 0}
    options |= {
        "selection.related_at": None,
        "selection.same_report_hours": None,
        "selection.repeat_hours": None,
        "selection.series_limit": False,
    }
    rec = Recommender(Settings().override(options), limits=FEW).fit(checkerboard(12))
    first = rec.recommend("t0-s0").items[0].article_id
    rec.block(first)
    shown = rec.recommend("t0-s0")
    told = rec.explain_rejected(["t0-s0"])["t0-s0"]
    assert [(one.article_id, one.rule) for one in told if one.rule == "blocked"] == [(first, "blocked")]
    assert len(shown.items) == 1
    assert len(told) == 7 + 1, "of the eight candidates that may be shown one is shown"
