"""The desk: the room where editors see the lists and decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.errors import did_you_mean
from recommender.preview.pages import STATES, spaced, story_values
from recommender.publishing import PublishedLists
from recommender.serving.api import number_of
from recommender.serving.decide import decided_of, headlines, notes_of, titles
from recommender.serving.door import COOKIE
from recommender.serving.limits import body_of
from recommender.serving.pages import error_page, page
from recommender.serving.room import Room
from recommender.serving.stories import SORTS, WARNED, Wanted

_PAGE = 25  # stories of one page
_WEAK = 8  # newest stories with weak lists that are shown
_LOOKED_AT = 200  # newest lists that the effect of a boost is told by
_LISTS = 60  # lists of a comparison
_HEADS = ("title", "section", "outlet", "newest", "weakest", "warned")  # what each column of the table is sorted by


async def control_room(request: Request) -> Response:
    """Show totals, weak lists, and all stories with filters."""
    return await run_in_threadpool(_control_room, request)


def _control_room(request: Request) -> Response:
    room: Room = request.app.state.room
    query = request.query_params
    offset = number_of(request, "offset", 0, 1_000_000, 0) or 0
    sort = query.get("sort") or "newest"
    if sort not in SORTS:
        raise HTTPException(400, f"sort is {sort[:40]!r}, expected one of {', '.join(SORTS)}")
    days = number_of(request, "days", None, 36_500) if query.get("days") else None
    chosen = {name: query.get(name) or None for name in ("section", "outlet", "status")}
    text = (query.get("q") or "")[:500]
    stories = room.stories()
    found = stories.find(Wanted(text=text, days=days, sort=sort, limit=_PAGE, offset=offset, **chosen))
    asked = {"q": text, **chosen, "days": days, "sort": sort if sort != "newest" else None}
    given = {name: value for name, value in asked.items() if value}
    weak = stories.weak(_WEAK) if not given and not offset else []
    done = room.done(query.get("done"))
    lists = room.watched.lists
    newest = [row["id"] for row in stories.find(Wanted(limit=_LOOKED_AT)).rows] if done else []
    return page(
        request,
        "control.html",
        stories=stories,
        sections=_counted(stories.sections),
        outlets=_counted(stories.outlets),
        statuses=[
            *((name, f"{STATES[name]} ({count:,})") for name, count in stories.statuses.items()),
            *([(WARNED, f"Warnings ({stories.warned:,})")] if stories.warned else []),
        ],
        filter_address="/desk?status=",
        found=found,
        asked=asked,
        filtered=bool(given),
        offset=offset,
        size=_PAGE,
        heads=_heads(given, sort),
        further="?" + urlencode({**given, "offset": offset + _PAGE}),
        less="?" + urlencode({**given, "offset": max(offset - _PAGE, 0)}),
        weak=weak,
        decided=lists.overlay,
        changes=room.changes.of(lists),
        boilerplate=lists.manifest.get("boilerplate"),
        done=done,
        effect=_effect(lists, done, newest) if done else None,
    )


def _counted(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{spaced(name)} ({count:,})") for name, count in counts.items()]


def _heads(given: Mapping[str, Any], sort: str) -> list[dict[str, str]]:
    """Make the links of the table's heads, which sort it, and mark the column that it is sorted by."""
    heads = []
    for name in _HEADS:
        wanted = "oldest" if name == sort == "newest" else name
        held = sort in ("newest", "oldest") if name == "newest" else sort == name
        direction = ("descending" if sort in ("newest", "warned") else "ascending") if held else ""
        heads.append({"to": "?" + urlencode({**given, "sort": wanted}), "sorted": direction})
    return heads


def _effect(lists: PublishedLists, done: Mapping[str, Any], ids: Sequence[str]) -> tuple[int, int] | None:
    """Count how many of some lists a boost changes."""
    if done["what"] not in ("boost", "unboost"):
        return None
    now, section, before = lists.overlay.decisions, done["item"], done["before"]["holds"]
    was = now.apply("boost", [(section, *before.values(), "")]) if before else now.apply("unboost", [section])
    pairs = zip(lists.jsons(ids, now), lists.jsons(ids, was), strict=True)
    return sum(one != other for one, other in pairs), len(ids)


async def story(request: Request) -> Response:
    """Show a story with its list, the reasons, and what may be done about it."""
    return await run_in_threadpool(_story, request)


def _story(request: Request) -> Response:
    room: Room = request.app.state.room
    lists = room.watched.lists
    article_id = request.query_params.get("id") or ""
    found = lists.get(article_id)
    decisions = lists.overlay.decisions
    if found.status == "unknown":
        meant = did_you_mean(article_id, lists.ids())
        return error_page(request, 404, f"No published story has the id {article_id!r}{meant}.")
    rejected = None
    if request.query_params.get("rejected") and room.drafts is not None:
        rejected = room.drafts.rejected(article_id)
    decided, done = decided_of(decisions, article_id), room.done(request.query_params.get("done"))
    return page(
        request,
        "story_desk.html",
        **story_values(found, rejected),
        decided=decided,
        named=headlines(lists, {one["item"] for one in decided}),
        done=done,
        done_list=titles(lists, done),
        notes=notes_of(lists, done),
        live=_Live(lists),
    )


class _Live:
    """Which ids have a page."""

    def __init__(self, lists: PublishedLists) -> None:
        self._lists = lists

    def __contains__(self, article_id: object) -> bool:
        return self._lists.get(str(article_id)).status not in ("unknown", "withdrawn")


async def compared(request: Request) -> Response:
    """Show two versions side by side."""
    return await run_in_threadpool(_compared, request)


def _compared(request: Request) -> Response:
    room: Room = request.app.state.room
    kept = PublishedLists.versions(room.config.lists)
    names = [one.name for one in kept]
    now = next((place for place, one in enumerate(kept) if one.current), 0)
    before = request.query_params.get("a") or names[max(now - 1, 0)]
    after = request.query_params.get("b") or names[now]
    for name in (before, after):
        if name not in names:
            raise HTTPException(404, f"version {name[:100]!r} is not kept")
    found = room.changes.between(before, after, room.watched.lists) if before != after else None
    return page(request, "versions.html", kept=kept[::-1], a=before, b=after, found=found, shown=_LISTS)


async def login_page(request: Request) -> Response:
    """Show the page on which a token is entered."""
    return page(request, "login.html", wrong=False)


async def login(request: Request) -> Response:
    """Keep a token in a cookie that no script and no other site can send."""
    room: Room = request.app.state.room
    data = await body_of(request, 10_000)
    secret = parse_qs(data.decode(errors="replace")).get("token", [""])[0].strip()
    if room.tokens.check(secret) is None:
        response = page(request, "login.html", wrong=True)
        response.status_code = 401
        return response
    response = RedirectResponse("/desk", 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, secret, max_age=12 * 3600, httponly=True, samesite="strict", secure=secure)
    return response


async def logout(request: Request) -> Response:
    """Log out: the browser forgets the token."""
    response = RedirectResponse("/desk", 303)
    response.delete_cookie(COOKIE)
    return response


def routes() -> list[BaseRoute]:
    """List the addresses of the pages of the desk."""
    return [
        Route("/desk", control_room),
        Route("/desk/story", story),
        Route("/desk/versions", compared),
        Route("/desk/login", login_page),
        Route("/desk/login", login, methods=["POST"]),
        Route("/desk/logout", logout, methods=["POST"]),
    ]
