"""Metrics for Prometheus. Several workers each write files of their own, and any of them reports the sum."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry: dict[str, Any] = {"registry": self._registry}
        self.requests = Counter("recommender_requests", "Requests answered", ["route", "status"], **registry)
        self.seconds = Histogram(
            "recommender_request_seconds", "Time until a request was answered", ["route"], buckets=_BUCKETS, **registry
        )
        self.lists = Counter("recommender_lists", "Lists given, by their status", ["status"], **registry)
        self.acts = Counter("recommender_acts", "What editors did", ["what"], **registry)
        self.reloads = Counter("recommender_reloads", "Turns to another version", ["outcome"], **registry)
        gauge: dict[str, Any] = {"multiprocess_mode": "mostrecent", **registry}
        self.stories = Gauge("recommender_stories", "Stories of the version", **gauge)
        self.as_of = Gauge("recommender_version_as_of_seconds", "Moment that the lists are for, Unix time", **gauge)
        self.since = Gauge("recommender_version_seen_seconds", "When the version was turned to, Unix time", **gauge)
        self._recorders: dict[tuple[str, int], Callable[[float], None]] = {}

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        record = self._recorders.get((route, status))
        if record is None:  # kept, since finding a metric by its labels takes longer than counting
            count, duration = self.requests.labels(route, str(status)), self.seconds.labels(route)

            def record(seconds: float) -> None:
                count.inc()
                duration.observe(seconds)

            self._recorders[route, status] = record
        record(seconds)

    def set_version(self, stories: int, as_of: datetime | None) -> None:
        """Record which version is served from now on."""
        self.reloads.labels("done").inc()
        self.stories.set(stories)
        self.as_of.set(as_of.timestamp() if as_of else 0)
        self.since.set(time.time())

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        all_workers = CollectorRegistry()
        MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
        return generate_latest(all_workers)
