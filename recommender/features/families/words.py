"""Words: how much of their vocabulary two stories share."""

from recommender.features.pairs import Column, Family

WORDS = Family(
    "words",
    "The two stories use the same words.",
    (
        Column("cosine", "cosine of TF-IDF over the whole texts", 1),
        Column("rare", "summed rarity of the shared terms", 1),
    ),
    lambda pairs: (pairs.texts["whole_whole"], pairs.texts["rare"]),
)
