"""Order loss: what boosted trees lose by placing a linked candidate of a story below one that is not linked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.loss import HalfBinomialLoss

PLACES = 30  # pairs of candidates that both stand below cost nothing
_FLAT = 0.01  # difference of scores below which the loss of a pair hardly rises any more
_LEAST = 1e-9  # a second derivative must not be 0


class OrderLoss(HalfBinomialLoss):  # type: ignore[misc]
    """LambdaMART (Burges, 2010) as a loss of `HistGradientBoostingClassifier`.

    Each linked candidate is compared with each one of its story that is not linked. A pair weighs as much as nDCG would
    change if the two exchanged their places, divided by how far apart their scores are. What a story weighs grows
    with the logarithm of its losses alone, so that no story with many links decides.

    Parameters
    ----------
    story : ndarray of int64, shape (m,)
        Number of the story of each row, ascending.
    is_linked : ndarray of bool, shape (m,)
    """

    def __init__(self, story: NDArray[np.int64], is_linked: NDArray[np.bool_]) -> None:
        super().__init__()
        number = np.cumsum(np.diff(story, prepend=story[:1]) > 0)
        first = np.flatnonzero(np.diff(story, prepend=-1) > 0)
        self._story, self._first = number, first
        self._linked, self._other = _pairs(first, is_linked)
        n_links = np.bincount(number, weights=is_linked).astype(np.int64)
        discounts = 1 / np.log2(np.arange(PLACES) + 2.0)
        ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(n_links, PLACES)]
        self._ideal = ideal[number[self._linked]]

    def fit_intercept_only(self, y_true: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the score before the first tree: an order does not depend on it."""
        return np.zeros(1)

    def gradient_hessian(
        self,
        y_true: NDArray[Any],
        raw_prediction: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
        gradient_out: NDArray[Any] | None = None,
        hessian_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Compute both derivatives of the loss by the score of each row; weights do not count."""
        scores = raw_prediction.ravel()
        gradient = np.empty_like(scores) if gradient_out is None else gradient_out
        hessian = np.empty_like(scores) if hessian_out is None else hessian_out
        place = self._places(scores)
        is_near = np.minimum(place[self._linked], place[self._other]) < PLACES
        linked, other, ideal = self._linked[is_near], self._other[is_near], self._ideal[is_near]
        discount = 1 / np.log2(place + 2.0)
        ahead = scores[linked] - scores[other]
        weight = np.abs(discount[linked] - discount[other]) / ideal / (_FLAT + np.abs(ahead))
        wrong = 1 / (1 + np.exp(np.clip(ahead, -50, 50)))
        push, curve = wrong * weight, wrong * (1 - wrong) * weight
        total = np.bincount(self._story[linked], 2 * push, len(self._first))
        factor = np.divide(np.log2(1 + total), total, where=total > 0, out=np.ones(len(total)))[self._story]
        size = len(scores)
        down, up = np.bincount(other, push, size), np.bincount(linked, push, size)
        curves = np.bincount(linked, curve, size) + np.bincount(other, curve, size)
        gradient[...] = ((down - up) * factor).reshape(gradient.shape)
        hessian[...] = np.maximum(curves * factor, _LEAST).reshape(hessian.shape)
        return gradient, hessian

    def _places(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return the place of each row among those of its story, best first from 0; equal scores keep their order."""
        order = np.lexsort((-scores, self._story))
        place = np.empty(len(scores), np.int64)
        place[order] = np.arange(len(scores))
        return np.asarray(place - self._first[self._story])


def _pairs(first: NDArray[np.int64], is_linked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of each linked candidate with each one of its story that is not linked."""
    linked, other = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for rows in np.split(np.arange(len(is_linked)), first[1:]):
        has_link = is_linked[rows]
        linked.append(np.repeat(rows[has_link], len(rows) - has_link.sum()))
        other.append(np.tile(rows[~has_link], has_link.sum()))
    return np.concatenate(linked), np.concatenate(other)
