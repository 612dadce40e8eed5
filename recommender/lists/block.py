"""A block of lists before they are records: which items were chosen for which stories, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.features.texts import TextParts
from recommender.lists.wording import Wording
from recommender.ranking.score import Contributions, Ranked
from recommender.search.pools import StoryQueries


@dataclass(frozen=True, kw_only=True)
class Block:
    """The lists of some stories, before they are records."""

    stories: pa.Table
    queries: StoryQueries
    chosen: Ranked  # (q, w)
    # what each family adds to the relevance of each item, in the order of `chosen.rows[chosen.has_item]`
    contributions: Contributions
    not_computed: NDArray[np.bool_]  # (q,); stories that are not public at the moment; their lists are empty
    withheld: NDArray[np.bool_]  # (q,); stories that get no list
    catalog: Catalog
    texts: TextParts  # terms of the catalog's rows
    idf: NDArray[np.float32]  # (v,)
    wording: Wording
    pinned_by: Mapping[tuple[str, str], str]  # who pinned an item under a story


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What all lists of a version have in common."""

    k: int
    version: str
    as_of: int | None  # microseconds; None where time does not count
    settings: str  # fingerprint of the settings
