"""Rendering of the pages of the desk, and the pages that need only a template."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from recommender.preview.pages import STATIC, templates
from recommender.serving.middleware import form_key
from recommender.serving.openapi import DOCUMENT
from recommender.serving.state import server_state

_HERE = Path(__file__).parent
_FILES = {
    "style.css": (STATIC / "style.css", "text/css"),
    "icon.svg": (STATIC / "icon.svg", "image/svg+xml"),
    "search.js": (STATIC / "search.js", "text/javascript"),
    "desk.js": (_HERE / "static" / "desk.js", "text/javascript"),
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Load the templates of the desk, which come before those that it shares with the static site."""
    return templates(
        PackageLoader("recommender.serving"),
        layout="room.html",
        static="/static/",
        home="/desk",
        scripts=("search.js", "desk.js"),
        address=story_address,
    )


def story_address(article_id: str) -> str:
    """Return the address of the page of a story; its id may contain any character."""
    return "/desk/story?id=" + quote(article_id.encode(errors="replace"), safe="")


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Render a page of the desk with the values that all pages show."""
    state = server_state(request)
    lists, token = state.watcher.lists, request.scope.get("token")
    text = (
        _templates()
        .get_template(template)
        .render(
            version=lists.version,
            as_of=lists.as_of,
            token=token,
            writes=token is not None and token.right == "write" and state.journal is not None,
            key=form_key(request.scope),
            trouble=state.watcher.trouble,
            archive=state.drafts is not None,
            pictures=state.config.images,
            **values,
        )
    )
    return HTMLResponse(text.encode(errors="replace"), status, {"cache-control": "no-store"})


def error_page(request: Request, status: int, message: str) -> Response:
    """Render a page that shows an error."""
    return page(request, "error.html", status, code=status, message=message)


async def documentation(request: Request) -> Response:
    """Answer with the documentation of the read API as a page."""
    return page(request, "api.html", document=DOCUMENT)


async def static(request: Request) -> Response:
    """Answer with a style sheet, script or icon; there are no other files."""
    name = request.path_params["name"]
    if name not in _FILES:
        return error_page(request, 404, "There is no such file.")
    path, media_type = _FILES[name]
    return Response(path.read_bytes(), headers={"cache-control": "max-age=300"}, media_type=media_type)


async def front(request: Request) -> Response:
    """Redirect from the root to the desk."""
    return RedirectResponse("/desk", 303)
