"""The state that all requests of one worker share: lists, index of stories, archive, journal, metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from recommender.publishing.acts import open_journal
from recommender.serving.changes import Changes
from recommender.serving.config import Config
from recommender.serving.metrics import Metrics
from recommender.serving.stories import Stories
from recommender.serving.tokens import Tokens
from recommender.serving.watching import ListsWatcher
from recommender.storage.database import is_database

if TYPE_CHECKING:
    from recommender.serving.drafts import Drafts

_RETRY = 5.0  # seconds until a version that could not be read is tried again
_log = logging.getLogger("recommender.serving")
P = ParamSpec("P")
T = TypeVar("T")


class ServerState:
    """The state that all requests of one worker share, each part opened once."""

    def __init__(self, config: Config) -> None:
        self.config, self.metrics = config, Metrics()
        self.tokens = Tokens(config.tokens)
        self.watcher = ListsWatcher(config.lists, self.metrics)
        self.drafts: Drafts | None = None
        if config.archive is not None:
            from recommender.serving.drafts import Drafts  # models take seconds to import

            self.drafts = Drafts(config.archive, self.watcher)
        self.journal = open_journal(config.lists, config.journal)
        self.changes = Changes(config.lists)
        self._stories: Stories | None = None
        self._stories_lock = Lock()

    def done_act(self, entry_id: str | None) -> dict[str, Any] | None:
        """Find the act whose effect a page shows in the journal."""
        return self.journal.find(entry_id) if self.journal and entry_id else None

    async def reading(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read lists: in this thread from files, which answer at once, and in another one from a database."""
        if is_database(self.config.lists):
            return await run_in_threadpool(read, *args, **kwargs)
        return read(*args, **kwargs)

    def stories(self) -> Stories:
        """Return the stories of the current version, or of the previous one until `follow` has read the current."""
        return self._stories or self._read_stories()

    def _read_stories(self) -> Stories:
        with self._stories_lock:
            lists = self.watcher.lists
            if self._stories is None or self._stories.lists is not lists:
                self._stories = Stories(lists)
            return self._stories

    async def follow(self) -> None:
        """Read the stories of each new version and compare it with the previous one, until cancelled.

        Without a token that may write, the desk may stay unused, so the first request for one of its pages starts this.
        """
        watching = asyncio.create_task(self.watcher.watch())
        if self.drafts is not None:
            await asyncio.to_thread(self.drafts.warm_up)
        try:
            while True:
                try:
                    if self._stories is not None or self.tokens.has_writer:
                        await asyncio.to_thread(self._read_stories)
                        await asyncio.to_thread(self.changes.follow, self.watcher.lists)
                except Exception as error:  # the API goes on to serve lists, and the next version may be readable
                    _log.error("the desk cannot read the version now: %s", error, exc_info=True)
                    await asyncio.sleep(_RETRY)
                await asyncio.sleep(0.25)
        finally:
            watching.cancel()


def server_state(request: Request) -> ServerState:
    """Return the state that belongs to the application of a request."""
    state: ServerState = request.app.state.server
    return state
