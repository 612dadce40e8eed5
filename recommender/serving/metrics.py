"""What the server tells Prometheus. With several workers each writes to files of its own, and any of them tells all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_STEPS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self._registry}
        self.requests = Counter("recommender_requests", "Requests answered", ["route", "status"], **made)
        self.seconds = Histogram(
            "recommender_request_seconds", "Time until a request was answered", ["route"], buckets=_STEPS, **made
        )
        self.lists = Counter("recommender_lists", "Lists given, by their status", ["status"], **made)
        self.acts = Counter("recommender_acts", "What editors did", ["what"], **made)
        self.reloads = Counter("recommender_reloads", "Turns to another version", ["outcome"], **made)
        gauge: dict[str, Any] = {"multiprocess_mode": "mostrecent", **made}
        self.stories = Gauge("recommender_stories", "Stories of the version", **gauge)
        self.as_of = Gauge("recommender_version_as_of_seconds", "Moment that the lists are for, Unix time", **gauge)
        self.since = Gauge("recommender_version_seen_seconds", "When the version was turned to, Unix time", **gauge)
        self._children: dict[tuple[str, int], Callable[[float], None]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        tell = self._children.get((route, status))
        if tell is None:  # looking a child up by its labels takes longer than counting
            count, timed = self.requests.labels(route, str(status)), self.seconds.labels(route)

            def tell(seconds: float) -> None:
                count.inc()
                timed.observe(seconds)

            self._children[route, status] = tell
        tell(seconds)

    def turned_to(self, stories: int, as_of: datetime | None) -> None:
        """Record which version is served from now on."""
        self.reloads.labels("done").inc()
        self.stories.set(stories)
        self.as_of.set(as_of.timestamp() if as_of else 0)
        self.since.set(time.time())

    def text(self) -> bytes:
        """Write all figures in the form that Prometheus reads."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
