"""Lists of drafts and rejected candidates, from the archive that the same run saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from recommender.editorial.decisions import Decisions
from recommender.facade import Recommender
from recommender.lists.readnext import ReadNext, Rejected
from recommender.serving.watching import ListsWatcher, pointer_mark


class Drafts:
    """A saved archive, loaded again when another is saved, that also obeys the decisions on the published lists."""

    def __init__(self, archive: str, watcher: ListsWatcher) -> None:
        self._folder, self._watcher = Path(archive), watcher
        self._lock = Lock()  # one story at a time: a model uses all cores for one anyhow
        self._obeyed: tuple[Decisions, frozenset[str], Decisions] | None = None
        self._load()

    def warm_up(self) -> None:
        """Make one list, so that no editor waits for functions that are compiled at their first call."""
        with self._lock:
            rec = self._current()
            rec.explain_rejected(rec.catalog.ids.slice(0, 1).to_pylist())

    def recommend(self, draft: Mapping[str, Any], k: int | None) -> dict[str, Any]:
        """Make the list of a story that is not in the archive, in the shape of a published one."""
        with self._lock:
            read_next: ReadNext = self._current().recommend_for(draft, k=k)
        return asdict(read_next) | {"version": self._watcher.lists.version}

    def rejected(self, article_id: str) -> list[Rejected] | None:
        """Find candidates that are not in the list of a story, best first; None for one that the archive lacks."""
        with self._lock:
            rec = self._current()
            return rec.explain_rejected([article_id])[article_id] if article_id in rec.catalog else None

    def _current(self) -> Recommender:
        if pointer_mark(self._folder) != self._seen:
            self._load()
        archive_overlay, lists_overlay = self._archive_overlay, self._watcher.lists.overlay
        archive_overlay.refresh()
        lists_overlay.refresh()
        decisions = lists_overlay.decisions, lists_overlay.hidden, archive_overlay.decisions
        if self._obeyed != decisions:
            combined = archive_overlay.copy()
            combined.adopt(lists_overlay)
            combined.record("withdraw", lists_overlay.hidden)
            self._rec.overlay, self._obeyed = combined, decisions
        return self._rec

    def _load(self) -> None:
        seen = pointer_mark(self._folder)  # before loading, so that an archive saved meanwhile counts as new
        self._rec = Recommender.load(self._folder)
        self._seen, self._archive_overlay, self._obeyed = seen, self._rec.overlay, None
