"""Title: the headline of one story against headline and text of the other."""

from recommender.features.pairs import Column, Family

TITLE = Family(
    "title",
    "The headlines are about the same thing.",
    (
        Column("cosine", "cosine of the two titles", 1),
        Column("in_item", "cosine of the story's title with the item's text", 1),
        Column("in_story", "cosine of the story's text with the item's title", 1),
    ),
    lambda pairs: tuple(pairs.texts[name] for name in ("title_title", "title_whole", "whole_title")),
)
