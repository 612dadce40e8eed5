"""Candidates of an archive: of its pools where these hold, else of a search; and how relevant given pairs are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.ranking.score import score_by_ranker, weighted_cosines
from recommender.search.pools import Candidates, Pools, Queries
from recommender.search.scope import Scope

_BLOCK = 512  # pairs scored together
_LEFT = 0.5  # of the rows, below which the filters of a call leave so few that a story is compared with all of them
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def pair_relevance(archive: Archive, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the relevance of the stories in rows `b` under those in rows `a`, each (m,) -> (m,)."""
    if archive.ranker is None:
        return weighted_cosines(archive.queries(a), archive.table, b[:, None], archive.settings.ranking)[2][:, 0]
    stories, story = np.unique(a, return_inverse=True)  # each has one pool, whatever it is paired with
    scope, k = archive.pool_scope(archive.newest(_LAST)), archive.settings.selection.k
    # without dates the moment of the pools at hand is not known: stories may have expired since
    uses_pools = archive.dated and has_valid_pools(archive, scope)
    pools, pool_rows = find_pools(archive, stories, scope, k, uses_pools)
    relevance = np.empty(len(a))
    for start in range(0, len(a), _BLOCK):
        block = slice(start, start + _BLOCK)
        queries, item = archive.queries(a[block]), b[block, None]
        pool = find_candidates(archive, queries, pools.take(pool_rows[story[block]]), scope, k, scope)
        candidates = pool.append(item)
        raw = score_by_ranker(queries, candidates, pool, archive.table, archive.ranker)[0]
        column = (candidates.rows == item).argmax(axis=1)
        relevance[block] = archive.ranker.probability(np.take_along_axis(raw, column[:, None], axis=1)[:, 0])
    return relevance


def has_valid_pools(archive: Archive, scope: Scope) -> bool:
    """Check whether the pools of an archive were found among all rows of a scope, and in its time."""
    pools = archive.pools
    if pools is None:
        return False
    earlier = pools.scope
    if (scope.timed, scope.days_before) != (earlier.timed, earlier.days_before):
        return False
    if scope.timed and scope.as_of != earlier.as_of:  # without time, a moment decides only about what is allowed
        return False
    if scope.days_around is not None or (scope.allowed & ~earlier.allowed).any():
        return False
    # stories may expire, which changes how many rows their language has, and with that how it is searched
    return np.array_equal(_search_kinds(archive, scope, pools.k), _search_kinds(archive, earlier, pools.k))


def _search_kinds(archive: Archive, scope: Scope, k: int) -> NDArray[np.int64]:
    """Return how each language is searched, by its number of rows.

    0: all of its stories are candidates, 1: each is compared with all, 2: with some. See `Retriever.takes_all` and
    `Retriever.uses_reach`.
    """
    language = scope.language if archive.settings.retrieval.same_language else np.zeros_like(scope.language)
    counts = np.bincount(language[scope.allowed], minlength=len(archive.derived.stories.languages.code_of))
    search = archive.retriever(scope, k)
    return np.asarray((counts > search.count).astype(np.int64) + (counts > search.limits.exact))


def find_pools(
    archive: Archive, rows: NDArray[np.int64], scope: Scope, k: int, uses_pools: bool
) -> tuple[Pools, NDArray[np.int64]]:
    """Find pools, and the rows in them that belong to some catalog rows.

    They are the archive's own if these are valid, see `has_valid_pools`, and as long as lists of `k` need; else they
    are searched now.
    """
    pools, search = archive.pools, archive.retriever(scope, k)
    if pools is not None and uses_pools and search.count == archive.retriever(scope, pools.k).count:
        return pools.by_row, rows
    return search.pools(archive.queries(rows)), np.arange(len(rows))


def find_candidates(
    archive: Archive, queries: Queries, pools: Pools, scope: Scope, k: int, pool_scope: Scope
) -> Candidates:
    """Find the candidates of each story within a scope: in its pool, or by a search where the pool does not suffice.

    Pools found among `pool_scope` have its window only, and may have lost too many rows since, as by expiry.
    """
    candidates, is_lost = pools.candidates(scope.allowed)
    is_lost |= (scope.days_before, scope.days_around) != (pool_scope.days_before, pool_scope.days_around)
    search = archive.retriever(scope, k)
    if archive.searched.reach is not None and (
        np.count_nonzero(scope.allowed) < _LEFT * np.count_nonzero(pool_scope.allowed)
    ):
        search = replace(search, limits=replace(search.limits, exact=len(archive.catalog)))  # too few within reach
        is_lost |= (candidates.rows >= 0).sum(axis=1) < search.count
    lost = np.flatnonzero(is_lost)
    if not len(lost):
        return candidates
    searched = search.pools(queries.take(lost))
    return candidates.replace_rows(lost, searched.candidates(scope.allowed)[0])
