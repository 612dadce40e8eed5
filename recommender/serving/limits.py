"""Limits: how much one client may ask in a second, and how large a request may be."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request

_CLIENTS = 10_000  # clients that are remembered
BURST = 2.0  # seconds of requests that a client may send at once


class Rate:
    """A token bucket a client: so many requests a second, and some seconds of them at once.

    Parameters
    ----------
    rate : float
        Requests a second; 0 = no limit.
    clock : callable
        Seconds since any moment.

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
        """Tell whether a client may ask for something of this cost now."""
        if not self._rate:
            return True
        now, most = self._clock(), self._rate * BURST
        left, since = self._left.pop(client, (most, now))
        left = min(most, left + (now - since) * self._rate)
        allowed = left >= min(cost, most)
        self._left[client] = (left - min(cost, most) if allowed else left, now)
        if len(self._left) > _CLIENTS:  # the one that was silent for longest is forgotten
            del self._left[next(iter(self._left))]
        return allowed


async def body_of(request: Request, most: int) -> bytes:
    """Read the body of a request, no further than it may be long."""
    told = request.headers.get("content-length")
    if told is not None and (not told.isdigit() or int(told) > most):
        raise HTTPException(413, f"the request is larger than {most:,} bytes")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HTTPException(413, f"the request is larger than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)
