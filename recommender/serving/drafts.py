"""Lists of drafts and rejected candidates, from the archive that the same run saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from recommender.editorial.decisions import Decisions
from recommender.editorial.overlay import Overlay
from recommender.facade import Recommender
from recommender.lists.readnext import ReadNext, Rejected
from recommender.serving.watching import Watched
from recommender.storage.versions import CURRENT


class Drafts:
    """A saved archive, loaded again when it changes; it obeys what editors decided over the published lists too.

    Parameters
    ----------
    archive : str
        Folder of the saved archive.
    watched : Watched
        The published lists beside it.
    """

    def __init__(self, archive: str, watched: Watched) -> None:
        self._pointer, self._watched = Path(archive) / CURRENT, watched
        self._lock = Lock()  # one story at a time: a model takes all cores for one anyhow
        self._seen: tuple[int, int] | None = None
        self._rec, self._own = self._loaded()
        self._obeyed: tuple[Decisions, frozenset[str], Decisions] | None = None

    def warm_up(self) -> None:
        """Answer one question, so that no editor waits for what is compiled when first used."""
        with self._lock:
            rec = self._current()
            rec.explain_rejected(rec.catalog.ids.slice(0, 1).to_pylist())

    def recommend(self, draft: Mapping[str, Any], k: int | None) -> dict[str, Any]:
        """Make the list of a story that is not in the archive, in the shape of a published one."""
        with self._lock:
            found: ReadNext = self._current().recommend_for(draft, k=k)
        return asdict(found) | {"version": self._watched.lists.version}

    def rejected(self, article_id: str) -> list[Rejected] | None:
        """Find candidates that are not in the list of a story, best first; None for one that the archive lacks."""
        with self._lock:
            rec = self._current()
            return rec.explain_rejected([article_id])[article_id] if article_id in rec.catalog else None

    def _current(self) -> Recommender:
        stat = self._pointer.stat()
        if self._seen != (stat.st_ino, stat.st_mtime_ns):
            self._rec, self._own = self._loaded()
            self._obeyed = None
        self._own.refresh()
        over = self._watched.lists.overlay
        over.refresh()
        holds = over.decisions, over.hidden, self._own.decisions
        if self._obeyed != holds:
            together = self._own.copy()
            together.adopt(over)
            together.record("withdraw", over.hidden)
            self._rec.overlay, self._obeyed = together, holds
        return self._rec

    def _loaded(self) -> tuple[Recommender, Overlay]:
        stat = self._pointer.stat() if self._pointer.exists() else None
        rec = Recommender.load(self._pointer.parent)
        self._seen = None if stat is None else (stat.st_ino, stat.st_mtime_ns)
        return rec, rec.overlay
