"""What editors do at the desk, or programs by the API; and the journal of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.editorial.decisions import Decisions
from recommender.editorial.journal import Journal
from recommender.errors import SettingsError, UnknownArticleError
from recommender.publishing import PublishedLists
from recommender.publishing.acts import Act, perform, pin_notes, undoing_act
from recommender.serving.api import answer
from recommender.serving.door import check_form_key, may_write
from recommender.serving.limits import body_of
from recommender.serving.pages import page, story_address
from recommender.serving.room import Room

_LAST = 100  # acts that are shown


async def act(request: Request) -> Response:
    """Do what a form says, and show its effect."""
    form = await _form(request)
    entry = await run_in_threadpool(_done, request, form)
    done = f"done={entry['id']}"
    if entry["what"] in ("boost", "unboost"):
        return RedirectResponse(f"/desk?{done}", 303)
    if form.get("stay"):
        return RedirectResponse(f"/desk/journal?{done}", 303)
    back = form.get("back") or entry["story"] or (entry["item"] if entry["what"] != "withdraw" else None)
    return RedirectResponse(f"{story_address(str(back))}&{done}" if back else f"/desk/journal?{done}", 303)


async def act_json(request: Request) -> Response:
    """Do what a program says; answers with the entry of the journal."""
    room: Room = request.app.state.room
    may_write(request.scope)
    try:
        asked = orjson.loads(await body_of(request, room.config.max_body))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "the body is no JSON object")
    entry = await run_in_threadpool(_done, request, asked)
    return answer({**entry, "notes": await run_in_threadpool(notes_of, room.watched.lists, entry)})


async def _form(request: Request) -> dict[str, str]:
    """Read the fields of a form of ours."""
    room: Room = request.app.state.room
    may_write(request.scope)
    data = await body_of(request, room.config.max_body)
    try:
        fields = parse_qs(data.decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise HTTPException(400, "that is no form") from None
    form = {name: values[0] for name, values in fields.items()}
    check_form_key(request.scope, form.get("key", ""))
    return form


def _done(request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    room: Room = request.app.state.room
    token = may_write(request.scope)
    if room.journal is None:
        raise HTTPException(409, "acts need a journal: start the server with --journal FILE")
    lists, undoes = room.watched.lists, given.get("undoes")
    try:
        if undoes:
            who, why = (str(given.get(name) or "").strip() for name in ("who", "why"))
            wanted = undoing_act(room.journal.find(str(undoes)), who, why)
        else:
            wanted = Act.from_fields(given)
            if not given.get("unknown_too"):
                wanted.check(lists)
        entries = perform(room.journal, lists.overlay, [wanted], token.name, lists, str(undoes) if undoes else None)
    except UnknownArticleError as error:
        raise HTTPException(404, str(error)) from None
    except SettingsError as error:
        raise HTTPException(400, str(error)) from None
    if not entries:
        raise HTTPException(400, "that holds already; nothing was done")
    room.metrics.acts.labels(wanted.what).inc()
    return entries[0]


def notes_of(lists: PublishedLists, entry: Mapping[str, Any] | None) -> list[str]:
    """Say where readers do not see what an entry of the journal confirms, see `pin_notes`."""
    if entry is None or entry["what"] != "pin":
        return []
    lists.overlay.refresh()
    return pin_notes(entry["item"], entry["story"], entry["position"], lists.overlay, lists)


def decided_of(decisions: Decisions, article_id: str) -> list[dict[str, Any]]:
    """List what editors decided of a story and its list, each as the act that undoes it."""
    found: list[dict[str, Any]] = []
    if article_id in decisions.withdrawn:
        found.append({"what": "restore", "item": article_id, "story": None, "told": "Withdrawn from every list"})
    if article_id in decisions.withheld:
        found.append({"what": "release", "item": article_id, "story": None, "told": "Its list is withheld"})
    if (article_id, None) in decisions.blocked:
        found.append({"what": "unblock", "item": article_id, "story": None, "told": "Blocked in every list"})
    found += [
        {"what": "unblock", "item": item, "story": article_id, "told": "Blocked in this list:"}
        for item in sorted(item for item, story in decisions.blocked if story == article_id)
    ]
    for pin in decisions.pins.get(article_id, ()):
        end = f" until {pin.until:%Y-%m-%d %H:%M} UTC" if pin.until else ""
        told = f"Pinned at place {pin.position}{end}:"
        found.append({"what": "unpin", "item": pin.item, "story": article_id, "told": told})
    return found


def titles(lists: PublishedLists, entry: Mapping[str, Any] | None) -> dict[str, str]:
    """Find the headlines of the stories that an entry of the journal names."""
    if entry is None:
        return {}
    ids = {entry.get("item"), entry.get("story"), *entry["before"]["list"], *entry["after"]["list"]} - {None}
    return headlines(lists, map(str, ids))


def headlines(lists: PublishedLists, ids: Iterable[str]) -> dict[str, str]:
    """Find the headlines of stories by their ids; of one that is not shown its id."""
    found = {name: lists.get(name).story for name in ids}
    return {name: (story.title or story.line if story else "") or name for name, story in found.items()}


async def journal(request: Request) -> Response:
    """Show what was done, the newest first."""
    room: Room = request.app.state.room
    entries = await run_in_threadpool(_journal(room).newest, _LAST)
    named: dict[str, str] = {}
    for entry in entries:
        named |= await run_in_threadpool(titles, room.watched.lists, entry)
    return page(
        request,
        "journal.html",
        entries=entries,
        undone={entry.get("undoes") for entry in entries},
        titles=named,
        done=request.query_params.get("done"),
    )


async def journal_file(request: Request) -> Response:
    """Send the journal as it is stored."""
    held = _journal(request.app.state.room)
    if request.scope["token"] is None:
        raise HTTPException(401, "the journal is given to who has a token")
    if not held.path.exists():
        return Response(b"", media_type="application/x-ndjson")
    return FileResponse(held.path, media_type="application/x-ndjson", filename="journal.jsonl")


def _journal(room: Room) -> Journal:
    if room.journal is None:
        raise HTTPException(404, "there is no journal: start the server with --journal FILE")
    return room.journal


def routes() -> list[BaseRoute]:
    """List the addresses of acts and the journal."""
    return [
        Route("/desk/act", act, methods=["POST"]),
        Route("/v1/acts", act_json, methods=["POST"]),
        Route("/desk/journal", journal),
        Route("/desk/journal.jsonl", journal_file),
    ]
