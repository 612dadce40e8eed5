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
from numpy.typing import NDArray

from recommender.articles.article import HOUR_US, UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.tfidf import Tfidf, row_cosines, term_frequencies
from recommender.features.vectors import cosines
from recommender.settings import EmbeddingSettings, SelectionSettings

if TYPE_CHECKING:
    from recommender.embedders import Embedder

PUBLIC_TOKENS = 128  # first words that separate events best; an archive uses the vectors it has
COPY_WORDS = 0.9  # cosine of words from which on one text is another's copy ...
COPY_VECTORS = 0.6  # ... if that of their vectors, where both have one, is no less than this
FEWEST_TERMS = 12  # of a text of an archive: fewer tell no text from another
RELATIONS = ("different", "same_topic", "running_story", "development", "same_report", "copy")
_TOPIC = 0.1  # least P(same event) of stories that share a topic


@dataclass(frozen=True, kw_only=True)
class SameEvent:
    """Logistic model of "both report the same event", on their texts, how crowded their corner is, and time.

    ``logit = intercept + dense * (cosine - scale) + words * min(tfidf - scale, most)``
    ``+ rare * min(log(1 + rarity), most_rare) - slope * log((1 + hours) / 25)``

    `scale` is the local scale of each cosine, the lesser of both stories' (`features.hubness`): in a crowded topic a
    cosine says less than in an empty one. `rarity` is that of all shared terms together (`features.texts`). Where a
    story has no vector its words alone decide; where one has no date, time says nothing. Coefficients and provenance:
    ``same_event.json``, written by ``benchmarks/events/same_event.py``.

    Attributes
    ----------
    dense, words, rare, intercept : float
    words_alone, rare_alone, intercept_alone : float
        The same where a story has no vector.
    least_dense_scale, least_words_scale : float
        Of the local scale, which a handful of stories cannot tell.
    most, most_rare : float
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
    rare: float = 0.0
    rare_alone: float = 0.0
    least_dense_scale: float = 0.0
    least_words_scale: float = 0.0
    most: float = float("inf")
    most_rare: float = 0.0
    slope: float
    hours: float

    @classmethod
    def load(cls, use: Literal["archive", "pairs"], calibration: str, stories: int | None = None) -> SameEvent:
        """Load the model of an embedder; for one that was not calibrated that of the words alone.

        A story has a handful of reports of its event in any archive, but the more `stories`, the more look-alikes: the
        odds fall with the size of the archive, slowly.
        """
        content = orjson.loads(files("recommender.selection").joinpath("same_event.json").read_bytes())
        models = content[use]
        words_model = models["words"]
        model = cls(
            **models.get(calibration, words_model),
            **content["time"],
            words_alone=words_model["words"],
            rare_alone=words_model.get("rare", 0.0),
            intercept_alone=words_model["intercept"],
        )
        if stories is None:
            return model
        size = content["size"]
        shift = size["growth"] * float(np.log(size["stories"] / max(stories, 1)))
        return replace(model, intercept=model.intercept + shift, intercept_alone=model.intercept_alone + shift)

    @cached_property
    def parameters(self) -> NDArray[np.float64]:
        """The coefficients as the compiled loop reads them."""
        neutral = self.slope * np.log1p(self.hours)
        return np.array(
            [
                *(self.dense, self.words, self.intercept),
                *(self.least_words_scale, self.least_dense_scale, self.most),
                *(self.slope, neutral),
                *(self.words_alone, self.intercept_alone),
                *(self.rare, self.rare_alone, self.most_rare),
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
    return to_probability(_features(pairs, embedder).logit)


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
    features = _features(pairs, embedder)
    a, b = (_published(side) for side in zip(*pairs, strict=True))
    has_dates = (a != UNDATED) & (b != UNDATED)
    hours = np.abs(np.where(has_dates, a, 0) - np.where(has_dates, b, 0)) / HOUR_US
    by_time = features.model.slope * np.log((1 + features.model.hours) / (1 + hours))
    by_texts = to_probability(features.logit)
    is_same_event = to_probability(features.logit + np.where(has_dates, by_time, 0.0)) >= settings.event_threshold
    names = np.select(
        [
            is_copy(features.dense, features.words),
            is_same_event & (hours <= (settings.same_report_hours or 0)),
            is_same_event,
            by_texts >= settings.event_threshold,
            by_texts >= _TOPIC,
        ],
        list(RELATIONS[:0:-1]),
        RELATIONS[0],
    )
    return [str(name) for name in names]


def is_copy(dense: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Check whether two texts are one, a few words apart, by the cosines of their vectors and of their words."""
    return (dense >= COPY_VECTORS) & (words >= COPY_WORDS)


def _published(articles: tuple[Article, ...]) -> NDArray[np.int64]:
    table = to_table(articles)
    return Catalog(table, np.ones(len(table), dtype=bool), 0).published


class _Features(NamedTuple):
    """The cosines of pairs of texts without an archive, and the logit of the model, (m,) each."""

    dense: NDArray[np.float64]
    words: NDArray[np.float64]
    logit: NDArray[np.float64]
    model: SameEvent


def _features(pairs: list[tuple[Article, Article]], embedder: Embedder | None) -> _Features:
    from recommender.embedders import make_embedder

    if embedder is None:
        embedder = make_embedder(EmbeddingSettings(tokens=PUBLIC_TOKENS))
        calibration = f"{embedder.calibration}-{PUBLIC_TOKENS}"
    else:
        calibration = embedder.calibration
    table = pa.concat_tables([to_table(side) for side in zip(*pairs, strict=True)])
    vectors = embedder.encode(embedder.prepare(table))
    tfidf, terms = Tfidf.fit(whole_texts(table))
    frequencies = term_frequencies(terms, tfidf.idf)
    a, b = np.arange(len(pairs)), np.arange(len(pairs)) + len(pairs)
    dense = cosines(vectors[a], vectors, b[:, None])[:, 0].astype(np.float64)
    words = row_cosines(frequencies, frequencies, a, b)
    model = SameEvent.load("pairs", calibration)
    lacks_vector = ~(vectors[a].any(axis=1) & vectors[b].any(axis=1))
    by_words = model.intercept_alone + model.words_alone * words
    by_both = model.intercept + model.dense * dense + model.words * words
    logit = np.where(lacks_vector, by_words, by_both)
    return _Features(np.where(lacks_vector, words, dense), words, logit, model)


def to_probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert log odds to probabilities."""
    return np.asarray(1 / (1 + np.exp(-logits)))
