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

from recommender.articles.article import DAY_US, UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf, rarest_shared, row_cosines, term_frequencies
from recommender.features.vectors import cosines, gram
from recommender.settings import EmbeddingSettings, SelectionSettings

if TYPE_CHECKING:
    from recommender.embedders import Embedder

HOUR_US = DAY_US // 24
PUBLIC_TOKENS = 128  # first words that separate events best; an archive uses the vectors it has
COPY = 0.9  # cosine of words and of vectors from which on one text is another's copy
RAREST = 3  # shared terms that are looked at
_FITTED_ON = 19_040
RELATIONS = ("different", "same_topic", "new_development", "same_report", "copy")


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

    In lists, time decides as well: reports of one event follow each other within
    `selection.event_gap_hours` and span at most `selection.event_span_days`.

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
    """How two stories relate: 'copy', 'same_report', 'new_development', 'same_topic' or 'different'.

    A copy repeats the text. Two reports of one event are the same report within twelve hours of each
    other, later ones a new development. Beyond the time rules, and below the threshold, stories
    of probability .1 and above share a topic.

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
    same = (probability >= settings.event_threshold) & (gap <= settings.event_gap_hours)
    named = np.select(
        [is_copy(dense, words), same & (gap <= 12), same, probability >= 0.1],
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
        return rarest_shared(left, self.terms, a, b, self.idf, RAREST) / greatest_shared(self.idf)

    def alike(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
        """Pairs among the candidates of each story.

        Parameters
        ----------
        rows : ndarray of int64, shape (q, w)
            -1 = none.

        Returns
        -------
        same, copy : ndarray of bool, shape (q, w, w)
            Same event by text within the span; copy at any time.
        dense : ndarray of float32, shape (q, w, w)
        """
        dense = gram(self.vectors, rows)
        times = self.published[rows]
        held = rows >= 0
        upper = np.triu(np.ones(dense.shape[1:], dtype=bool), 1)
        likely = (dense >= min(self._least, COPY)) & upper & held[:, :, None] & held[:, None, :]
        story, i, j = np.nonzero(likely)
        same_pairs, copy_pairs = self._test(
            dense[story, i, j], rows[story, i], rows[story, j], times[story, i], times[story, j]
        )
        same, copy = np.zeros(dense.shape, dtype=bool), np.zeros(dense.shape, dtype=bool)
        for found, pairs in ((same, same_pairs), (copy, copy_pairs)):
            found[story[pairs], i[pairs], j[pairs]] = found[story[pairs], j[pairs], i[pairs]] = True
        return same, copy, dense

    def own(
        self,
        dense: NDArray[np.float32],
        rows: NDArray[np.int64],
        terms: sp.csr_matrix,
        published: NDArray[np.int64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The same for each story against its own candidates: (same event within the span, copy), each (q, w).

        Parameters
        ----------
        dense : ndarray of float32, shape (q, w)
        terms : csr_matrix, shape (q, v)
            TF-IDF of the stories.
        published : ndarray of int64, shape (q,)
        """
        same, copy = np.zeros(rows.shape, dtype=bool), np.zeros(rows.shape, dtype=bool)
        story, i = np.nonzero((dense >= min(self._least, COPY)) & (rows >= 0))
        if len(story):
            cosine = dense[story, i].astype(np.float64)
            near = np.flatnonzero(self._near(published[story], self.published[rows[story, i]]))
            at = story[near], i[near]
            shared = self._shared(terms, at[0], rows[at])
            same[at] = self.model.probability(cosine[near], shared) >= self.settings.event_threshold
            close = np.flatnonzero(cosine >= COPY)
            at = story[close], i[close]
            copy[at] = is_copy(cosine[close], row_cosines(terms, self.terms, at[0], rows[at]))
        return same, copy

    def together(self, mask: NDArray[np.bool_], times: NDArray[np.int64], lead: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Of the candidates in `mask`, (q, w), those linked to the lead's time by gaps within the rule.

        Parameters
        ----------
        times : ndarray of int64, shape (q, w)
        lead : ndarray of int64, shape (q,)
            Microseconds.
        """
        if not self.timed:
            return mask
        # the lead joins as a last column of its own
        every = np.concatenate([times, lead[:, None]], axis=1)
        member = np.concatenate([mask, np.ones((len(mask), 1), dtype=bool)], axis=1)
        order = np.argsort(every, axis=1, kind="stable")
        time, inside = np.take_along_axis(every, order, axis=1), np.take_along_axis(member, order, axis=1)
        last = np.maximum.accumulate(np.where(inside, time, UNDATED), axis=1)
        before = np.concatenate([np.full((len(mask), 1), UNDATED), last[:, :-1]], axis=1)
        gap = self.settings.event_gap_hours * HOUR_US
        # a difference to `UNDATED` would overflow
        apart = inside & ((before == UNDATED) | (time > np.where(before == UNDATED, 0, before) + gap))
        chain = np.empty_like(order)
        np.put_along_axis(chain, order, np.cumsum(apart, axis=1), axis=1)
        return np.asarray(mask & (chain[:, :-1] == chain[:, -1:]))

    @property
    def _least(self) -> float:
        return self.model.least_dense(self.settings.event_threshold)

    def _near(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not self.timed:
            return np.ones(len(a), dtype=bool)
        dated = (a != UNDATED) & (b != UNDATED)
        return np.asarray(dated & (np.abs(np.where(dated, a - b, 0)) <= self.settings.event_span_days * DAY_US))

    def _test(
        self,
        dense: NDArray[np.float32],
        a: NDArray[np.int64],
        b: NDArray[np.int64],
        time_a: NDArray[np.int64],
        time_b: NDArray[np.int64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        if not len(a):
            return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        near = self._near(time_a, time_b)
        wanted = np.flatnonzero(near | (dense >= COPY))
        # stories of one day share most of their candidates: each pair is compared once
        size = len(self.published)
        pair, back = np.unique(np.minimum(a, b)[wanted] * size + np.maximum(a, b)[wanted], return_inverse=True)
        shared = self._shared(self.terms, pair // size, pair % size)[back]
        cosine = dense[wanted].astype(np.float64)
        same, copy = np.zeros(len(a), dtype=bool), np.zeros(len(a), dtype=bool)
        same[wanted] = (self.model.probability(cosine, shared) >= self.settings.event_threshold) & near[wanted]
        close = wanted[cosine >= COPY]
        copy[close] = row_cosines(self.terms, self.terms, a[close], b[close]) >= COPY
        return same, copy
