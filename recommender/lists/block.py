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
    """The lists of some stories, before they are records.

    Attributes
    ----------
    stories : pyarrow.Table, q rows of `articles.SCHEMA`
    queries : StoryQueries, q of them
    chosen : Ranked, shape (q, w)
    contributions : Contributions
        What each family adds to the relevance of each item, in the order of `chosen.rows[chosen.has_item]`.
    not_computed : ndarray of bool, shape (q,)
        Stories that are not public at the moment; their lists are empty.
    withheld : ndarray of bool, shape (q,)
        Stories that get no list.
    texts : TextParts
        Terms of the catalog's rows.
    idf : ndarray of float32, shape (v,)
    pinned_by : mapping of (str, str) to str
        Who pinned an item under a story.
    """

    stories: pa.Table
    queries: StoryQueries
    chosen: Ranked
    contributions: Contributions
    not_computed: NDArray[np.bool_]
    withheld: NDArray[np.bool_]
    catalog: Catalog
    texts: TextParts
    idf: NDArray[np.float32]
    wording: Wording
    pinned_by: Mapping[tuple[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What all lists of a version have in common.

    Attributes
    ----------
    as_of : int or None
        Microseconds; None where time does not count.
    settings : str
        Fingerprint of the settings.
    """

    k: int
    version: str
    as_of: int | None
    settings: str
