"""nDCG of candidates: how high those stand that journalists linked or readers clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.learn import LinkedPairs

AT = 5  # places of a list


def ndcg_by_story(pairs: LinkedPairs, scores: NDArray[np.float64], at: int = AT) -> NDArray[np.float64]:
    """Compute nDCG of each story's candidates by score, float64 (s,); all linked older items count, found or not.

    Every linked item has gain 1, and one of a click log its clicks, each one over the propensity of its place, by the
    times that it was shown (Järvelin and Kekäläinen, 2002; Joachims et al., 2017); ties keep the order of the search.
    """
    none_ahead = np.zeros(len(pairs), np.int64)
    dcg = _dcg(pairs.story, _gain(pairs), np.nan_to_num(scores, nan=-np.inf), none_ahead, at)
    return _divide(dcg, _best_dcg(pairs, at))


def chance_by_story(pairs: LinkedPairs, at: int = AT) -> NDArray[np.float64]:
    """Compute the nDCG that each story's candidates have in a random order, on average; float64 (s,)."""
    count = np.bincount(pairs.story, minlength=len(pairs))
    mean = np.bincount(pairs.story, _gain(pairs), len(pairs)) / np.maximum(count, 1)
    return _divide(mean * _ideal_dcg(at)[np.minimum(count, at)], _best_dcg(pairs, at))


def _gain(pairs: LinkedPairs) -> NDArray[np.float64]:
    chosen, offered = pairs.counts
    return np.asarray(chosen / np.maximum(offered, 1))


def _best_dcg(pairs: LinkedPairs, at: int) -> NDArray[np.float64]:
    """Compute the discounted gain of the best order, (s,); linked items that are no candidates stand first."""
    if pairs.chosen is None:
        return _ideal_dcg(at)[np.minimum(pairs.links, at)]
    n_found = np.bincount(pairs.story, pairs.linked, len(pairs)).astype(np.int64)
    n_lost = np.maximum(pairs.links - n_found, 0)
    gain = _gain(pairs)
    return np.asarray(_ideal_dcg(at)[np.minimum(n_lost, at)] + _dcg(pairs.story, gain, gain, n_lost, at))


def _dcg(
    story: NDArray[np.int64],
    gain: NDArray[np.float64],
    scores: NDArray[np.float64],
    ahead: NDArray[np.int64],
    at: int,
) -> NDArray[np.float64]:
    """Compute the discounted gain of each story's candidates by score, after `ahead` others; (s,)."""
    order = np.lexsort((-scores, story))  # stories stay where they are
    first = np.searchsorted(story, np.arange(len(ahead)))
    rank = np.arange(len(scores)) - first[story] + ahead[story]
    gains = np.where(rank < at, gain[order] * _discount(rank), 0.0)
    return np.asarray(np.bincount(story, gains, len(ahead)), dtype=np.float64)


def _divide(dcg: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(dcg, best, where=best > 0, out=np.zeros(len(best))))


def _ideal_dcg(at: int) -> NDArray[np.float64]:
    """Compute the discounted gain of the first items if all have gain 1, from no item to `at`."""
    return np.concatenate([[0.0], np.cumsum(_discount(np.arange(at)))])


def _discount(rank: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(1 / np.log2(rank + 2.0))
