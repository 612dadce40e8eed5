"""Embedding: closeness in meaning, as the embedder sees it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.features.pairs import Column, Family, Pairs


def _compute(pairs: Pairs) -> Sequence[NDArray[np.float32]]:
    rank, _, lift = pairs.standing(pairs.dense)
    return pairs.dense, rank, lift


EMBEDDING = Family(
    "embedding",
    "The stories are close in meaning.",
    (
        Column("cosine", "cosine of the vectors", 1),
        Column("rank", "candidates that are closer", -1),
        Column("lift", "cosine above the mean of the third to tenth closest", 1),
    ),
    _compute,
)
