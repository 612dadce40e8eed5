"""Candidates -> scores, by the ranker or by a weighted sum; every component is kept by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED
from recommender.articles.catalog import Catalog
from recommender.features import tfidf
from recommender.features.families import FAMILIES
from recommender.features.pairs import Pairs, pair_features
from recommender.features.table import FeatureTable
from recommender.features.vectors import cosines
from recommender.ranking.closeness import Closeness
from recommender.ranking.ranker import Ranker
from recommender.search.pools import Candidates, StoryQueries
from recommender.search.scope import Scope
from recommender.settings import RankingSettings

SOURCES = ("related", "evergreen", "pinned", "more")
RELATED, EVERGREEN, PINNED, MORE = 0, 1, 2, 3
DEVELOPMENT, VARIETY = 1, 2  # flags of `Ranked.notes`


@dataclass(frozen=True)
class Ranked:
    """Candidates with their components, each of shape (q, c).

    Attributes
    ----------
    rows : ndarray of int64
        Catalog rows; -1 = none, always after the others.
    dense, lexical : ndarray of float32
        Cosine of the vectors, and of TF-IDF over the whole text.
    relevance : ndarray of float64
        With a ranker the probability of a link, else the weighted sum of the two.
    freshness : ndarray of float64
        `2 ** (-age / half_life)`; 1 with a ranker and where time does not count; NaN for timeless rows, which count as
        one half-life old.
    boost : ndarray of float64
        Factor of the editorial rules; 1 without one.
    score : ndarray of float64
        With a ranker the probability whose odds are those of the relevance times `boost`, else
        `relevance * freshness * boost`.
    key : ndarray of float64
        Orders as the score does, on a scale that no age exhausts: `log2` of the score, or of the odds.
    source : ndarray of int8
        How the candidate came in: place in `SOURCES`.
    safe : ndarray of bool
        Placed by an editor: most rules count it but do not reject it.
    pair : ndarray of int64
        Where the features of story and candidate are kept; meaningless with a weighted sum.
    notes : ndarray of int8
        DEVELOPMENT: of the story's own event, at another time. VARIETY: stands above a better one for diversity.
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
    pair: NDArray[np.int64]

    def keep(self, mask: NDArray[np.bool_]) -> Ranked:
        """Keep only what the mask, shape (q, c), keeps, in its order; empty places are zeros."""
        counts = mask.sum(axis=1)
        width = max(int(counts.max(initial=0)), 1)
        if width == mask.shape[1] and (counts == width).all():
            return self
        if len(mask) == 1 and counts[0]:
            return self.along(np.flatnonzero(mask)[None, :])
        source = np.flatnonzero(mask)
        target = np.flatnonzero(np.arange(width) < counts[:, None])

        def moved(values: NDArray[Any], blank: int = 0) -> NDArray[Any]:
            found = np.full(len(mask) * width, blank, dtype=values.dtype)
            found[target] = values.ravel()[source]
            return found.reshape(-1, width)

        return Ranked(moved(self.rows, -1), *(moved(getattr(self, f.name)) for f in fields(self)[1:]))

    def along(self, order: NDArray[np.int64]) -> Ranked:
        """Reorder each line by places, (q, w)."""
        place = order + np.arange(len(order))[:, None] * self.rows.shape[1]
        return Ranked(*(getattr(self, f.name).ravel()[place] for f in fields(self)))

    def lines(self, places: NDArray[np.int64]) -> Ranked:
        """Take the lines of some stories."""
        return Ranked(*(getattr(self, f.name)[places] for f in fields(self)))

    def first(self, width: int) -> Ranked:
        """Keep only the first places of each line."""
        return Ranked(*(getattr(self, f.name)[:, :width] for f in fields(self)))

    def scattered(self, places: NDArray[np.int64], other: Ranked) -> Ranked:
        """Replace the lines at some places by those of `other`."""
        width = max(self.rows.shape[1], other.rows.shape[1])
        others = np.setdiff1d(np.arange(len(self.rows)), places)
        both = Ranked.stack([self.lines(others).padded(width), other])
        return both.lines(np.argsort(np.concatenate([others, places])))

    def padded(self, width: int) -> Ranked:
        """Add empty places up to a width."""
        blank = width - self.rows.shape[1]
        if blank <= 0:
            return self
        wider = (np.pad(getattr(self, f.name), ((0, 0), (0, blank))) for f in fields(self)[1:])
        return Ranked(np.pad(self.rows, ((0, 0), (0, blank)), constant_values=-1), *wider)

    @classmethod
    def stack(cls, parts: Sequence[Ranked]) -> Ranked:
        """Stack the lines of several."""
        if len(parts) == 1:
            return parts[0]
        width = max(part.rows.shape[1] for part in parts)
        wide = [part.padded(width) for part in parts]
        return cls(*(np.concatenate([getattr(part, f.name) for part in wide]) for f in fields(cls)))

    def beside(self, other: Ranked) -> Ranked:
        """Append each line of the other to the same line of this."""
        names = [f.name for f in fields(self)]
        both = Ranked(*(np.concatenate([getattr(self, n), getattr(other, n)], axis=1) for n in names))
        return both.keep(both.rows >= 0)

    def pinned(self, pins: NDArray[np.int64]) -> Ranked:
        """Put the candidates that are in `pins`, (q, p) by position, -1 = none, first; no rule takes them out."""
        if not (pins >= 0).any():
            return self
        at = (self.rows[:, :, None] == pins[:, None, :]) & (pins[:, None, :] >= 0)
        safe = at.any(axis=2)
        source = np.where(safe, PINNED, self.source).astype(np.int8)
        return replace(self, safe=safe, source=source).by(np.where(safe, at.argmax(axis=2), pins.shape[1]))

    def by(self, place: NDArray[np.float64]) -> Ranked:
        """Reorder by ascending `place`, shape (q, c); ties keep their order."""
        return self.along(np.argsort(place, axis=1, kind="stable"))

    def ordered(self, id_rank: NDArray[np.int64]) -> Ranked:
        """Put the best first: safe ones as they stand, then what is related, each by key, relevance and article id."""
        held = self.rows >= 0
        key = np.where(held, -self.key, np.nan)  # which sorts last
        order = np.argsort(key, axis=1)
        if (self.source == MORE).any():
            group = np.take_along_axis(np.where(held, self.source == MORE, 2), order, axis=1)
            order = np.take_along_axis(order, np.argsort(group, axis=1, kind="stable"), axis=1)
        key = np.take_along_axis(key, order, axis=1)
        # the key alone does not decide in every line
        tied = np.flatnonzero((key[:, 1:] == key[:, :-1]).any(axis=1) | self.safe.any(axis=1))
        if len(tied):
            order[tied] = self.lines(tied)._order(id_rank)
        return self.along(order)

    def _order(self, id_rank: NDArray[np.int64]) -> NDArray[np.int64]:
        place = np.where(self.safe, np.arange(self.rows.shape[1]), 0)
        key = np.where(self.safe, 0, self.key)
        by_relevance = np.where(self.safe, 0, self.relevance)
        by_id = np.where(self.safe, 0, id_rank[self.rows])
        more = np.where(self.safe, False, self.source == MORE)
        return np.lexsort((by_id, -by_relevance, -key, more, place, ~self.safe, self.rows < 0), axis=1)


