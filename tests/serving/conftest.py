from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommender import Settings
from recommender.jobs.precompute import precompute
from tests.support.checkerboard import checkerboard

testclient = pytest.importorskip("starlette.testclient", reason="recommender[serve] is not installed")
pytest.importorskip("uvicorn", reason="recommender[serve] is not installed")

from recommender.serving.app import make_app  # noqa: E402
from recommender.serving.config import Config  # noqa: E402
from recommender.serving.tokens import make_token  # noqa: E402

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "selection": {"k": 3, "reserves": 2}})
# as it is after reading, which drops what a browser would run for a headline
ATTACK = "<xss onfocus=pwned=1 autofocus tabindex=0> <SCRIPT>pwned=1 \"' harbour ferry"
ODD = "../../etc/passwd?a=b#c&\u202e"
STORIES = [
    *checkerboard(),
    {
        "id": ODD,
        "title": ATTACK.replace("<", "&lt;"),
        "body": "harbour ferry captain &lt;/script>&lt;script>pwned=1&lt;/script>",
        "section": '"><img src=//evil.example/x onerror=pwned=1>',
        "url": "javascript:pwned=1",
        "published_at": "2020-01-05T12:30:00Z",
    },
    {"id": "embargoed", "title": "harbour ferry tomorrow", "body": "harbour ferry", "published_at": "2999-01-01"},
]
MOMENT = datetime(2020, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    precompute(STORIES, folder / "lists", archive=folder / "archive", settings=SETTINGS, as_of=MOMENT)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """Folder of the published lists, beside it the archive."""
    return shutil.copytree(made, tmp_path / "made") / "lists"


class Served:
    """A server in this process, and who asks it."""

    def __init__(self, place: Path, folder: Path, **options: Any) -> None:
        tokens = folder / "tokens.txt"
        self.place = place
        self.secret = make_token(tokens, "ana", "write")
        self.reader = make_token(tokens, "cms", "read")
        self.config = Config(**{"lists": str(place), "tokens": str(tokens), "rate": 0, **options})
        self.app = make_app(self.config)
        self.client = testclient.TestClient(self.app, "http://localhost", follow_redirects=False)
        self.get, self.post = self.client.get, self.client.post

    def bearer(self, secret: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {secret or self.secret}"}


@pytest.fixture
def served(place: Path, tmp_path: Path) -> Iterator[Served]:
    served = Served(place, tmp_path)
    with served.client:
        yield served
