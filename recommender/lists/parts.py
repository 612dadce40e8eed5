"""What each family of features adds to the relevance of the items of lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.settings import RankingSettings


@dataclass(frozen=True)
class Parts:
    """What each family of features adds to the log odds of the items, in the order of `rows[rows >= 0]`.

    Attributes
    ----------
    families : tuple of str
    values : ndarray of float64, shape (m, len(families))
    """

    families: tuple[str, ...]
    values: NDArray[np.float64]

    def of(self, *names: str) -> NDArray[np.float64]:
        """Sum the parts of some families, (m,)."""
        places = [place for place, name in enumerate(self.families) if name in names]
        return np.asarray(self.values[:, places].sum(axis=1))


def parts_of(selected: Ranked, settings: RankingSettings) -> Parts:
    """Split the weighted sum of two cosines into its parts, for lists made without a ranker."""
    held = selected.rows >= 0
    words = settings.lexical_weight * selected.lexical[held].astype(np.float64)
    meaning = settings.dense_weight * selected.dense[held].astype(np.float64)
    return Parts(("words", "embedding"), np.stack([words, meaning], axis=1))
