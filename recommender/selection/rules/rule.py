"""What a selection rule is: a test of a candidate by itself, or beside an item that was just placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked

if TYPE_CHECKING:
    from recommender.selection.context import Selection, Stories

Mask = NDArray[np.bool_]
Alone = Callable[[Ranked, "Stories", "Selection"], Mask | None]
"""Candidates, (q, c), that are rejected whatever else the list holds; None = the rule is switched off.

The rows of those that an earlier rule rejected are -1.
"""
Beside = Callable[[NDArray[np.int64], Mask, Mask], Mask]
"""From the place of the newest item in each line, (q,) with -1 = none, what was placed, and what is still open, (q, c):
the candidates, (q, c), that may not stand beside it."""
Begin = Callable[[Ranked, "Stories", "Selection"], Beside | None]
"""Gathers what a `Beside` looks at, once for a block of stories; None = the rule is switched off."""
State = Callable[["Selection"], NDArray[np.int64] | None]
"""What a rule looks at in each row that may change without a change of the row itself, (n,)."""


def nothing(selection: Selection) -> None:
    """Depend on nothing but the stories themselves and the settings."""
    return


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
    protects_pins : bool
        Whether an item that an editor pinned stays in although the rule rejects it.
    alone : callable, optional
        See `Alone`.
    beside : callable, optional
        See `Begin`.
    depends_on : callable
        See `State`: a refresh makes the lists again in whose candidates it has changed.
    groups : bool
        Whether what it depends on are numbers of groups, of which only the members count.
    """

    name: str
    label: str
    remedy: str = ""
    protects_pins: bool = True
    alone: Alone | None = None
    beside: Begin | None = None
    depends_on: State = nothing
    groups: bool = False

    def __post_init__(self) -> None:
        pin = "A pin puts it there all the same." if self.protects_pins else "No pin puts it there."
        object.__setattr__(self, "remedy", self.remedy or pin)


def same_as_last(groups: NDArray[np.int64]) -> Beside:
    """Reject what shares a group, (q, c), with the newest item; a negative number is no group."""

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        group = at(groups, last, -1)
        return np.asarray((group[:, None] >= 0) & (groups == group[:, None]))

    return rejects


def at(values: NDArray[np.int64], last: NDArray[np.int64], blank: int) -> NDArray[np.int64]:
    """Look up the value at a place of each line, (q,); `blank` where there is no place."""
    found = np.take_along_axis(values, np.maximum(last, 0)[:, None], axis=1)[:, 0]
    return np.asarray(np.where(last >= 0, found, blank))
