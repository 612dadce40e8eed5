"""Candidates -> scores, by the ranker or by a weighted sum; every component is kept by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

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
_FAR = 0.5  # log odds that a far candidate loses for each by which it fails to be close; 1 helps some judged lists more
# and costs others more (`python -m benchmarks.closeness` shows what readers of lists say)


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
        With a ranker the probability whose odds are those of the relevance times `boost`, lowered for what is not
        close; else `relevance * freshness * boost`.
    key : ndarray of float64
        Orders as the score does, on a scale that no age exhausts: `log2` of the score, or of the odds.
    source : ndarray of int8
        How the candidate came in: index in `SOURCES`.
    is_pinned : ndarray of bool
        Placed by an editor: most rules count it but do not reject it.
    notes : ndarray of int8
        DEVELOPMENT: of the story's own event, at another time. VARIETY: stands above a better one for diversity.
    feature_row : ndarray of int64
        Row of the features of story and candidate in those that the `Scorer` keeps; 0 with a weighted sum.
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
    is_pinned: NDArray[np.bool_]
    notes: NDArray[np.int8]
    feature_row: NDArray[np.int64]

    @property
    def has_item(self) -> NDArray[np.bool_]:
        """Mask of the places that hold a candidate, (q, c)."""
        return self.rows >= 0

    def keep(self, mask: NDArray[np.bool_]) -> Ranked:
        """Return the candidates of a mask, (q, c), in their order; empty places are zeros."""
        counts = mask.sum(axis=1)
        width = max(int(counts.max(initial=0)), 1)
        if width == mask.shape[1] and (counts == width).all():
            return self
        if len(mask) == 1 and counts[0]:
            return self.take_columns(np.flatnonzero(mask)[None, :])
        source = np.flatnonzero(mask)
        target = np.flatnonzero(np.arange(width) < counts[:, None])

        def move(values: NDArray[Any], blank: int = 0) -> NDArray[Any]:
            moved = np.full(len(mask) * width, blank, dtype=values.dtype)
            moved[target] = values.ravel()[source]
            return moved.reshape(-1, width)

        return Ranked(move(self.rows, -1), *map(move, self._columns()[1:]))

    def take(self, stories: NDArray[np.int64]) -> Ranked:
        """Return the candidates of the stories at some indices."""
        return Ranked(*(values[stories] for values in self._columns()))

    def take_columns(self, columns: NDArray[np.int64]) -> Ranked:
        """Return for each story the candidates of its columns, (q, w)."""
        place = columns + np.arange(len(columns))[:, None] * self.rows.shape[1]
        return Ranked(*(values.ravel()[place] for values in self._columns()))

    def truncate(self, width: int) -> Ranked:
        """Return the first columns only."""
        return Ranked(*(values[:, :width] for values in self._columns()))

    def pad(self, width: int) -> Ranked:
        """Append empty columns up to a width."""
        missing = width - self.rows.shape[1]
        if missing <= 0:
            return self
        wider = (np.pad(values, ((0, 0), (0, missing))) for values in self._columns()[1:])
        return Ranked(np.pad(self.rows, ((0, 0), (0, missing)), constant_values=-1), *wider)

    def replace_stories(self, stories: NDArray[np.int64], other: Ranked) -> Ranked:
        """Replace the candidates of the stories at some indices by those of `other`."""
        kept = np.setdiff1d(np.arange(len(self.rows)), stories)
        both = Ranked.concatenate([self.take(kept), other])
        return both.take(np.argsort(np.concatenate([kept, stories])))

    @classmethod
    def concatenate(cls, parts: Sequence[Ranked]) -> Ranked:
        """Concatenate the candidates of further stories, padded to one width."""
        width = max(part.rows.shape[1] for part in parts)
        padded = [part.pad(width)._columns() for part in parts]
        return cls(*(np.concatenate(values) for values in zip(*padded, strict=True)))

    def append_candidates(self, other: Ranked) -> Ranked:
        """Append further candidates of the same stories."""
        pairs = zip(self._columns(), other._columns(), strict=True)
        both = Ranked(*(np.concatenate(pair, axis=1) for pair in pairs))
        return both.keep(both.has_item)

    def pins_first(self, pins: NDArray[np.int64]) -> Ranked:
        """Mark the candidates that are in `pins`, (q, p) by position, -1 = none, as pinned, and put them first."""
        if not (pins >= 0).any():
            return self
        matches = (self.rows[:, :, None] == pins[:, None, :]) & (pins[:, None, :] >= 0)
        is_pinned = matches.any(axis=2)
        source = np.where(is_pinned, PINNED, self.source).astype(np.int8)
        position = np.where(is_pinned, matches.argmax(axis=2), pins.shape[1])
        return replace(self, is_pinned=is_pinned, source=source).sort_by(position)

    def sort_by(self, values: NDArray[np.float64]) -> Ranked:
        """Sort the candidates of each story by ascending values, (q, c); ties keep their order."""
        return self.take_columns(np.argsort(values, axis=1, kind="stable"))

    def best_first(self, id_rank: NDArray[np.int64]) -> Ranked:
        """Sort by descending score: pins first as they stand, then what is related, then the rest.

        Equal keys are ordered by relevance and then by article id, whose order `id_rank` tells for every catalog row.
        """
        key = np.where(self.has_item, -self.key, np.nan)  # which sorts last
        order = np.argsort(key, axis=1)
        group = None
        if (self.source == MORE).any():
            group = np.take_along_axis(np.where(self.has_item, self.source == MORE, 2), order, axis=1)
            by_group = np.argsort(group, axis=1, kind="stable")
            order, group = (np.take_along_axis(values, by_group, axis=1) for values in (order, group))
        key = np.take_along_axis(key, order, axis=1)
        is_tie = key[:, 1:] == key[:, :-1]
        if group is not None:
            is_tie &= group[:, 1:] == group[:, :-1]
        if is_tie.any():
            self._order_ties(order, is_tie, id_rank)
        if self.is_pinned.any():
            pin_column = np.where(self.is_pinned, np.arange(self.rows.shape[1]), self.rows.shape[1])
            pins_first = np.argsort(np.take_along_axis(pin_column, order, axis=1), axis=1, kind="stable")
            order = np.take_along_axis(order, pins_first, axis=1)
        return self.take_columns(order)

    def _order_ties(self, order: NDArray[np.int64], is_tie: NDArray[np.bool_], id_rank: NDArray[np.int64]) -> None:
        """Order the columns of `order` within each run of ties, of neighbours that are equal, (q, c - 1)."""
        is_in_run, is_first = np.zeros(order.shape, dtype=bool), np.ones(order.shape, dtype=bool)
        is_in_run[:, 1:] = is_tie
        is_in_run[:, :-1] |= is_tie
        is_first[:, 1:] = ~is_tie
        run = np.cumsum(is_first[is_in_run])
        story, column = np.nonzero(is_in_run)[0], order[is_in_run]
        by_rank = np.lexsort((id_rank[self.rows[story, column]], -self.relevance[story, column], run))
        order[is_in_run] = column[by_rank]

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return tuple(getattr(self, column.name) for column in fields(self))


@dataclass(frozen=True)
class Contributions:
    """What each family of features adds to the log odds of the items, in the order of `rows[has_item]`."""

    families: tuple[str, ...]
    values: NDArray[np.float64]  # (m, len(families))

    def total(self, *families: str) -> NDArray[np.float64]:
        """Sum the contributions of some families, (m,)."""
        columns = [column for column, family in enumerate(self.families) if family in families]
        return np.asarray(self.values[:, columns].sum(axis=1))


def weighted_cosines(
    queries: StoryQueries, table: FeatureTable, rows: NDArray[np.int64], settings: RankingSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Compute dense and lexical cosines of (query, candidate) pairs and their weighted sum, each (q, c)."""
    dense = cosines(queries.vectors, table.vectors, rows)
    lexical = tfidf.cosines(queries.terms, table.parts.whole, rows)
    weighted = settings.dense_weight * dense.astype(np.float64) + settings.lexical_weight * lexical
    return dense, lexical, weighted


