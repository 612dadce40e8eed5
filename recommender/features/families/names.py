"""Names: people, places and bodies, recognised by a capital in mid-sentence."""

from recommender.features.pairs import Column, Family

NAMES = Family(
    "names",
    "The stories name the same people, places or bodies.",
    (Column("cosine", "cosine of the capitalised terms", 1),),
    lambda pairs: (pairs.texts["names"],),
)
