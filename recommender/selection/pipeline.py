"""From ranked candidates to a list: the best that no rule rejects, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.features.vectors import cosines
from recommender.ranking.score import DEVELOPMENT, EVERGREEN, MORE, PINNED, RELATED, VARIETY, Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules import Rule, every_rule
from recommender.selection.rules.rule import Mask, PlacementTest, take_column

_NARROW = 48  # best candidates that a list is made of first; the others are looked at where these do not fill it

After = Mapping[tuple[int, int], int]
"""Of a rejected candidate, by the index of its story and its catalog row: the row of the item that keeps it out."""
Trace = Callable[[Rule | None, Ranked, After], None]
"""Called with a rule, None = others were better, the candidates it rejected, (q, c), blank elsewhere, and `After`."""


def select(ranked: Ranked, stories: Stories, selection: Selection, k: int, *, trace: Trace | None = None) -> Ranked:
    """Choose the items of each list: the best candidate that no rule rejects, then the best that may stand with it.

    Parameters
    ----------
    ranked : Ranked, shape (q, c)
        Candidates; pinned ones come first, and only rules that do not protect pins take them out.
    k : int
        Items of a list; `selection.reserves` more are chosen to replace withdrawn ones.
    trace : callable, optional
        Called with every rejected candidate.

    Returns
    -------
    Ranked, shape (q, at most k + reserves)
    """
    ranked = apply_boosts(ranked, selection.rules.boost, selection.learned)
    ranked = _label_unrelated(ranked, selection.related_at)
    ranked = _reject_candidates(ranked, stories, selection, trace)
    ranked = ranked.best_first(selection.catalog.id_rank)
    chosen = _place_items(ranked, stories, selection, k + selection.settings.reserves, trace)
    return place_pins(chosen, stories.pins, np.minimum(stories.positions, k))


def apply_boosts(ranked: Ranked, boost: NDArray[np.float64], learned: bool = False) -> Ranked:
    """Multiply scores and keys by the boosts of the rules, and leave the order; of probabilities boost the odds."""
    factor = np.where(ranked.has_item, boost[ranked.rows], 1.0)
    if (factor == 1).all():
        return ranked
    product = ranked.score * factor
    score = np.where(factor == 1, ranked.score, product / (1 - ranked.score + product)) if learned else product
    return replace(ranked, boost=ranked.boost * factor, score=score, key=ranked.key + np.log2(factor))


def _label_unrelated(ranked: Ranked, related_at: float | None) -> Ranked:
    """Label as more what is not related: by the relevance, so that no boost turns one into the other."""
    if related_at is None:
        return ranked
    has_label = ((ranked.source == RELATED) | (ranked.source == EVERGREEN)) & ranked.has_item
    is_related = (ranked.relevance >= related_at) & (ranked.relevance > 0)
    source = np.where(has_label & ~is_related, MORE, ranked.source).astype(np.int8)
    return replace(ranked, source=source)


def _reject_candidates(ranked: Ranked, stories: Stories, selection: Selection, trace: Trace | None) -> Ranked:
    """Drop the candidates that a rule rejects whatever else the list holds."""
    is_open = ranked.has_item
    for rule in every_rule():
        if rule.rejects is None:
            continue
        left = ranked if is_open.all() else replace(ranked, rows=np.where(is_open, ranked.rows, -1))
        rejected = rule.rejects(left, stories, selection)
        if rejected is None:
            continue
        rejected = is_open & rejected & ~(ranked.is_pinned & rule.protects_pins)
        if trace is not None and rejected.any():
            trace(rule, ranked.keep(rejected), {})
        is_open &= ~rejected
    return ranked.keep(is_open)


def _place_items(ranked: Ranked, stories: Stories, selection: Selection, count: int, trace: Trace | None) -> Ranked:
    """Place up to `count` items in each list; most lists are filled by their best candidates."""
    narrow = max(_NARROW, 2 * count)
    needs_all = trace is not None or selection.settings.diversity  # which may choose any candidate
    if needs_all or ranked.rows.shape[1] <= narrow:
        return _place_one_by_one(ranked, stories, selection, count, trace)
    chosen = _place_one_by_one(ranked.truncate(narrow), stories, selection, count, None)
    is_short = (chosen.has_item.sum(axis=1) < count) & ranked.has_item[:, narrow]
    short = np.flatnonzero(is_short)
    if not len(short):
        return chosen
    again = _place_one_by_one(ranked.take(short), stories.take(short), selection, count, None)
    return chosen.replace_stories(short, again)


def _place_one_by_one(
    ranked: Ranked, stories: Stories, selection: Selection, count: int, trace: Trace | None
) -> Ranked:
    """Place item after item, the best first; after each the rules reject what may not stand with it."""
    tests = _placement_tests(ranked, stories, selection)
    diversity = selection.settings.diversity
    variety = _Variety(ranked, selection.events.vectors, diversity) if diversity else None
    is_open = ranked.has_item
    is_placed, position = np.zeros_like(is_open), np.full(is_open.shape, np.inf)
    rejected = [(rule, np.full(ranked.rows.shape, -1)) for rule, _ in tests]  # rows of the items that rejected
    for number in range(count):
        is_wanting = is_open.any(axis=1)
        if not is_wanting.any():
            break
        best = is_open.argmax(axis=1) if variety is None else variety.best_columns(is_open)
        row = np.flatnonzero(is_wanting)
        column = best[row]
        is_placed[row, column], is_open[row, column] = True, False
        position[row, column] = number
        if variety is not None:
            variety.add(row, column)
        last = np.where(is_wanting, best, -1)
        last_rows = take_column(ranked.rows, last, default=-1)
        for (rule, is_rejected), (_, after) in zip(tests, rejected, strict=True):
            mask = is_open & is_rejected(last, is_placed, is_open)
            if rule.protects_pins:
                mask &= ~ranked.is_pinned
            np.copyto(after, last_rows[:, None], where=mask)
            is_open &= ~mask
    if trace is not None:
        _trace_rejected(ranked, is_placed, rejected, trace)
    placed = ranked if variety is None else replace(ranked, notes=variety.notes)
    return placed.sort_by(position).keep(np.isfinite(np.sort(position, axis=1)))


def _placement_tests(ranked: Ranked, stories: Stories, selection: Selection) -> list[tuple[Rule, PlacementTest]]:
    """Make the tests of the rules that look at what a list already holds."""
    tests = []
    for rule in every_rule():
        test = None if rule.rejects_after is None else rule.rejects_after(ranked, stories, selection)
        if test is not None:
            tests.append((rule, test))
    return tests


def _trace_rejected(
    ranked: Ranked, is_placed: Mask, rejected: list[tuple[Rule, NDArray[np.int64]]], trace: Trace
) -> None:
    """Trace what rules rejected after an item, and what no place was left for."""
    left = ranked.has_item & ~is_placed
    for rule, after in rejected:
        if (after >= 0).any():
            row, column = np.nonzero(after >= 0)
            keys = zip(row.tolist(), ranked.rows[row, column].tolist(), strict=True)
            trace(rule, ranked.keep(after >= 0), dict(zip(keys, after[row, column].tolist(), strict=True)))
        left &= after < 0
    if left.any():
        trace(None, ranked.keep(left), {})


class _Variety:
    """Choose the next item of each list by maximal marginal relevance (Carbonell & Goldstein, 1998).

    It has the greatest ``(1 - diversity) * score - diversity * cosine``, by the greatest cosine to the items placed;
    pins come first, as they stand, and what is related before what is not.
    """

    def __init__(self, ranked: Ranked, vectors: NDArray[np.int16], diversity: float) -> None:
        self.ranked, self.vectors, self.diversity = ranked, vectors, diversity
        self.notes = ranked.notes.copy()
        self._greatest_cosine = np.full(ranked.rows.shape, -np.inf)
        self._first = np.zeros(len(ranked.rows), dtype=np.int64)

    def best_columns(self, is_open: Mask) -> NDArray[np.int64]:
        """Find the column of the next item of each list, (q,)."""
        cosine, ranked = self._greatest_cosine, self.ranked
        value = (1 - self.diversity) * ranked.score - self.diversity * np.where(np.isfinite(cosine), cosine, 0)
        value = np.where(ranked.source == MORE, value - 1e3, value)
        value = np.where(ranked.is_pinned, 1e6 - np.arange(value.shape[1]), value)
        self._first = is_open.argmax(axis=1)
        return np.asarray(np.where(is_open, value, -np.inf).argmax(axis=1))

    def add(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> None:
        """Note which of the items just placed stand above a better one, and compare the others with them."""
        is_varied = column != self._first[row]
        self.notes[row[is_varied], column[is_varied]] |= VARIETY
        item_rows = self.ranked.rows[row, column]
        cosine = cosines(self.vectors[item_rows], self.vectors, self.ranked.rows[row])
        self._greatest_cosine[row] = np.maximum(self._greatest_cosine[row], cosine)


def mark_developments(chosen: Ranked, stories: Stories, selection: Selection) -> Ranked:
    """Note which items are developments of the story's own event, or earlier reports of it."""
    row, column = np.nonzero(chosen.has_item)
    dense, item_rows = chosen.dense[row, column], chosen.rows[row, column]
    is_development = selection.events.is_running_story(stories.queries, row, dense, item_rows)
    notes = chosen.notes.copy()
    notes[row, column] |= np.where(is_development, DEVELOPMENT, 0).astype(np.int8)
    return replace(chosen, notes=notes)


def place_pins(ranked: Ranked, pins: NDArray[np.int64], positions: NDArray[np.int64]) -> Ranked:
    """Put pinned items at their positions, (q, p), and the others around them in their order."""
    if not pins.shape[1]:
        return ranked
    is_pin = ranked.has_item & (ranked.source == PINNED)
    place = np.where(is_pin, np.inf, np.cumsum(~is_pin, axis=1) - 1.0)  # counted from 0, among the others
    last = np.full(len(pins), -1.0)
    for number in range(pins.shape[1]):
        is_this = is_pin & (ranked.rows == pins[:, number, None]) & (pins[:, number, None] >= 0)
        has_this = is_this.any(axis=1)
        wanted = np.where(has_this, np.maximum(positions[:, number] - 1.0, last + 1), np.inf)
        place = np.where(~is_pin & (place >= wanted[:, None]), place + 1, place)
        place = np.where(is_this, wanted[:, None], place)
        last = np.where(has_this, wanted, last)
    return ranked.sort_by(np.where(ranked.has_item, place, np.inf))
