"""Whether two stories report the same event: a calibrated probability, and names for how they relate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US, UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf, row_cosines, term_frequencies
from recommender.features.vectors import cosines, gram
from recommender.selection import event_loops as loops
from recommender.settings import EmbeddingSettings, SelectionSettings

if TYPE_CHECKING:
    from recommender.embedders import Embedder

HOUR_US = DAY_US // 24
PUBLIC_TOKENS = 128  # first words that separate events best; an archive uses the vectors it has
COPY = 0.9  # cosine of words and of vectors from which on one text is another's copy
RELATIONS = ("different", "same_topic", "running_story", "development", "same_report", "copy")
SAME_REPORT_HOURS = 6.0  # between two reports of one event, up to which they are one report
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
        """The model of an embedder; one that was not calibrated is judged by the words alone.

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
    return _probability(_features(pairs, embedder).logit)


def relations(
    pairs: Iterable[tuple[Article, Article]],
    *,
    embedder: Embedder | None = None,
    settings: SelectionSettings | None = None,
) -> list[str]:
    """How two stories relate: one of `RELATIONS`.

    A 'copy' repeats the text. Of two reports of one event the later one is the 'same_report' within six hours, and
    a 'development' within `selection.event_gap_hours`. Stories whose texts alone tell of one event, further apart, are
    of one 'running_story'. Below the threshold stories of probability .1 and above share the 'same_topic'; all others
    are 'different'.

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
    near = (timed >= settings.event_threshold) & (gap <= settings.event_gap_hours)
    named = np.select(
        [
            is_copy(found.dense, found.words),
            near & (gap <= SAME_REPORT_HOURS),
            near,
            text >= settings.event_threshold,
            text >= _TOPIC,
        ],
        list(RELATIONS[:0:-1]),
        RELATIONS[0],
    )
    return [str(name) for name in named]


def is_copy(dense: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether two texts are one, a few words apart."""
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


@dataclass(frozen=True)
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
    timed : bool
        Whether time counts.
    """

    vectors: NDArray[np.int16]
    terms: sp.csr_matrix
    scale: NDArray[np.float32]
    published: NDArray[np.int64]
    model: SameEvent
    settings: SelectionSettings
    timed: bool

    def probability(self, a: NDArray[np.int64], b: NDArray[np.int64], *, time: bool = True) -> NDArray[np.float64]:
        """P(same event) of pairs of rows, float64 (m,); without `time` by their texts alone."""
        dense = cosines(self.vectors[a], self.vectors, b[:, None])[:, 0]
        found = np.empty(len(a), dtype=np.float64)
        loops.pair_logits(
            len(a),
            dense,
            np.asarray(a),
            np.asarray(b),
            _parts(self.terms),
            self.terms.shape[1],
            np.asarray(self.scale),
            np.asarray(self.published),
            time and self.timed,
            self.model.parameters,
            found,
        )
        return _probability(found)

    def alike(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
        """Pairs among the candidates of each story.

        Parameters
        ----------
        rows : ndarray of int64, shape (q, w)
            -1 = none.

        Returns
        -------
        same, copy : ndarray of bool, shape (q, w, w)
            Same event within the span; copy at any time.
        dense : ndarray of float32, shape (q, w, w)
        """
        dense = gram(self.vectors, rows)
        same, copy = np.zeros(dense.shape, dtype=bool), np.zeros(dense.shape, dtype=bool)
        loops.among(len(rows), dense, np.ascontiguousarray(rows), *self._archive, same, copy)
        return same, copy, dense

    def own(
        self,
        dense: NDArray[np.float32],
        rows: NDArray[np.int64],
        terms: sp.csr_matrix,
        published: NDArray[np.int64],
        scale: NDArray[np.float32],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The same for each story against its own candidates: (same event within the span, copy), each (q, w).

        Parameters
        ----------
        dense : ndarray of float32, shape (q, w)
        terms : csr_matrix, shape (q, v)
            TF-IDF of the stories.
        published : ndarray of int64, shape (q,)
        scale : ndarray of float32, shape (q, 2)
            Local scale of the stories.
        """
        same, copy = np.zeros(rows.shape, dtype=bool), np.zeros(rows.shape, dtype=bool)
        story = _parts(terms), np.asarray(scale), np.asarray(published)
        cosine = np.ascontiguousarray(dense, dtype=np.float32)
        loops.own(len(rows), cosine, np.ascontiguousarray(rows), *story, *self._archive, same, copy)
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

    @cached_property
    def _archive(self) -> tuple[Any, ...]:
        """What the compiled loops compare, and by which rule."""
        threshold = self.settings.event_threshold
        least = float(np.log(threshold / (1 - threshold))) if threshold < 1 else float("inf")
        span = int(min(self.settings.event_span_days * DAY_US, _LONGEST)) if self.timed else -1
        archive = _parts(self.terms), self.terms.shape[1], np.asarray(self.scale), np.asarray(self.published)
        return *archive, (least, span, COPY), self.model.parameters


_LONGEST = 1 << 62  # microseconds


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)