def score_by_ranker(
    queries: StoryQueries, candidates: Candidates, pool: Candidates, table: FeatureTable, ranker: Ranker
) -> tuple[NDArray[np.float64], Pairs, NDArray[np.float32]]:
    """Score pairs by the ranker: raw scores (q, c), the pairs that they are of, and their features, (q * c, f).

    A score is -inf where there is no candidate.

    `pool`: those among which the standing of a candidate is found; each is among `candidates`.
    """
    rows = candidates.rows
    same = candidates is pool or np.array_equal(rows, pool.rows)
    pairs = Pairs(queries.features, queries.at, table, rows, rows >= 0 if same else is_among(rows, pool.rows))
    features = pair_features(pairs, ranker.features, FAMILIES).reshape(-1, len(ranker.features))
    raw = ranker.raw(features).reshape(rows.shape)
    return np.where(rows >= 0, raw, -np.inf), pairs, features


def is_among(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Check which catalog rows of each story, (q, c), are among its `others`; False where there is no row."""
    is_other = np.zeros(int(max(rows.max(initial=-1), others.max(initial=-1))) + 2, dtype=bool)
    is_among_others = np.empty(rows.shape, dtype=bool)
    for story, (own_rows, own_others) in enumerate(zip(rows, others, strict=True)):
        is_other[own_others] = True
        is_other[-1] = False  # where there is no row
        is_among_others[story] = is_other[own_rows]
        is_other[own_others] = False
    return is_among_others


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """Score candidates of stories by the ranker, if there is one, and tell what each family of features contributes."""

    catalog: Catalog
    table: FeatureTable  # what stories are compared by, by catalog row
    scope: Scope
    ranker: Ranker | None  # None: by a weighted sum of two cosines
    settings: RankingSettings
    closeness: Closeness | None = None  # candidates that are not close come in as the next best
    _features: list[NDArray[np.float32]] = field(default_factory=list)  # of all pairs that the ranker scored

    def rank(self, queries: StoryQueries, candidates: Candidates, pool: Candidates) -> Ranked:
        """Score every candidate; the candidates stay in no order.

        Parameters
        ----------
        queries : StoryQueries, q of them
        candidates : Candidates, shape (q, c)
        pool : Candidates, shape (q, p)
            Those among which the standing of a candidate is found.
        """
        if self.ranker is None:
            return self._rank_by_cosines(queries, candidates)
        return self._rank_by_ranker(queries, candidates, pool, self.ranker)

    def contributions(self, selected: Ranked) -> Contributions:
        """Compute what each family of features adds to the score of candidates that `rank` scored."""
        has_item = selected.has_item
        if self.ranker is not None:
            features = _take_rows(self._features, selected.feature_row[has_item])
            return Contributions(self.ranker.families, self.ranker.contributions(features))
        words = self.settings.lexical_weight * selected.lexical[has_item].astype(np.float64)
        meaning = self.settings.dense_weight * selected.dense[has_item].astype(np.float64)
        return Contributions(("words", "embedding"), np.stack([words, meaning], axis=1))

    def _rank_by_ranker(
        self, queries: StoryQueries, candidates: Candidates, pool: Candidates, ranker: Ranker
    ) -> Ranked:
        """Score by the ranker.

        `relevance` is the probability of a link, `key` the log odds in base 2, so that boosts multiply the odds. What
        is not close keeps its relevance, but its score falls with the distance: among such candidates the probability
        alone hardly tells which ones readers find related.
        """
        same = np.array_equal(candidates.rows, pool.rows)  # as it is where editors took nothing out
        scored = pool if same else candidates.append(pool.rows)
        raw, pairs, features = score_by_ranker(queries, scored, pool, self.table, ranker)
        rows = scored.rows if same else np.where(is_among(scored.rows, candidates.rows), scored.rows, -1)
        slope, intercept = ranker.calibration
        probability, log_odds = ranker.probability(raw), slope * raw + intercept
        lexical, score, is_far = pairs.texts["whole_whole"], probability, None
        if self.closeness is not None:
            margin = self.closeness.margin(lexical, pairs.titles, pairs.dense)
            is_far = margin < self.closeness.required_margin(pairs.texts["shared"], probability)
            log_odds = np.where(is_far, log_odds + _FAR * np.minimum(margin, 0), log_odds)
            score = np.where(is_far, expit(log_odds), probability)
        first_row = sum(map(len, self._features))
        self._features.append(features)
        ranked = self._ranked(
            rows,
            dense=np.nan_to_num(pairs.dense),
            lexical=np.nan_to_num(lexical),
            relevance=probability,
            freshness=np.ones(rows.shape),
            score=score,
            key=log_odds / np.log(2),
            is_far=is_far,
            feature_row=first_row + np.arange(rows.size).reshape(rows.shape),
        )
        return ranked.keep(ranked.has_item)

    def _rank_by_cosines(self, queries: StoryQueries, candidates: Candidates) -> Ranked:
        """Score by the weighted sum of two cosines and, where the settings name a half-life, by age."""
        rows = candidates.rows
        dense, lexical, relevance = weighted_cosines(queries, self.table, rows, self.settings)
        freshness, key, score = np.ones(rows.shape), relevance, relevance
        if self.scope.timed and self.settings.half_life_days is not None:
            is_timeless = self.catalog.timeless[rows]
            half_lives = self._half_lives(queries, rows, self.settings.half_life_days)
            freshness = np.where(is_timeless, np.nan, np.exp2(-half_lives))
            with np.errstate(divide="ignore"):
                key = np.log2(np.maximum(relevance, 0)) - half_lives
            score = relevance * np.exp2(-half_lives)
        return self._ranked(
            rows,
            dense=dense,
            lexical=lexical,
            relevance=relevance,
            freshness=freshness,
            score=score,
            key=key,
            feature_row=np.zeros(rows.shape, dtype=np.int64),
        )

    def _half_lives(self, queries: StoryQueries, rows: NDArray[np.int64], half_life_days: float) -> NDArray[np.float64]:
        """Compute the ages of candidates in half-lives, (q, c): 1 for timeless ones."""
        anchor = np.full(len(queries), self.scope.as_of)
        if self.settings.anchor == "story":
            anchor = np.where(queries.published > UNDATED, queries.published, anchor)
        is_timeless = self.catalog.timeless[rows]
        days = np.where(is_timeless, 0, np.abs(self.catalog.published[rows] - anchor[:, None])) / DAY_US
        return np.where(is_timeless, 1.0, days / half_life_days)

    def _ranked(self, rows: NDArray[np.int64], is_far: NDArray[np.bool_] | None = None, **columns: Any) -> Ranked:
        source = np.where(self.scope.timed & self.catalog.timeless[rows], EVERGREEN, RELATED)
        return Ranked(
            rows=rows,
            boost=np.ones(rows.shape),
            source=(source if is_far is None else np.where(is_far, MORE, source)).astype(np.int8),
            is_pinned=np.zeros(rows.shape, dtype=bool),
            notes=np.zeros(rows.shape, dtype=np.int8),
            **columns,
        )


def _take_rows(blocks: list[NDArray[np.float32]], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Take rows of several blocks as if they were concatenated, without the memory of that."""
    starts = np.cumsum([0, *map(len, blocks)])
    taken = np.empty((len(rows), blocks[0].shape[1]), dtype=np.float32)
    block = np.searchsorted(starts, rows, side="right") - 1
    for number in np.unique(block):
        is_in_block = block == number
        taken[is_in_block] = blocks[number][rows[is_in_block] - starts[number]]
    return taken
