"""Candidates of each story among the rows that it may show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender import exact
from recommender.articles import DAY_US, UNDATED, Catalog
from recommender.filters import Scope
from recommender.index import SCALE, VectorIndex, quantise
from recommender.parallel import joined
from recommender.scan import Asking, Best, Rows
from recommender.settings import RankingSettings, RetrievalSettings

_TIMELESS = 20  # undated and evergreen candidates looked at for their one place
_HOUR_US = DAY_US // 24
SPARE = 16  # rows of a pool that may fall away before a story must search again
SKETCH = 256  # components that stand for the words in a search vector
_SLACK = 0.8  # share of the relevance floor that the estimate of a search vector must reach
_OFFERED = 32_768  # stories that newcomers are offered to at a time
_BLOCK = 8_192  # rows that search vectors are made of at a time
_ALL = 0.25  # share of the rows from which on asking stories are answered by the products of all with all


@dataclass(frozen=True)
class Queries:
    """Stories that lists are made for, by place: rows (-1 outside the archive), vectors, terms and keys."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.int16]
    search: NDArray[np.int16]
    terms: sp.csr_matrix
    published: NDArray[np.int64]
    language: NDArray[np.int32]
    copy_group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Queries:
        """Some of them."""
        return Queries(
            self.rows[places],
            self.vectors[places],
            self.search[places],
            self.terms[places],
            self.published[places],
            self.language[places],
            self.copy_group[places],
        )

    @property
    def asks(self) -> Asks:
        """What a search needs to know of them."""
        return Asks(self.search, np.arange(len(self)), self.rows, self.published, self.language)


@dataclass(frozen=True)
class Asks:
    """Stories that look for candidates: row `at` of search vectors `vectors`, and the keys of `Queries`."""

    vectors: NDArray[np.int16]
    at: NDArray[np.int64]
    rows: NDArray[np.int64]
    published: NDArray[np.int64]
    language: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Asks:
        """Some of them."""
        return Asks(self.vectors, self.at[places], self.rows[places], self.published[places], self.language[places])


@dataclass(frozen=True)
class Candidates:
    """Rows that may follow each story, in no order.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, c)
        -1 = none.
    """

    rows: NDArray[np.int64]

    def beside(self, rows: NDArray[np.int64]) -> Candidates:
        """With further rows, (q, p), each once; columns that are empty everywhere are left out."""
        rows = -np.sort(-np.concatenate([self.rows, rows], axis=1), axis=1)
        rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
        rows = -np.sort(-rows, axis=1)
        return Candidates(rows[:, : max(int((rows >= 0).sum(axis=1).max(initial=0)), 1)])

    def scattered(self, places: NDArray[np.int64], other: Candidates) -> Candidates:
        """With the lines of `other` at some places."""
        width = max(self.rows.shape[1], other.rows.shape[1])
        rows = np.pad(self.rows, ((0, 0), (0, width - self.rows.shape[1])), constant_values=-1)
        rows[places] = -1
        rows[places, : other.rows.shape[1]] = other.rows
        return Candidates(rows)


