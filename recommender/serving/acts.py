"""Acts of editors at the desk and of programs by the API, and their journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from recommender.editorial.decisions import Decisions
from recommender.editorial.journal import Journal
from recommender.errors import SettingsError, UnknownArticleError
from recommender.publishing import PublishedLists
from recommender.publishing.acts import Act, perform, pin_notes, undoing_act
from recommender.serving.api import json_response, read_object
from recommender.serving.limits import read_body
from recommender.serving.middleware import check_form_key, may_write
from recommender.serving.pages import page, story_address
from recommender.serving.state import ServerState, server_state

_MAX_ACTS = 100  # that the page of the journal shows


async def act(request: Request) -> Response:
    """Perform the act of a form, and redirect to a page that shows its effect."""
    form = await _read_form(request)
    entry = await run_in_threadpool(_perform, request, form)
    done = f"done={entry['id']}"
    if entry["what"] in ("boost", "unboost"):
        return RedirectResponse(f"/desk?{done}", 303)
    if form.get("stay"):
        return RedirectResponse(f"/desk/journal?{done}", 303)
    back = form.get("back") or entry["story"] or (entry["item"] if entry["what"] != "withdraw" else None)
    return RedirectResponse(f"{story_address(str(back))}&{done}" if back else f"/desk/journal?{done}", 303)


async def act_json(request: Request) -> Response:
    """Perform the act of a JSON object, and answer with the entry of the journal."""
    may_write(request.scope)
    entry = await run_in_threadpool(_perform, request, await read_object(request))
    notes = await run_in_threadpool(notes_on, server_state(request).watcher.lists, entry)
    return json_response({**entry, "notes": notes})


async def _read_form(request: Request) -> dict[str, str]:
    """Read the fields of a form, and check that a page of this server sent it."""
    may_write(request.scope)
    data = await read_body(request, server_state(request).config.max_body)
    try:
        fields = parse_qs(data.decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise HTTPException(400, "that is no form") from None
    form = {name: values[0] for name, values in fields.items()}
    check_form_key(request.scope, form.get("key", ""))
    return form


def _perform(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    state = server_state(request)
    token = may_write(request.scope)
    if state.journal is None:
        raise HTTPException(409, "acts need a journal: start the server with --journal FILE")
    lists, undoes = state.watcher.lists, fields.get("undoes")
    try:
        if undoes:
            who, why = (str(fields.get(name) or "").strip() for name in ("who", "why"))
            new_act = undoing_act(state.journal.find(str(undoes)), who, why)
        else:
            new_act = Act.from_fields(fields)
            if not fields.get("unknown_too"):
                new_act.check(lists)
        entries = perform(state.journal, lists.overlay, [new_act], token.name, lists, str(undoes) if undoes else None)
    except UnknownArticleError as error:
        raise HTTPException(404, str(error)) from None
    except SettingsError as error:
        raise HTTPException(400, str(error)) from None
    if not entries:
        raise HTTPException(400, "that is already so; nothing was done")
    state.metrics.acts.labels(new_act.what).inc()
    return entries[0]


def notes_on(lists: PublishedLists, entry: Mapping[str, Any] | None) -> list[str]:
    """Describe how the list differs from the pin that an entry of the journal records, see `pin_notes`."""
    if entry is None or entry["what"] != "pin":
        return []
    lists.overlay.refresh()
    return pin_notes(entry["item"], entry["story"], entry["position"], lists.overlay, lists)


def decisions_on(decisions: Decisions, article_id: str) -> list[dict[str, Any]]:
    """Describe the decisions on a story and its list, each with the act that undoes it."""

    def decided(undo: str, item: str, story: str | None, text: str) -> dict[str, Any]:
        return {"what": undo, "item": item, "story": story, "text": text}

    found = []
    if article_id in decisions.withdrawn:
        found.append(decided("restore", article_id, None, "Withdrawn from every list"))
    if article_id in decisions.withheld:
        found.append(decided("release", article_id, None, "Its list is withheld"))
    if (article_id, None) in decisions.blocked:
        found.append(decided("unblock", article_id, None, "Blocked in every list"))
    blocked_items = sorted(item for item, story in decisions.blocked if story == article_id)
    found += [decided("unblock", item, article_id, "Blocked in this list:") for item in blocked_items]
    for pin in decisions.pins.get(article_id, ()):
        end = f" until {pin.until:%Y-%m-%d %H:%M} UTC" if pin.until else ""
        found.append(decided("unpin", pin.item, article_id, f"Pinned at place {pin.position}{end}:"))
    return found


def headlines_of_act(lists: PublishedLists, entry: Mapping[str, Any] | None) -> dict[str, str]:
    """Find the headlines of the stories that an entry of the journal names."""
    if entry is None:
        return {}
    ids = {entry.get("item"), entry.get("story"), *entry["before"]["list"], *entry["after"]["list"]} - {None}
    return headlines(lists, map(str, ids))


def headlines(lists: PublishedLists, ids: Iterable[str]) -> dict[str, str]:
    """Find the headlines of stories by their ids; a story that is not shown has its id instead."""
    stories = {article_id: lists.get(article_id).story for article_id in ids}
    return {name: (story.title or story.line if story else "") or name for name, story in stories.items()}


def journal(request: Request) -> Response:
    """Answer with the page of the newest acts."""
    state = server_state(request)
    entries = _journal(state).newest(_MAX_ACTS)
    titles: dict[str, str] = {}
    for entry in entries:
        titles |= headlines_of_act(state.watcher.lists, entry)
    return page(
        request,
        "journal.html",
        entries=entries,
        undone={entry.get("undoes") for entry in entries},
        titles=titles,
        done=request.query_params.get("done"),
    )


async def journal_file(request: Request) -> Response:
    """Answer with the file of the journal."""
    stored_journal = _journal(server_state(request))
    if request.scope["token"] is None:
        raise HTTPException(401, "the journal is given to who has a token")
    if not stored_journal.path.exists():
        return Response(b"", media_type="application/x-ndjson")
    return FileResponse(stored_journal.path, media_type="application/x-ndjson", filename="journal.jsonl")


def _journal(state: ServerState) -> Journal:
    if state.journal is None:
        raise HTTPException(404, "there is no journal: start the server with --journal FILE")
    return state.journal
