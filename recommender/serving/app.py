"""The application: which path leads where."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from recommender.errors import RecommenderError
from recommender.serving import api, decide, desk, openapi, pages
from recommender.serving.config import Config
from recommender.serving.door import Door
from recommender.serving.room import Room

_TURN = 0.0005  # seconds that the thread which reads a new version may keep requests waiting
_log = logging.getLogger("recommender.serving")


def make_app(config: Config) -> ASGIApp:
    """Make the application of one worker.

    Raises
    ------
    SnapshotError
        If there are no lists, or no archive, where they should be.
    SettingsError
        If the tokens cannot be read.
    """
    room = Room(config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sys.setswitchinterval(_TURN)
        following = asyncio.create_task(room.follow())
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    app = Starlette(
        routes=[
            Route("/v1/read-next/batch", api.read_next_batch, methods=["POST"]),
            Route("/v1/read-next", api.read_next_draft, methods=["POST"]),
            Route("/v1/read-next", api.read_next),
            Route("/v1/read-next/{article_id:path}", api.read_next),
            Route("/v1/stories", api.stories),
            Route("/v1/versions", api.versions),
            Route("/v1/openapi.json", openapi.document),
            Route("/healthz", api.health),
            Route("/metrics", api.metrics),
            *pages.routes(),
            *desk.routes(),
            *decide.routes(),
        ],
        exception_handlers={HTTPException: _told, RecommenderError: _failed, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.room = room
    return Door(app, config, room.tokens, room.metrics)


def from_environment() -> ASGIApp:
    """Make the application in a worker process, by the configuration in its environment."""
    return make_app(Config.from_environment())


async def _told(request: Request, error: Exception) -> Response:
    """Tell the client what was wrong with a request, as JSON, or on a page."""
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/desk"):
        return pages.error_page(request, error.status_code, error.detail)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """Log what went wrong here, and tell the client only what may be told: no file of ours is named."""
    _log.error("%s %s: %s", request.method, request.url.path, error, exc_info=not isinstance(error, RecommenderError))
    return await _told(request, HTTPException(503, "the lists cannot be read now; the server's log says why"))
