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
from recommender.settings import SelectionSettings


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the steps of one archive, moment and rule set share.

    Attributes
    ----------
    related_at : float or None
        Relevance from which on an item counts as related; None = all of them.
    series : ndarray of int64, shape (n,)
        Recurring format of each row; -1 = none.
    codes : dict of str to (ndarray of int32, shape (n,), list of str)
        Codes of the columns that caps look at, -1 = no value, and the values.
    pool_scope : Scope
        The rows of the moment, before withdrawals, blocks and the filters of a call: what pools are found among.
    learned : bool
        Whether a ranker ordered the candidates: scores are probabilities then.
    same_language : bool
        Whether a story's items are in its language.
    """

    catalog: Catalog
    scope: Scope
    settings: SelectionSettings
    related_at: float | None
    rules: RowRules
    events: EventTest
    series: NDArray[np.int64]
    codes: dict[str, tuple[NDArray[np.int32], list[str]]]
    pool_scope: Scope
    learned: bool
    same_language: bool

    @cached_property
    def unblocked_scope(self) -> Scope:
        """The scope without the rows that are blocked everywhere."""
        return replace(self.scope, allowed=self.scope.allowed & ~self.rules.blocked)


@dataclass(frozen=True, kw_only=True)
class Stories:
    """The stories of some lists: their queries, and what rules and limits look at in them.

    Attributes
    ----------
    series : ndarray of int64, shape (q,)
    outlets : ndarray of int32, shape (q,)
        Who published each; -1 = not known.
    headlines : ndarray of int64, shape (q,)
        Digests of their headlines; -1 = none.
    pins : ndarray of int64, shape (q, p)
        Catalog rows; -1 = none.
    positions : ndarray of int64, shape (q, p)
    """

    queries: StoryQueries
    marks: RuleMarks
    series: NDArray[np.int64]
    outlets: NDArray[np.int32]
    headlines: NDArray[np.int64]
    pins: NDArray[np.int64]
    positions: NDArray[np.int64]

    def take(self, indices: NDArray[np.int64]) -> Stories:
        """Return the stories at some indices."""
        marks = RuleMarks(*(getattr(self.marks, name)[indices] for name in ("topics", "sensitive", "light")))
        return Stories(
            queries=self.queries.take(indices),
            marks=marks,
            series=self.series[indices],
            outlets=self.outlets[indices],
            headlines=self.headlines[indices],
            pins=self.pins[indices],
            positions=self.positions[indices],
        )
