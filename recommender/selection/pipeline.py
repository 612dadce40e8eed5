"""The steps from ranked candidates to a list: each a function of `Ranked`, applied in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.editorial.rules import Marks, RowRules
from recommender.ranking.score import EVERGREEN, FOLLOW_UP, NEWEST, PINNED, VARIETY, Ranked
from recommender.search.pools import Queries
from recommender.search.scope import Scope
from recommender.selection.diversity import by_mmr, mmr
from recommender.selection.events import HOUR_US, EventTest
from recommender.settings import SelectionSettings

_POOL = 64  # candidates among which events and diversity are decided
_EVERGREENS = 4  # of them at most so many without freshness
_PAIRS = 1 << 21  # pairs of candidates compared at a time

Trace = Callable[[str, Ranked], None]
"""Called with the name of a rule and the candidates it rejected, (q, c), blank elsewhere."""


@dataclass(frozen=True)
class Selection:
    """What the steps of one archive, moment and rule set share.

    Attributes
    ----------
    series : ndarray of int64, shape (n,)
        Recurring format of each row; -1 = none.
    sections : ndarray of int32, shape (n,)
        Section of each row; -1 = none.
    codes : dict of str to (ndarray of int32, shape (n,), list of str)
        Codes of the columns that caps look at, -1 = no value, and the values.
    base : Scope
        The rows of the moment, before withdrawals, blocks and the filters of a call: what pools are found among.
    learned : bool
        Whether a ranker ordered the candidates: scores are probabilities then.
    """

    catalog: Catalog
    scope: Scope
    settings: SelectionSettings
    floor: float | None
    rules: RowRules
    events: EventTest
    series: NDArray[np.int64]
    sections: NDArray[np.int32]
    codes: dict[str, tuple[NDArray[np.int32], list[str]]]
    base: Scope
    learned: bool

    @cached_property
    def searched(self) -> Scope:
        """The scope without the rows that are blocked everywhere."""
        return replace(self.scope, allowed=self.scope.allowed & ~self.rules.blocked)


@dataclass(frozen=True)
class Stories:
    """The stories that lists are made for: queries, and what rules and limits look at in them.

    Attributes
    ----------
    series : ndarray of int64, shape (q,)
    sections : ndarray of int32, shape (q,)
    pins : ndarray of int64, shape (q, p)
        Catalog rows; -1 = none.
    positions : ndarray of int64, shape (q, p)
    """

    queries: Queries
    marks: Marks
    series: NDArray[np.int64]
    sections: NDArray[np.int32]
    pins: NDArray[np.int64]
    positions: NDArray[np.int64]

    def take(self, places: NDArray[np.int64]) -> Stories:
        """Some of them."""
        marks = Marks(*(getattr(self.marks, name)[places] for name in ("topics", "sensitive", "light")))
        return Stories(
            self.queries.take(places),
            marks,
            self.series[places],
            self.sections[places],
            self.pins[places],
            self.positions[places],
        )


def select(
    ranked: Ranked,
    stories: Stories,
    selection: Selection,
    k: int,
    *,
    floor: float | None,
    limits: bool = True,
    trace: Trace | None = None,
) -> Ranked:
    """The list of each story: rules, floor, boosts, copies, series, events, caps, diversity, pins, the cut.

    Parameters
    ----------
    ranked : Ranked, shape (q, c)
        Candidates; those that are `safe` come first and only a block or a copy takes them out.
    floor : float or None
        Least relevance.
    limits : bool, default True
        Whether caps count.
    trace : callable, optional
        Hears of every rejected candidate.
    """
    settings, rules, catalog = selection.settings, selection.rules, selection.catalog
    drop = _Drop(trace)
    alone = [  # what a candidate fails by itself, whatever the others are
        _Test("blocked", blocked(ranked, stories, rules), even_safe=True),
        _Test("sensitive", sensitive(ranked, stories.marks, rules.marks), even_safe=True),
    ]
    if settings.live_hours is not None and selection.scope.timed:
        old = selection.scope.as_of - int(settings.live_hours * HOUR_US)
        alone.append(_Test("live", stale_live(ranked, catalog, old)))
    if floor is not None:
        alone.append(_Test("floor", ~((ranked.relevance >= floor) & (ranked.relevance > 0))))
    ranked = drop.failing(boosted(ranked, rules.boost, selection.learned), alone).ordered(catalog.id_rank)
    if settings.drop_copies:
        ranked = drop(ranked, copies(ranked, stories.queries.copy_group, catalog.copy_group), "copy", even_safe=True)
    if settings.series_limit:
        ranked = drop(ranked, editions(ranked, stories, selection.series, catalog.published), "series")
    count = k + settings.reserves
    if settings.event_limit or settings.diversity:
        ranked = _compared(ranked, stories, selection, count, drop)
    if limits:
        for cap in (*settings.caps, *rules.rules.caps):
            codes, names = selection.codes[cap.by]
            ranked = drop(ranked, over_cap(ranked, codes, names, cap.value, cap.at_most), "cap")
    ranked = drop(ranked, beside(ranked, rules.marks), "sensitive", even_safe=True)
    slots = settings.timeless_slots if rules.rules.evergreen_slots is None else rules.rules.evergreen_slots
    if selection.scope.timed and slots is not None:
        ranked = with_timeless(ranked, k, slots, drop)
    ranked = pinned(ranked, stories.pins, stories.positions)
    return drop(ranked, np.arange(ranked.rows.shape[1]) >= count, "rank", even_safe=True)


class _Test(NamedTuple):
    """Candidates that a rule rejects, (q, c), and whether safe ones are among them."""

    rule: str
    rejected: NDArray[np.bool_]
    even_safe: bool = False


class _Drop:
    """Takes candidates out, tells the trace by which rule, and leaves safe ones in."""

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace

    def __call__(self, ranked: Ranked, rejected: NDArray[np.bool_], rule: str, even_safe: bool = False) -> Ranked:
        return self.failing(ranked, [_Test(rule, rejected, even_safe)])

    def failing(self, ranked: Ranked, tests: list[_Test]) -> Ranked:
        """Without those that fail a test; the first that one fails counts."""
        open_ = ranked.rows >= 0
        for rule, mask, even_safe in tests:
            rejected = open_ & mask if even_safe else open_ & mask & ~ranked.safe
            if self.trace is not None:
                self.trace(rule, ranked.keep(rejected))
            open_ &= ~rejected
        return ranked.keep(open_)


def blocked(ranked: Ranked, stories: Stories, rules: RowRules) -> NDArray[np.bool_]:
    """Items blocked everywhere, under this story, or by a pair of topics; (q, c)."""
    rows, own = ranked.rows, stories.queries.rows
    found = rules.blocked[rows]
    if len(rules.pairs):
        pair = own[:, None] * len(rules.blocked) + rows
        found = found | ((own >= 0)[:, None] & np.isin(pair, rules.pairs))
    for number in range(stories.marks.topics.shape[1]):
        ours, theirs = stories.marks.topics[:, number], rules.marks.topics[rows, number]
        found = found | (ours[:, None, 0] & theirs[:, :, 1]) | (ours[:, None, 1] & theirs[:, :, 0])
    return found


def sensitive(ranked: Ranked, story: Marks, marks: Marks) -> NDArray[np.bool_]:
    """Light items under sensitive stories, and sensitive items under light ones; (q, c)."""
    light_item, hard_item = marks.light[ranked.rows], marks.sensitive[ranked.rows]
    return np.asarray((story.sensitive[:, None] & light_item) | (story.light[:, None] & hard_item))


def beside(ranked: Ranked, marks: Marks) -> NDArray[np.bool_]:
    """Light items below a sensitive one of the same list, and sensitive ones below a light one; (q, c)."""
    held = ranked.rows >= 0
    hard, light = held & marks.sensitive[ranked.rows], held & marks.light[ranked.rows]
    first = np.argmax(hard | light, axis=1)[:, None]
    clash = (np.take_along_axis(hard, first, axis=1) & light) | (np.take_along_axis(light, first, axis=1) & hard)
    return np.asarray(clash & (np.arange(held.shape[1]) != first))


def stale_live(ranked: Ranked, catalog: Catalog, before: int) -> NDArray[np.bool_]:
    """Live pages published before a moment; (q, c)."""
    return np.asarray(catalog.live[ranked.rows] & (catalog.published[ranked.rows] < before))


def boosted(ranked: Ranked, boost: NDArray[np.float64], learned: bool = False) -> Ranked:
    """Scores and keys times the factor of the rules, in the order of before; probabilities by their odds."""
    factor = np.where(ranked.boost == 1, boost[ranked.rows], 1.0)  # a list that is filled was boosted before
    if (factor == 1).all():
        return ranked
    times = ranked.score * factor
    score = np.where(factor == 1, ranked.score, times / (1 - ranked.score + times)) if learned else times
    return replace(ranked, boost=ranked.boost * factor, score=score, key=ranked.key + np.log2(factor))


def copies(ranked: Ranked, own: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Versions of the story itself, and of any other story all but the best placed; (q, c).

    Parameters
    ----------
    own : ndarray of int64, shape (q,)
        Copy group of each story; -1 outside the archive.
    group : ndarray of int64, shape (n,)
        Copy group of each catalog row.
    """
    groups = np.where(ranked.rows >= 0, group[ranked.rows], -2)
    return np.asarray((nth_of_group(groups) > 0) | (groups == own[:, None]))


