"""Order loss: what boosted trees lose by placing a linked candidate of a story below one that is not linked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.loss import HalfBinomialLoss

from recommender.ranking.loops import order_derivatives

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
        starts = np.flatnonzero(np.diff(story, prepend=-1) > 0)
        self._first = np.append(starts, len(story))
        self._is_linked = is_linked
        n_links = np.add.reduceat(is_linked.astype(np.int64), starts)
        self._discounts = 1 / np.log2(np.arange(np.diff(self._first).max(initial=PLACES)) + 2.0)
        self._ideal = np.cumsum(self._discounts)[np.clip(n_links, 1, PLACES) - 1]  # without links it is not read

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
        first, second = np.empty(len(scores)), np.empty(len(scores))
        order_derivatives(
            len(self._ideal),
            self._first,
            self._is_linked,
            np.ascontiguousarray(scores, dtype=np.float64),
            self._discounts,
            self._ideal,
            PLACES,
            _FLAT,
            _LEAST,
            first,
            second,
        )
        gradient = first if gradient_out is None else gradient_out
        hessian = second if hessian_out is None else hessian_out
        gradient[...] = first.reshape(gradient.shape)
        hessian[...] = second.reshape(hessian.shape)
        return gradient, hessian
