"""Pages that people look at: how they are made, and those that need nothing but a template."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.preview.pages import STATIC, templates
from recommender.serving.door import form_key
from recommender.serving.openapi import DOCUMENT
from recommender.serving.room import Room

_HERE = Path(__file__).parent
_FILES = {
    "style.css": (STATIC / "style.css", "text/css"),
    "icon.svg": (STATIC / "icon.svg", "image/svg+xml"),
    "search.js": (STATIC / "search.js", "text/javascript"),
    "desk.js": (_HERE / "static" / "desk.js", "text/javascript"),
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Load the templates of the desk, before those that it shares with the static site."""
    return templates(
        PackageLoader("recommender.serving"),
        layout="room.html",
        static="/static/",
        home="/desk",
        scripts=("search.js", "desk.js"),
        address=story_address,
    )


def story_address(article_id: str) -> str:
    """Make the path of a story's page; its id may hold anything."""
    return "/desk/story?id=" + quote(article_id.encode(errors="replace"), safe="")


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Make a page of the desk, with what all of them show."""
    room: Room = request.app.state.room
    lists, token = room.watched.lists, request.scope.get("token")
    text = (
        _templates()
        .get_template(template)
        .render(
            version=lists.version,
            as_of=lists.as_of,
            token=token,
            writes=token is not None and token.right == "write" and room.journal is not None,
            key=form_key(request.scope),
            trouble=room.watched.trouble,
            archive=room.drafts is not None,
            pictures=room.config.images,
            **values,
        )
    )
    return HTMLResponse(text.encode(errors="replace"), status, {"cache-control": "no-store"})


def error_page(request: Request, status: int, message: str) -> Response:
    """Make a page that says what was wrong."""
    return page(request, "error.html", status, code=status, message=message)


async def documentation(request: Request) -> Response:
    """Show the documentation of the read API, for people."""
    return page(request, "api.html", document=DOCUMENT)


async def static(request: Request) -> Response:
    """Send a style sheet or script of ours; no other file has a name here."""
    found = _FILES.get(request.path_params["name"])
    if found is None:
        return error_page(request, 404, "There is no such file.")
    path, kind = found
    return Response(path.read_bytes(), headers={"cache-control": "max-age=300"}, media_type=kind)


async def front(request: Request) -> Response:
    """Lead from the address without a path to the desk."""
    return RedirectResponse("/desk", 303)


def routes() -> list[BaseRoute]:
    """List the addresses of the pages."""
    return [
        Route("/", front),
        Route("/v1/docs", documentation),
        Route("/static/{name}", static),
    ]
