"""Stories with known events, and the pairs of near ones that models of "the same event" are fitted and judged on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recommender.articles.article import UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.embedders import make_embedder
from recommender.evaluation.data.event_sets import Labelled, headlines, short_chains
from recommender.evaluation.data.files import read_sound_rows
from recommender.features.hubness import Hubness
from recommender.features.texts import term_rarity
from recommender.features.tfidf import Tfidf, row_cosines, term_frequencies
from recommender.features.vectors import SCALE, cosines
from recommender.reading.read import read_articles
from recommender.selection.same_event import is_copy
from recommender.settings import EmbeddingSettings

LABELS = Path(__file__).parents[1] / "labels"
NEAREST = 20  # of each story, which are compared with it
HOUR_US = 3_600_000_000
_BLOCK = 1_024


@dataclass(frozen=True, eq=False)
class EventSet:
    """An archive, and what is known of the events of its stories.

    Attributes
    ----------
    event : ndarray of int64, shape (n,)
        -1 = another event than any that has a number, -2 = not known.
    pairs : (ndarray of int64, ndarray of int64, ndarray of bool), optional
        Pairs of rows that were judged one by one, and whether each is of one event; else pairs of nearest stories.
    """

    name: str
    table: pa.Table
    event: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    _vectors: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def published(self) -> np.ndarray:
        """Microseconds; `UNDATED` where a story has no date of its own."""
        return Catalog(self.table, np.ones(len(self.table), dtype=bool), 0).published

    @cached_property
    def words(self) -> tuple[Tfidf, Any]:
        """The vocabulary and the TF-IDF rows."""
        return Tfidf.fit(whole_texts(self.table))

    def vectors(self, name: str, settings: EmbeddingSettings | None) -> np.ndarray:
        """Vectors of an embedder; zeros without one."""
        if name not in self._vectors:
            if settings is None:
                self._vectors[name] = np.zeros((len(self.table), 1), dtype=np.int16)
            else:
                embedder = make_embedder(settings)
                embedder.fit(self.table)
                self._vectors[name] = embedder.encode(embedder.prepare(self.table))
        return self._vectors[name]


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """Pairs of one set with what the test looks at.

    Attributes
    ----------
    stories : int
        Size of the archive.
    same : ndarray of bool, shape (m,)
    group : ndarray of int64, shape (m, 2)
        Events of both; -1 = one without a number. Intervals draw events.
    size : ndarray of int64, shape (m,)
        Labelled reports of the larger of both events.
    hours : ndarray of float64, shape (m,)
        NaN where a story is undated.
    dense, words, plain : ndarray of float64, shape (m,)
        Cosines of vectors, of TF-IDF rows, and of plain term frequencies.
    rare : ndarray of float64, shape (m,)
        Summed rarity of the shared terms.
    scale : ndarray of float64, shape (m, 2)
        Local scale by words and by vectors, the lesser of both sides.
    copy : ndarray of bool, shape (m,)
    """

    name: str
    stories: int
    same: np.ndarray
    group: np.ndarray
    size: np.ndarray
    hours: np.ndarray
    dense: np.ndarray
    words: np.ndarray
    plain: np.ndarray
    rare: np.ndarray
    scale: np.ndarray
    copy: np.ndarray

    def only(self, wanted: np.ndarray) -> Compared:
        """Keep some pairs."""
        arrays = {name: value[wanted] for name, value in vars(self).items() if name not in ("name", "stories")}
        return Compared(name=self.name, stories=self.stories, **arrays)


def compared(one: EventSet, name: str, settings: EmbeddingSettings | None) -> Compared:
    """Compare each story of an event with its nearest ones, or the judged pairs."""
    tfidf, terms = one.words
    vectors = one.vectors(name, settings)
    sizes = np.append(np.bincount(one.event[one.event >= 0], minlength=1), 0)
    if one.pairs is None:
        a, b = _near_pairs(one.event, terms, vectors)
        same = (one.event[a] == one.event[b]) & (one.event[a] >= 0)
        group = np.stack([one.event[a], one.event[b]], axis=1)
        size = sizes[np.maximum(group, -1)].max(axis=1)
    else:
        a, b, same = one.pairs
        group = np.stack([np.arange(len(a)), np.full(len(a), -1)], axis=1)
        size = np.zeros(len(a), dtype=np.int64)
    neighbours = Hubness.fit(one.table["id"].to_pylist(), terms, vectors).neighbours(terms, vectors)
    plain = term_frequencies(terms, tfidf.idf)
    dense = cosines(vectors[a], vectors, b[:, None])[:, 0].astype(np.float64)
    words = row_cosines(terms, terms, a, b)
    time = one.published
    dated = (time[a] != UNDATED) & (time[b] != UNDATED)
    gap = np.abs(np.where(dated, time[a] - np.where(dated, time[b], 0), 0)) / HOUR_US
    return Compared(
        name=one.name,
        stories=len(one.table),
        same=same,
        group=group,
        size=size,
        hours=np.where(dated, gap, np.nan),
        dense=dense,
        words=words,
        plain=row_cosines(plain, plain, a, b),
        rare=_summed_rarity(terms, term_rarity(tfidf), a, b),
        scale=np.minimum(neighbours.scale[a], neighbours.scale[b]).astype(np.float64),
        copy=np.asarray(is_copy(dense if settings else words, words)),
    )


def _summed_rarity(terms: Any, rarity: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum the rarity of the terms that both rows of each pair have, (m,)."""
    is_used = terms.astype(bool)
    is_used.data[:] = True
    return np.asarray(is_used[a].multiply(is_used[b]) @ rarity.astype(np.float64))


