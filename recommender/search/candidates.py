"""Candidates of each story among the rows that it may show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import DAY_US
from recommender.articles.catalog import Catalog
from recommender.features.vectors import dots, quantise
from recommender.search import exact, windows
from recommender.search.index import VectorIndex
from recommender.search.pools import Asks, Keeper, Pool, Pools
from recommender.search.scan import Asking, Best, Rows
from recommender.search.scope import Scope
from recommender.settings import RetrievalSettings

_TIMELESS = 20  # undated and evergreen candidates looked at for their one place
_HOUR_US = DAY_US // 24
SKETCH = 384  # components that stand for the words in a search vector
MEANING, WORDS = 0.3, 0.7  # what the two parts of a search vector weigh
_BLOCK = 8_192  # rows that search vectors are made of at a time
_ALL = 0.25  # share of the rows from which on asking stories are answered by the products of all with all


def search_vectors(vectors: NDArray[np.int16], terms: sp.csr_matrix, columns: sp.csr_matrix) -> NDArray[np.int16]:
    """Make vectors whose product looks at meaning and words together.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    terms : csr_matrix, shape (n, v)
        TF-IDF, unit rows.
    columns : csr_matrix, shape (v, w)
        See `lexical.sketch_columns`.

    Returns
    -------
    ndarray of int16, shape (n, d + w)
        Unit vectors of the two parts, weighted by the roots of `MEANING` and `WORDS`, quantised. Where one part is
        empty the other has all the weight.
    """
    found = np.empty((len(vectors), vectors.shape[1] + columns.shape[1]), dtype=np.int16)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        dense, words = _unit(vectors[part].astype(np.float32)), _unit((terms[part] @ columns).toarray())
        weighted = np.sqrt(MEANING) * dense, np.sqrt(WORDS) * words
        found[part] = quantise(np.concatenate(weighted, axis=1))
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1), dtype=np.float32)


class Channel(NamedTuple):
    """A search of its own: the rows that it may find, within a scope."""

    name: str
    shown: NDArray[np.bool_]
    scope: Scope
    candidates: int

    @property
    def width(self) -> int:
        """Rows that the pool of the channel keeps of each story."""
        return Pool.width(self.candidates) if self.candidates else 0

    def holds(self, found: NDArray[np.int64]) -> bool:
        """Tell whether all rows are candidates, so that there is nothing to choose."""
        return len(found) <= self.candidates


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """Search for candidates among the rows of one scope.

    Attributes
    ----------
    search : ndarray of int16, shape (n, s)
        See `search_vectors`.
    count : int
        Candidates of a story: those of greatest product. How old they are does not count: that is for the ranking.
    drafts : VectorIndex or None
        Searched, in the place of all rows, for stories from outside the archive.
    part : slice or None
        Range of rows that `pools` looks at; the first part answers for all where there is nothing to choose.
    """

    catalog: Catalog
    search: NDArray[np.int16]
    scope: Scope
    settings: RetrievalSettings
    count: int
    drafts: VectorIndex | None = None
    part: slice | None = None

    def pools(self, asks: Asks, keeper: Keeper | None = None) -> Pools:
        """Find the best rows of each story, exactly unless `drafts` is searched."""
        return Pools(*(self.found(asks, channel, keeper) for channel in self.channels))

    def joined(self, asks: Asks, parts: Sequence[Pools]) -> Pools:
        """Make what `pools` finds among all rows from what it found for these stories in each part, in order."""
        channels = zip(self.channels, zip(*parts, strict=True), strict=True)
        return Pools(*(self._join(asks, found, channel) for channel, found in channels))

    @property
    def channels(self) -> tuple[Channel, Channel]:
        """Channels of `Pools`, in their order."""
        shown, windowed = self.scope.allowed, self.scope.windowed
        apart = shown & self.catalog.timeless & windowed  # no window holds what has no date
        return (
            Channel("near", shown & ~apart, self.scope, self.count),
            Channel("timeless", apart, replace(self.scope, timed=False), _TIMELESS * bool(apart.any())),
        )

    def by_language(
        self, asks: Asks, shown: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Group stories that share their rows: (places of the stories, rows in order of time)."""
        found = np.flatnonzero(shown)
        found = found[np.argsort(self.catalog.published[found], kind="stable")]
        if not self.settings.same_language:
            yield np.arange(len(asks)), found
            return
        for code in np.unique(asks.language):
            yield np.flatnonzero(asks.language == code), found[self.scope.language[found] == code]

    def found(self, asks: Asks, channel: Channel, keeper: Keeper | None) -> Pool:
        """Find the pool of a channel."""
        pool = Pool.empty(len(asks), channel.width)
        if channel.width:
            self.fill(asks, channel, np.ones(len(asks), dtype=bool), pool, keeper)
        return pool

    def fill(self, asks: Asks, channel: Channel, wanted: NDArray[np.bool_], pool: Pool, keeper: Keeper | None) -> None:
        """Search for the wanted stories, whose lines of the pool are empty."""
        if keeper is not None:
            wanted = keeper.restore(channel.name, pool, wanted)
        for places, found in self.by_language(asks, channel.shown):
            some = places[wanted[places]]
            for done in self._search(asks.take(some), found, channel, some, pool) if len(some) else ():
                if keeper is not None:
                    keeper.finished(channel.name, pool, done)

    def _search(
        self, asks: Asks, found: NDArray[np.int64], channel: Channel, places: NDArray[np.int64], pool: Pool
    ) -> Iterator[NDArray[np.int64]]:
        """Write the best of the rows `found` for some stories into their places of the pool; yields what is final."""
        if channel.holds(found):
            a, b, c, d = windows.spans(asks.published, self.catalog.published[found], channel.scope, self.settings).T[
                :, :, None
            ]
            at = np.arange(len(found))
            inside = ((at >= a) & (at < b)) | ((at >= c) & (at < d))
            if self.part is None or not self.part.start:
                held = np.where(inside & (found != asks.rows[:, None]), found, -1)
                order = np.argsort(held < 0, axis=1, kind="stable")  # a pool whose last place is empty is not full
                pool.rows[places, : len(found)] = np.take_along_axis(held, order, axis=1)
            yield places
            return
        if self.part is not None:
            found = found[(found >= self.part.start) & (found < self.part.stop)]
            if not len(found):
                return
        if self.drafts is not None:
            outside = asks.rows < 0
            self._drafted(self.drafts, asks.take(np.flatnonzero(outside)), found, channel, places[outside], pool)
            places, asks = places[~outside], asks.take(np.flatnonzero(~outside))
        if len(asks) > _ALL * len(found) and (asks.rows >= 0).all():
            everyone = np.union1d(found, asks.rows)
            everyone = everyone[np.argsort(self.catalog.published[everyone], kind="stable")]
            shown = np.zeros(len(self.catalog), dtype=bool)
            shown[found] = True
            task = self.task(asks, everyone, channel.scope)
            rows = task.rows._replace(shown=shown[everyone])
            spans = np.zeros((len(everyone), 4), dtype=np.int64)  # who does not ask finds nothing
            spans[task.asking.own] = task.asking.spans
            place = np.full(len(everyone), -1, dtype=np.int64)
            place[task.asking.own] = places
            asking = Asking(self.search, everyone, np.arange(len(everyone)), rows.hour, spans)
            for start, best in exact.every(asking, rows, channel.width, weight=task.weight):
                to = place[start : start + len(best.size)]
                _put(pool, to[to >= 0], best.take(to >= 0), rows)
                yield to[to >= 0]
        elif len(asks):
            task = self.task(asks, found, channel.scope)
            best = exact.nearest(task.asking, task.rows, channel.width, weight=task.weight)
            _put(pool, places, best, task.rows)
            yield places

    def _drafted(
        self,
        index: VectorIndex,
        asks: Asks,
        found: NDArray[np.int64],
        channel: Channel,
        places: NDArray[np.int64],
        pool: Pool,
    ) -> None:
        """Search with an index that knows no ages; stories with the same window are searched for together."""
        spans = windows.spans(asks.published, self.catalog.published[found], channel.scope, self.settings)
        distinct, number = np.unique(spans, axis=0, return_inverse=True)
        for at, (a, b, c, d) in enumerate(distinct):
            some = np.flatnonzero(number.reshape(-1) == at)
            allowed = np.concatenate([found[a:b], found[c:d]])
            rows = index.search(asks.vectors[asks.at[some]], channel.width, allowed)
            products = dots(asks.vectors, asks.at[some], self.search, rows)
            rows = np.where(products < 1, -1, rows)
            order = np.lexsort((self.catalog.id_rank[rows], -products, rows < 0), axis=1)
            pool.rows[places[some]] = np.take_along_axis(rows, order, axis=1)

    def task(self, asks: Asks, found: NDArray[np.int64], scope: Scope) -> Task:
        """Describe a search of some stories among the rows `found`, which are in order of time."""
        published = self.catalog.published[found]
        place = np.full(len(self.catalog) + 1, -1, dtype=np.int64)  # the last: of a story from outside
        place[found] = np.arange(len(found))
        rows = Rows(
            self.search,
            found,
            np.ones(len(found), dtype=bool),
            np.zeros(len(found), dtype=np.int64),
            self.catalog.id_rank[found],
        )
        spans = windows.spans(asks.published, published, scope, self.settings)
        timeless = np.zeros(len(asks), dtype=np.int64)
        return Task(Asking(asks.vectors, asks.at, place[asks.rows], timeless, spans), rows, exact.TIMELESS)

    def scores(self, task: Task, stories: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute what pools are ordered by: of `rows`, (s, c), for stories of a task, (s,); -inf where a row is -1."""
        asking = task.asking
        products = dots(asking.vectors, asking.rows[stories], self.search, rows)
        return np.where(rows >= 0, products.astype(np.float64), -np.inf)

    def _join(self, asks: Asks, parts: Sequence[Pool], channel: Channel) -> Pool:
        """Join a channel, see `joined`."""
        rows = np.concatenate([pool.rows for pool in parts], axis=1)
        task = self.task(asks, np.zeros(0, dtype=np.int64), channel.scope)
        score = self.scores(task, np.arange(len(asks)), rows)
        order = np.lexsort((self.catalog.id_rank[rows], -score), axis=1)[:, : channel.width]
        for places, found in self.by_language(asks, channel.shown):
            if channel.holds(found):  # the first part gave all
                order[places] = np.arange(channel.width)
        return Pool(np.take_along_axis(rows, order, axis=1))


class Task(NamedTuple):
    """A search as `exact` takes it."""

    asking: Asking
    rows: Rows
    weight: NDArray[np.float64]


def _put(pool: Pool, places: NDArray[np.int64], best: Best, rows: Rows) -> None:
    pool.rows[places] = np.where(best.place >= 0, rows.rows[best.place], -1) if len(rows.rows) else -1
