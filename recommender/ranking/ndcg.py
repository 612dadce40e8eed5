"""nDCG of candidates: how high what journalists linked or readers clicked stands among them."""

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
    found = _dcg(pairs.story, _gain(pairs), np.nan_to_num(scores, nan=-np.inf), np.zeros(len(pairs), np.int64), at)
    return _shares(found, _best(pairs, at))


def chance_by_story(pairs: LinkedPairs, at: int = AT) -> NDArray[np.float64]:
    """Compute the nDCG that each story's candidates have in a random order, on average; float64 (s,)."""
    count = np.bincount(pairs.story, minlength=len(pairs))
    mean = np.bincount(pairs.story, _gain(pairs), len(pairs)) / np.maximum(count, 1)
    return _shares(mean * _sums(at)[np.minimum(count, at)], _best(pairs, at))


def _gain(pairs: LinkedPairs) -> NDArray[np.float64]:
    chosen, offered = pairs.counts
    return np.asarray(chosen / np.maximum(offered, 1))


def _best(pairs: LinkedPairs, at: int) -> NDArray[np.float64]:
    """Compute the discounted gain of the best order, (s,)."""
    if pairs.chosen is None:
        return _sums(at)[np.minimum(pairs.links, at)]
    lost = np.maximum(pairs.links - np.bincount(pairs.story, pairs.linked, len(pairs)).astype(np.int64), 0)
    gain = _gain(pairs)
    return _sums(at)[np.minimum(lost, at)] + _dcg(pairs.story, gain, gain, lost, at)


def _dcg(
    story: NDArray[np.int64],
    gain: NDArray[np.float64],
    scores: NDArray[np.float64],
    ahead: NDArray[np.int64],
    at: int,
) -> NDArray[np.float64]:
    """Compute the discounted gain of each story's candidates by score, behind so many others; (s,)."""
    order = np.lexsort((-scores, story))  # stories stay where they are
    first = np.searchsorted(story, np.arange(len(ahead)))
    place = np.arange(len(scores)) - first[story] + ahead[story]
    found = np.bincount(story, np.where(place < at, gain[order] * _discount(place), 0.0), len(ahead))
    return found.astype(np.float64)


def _shares(found: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(found, best, where=best > 0, out=np.zeros(len(best))))


def _sums(at: int) -> NDArray[np.float64]:
    """Sum the discounted gain of so many items of gain 1, from none to `at`."""
    return np.concatenate([[0.0], np.cumsum(_discount(np.arange(at)))])


def _discount(place: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(1 / np.log2(place + 2.0))
