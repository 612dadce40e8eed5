"""The read API: lists, drafts, stories and versions as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from recommender.articles.id_types import id_texts
from recommender.errors import InputError, SnapshotError, WithdrawnArticleError
from recommender.lists.readnext import resized
from recommender.publishing import PublishedLists
from recommender.publishing.protocol import to_json
from recommender.serving.limits import body_of
from recommender.serving.room import Room
from recommender.serving.stories import Wanted

MOST_K, MOST_BATCH, MOST_STORIES = 100, 200, 200
_JSON = "application/json"
_STATUS = {"unknown": 404, "withdrawn": 410}


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a value as JSON."""
    data = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(data, status, {"cache-control": "no-cache", **(headers or {})}, _JSON)


def number_of(request: Request, name: str, default: int | None, most: int, least: int = 1) -> int | None:
    """Read a whole number of the query; raises 400 for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    return _whole(text, name, most, least)


def _whole(given: Any, name: str, most: int, least: int = 1) -> int:
    text = str(given)
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise HTTPException(400, f"{name} is {text[:40]!r}, expected a whole number from {least} to {most:,}")
    return int(text)


async def read_next(request: Request) -> Response:
    """Answer with the list of a story as it is stored, or with `k` places."""
    room: Room = request.app.state.room
    article_id = request.path_params.get("article_id") or request.query_params.get("id")
    if not article_id:
        raise HTTPException(400, "no story was named: /v1/read-next/ID, or ?id=ID for an id that is no part of a path")
    k = number_of(request, "k", None, MOST_K)
    (data,), (status,) = await _lists(room, room.watched.lists, [article_id], k)
    age = room.config.max_age
    etag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": f"public, max-age={age}" if age else "no-cache"}
    code = _STATUS.get(status, 200)
    if code == 200 and etag in [one.strip().removeprefix("W/") for one in _asked(request).split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(data, code, headers, _JSON)


def _asked(request: Request) -> str:
    return request.headers.get("if-none-match", "")


async def _lists(room: Room, lists: PublishedLists, ids: Sequence[str], k: int | None) -> tuple[list[bytes], list[str]]:
    """Read the lists of some stories as JSON, all of one version and one moment, and their statuses."""
    found = await room.reading(lists.jsons, ids)
    records = [orjson.loads(data) for data in found]
    if k is not None:
        records = [resized(record, k) if record["k"] else record for record in records]
        found = [to_json(record)[:-1] for record in records]
    statuses = [record["status"] for record in records]
    for status in statuses:
        room.metrics.lists.labels(status).inc()
    return found, statuses


async def read_next_batch(request: Request) -> Response:
    """Answer with the lists of many stories, all of one version; unknown or withdrawn ones say so in `status`."""
    room: Room = request.app.state.room
    asked = await _object(request)
    given = asked.get("ids")
    ids = id_texts(given) if isinstance(given, list) else []
    if not ids or not all(isinstance(one, str) for one in ids):
        raise HTTPException(
            400, 'ids is no list of texts or whole numbers, expected such as {"ids": ["story-1", "story-2"]}'
        )
    if len(ids) > MOST_BATCH:
        raise HTTPException(400, f"{len(ids):,} ids, expected at most {MOST_BATCH}")
    k = _whole(asked["k"], "k", MOST_K) if asked.get("k") is not None else None
    lists = room.watched.lists
    found, _ = await _lists(room, lists, ids, k)
    head = orjson.dumps({"version": lists.version})[:-1]
    return Response(head + b',"lists":[' + b",".join(found) + b"]}", 200, {"cache-control": "no-cache"}, _JSON)


async def read_next_draft(request: Request) -> Response:
    """Answer with the list of a story that is not published yet."""
    room: Room = request.app.state.room
    asked = await _object(request)
    if room.drafts is None:
        raise HTTPException(501, "drafts need the saved archive: start the server with --archive DIR")
    k = _whole(asked.pop("k"), "k", MOST_K) if asked.get("k") is not None else None
    try:
        found = await run_in_threadpool(room.drafts.recommend, asked, k)
    except InputError as error:
        raise HTTPException(400, str(error)) from None
    except WithdrawnArticleError as error:
        raise HTTPException(410, str(error)) from None
    return answer(found)


async def _object(request: Request) -> dict[str, Any]:
    room: Room = request.app.state.room
    try:
        value = orjson.loads(await body_of(request, room.config.max_body))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is no JSON object")
    return value


async def stories(request: Request) -> Response:
    """Find stories by words of their headlines, section and state of their list, the newest first."""
    room: Room = request.app.state.room
    query = request.query_params
    wanted = Wanted(
        text=query.get("q", "")[:500],
        section=query.get("section"),
        status=query.get("status"),
        outlet=query.get("outlet"),
        limit=number_of(request, "limit", None, MOST_STORIES) or 20,
        offset=number_of(request, "offset", None, 1_000_000, 0) or 0,
    )
    found = await run_in_threadpool(room.search, wanted)
    return answer({"version": found.version, "total": found.total, "meant": found.meant, "stories": found.rows})


async def versions(request: Request) -> Response:
    """Answer with the versions that are kept, the newest first."""
    room: Room = request.app.state.room
    kept = await run_in_threadpool(PublishedLists.versions, room.config.lists)
    told = [
        {
            "name": one.name,
            "version": one.version,
            "current": one.current,
            "as_of": one.manifest.get("as_of"),
            "stories": one.manifest.get("stories"),
            "k": one.manifest.get("k"),
        }
        for one in reversed(kept)
    ]
    return answer({"serving": room.watched.lists.version, "versions": told})


async def health(request: Request) -> Response:
    """Tell whether lists can be read, and whether the newest version is the one that is served."""
    room: Room = request.app.state.room
    lists = room.watched.lists
    try:
        await room.reading(lists.overlay.refresh)
    except SnapshotError as error:
        return answer({"status": "broken", "error": str(error)}, 503)
    told = {"status": "stale" if room.watched.trouble else "ok", "version": lists.version}
    as_of = lists.as_of
    told["as_of"] = as_of.isoformat() if as_of else ""
    told["time"] = datetime.now(UTC).isoformat()
    return answer(told | ({"error": room.watched.trouble} if room.watched.trouble else {}))


async def metrics(request: Request) -> Response:
    """Answer with the figures that Prometheus collects."""
    from recommender.serving.metrics import CONTENT_TYPE

    room: Room = request.app.state.room
    return Response(await run_in_threadpool(room.metrics.text), media_type=CONTENT_TYPE)
