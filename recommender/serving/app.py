"""The application of the server and its routes."""

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
from recommender.serving import acts, api, desk, openapi, pages
from recommender.serving.config import Config
from recommender.serving.middleware import AccessMiddleware
from recommender.serving.state import ServerState

_SWITCH_INTERVAL = 0.0005  # seconds that the thread which reads a new version may keep requests waiting
_LONGEST_ADDRESS = 200  # characters that an answer repeats
_log = logging.getLogger("recommender.serving")


def make_app(config: Config) -> ASGIApp:
    """Make the application of one worker.

    Raises `SnapshotError` if there are no lists, or no archive, where they should be, and `SettingsError` if the tokens
    cannot be read.
    """
    state = ServerState(config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sys.setswitchinterval(_SWITCH_INTERVAL)
        following = asyncio.create_task(state.follow())
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
            Route("/v1/docs", pages.documentation),
            Route("/v1/acts", acts.act_json, methods=["POST"]),
            Route("/", pages.front),
            Route("/static/{name}", pages.static),
            Route("/desk", desk.control_room),
            Route("/desk/story", desk.story),
            Route("/desk/versions", desk.compared),
            Route("/desk/login", desk.login_page),
            Route("/desk/login", desk.login, methods=["POST"]),
            Route("/desk/logout", desk.logout, methods=["POST"]),
            Route("/desk/act", acts.act, methods=["POST"]),
            Route("/desk/journal", acts.journal),
            Route("/desk/journal.jsonl", acts.journal_file),
        ],
        exception_handlers={
            HTTPException: _answer_error,
            RecommenderError: _answer_failure,
            Exception: _answer_failure,
        },
        lifespan=lifespan,
    )
    app.state.server = state
    return AccessMiddleware(app, config, state.tokens, state.metrics)


def from_environment() -> ASGIApp:
    """Make the application of a worker process, configured by its environment."""
    return make_app(Config.from_environment())


async def _answer_error(request: Request, error: Exception) -> Response:
    """Answer with what was wrong with a request, as JSON or as a page of the desk."""
    assert isinstance(error, HTTPException)
    address = request.url.path[:_LONGEST_ADDRESS]
    error.detail = {
        "Not Found": f"nothing is at {address}; /v1/docs lists the addresses of this server",
        "Method Not Allowed": f"{request.method} is not answered at {address}; /v1/docs lists what is",
    }.get(error.detail, error.detail)
    if request.url.path.startswith("/desk"):
        return pages.error_page(request, error.status_code, error.detail)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _answer_failure(request: Request, error: Exception) -> Response:
    """Log an error of the server, and answer without its details, which may name files."""
    _log.error("%s %s: %s", request.method, request.url.path, error, exc_info=not isinstance(error, RecommenderError))
    return await _answer_error(request, HTTPException(503, "the lists cannot be read now; the server's log says why"))
