"""Maximal marginal relevance of many lists at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mmr(score: NDArray[np.float64], similarity: NDArray[np.float32], diversity: float, count: int) -> NDArray[np.int64]:
    """Maximal marginal relevance of many lists at once (Carbonell & Goldstein, 1998).

    Each round takes the candidate of greatest ``(1 - diversity) * score - diversity * max similarity`` to those taken.

    Parameters
    ----------
    score : ndarray of float64, shape (q, w)
        -inf where there is no candidate.
    similarity : ndarray of float32, shape (q, w, w)
    diversity : float
        0 is the order of the score; 1 looks at dissimilarity alone.
    count : int

    Returns
    -------
    ndarray of int64, shape (q, min(count, w))
        Places in the order taken; -1 = none.

    Examples
    --------
    >>> similarity = np.array([[[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]], dtype=np.float32)
    >>> mmr(np.array([[0.9, 0.8, 0.5]]), similarity, 0.5, 2).tolist()
    [[0, 2]]
    """
    every = np.arange(len(score))
    free = np.isfinite(score)
    nearest = np.full(score.shape, -np.inf)
    taken = np.full((len(score), min(count, score.shape[1])), -1, dtype=np.int64)
    relevance = (1 - diversity) * np.where(free, score, 0)
    for number in range(taken.shape[1]):
        penalty = diversity * np.where(np.isfinite(nearest), nearest, 0)
        value = np.where(free, relevance - penalty, -np.inf)
        best = value.argmax(axis=1)
        found = free[every, best]
        taken[found, number] = best[found]
        free[every, best] = False
        nearest = np.maximum(nearest, similarity[every, best])
    return taken


def by_mmr(
    order: NDArray[np.int64], place: NDArray[np.float64], open_: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places in the order taken, infinite for the rest; and who went before a better placed candidate."""
    by_mmr = np.full(place.shape, np.inf)
    held = order >= 0
    line = np.nonzero(held)[0]
    by_mmr[line, order[held]] = np.nonzero(held)[1]
    taken_place = np.where(held, np.take_along_axis(place, np.maximum(order, 0), axis=1), np.inf)
    # the best place still to come, or never taken
    left = np.where(open_ & ~np.isfinite(by_mmr), place, np.inf).min(axis=1, keepdims=True)
    later = np.minimum.accumulate(taken_place[:, ::-1], axis=1)[:, ::-1]
    ahead = held & (taken_place > np.minimum(later, left))
    varied = np.zeros(place.shape, dtype=bool)
    varied[line, order[held]] = ahead[held]
    return by_mmr, varied
