"""The desk: the room where editors see the lists and decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.lists.readnext import MORE, ReadNext, Recommendation
from recommender.lists.reasons import apart_text
from recommender.preview.words import reasons_of, remedy, rule_labels
from recommender.publishing import PublishedLists
from recommender.publishing.comparison import compare
from recommender.serving.api import number_of
from recommender.serving.decide import decided_of, headlines, titles
from recommender.serving.door import COOKIE
from recommender.serving.limits import body_of
from recommender.serving.pages import error_page, moment, page
from recommender.serving.room import Room
from recommender.serving.stories import SORTS, Wanted

_PAGE = 25  # stories of one page
_WEAK = 8  # newest stories with weak lists that are shown
_SHOWN = 20  # rejected candidates of one rule
_LISTS = 60  # lists of a comparison


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
    chosen = {name: query.get(name) or None for name in ("section", "status")}
    text = (query.get("q") or "")[:500]
    stories = room.stories()
    found = stories.find(Wanted(text=text, days=days, sort=sort, limit=_PAGE, offset=offset, **chosen))
    asked = {"q": text, **chosen, "days": days, "sort": sort if sort != "newest" else None}
    given = {name: value for name, value in asked.items() if value}
    weak = stories.weak(_WEAK) if not given and not offset else []
    return page(
        request,
        "control.html",
        stories=stories,
        found=found,
        asked=asked,
        filtered=bool(given),
        offset=offset,
        size=_PAGE,
        more="?" + urlencode({**given, "offset": offset + _PAGE}),
        less="?" + urlencode({**given, "offset": max(offset - _PAGE, 0)}),
        weak=weak,
        decided=room.watched.lists.tombstones,
        moment=moment,
    )


async def story(request: Request) -> Response:
    """Show a story with its list, the reasons, and what may be done about it."""
    return await run_in_threadpool(_story, request)


def _story(request: Request) -> Response:
    room: Room = request.app.state.room
    lists = room.watched.lists
    article_id = request.query_params.get("id") or ""
    found = lists.get(article_id)
    decisions = lists.tombstones.decisions
    if found.status == "unknown":
        return error_page(request, 404, f"No published story has the id {article_id!r}.")
    rejected = None
    if request.query_params.get("rejected") and room.drafts is not None:
        rejected = _by_rule(room, article_id)
    parts = [abs(value) for item in found.items for value in item.contributions.values()]
    decided, journal = decided_of(decisions, article_id), room.journal
    done = journal.find(request.query_params["done"]) if journal and request.query_params.get("done") else None
    return page(
        request,
        "story_desk.html",
        found=found,
        article_id=article_id,
        decided=decided,
        named=headlines(lists, {one["item"] for one in decided}),
        done=done,
        done_list=titles(lists, done),
        rejected=rejected,
        asks_archive=room.drafts is None,
        scale=max(parts, default=1.0) or 1.0,
        families=_FAMILIES,
        strongest=_strongest,
        reasons_of=reasons_of,
        apart=lambda item: _apart(found, item.published_at),
        more=MORE,
        live=_Live(lists),
    )


_FAMILIES = {
    "words": "Words",
    "title": "Headlines",
    "lead": "Openings",
    "names": "People, places",
    "standing": "Few as close",
    "hubness": "Close to all",
    "embedding": "Meaning",
    "time": "Time",
    "section": "Section",
}
_BARS = 5


def _strongest(item: Recommendation) -> list[tuple[str, float]]:
    """Find the families that say most for or against an item, those that speak for it first."""
    loudest = sorted(item.contributions.items(), key=lambda part: -abs(part[1]))[:_BARS]
    return sorted(loudest, key=lambda part: -part[1])


class _Live:
    """Which ids have a page."""

    def __init__(self, lists: PublishedLists) -> None:
        self._lists = lists

    def __contains__(self, article_id: object) -> bool:
        return self._lists.get(str(article_id)).status not in ("unknown", "withdrawn")


def _apart(found: ReadNext, published: datetime | None) -> str:
    """Say how far an item's time is from the story's."""
    own = None if found.story is None else found.story.published_at
    if own is None or published is None:
        return ""
    return apart_text(int((published - own).total_seconds() // 3600))


def _by_rule(room: Room, article_id: str) -> list[dict[str, Any]] | None:
    """Group rejected candidates by the rule that keeps them out, in words."""
    assert room.drafts is not None
    found = room.drafts.rejected(article_id)
    if found is None:
        return None
    rules: dict[str, list[Any]] = {}
    for one in found:
        rules.setdefault(one.rule, []).append(one)
    labels = rule_labels()
    return [
        {"rule": labels.get(rule, rule), "remedy": remedy(rule), "shown": some[:_SHOWN], "more": len(some[_SHOWN:])}
        for rule, some in rules.items()
    ]


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
    place = room.config.lists
    found = None
    if before != after:
        found = compare(PublishedLists.open(place, before), PublishedLists.open(place, after))
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
