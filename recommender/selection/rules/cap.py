"""Cap: no more than so many items of a section, source, kind, author or access."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Beside, Mask, Rule


def _capped(ranked: Ranked, selection: Selection) -> list[tuple[NDArray[np.int64], int]]:
    """Give for each cap the codes of what it counts, (q, c), -1 = not counted, and the most in a list."""
    found = []
    for cap in (*selection.settings.caps, *selection.rules.rules.caps):
        codes, names = selection.codes[cap.by]
        groups = np.where(ranked.rows >= 0, codes[ranked.rows], -1).astype(np.int64)
        if cap.value is not None:
            wanted = names.index(cap.value) if cap.value in names else -2
            groups = np.where(groups == wanted, groups, -1)
        if (groups >= 0).any():
            found.append((groups, cap.at_most))
    return found


def _alone(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    forbidden = [groups >= 0 for groups, at_most in _capped(ranked, selection) if not at_most]
    return np.logical_or.reduce(forbidden) if forbidden else None


def _beside(ranked: Ranked, stories: Stories, selection: Selection) -> Beside | None:
    caps = _capped(ranked, selection)
    if not caps:
        return None

    def rejects(last: NDArray[np.int64], placed: Mask, open_: Mask) -> Mask:
        found = np.zeros(placed.shape, dtype=bool)
        lines = np.flatnonzero(last >= 0)
        for groups, at_most in caps:
            group = groups[lines, last[lines]]
            same = (groups[lines] == group[:, None]) & (group >= 0)[:, None]
            full = (same & placed[lines]).sum(axis=1) >= at_most
            found[lines] |= same & full[:, None]
        return found

    return rejects


CAP = Rule(
    "cap",
    "A cap on its section, source, kind, author or access is reached",
    alone=_alone,
    beside=_beside,
)
