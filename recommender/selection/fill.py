"""Full lists: where the candidates of a story do not fill its list, further ones do."""

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
"""How many times as many candidates are found, one after another: the last are all that there are."""
_CELLS = 1 << 21  # candidates that are ranked together

FindMore = Callable[[NDArray[np.int64], int], Candidates]
"""Finds so many times as many candidates for the stories at some indices."""
Rank = Callable[[NDArray[np.int64], Candidates], Ranked]
"""Scores candidates of the stories at some indices."""


def fill_lists(
    chosen: Ranked,
    ranked: Ranked,
    *,
    stories: Stories,
    selection: Selection,
    k: int,
    has_list: NDArray[np.bool_],
    find_more: FindMore,
    rank: Rank,
) -> Ranked:
    """Fill the lists that the candidates left short with further stories, labelled `more`.

    Every rule holds; only the number of candidates, the window of the settings and `related_at` are relaxed.

    Parameters
    ----------
    chosen : Ranked, shape (q, w)
        The lists so far.
    ranked : Ranked, shape (q, c)
        The candidates that they were chosen from.
    has_list : ndarray of bool, shape (q,)
        Stories that get a list.
    """
    n_allowed, n_seen = _count_allowed(stories, selection), _count_seen(ranked, stories, selection)
    for times in TIMES:
        is_short = chosen.has_item.sum(axis=1) < k
        short = np.flatnonzero(is_short & has_list & (n_seen < n_allowed))
        width = min(int(n_allowed.max(initial=0)), times * ranked.rows.shape[1])
        size = max(_CELLS // max(width, 1), 1)
        for start in range(0, len(short), size):
            block = short[start : start + size]
            found = find_more(block, times)
            n_seen[block] = np.maximum((found.rows >= 0).sum(axis=1), n_seen[block])
            known = ranked.take(block)
            more = rank(block, Candidates(np.where(is_among(found.rows, known.rows), -1, found.rows)))
            more = replace(more, source=np.full_like(more.source, MORE))
            again = select(known.append_candidates(more), stories.take(block), selection, k)
            chosen = chosen.replace_stories(block, again)
    return chosen


def _count_allowed(stories: Stories, selection: Selection) -> NDArray[np.int64]:
    """Count the rows that each story may show, (q,)."""
    scope, rows, language = selection.scope, stories.queries.rows, stories.queries.language
    is_allowed_itself = (rows >= 0) & scope.allowed[rows]
    if not selection.same_language:
        return np.asarray(np.count_nonzero(scope.allowed) - is_allowed_itself)
    codes, index = np.unique(language, return_inverse=True)
    counts = np.array([np.count_nonzero(scope.allowed & (scope.language == code)) for code in codes.tolist()])
    return np.asarray(counts[index] - is_allowed_itself)


def _count_seen(ranked: Ranked, stories: Stories, selection: Selection) -> NDArray[np.int64]:
    """Count the candidates that each story may show, (q,): a pin may be of another language."""
    scope = selection.scope
    is_allowed = ranked.has_item & scope.allowed[ranked.rows]
    if selection.same_language:
        is_allowed &= scope.language[ranked.rows] == stories.queries.language[:, None]
    return np.asarray(is_allowed.sum(axis=1))
