"""Comparisons of versions, made once and kept."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from recommender.errors import RecommenderError
from recommender.publishing import PublishedLists
from recommender.publishing.comparison import Comparison, compare

_KEPT = 4  # comparisons
_PAUSE = 10.0  # seconds before a comparison is repeated because editors decided something


class Changes:
    """Comparisons of the versions in one folder or database, as readers see them."""

    def __init__(self, place: str) -> None:
        self._place, self._lock = place, Lock()
        self._cache: dict[tuple[str, str], tuple[Any, Comparison]] = {}
        self._last: tuple[PublishedLists, tuple[str, str] | None] | None = None
        self._next_time = 0.0

    def between(self, before: str, after: str, lists: PublishedLists) -> Comparison:
        """Compare two versions by name, or return the last comparison if editors decided nothing since.

        `lists` may be of any version, since the decisions of editors are the same for all.
        """
        overlay = lists.overlay
        with self._lock:  # a second request for the same comparison waits for it
            overlay.refresh()
            decisions = overlay.decisions, overlay.unpublished
            cached = self._cache.get((before, after))
            if cached is None or cached[0] != decisions:
                old, new = PublishedLists.open(self._place, before), PublishedLists.open(self._place, after)
                cached = decisions, compare(old, new)
            others = [item for item in self._cache.items() if item[0] != (before, after)][1 - _KEPT :]
            self._cache = dict([*others, ((before, after), cached)])  # replaced, as `latest` reads without the lock
            return cached[1]

    def latest(self, lists: PublishedLists) -> Comparison | None:
        """Return the comparison of a version with the previous one; None until `follow` has made it."""
        if self._last is None or self._last[0] is not lists or self._last[1] is None:
            return None
        cached = self._cache.get(self._last[1])
        lists.overlay.refresh()  # a takedown holds at once, also while the stories are still those of the last version
        return cached[1].without(lists.overlay.hidden) if cached else None

    def follow(self, lists: PublishedLists) -> None:
        """Compare a version with the previous one, unless that was done a moment ago."""
        if self._last is not None and self._last[0] is lists and time.monotonic() < self._next_time:
            return
        try:
            if self._last is None or self._last[0] is not lists:
                versions = PublishedLists.versions(self._place)
                current = next((number for number, version in enumerate(versions) if version.current), 0)
                self._last = lists, (versions[current - 1].name, versions[current].name) if current else None
            if self._last[1] is not None:
                self.between(*self._last[1], lists)
        except RecommenderError:  # of a version that is being deleted, or of the overlay; a request will report it
            self._last = lists, None
        self._next_time = time.monotonic() + _PAUSE
