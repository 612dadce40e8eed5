"""Hubness: whether the item is close to many stories, so that being close to this one means little."""

import numpy as np

from recommender.features.pairs import Column, Family

HUBNESS = Family(
    "hubness",
    "The item is not close to everything.",
    (Column("item", "mean cosine of the item with its ten nearest"),),
    lambda pairs: (np.where(pairs.rows >= 0, pairs.archive.hubness[pairs.rows], np.float32(np.nan)),),
)
