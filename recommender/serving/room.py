"""What the requests of one worker share: lists, index of stories, archive, acts, figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from recommender.publishing.acts import open_journal
from recommender.serving.changes import Changes
from recommender.serving.config import Config
from recommender.serving.metrics import Metrics
from recommender.serving.stories import Found, Stories, Wanted
from recommender.serving.tokens import Tokens
from recommender.serving.watching import Watched
from recommender.storage.database import is_database

if TYPE_CHECKING:
    from recommender.serving.drafts import Drafts

_AGAIN = 5.0  # seconds until what failed is tried again
_log = logging.getLogger("recommender.serving")
P = ParamSpec("P")
T = TypeVar("T")


class Room:
    """What the requests of one worker share: lists, stories, archive, acts and figures, each opened once.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        self.config, self.metrics = config, Metrics()
        self.tokens = Tokens(config.tokens)
        self.watched = Watched(config.lists, self.metrics)
        self.drafts: Drafts | None = None
        if config.archive is not None:
            from recommender.serving.drafts import Drafts  # models take seconds to import

            self.drafts = Drafts(config.archive, self.watched)
        self.journal = open_journal(config.lists, config.journal)
        self.changes = Changes(config.lists)
        self._stories: Stories | None = None
        self._making = Lock()

    def done(self, entry_id: str | None) -> dict[str, Any] | None:
        """Find the act that a page shows the effect of."""
        return self.journal.find(entry_id) if self.journal and entry_id else None

    async def reading(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read lists: a file is mapped and answers at once, a database must not hold others up."""
        if is_database(self.config.lists):
            return await run_in_threadpool(read, *args, **kwargs)
        return read(*args, **kwargs)

    def search(self, wanted: Wanted) -> Found:
        """Find the stories that a visitor of the desk asks for."""
        return self.stories().find(wanted)

    def stories(self) -> Stories:
        """Return the stories of the current version, or of the one before until `follow` has read the current."""
        found = self._stories
        return found if found is not None else self._made()

    def _made(self) -> Stories:
        with self._making:
            lists = self.watched.lists
            if self._stories is None or self._stories.lists is not lists:
                self._stories = Stories(lists)
            return self._stories

    async def follow(self) -> None:
        """Follow the versions until cancelled: make the stories of each, and compare it with the one before.

        Where nobody may act there may be no desk: that begins when somebody asks for one.
        """
        watching = asyncio.create_task(self.watched.watch())
        if self.drafts is not None:
            await asyncio.to_thread(self.drafts.warm_up)
        try:
            while True:
                try:
                    if self._stories is not None or self.tokens.anybody_writes:
                        await asyncio.to_thread(self._made)  # until then the last ones are found, under their version
                        await asyncio.to_thread(self.changes.follow, self.watched.lists)
                except Exception as error:  # readers need the next version all the same
                    _log.error("the desk cannot read the version now: %s", error, exc_info=True)
                    await asyncio.sleep(_AGAIN)
                await asyncio.sleep(0.25)
        finally:
            watching.cancel()
