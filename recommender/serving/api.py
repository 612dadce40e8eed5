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
from recommender.preview.pages import STATES
from recommender.publishing import PublishedLists
from recommender.publishing.protocol import to_json
from recommender.serving.limits import read_body
from recommender.serving.metrics import CONTENT_TYPE
from recommender.serving.state import ServerState, server_state
from recommender.serving.stories import WARNED, StoryQuery

MAX_K, MAX_BATCH, MAX_STORIES = 100, 200, 200
_JSON = "application/json"
_STATUS = {"unknown": 404, "withdrawn": 410}


def json_response(value: Any, status: int = 200) -> Response:
    """Return a response with a value as JSON."""
    return Response(orjson.dumps(value, option=orjson.OPT_UTC_Z), status, {"cache-control": "no-cache"}, _JSON)


def query_integer(request: Request, name: str, default: int | None, maximum: int, minimum: int = 1) -> int | None:
    """Read an integer of the query string; raise 400 for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    return _parse_integer(text, name, maximum, minimum)


def _parse_integer(value: Any, name: str, maximum: int, minimum: int = 1) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or not minimum <= int(text[:9]) <= maximum:
        raise HTTPException(400, f"{name} is {text[:40]!r}, expected a whole number from {minimum} to {maximum:,}")
    return int(text)


def _optional_k(body: dict[str, Any]) -> int | None:
    """Take the number of places out of a JSON object, if it has one."""
    k = body.pop("k", None)
    return None if k is None else _parse_integer(k, "k", MAX_K)


async def read_next(request: Request) -> Response:
    """Answer with the published list of a story, shortened or extended to `k` places if the request has `k`."""
    state = server_state(request)
    article_id = request.path_params.get("article_id") or request.query_params.get("id")
    if not article_id:
        raise HTTPException(400, "no story was named: /v1/read-next/ID, or ?id=ID for an id that is no part of a path")
    k = query_integer(request, "k", None, MAX_K)
    (data,), (status,) = await _lists(state, state.watcher.lists, [article_id], k)
    max_age = state.config.max_age
    etag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": f"public, max-age={max_age}" if max_age else "no-cache"}
    code = _STATUS.get(status, 200)
    known_etags = request.headers.get("if-none-match", "").split(",")
    if code == 200 and etag in [known.strip().removeprefix("W/") for known in known_etags]:
        return Response(status_code=304, headers=headers)
    return Response(data, code, headers, _JSON)


async def _lists(
    state: ServerState, lists: PublishedLists, ids: Sequence[str], k: int | None
) -> tuple[list[bytes], list[str]]:
    """Read lists of one version as JSON, all at one moment, and return them with their statuses."""
    texts = await state.reading(lists.jsons, ids)
    records = [orjson.loads(text) for text in texts]
    if k is not None:
        records = [resized(record, k) if record["k"] else record for record in records]
        texts = [to_json(record)[:-1] for record in records]
    statuses = [record["status"] for record in records]
    for status in statuses:
        state.metrics.lists.labels(status).inc()
    return texts, statuses


async def read_next_batch(request: Request) -> Response:
    """Answer with the lists of many stories, all of one version; the `status` of each says whether a list exists."""
    state = server_state(request)
    body = await read_object(request)
    given = body.get("ids")
    ids = id_texts(given) if isinstance(given, list) else []
    if not ids or not all(isinstance(article_id, str) for article_id in ids):
        raise HTTPException(
            400, 'ids is no list of texts or whole numbers, expected such as {"ids": ["story-1", "story-2"]}'
        )
    if len(ids) > MAX_BATCH:
        raise HTTPException(400, f"{len(ids):,} ids, expected at most {MAX_BATCH}")
    k = _optional_k(body)
    lists = state.watcher.lists
    texts, _ = await _lists(state, lists, ids, k)
    head = orjson.dumps({"version": lists.version})[:-1]
    return Response(head + b',"lists":[' + b",".join(texts) + b"]}", 200, {"cache-control": "no-cache"}, _JSON)


async def read_next_draft(request: Request) -> Response:
    """Answer with the list of a story that is not published yet."""
    state = server_state(request)
    draft = await read_object(request)
    if state.drafts is None:
        raise HTTPException(501, "drafts need the saved archive: start the server with --archive DIR")
    k = _optional_k(draft)
    try:
        return json_response(await run_in_threadpool(state.drafts.recommend, draft, k))
    except InputError as error:
        raise HTTPException(400, str(error)) from None
    except WithdrawnArticleError as error:
        raise HTTPException(410, str(error)) from None


async def read_object(request: Request) -> dict[str, Any]:
    """Read the body of a request as a JSON object; raise 400 for anything else."""
    try:
        value = orjson.loads(await read_body(request, server_state(request).config.max_body))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(400, f"the body is JSON of another kind ({type(value).__name__}), expected an object")
    return value


def stories(request: Request) -> Response:
    """Answer with the stories of a search by words, section, outlet and status of their list, the newest first."""
    query = request.query_params
    status, known = query.get("status"), (*STATES, WARNED)
    if status and status not in known:
        raise HTTPException(400, f"status is {status[:100]!r}, expected one of {', '.join(known)}")
    story_query = StoryQuery(
        text=query.get("q", "")[:500],
        section=query.get("section"),
        status=status or None,
        outlet=query.get("outlet"),
        limit=query_integer(request, "limit", None, MAX_STORIES) or 20,
        offset=query_integer(request, "offset", None, 1_000_000, 0) or 0,
    )
    result = server_state(request).stories().find(story_query)
    return json_response(
        {"version": result.version, "total": result.total, "meant": result.meant, "stories": result.rows}
    )


def versions(request: Request) -> Response:
    """Answer with the versions that are kept, the newest first."""
    state = server_state(request)
    values = [
        {
            "name": version.name,
            "version": version.version,
            "current": version.current,
            **{name: version.manifest.get(name) for name in ("as_of", "stories", "k")},
        }
        for version in reversed(PublishedLists.versions(state.config.lists))
    ]
    return json_response({"serving": state.watcher.lists.version, "versions": values})


async def health(request: Request) -> Response:
    """Answer whether lists can be read, and whether the newest version is served."""
    state = server_state(request)
    lists = state.watcher.lists
    try:
        await state.reading(lists.overlay.refresh)
    except SnapshotError as error:
        return json_response({"status": "broken", "error": str(error)}, 503)
    trouble = state.watcher.trouble
    values = {
        "status": "stale" if trouble else "ok",
        "version": lists.version,
        "as_of": lists.as_of.isoformat() if lists.as_of else "",
        "time": datetime.now(UTC).isoformat(),
        **({"error": trouble} if trouble else {}),
    }
    return json_response(values)


def metrics(request: Request) -> Response:
    """Answer with the metrics for Prometheus."""
    return Response(server_state(request).metrics.text(), media_type=CONTENT_TYPE)
