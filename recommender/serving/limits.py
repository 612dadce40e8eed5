"""Limits of the requests of one client and of the size of a request."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request

_MAX_CLIENTS = 10_000  # clients that are remembered
BURST = 2.0  # seconds of requests that a client may send at once


class Rate:
    """A token bucket for each client, which limits requests per second and allows bursts; a rate of 0 is no limit.

    Examples
    --------
    >>> rate = Rate(1.0, clock=lambda: 0.0)
    >>> [rate.allows("a") for _ in range(3)], rate.allows("b")
    ([True, True, False], True)
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, client: str, cost: float = 1.0) -> bool:
        """Count a request of this cost, and return whether the client may send it now."""
        if not self._rate:
            return True
        now, capacity = self._clock(), self._rate * BURST
        left, since = self._left.pop(client, (capacity, now))
        left = min(capacity, left + (now - since) * self._rate)
        cost = min(cost, capacity)
        is_allowed = left >= cost
        self._left[client] = (left - cost if is_allowed else left, now)
        if len(self._left) > _MAX_CLIENTS:  # the client with the oldest request is forgotten
            del self._left[next(iter(self._left))]
        return is_allowed


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body of a request; raise 413 as soon as it is larger than allowed."""
    too_large = HTTPException(413, f"the request is larger than {max_bytes:,} bytes")
    declared = request.headers.get("content-length")
    if declared is not None and (not declared.isdigit() or int(declared) > max_bytes):
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)
