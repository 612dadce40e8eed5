"""What a selection rule is: a test of each candidate, or of the candidates that are left after an item was placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked

if TYPE_CHECKING:
    from recommender.selection.context import Selection, Stories

_FEW_PAIRS = 4_096

Mask = NDArray[np.bool_]
CandidateTest = Callable[[Ranked, "Stories", "Selection"], Mask | None]
"""Marks the candidates, (q, c), that are rejected whatever else the list holds; None = the rule is switched off.

The rows of candidates that an earlier rule rejected are -1.
"""
PlacementTest = Callable[[NDArray[np.int64], Mask, Mask], Mask]
"""Marks the candidates, (q, c), that may not stand in a list with the item that was just placed in it.

Called with the column of that item in each row, (q,), -1 = none, and with two masks, (q, c): of all items that were
placed, and of the candidates that are still open.
"""
PairTest = Callable[[NDArray[np.int64] | slice, NDArray[np.int64], Mask], Mask]
"""Marks candidates as a `PlacementTest` does, by the last item alone.

Called with indices of stories, each any number of times, and for each of these a column and the open candidates.
"""
MakePlacementTest = Callable[[Ranked, "Stories", "Selection"], PlacementTest | None]
"""Makes the `PlacementTest` of a block of stories; None = the rule is switched off."""
RowState = Callable[["Selection"], NDArray[np.int64] | None]
"""Returns what a rule looks at in each catalog row and may change while the row does not, (n,); None = switched off."""


@dataclass(frozen=True)
class Rule:
    """A reason to leave a candidate out of a list.

    Attributes
    ----------
    name : str
        For programs: `Rejected.rule`.
    label : str
        For editors: what is the matter with a rejected candidate.
    remedy : str, optional
        For editors: what would let it in. Default: whether a pin would.
    relation : str, optional
        For editors: words that lead from a rejected candidate to the story or item that keeps it out, such as
        "same report as". Default: none is named.
    protects_pins : bool
        Whether an item that an editor pinned stays in although the rule rejects it.
    rejects : callable, optional
        Marks the candidates that are rejected whatever else the list holds, see `CandidateTest`.
    rejects_after : callable, optional
        Makes the test of candidates after an item was placed, see `MakePlacementTest`.
    depends_on : callable, optional
        See `RowState`: a refresh makes the lists again in whose candidates it has changed. Default: the rule depends on
        nothing but the stories themselves and the settings.
    groups : bool
        Whether what it depends on are numbers of groups, of which only the members count.
    """

    name: str
    label: str
    remedy: str = ""
    relation: str = ""
    protects_pins: bool = True
    rejects: CandidateTest | None = None
    rejects_after: MakePlacementTest | None = None
    depends_on: RowState | None = None
    groups: bool = False
    alone: InitVar[object] = None
    beside: InitVar[object] = None

    def __post_init__(self, alone: object, beside: object) -> None:
        if alone is not None or beside is not None:  # as packages for earlier versions name them
            raise TypeError(
                f"rule {self.name!r} is given alone= or beside=, the names of earlier versions; "
                "give rejects= and rejects_after= in their place"
            )
        pin = "A pin puts it there all the same." if self.protects_pins else "No pin puts it there."
        object.__setattr__(self, "remedy", self.remedy or pin)


def reject_pairs(ranked: Ranked, rejects: PairTest) -> PlacementTest:
    """Make a test that rejects candidates by the last item alone.

    Of few candidates all pairs are compared at once: a call costs more than these.
    """
    n_stories, width = ranked.rows.shape
    if n_stories * width * width > _FEW_PAIRS:
        return lambda last, is_placed, is_open: rejects(slice(None), last, is_open)
    stories, columns, has_item = np.repeat(np.arange(n_stories), width), np.arange(width), ranked.has_item
    last = np.where(has_item, columns, -1).ravel()
    is_rejected_by = rejects(stories, last, has_item[stories] & (columns != last[:, None]))
    is_rejected_by = is_rejected_by.reshape(n_stories, width, width)

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        return np.asarray(is_rejected_by[np.arange(n_stories), last] & (last >= 0)[:, None])

    return is_rejected


def reject_group_of_last(groups: NDArray[np.int64]) -> PlacementTest:
    """Make a test that rejects candidates of the last item's group; groups are (q, c), negative = none."""

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        group = take_column(groups, last, default=-1)
        return np.asarray((group[:, None] >= 0) & (groups == group[:, None]))

    return is_rejected


def take_column(values: NDArray[np.int64], columns: NDArray[np.int64], *, default: int) -> NDArray[np.int64]:
    """Take the value in one column of each row, (q,); the default where the column is -1."""
    taken = values[np.arange(len(values)), np.maximum(columns, 0)]
    return np.asarray(np.where(columns >= 0, taken, default))
