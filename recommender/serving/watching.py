"""The published lists as the server sees them now: looked after in the background, replaced as a whole."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from recommender.errors import RecommenderError
from recommender.publishing import PublishedLists
from recommender.storage.database import is_database
from recommender.storage.versions import CURRENT

if TYPE_CHECKING:
    from recommender.serving.metrics import Metrics

_EVERY = 0.25  # seconds between two looks
_log = logging.getLogger("recommender.serving")


class Watched:
    """The current version. A request takes `lists` once and keeps it, so that it sees no half of two versions.

    Withdrawals need no watching: readers look at the overlay at every call.

    Parameters
    ----------
    place : str
        Folder or database of the published lists.
    metrics : Metrics
    """

    def __init__(self, place: str, metrics: Metrics) -> None:
        self._place, self._metrics = place, metrics
        self._seen = self._mark()  # before it is opened: what comes after will be seen as new
        self.lists = PublishedLists.open(place)
        self.trouble = ""
        """Why the newest version could not be turned to; empty if all is well."""
        self._told()

    def look(self) -> bool:
        """Turn to the current version if it is another one; a version that cannot be read leaves the last."""
        mark = self._mark()
        if mark is not None and mark == self._seen:
            return False
        try:
            lists = PublishedLists.open(self._place)
        except RecommenderError as error:
            if str(error) != self.trouble:
                _log.error("cannot turn to the newest version: %s", error)
                self._metrics.reloads.labels("failed").inc()
            self.trouble = str(error)
            return False
        self._seen, self.trouble = mark, ""
        if mark is None and lists.manifest == self.lists.manifest:
            return False
        self.lists = lists
        self._told()
        return True

    async def watch(self) -> None:
        """Look for new versions again and again, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await asyncio.to_thread(self.look)

    def _told(self) -> None:
        manifest = self.lists.manifest
        self._metrics.turned_to(int(manifest.get("stories") or 0), self.lists.as_of)
        _log.info("serving version %s of %s stories", self.lists.version, manifest.get("stories"))

    def _mark(self) -> tuple[int, int] | None:
        """Read what changes when another version becomes current; None where only asking tells."""
        if is_database(self._place):
            return None
        try:
            stat = (Path(self._place) / CURRENT).stat()
        except OSError:
            return -1, -1
        return stat.st_ino, stat.st_mtime_ns
