"""Whether two stories report the same event: a calibrated probability, and names for how they relate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import numpy as np
import orjson
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, HOUR_US, UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf, rarest_shared, row_cosines, term_frequencies
from recommender.features.vectors import cosines
from recommender.settings import EmbeddingSettings, SelectionSettings

if TYPE_CHECKING:
    from recommender.embedders import Embedder

PUBLIC_TOKENS = 128  # first words that separate events best; an archive uses the vectors it has
COPY = 0.9  # cosine of words and of vectors from which on one text is another's copy
RAREST = 3  # shared terms that are looked at
_FITTED_ON = 19_040
RELATIONS = ("different", "same_topic", "development", "same_report", "copy")


@dataclass(frozen=True)
class SameEvent:
    """Logistic model of "both report the same event", on the cosine of two vectors and on their words.

    ``p = 1 / (1 + exp(-(intercept + dense * cosine + words * shared)))``

    In an archive `shared` is the mean IDF of the three rarest terms that both use, as a share of the greatest IDF that
    two stories can share: names tell events apart where the language of a topic does not. Two texts without an
    archive have no IDF: there it is the cosine of their term frequencies. Coefficients and provenance:
    ``same_event.json``, written by ``benchmarks/same_event.py``.
    """

    dense: float
    words: float
    intercept: float

    @classmethod
    def of(cls, use: Literal["archive", "pairs"], calibration: str) -> SameEvent:
        """The model of an embedder; one that was not calibrated is judged by the words alone."""
        table = orjson.loads(files("recommender.selection").joinpath("same_event.json").read_bytes())[use]
        return cls(**table.get(calibration, table["words"]))

    def probability(self, dense: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(same event) of pairs from their two features, of one shape."""
        logit = self.intercept + self.dense * dense + self.words * words
        return np.asarray(1 / (1 + np.exp(-logit)))

    def among(self, stories: float) -> SameEvent:
        """The model for a dated archive of so many stories.

        A story has a handful of reports of its event in any archive, but the more stories, the more look-alikes.
        The odds therefore fall with the archive; by the fourth root, measured between the sample newsroom (110
        stories) and Reuters (19,040), on which the model was fitted.
        """
        return replace(self, intercept=self.intercept + float(np.log(_FITTED_ON / max(stories, 1.0))) / 4)

    def least_dense(self, threshold: float) -> float:
        """The vector cosine below which no pair can reach the threshold, whatever its words."""
        if self.dense <= 0:
            return -1.0
        logit = np.log(threshold / (1 - threshold)) if threshold < 1 else np.inf
        return float((logit - self.intercept - max(self.words, 0.0)) / self.dense)


def same_event_probability(
    pairs: Iterable[tuple[Article, Article]], *, embedder: Embedder | None = None
) -> NDArray[np.float64]:
    """Probability that two stories report the same event, from their texts alone.

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
    dense, words, model = _features(pairs, embedder)
    return model.probability(dense, words)


def relations(
    pairs: Iterable[tuple[Article, Article]],
    *,
    embedder: Embedder | None = None,
    settings: SelectionSettings | None = None,
) -> list[str]:
    """How two stories relate: 'copy', 'same_report', 'development', 'same_topic' or 'different'.

    A copy repeats the text. Two reports of one event are the same report within `selection.same_report_hours` of each
    other, and developments of the event at other times. Below the threshold, stories of probability .1 and above
    share a topic.

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
    dense, words, model = _features(pairs, embedder)
    probability = model.probability(dense, words)
    times = [_times(side) for side in zip(*pairs, strict=True)]
    undated = (times[0] == UNDATED) | (times[1] == UNDATED)
    gap = np.where(undated, 0, np.abs(times[0] - times[1])) / HOUR_US
    same = probability >= settings.event_threshold
    soon = gap <= (settings.same_report_hours or 0)
    named = np.select(
        [is_copy(dense, words), same & soon, same, probability >= 0.1],
        np.array(RELATIONS)[[4, 3, 2, 1]].tolist(),
        RELATIONS[0],
    )
    return [str(name) for name in named]


