"""What one version changes against another, compared once and kept."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from recommender.errors import RecommenderError
from recommender.publishing import PublishedLists
from recommender.publishing.comparison import Comparison, compare

_KEPT = 4  # comparisons
_PAUSE = 10.0  # seconds between two comparisons that are made anew because editors decided something


class Changes:
    """Comparisons of the versions at one place, as readers see them.

    Parameters
    ----------
    place : str
        Folder or database of the published lists.
    """

    def __init__(self, place: str) -> None:
        self._place, self._lock = place, Lock()
        self._held: dict[tuple[str, str], tuple[Any, Comparison]] = {}
        self._last: tuple[PublishedLists, tuple[str, str] | None] | None = None
        self._again_from = 0.0

    def between(self, before: str, after: str, lists: PublishedLists) -> Comparison:
        """Compare two versions, or give what was compared, if nothing was decided since.

        Parameters
        ----------
        before, after : str
            As `PublishedLists.versions` names them.
        lists : PublishedLists
            Any version: what editors decided over it holds for all.
        """
        overlay = lists.overlay
        with self._lock:  # one at a time: a second one who asks for the same waits for it
            overlay.refresh()
            decided = overlay.decisions, overlay.unpublished
            held = self._held.get((before, after))
            if held is None or held[0] != decided:
                found = compare(PublishedLists.open(self._place, before), PublishedLists.open(self._place, after))
                held = decided, found
            others = [one for one in self._held.items() if one[0] != (before, after)][1 - _KEPT :]
            self._held = dict([*others, ((before, after), held)])  # as a whole: `of` looks without the lock
            return held[1]

    def of(self, lists: PublishedLists) -> Comparison | None:
        """Return what a version changes against the one before it; None until `follow` has compared them."""
        if self._last is None or self._last[0] is not lists or self._last[1] is None:
            return None
        held = self._held.get(self._last[1])
        return held[1].without(lists.overlay.hidden) if held else None

    def follow(self, lists: PublishedLists) -> None:
        """Compare a version with the one before it, if that is to be done."""
        if self._last is not None and self._last[0] is lists and time.monotonic() < self._again_from:
            return
        try:
            if self._last is None or self._last[0] is not lists:
                kept = PublishedLists.versions(self._place)
                now = next((place for place, one in enumerate(kept) if one.current), 0)
                self._last = lists, (kept[now - 1].name, kept[now].name) if now else None
            if self._last[1] is not None:
                self.between(*self._last[1], lists)
        except RecommenderError:  # a version that is being deleted, or the overlay: who asks for it is told
            self._last = lists, None
        self._again_from = time.monotonic() + _PAUSE
