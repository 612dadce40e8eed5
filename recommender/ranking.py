"""Relevance x freshness, every component kept by name."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender import index, lexical
from recommender.articles import DAY_US, Catalog
from recommender.filters import Scope
from recommender.retrieval import Candidates, Queries
from recommender.settings import RankingSettings

SOURCES = ("related", "evergreen", "pinned", "window", "caps", "same_section", "recent")
RELATED, EVERGREEN, PINNED = 0, 1, 2
FOLLOW_UP, NEWEST, VARIETY = 1, 2, 4  # flags of `Ranked.notes`


@dataclass(frozen=True)
class Ranked:
    """Candidates with their components, each of shape (q, c), best first once `ordered` was called.

    Attributes
    ----------
    rows : ndarray of int64
        Catalog rows; -1 = none, always after the others.
    dense, lexical : ndarray of float32
        Cosine of the vectors, and of TF-IDF over the whole text.
    relevance : ndarray of float64
        Weighted sum of the two.
    freshness : ndarray of float64
        `2 ** (-age / half_life)`; 1 where time does not count; NaN for timeless rows.
    boost : ndarray of float64
        Factor of the editorial rules; 1 without one.
    score : ndarray of float64
        `relevance * freshness * boost`; timeless rows have no freshness.
    key : ndarray of float64
        Orders as the score does, in a form that does not depend on `as_of`:
        `log2(relevance * boost) + published / half_life`; -inf for timeless rows.
    source : ndarray of int8
        How the candidate came in: place in `SOURCES`.
    safe : ndarray of bool
        Placed by an editor or chosen before: limits count it but do not reject it.
    notes : ndarray of int8
        Why the place is not the score's: FOLLOW_UP (newer report of the story's own event), NEWEST (stands for
        its event), VARIETY (diversity).
    """

    rows: NDArray[np.int64]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    relevance: NDArray[np.float64]
    freshness: NDArray[np.float64]
    boost: NDArray[np.float64]
    score: NDArray[np.float64]
    key: NDArray[np.float64]
    source: NDArray[np.int8]
    safe: NDArray[np.bool_]
    notes: NDArray[np.int8]

    def keep(self, mask: NDArray[np.bool_]) -> Ranked:
        """Blank what the mask, shape (q, c), does not keep; the order of the rest stays."""
        order = np.argsort(~mask, axis=1, kind="stable")
        kept = self._along(order)
        blank = ~np.take_along_axis(mask, order, axis=1)
        rows = np.where(blank, -1, kept.rows)
        width = max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)
        return Ranked(rows[:, :width], *(getattr(kept, f.name)[:, :width] for f in fields(self)[1:]))

    def _along(self, order: NDArray[np.int64]) -> Ranked:
        return Ranked(*(np.take_along_axis(getattr(self, f.name), order, axis=1) for f in fields(self)))

    def by(self, place: NDArray[np.float64]) -> Ranked:
        """Reorder by ascending `place`, shape (q, c); ties keep their order."""
        return self._along(np.argsort(place, axis=1, kind="stable"))

    def ordered(self, id_rank: NDArray[np.int64]) -> Ranked:
        """Best first: by key, then relevance, then article id."""
        ids = id_rank[self.rows]
        empty = self.rows < 0
        return self._along(np.lexsort((ids, -self.relevance, -self.key, empty), axis=1))


def relevance(
    queries: Queries,
    vectors: NDArray[np.int16],
    terms: sp.csr_matrix,
    rows: NDArray[np.int64],
    settings: RankingSettings,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Dense and lexical cosines of (query, candidate) pairs and their weighted sum, each (q, c)."""
    dense = index.cosines(queries.vectors, vectors, rows)
    words = lexical.cosines(queries.terms, terms, rows)
    fused = settings.dense_weight * dense.astype(np.float64) + settings.lexical_weight * words
    return dense, words, fused


def rank(
    queries: Queries,
    candidates: Candidates,
    catalog: Catalog,
    vectors: NDArray[np.int16],
    terms: sp.csr_matrix,
    scope: Scope,
    settings: RankingSettings,
) -> Ranked:
    """Score every candidate and order them."""
    rows = candidates.rows
    dense, words, fused = relevance(queries, vectors, terms, rows, settings)
    freshness, key, score = np.ones(rows.shape), fused, fused
    if scope.timed and settings.half_life_days is not None:
        published = catalog.published[rows]
        anchor = np.full(len(queries), scope.as_of)
        if settings.anchor == "story":
            dated = queries.published > np.iinfo(np.int64).min
            anchor = np.where(dated, queries.published, anchor)
        timeless = catalog.timeless[rows]
        days = np.where(timeless, 0, np.abs(published - anchor[:, None])) / DAY_US
        freshness = np.where(timeless, np.nan, np.exp2(-days / settings.half_life_days))
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log2(np.maximum(fused, 0))
        # a constant per story is left out of the key: against `as_of` the order is timeless
        if settings.anchor == "as_of":
            days = np.where(timeless, 0, -published) / DAY_US
        key = np.where(timeless, -np.inf, log - days / settings.half_life_days)
        score = np.where(timeless, fused, fused * freshness)
    source = np.where(np.isnan(freshness), EVERGREEN, RELATED).astype(np.int8)
    boost, safe, notes = np.ones(rows.shape), np.zeros(rows.shape, dtype=bool), np.zeros(rows.shape, dtype=np.int8)
    ranked = Ranked(rows, dense, words, fused, freshness, boost, score, key, source, safe, notes)
    return ranked.ordered(catalog.id_rank)
