"""Whether two stories report the same event: a calibrated probability, and names for how they relate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, HOUR_US, UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf, row_cosines, term_frequencies
from recommender.features.vectors import cosines
from recommender.selection import event_loops as loops
from recommender.selection import twin_loops
from recommender.settings import EmbeddingSettings, SelectionSettings

if TYPE_CHECKING:
    from recommender.embedders import Embedder
    from recommender.search.pools import Queries

PUBLIC_TOKENS = 128  # first words that separate events best; an archive uses the vectors it has
COPY = 0.9  # cosine of words and of vectors from which on one text is another's copy
FEWEST_TERMS = 12  # of a text, with which many the same words make a copy
LIKELY_COPY = 0.6  # cosine of vectors below which the words of two rows need not be compared for that
RELATIONS = ("different", "same_topic", "running_story", "development", "same_report", "copy")
_TOPIC = 0.1  # least P(same event) of stories that share a topic


@dataclass(frozen=True, kw_only=True)
class SameEvent:
    """Logistic model of "both report the same event", on two cosines, how crowded their corner is, and time.

    ``logit = intercept + dense * (cosine - scale) + words * min(tfidf - scale, most) - slope * log((1 + hours) / 25)``

    `scale` is the local scale of each cosine, the lesser of both stories' (`features.hubness`): in a crowded topic a
    cosine says less than in an empty one. Unlike the rarity of shared words it does not fade as an event gets more
    reports. Where a story has no vector its words alone decide; where one has no date, time says nothing. Coefficients
    and provenance: ``same_event.json``, written by ``benchmarks/events/same_event.py``.

    Attributes
    ----------
    dense, words, intercept : float
    words_alone, intercept_alone : float
        The same where a story has no vector.
    least_dense_scale, least_words_scale : float
        Of the local scale, which a handful of stories cannot tell.
    most : float
        Beyond it shared words say no more, so that most pairs need not be looked at word by word.
    slope, hours : float
        Of time: within `hours` of each other stories are likelier to report one event than by their texts, and beyond
        them less likely.
    """

    dense: float
    words: float
    intercept: float
    words_alone: float
    intercept_alone: float
    least_dense_scale: float = 0.0
    least_words_scale: float = 0.0
    most: float = float("inf")
    slope: float
    hours: float

    @classmethod
    def of(cls, use: Literal["archive", "pairs"], calibration: str, stories: int | None = None) -> SameEvent:
        """Load the model of an embedder; one that was not calibrated is judged by the words alone.

        A story has a handful of reports of its event in any archive, but the more `stories`, the more look-alikes: the
        odds fall with the size of the archive, slowly.
        """
        content = orjson.loads(files("recommender.selection").joinpath("same_event.json").read_bytes())
        models = content[use]
        alone = models["words"]
        model = cls(
            **models.get(calibration, alone),
            **content["time"],
            words_alone=alone["words"],
            intercept_alone=alone["intercept"],
        )
        if stories is None:
            return model
        growth = content["size"]
        shift = growth["growth"] * float(np.log(growth["stories"] / max(stories, 1)))
        return replace(model, intercept=model.intercept + shift, intercept_alone=model.intercept_alone + shift)

    @cached_property
    def parameters(self) -> NDArray[np.float64]:
        """What the compiled loops read."""
        neutral = self.slope * np.log1p(self.hours)
        return np.array(
            [
                *(self.dense, self.words, self.intercept),
                *(self.least_words_scale, self.least_dense_scale, self.most),
                *(self.slope, neutral),
                *(self.words_alone, self.intercept_alone),
            ]
        )


def same_event_probability(
    pairs: Iterable[tuple[Article, Article]], *, embedder: Embedder | None = None
) -> NDArray[np.float64]:
    """Estimate the probability that two stories report the same event, from their texts alone.

    In lists, time decides as well: what is of the story's own event within `selection.same_report_hours` of it is the
    same report, and no two items of one event within `selection.repeat_hours` stand in a list.

    Parameters
    ----------
    pairs : iterable of (Article, Article)
    embedder : Embedder, optional
        Default: MiniLM on title and first 128 tokens.

    Returns
    -------
    ndarray of float64, shape (m,)

    Examples
    --------
    >>> from recommender import Article, same_event_probability
    >>> a = Article(id="a", title="Ferry aground off Gull Point", body="A ferry with 214 aboard ran onto rocks.")
    >>> b = Article(id="b", title="Ferry hits rocks at Gull Point", body="214 people were aboard the ferry.")
    >>> c = Article(id="c", title="Opera names a new director", body="Emeka Duval takes over in autumn.")
    >>> near, far = same_event_probability([(a, b), (a, c)])
    >>> bool(near > 0.5 > far)
    True
    """
    pairs = list(pairs)
    if not pairs:
        return np.zeros(0)
    return _probability(_features(pairs, embedder).logit)


def relations(
    pairs: Iterable[tuple[Article, Article]],
    *,
    embedder: Embedder | None = None,
    settings: SelectionSettings | None = None,
) -> list[str]:
    """Name how two stories relate: one of `RELATIONS`.

    A 'copy' repeats the text. Of two reports of one event the later one is the 'same_report' within
    `selection.same_report_hours`, and a 'development' at other times. Stories whose texts alone tell of one event, too
    far apart for that, are of one 'running_story'. Below the threshold stories of probability .1 and above share the
    'same_topic'; all others are 'different'.

    Examples
    --------
    >>> from recommender import Article
    >>> a = Article(id="a", title="Ferry aground", body="A ferry with 214 aboard ran onto rocks at Gull Point.")
    >>> b = Article(id="b", title="Ferry aground", body="A ferry with 214 aboard ran onto rocks at Gull Point.")
    >>> relations([(a, b)])
    ['copy']
    """
    pairs, settings = list(pairs), settings or SelectionSettings()
    if not pairs:
        return []
    found = _features(pairs, embedder)
    times = [_times(side) for side in zip(*pairs, strict=True)]
    dated = (times[0] != UNDATED) & (times[1] != UNDATED)
    gap = np.abs(np.where(dated, times[0] - np.where(dated, times[1], 0), 0)) / HOUR_US
    text = _probability(found.logit)
    model = found.model
    timed = _probability(found.logit + np.where(dated, model.slope * np.log((1 + model.hours) / (1 + gap)), 0.0))
    near = timed >= settings.event_threshold
    named = np.select(
        [
            is_copy(found.dense, found.words),
            near & (gap <= (settings.same_report_hours or 0)),
            near,
            text >= settings.event_threshold,
            text >= _TOPIC,
        ],
        list(RELATIONS[:0:-1]),
        RELATIONS[0],
    )
    return [str(name) for name in named]


def is_copy(dense: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell whether two texts are one, a few words apart."""
    return (dense >= COPY) & (words >= COPY)


