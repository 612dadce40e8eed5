"""Running the server until it is stopped."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

from recommender.serving.config import Config

_GRACE = 10  # seconds for requests to finish when the server stops


def serve(config: Config, *, access_log: bool = False) -> None:
    """Answer requests until SIGTERM or SIGINT; running requests are finished first.

    Raises `SnapshotError` or `SettingsError` if lists, archive or tokens cannot be read, before the port is opened.
    """
    from recommender.serving.app import make_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options: dict[str, Any] = {
        "host": config.host,
        "port": config.port,
        "access_log": access_log,
        "log_config": None,
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE,
        "limit_concurrency": 1_000,
        "h11_max_incomplete_event_size": 64 << 10,
    }
    import uvicorn

    if config.workers == 1:
        uvicorn.run(make_app(config), **options)
        return
    with tempfile.TemporaryDirectory(prefix="recommender-metrics-") as folder:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        config.to_environment()
        uvicorn.run("recommender.serving.app:from_environment", factory=True, workers=config.workers, **options)
