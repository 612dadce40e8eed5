"""How likely a reader looks at each place of a list, estimated from items that were shown at several places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

MOST_WEIGHT = 10.0
"""What a click counts at most: one over the propensity of its place, clipped."""
LEAST_CLICKS = 50
"""Clicks of a place, on items that were shown elsewhere too; with fewer it is taken together with its neighbours."""
_PLACES = 100  # later ones count as the last
_ROUNDS, _SETTLED = 1_000, 1e-9


@dataclass(frozen=True, eq=False)
class Propensities:
    """The chance that a reader looks at each place, relative to the place with the greatest.

    Attributes
    ----------
    values : ndarray of float64, shape (p,)
        From the first place on; later places are as the last.
    assumed : bool
        No item was shown at several places often enough: one over the place.
    pairs : int
        Items under a story, shown at several places and clicked, that the values were estimated from.
    """

    values: NDArray[np.float64]
    assumed: bool
    pairs: int = 0

    def weights(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute the weight of a click at each place, counted from 1: greater where readers seldom look."""
        return np.asarray(np.minimum(1 / self.values[np.minimum(places, len(self.values)) - 1], MOST_WEIGHT))


def estimate_propensities(
    pair: NDArray[np.int64], place: NDArray[np.int64], clicked: NDArray[np.bool_], *, least: int = LEAST_CLICKS
) -> Propensities:
    """Estimate the propensity of each place from items that were shown at several.

    The same item under the same story is as good at one place as at another, so that its clicks tell the places apart
    (intervention harvesting; Agarwal et al. 2019). Under the position-based model, and given the clicks of each item,
    how they fall on its places does not depend on how good it is: that likelihood is climbed by the steps of Hunter
    (2004).

    Parameters
    ----------
    pair : ndarray of int64, shape (m,)
        Number of the story and item, of each time that one was shown.
    place : ndarray of int64, shape (m,)
        From 1.
    clicked : ndarray of bool, shape (m,)
    least : int
        Clicks that a place needs.

    Returns
    -------
    Propensities
        Assumed, if fewer than two places can be told apart, or not all by the same items.

    Examples
    --------
    >>> shown = np.repeat([0, 0], 400), np.repeat([1, 2], 400), np.arange(800) % np.repeat([2, 4], 400) == 0
    >>> estimate_propensities(*shown).values.tolist()
    [1.0, 0.5]
    """
    last = int(min(place.max(initial=1), _PLACES))
    assumed = Propensities(1 / np.minimum(np.arange(1, last + 1), MOST_WEIGHT), True)
    if not clicked.any():
        return assumed
    index = np.minimum(place, last) - 1
    _, pair = np.unique(pair, return_inverse=True)
    bucket = np.arange(last)  # of each place
    while True:  # merging buckets leaves fewer items at several of them, so that more buckets may have to be merged
        shown, clicks = _count(pair, bucket[index], clicked)
        useful = _rows_at_several(shown, clicks)
        merged = _merge_neighbours(np.asarray(clicks[useful].sum(axis=0)).ravel(), least)[bucket]
        if np.array_equal(merged, bucket):
            break
        bucket = merged
    shown, clicks = shown[useful], clicks[useful]
    if shown.shape[1] < 2 or not len(useful) or connected_components(shown.T @ shown, directed=False)[0] > 1:
        return assumed
    return Propensities(_maximise_likelihood(shown, clicks)[bucket], False, len(useful))


def _count(
    pair: NDArray[np.int64], bucket: NDArray[np.int64], clicked: NDArray[np.bool_]
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Count how often each pair was shown, and clicked, at each bucket of places; (pairs, buckets) each."""
    shape = int(pair.max()) + 1, int(bucket.max()) + 1
    shown = sp.csr_matrix((np.ones(len(pair)), (pair, bucket)), shape=shape)
    return shown, sp.csr_matrix((clicked.astype(np.float64), (pair, bucket)), shape=shape)


def _rows_at_several(shown: sp.csr_matrix, clicks: sp.csr_matrix) -> NDArray[np.int64]:
    """Find the pairs that were shown at several buckets of places, and clicked."""
    is_at_several = np.diff(shown.indptr) > 1
    return np.flatnonzero(is_at_several & (np.asarray(clicks.sum(axis=1)).ravel() > 0))


def _merge_neighbours(clicks: NDArray[np.float64], least: int) -> NDArray[np.int64]:
    """Merge neighbouring buckets until each has enough clicks; the rest joins the last. Returns their new numbers."""
    merged, number, total = np.zeros(len(clicks), dtype=np.int64), 0, 0.0
    for bucket, count in enumerate(clicks):
        merged[bucket] = number
        total += count
        if total >= least:
            number, total = number + 1, 0.0
    return np.minimum(merged, max(number - 1, 0))


def _maximise_likelihood(shown: sp.csr_matrix, clicks: sp.csr_matrix) -> NDArray[np.float64]:
    """Find the propensity of each bucket at which the clicks of all pairs are likeliest."""
    clicks_of_pair, clicks_of_bucket = (np.asarray(clicks.sum(axis=axis)).ravel() for axis in (1, 0))
    values = np.ones(shown.shape[1])
    for _ in range(_ROUNDS):
        before = values
        values = clicks_of_bucket / (shown.T @ (clicks_of_pair / (shown @ before)))
        values = values / values.max()
        if np.abs(values - before).max() < _SETTLED:
            break
    return values
