"""Lead: the first words, where a story says what it is about."""

from recommender.features.pairs import Column, Family

LEAD = Family(
    "lead",
    "The stories begin alike.",
    (
        Column("cosine", "cosine of titles with the first 60 words", 1),
        Column("in_item", "cosine of the story's beginning with the item's text", 1),
        Column("in_story", "cosine of the story's text with the item's beginning", 1),
    ),
    lambda pairs: tuple(pairs.texts[name] for name in ("lead_lead", "lead_whole", "whole_lead")),
)
