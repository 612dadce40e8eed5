"""What the rules of one moment share, and the stories of the lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.editorial.rules import RowRules, RuleMarks
from recommender.search.pools import StoryQueries
from recommender.search.scope import Scope
from recommender.selection.events import EventTest
from recommender.selection.shared_text import TextSamples
from recommender.settings import SelectionSettings


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the steps of one archive, moment and rule set share."""

    catalog: Catalog
    scope: Scope
    settings: SelectionSettings
    related_at: float | None  # relevance from which on an item counts as related; None = all of them
    rules: RowRules
    events: EventTest
    series: NDArray[np.int64]  # (n,); recurring format of each row; -1 = none
    # (n,); codes of the columns that caps look at, -1 = no value, and the values
    codes: dict[str, tuple[NDArray[np.int32], list[str]]]
    # the rows of the moment, before withdrawals, blocks and the filters of a call: what pools are found among
    pool_scope: Scope
    learned: bool  # whether a ranker ordered the candidates: scores are probabilities then
    same_language: bool  # whether a story's items are in its language

    @cached_property
    def unblocked_scope(self) -> Scope:
        """The scope without the rows that are blocked everywhere."""
        return replace(self.scope, allowed=self.scope.allowed & ~self.rules.blocked)

    @cached_property
    def text_samples(self) -> TextSamples:
        """Samples of the texts of all rows, (n,)."""
        return TextSamples.from_marks(self.catalog.marks, self.catalog.sample_offsets)


@dataclass(frozen=True, kw_only=True)
class Stories:
    """The stories of some lists: their queries, and what rules and limits look at in them."""

    queries: StoryQueries
    marks: RuleMarks
    series: NDArray[np.int64]  # (q,)
    outlets: NDArray[np.int32]  # (q,); who published each; -1 = not known
    headlines: NDArray[np.int64]  # (q,); digests of their headlines; -1 = none
    texts: TextSamples  # q
    pins: NDArray[np.int64]  # (q, p); catalog rows; -1 = none
    positions: NDArray[np.int64]  # (q, p)

    def take(self, indices: NDArray[np.int64]) -> Stories:
        """Return the stories at some indices."""
        marks = RuleMarks(*(getattr(self.marks, name)[indices] for name in ("topics", "sensitive", "light")))
        return Stories(
            queries=self.queries.take(indices),
            marks=marks,
            series=self.series[indices],
            outlets=self.outlets[indices],
            headlines=self.headlines[indices],
            texts=self.texts.take(indices),
            pins=self.pins[indices],
            positions=self.positions[indices],
        )
