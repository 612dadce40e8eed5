"""Stories with known events, and the pairs of near ones that models of "the same event" are fitted and judged on."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recommender.articles.article import UNDATED, Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.embedders import make_embedder
from recommender.features.hubness import Hubness
from recommender.features.tfidf import Tfidf, row_cosines, term_frequencies
from recommender.features.vectors import SCALE, cosines
from recommender.reading.read import read_articles
from recommender.selection.events import is_copy
from recommender.settings import EmbeddingSettings

LABELS = Path(__file__).parents[1] / "labels"
NEAREST = 20  # of each story, which are compared with it
HOUR_US = 3_600_000_000
_BLOCK = 1_024
_BACKGROUND = 2_000  # stories of `current_events` without a label that fill its archive


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
    scale: np.ndarray
    copy: np.ndarray

    def only(self, wanted: np.ndarray) -> Compared:
        """Some pairs."""
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
    neighbours = Hubness.fit(one.table["id"].to_pylist(), terms, vectors).of(terms, vectors)
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
        scale=np.minimum(neighbours.scale[a], neighbours.scale[b]).astype(np.float64),
        copy=np.asarray(is_copy(dense if settings else words, words)),
    )


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


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)


def _time(row: dict[str, Any]) -> datetime | None:
    """A date that the source gave; guesses are none."""
    told = None if row.get("published_at_is_guess") else row["published_at"]
    return datetime.fromisoformat(told).replace(tzinfo=UTC) if told else None


def _set(
    data: Path,
    name: str,
    *,
    unlabelled: int,
    event_of: Callable[[dict[str, str]], str | None] = lambda label: label["event"],
    chosen: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = list,
) -> EventSet:
    """A set; `event_of` gives None where a label is not used, `unlabelled` is the event of stories without one."""
    labels = {label["id"]: event_of(label) for label in _rows(data / "events" / f"{name}.csv")}
    rows = chosen(list(_rows(data / "events" / f"{name}.jsonl.gz")))
    rows.sort(key=lambda row: row["id"])
    numbers = {event: number for number, event in enumerate(sorted({event for event in labels.values() if event}))}
    event = [numbers[labels[row["id"]] or ""] if labels.get(row["id"]) else unlabelled for row in rows]
    event = [-2 if row["id"] in labels and not labels[row["id"]] else one for row, one in zip(rows, event, strict=True)]
    articles = [
        Article(
            id=row["id"],
            title=row["title"] or "",
            body=row["body"] or "",
            published_at=_time(row),
            url=None if row.get("url") in (None, "None") else row["url"],
        )
        for row in rows
    ]
    return EventSet(name, to_table(articles), np.array(event, dtype=np.int64))


def wikinews(data: Path) -> EventSet:
    """Reports that Wikinews cites; every story has an event, of half of them it is told."""
    return _set(data, "wikinews_sources", unlabelled=-1)


def ecbplus(data: Path) -> EventSet:
    """Short texts in 86 events of 43 topics, two of each: undated, with hard negatives."""
    return _set(data, "ecbplus", unlabelled=-1)


def refnews(data: Path) -> EventSet:
    """Headlines that articles of Wikipedia cite, near the time of their event; every story has one."""

    def event(label: dict[str, str]) -> str | None:
        near = abs(int(label["days_from_event_median"] or 999)) <= 30
        return label["event"] if near and int(label["event_size"]) <= 60 else None

    return _set(data, "refnews", unlabelled=-1, event_of=event)


def current_events(data: Path) -> EventSet:
    """Chains of one-paragraph items that end within two weeks, among items without a label."""
    label = {row["id"]: row["event"] for row in _rows(data / "events" / "current_events.csv")}
    days: dict[str, list[datetime]] = {}
    times = {row["id"]: _time(row) for row in _rows(data / "events" / "current_events.jsonl.gz")}
    for article_id, event in label.items():
        time = times[article_id]
        assert time is not None
        days.setdefault(event, []).append(time)
    short = {e for e, found in days.items() if 2 <= len(found) <= 20 and (max(found) - min(found)).days <= 14}
    rest = sorted(times.keys() - label.keys())
    background = set(np.random.default_rng(0).choice(rest, min(_BACKGROUND, len(rest)), replace=False).tolist())
    return _set(
        data,
        "current_events",
        unlabelled=-2,
        event_of=lambda row: row["event"] if row["event"] in short else None,
        chosen=lambda rows: [row for row in rows if label.get(row["id"]) in short or row["id"] in background],
    )


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
    labels = [row for part in (1, 2) for row in _rows(LABELS / f"reuters_event_labels_{part}.csv")]
    a, b = (np.array([place[row[side]] for row in labels]) for side in ("a", "b"))
    same = np.array([row["label"] == "same" for row in labels])
    return EventSet("reuters", table, np.full(len(table), -2), (a, b, same))


FITTED = {one.__name__: one for one in (wikinews, ecbplus, refnews, current_events)}
MEASURED = {one.__name__: one for one in (wide, reuters)}
