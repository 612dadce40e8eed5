from __future__ import annotations

import os
import secrets
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# clusters of tests obey nobody else; Ray reads these once, when it is first imported
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

from recommender import Recommender, Settings

# a busy machine is no fault of the code: no test asserts a time
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

NEWSROOM = Path(__file__).parent.parent / "data" / "newsroom" / "articles.jsonl"


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
