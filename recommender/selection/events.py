"""Which rows of an archive report the same event, and which are nearly one text, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.features.tfidf import csr_arrays
from recommender.features.vectors import cosines
from recommender.selection import event_loops, near_copy_loops
from recommender.selection.same_event import COPY_VECTORS, COPY_WORDS, FEWEST_TERMS, SameEvent, to_probability
from recommender.settings import SelectionSettings

if TYPE_CHECKING:
    from recommender.search.pools import StoryQueries


@dataclass(frozen=True, kw_only=True)
class EventTest:
    """The pairwise test on rows of an archive."""

    vectors: NDArray[np.int16]  # (n, d)
    terms: sp.csr_matrix  # (n, v); TF-IDF, unit rows
    rarity: NDArray[np.float32]  # (v,); see `term_rarity`
    # (n, 2); local scale by words and by vectors; the second is NaN where a story has no vector
    scale: NDArray[np.float32]
    published: NDArray[np.int64]  # (n,)
    outlets: NDArray[np.int32]  # (n,); who published each; -1 = not known
    model: SameEvent
    settings: SelectionSettings
    timed: bool  # whether time counts

    def probability(self, a: NDArray[np.int64], b: NDArray[np.int64], *, time: bool = True) -> NDArray[np.float64]:
        """Estimate P(same event) of pairs of rows, float64 (m,); without `time` by their texts alone."""
        return to_probability(self._logits(self._pairs(a, b), np.full(len(a), -np.inf), time=time))

    def within_hours(
        self, a: NDArray[np.int64], b: NDArray[np.int64], hours: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Check which times may lie within some hours of each other, and which surely do.

        A date without a clock time, which is midnight, may mean any time of its day; a missing date any time at all.

        `a`, `b`: microseconds, of shapes that broadcast.
        """
        is_known = (a != UNDATED) & (b != UNDATED) & self.timed
        a, b = np.where(is_known, a, 0), np.where(is_known, b, 0)
        a_end, b_end = a + _duration(a), b + _duration(b)
        least = np.maximum(np.maximum(a - b_end, b - a_end), 0)
        most = np.maximum(a_end - b, b_end - a)
        limit = hours * HOUR_US
        return np.asarray(~is_known | (least <= limit)), np.asarray(is_known & (most <= limit))

    def is_same_event(
        self, a: NDArray[np.int64], b: NDArray[np.int64], is_sure: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Check whether pairs of rows report the same event, (m,).

        Parameters
        ----------
        a, b : ndarray of int64, shape (m,)
        is_sure : ndarray of bool, shape (m,)
            Whether they surely are within the hours that count: else the texts must say so more clearly.
        """
        thresholds = self._thresholds(self.outlets[a], self.published[a], self.n_terms[a], b, is_sure)
        return self._reaches(thresholds, self._pairs(a, b), time=True)

    def is_event_of_story(
        self,
        queries: StoryQueries,
        outlets: NDArray[np.int32],
        stories: NDArray[np.int64],
        dense: NDArray[np.float32],
        rows: NDArray[np.int64],
        is_sure: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Check whether stories and rows report the same event, (m,).

        Parameters
        ----------
        outlets : ndarray of int32, shape (q,)
            Who published each of them.
        stories, rows : ndarray of int64, shape (m,)
            Indices of `queries`, and rows of the archive.
        dense : ndarray of float32, shape (m,)
            Cosines of the vectors.
        is_sure : ndarray of bool, shape (m,)
            See `is_same_event`.
        """
        n_terms = np.diff(queries.terms.indptr)[stories]
        thresholds = self._thresholds(outlets[stories], queries.published[stories], n_terms, rows, is_sure)
        return self._reaches(thresholds, _Pairs(_Texts.of_queries(queries), stories, rows, dense), time=True)

    def is_running_story(
        self, queries: StoryQueries, stories: NDArray[np.int64], dense: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Check whether the texts of stories and rows tell of one event, whenever published; (m,), see above."""
        thresholds = np.full(len(rows), self.settings.event_threshold_untimed)
        return self._reaches(thresholds, _Pairs(_Texts.of_queries(queries), stories, rows, dense), time=False)

    def sketches(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Sketch the words of rows, (q, c), by which most pairs are seen to be no near copies; uint8 (q, c, parts)."""
        sketches = np.empty((*rows.shape, near_copy_loops.SKETCH), dtype=np.uint8)
        near_copy_loops.sketch_words(len(rows), rows, csr_arrays(self.terms), sketches)
        return sketches

    def is_near_copy(
        self,
        last: NDArray[np.int64],
        rows: NDArray[np.int64],
        sketches: NDArray[np.uint8],
        is_open: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Check which open rows have nearly the text of another one, a few words apart.

        Parameters
        ----------
        last : ndarray of int64, shape (q,)
            The column of the other row for each story; -1 = none.
        rows : ndarray of int64, shape (q, c)
        sketches : ndarray of uint8, shape (q, c, parts)
            Those of the rows.
        is_open : ndarray of bool, shape (q, c)
            The others are not compared.
        """
        is_copy = np.empty(rows.shape, dtype=bool)
        near_copy_loops.mask_near_copies(
            len(rows),
            last,
            rows,
            sketches,
            is_open,
            np.asarray(self.vectors),
            self.has_vector,
            csr_arrays(self.terms),
            COPY_VECTORS,
            COPY_WORDS,
            FEWEST_TERMS,
            is_copy,
        )
        return is_copy

    @cached_property
    def has_vector(self) -> NDArray[np.bool_]:
        """Mask of the rows that have a vector, (n,)."""
        return np.asarray(~np.isnan(self.scale[:, 1]))

    @cached_property
    def n_terms(self) -> NDArray[np.int32]:
        """Number of terms of each row, (n,)."""
        return np.asarray(np.diff(self.terms.indptr))

    @cached_property
    def _texts(self) -> _Texts:
        return _Texts(csr_arrays(self.terms), np.asarray(self.scale), np.asarray(self.published))

    def _pairs(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> _Pairs:
        return _Pairs(self._texts, a, b, cosines(self.vectors[a], self.vectors, b[:, None])[:, 0])

    def _thresholds(
        self,
        outlets: NDArray[np.int32],
        published: NDArray[np.int64],
        n_terms: NDArray[np.int32],
        rows: NDArray[np.int64],
        is_sure: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Compute the probability from which on stories and rows report the same event, (m,)."""
        settings = self.settings
        # one newsroom seldom tells the same twice: what it tells of an event within hours mostly is a development
        is_of_others = (outlets >= 0) & (self.outlets[rows] >= 0) & (outlets != self.outlets[rows])
        sure = np.where(is_of_others, settings.event_threshold, settings.event_threshold_own)
        is_undated = (published == UNDATED) | (self.published[rows] == UNDATED) | (not self.timed)
        unsure = np.where(is_undated, settings.event_threshold_undated, settings.event_threshold_untimed)
        threshold = np.where(is_sure, sure, np.maximum(sure, unsure))
        # without dates a few words, such as two headlines, tell nothing of events
        is_few = np.minimum(n_terms, self.n_terms[rows]) < FEWEST_TERMS
        return np.where(is_undated & is_few, 1.0, threshold)

    def _reaches(self, thresholds: NDArray[np.float64], pairs: _Pairs, *, time: bool) -> NDArray[np.bool_]:
        """Check which pairs have at least the probability of their threshold."""
        with np.errstate(divide="ignore"):
            least = np.log(thresholds / (1 - thresholds))
        return np.asarray(self._logits(pairs, least, time=time) >= least)

    def _logits(self, pairs: _Pairs, least: NDArray[np.float64], *, time: bool) -> NDArray[np.float64]:
        """Compute the logits of pairs, (m,); minus infinity where a pair cannot reach its least."""
        logits = np.empty(len(pairs.stories), dtype=np.float64)
        event_loops.pair_logits(
            len(pairs.stories),
            np.ascontiguousarray(pairs.dense, dtype=np.float32),
            np.ascontiguousarray(pairs.stories),
            np.ascontiguousarray(pairs.rows),
            *pairs.texts,
            *self._texts,
            self.rarity,
            least,
            time and self.timed,
            self.model.parameters,
            logits,
        )
        return logits


def _duration(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how long a time may mean: a day where the clock time is midnight, else a moment."""
    return np.where(times % DAY_US == 0, DAY_US, 0)


class _Texts(NamedTuple):
    """What the compiled loops compare stories by: arrays of a sparse matrix, local scales (n, 2), times (n,)."""

    terms: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
    scale: NDArray[np.float32]
    published: NDArray[np.int64]

    @classmethod
    def of_queries(cls, queries: StoryQueries) -> _Texts:
        return cls(csr_arrays(queries.terms), queries.scale, queries.published)


class _Pairs(NamedTuple):
    """Pairs of a row of `texts` and a row of the archive, (m,) each, with the cosine of their vectors."""

    texts: _Texts
    stories: NDArray[np.int64]
    rows: NDArray[np.int64]
    dense: NDArray[np.float32]
