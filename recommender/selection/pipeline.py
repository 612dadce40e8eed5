"""From ranked candidates to a list: the best that no rule rejects, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.features.vectors import cosines
from recommender.ranking.score import DEVELOPMENT, EVERGREEN, MORE, PINNED, RELATED, VARIETY, Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules import every_rule
from recommender.selection.rules.rule import Beside, Mask

_NARROW = 48  # of the best candidates a list is made first; the others are looked at where these do not fill it

Trace = Callable[[str, Ranked], None]
"""Called with the name of a rule and the candidates it rejected, (q, c), blank elsewhere."""


def select(ranked: Ranked, stories: Stories, selection: Selection, k: int, *, trace: Trace | None = None) -> Ranked:
    """Make the list of each story: the best candidate that no rule rejects, then the best that may stand beside it.

    Parameters
    ----------
    ranked : Ranked, shape (q, c)
        Candidates; those that are `safe` come first, and only rules that do not protect pins take them out.
    stories : Stories
    selection : Selection
    k : int
        Items of a list; `selection.reserves` more are chosen to replace withdrawn ones.
    trace : callable, optional
        Hears of every rejected candidate.

    Returns
    -------
    Ranked, shape (q, at most k + reserves)
    """
    count = k + selection.settings.reserves
    ranked = _told_apart(boosted(ranked, selection.rules.boost, selection.learned), selection.related_at)
    open_ = ranked.rows >= 0
    for rule in every_rule():
        if rule.alone is None:
            continue
        left = ranked if open_.all() else replace(ranked, rows=np.where(open_, ranked.rows, -1))
        rejected = rule.alone(left, stories, selection)
        if rejected is not None:
            rejected = open_ & rejected & ~(ranked.safe & rule.protects_pins)
            if trace is not None and rejected.any():
                trace(rule.name, ranked.keep(rejected))
            open_ &= ~rejected
    ranked = ranked.keep(open_).ordered(selection.catalog.id_rank)
    narrow, diversity = max(_NARROW, 2 * count), selection.settings.diversity  # which may choose any of them
    if trace is not None or diversity or ranked.rows.shape[1] <= narrow:
        chosen = _placed(ranked, stories, selection, count, trace)
    else:
        chosen = _placed(ranked.first(narrow), stories, selection, count, None)
        again = np.flatnonzero(((chosen.rows >= 0).sum(axis=1) < count) & (ranked.rows[:, narrow] >= 0))
        if len(again):
            chosen = chosen.scattered(again, _placed(ranked.lines(again), stories.take(again), selection, count, None))
    return pinned(chosen, stories.pins, np.minimum(stories.positions, k))


def _told_apart(ranked: Ranked, related_at: float | None) -> Ranked:
    """Label as more what is not related: by the relevance, so that no boost turns one into the other."""
    if related_at is None:
        return ranked
    free = (ranked.source == RELATED) | (ranked.source == EVERGREEN)
    more = free & (ranked.rows >= 0) & ~((ranked.relevance >= related_at) & (ranked.relevance > 0))
    return replace(ranked, source=np.where(more, MORE, ranked.source).astype(np.int8))


def _placed(ranked: Ranked, stories: Stories, selection: Selection, count: int, trace: Trace | None) -> Ranked:
    """Place item after item, the best first; each rejects what may not stand beside it."""
    lines, diversity = np.arange(len(ranked.rows)), selection.settings.diversity
    rules = [(rule, rule.beside(ranked, stories, selection)) for rule in every_rule() if rule.beside is not None]
    active: list[tuple[str, bool, Beside]] = [
        (rule.name, rule.protects_pins, beside) for rule, beside in rules if beside is not None
    ]
    open_ = ranked.rows >= 0
    placed, order = np.zeros_like(open_), np.full(open_.shape, np.inf)
    nearest = np.full(open_.shape, -np.inf)  # greatest cosine with what was placed
    rejected = {rule.name: np.zeros_like(open_) for rule, _ in rules}
    notes = ranked.notes.copy()
    for number in range(count):
        wanting = open_.any(axis=1)
        if not wanting.any():
            break
        first = open_.argmax(axis=1)
        best = first if not diversity else _most_varied(ranked, open_, nearest, diversity)
        last = np.where(wanting, best, -1)
        some = lines[wanting]
        placed[some, best[some]], open_[some, best[some]] = True, False
        order[some, best[some]] = number
        if diversity:
            varied = some[(best != first)[some]]
            notes[varied, best[varied]] |= VARIETY
            rows = ranked.rows[some, best[some]]
            nearest[some] = np.maximum(
                nearest[some], cosines(selection.events.vectors[rows], selection.events.vectors, ranked.rows[some])
            )
        for name, protects_pins, beside in active:
            mask = open_ & beside(last, placed, open_)
            if protects_pins:
                mask &= ~ranked.safe
            rejected[name] |= mask
            open_ &= ~mask
    if trace is not None:
        for name, mask in rejected.items():
            if mask.any():
                trace(name, ranked.keep(mask))
        rest = (ranked.rows >= 0) & ~placed & ~np.logical_or.reduce([np.zeros_like(placed), *rejected.values()])
        if rest.any():
            trace("rank", ranked.keep(rest))
    return replace(ranked, notes=notes).by(order).keep(np.isfinite(np.sort(order, axis=1)))


def with_developments(chosen: Ranked, stories: Stories, selection: Selection) -> Ranked:
    """Note which items are developments of the story's own event, or earlier reports of it."""
    line, column = np.nonzero(chosen.rows >= 0)
    pairs = line, chosen.dense[line, column], chosen.rows[line, column]
    joined = selection.events.running(stories.queries, *pairs)
    notes = chosen.notes.copy()
    notes[line, column] |= np.where(joined, DEVELOPMENT, 0).astype(np.int8)
    return replace(chosen, notes=notes)


def _most_varied(ranked: Ranked, open_: Mask, nearest: NDArray[np.float64], diversity: float) -> NDArray[np.int64]:
    """Find the place of the next item by maximal marginal relevance (Carbonell & Goldstein, 1998), (q,).

    The greatest ``(1 - diversity) * score - diversity * max cosine`` to the items placed; pins first, as they stand,
    and what is related before what is not.
    """
    value = (1 - diversity) * ranked.score - diversity * np.where(np.isfinite(nearest), nearest, 0)
    value = np.where(ranked.source == MORE, value - 1e3, value)
    value = np.where(ranked.safe, 1e6 - np.arange(open_.shape[1]), value)
    return np.asarray(np.where(open_, value, -np.inf).argmax(axis=1))


def boosted(ranked: Ranked, boost: NDArray[np.float64], learned: bool = False) -> Ranked:
    """Multiply scores and keys by the factor of the rules, in the order of before; probabilities by their odds."""
    factor = np.where(ranked.rows >= 0, boost[ranked.rows], 1.0)
    if (factor == 1).all():
        return ranked
    times = ranked.score * factor
    score = np.where(factor == 1, ranked.score, times / (1 - ranked.score + times)) if learned else times
    return replace(ranked, boost=ranked.boost * factor, score=score, key=ranked.key + np.log2(factor))


def pinned(ranked: Ranked, pins: NDArray[np.int64], positions: NDArray[np.int64]) -> Ranked:
    """Put pinned items at their positions, the others around them in their order."""
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
