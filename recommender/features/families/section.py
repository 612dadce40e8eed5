"""Section: whether both stand in the same part of the site."""

from recommender.features.pairs import Column, Family

SECTION = Family(
    "section",
    "Both are in the same section.",
    (
        Column("same", "1 = the same section, 0 = another", 1),
        Column("path", "share of the section's path that both have", 1),
    ),
    lambda pairs: pairs.sections,
)
