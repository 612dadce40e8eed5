"""The desk: the pages where editors see the lists and decide.

Starlette runs endpoints that are no coroutines in its thread pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recommender.errors import did_you_mean
from recommender.preview.pages import STATES, spaced, story_values
from recommender.publishing import PublishedLists
from recommender.serving.acts import decisions_on, headlines, headlines_of_act, notes_on
from recommender.serving.api import query_integer
from recommender.serving.limits import read_body
from recommender.serving.middleware import COOKIE
from recommender.serving.pages import error_page, page
from recommender.serving.state import server_state
from recommender.serving.stories import SORTS, WARNED, StoryQuery

_PAGE = 25  # stories on a page
_WEAK = 8  # newest stories with weak lists that are shown
_BOOSTED = 200  # newest lists in which the effect of a boost is counted
_COMPARED = 60  # lists that a comparison shows
_SORTS_OF_COLUMNS = ("title", "section", "outlet", "newest", "weakest", "warned")


def control_room(request: Request) -> Response:
    """Answer with totals, weak lists, and all stories with filters."""
    state = server_state(request)
    query = request.query_params
    offset = query_integer(request, "offset", 0, 1_000_000, 0) or 0
    sort = query.get("sort") or "newest"
    if sort not in SORTS:
        raise HTTPException(400, f"sort is {sort[:40]!r}, expected one of {', '.join(SORTS)}")
    days = query_integer(request, "days", None, 36_500) if query.get("days") else None
    filters = {name: query.get(name) or None for name in ("section", "outlet", "status")}
    text = (query.get("q") or "")[:500]
    stories = state.stories()
    fields = {"q": text, **filters, "days": days, "sort": sort if sort != "newest" else None}
    set_fields = {name: value for name, value in fields.items() if value}
    done = state.done_act(query.get("done"))
    lists = state.watcher.lists
    newest = [row["id"] for row in stories.find(StoryQuery(limit=_BOOSTED)).rows] if done else []
    return page(
        request,
        "control.html",
        stories=stories,
        sections=_choices(stories.sections),
        outlets=_choices(stories.outlets),
        statuses=[
            *((name, f"{STATES[name]} ({count:,})") for name, count in stories.statuses.items()),
            *([(WARNED, f"Warnings ({stories.warned:,})")] if stories.warned else []),
        ],
        filter_address="/desk?status=",
        found=stories.find(StoryQuery(text=text, days=days, sort=sort, limit=_PAGE, offset=offset, **filters)),
        fields=fields,
        filtered=bool(set_fields),
        offset=offset,
        size=_PAGE,
        heads=_column_heads(set_fields, sort),
        next_page="?" + urlencode({**set_fields, "offset": offset + _PAGE}),
        previous_page="?" + urlencode({**set_fields, "offset": max(offset - _PAGE, 0)}),
        weak=stories.weak(_WEAK) if not set_fields and not offset else [],
        overlay=lists.overlay,
        changes=state.changes.latest(lists),
        boilerplate=lists.manifest.get("boilerplate"),
        done=done,
        effect=_count_boosted(lists, done, newest) if done else None,
    )


def _choices(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{spaced(name)} ({count:,})") for name, count in counts.items()]


def _column_heads(set_fields: Mapping[str, Any], sort: str) -> list[dict[str, str]]:
    """Return the link of each column of the table, which sorts by it, and the direction of the present sorting."""
    heads = []
    for name in _SORTS_OF_COLUMNS:
        new_sort = "oldest" if name == sort == "newest" else name
        is_sorted = sort in ("newest", "oldest") if name == "newest" else sort == name
        direction = ("descending" if sort in ("newest", "warned") else "ascending") if is_sorted else ""
        heads.append({"to": "?" + urlencode({**set_fields, "sort": new_sort}), "sorted": direction})
    return heads


def _count_boosted(lists: PublishedLists, done: Mapping[str, Any], ids: Sequence[str]) -> tuple[int, int] | None:
    """Count how many lists differ after the act, and the lists that were compared; None if it is no boost."""
    if done["what"] not in ("boost", "unboost"):
        return None
    after, section, boost = lists.overlay.decisions, done["item"], done["before"]["holds"]
    before = after.apply("boost", [(section, *boost.values(), "")]) if boost else after.apply("unboost", [section])
    pairs = zip(lists.jsons(ids, after), lists.jsons(ids, before), strict=True)
    return sum(new != old for new, old in pairs), len(ids)


def story(request: Request) -> Response:
    """Answer with a story, its list, the reasons, and the acts that are possible."""
    state = server_state(request)
    lists = state.watcher.lists
    article_id = request.query_params.get("id") or ""
    read_next = lists.get(article_id)
    if read_next.status == "unknown":
        hint = did_you_mean(article_id, lists.ids())
        return error_page(request, 404, f"No published story has the id {article_id!r}{hint}.")
    rejected = None
    if request.query_params.get("rejected") and state.drafts is not None:
        rejected = state.drafts.rejected(article_id)
    decided, done = decisions_on(lists.overlay.decisions, article_id), state.done_act(request.query_params.get("done"))
    return page(
        request,
        "story_desk.html",
        **story_values(read_next, rejected),
        decided=decided,
        titles=headlines(lists, {decision["item"] for decision in decided}),
        done=done,
        done_titles=headlines_of_act(lists, done),
        notes=notes_on(lists, done),
        live=_LiveIds(lists),
    )


class _LiveIds:
    """The ids of the stories that have a page, looked up when a page asks for one."""

    def __init__(self, lists: PublishedLists) -> None:
        self._lists = lists

    def __contains__(self, article_id: object) -> bool:
        return self._lists.get(str(article_id)).status not in ("unknown", "withdrawn")


def compared(request: Request) -> Response:
    """Answer with a comparison of two versions."""
    state = server_state(request)
    kept = PublishedLists.versions(state.config.lists)
    names = [version.name for version in kept]
    current = next((number for number, version in enumerate(kept) if version.current), 0)
    before = request.query_params.get("a") or names[max(current - 1, 0)]
    after = request.query_params.get("b") or names[current]
    for name in (before, after):
        if name not in names:
            raise HTTPException(404, f"version {name[:100]!r} is not kept")
    comparison = state.changes.between(before, after, state.watcher.lists) if before != after else None
    return page(request, "versions.html", kept=kept[::-1], a=before, b=after, found=comparison, shown=_COMPARED)


async def login_page(request: Request) -> Response:
    """Answer with the page on which a token is entered."""
    return page(request, "login.html", wrong=False)


async def login(request: Request) -> Response:
    """Store a token in a cookie that no script can read and no other site can send."""
    state = server_state(request)
    data = await read_body(request, 10_000)
    secret = parse_qs(data.decode(errors="replace")).get("token", [""])[0].strip()
    if state.tokens.check(secret) is None:
        return page(request, "login.html", 401, wrong=True)
    response = RedirectResponse("/desk", 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, secret, max_age=12 * 3600, httponly=True, samesite="strict", secure=secure)
    return response


async def logout(request: Request) -> Response:
    """Delete the cookie with the token."""
    response = RedirectResponse("/desk", 303)
    response.delete_cookie(COOKIE)
    return response