def _times(articles: tuple[Article, ...]) -> NDArray[np.int64]:
    table = to_table(articles)
    return Catalog(table, np.ones(len(table), dtype=bool), 0).published


class _Features(NamedTuple):
    """What two texts without an archive say, (m,) each."""

    dense: NDArray[np.float64]
    words: NDArray[np.float64]
    logit: NDArray[np.float64]
    model: SameEvent


def _features(pairs: list[tuple[Article, Article]], embedder: Embedder | None) -> _Features:
    from recommender.embedders import make_embedder

    chosen = embedder or make_embedder(EmbeddingSettings(tokens=PUBLIC_TOKENS))
    calibration = chosen.calibration if embedder else f"{chosen.calibration}-{PUBLIC_TOKENS}"
    left, right = (to_table(side) for side in zip(*pairs, strict=True))
    both = pa.concat_tables([left, right])
    vectors = chosen.encode(chosen.prepare(both))
    tfidf, terms = Tfidf.fit(whole_texts(both))
    plain = term_frequencies(terms, tfidf.idf)
    a, b = np.arange(len(pairs)), np.arange(len(pairs)) + len(pairs)
    dense = cosines(vectors[a], vectors, b[:, None])[:, 0].astype(np.float64)
    words = row_cosines(plain, plain, a, b)
    model = SameEvent.of("pairs", calibration)
    blank = ~(vectors[a].any(axis=1) & vectors[b].any(axis=1))
    alone = model.intercept_alone + model.words_alone * words
    logit = np.where(blank, alone, model.intercept + model.dense * dense + model.words * words)
    return _Features(np.where(blank, words, dense), words, logit, model)


def _probability(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logit)))


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
        return _probability(found)

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
        queries: Queries,
        outlets: NDArray[np.int32],
        stories: NDArray[np.int64],
        dense: NDArray[np.float32],
        rows: NDArray[np.int64],
        sure: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Tell whether stories and rows report the same event, (m,).

        Parameters
        ----------
        queries : Queries
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
        self, queries: Queries, stories: NDArray[np.int64], dense: NDArray[np.float32], rows: NDArray[np.int64]
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
            len(rows), last, rows, open_, vectors, self.embedded, terms, LIKELY_COPY, COPY, FEWEST_TERMS, found
        )
        return found

    @cached_property
    def embedded(self) -> NDArray[np.bool_]:
        """Rows that have a vector, (n,)."""
        return np.asarray(~np.isnan(self.scale[:, 1]))

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(_parts(self.terms), np.asarray(self.scale), np.asarray(self.published))


def _asking(queries: Queries) -> _Rows:
    return _Rows(_parts(queries.terms), queries.scale, queries.published)


class _Rows(NamedTuple):
    """What the compiled loops compare stories by: parts of a sparse matrix, local scales (n, 2), times (n,)."""

    terms: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
    scale: NDArray[np.float32]
    published: NDArray[np.int64]


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)
