"""What processes of tests are forked with: imported once, where each would else import it by itself.

The command line is not among it: it looks at the streams of its own process.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from tempfile import TemporaryDirectory

from numba.core.registry import cpu_target

import tests.support.compiling  # noqa: F401

for name in (
    "pandas",
    "psycopg",
    "recommender.evaluation",
    "recommender.preview",
    "recommender.jobs.purge",
    "sklearn.decomposition",
    "sqlalchemy.dialects.sqlite",
    "tests.faults.harness",
    "tests.support.interrupted",
    "typer.rich_utils",
):
    with suppress(ImportError):
        importlib.import_module(name)

os.fsync = os.fstat  # see conftest.py

# what numba reads before it loads the first compiled loop
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()


def load_machine_code() -> None:
    """Do a small job, so that every compiled loop is at hand: to load them takes most of a job of a few stories."""
    from recommender import PublishedLists, Recommender, Settings, precompute, refresh
    from tests.support.checkerboard import checkerboard

    stories = checkerboard()
    with TemporaryDirectory() as folder:
        lists, archive = f"{folder}/lists", f"{folder}/archive"
        precompute(stories, lists, archive=archive, settings=Settings.of({"embedding": {"model": "tfidf"}}))
        refresh([{**stories[0], "title": "harbour"}], lists, archive)
        PublishedLists.open(lists).get("t0-s0").to_dict()
        rec = Recommender.load(archive)
        rec.recommend("t0-s0", k=3)
        rec.recommend_for({"id": "draft", "title": "harbour ferry captain"})
        rec.explain_rejected(["t0-s0"])


load_machine_code()
