"""The candidates of an archive's stories: kept as pools, or searched for now."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.ranking.score import learned, relevance
from recommender.search import limits
from recommender.search.pools import Asks, Candidates, Pools
from recommender.search.retriever import Retriever
from recommender.search.scope import Filters, Scope
from recommender.selection.context import Selection

_BLOCK = 512  # pairs scored together
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def pair_relevance(archive: Archive, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the relevance of the stories in rows `b` under those in rows `a`, each (m,) -> (m,)."""
    if archive.ranker is None:
        sums = relevance(archive.queries(a), archive.vectors, archive.terms, b[:, None], archive.settings.ranking)
        return sums[2][:, 0]
    stories, place = np.unique(a, return_inverse=True)  # each has one pool, whoever it is paired with
    selection = archive.selection(archive.scope(archive.newest(_LAST), Filters(), frozenset()))
    k = archive.settings.selection.k
    # without dates the moment of the pools at hand is not known: stories may have expired since
    holds = archive.dated and covered(archive, selection.base)
    pools, at = pools_among(archive, stories, selection.base, k, holds)
    found = np.empty(len(a))
    for start in range(0, len(a), _BLOCK):
        part = slice(start, start + _BLOCK)
        pool = standing_among(archive, archive.asks(a[part]), pools.take(at[place[part]]), selection.base, k)
        both = pool.beside(b[part, None])
        raw = learned(archive.queries(a[part]), both, pool, archive.table, archive.ranker)[0]
        at_b = (both.rows == b[part, None]).argmax(axis=1)
        found[part] = archive.ranker.probability(np.take_along_axis(raw, at_b[:, None], axis=1)[:, 0])
    return found


def standing(
    archive: Archive, moment: int, withdrawn: frozenset[str], blocks: frozenset[tuple[str, str | None]]
) -> tuple[Selection, bool]:
    """Prepare the selection of a moment without filters, and tell whether the pools at hand hold for it.

    The last one is kept: what it takes to make it grows with the archive, what a list takes does not.
    """
    key = moment, withdrawn, blocks
    last = archive.latest.get(key)
    if last is None:
        selection = archive.selection(archive.scope(moment, Filters(), withdrawn), blocks)
        last = selection, covered(archive, selection.base)
        archive.latest.clear()
        archive.latest[key] = last
    return last


def retriever(archive: Archive, scope: Scope, k: int, times: int = 1) -> Retriever:
    """Prepare the search for candidates within a scope, for lists of `k`.

    `times` as many candidates as the settings say are found, if there are so many rows.
    """
    settings = archive.settings
    count = max(settings.retrieval.candidates, k + settings.selection.reserves)
    count = max(count, min(times * count, len(archive.catalog)))  # more than there are would only take memory
    return Retriever(
        catalog=archive.catalog,
        search=archive.searched,
        scope=scope,
        settings=settings.retrieval,
        count=count,
        limits=limits.LIMITS,
    )


def covered(archive: Archive, scope: Scope) -> bool:
    """Tell whether the pools at hand were found among all rows of a scope, and in its time."""
    if archive.pooled is None:
        return False
    was = archive.pooled.scope
    if (scope.timed, scope.days_before) != (was.timed, was.days_before) or (scope.timed and scope.as_of != was.as_of):
        return False  # without time, a moment decides only about what is allowed
    if scope.days_around is not None or (scope.allowed & ~was.allowed).any():
        return False
    # of a language with few rows all are candidates: whether they are few may change as some expire
    k = archive.pooled.k
    return np.array_equal(_few(archive, scope, k), _few(archive, was, k))


def _few(archive: Archive, scope: Scope, k: int) -> NDArray[np.int64]:
    """Tell of each language whether it has so few stories that a search takes them all, or so many that it looks near.

    See `Retriever.holds` and `Retriever.near`.
    """
    language = scope.language if archive.settings.retrieval.same_language else np.zeros_like(scope.language)
    counts = np.bincount(language[scope.allowed], minlength=len(archive.derived.stories.languages.code_of))
    search = retriever(archive, scope, k)
    return np.asarray((counts > search.count).astype(np.int64) + (counts > search.limits.exact))


def pools_among(
    archive: Archive, rows: NDArray[np.int64], scope: Scope, k: int, holds: bool
) -> tuple[Pools, NDArray[np.int64]]:
    """Find pools among which are those of some rows, and where these stand.

    They are the pools at hand if these hold, see `covered`, and are as long as `k` needs, else found by a search.
    """
    held, search = archive.pooled, retriever(archive, scope, k)
    if held is not None and holds and search.count == retriever(archive, scope, held.k).count:
        return held.pools, rows
    return search.pools(archive.asks(rows)), np.arange(len(rows))


def standing_among(archive: Archive, asks: Asks, pools: Pools, scope: Scope, k: int) -> Candidates:
    """Find the candidates that each story's candidates are placed among: those of its pool within a scope.

    Pools of an earlier moment may have lost too many to expiry: those stories search again.
    """
    found, lost = pools.candidates(scope.allowed)
    again = np.flatnonzero(lost)
    if not len(again):
        return found
    searched = retriever(archive, scope, k).pools(asks.take(again))
    return found.scattered(again, searched.candidates(scope.allowed)[0])