@dataclass(frozen=True)
class Parts:
    """What each family of features adds to the log odds of the items, in the order of `rows[rows >= 0]`.

    Attributes
    ----------
    families : tuple of str
    values : ndarray of float64, shape (m, len(families))
    """

    families: tuple[str, ...]
    values: NDArray[np.float64]

    def of(self, *names: str) -> NDArray[np.float64]:
        """Sum the parts of some families, (m,)."""
        places = [place for place, name in enumerate(self.families) if name in names]
        return np.asarray(self.values[:, places].sum(axis=1))


def relevance(
    queries: StoryQueries, table: FeatureTable, rows: NDArray[np.int64], settings: RankingSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Compute dense and lexical cosines of (query, candidate) pairs and their weighted sum, each (q, c)."""
    dense = cosines(queries.vectors, table.vectors, rows)
    words = tfidf.cosines(queries.terms, table.parts.whole, rows)
    fused = settings.dense_weight * dense.astype(np.float64) + settings.lexical_weight * words
    return dense, words, fused


def learned(
    queries: StoryQueries, candidates: Candidates, pool: Candidates, table: FeatureTable, ranker: Ranker
) -> tuple[NDArray[np.float64], Pairs, NDArray[np.float32]]:
    """Score pairs by the ranker: raw scores (q, c), the pairs that they are of, and their features, (q * c, f).

    A score is -inf where there is no candidate.

    Parameters
    ----------
    pool : Candidates
        Those that a story's standing is told by; each is among `candidates`.
    """
    rows = candidates.rows
    same = candidates is pool or np.array_equal(rows, pool.rows)
    pairs = Pairs(queries.features, queries.at, table, rows, rows >= 0 if same else among(rows, pool.rows))
    values = pair_features(pairs, ranker.features, FAMILIES).reshape(-1, len(ranker.features))
    raw = ranker.raw(values).reshape(rows.shape)
    return np.where(rows >= 0, raw, -np.inf), pairs, values


def among(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows of each line are among those of the same line of `others`, (q, c)."""
    size = int(max(rows.max(initial=-1), others.max(initial=-1))) + 1
    line = np.arange(len(rows))[:, None] * size
    held = np.where(others >= 0, line + others, -1).ravel()
    return np.asarray((rows >= 0) & np.isin(line + rows, held))


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """Score the candidates of some stories, and tell what each family of features adds: by the ranker, if there is one.

    Attributes
    ----------
    catalog : Catalog
    table : FeatureTable
        What stories are compared by, by row.
    scope : Scope
    ranker : Ranker or None
        None: by a weighted sum of two cosines.
    settings : RankingSettings
    closeness : Closeness or None
        Candidates that are not close come in as the next best.
    """

    catalog: Catalog
    table: FeatureTable
    scope: Scope
    ranker: Ranker | None
    settings: RankingSettings
    closeness: Closeness | None = None
    _features: list[NDArray[np.float32]] = field(default_factory=list)  # of all pairs that the ranker scored

    def rank(self, queries: StoryQueries, candidates: Candidates, pool: Candidates) -> Ranked:
        """Score every candidate; the candidates stay in no order.

        Parameters
        ----------
        queries : StoryQueries, q of them
        candidates : Candidates, shape (q, c)
        pool : Candidates, shape (q, p)
            Those that a story's standing is told by.
        """
        if self.ranker is None:
            return self._by_sum(queries, candidates)
        return self._by_ranker(queries, candidates, pool, self.ranker)

    def parts(self, selected: Ranked) -> Parts:
        """Tell what each family of features adds to the score of candidates that `rank` scored."""
        held = selected.rows >= 0
        if self.ranker is not None:
            features = _taken(self._features, selected.pair[held])
            return Parts(self.ranker.families, self.ranker.contributions(features))
        words = self.settings.lexical_weight * selected.lexical[held].astype(np.float64)
        meaning = self.settings.dense_weight * selected.dense[held].astype(np.float64)
        return Parts(("words", "embedding"), np.stack([words, meaning], axis=1))

    def _by_ranker(self, queries: StoryQueries, candidates: Candidates, pool: Candidates, ranker: Ranker) -> Ranked:
        """Score by the ranker.

        `relevance` is the probability of a link, `key` the log odds in base 2, so that boosts multiply the odds.
        """
        same = np.array_equal(candidates.rows, pool.rows)  # as it is where editors took nothing out
        everyone = pool if same else candidates.beside(pool.rows)
        raw, pairs, values = learned(queries, everyone, pool, self.table, ranker)
        slope, offset = ranker.calibration
        chance = ranker.probability(raw)
        rows = everyone.rows if same else np.where(among(everyone.rows, candidates.rows), everyone.rows, -1)
        before = sum(map(len, self._features))
        words = pairs.texts["whole_whole"]
        far = None if self.closeness is None else ~self.closeness.close(words, pairs.dense)
        self._features.append(values)
        found = self._ranked(
            rows,
            dense=np.nan_to_num(pairs.dense),
            lexical=np.nan_to_num(words),
            relevance=chance,
            freshness=np.ones(rows.shape),
            score=chance,
            key=(slope * raw + offset) / np.log(2),
            far=far,
            pair=before + np.arange(rows.size).reshape(rows.shape),
        )
        return found.keep(rows >= 0)

    def _by_sum(self, queries: StoryQueries, candidates: Candidates) -> Ranked:
        """Score by the weighted sum of two cosines and, where the settings name a half-life, by age."""
        rows, settings, catalog = candidates.rows, self.settings, self.catalog
        dense, words, fused = relevance(queries, self.table, rows, settings)
        freshness, key, score = np.ones(rows.shape), fused, fused
        if self.scope.timed and settings.half_life_days is not None:
            anchor = np.full(len(queries), self.scope.as_of)
            if settings.anchor == "story":
                anchor = np.where(queries.published > UNDATED, queries.published, anchor)
            timeless = catalog.timeless[rows]
            days = np.where(timeless, 0, np.abs(catalog.published[rows] - anchor[:, None])) / DAY_US
            half_lives = np.where(timeless, 1.0, days / settings.half_life_days)
            freshness = np.where(timeless, np.nan, np.exp2(-half_lives))
            with np.errstate(divide="ignore"):
                key = np.log2(np.maximum(fused, 0)) - half_lives
            score = fused * np.exp2(-half_lives)
        return self._ranked(
            rows,
            dense=dense,
            lexical=words,
            relevance=fused,
            freshness=freshness,
            score=score,
            key=key,
            pair=np.zeros(rows.shape, dtype=np.int64),
        )

    def _ranked(self, rows: NDArray[np.int64], far: NDArray[np.bool_] | None = None, **figures: Any) -> Ranked:
        source = np.where(self.scope.timed & self.catalog.timeless[rows], EVERGREEN, RELATED)
        return Ranked(
            rows=rows,
            boost=np.ones(rows.shape),
            source=(source if far is None else np.where(far, MORE, source)).astype(np.int8),
            safe=np.zeros(rows.shape, dtype=bool),
            notes=np.zeros(rows.shape, dtype=np.int8),
            **figures,
        )


def _taken(blocks: list[NDArray[np.float32]], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Take lines of several blocks as if they stood one below the other."""
    starts = np.cumsum([0, *map(len, blocks)])
    found = np.empty((len(places), blocks[0].shape[1]), dtype=np.float32)
    block = np.searchsorted(starts, places, side="right") - 1
    for number in np.unique(block):
        here = block == number
        found[here] = blocks[number][places[here] - starts[number]]
    return found
