"""Full lists: where the candidates of a story do not fill its list, look past them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import MORE, Ranked, is_among
from recommender.search.pools import Candidates
from recommender.selection.context import Selection, Stories
from recommender.selection.pipeline import select

TIMES = (8, 64, 1 << 20)
"""How many times as many candidates are looked at, one after another: the last are all that there are."""
_CELLS = 1 << 21  # candidates that are ranked together

Further = Callable[[NDArray[np.int64], int], Candidates]
Rank = Callable[[NDArray[np.int64], Candidates], Ranked]


def filled(
    chosen: Ranked,
    best: Ranked,
    stories: Stories,
    selection: Selection,
    k: int,
    wanted: NDArray[np.bool_],
    further: Further,
    rank: Rank,
) -> Ranked:
    """Fill the lists that the candidates left short with further stories, labelled `more`.

    Every rule holds; only the number of candidates, the window of the settings and `related_at` are relaxed.

    Parameters
    ----------
    chosen : Ranked, shape (q, w)
        The lists so far.
    best : Ranked, shape (q, c)
        The candidates that they were chosen from.
    wanted : ndarray of bool, shape (q,)
        Stories that get a list.
    further : callable
        Finds so many times as many candidates for the stories in some places.
    rank : callable
        Scores candidates of the stories in some places.
    """
    scope, own, language = selection.scope, stories.queries.rows, stories.queries.language
    allowed = _allowed(selection, language) - ((own >= 0) & scope.allowed[own])
    mine = (scope.language[best.rows] == language[:, None]) | (not selection.same_language)
    looked_at = ((best.rows >= 0) & scope.allowed[best.rows] & mine).sum(axis=1)  # a pin may be of another language
    for times in TIMES:
        short = np.flatnonzero(((chosen.rows >= 0).sum(axis=1) < k) & wanted & (looked_at < allowed))
        width = min(int(allowed.max(initial=0)), times * best.rows.shape[1])
        step = max(_CELLS // max(width, 1), 1)
        for places in np.split(short, range(step, len(short), step)) if len(short) else ():
            found = further(places, times)
            looked_at[places] = np.maximum((found.rows >= 0).sum(axis=1), looked_at[places])
            known = is_among(found.rows, best.take(places).rows)
            more = rank(places, Candidates(np.where(known, -1, found.rows)))
            more = replace(more, source=np.full_like(more.source, MORE))
            both = best.take(places).append_candidates(more)
            chosen = chosen.replace_stories(places, select(both, stories.take(places), selection, k))
    return chosen


def _allowed(selection: Selection, language: NDArray[np.int32]) -> NDArray[np.int64]:
    """Tell how many rows a story may show, the story included, (q,)."""
    scope = selection.scope
    if not selection.same_language:
        return np.full(len(language), scope.allowed.sum())
    counts = np.bincount(scope.language[scope.allowed] + 1, minlength=int(language.max(initial=-1)) + 2)
    return np.asarray(counts[language + 1])