def editions(
    ranked: Ranked, stories: Stories, series: NDArray[np.int64], published: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """All but the best placed item of each series, and earlier editions of the story's own; (q, c)."""
    groups = np.where(ranked.rows >= 0, series[ranked.rows], -1)
    own = (groups >= 0) & (groups == stories.series[:, None])
    earlier = own & (published[ranked.rows] <= stories.queries.published[:, None])
    counted = np.where(earlier & ~ranked.safe, -1, groups)
    return np.asarray(earlier | ((counted >= 0) & (nth_of_group(counted) > 0)))


def over_cap(
    ranked: Ranked, codes: NDArray[np.int32], names: list[str], value: str | None, at_most: int
) -> NDArray[np.bool_]:
    """Items beyond the first `at_most` that share a value, or the given one; (q, c)."""
    groups = np.where(ranked.rows >= 0, codes[ranked.rows], -1).astype(np.int64)
    if value is not None:
        groups = np.where(groups == (names.index(value) if value in names else -2), groups, -1)
    return np.asarray((groups >= 0) & (nth_of_group(groups) >= at_most))


def nth_of_group(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same group stand before each place of its line; 0 for a negative one, which is no group; (q, c).

    Examples
    --------
    >>> nth_of_group(np.array([[7, 5, 7, 7, 5, -1, -1]])).tolist()
    [[0, 0, 1, 2, 1, 0, 0]]
    """
    nth = np.zeros(groups.shape, dtype=np.int64)
    alone = np.where(groups < 0, -1 - np.arange(groups.shape[1]), groups)
    along = np.sort(alone, axis=1)
    lines = np.flatnonzero((along[:, 1:] == along[:, :-1]).any(axis=1))  # the only ones in which a group recurs
    order = np.argsort(alone[lines], axis=1, kind="stable")
    along = along[lines]
    place = np.broadcast_to(np.arange(groups.shape[1]), along.shape)
    starts = np.ones(along.shape, dtype=bool)
    starts[:, 1:] = along[:, 1:] != along[:, :-1]
    some = np.empty_like(order)
    np.put_along_axis(some, order, place - np.maximum.accumulate(np.where(starts, place, 0), axis=1), axis=1)
    nth[lines] = some
    return nth


def _compared(ranked: Ranked, stories: Stories, selection: Selection, count: int, drop: _Drop) -> Ranked:
    """The steps that compare candidates with each other: near-copies, events, diversity."""
    width = max(_POOL, 2 * count)
    ageless = ranked.source == EVERGREEN
    first = np.cumsum(~ageless, axis=1) <= width - _EVERGREENS
    ranked = drop(ranked, ~np.where(ageless, np.cumsum(ageless, axis=1) <= _EVERGREENS, first), "rank")
    step = max(_PAIRS // ranked.rows.shape[1] ** 2, 1)
    every = np.arange(len(ranked.rows))
    parts = (
        [
            _one_per_event(ranked.lines(part), stories.take(part), selection)
            for part in np.split(every, range(step, len(every), step))
        ]
        if len(every) > step
        else [_one_per_event(ranked, stories, selection)]
    )
    whole = Ranked.stack([some for some, _ in parts])
    rejected = {rule: np.concatenate([masks[rule] for _, masks in parts]) for rule in parts[0][1]}
    for rule, mask in rejected.items():
        drop(whole, mask, rule)  # for the trace: the masks fit the whole
    return whole.keep((whole.rows >= 0) & (whole.safe | ~np.logical_or.reduce(list(rejected.values()))))


def _one_per_event(
    ranked: Ranked, stories: Stories, selection: Selection
) -> tuple[Ranked, dict[str, NDArray[np.bool_]]]:
    """One item an event, the newest in the place of the best; the rest by rule, each (q, w)."""
    events, settings = selection.events, selection.settings
    same, copy, dense = events.alike(ranked.rows)
    held, every = ranked.rows >= 0, np.arange(len(ranked.rows))
    times = selection.catalog.published[ranked.rows]
    asked = stories.queries
    own, own_copy = events.own(ranked.dense, ranked.rows, asked.terms, asked.published, asked.scale)
    rejected = {"copy": held & own_copy, "event": np.zeros_like(held)}
    if not settings.drop_copies:
        rejected["copy"][:] = False
    open_ = held & ~rejected["copy"]
    notes = ranked.notes.copy()
    place = np.tile(np.arange(ranked.rows.shape[1], dtype=np.float64), (len(every), 1))
    if settings.event_limit:
        # the story's own event: at most one, a newer report where there are dates, in the place of the best placed
        lead = stories.queries.published
        mine = events.together(own & open_, times, lead)
        newer = mine & (times > lead[:, None]) if events.timed else mine
        kept = _newest(newer, ranked.safe & mine, times)
        best = np.argmax(mine, axis=1)
        chosen = newer[every, kept] | (ranked.safe & mine)[every, kept]
        rejected["event"] |= mine
        rejected["event"][every[chosen], kept[chosen]] = False
        place[every[chosen], kept[chosen]] = best[chosen] - 0.5
        notes[every[chosen], kept[chosen]] |= FOLLOW_UP if events.timed else 0
        open_ &= ~rejected["event"]
        # then every other event, best placed first; all of them, since caps may take out any of those before
        waiting = open_ & (ranked.source != EVERGREEN) & ((same | copy) & open_[:, None, :]).any(axis=2)

        def reports(lead: NDArray[np.int64]) -> NDArray[np.bool_]:
            found = events.together(same[every, lead] & waiting, times, times[every, lead])
            found |= copy[every, lead] & open_
            found[every, lead] = True
            return found & open_

        while waiting.any():
            first = np.where(waiting, place, np.inf).argmin(axis=1)
            some = waiting[every, first]
            group = reports(first) & some[:, None]
            shown = _newest(group & waiting, ranked.safe & group, times)
            group |= reports(shown) & some[:, None]
            swapped = some & (shown != first)
            place[every[swapped], shown[swapped]] = place[every[swapped], first[swapped]]
            notes[every[swapped], shown[swapped]] |= NEWEST
            waiting &= ~group
            group[every, shown] = False
            rejected["event"] |= group
            open_ &= ~group
    ranked = replace(ranked, notes=notes)
    if settings.diversity:
        # all of the pool, not only a list's length: caps may take out any of those before
        order = mmr(np.where(open_, ranked.score, -np.inf), dense, settings.diversity, ranked.rows.shape[1])
        place, varied = by_mmr(order, place, open_)
        varied &= ~ranked.safe
        ranked = replace(ranked, notes=ranked.notes | np.where(varied, VARIETY, 0).astype(np.int8))
        place = np.where(ranked.safe, -1.0, place)  # safe ones stay first, in their order
    place = np.where(held, place, np.inf)
    order = np.argsort(place, axis=1, kind="stable")
    return ranked.along(order), {name: np.take_along_axis(mask, order, axis=1) for name, mask in rejected.items()}


def _newest(members: NDArray[np.bool_], safe: NDArray[np.bool_], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of the newest member of each line; a safe one goes before."""
    newest = np.where(members, np.maximum(times, UNDATED + 1), UNDATED).argmax(axis=1)
    return np.asarray(np.where(safe.any(axis=1), safe.argmax(axis=1), newest))


def with_timeless(ranked: Ranked, k: int, slots: int, drop: _Drop) -> Ranked:
    """Undated and evergreen pieces get at most the last of the `k` places.

    They have no freshness to be ranked by. The most relevant one takes an empty place, or the
    last place if it is more relevant than the story there.
    """
    ageless = (ranked.rows >= 0) & (ranked.source == EVERGREEN)
    dated = (ranked.rows >= 0) & ~ageless
    if not ageless.any():
        return ranked
    best = ageless & (np.cumsum(ageless, axis=1) <= slots)
    ranked_dated = np.cumsum(dated, axis=1)
    last = dated & (ranked_dated == k)
    last_relevance = np.where(last, ranked.relevance, 0).sum(axis=1, keepdims=True)
    place = np.where(dated, ranked_dated, np.inf)
    full = last.any(axis=1, keepdims=True)
    place = np.where(best & full & (ranked.relevance > last_relevance), k - 0.5, place)
    place = np.where(best & ~full, dated.sum(axis=1, keepdims=True) + 0.5, place)
    return drop(ranked.by(place), ~np.isfinite(np.sort(place, axis=1)), "evergreen", even_safe=True)


def pinned(ranked: Ranked, pins: NDArray[np.int64], positions: NDArray[np.int64]) -> Ranked:
    """Pinned items at their positions, the others around them in their order."""
    if not pins.shape[1]:
        return ranked
    fixed = (ranked.rows >= 0) & (ranked.source == PINNED)
    place = np.where(fixed, np.inf, np.cumsum(~fixed, axis=1) - 1.0)  # 0-based among the others
    last = np.full(len(pins), -1.0)
    for number in range(pins.shape[1]):
        at = fixed & (ranked.rows == pins[:, number, None]) & (pins[:, number, None] >= 0)
        here = at.any(axis=1)
        wanted = np.where(here, np.maximum(positions[:, number] - 1.0, last + 1), np.inf)
        place = np.where(~fixed & (place >= wanted[:, None]), place + 1, place)
        place = np.where(at, wanted[:, None], place)
        last = np.where(here, wanted, last)
    return ranked.by(np.where(ranked.rows >= 0, place, np.inf))
