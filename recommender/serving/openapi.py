"""The read API as an OpenAPI document, which the documentation page shows as well."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from recommender.serving.api import MAX_BATCH, MAX_K, MAX_STORIES, json_response
from recommender.version import __version__


def _query(name: str, text: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind, **more}}


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _get(summary: str, responses: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    listed = {"parameters": list(parameters)} if parameters else {}
    return {"get": {"summary": summary, **listed, "responses": responses}}


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


_ERROR = _json("What was wrong", {"$ref": "#/components/schemas/Error"})
_LIST = _json("The list", {"$ref": "#/components/schemas/List"})
_K = _query("k", "Places; of more than were published the reserves", "integer", minimum=1, maximum=MAX_K)
_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
_STORY = {
    "title": _TEXT,
    "url": {"type": ["string", "null"]},
    "section": {"type": ["string", "null"]},
    "published_at": {"type": ["string", "null"], "format": "date-time"},
    "line": _TEXT,
    "image_url": {"type": ["string", "null"]},
    "outlet": {"type": ["string", "null"]},
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_REASON = _object(kind=_TEXT, text=_TEXT, weight=_NUMBER, terms=_array(_object(term=_TEXT, weight=_NUMBER)))
_ITEM = _object(
    rank={"type": "integer"},
    article_id=_TEXT,
    **_STORY,
    source={"enum": ["related", "evergreen", "pinned", "more"]},
    score=_NUMBER,
    components={"type": "object", "additionalProperties": {"type": ["number", "null"]}},
    reasons=_array(_REASON),
    contributions={"type": ["object", "null"], "additionalProperties": {"type": ["number", "null"]}},
)
_LIST_SCHEMA = _object(
    article_id=_TEXT,
    status={"enum": ["ok", "filled", "short", "empty", "withheld", "withdrawn", "unknown", "not_computed"]},
    k={"type": "integer"},
    version=_TEXT,
    as_of={"type": ["string", "null"], "format": "date-time"},
    settings=_TEXT,
    story={"oneOf": [_object(**_STORY), {"type": "null"}]},
    items=_array({"$ref": "#/components/schemas/Item"}),
    reserves=_array({"$ref": "#/components/schemas/Item"}),
)
_GET_LIST = {
    "summary": "The Read next list of a story",
    "parameters": [_K],
    "responses": {
        "200": _LIST,
        "304": {"description": "As you have it: send its ETag as If-None-Match"},
        "404": _json("No such story; the body is a list without items", {"$ref": "#/components/schemas/List"}),
        "410": _json("The story was withdrawn", {"$ref": "#/components/schemas/List"}),
        "429": _ERROR,
    },
}
_DRAFT_BODY = _body(
    _object(title=_TEXT, body=_TEXT, section=_TEXT, published_at=_TEXT, k={"type": "integer", "minimum": 1}),
    {"title": "Ferry aground off Gull Point", "body": "The harbour ferry ran aground on Tuesday."},
)
_BATCH_BODY = _body(
    _object(ids=_array({"type": ["string", "integer"]}), k={"type": "integer"}),
    {"ids": ["ferry-inquiry", "opera-resigns"]},
)
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Read next", "version": __version__, "description": "Published lists of related stories."},
    "security": [{}, {"token": []}],
    "paths": {
        "/v1/read-next/{id}": {
            "get": {**_GET_LIST, "parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT}, _K]}
        },
        "/v1/read-next": {
            "get": {
                **_GET_LIST,
                "summary": "The same for an id that is no part of a path, such as one with ../ in it",
                "parameters": [{**_query("id", "The story"), "required": True}, _K],
            },
            "post": {
                "summary": "The list of a draft; needs the saved archive",
                "requestBody": _DRAFT_BODY,
                "responses": {"200": _LIST, "400": _ERROR, "410": _ERROR, "413": _ERROR, "501": _ERROR},
            },
        },
        "/v1/read-next/batch": {
            "post": {
                "summary": f"The lists of up to {MAX_BATCH} stories, all of one version",
                "requestBody": _BATCH_BODY,
                "responses": {
                    "200": _json(
                        "The lists, in the order of the ids",
                        _object(version=_TEXT, lists=_array({"$ref": "#/components/schemas/List"})),
                    ),
                    "400": _ERROR,
                    "413": _ERROR,
                },
            }
        },
        "/v1/stories": _get(
            "Find stories by words of their headlines, misspelled ones too",
            {"200": _json("The newest first", {"type": "object"}), "400": _ERROR},
            _query("q", "Words, beginnings of words, or an id"),
            _query("section", "Only this section"),
            _query("status", "Only lists of this status, or `warned`: that somebody should look at"),
            _query("outlet", "Only stories of this outlet"),
            _query("limit", "Stories given", "integer", minimum=1, maximum=MAX_STORIES),
            _query("offset", "Stories left out before", "integer", minimum=0),
        ),
        "/v1/versions": _get(
            "The versions that are kept, the newest first", {"200": _json("Versions", {"type": "object"})}
        ),
        "/healthz": _get(
            "Whether lists can be read; `stale` where the newest version cannot",
            {"200": _json("ok or stale", {"type": "object"}), "503": _ERROR},
        ),
        "/metrics": _get(
            "Figures for Prometheus",
            {"200": {"description": "Text", "content": {"text/plain": {"schema": _TEXT}}}},
        ),
    },
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {"List": _LIST_SCHEMA, "Item": _ITEM, "Error": _object(error=_TEXT)},
    },
}


async def document(request: Request) -> Response:
    """Answer with the OpenAPI document."""
    return json_response(DOCUMENT)
