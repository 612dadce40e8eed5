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
    stories, place = np.unique(a, return_inverse=True)  # each has one pool, whoever it is paired with
    base, k = archive.base(archive.newest(_LAST)), archive.settings.selection.k
    # without dates the moment of the pools at hand is not known: stories may have expired since
    pools, at = pools_of(archive, stories, base, k, archive.dated and pools_hold(archive, base))
    found = np.empty(len(a))
    for start in range(0, len(a), _BLOCK):
        part = slice(start, start + _BLOCK)
        pool = candidates_of(archive, archive.queries(a[part]), pools.take(at[place[part]]), base, k, base)
        both = pool.beside(b[part, None])
        raw = score_by_ranker(archive.queries(a[part]), both, pool, archive.table, archive.ranker)[0]
        at_b = (both.rows == b[part, None]).argmax(axis=1)
        found[part] = archive.ranker.probability(np.take_along_axis(raw, at_b[:, None], axis=1)[:, 0])
    return found


def pools_hold(archive: Archive, scope: Scope) -> bool:
    """Tell whether the pools of an archive were found among all rows of a scope, and in its time."""
    pools = archive.pools
    if pools is None:
        return False
    was = pools.scope
    if (scope.timed, scope.days_before) != (was.timed, was.days_before) or (scope.timed and scope.as_of != was.as_of):
        return False  # without time, a moment decides only about what is allowed
    if scope.days_around is not None or (scope.allowed & ~was.allowed).any():
        return False
    # of a language with few rows all are candidates: whether they are few may change as some expire
    return np.array_equal(_few(archive, scope, pools.k), _few(archive, was, pools.k))


def _few(archive: Archive, scope: Scope, k: int) -> NDArray[np.int64]:
    """Sort languages by size, 0 to 2: all of its stories are candidates, each is compared with all, or with some.

    See `Retriever.holds` and `Retriever.near`.
    """
    language = scope.language if archive.settings.retrieval.same_language else np.zeros_like(scope.language)
    counts = np.bincount(language[scope.allowed], minlength=len(archive.derived.stories.languages.code_of))
    search = archive.retriever(scope, k)
    return np.asarray((counts > search.count).astype(np.int64) + (counts > search.limits.exact))


def pools_of(
    archive: Archive, rows: NDArray[np.int64], scope: Scope, k: int, hold: bool
) -> tuple[Pools, NDArray[np.int64]]:
    """Find pools, and the places in them of those of some rows.

    They are the archive's own if these hold, see `pools_hold`, and are as long as lists of `k` need, else found now.
    """
    held, search = archive.pools, archive.retriever(scope, k)
    if held is not None and hold and search.count == archive.retriever(scope, held.k).count:
        return held.by_row, rows
    return search.pools(archive.queries(rows)), np.arange(len(rows))


def candidates_of(archive: Archive, queries: Queries, pools: Pools, scope: Scope, k: int, base: Scope) -> Candidates:
    """Find the candidates of each story within a scope: of its pool, or of a search where the pool does not tell.

    Pools found among `base` know its window alone, and may have lost too many rows since, as by expiry.
    """
    found, lost = pools.candidates(scope.allowed)
    lost |= (scope.days_before, scope.days_around) != (base.days_before, base.days_around)
    search = archive.retriever(scope, k)
    if archive.searched.reach is not None and scope.allowed.sum() < _LEFT * base.allowed.sum():
        search = replace(search, limits=replace(search.limits, exact=len(archive.catalog)))  # too few within reach
        lost |= (found.rows >= 0).sum(axis=1) < search.count
    again = np.flatnonzero(lost)
    if not len(again):
        return found
    searched = search.pools(queries.take(again))
    return found.scattered(again, searched.candidates(scope.allowed)[0])