def _near_pairs(event: np.ndarray, terms: Any, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a story of a numbered event and one of its nearest by words and vectors, unless that is not known."""
    found = set()
    asked, whole = np.flatnonzero(event >= 0), vectors.astype(np.float32)
    for start in range(0, len(asked), _BLOCK):
        some = asked[start : start + _BLOCK]
        near = (terms[some] @ terms.T).toarray() + (whole[some] @ whole.T) / SCALE**2
        near[np.arange(len(some)), some] = -np.inf
        best = np.argsort(-near, axis=1, kind="stable")[:, :NEAREST]
        pairs = np.stack([np.repeat(some, NEAREST), best.ravel()], axis=1)
        pairs = np.sort(pairs[event[pairs[:, 1]] != -2], axis=1)
        found.update(map(tuple, pairs.tolist()))
    a, b = np.array(sorted(found), dtype=np.int64).T
    return a, b


def _set(name: str, told: Labelled, *, unlabelled: int) -> EventSet:
    """Stories in order of id; `unlabelled` is the event of those without a label."""
    numbers = {event: number for number, event in enumerate(sorted(set(told.event.values())))}
    rows = sorted(told.stories, key=lambda row: row["id"])
    others = [-2 if row["id"] in told.unused else unlabelled for row in rows]
    event = [numbers.get(told.event.get(row["id"], ""), other) for row, other in zip(rows, others, strict=True)]
    times = told.times
    articles = [
        Article(
            id=row["id"],
            title=row.get("title", ""),
            body=row.get("body", ""),
            published_at=times[row["id"]].replace(tzinfo=UTC) if row["id"] in times else None,
            url=row.get("url"),
        )
        for row in rows
    ]
    return EventSet(name, to_table(articles), np.array(event, dtype=np.int64))


def wikinews(data: Path) -> EventSet:
    """Load reports that Wikinews cites; every story has an event, of half of them it is told."""
    return _set("wikinews_sources", Labelled.read(data, "wikinews_sources"), unlabelled=-1)


def ecbplus(data: Path) -> EventSet:
    """Short texts in 86 events of 43 topics, two of each: undated, with hard negatives."""
    return _set("ecbplus", Labelled.read(data, "ecbplus"), unlabelled=-1)


def refnews(data: Path) -> EventSet:
    """Headlines that articles of Wikipedia cite, near the time of their event; every story has one."""
    return _set("refnews", headlines(data), unlabelled=-1)


def current_events(data: Path) -> EventSet:
    """Chains of one-paragraph items that end within two weeks, among items without a label."""
    return _set("current_events", short_chains(data), unlabelled=-2)


def wide(data: Path) -> EventSet:
    """`wikinews` among thousands of stories of other years: the same events in a larger archive."""
    small = wikinews(data)
    others, _ = read_articles(data / "allsides.jsonl.gz")
    others = others.set_column(0, "id", pa.array([f"other-{row}" for row in range(len(others))], others["id"].type))
    table = pa.concat_tables([small.table, others.cast(small.table.schema)])
    return EventSet("wikinews among allsides", table, np.append(small.event, np.full(len(others), -1)))


def reuters(data: Path) -> EventSet:
    """Wires of 1987 with 200 pairs within 72 hours that were read one by one: many stories look alike there."""
    table, _ = read_articles(data / "reuters21578.jsonl.gz")
    place = {article_id: row for row, article_id in enumerate(table["id"].to_pylist())}
    labels = [row for part in (1, 2) for _, row in read_sound_rows(LABELS / f"reuters_event_labels_{part}.csv")]
    a, b = (np.array([place[row[side]] for row in labels]) for side in ("a", "b"))
    same = np.array([row["label"] == "same" for row in labels])
    return EventSet("reuters", table, np.full(len(table), -2), (a, b, same))


FITTED = {one.__name__: one for one in (wikinews, ecbplus, refnews, current_events)}
MEASURED = {one.__name__: one for one in (wide, reuters)}