class Pool(NamedTuple):
    """The best rows of each story, best first, a few more than are candidates so that some may fall away.

    Attributes
    ----------
    rows : ndarray of int32, shape (q, count + SPARE)
        -1 = none. Rows that have left a story's window since stay as `-2 - row`: a full pool was cut at its last row,
        and knows nothing of what is worse.
    dots : ndarray of int32, shape (q, count + SPARE)
        Products of the search vectors.
    """

    rows: NDArray[np.int32]
    dots: NDArray[np.int32]

    @classmethod
    def empty(cls, stories: int, width: int) -> Pool:
        """Without any row."""
        return cls(np.full((stories, width), -1, np.int32), np.zeros((stories, width), np.int32))

    def take(self, places: NDArray[np.int64] | slice) -> Pool:
        """Those of some stories."""
        return Pool(self.rows[places], self.dots[places])

    def first(self, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The candidates that are still allowed, (q, c)."""
        live = (self.rows >= 0) & allowed[np.maximum(self.rows, 0)]
        return np.where(live & (np.cumsum(live, axis=1) <= self._count), self.rows, -1).astype(np.int64)

    def lost(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which stories have lost too many rows and must search again, (q,)."""
        found = np.zeros(len(self.rows), dtype=bool)
        full = np.flatnonzero((self.rows[:, -1:] != -1).all(axis=1))  # the others hold all that there is
        for start in range(0, len(full), _BLOCK):
            some = full[start : start + _BLOCK]
            rows = self.rows[some]
            found[some] = ((rows >= 0) & allowed[np.maximum(rows, 0)]).sum(axis=1) < self._count
        return found

    @property
    def _count(self) -> int:
        return max(int(self.rows.shape[1]) - SPARE, 0)


class Pools(NamedTuple):
    """`near`: by estimated relevance x freshness; `timeless`: undated and evergreen rows, which are searched apart."""

    near: Pool
    timeless: Pool

    def take(self, places: NDArray[np.int64] | slice) -> Pools:
        """Those of some stories."""
        return Pools(self.near.take(places), self.timeless.take(places))

    def candidates(self, allowed: NDArray[np.bool_]) -> tuple[Candidates, NDArray[np.bool_]]:
        """The rows that are still allowed, and which stories have lost too many and must search again."""
        found = Candidates(self.near.first(allowed)).beside(self.timeless.first(allowed))
        lost = self.near.lost(allowed)
        return found, lost | self.timeless.lost(allowed) if self.timeless.rows.shape[1] else lost


class Keeper(Protocol):
    """What keeps finished lines of pools, so that a search that was interrupted need not find them again."""

    def restore(self, channel: str, pool: Pool, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Write the wanted lines that were kept into a pool; which are still wanted, (q,)."""
        ...

    def finished(self, channel: str, pool: Pool, places: NDArray[np.int64]) -> None:
        """Hear that these lines of a pool are final."""
        ...


def search_vectors(
    vectors: NDArray[np.int16], terms: sp.csr_matrix, columns: sp.csr_matrix, ranking: RankingSettings
) -> NDArray[np.int16]:
    """Vectors whose product estimates the relevance, so that one search looks at meaning and words together.

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
        Unit vectors of the two parts, weighted by the roots of `dense_weight` and `lexical_weight`, quantised.
    """
    found = np.empty((len(vectors), vectors.shape[1] + columns.shape[1]), dtype=np.int16)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        dense, words = _unit(vectors[part].astype(np.float32)), _unit((terms[part] @ columns).toarray())
        weighted = np.sqrt(ranking.dense_weight) * dense, np.sqrt(ranking.lexical_weight) * words
        found[part] = quantise(np.concatenate(weighted, axis=1))
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1), dtype=np.float32)


class _Channel(NamedTuple):
    """A search of its own: the rows that it may find, within a scope, with a least estimate."""

    name: str
    shown: NDArray[np.bool_]
    scope: Scope
    least: int
    width: int


@dataclass(frozen=True)
class Retriever:
    """Search for candidates among the rows of one scope.

    Attributes
    ----------
    search : ndarray of int16, shape (n, s)
        See `search_vectors`.
    count : int
        Candidates of a story: those of greatest estimated relevance x freshness.
    floor : float or None
        The relevance that an item needs. Where time counts, the estimate must come near it: otherwise fresh rows
        that will be rejected keep out older ones that would not.
    drafts : VectorIndex or None
        Searched, in the place of all rows, for stories from outside the archive where age does not count.
    part : slice or None
        Range of rows that `pools` looks at; the first part answers for all where there is nothing to choose.
    """

    catalog: Catalog
    search: NDArray[np.int16]
    scope: Scope
    settings: RetrievalSettings
    ranking: RankingSettings
    count: int
    floor: float | None
    drafts: VectorIndex | None = None
    part: slice | None = None

    def pools(self, asks: Asks, keeper: Keeper | None = None) -> Pools:
        """The best rows of each story, exactly unless `drafts` is searched."""
        return Pools(*(self._found(asks, channel, keeper) for channel in self._channels))

    def joined(self, asks: Asks, parts: Sequence[Pools]) -> Pools:
        """What `pools` finds among all rows, from what it found for these stories in each part, in order."""
        channels = zip(self._channels, zip(*parts, strict=True), strict=True)
        return Pools(*(self._join(asks, found, channel) for channel, found in channels))

    def renewed(self, asks: Asks, pools: Pools, before: Retriever, keeper: Keeper | None = None) -> Pools:
        """What `pools` would return for all rows of the catalog, made from the pools of an earlier state.

        Only rows that may be shown now and could not be before are offered to the pools; new stories, those
        whose window grew, and those that lost too many rows search again.

        Parameters
        ----------
        asks : Asks
            All rows of the catalog; the catalog is that of `before` with more rows.
        pools : Pools
            Of all rows of `before`.
        """
        channels = zip(self._channels, before._channels, pools, strict=True)
        return Pools(*(self._renew(asks, pool, now, was, before, keeper) for now, was, pool in channels))

    @property
    def _channels(self) -> tuple[_Channel, _Channel]:
        shown, timed, timeless = self.scope.allowed, self.scope.timed, self.catalog.timeless
        apart = shown & timeless & timed
        weights = self.ranking.dense_weight + self.ranking.lexical_weight or 1.0
        least = int(np.ceil(_SLACK * (self.floor or 0.0) / weights * SCALE**2)) if timed else 0
        return (
            _Channel("near", shown & ~(timeless & timed), self.scope, least, self.count + SPARE),
            _Channel("timeless", apart, replace(self.scope, timed=False), 0, (_TIMELESS + SPARE) * bool(apart.any())),
        )

    def _by_language(
        self, asks: Asks, shown: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Stories that share their rows: (places of the stories, rows in order of time)."""
        found = np.flatnonzero(shown)
        found = found[np.argsort(self.catalog.published[found], kind="stable")]
        if not self.settings.same_language:
            yield np.arange(len(asks)), found
            return
        for code in np.unique(asks.language):
            yield np.flatnonzero(asks.language == code), found[self.scope.language[found] == code]

    def _found(self, asks: Asks, channel: _Channel, keeper: Keeper | None) -> Pool:
        pool = Pool.empty(len(asks), channel.width)
        if channel.width:
            self._fill(asks, channel, np.ones(len(asks), dtype=bool), pool, keeper)
        return pool

    def _fill(
        self, asks: Asks, channel: _Channel, wanted: NDArray[np.bool_], pool: Pool, keeper: Keeper | None
    ) -> None:
        """Search for the wanted stories, whose lines of the pool are empty."""
        if keeper is not None:
            wanted = keeper.restore(channel.name, pool, wanted)
        for places, found in self._by_language(asks, channel.shown):
            some = places[wanted[places]]
            for done in self._search(asks.take(some), found, channel, some, pool) if len(some) else ():
                if keeper is not None:
                    keeper.finished(channel.name, pool, done)

    def _search(
        self, asks: Asks, found: NDArray[np.int64], channel: _Channel, places: NDArray[np.int64], pool: Pool
    ) -> Iterator[NDArray[np.int64]]:
        """Write the best of the rows `found` for some stories into their places of the pool; yields what is final."""
        if len(found) <= channel.width:  # nothing to choose
            a, b, c, d = _spans(asks.published, self.catalog.published[found], channel.scope, self.settings).T[
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
        aged = channel.scope.timed and self.ranking.half_life_days is not None
        if self.drafts is not None and not aged:
            outside = asks.rows < 0
            self._drafted(self.drafts, asks.take(np.flatnonzero(outside)), found, channel, places[outside], pool)
            places, asks = places[~outside], asks.take(np.flatnonzero(~outside))
        # all with all needs stories whose age grows with the distance in time, as those of undated ones does not
        alike = (asks.published != UNDATED) & (self.ranking.anchor == "story") if aged else np.full(len(asks), True)
        if len(asks) > _ALL * len(found) and (asks.rows >= 0).all() and alike.any():
            everyone = np.union1d(found, asks.rows[alike])
            everyone = everyone[np.argsort(self.catalog.published[everyone], kind="stable")]
            shown = np.zeros(len(self.catalog), dtype=bool)
            shown[found] = True
            task = self._task(asks.take(np.flatnonzero(alike)), everyone, channel.scope)
            rows = task.rows._replace(shown=shown[everyone])
            spans = np.zeros((len(everyone), 4), dtype=np.int64)  # who does not ask finds nothing
            spans[task.asking.own] = task.asking.spans
            place = np.full(len(everyone), -1, dtype=np.int64)
            place[task.asking.own] = places[alike]
            asking = Asking(self.search, everyone, np.arange(len(everyone)), rows.hour, spans)
            for start, best in exact.every(asking, rows, channel.width, least=channel.least, weight=task.weight):
                to = place[start : start + len(best.size)]
                _put(pool, to[to >= 0], best.take(to >= 0), rows)
                yield to[to >= 0]
            places, asks = places[~alike], asks.take(np.flatnonzero(~alike))
        if len(asks):
            task = self._task(asks, found, channel.scope)
            best = exact.nearest(task.asking, task.rows, channel.width, least=channel.least, weight=task.weight)
            _put(pool, places, best, task.rows)
            yield places

    def _drafted(
        self,
        index: VectorIndex,
        asks: Asks,
        found: NDArray[np.int64],
        channel: _Channel,
        places: NDArray[np.int64],
        pool: Pool,
    ) -> None:
        """`_search` with an index that knows no ages; stories with the same window are searched for together."""
        spans = _spans(asks.published, self.catalog.published[found], channel.scope, self.settings)
        windows, window = np.unique(spans, axis=0, return_inverse=True)
        for number, (a, b, c, d) in enumerate(windows):
            some = np.flatnonzero(window.reshape(-1) == number)
            queries = asks.vectors[asks.at[some]]
            rows = index.search(queries, channel.width, np.concatenate([found[a:b], found[c:d]]))
            dots = np.einsum("qd,qcd->qc", queries, self.search[np.maximum(rows, 0)], dtype=np.int32)
            none = (rows < 0) | (dots < max(channel.least, 1))
            rows, dots = np.where(none, -1, rows), np.where(none, 0, dots)
            order = np.lexsort((self.catalog.id_rank[rows], -dots), axis=1)
            pool.rows[places[some]] = np.take_along_axis(rows, order, axis=1)
            pool.dots[places[some]] = np.take_along_axis(dots, order, axis=1)

    @cached_property
    def _hour(self) -> NDArray[np.int64]:
        """Hour of publication of each row, that of `as_of` for undated ones; (n,)."""
        published = self.catalog.published
        return np.where(published == UNDATED, self.scope.as_of, published) // _HOUR_US

    def _task(self, asks: Asks, found: NDArray[np.int64], scope: Scope) -> _Task:
        published = self.catalog.published[found]
        hour, asked = np.zeros(len(found), dtype=np.int64), np.zeros(len(asks), dtype=np.int64)
        weight = exact.TIMELESS
        if scope.timed and self.ranking.half_life_days is not None:
            own = (asks.published != UNDATED) & (self.ranking.anchor == "story")
            asked = np.where(own, asks.published, scope.as_of) // _HOUR_US
            hour = self._hour[found]
            first, last = min(self._hour.min(), asked.min(initial=0)), max(self._hour.max(), asked.max(initial=0))
            weight = exact.decay(self.ranking.half_life_days, int(last - first))
        place = np.full(len(self.catalog) + 1, -1, dtype=np.int64)  # the last: of a story from outside
        place[found] = np.arange(len(found))
        rows = Rows(self.search, found, np.ones(len(found), dtype=bool), hour, self.catalog.id_rank[found])
        spans = _spans(asks.published, published, scope, self.settings)
        return _Task(Asking(asks.vectors, asks.at, place[asks.rows], asked, spans), rows, weight)

    def _scores(
        self, task: _Task, asked: NDArray[np.int64], rows: NDArray[Any], dots: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """What pools are ordered by, of rows with their products; `asked` are the hours of the stories."""
        age = 0 if task.weight is exact.TIMELESS else np.abs(asked - self._hour[rows])
        return np.where(rows >= 0, dots * task.weight[age], -np.inf)

    def _join(self, asks: Asks, parts: Sequence[Pool], channel: _Channel) -> Pool:
        """A channel of `joined`."""
        rows = np.concatenate([pool.rows for pool in parts], axis=1)
        dots = np.concatenate([pool.dots for pool in parts], axis=1)
        task = self._task(asks, np.zeros(0, dtype=np.int64), channel.scope)
        score = self._scores(task, task.asking.hour[:, None], rows, dots)
        order = np.lexsort((self.catalog.id_rank[rows], -score), axis=1)[:, : channel.width]
        order[~dots.any(axis=1)] = np.arange(channel.width)  # nothing was to choose: the first part gave all
        return Pool(np.take_along_axis(rows, order, axis=1), np.take_along_axis(dots, order, axis=1))

    def _renew(
        self, asks: Asks, pool: Pool, now: _Channel, was: _Channel, before: Retriever, keeper: Keeper | None
    ) -> Pool:
        """A channel of `renewed`."""
        old, now_of, was_of = len(before.catalog), self.scope, before.scope
        same = now.width == was.width > 0 and now_of.timed == was_of.timed and now.least == was.least
        same &= (now_of.days_before, now_of.days_around) == (was_of.days_before, was_of.days_around)
        if not same or not np.array_equal(now_of.language[:old], was_of.language):
            return self._found(asks, now, keeper)
        aged = now.scope.timed and self.ranking.half_life_days is not None
        moved = now.scope.timed and now.scope.as_of != was.scope.as_of
        small = any(
            len(found) <= now.width
            for state, channel in ((self, now), (before, was))
            for _, found in state._by_language(asks, channel.shown)
        )
        if small or now.scope.as_of < was.scope.as_of or (aged and moved and self.ranking.anchor == "as_of"):
            return self._found(asks, now, keeper)
        new = len(self.catalog) - len(before.catalog)
        pool = Pool(*(joined(held, empty) for held, empty in zip(pool, Pool.empty(new, now.width), strict=True)))
        again = np.arange(len(self.catalog)) >= len(before.catalog)
        if moved and aged:
            again |= asks.published == UNDATED  # their ages count from `as_of`
        if moved and now.scope.days_before is not None:
            again |= self._slide(asks, pool, now.scope, was.scope)
        entered = now.shown & ~np.pad(was.shown, (0, new))
        for places, found in self._by_language(asks, entered):
            kept = places[~again[places]]
            for start in range(0, len(kept) if len(found) else 0, _OFFERED):
                some = kept[start : start + _OFFERED]
                self._offer(asks.take(some), found, now, some, pool)
        again |= pool.lost(now.shown)
        pool.rows[again], pool.dots[again] = -1, 0
        self._fill(asks, now, again, pool, keeper)
        return pool

    def _slide(self, asks: Asks, pool: Pool, now: Scope, was: Scope) -> NDArray[np.bool_]:
        """Mark the rows that have left a story's window; returns the stories that have a window of their own now."""
        published = self.catalog.published
        for start in range(0, len(asks), _BLOCK):
            part = slice(start, start + _BLOCK)
            rows = pool.rows[part]
            times = published[np.maximum(rows, 0)]
            a, b, c, d = _times(asks.published[part], now, self.settings).T[:, :, None]
            inside = ((times >= a) & (times <= b)) | ((times >= c) & (times <= d))
            pool.rows[part] = np.where((rows >= 0) & ~inside, -2 - rows, rows)
        return _has_own(asks.published, now, self.settings) & ~_has_own(asks.published, was, self.settings)

    def _offer(
        self, asks: Asks, found: NDArray[np.int64], channel: _Channel, places: NDArray[np.int64], pool: Pool
    ) -> None:
        """Put those of the rows `found` into the pools of some stories that belong there."""
        task, width = self._task(asks, found, channel.scope), channel.width
        last = self._scores(task, task.asking.hour, _decoded(pool.rows[places, -1]), pool.dots[places, -1])
        reach, count = np.maximum(last, 0.0), min(len(found), width)
        best = exact.nearest(task.asking, task.rows, count, least=channel.least, weight=task.weight, reach=reach)
        some = np.flatnonzero(best.size)
        held, hour = pool.take(places[some]), task.asking.hour[some]
        held_rows = _decoded(held.rows)
        held_scores = self._scores(task, hour[:, None], held_rows, held.dots)
        # from here on by pairs of a story and a row that comes in, the best of a story first
        place, dot = best.take(best.size > 0)
        story, column = np.nonzero(place >= 0)
        row, dot = found[place[story, column]], dot[story, column]
        fresh = ~(held_rows[story] == row[:, None]).any(axis=1)  # others are shown once more, and never forgotten
        story, row, dot = story[fresh], row[fresh], dot[fresh]
        score = self._scores(task, hour[story], row, dot)[:, None]
        better = held_scores[story] > score
        pair, tied = np.nonzero(held_scores[story] == score)
        better[pair, tied] = self.catalog.id_rank[held_rows[story[pair], tied]] < self.catalog.id_rank[row[pair]]
        behind = better.sum(axis=1)
        nth = np.arange(len(story)) - np.searchsorted(story, story)
        counts = np.bincount(story * (width + 1) + behind, minlength=len(some) * (width + 1))
        moved = np.arange(width) + np.cumsum(counts.reshape(len(some), width + 1), axis=1)[:, :width]
        room = width + int(nth.max(initial=-1)) + 1
        for part, came in ((pool.rows, row), (pool.dots, dot)):
            line = np.zeros((len(some), room), dtype=np.int32)
            np.put_along_axis(line, moved, part[places[some]], axis=1)
            line[story, behind + nth] = came
            part[places[some]] = line[:, :width]


class _Task(NamedTuple):
    """A search as `exact` takes it."""

    asking: Asking
    rows: Rows
    weight: NDArray[np.float64]


def _decoded(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rows of a pool, those that have left a story's window as well."""
    return np.where(rows < -1, -2 - rows, rows)


def _put(pool: Pool, places: NDArray[np.int64], best: Best, rows: Rows) -> None:
    place, pool.dots[places] = best
    pool.rows[places] = np.where(place >= 0, rows.rows[place], -1) if len(rows.rows) else -1


def _spans(
    asked: NDArray[np.int64], published: NDArray[np.int64], scope: Scope, settings: RetrievalSettings
) -> NDArray[np.int64]:
    """Places `[a, b)` and `[c, d)` among the sorted times that each story may find, (q, 4)."""
    if not scope.timed:
        return np.tile([0, len(published), 0, 0], (len(asked), 1))
    times = _times(asked, scope, settings)
    spans = np.searchsorted(published, times, "left")
    spans[:, 1::2] = np.searchsorted(published, times[:, 1::2], "right")
    return np.asarray(np.where(np.repeat(times[:, ::2] <= times[:, 1::2], 2, axis=1), spans, 0), dtype=np.int64)


def _times(asked: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.int64]:
    """Times `[a, b]` and `[c, d]` that each story may find, (q, 4), where `a > b` is none.

    Windows are whole UTC days around a story.
    """
    times = np.tile(np.array([1, 0, 1, 0], dtype=np.int64), (len(asked), 1))
    dated = asked != UNDATED
    day = np.where(dated, asked, 0) // DAY_US
    days = scope.days_around if scope.days_around is not None else scope.days_before
    if days is None:
        times[:, 0], times[:, 1] = UNDATED + 1, scope.as_of
        return times
    own = np.stack([(day - days) * DAY_US, np.minimum((day + days + 1) * DAY_US - 1, scope.as_of)], axis=1)
    if scope.days_around is not None:
        times[dated, :2] = own[dated]
        return times
    first = scope.as_of - days * DAY_US
    times[:, 0], times[:, 1] = first, scope.as_of
    apart = _has_own(asked, scope, settings)
    times[apart, 2], times[apart, 3] = own[apart, 0], np.minimum(own[apart, 1], first - 1)
    return times


def _has_own(asked: NDArray[np.int64], scope: Scope, settings: RetrievalSettings) -> NDArray[np.bool_]:
    """Stories older than the window have one of their own besides; (q,)."""
    if scope.days_before is None or scope.days_before != settings.window_days or scope.days_around is not None:
        return np.zeros(len(asked), dtype=bool)
    first = scope.as_of - scope.days_before * DAY_US
    return np.asarray((asked != UNDATED) & (asked // DAY_US * DAY_US < first))