def is_copy(dense: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether two texts are one, a few words apart."""
    return (dense >= COPY) & (words >= COPY)


def _times(articles: tuple[Article, ...]) -> NDArray[np.int64]:
    table = to_table(articles)
    return Catalog(table, np.ones(len(table), dtype=bool), 0).published


def _features(
    pairs: list[tuple[Article, Article]], embedder: Embedder | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], SameEvent]:
    from recommender.embedders import make_embedder

    model = embedder or make_embedder(EmbeddingSettings(tokens=PUBLIC_TOKENS))
    calibration = model.calibration if embedder else f"{model.calibration}-{PUBLIC_TOKENS}"
    left, right = (to_table(side) for side in zip(*pairs, strict=True))
    both = pa.concat_tables([left, right])
    vectors = model.encode(model.prepare(both))
    tfidf, terms = Tfidf.fit(whole_texts(both))
    plain = term_frequencies(terms, tfidf.idf)
    a, b = np.arange(len(pairs)), np.arange(len(pairs)) + len(pairs)
    dense = cosines(vectors[a], vectors, b[:, None])[:, 0].astype(np.float64)
    return dense, row_cosines(plain, plain, a, b), SameEvent.of("pairs", calibration)


def greatest_shared(idf: NDArray[np.float32]) -> float:
    """The IDF of a term that only two stories use, given an archive in which some terms have only one."""
    return max(float(idf.max(initial=0)) - float(np.log(1.5)), 1.0)


@dataclass(frozen=True)
class EventTest:
    """The pairwise test on rows of an archive.

    Attributes
    ----------
    vectors : ndarray of int16, shape (n, d)
    terms : csr_matrix of float32, shape (n, v)
        TF-IDF, unit rows.
    idf : ndarray of float32, shape (v,)
    published : ndarray of int64, shape (n,)
    timed : bool
        Whether the time rules count.
    """

    vectors: NDArray[np.int16]
    terms: sp.csr_matrix
    idf: NDArray[np.float32]
    published: NDArray[np.int64]
    model: SameEvent
    settings: SelectionSettings
    timed: bool

    def probability(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """P(same event) of pairs of rows by their texts, float64 (m,)."""
        dense = cosines(self.vectors[a], self.vectors, b[:, None])[:, 0].astype(np.float64)
        return self.model.probability(dense, self._shared(self.terms, a, b))

    def _shared(self, left: sp.csr_matrix, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        shared = rarest_shared(left, self.terms, a, b, self.idf, RAREST) / greatest_shared(self.idf)
        return np.minimum(shared, 1.0)  # what `least_dense` counts on: where stories were taken out, terms may be rarer

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

    def joins(self, a: NDArray[np.int64], b: NDArray[np.int64], sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether pairs of rows report the same event, (m,).

        Parameters
        ----------
        a, b : ndarray of int64, shape (m,)
        sure : ndarray of bool, shape (m,)
            Whether their times are known to be close: else the texts must say so more clearly.
        """
        dense = cosines(self.vectors[a], self.vectors, b[:, None])[:, 0].astype(np.float64)
        return self._joined(self.terms, a, dense, b, sure)

    def joins_story(
        self,
        terms: sp.csr_matrix,
        stories: NDArray[np.int64],
        dense: NDArray[np.float64],
        rows: NDArray[np.int64],
        sure: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Whether stories and rows report the same event, (m,).

        Parameters
        ----------
        terms : csr_matrix, shape (q, v)
            TF-IDF of the stories.
        stories, rows : ndarray of int64, shape (m,)
        dense : ndarray of float64, shape (m,)
            Cosines of the vectors.
        sure : ndarray of bool, shape (m,)
            See `joins`.
        """
        return self._joined(terms, stories, dense, rows, sure)

    def _joined(
        self,
        terms: sp.csr_matrix,
        a: NDArray[np.int64],
        dense: NDArray[np.float64],
        b: NDArray[np.int64],
        sure: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        settings = self.settings
        limit = np.where(sure, settings.event_threshold, settings.event_threshold_untimed)
        found = np.zeros(len(a), dtype=bool)
        likely = np.flatnonzero(dense >= self.model.least_dense(float(limit.min(initial=1.0))))
        shared = self._shared(terms, a[likely], b[likely])
        found[likely] = self.model.probability(dense[likely], shared) >= limit[likely]
        return found
