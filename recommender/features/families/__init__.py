"""Families of the ranker's features: one file each, and one line in `FAMILIES`."""

from recommender.features.families.embedding import EMBEDDING
from recommender.features.families.hubness import HUBNESS
from recommender.features.families.lead import LEAD
from recommender.features.families.names import NAMES
from recommender.features.families.section import SECTION
from recommender.features.families.standing import STANDING
from recommender.features.families.time import TIME
from recommender.features.families.title import TITLE
from recommender.features.families.words import WORDS
from recommender.features.pairs import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (WORDS, TITLE, LEAD, NAMES, STANDING, HUBNESS, EMBEDDING, TIME, SECTION)
}
"""All families by name."""
