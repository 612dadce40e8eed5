from __future__ import annotations

import gc
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # workers that spin would starve the processes of other tests
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share out the cores: threads of theirs wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    gc.disable()  # until all is imported and collected, which leaves hardly any garbage
# clusters of tests obey nobody else; Ray reads these once, when it is first imported
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import tests.support.compiling  # noqa: F401
from recommender import Recommender, Settings

# bytecode is kept even where the environment tells Python not to: each process of the suite would compile all modules
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# tests kill processes, not the machine under them: what the system holds is on disk for all who read it, and waiting
# for the disk takes half of the time of a small job
os.fsync = os.fstat

# a busy machine is no fault of the code: no test asserts a time
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

MOST_WORKERS = 4  # each fits for itself what others do, and holds its own models


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use a worker more than there are cores, as one of them waits for servers; none for a few named tests."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS) if is_whole else 0


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what holds no tests: helpers have no examples, and some do work when they are imported."""
    is_helper = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if is_helper and collection_path.is_relative_to(HERE) else None


def pytest_collection_finish() -> None:
    """Let later collections of garbage pass over modules and tests, which stay."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and waits most, so that no worker has it left when the others are done."""
    items.sort(key=lambda item: item.path.name not in LONG)


LONG = ("test_faults.py", "test_soak.py", "test_ray.py", "test_server.py", "test_wheel.py", "test_readme.py")
HERE = Path(__file__).parent
ROOT = HERE.parent
NEWSROOM = ROOT / "data" / "newsroom" / "articles.jsonl"


@pytest.fixture(scope="session")
def tfidf() -> Settings:
    """Default settings without a model: fast and the same everywhere."""
    return Settings.of({"embedding": {"model": "tfidf"}})


@pytest.fixture(scope="session")
def fitted(tfidf: Settings) -> Recommender:
    """The sample newsroom; shared, so tests must not change it."""
    return Recommender(tfidf).fit(NEWSROOM)


@pytest.fixture
def newsroom(tfidf: Settings, fitted: Recommender) -> Recommender:
    """The sample newsroom, for tests that change it."""
    rec = Recommender(tfidf)
    rec.embedder.fit(fitted.catalog.table)
    return rec.fit_table(fitted.catalog.table)


@dataclass
class Visit:
    """A page of a browser, what it asked for and what went wrong on it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(60_000)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append("dialog"))


@pytest.fixture(scope="session")
def only_visit() -> Iterator[Visit]:
    """Chromium without a window, and its only page: a new one takes as long as a test of it."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield Visit(opened.new_page())
        opened.close()


@pytest.fixture
def visit(only_visit: Visit) -> Iterator[Visit]:
    """The page as if it were new: blank, without cookies, of the size of a desk."""
    page = only_visit.page
    page.goto("about:blank")
    page.context.clear_cookies()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="null")
    only_visit.requests, only_visit.complaints = [], []
    yield only_visit
    page.context.set_offline(False)
