"""Pages that people look at: how they are made, and those that need nothing but a template."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.preview import site
from recommender.serving.door import form_key
from recommender.serving.openapi import DOCUMENT
from recommender.serving.room import Room

_HERE = Path(__file__).parent
_FILES = {
    "preview.css": (Path(site.__file__).parent / "static" / "preview.css", "text/css"),
    "combobox.js": (Path(site.__file__).parent / "static" / "combobox.js", "text/javascript"),
    "desk.css": (_HERE / "static" / "desk.css", "text/css"),
    "desk.js": (_HERE / "static" / "desk.js", "text/javascript"),
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Load the templates of the desk, beside those of the preview, which share macros and style."""
    loaders = [PackageLoader("recommender.serving"), PackageLoader("recommender.preview")]
    pages = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    pages.globals |= {
        "label": site.time_label,
        "stamp": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "safe_link": site.safe_link,
        "headline": site.headline,
        "address": story_address,
        "language": "",
    }
    return pages


def story_address(article_id: str) -> str:
    """Make the path of a story's page; its id may hold anything."""
    return "/desk/story?id=" + quote(article_id.encode(errors="replace"), safe="")


def render(template: str, status: int = 200, **values: Any) -> Response:
    """Fill a template, and answer with the page."""
    text = _templates().get_template(template).render(**values)
    return HTMLResponse(text.encode(errors="replace"), status, {"cache-control": "no-store"})


def page(request: Request, template: str, **values: Any) -> Response:
    """Make a page of the desk, with what all of them show."""
    room: Room = request.app.state.room
    lists, token = room.watched.lists, request.scope["token"]
    return render(
        template,
        version=lists.version,
        as_of=lists.as_of,
        token=token,
        writes=token is not None and token.right == "write" and room.journal is not None,
        key=form_key(request.scope),
        trouble=room.watched.trouble,
        **values,
    )


def moment(text: str | None) -> datetime | None:
    """Read a time as journal and search have it."""
    return None if text is None else datetime.fromisoformat(text)


def error_page(request: Request, status: int, message: str) -> Response:
    """Make a page that says what was wrong."""
    return render("error.html", status, code=status, message=message)


async def documentation(request: Request) -> Response:
    """Show the documentation of the read API, for people."""
    return render("api.html", document=DOCUMENT)


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
