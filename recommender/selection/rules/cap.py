"""Cap: no more than so many items of a section, source, kind, author or access."""

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.score import Ranked
from recommender.selection.context import Selection, Stories
from recommender.selection.rules.rule import Mask, PlacementTest, Rule


def _caps(ranked: Ranked, selection: Selection) -> list[tuple[NDArray[np.int64], int]]:
    """Return for each cap the code of what it counts, (q, c), -1 = not counted, and the most items in a list."""
    caps = []
    for cap in (*selection.settings.caps, *selection.rules.rules.caps):
        codes, names = selection.codes[cap.by]
        item_codes = np.where(ranked.has_item, codes[ranked.rows], -1).astype(np.int64)
        if cap.value is not None:
            capped_code = names.index(cap.value) if cap.value in names else -2
            item_codes = np.where(item_codes == capped_code, item_codes, -1)
        if (item_codes >= 0).any():
            caps.append((item_codes, cap.at_most))
    return caps


def _rejects(ranked: Ranked, stories: Stories, selection: Selection) -> Mask | None:
    forbidden = [codes >= 0 for codes, at_most in _caps(ranked, selection) if not at_most]
    return np.logical_or.reduce(forbidden) if forbidden else None


def _rejects_after(ranked: Ranked, stories: Stories, selection: Selection) -> PlacementTest | None:
    caps = _caps(ranked, selection)
    if not caps:
        return None

    def is_rejected(last: NDArray[np.int64], is_placed: Mask, is_open: Mask) -> Mask:
        rejected = np.zeros(is_placed.shape, dtype=bool)
        rows = np.flatnonzero(last >= 0)
        for codes, at_most in caps:
            last_code = codes[rows, last[rows]]
            same = (codes[rows] == last_code[:, None]) & (last_code >= 0)[:, None]
            is_full = (same & is_placed[rows]).sum(axis=1) >= at_most
            rejected[rows] |= same & is_full[:, None]
        return rejected

    return is_rejected


CAP = Rule(
    "cap",
    "A cap on its section, source, kind, author or access is reached",
    rejects=_rejects,
    rejects_after=_rejects_after,
)
