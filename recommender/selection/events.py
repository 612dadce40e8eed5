"""Which rows of an archive report the same event, and which are one text, told pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.features.vectors import cosines
from recommender.selection import event_loops as loops
from recommender.selection import twin_loops
from recommender.selection.same_event import COPY_VECTORS, COPY_WORDS, FEWEST_TERMS, SameEvent, probability_of
from recommender.settings import SelectionSettings

if TYPE_CHECKING:
    from recommender.search.pools import StoryQueries


@dataclass(frozen=True, kw_only=True)
class EventTest:
    """The pairwise test on rows of an archive.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    terms : csr_matrix of float32, shape (n, v)
        TF-IDF, unit rows.
    scale : ndarray of float32, shape (n, 2)
        Local scale by words and by vectors; the second is NaN where a story has no vector.
    published : ndarray of int64, shape (n,)
    outlets : ndarray of int32, shape (n,)
        Who published each; -1 = not known.
    timed : bool
        Whether time counts.
    """

    vectors: NDArray[np.int16]
    terms: sp.csr_matrix
    scale: NDArray[np.float32]
    published: NDArray[np.int64]
    outlets: NDArray[np.int32]
    model: SameEvent
    settings: SelectionSettings
    timed: bool

    def probability(self, a: NDArray[np.int64], b: NDArray[np.int64], *, time: bool = True) -> NDArray[np.float64]:
        """Estimate P(same event) of pairs of rows, float64 (m,); without `time` by their texts alone."""
        dense = cosines(self.vectors[a], self.vectors, b[:, None])[:, 0]
        found = self._logits(dense, a, self._rows, np.full(len(a), -np.inf), b, time)
        return probability_of(found)

    def within(
        self, a: NDArray[np.int64], b: NDArray[np.int64], hours: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which times may lie within some hours of each other, and which surely do.

        A date without a clock time, which is midnight, may mean any time of its day; a missing date any time at all.

        Parameters
        ----------
        a, b : ndarray of int64
            Microseconds, of shapes that broadcast.
        hours : float

        Returns
        -------
        possible, sure : ndarray of bool
        """
        known = (a != UNDATED) & (b != UNDATED) & self.timed
        first, second = np.where(known, a, 0), np.where(known, b, 0)
        # each is an interval: of a day where the clock time is midnight, else of a moment
        first_end, second_end = (time + np.where(time % DAY_US == 0, DAY_US, 0) for time in (first, second))
        least = np.maximum(np.maximum(first - second_end, second - first_end), 0)
        most = np.maximum(first_end - second, second_end - first)
        limit = hours * HOUR_US
        return np.asarray(~known | (least <= limit)), np.asarray(known & (most <= limit))

    def joins(
        self, a: NDArray[np.int64], b: NDArray[np.int64], sure: NDArray[np.bool_], *, time: bool = True
    ) -> NDArray[np.bool_]:
        """Tell whether pairs of rows report the same event, (m,).

        Parameters
        ----------
        a, b : ndarray of int64, shape (m,)
        sure : ndarray of bool, shape (m,)
            Whether their times are known: else the texts must say so more clearly.
        time : bool, default True
            Whether the time between them counts.
        """
        dense = cosines(self.vectors[a], self.vectors, b[:, None])[:, 0]
        return self._joined(
            dense, a, self._rows, self._limits(self.outlets[a], self.published[a], self._sizes[a], b, sure), b, time
        )

    def joins_story(
        self,
        queries: StoryQueries,
        outlets: NDArray[np.int32],
        stories: NDArray[np.int64],
        dense: NDArray[np.float32],
        rows: NDArray[np.int64],
        sure: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Tell whether stories and rows report the same event, (m,).

        Parameters
        ----------
        queries : StoryQueries
        outlets : ndarray of int32, shape (q,)
            Who published each of them.
        stories, rows : ndarray of int64, shape (m,)
            Places of `queries`, and rows of the archive.
        dense : ndarray of float32, shape (m,)
            Cosines of the vectors.
        sure : ndarray of bool, shape (m,)
            See `joins`.
        """
        sizes = np.diff(queries.terms.indptr)[stories]
        limits = self._limits(outlets[stories], queries.published[stories], sizes, rows, sure)
        return self._joined(dense, stories, _asking(queries), limits, rows, True)

    def running(
        self, queries: StoryQueries, stories: NDArray[np.int64], dense: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell by their texts whether stories and rows tell of one event, whenever published; (m,), see above."""
        limits = np.full(len(rows), self.settings.event_threshold_untimed)
        return self._joined(dense, stories, _asking(queries), limits, rows, False)

    def _limits(
        self,
        outlets: NDArray[np.int32],
        published: NDArray[np.int64],
        sizes: NDArray[np.int32],
        b: NDArray[np.int64],
        sure: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Find the probability from which on pairs are joined, (m,)."""
        settings = self.settings
        # one newsroom seldom tells the same twice: what it tells of an event within hours mostly is a development
        others = (outlets >= 0) & (self.outlets[b] >= 0) & (outlets != self.outlets[b])
        limit = np.where(others, settings.event_threshold, settings.event_threshold_own)
        undated = (published == UNDATED) | (self.published[b] == UNDATED) | (not self.timed)
        unsure = np.where(undated, settings.event_threshold_undated, settings.event_threshold_untimed)
        limit = np.where(sure, limit, np.maximum(limit, unsure))
        # without dates a few words, such as two headlines, tell nothing of events
        return np.where(undated & (np.minimum(sizes, self._sizes[b]) < FEWEST_TERMS), 1.0, limit)

    @cached_property
    def _sizes(self) -> NDArray[np.int32]:
        """Terms of each row, (n,)."""
        return np.asarray(np.diff(self.terms.indptr))

    def _joined(
        self,
        dense: NDArray[np.float32],
        a: NDArray[np.int64],
        left: _Rows,
        limit: NDArray[np.float64],
        b: NDArray[np.int64],
        time: bool,
    ) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore"):
            least = np.log(limit / (1 - limit))
        return np.asarray(self._logits(dense, a, left, least, b, time) >= least)

    def _logits(
        self,
        dense: NDArray[np.float32],
        a: NDArray[np.int64],
        left: _Rows,
        least: NDArray[np.float64],
        b: NDArray[np.int64],
        time: bool,
    ) -> NDArray[np.float64]:
        """Compute the logits of pairs, (m,); minus infinity where one cannot reach its least."""
        found = np.empty(len(a), dtype=np.float64)
        loops.pair_logits(
            len(a),
            np.ascontiguousarray(dense, dtype=np.float32),
            np.ascontiguousarray(a),
            np.ascontiguousarray(b),
            *left,
            *self._rows,
            least,
            time and self.timed,
            self.model.parameters,
            found,
        )
        return found

    def twins(self, last: NDArray[np.int64], rows: NDArray[np.int64], open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which rows have nearly the text of another one, a few words apart.

        Parameters
        ----------
        last : ndarray of int64, shape (q,)
            -1 = none.
        rows : ndarray of int64, shape (q, c)
        open_ : ndarray of bool, shape (q, c)
            Those that are asked about.

        Returns
        -------
        ndarray of bool, shape (q, c)
        """
        found = np.zeros(rows.shape, dtype=bool)
        vectors, terms = np.asarray(self.vectors), _parts(self.terms)
        twin_loops.twins(
            len(rows), last, rows, open_, vectors, self.has_vector, terms, COPY_VECTORS, COPY_WORDS, FEWEST_TERMS, found
        )
        return found

    @cached_property
    def has_vector(self) -> NDArray[np.bool_]:
        """Mask of the rows that have a vector, (n,)."""
        return np.asarray(~np.isnan(self.scale[:, 1]))

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(_parts(self.terms), np.asarray(self.scale), np.asarray(self.published))


def _asking(queries: StoryQueries) -> _Rows:
    return _Rows(_parts(queries.terms), queries.scale, queries.published)


class _Rows(NamedTuple):
    """What the compiled loops compare stories by: parts of a sparse matrix, local scales (n, 2), times (n,)."""

    terms: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
    scale: NDArray[np.float32]
    published: NDArray[np.int64]


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)
