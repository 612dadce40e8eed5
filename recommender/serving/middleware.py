"""Middleware of every request: it checks host, origin, token and rate, sets security headers and counts."""

from __future__ import annotations

import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommender.serving.config import Config
from recommender.serving.limits import Rate
from recommender.serving.metrics import Metrics
from recommender.serving.tokens import Token, Tokens

COOKIE = "recommender_token"
_PUBLIC = ("/healthz", "/desk/login", "/static/")
_SAFE = ("GET", "HEAD")
_COSTS = {"/v1/stories": 5.0, "/v1/read-next/batch": 20.0, "/desk": 5.0}  # of a request by its path; default 1
_WRITE_COST, _WRONG_TOKEN_COST = 20.0, 100.0
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'{}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_IMAGES = " https: http:"  # the pictures of stories, from wherever the newsroom keeps them
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


class AccessMiddleware:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, config: Config, tokens: Tokens, metrics: Metrics) -> None:
        self._app, self._config, self._tokens, self._metrics = app, config, tokens, metrics
        self._rate, self._hosts = Rate(config.rate), config.hosts
        policy = _POLICY.format(_IMAGES if config.images else "")
        self._headers = [(b"content-security-policy", policy.encode()), *_HEADERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward an allowed request to the application; answer any other with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        try:
            refusal = self._refusal(scope)
            await (self._app if refusal is None else refusal)(scope, receive, send_with_headers)
        finally:
            endpoint = scope.get("endpoint")
            route = getattr(endpoint, "__name__", "none")
            self._metrics.count_request(route, status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
        if self._hosts is not None and host not in self._hosts:
            return _error(400, f"the host {host!r} is not served here; --name {host} would allow it")
        if scope["method"] not in _SAFE and not _is_same_site(headers):
            return _error(403, "the request comes from another site")
        secret, from_cookie = _secret(headers)
        token = self._tokens.check(secret) if secret else None
        scope["token"], scope["secret"] = token, secret if token else ""
        client = token.name if token else (scope.get("client") or ("",))[0]
        is_wrong = bool(secret) and token is None and not from_cookie
        if not self._rate.allows(client, _WRONG_TOKEN_COST if is_wrong else _cost(scope["method"], path)):
            return _error(429, "too many requests; wait a second", {"retry-after": "1"})
        if is_wrong:
            return _error(401, "the token is not known", {"www-authenticate": "Bearer"})
        if token is None and not self._config.open and not path.startswith(_PUBLIC):
            if path.startswith("/desk"):
                return RedirectResponse("/desk/login", 303)
            return _error(401, "a token is needed: Authorization: Bearer ...", {"www-authenticate": "Bearer"})
        return None


def _cost(method: str, path: str) -> float:
    if method not in _SAFE and path != "/v1/read-next/batch":
        return _WRITE_COST
    return next((cost for start, cost in _COSTS.items() if path.startswith(start)), 1.0)


def _is_same_site(headers: Headers) -> bool:
    """Check that no other site sent the request, by what browsers declare; programs declare nothing and pass."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _secret(headers: Headers) -> tuple[str, bool]:
    """Return the token of a request, and whether a cookie contains it."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value:
        return value.strip(), False
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return "", False
    return (cookie.value, True) if cookie else ("", False)


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)


def may_write(scope: Scope) -> Token:
    """Return the token of a request if it may write; raise 401 or 403 otherwise."""
    token: Token | None = scope["token"]
    if token is None:
        raise HTTPException(401, "this needs a token that may write", {"www-authenticate": "Bearer"})
    if token.right != "write":
        raise HTTPException(403, f"the token of {token.name} may only read")
    return token


def form_key(scope: Scope) -> str:
    """Return the key of the forms of this server, derived from the token, so that other sites cannot know it."""
    secret: Any = scope.get("secret")
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest() if secret else ""


def check_form_key(scope: Scope, key: str) -> None:
    """Raise 403 unless a form has the key of `form_key`."""
    if not hmac.compare_digest(form_key(scope).encode(), key.encode()):
        raise HTTPException(403, "the form is old or not from here; open the page again")
