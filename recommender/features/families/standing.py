"""Standing: where a candidate stands among all candidates of the story."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.features.pairs import Column, Family, Pairs


def _compute(pairs: Pairs) -> Sequence[NDArray[np.float32]]:
    words, mixed = pairs.standing(pairs.texts["whole_whole"]), pairs.standing(_mixed(pairs))
    return (*words, *mixed)


def _mixed(pairs: Pairs) -> NDArray[np.float32]:
    """Compute a weighted sum of the text cosines, which only the standing uses.

    Time and section have features of their own: in this sum they helped on newsrooms, and cost much on wires.
    """
    texts, zero = pairs.texts, np.float32(0)
    parts = (
        (1.0, texts["whole_whole"]),
        (0.3, texts["lead_lead"]),
        (0.15, texts["title_whole"]),
        (0.15, texts["whole_title"]),
    )
    total = np.where(pairs.rows >= 0, zero, np.float32(np.nan))
    for weight, values in parts:
        total = total + np.float32(weight) * np.where(np.isnan(values), zero, values)
    return np.asarray(total, dtype=np.float32)


STANDING = Family(
    "standing",
    "Few other stories are as close.",
    (
        Column("rank", "candidates that share more words", -1),
        Column("gap", "cosine below that of the candidate with most shared words", -1),
        Column("lift", "cosine above the mean of the third to tenth", 1),
        Column("mixed_rank", "candidates that are closer by words, titles and leads", -1),
        Column("mixed_gap", "how far below the closest candidate", -1),
        Column("mixed_lift", "how far above the mean of the third to tenth", 1),
    ),
    _compute,
)
