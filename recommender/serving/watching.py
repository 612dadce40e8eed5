"""Watching for new versions of the published lists in the background."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from recommender.errors import RecommenderError
from recommender.publishing import PublishedLists
from recommender.serving.metrics import Metrics
from recommender.storage.database import is_database
from recommender.storage.versions import CURRENT

_INTERVAL = 0.25  # seconds between two checks
_log = logging.getLogger("recommender.serving")


def pointer_mark(folder: Path) -> tuple[int, int]:
    """Return a value that changes whenever another version of a folder becomes current."""
    try:
        stat = (folder / CURRENT).stat()
    except OSError:
        return -1, -1
    return stat.st_ino, stat.st_mtime_ns


class ListsWatcher:
    """Keeps the current version of a folder or database in `lists`.

    A request takes `lists` once, so that the answer never mixes two versions. Withdrawals need no watching, since
    readers look at the overlay at every call.
    """

    def __init__(self, place: str, metrics: Metrics) -> None:
        self._place, self._metrics = place, metrics
        self._seen = self._mark()  # taken before opening, so that a version published meanwhile counts as new
        self.lists = PublishedLists.open(place)
        self.trouble = ""
        """Why the newest version could not be opened; empty if it is the one in `lists`."""
        self._report()

    def check(self) -> bool:
        """Open the current version if it is another one; if it cannot be read, the previous one stays."""
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
        self._report()
        return True

    async def watch(self) -> None:
        """Check for new versions regularly, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            await asyncio.to_thread(self.check)

    def _report(self) -> None:
        manifest = self.lists.manifest
        self._metrics.set_version(int(manifest.get("stories") or 0), self.lists.as_of)
        _log.info("serving version %s of %s stories", self.lists.version, manifest.get("stories"))

    def _mark(self) -> tuple[int, int] | None:
        """Return a value that changes with the current version; None for a database, which has to be opened."""
        return None if is_database(self._place) else pointer_mark(Path(self._place))
