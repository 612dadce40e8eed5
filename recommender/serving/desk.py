"""The desk: the room where editors see the lists and decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from recommender.errors import SettingsError
from recommender.lists.readnext import MORE, ReadNext, Recommendation
from recommender.lists.reasons import apart_text
from recommender.preview.words import reasons_of, remedy, rule_labels
from recommender.publishing import PublishedLists
from recommender.publishing.comparison import compare
from recommender.serving.acts import Act, Acts, decided_of
from recommender.serving.api import answer, number_of
from recommender.serving.door import COOKIE, check_form_key, form_key, may_write
from recommender.serving.limits import body_of
from recommender.serving.pages import error_page, render, story_address
from recommender.serving.room import Room
from recommender.serving.stories import SORTS, Wanted

_PAGE = 25  # stories of one page
_WEAK, _LAST = 8, 100  # newest stories with weak lists, and acts, that are shown
_SHOWN = 20  # rejected candidates of one rule
_LISTS = 60  # lists of a comparison


def _page(request: Request, template: str, **values: Any) -> Response:
    """Make a page of the desk, with what all of them show."""
    room: Room = request.app.state.room
    lists, token = room.watched.lists, request.scope["token"]
    return render(
        template,
        version=lists.version,
        as_of=lists.as_of,
        token=token,
        writes=token is not None and token.right == "write" and room.acts is not None,
        key=form_key(request.scope),
        trouble=room.watched.trouble,
        **values,
    )


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
    return _page(
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
        moment=_moment,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


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
    decided, acts = decided_of(decisions, article_id), room.acts
    done = acts.journal.find(request.query_params["done"]) if acts and request.query_params.get("done") else None
    return _page(
        request,
        "story_desk.html",
        found=found,
        article_id=article_id,
        decided=decided,
        named=_headlines(lists, {one["item"] for one in decided}),
        done=done,
        done_list=_titles(lists, done),
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


def _titles(lists: PublishedLists, entry: Mapping[str, Any] | None) -> dict[str, str]:
    """Find the headlines of the stories that an entry of the journal names."""
    if entry is None:
        return {}
    ids = {entry.get("item"), entry.get("story"), *entry["before"]["list"], *entry["after"]["list"]} - {None}
    return _headlines(lists, map(str, ids))


def _headlines(lists: PublishedLists, ids: Iterable[str]) -> dict[str, str]:
    """Find the headlines of stories by their ids; of one that is not shown its id."""
    found = {name: lists.get(name).story for name in ids}
    return {name: (story.title or story.line if story else "") or name for name, story in found.items()}


async def act(request: Request) -> Response:
    """Do what a form says, and show its effect."""
    form = await _form(request)
    entry = await run_in_threadpool(_done, request, form)
    shown = entry["story"] or (entry["item"] if entry["what"] != "withdraw" else None)
    back = form.get("back") or shown
    if not back:
        return RedirectResponse(f"/desk/journal?done={entry['id']}", 303)
    return RedirectResponse(f"{story_address(str(back))}&done={entry['id']}", 303)


async def act_json(request: Request) -> Response:
    """Do what a program says; answers with the entry of the journal."""
    import orjson

    room: Room = request.app.state.room
    may_write(request.scope)
    try:
        asked = orjson.loads(await body_of(request, room.config.max_body))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "the body is no JSON object")
    return answer(await run_in_threadpool(_done, request, asked))


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
    if room.acts is None:
        raise HTTPException(409, "acts need a journal: start the server with --journal FILE")
    lists = room.watched.lists
    try:
        if given.get("undoes"):
            who, why = (str(given.get(name) or "").strip() for name in ("who", "why"))
            entry = room.acts.undo(lists, str(given["undoes"]), who, why, token.name)
        else:
            wanted = Act.of(given)
            _check_known(lists, wanted, bool(given.get("unknown_too")))
            entry = room.acts.do(lists, wanted, token.name)
    except SettingsError as error:
        raise HTTPException(400, str(error)) from None
    room.metrics.acts.labels(entry["what"]).inc()
    return entry


def _check_known(lists: PublishedLists, wanted: Act, unknown_too: bool) -> None:
    """Refuse a mistyped id: a takedown of it would be confirmed, and what was meant would stand."""
    named = [wanted.item, *([wanted.story] if wanted.story else [])]
    odd = [one for one in named if lists.get(one).status == "unknown"]
    if odd and not unknown_too:
        raise HTTPException(404, f"no published story has the id {odd[0]!r}; with unknown_too it is remembered")


async def journal(request: Request) -> Response:
    """Show what was done, the newest first."""
    room: Room = request.app.state.room
    acts = _acts(room)
    entries = await run_in_threadpool(acts.journal.newest, _LAST)
    undone = {entry.get("undoes") for entry in entries}
    lists = room.watched.lists
    titles: dict[str, str] = {}
    for entry in entries:
        titles |= await run_in_threadpool(_titles, lists, entry)
    return _page(
        request,
        "journal.html",
        entries=entries,
        undone=undone,
        titles=titles,
        done=request.query_params.get("done"),
        moment=_moment,
    )


async def journal_file(request: Request) -> Response:
    """Send the journal as it is stored."""
    acts = _acts(request.app.state.room)
    if request.scope["token"] is None:
        raise HTTPException(401, "the journal is given to who has a token")
    if not acts.journal.path.exists():
        return Response(b"", media_type="application/x-ndjson")
    return FileResponse(acts.journal.path, media_type="application/x-ndjson", filename="journal.jsonl")


def _acts(room: Room) -> Acts:
    if room.acts is None:
        raise HTTPException(404, "there is no journal: start the server with --journal FILE")
    return room.acts


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
    return _page(request, "versions.html", kept=kept[::-1], a=before, b=after, found=found, shown=_LISTS)


async def login_page(request: Request) -> Response:
    """Show the page on which a token is entered."""
    return _page(request, "login.html", wrong=False)


async def login(request: Request) -> Response:
    """Keep a token in a cookie that no script and no other site can send."""
    room: Room = request.app.state.room
    data = await body_of(request, 10_000)
    secret = parse_qs(data.decode(errors="replace")).get("token", [""])[0].strip()
    if room.tokens.check(secret) is None:
        response = _page(request, "login.html", wrong=True)
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
        Route("/desk/act", act, methods=["POST"]),
        Route("/v1/acts", act_json, methods=["POST"]),
        Route("/desk/journal", journal),
        Route("/desk/journal.jsonl", journal_file),
        Route("/desk/versions", compared),
        Route("/desk/login", login_page),
        Route("/desk/login", login, methods=["POST"]),
        Route("/desk/logout", logout, methods=["POST"]),
    ]
