"""Pools: the same whether found at once or renewed from those of an earlier state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recommender.articles.article import UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.columns import to_micros
from recommender.search.limits import Limits
from recommender.search.pools import Queries
from recommender.search.retriever import Retriever
from recommender.search.scope import Filters, make_scope
from recommender.search.shortlist import Shortlist
from recommender.search.table import SearchTable
from recommender.search.update_pools import update_pools
from recommender.settings import RetrievalSettings
from tests.support import searching

START = datetime(2024, 1, 1, tzinfo=UTC)


COUNT, SPARE = 5, 3
SMALL = Limits(exact=25, stories=13, offered=20, spare=SPARE)


class State:
    """An archive that changes, and what may be shown of it."""

    def __init__(self, seed: int, stories: int = 60) -> None:
        self.rng = np.random.default_rng(seed)
        self.retrieval = RetrievalSettings(
            candidates=5, window_days=self.rng.choice([None, 20, 365]), same_language=bool(self.rng.integers(2))
        )
        self.stories: list[dict[str, Any]] = []
        self.near = bool(self.rng.integers(2))  # a large archive: each looks only within its reach
        self.shortlist: Shortlist | None = None
        self.table = searching.table(self.rng, 1).take(np.zeros(0, np.int64))
        self.hidden: set[int] = set()
        self.days = 40
        self.add(stories)

    def add(self, count: int) -> None:
        for _ in range(count):
            number = len(self.stories)
            age = timedelta(hours=int(self.rng.integers(0, 24 * self.days)))
            story: dict[str, Any] = {"id": f"s{self.rng.integers(1_000_000)}-{number}", "title": "x"}
            if self.rng.random() < 0.9:
                story["published_at"] = START + age
            if self.rng.random() < 0.1:
                story["kind"] = "evergreen"
            story["language"] = "en" if self.rng.random() < 0.8 else "de"
            self.stories.append(story)
        more = searching.table(self.rng, count)
        if len(self.table):
            more.vectors[0] = self.table.vectors[self.rng.integers(len(self.table))]
        if self.near and self.shortlist is None:
            self.shortlist = searching.shortlist(more.keys, more.vectors)
        reach = self.shortlist and self.shortlist.reach(more.keys, more.vectors)
        was = self.table.reach
        self.table = SearchTable(
            np.concatenate([self.table.vectors, more.vectors]),
            self.table.keys.append(more.keys),
            more.vocabulary,
            was.append(reach) if was is not None and reach is not None else reach,
        )

    def catalog(self) -> Catalog:
        table = to_table([Article(**story) for story in self.stories])
        return Catalog(table, np.ones(len(table), dtype=bool), 0)

    def retriever(self) -> tuple[Retriever, Queries]:
        catalog = self.catalog()
        language = catalog.codes("language")[0] if self.retrieval.same_language else np.zeros(len(catalog), np.int32)
        moment = to_micros(START + timedelta(days=self.days - 3))
        hidden = np.array(sorted(self.hidden), dtype=np.int64)
        scope = make_scope(catalog, language, hidden, moment, Filters(), self.retrieval, timed=True)
        rows = np.arange(len(catalog))
        queries = Queries(self.table, rows, rows, catalog.published, language)
        retriever = Retriever(
            catalog=catalog,
            search=self.table,
            scope=scope,
            settings=self.retrieval,
            count=COUNT,
            limits=SMALL,
        )
        return retriever, queries

    def change(self) -> None:
        kind = self.rng.integers(4)
        if kind == 0:
            self.add(int(self.rng.integers(1, 20)))
        elif kind == 1:
            self.hidden |= set(self.rng.integers(0, len(self.stories), 4).tolist())
        elif kind == 2 and self.hidden:
            self.hidden.discard(next(iter(self.hidden)))
        else:
            self.days += int(self.rng.integers(1, 15))


@settings(max_examples=60)
@given(seed=st.integers(0, 2**20), steps=st.integers(1, 8))
@example(seed=3376, steps=1)  # two languages, one with fewer rows than places
def test_renewed_pools_hold_the_candidates_of_a_full_search(seed: int, steps: int) -> None:
    state = State(seed)
    before, queries = state.retriever()
    held = before.pools(queries)
    for _ in range(steps):
        state.change()
        now, queries = state.retriever()
        held = update_pools(queries, held, now, before)
        found, lost = held.candidates(now.scope.allowed)
        whole, lost_anyway = now.pools(queries).candidates(now.scope.allowed)
        assert not lost.any()
        assert not lost_anyway.any()
        width = max(found.rows.shape[1], whole.rows.shape[1])
        padded = [
            np.pad(one.rows, ((0, 0), (0, width - one.rows.shape[1])), constant_values=-1) for one in (found, whole)
        ]
        assert np.array_equal(*padded)
        assert np.array_equal(held.mask_depleted(now.scope.allowed), lost)
        for item in range(len(now.scope.allowed)):
            is_candidate = held.mask_candidates(np.full(len(held), item), now.scope.allowed)
            assert np.array_equal(is_candidate, (found.rows == item).any(axis=1))
        before = now


@given(seed=st.integers(0, 2**20))
def test_one_story_alone_has_the_pool_it_has_among_all(seed: int) -> None:
    state = State(seed)
    retriever, queries = state.retriever()
    together = retriever.pools(queries)
    for row in state.rng.integers(0, len(queries), 5).tolist():
        alone = retriever.pools(queries.take(np.array([row])))
        assert np.array_equal(alone.rows[0], together.rows[row])


@pytest.mark.parametrize("window", [None, 20, 365])
@pytest.mark.parametrize("same_language", [True, False])
def test_pools_are_those_of_brute_force(window: int | None, same_language: bool) -> None:
    for seed in range(10):
        state = State(seed)
        update = {"same_language": same_language, "window_days": window}
        state.retrieval = state.retrieval.model_copy(update=update)
        retriever, queries = state.retriever()
        catalog, scope = retriever.catalog, retriever.scope
        found = retriever.pools(queries)
        dots = searching.products(state.table, state.table)
        day, others = catalog.published // (86_400 * 10**6), np.arange(len(catalog))
        for story in range(len(catalog)):
            shown = scope.allowed & (others != story)
            if same_language:
                shown &= scope.language == scope.language[story]
            shared = scope.allowed & (not same_language or scope.language == scope.language[story])
            if window:  # what has no date stands in every window
                recent = catalog.published >= scope.as_of - window * 86_400 * 10**6
                old = catalog.published[story] != UNDATED and not (
                    day[story] * 86_400 * 10**6 >= scope.as_of - window * 86_400 * 10**6
                )
                shown &= catalog.timeless | recent | (old & (np.abs(day - day[story]) <= window))
            rows = found.rows[story]
            rows = rows[rows >= 0]
            if retriever.uses_reach(np.flatnonzero(shared)):
                shown &= searching.reached(state.table, state.table)[story]
            if retriever.takes_all(np.flatnonzero(shared)):  # in no order and whatever their product
                assert set(rows.tolist()) == set(np.flatnonzero(shown).tolist())
                continue
            order = np.lexsort((catalog.id_rank, -dots[story]))
            best = order[(shown & (dots[story] >= 1))[order]][: COUNT + SPARE]
            assert rows.tolist() == best.tolist()


def test_age_does_not_count() -> None:
    """A search looks at products alone: the ranking looks at age."""
    state = State(0)
    state.retrieval = state.retrieval.model_copy(update={"window_days": None})
    retriever, _ = state.retriever()
    for number, story in enumerate(state.stories):
        if "published_at" in story:
            story["published_at"] = START + timedelta(hours=(7 * number) % 40)
    moved, queries = state.retriever()
    allowed = moved.scope.allowed & retriever.scope.allowed
    found = [replace(one, scope=replace(one.scope, allowed=allowed)).pools(queries).rows for one in (moved, retriever)]
    assert np.array_equal(*found)


@pytest.mark.parametrize("stories", range(2, 20))
@pytest.mark.parametrize("window", [None, 365])
def test_candidates_of_a_small_archive_are_the_best_not_the_oldest(stories: int, window: int | None) -> None:
    """Also where a pool has room for all rows, but a list not for as many candidates."""
    state = State(stories, stories)
    for story in state.stories:
        story["kind"] = "evergreen" if window else "news"
        story["published_at"] = story.get("published_at", START)
    state.retrieval = state.retrieval.model_copy(update={"same_language": False, "window_days": window})
    retriever, queries = state.retriever()
    found = retriever.pools(queries).candidates(retriever.scope.allowed)[0].rows
    allowed = retriever.scope.allowed
    dots = searching.products(state.table, state.table)
    for story in range(stories):
        able = allowed & (np.arange(stories) != story) & ((dots[story] > 0) | (allowed.sum() <= COUNT))
        order = np.lexsort((retriever.catalog.id_rank, -dots[story]))
        best = order[able[order]][:COUNT]
        assert set(found[story][found[story] >= 0].tolist()) == set(best.tolist())
