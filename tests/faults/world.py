"""A small newsroom on disk, the jobs that change it, and what its readers see."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender import PublishedLists, Recommender, RecommenderError, Settings
from recommender.features.vectors import quantise
from recommender.jobs.precompute import precompute
from recommender.jobs.refresh import refresh
from tests.support.checkerboard import START, checkerboard

SETTINGS = Settings.of(
    {
        "embedding": {"model": "tfidf"},
        "selection": {
            "related_at": 0.1,
            "fill": (),
            "k": 3,
            "reserves": 2,
            "same_report_hours": None,
            "repeat_hours": None,
        },
        "publish": {"keep_versions": 2, "max_jump": 1, "max_first_share": 1},
    }
)
STORIES = checkerboard(per_topic=12)
CHANGES = [
    {"id": f"new-{n}", "title": f"harbour ferry captain topic0word{n}", "published_at": START + timedelta(days=n)}
    for n in range(6)
] + [{**STORIES[n], "title": f"{STORIES[n]['title']} corrected"} for n in (1, 20, 33)]
AS_OF = START + timedelta(days=400)
IDS = sorted({story["id"] for story in (*STORIES, *CHANGES)})
WITHDRAWN = ["t0-s1", "t2-s3", "nobody"]


class WordEmbedder:
    """Hashed words; its vectors are cached, and no model is loaded."""

    fingerprint = "words"
    languages: frozenset[str] | None = None
    calibration = "words"
    of_words = True  # or a warning tells that no ranker knows this embedder

    def fit(self, articles: pa.Table) -> None:
        """Nothing to learn."""

    def prepare(self, articles: pa.Table) -> list[str]:
        """Title and body."""
        return [f"{a} {b}" for a, b in zip(articles["title"].to_pylist(), articles["body"].to_pylist(), strict=True)]

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Sums of random directions, one a word."""
        found = np.full((len(texts), 64), 0.01)
        for row, text in enumerate(texts):
            for word in text.split():
                found[row] += np.random.default_rng(zlib.crc32(word.encode())).normal(size=64)
        return quantise(found)

    def save(self, folder: Path) -> list[str]:
        """Nothing to write."""
        return []

    def load(self, folder: Path) -> None:
        """Nothing to read."""


@dataclass(frozen=True)
class World:
    """A folder with published lists, their cache, and a snapshot."""

    root: Path

    @property
    def out(self) -> Path:
        """Published lists."""
        return self.root / "out"

    @property
    def snapshot(self) -> Path:
        """Fitted archive."""
        return self.root / "snapshot"

    @property
    def cache(self) -> Path:
        """Vector cache."""
        return self.root / "cache" / "vectors.sqlite"

    def prepare(self) -> None:
        """Its first state."""
        self.run_over(STORIES)
        PublishedLists.open(self.out).withdraw(["t1-s0"])

    def run_over(self, stories: list[dict[str, Any]]) -> None:
        """Publish all stories."""
        rec = Recommender(SETTINGS, embedder=WordEmbedder(), cache=self.cache)
        precompute(stories, self.out, recommender=rec, archive=self.snapshot, as_of=AS_OF)

    def loaded(self) -> Recommender:
        """The snapshot."""
        return Recommender.load(self.snapshot, embedder=WordEmbedder(), cache=self.cache)


def _precompute(world: World) -> None:
    changed = {story["id"]: story for story in (*STORIES, *CHANGES)}
    world.run_over(list(changed.values()))


def _refresh(world: World) -> None:
    refresh(CHANGES, world.out, world.snapshot, recommender=world.loaded(), as_of=AS_OF)


def _save(world: World) -> None:
    rec = world.loaded()
    rec.update(CHANGES)
    rec.pool(as_of=AS_OF).save(world.snapshot)


def _withdraw(world: World) -> None:
    PublishedLists.open(world.out).withdraw(WITHDRAWN, unknown_too=True)


def _embed(world: World) -> None:
    Recommender(SETTINGS, embedder=WordEmbedder(), cache=world.cache).fit(CHANGES)


JOBS: dict[str, Callable[[World], None]] = {
    "precompute": _precompute,
    "refresh": _refresh,
    "save": _save,
    "withdraw": _withdraw,
    "embed": _embed,
}


def published(world: World) -> str:
    """Digest of all that readers of the published lists see."""
    lists = PublishedLists.open(world.out)
    digest = hashlib.sha256(repr(sorted(lists.ids())).encode())
    for story in IDS:
        digest.update(lists.json(story))
    return digest.hexdigest()


def fitted(world: World) -> str:
    """Digest of all lists that the snapshot gives."""
    rec = world.loaded()
    known = [story for story in IDS if story in rec.catalog and story not in rec.overlay.withdrawn]
    return hashlib.sha256(repr(rec.recommend_many(known, as_of=AS_OF)).encode()).hexdigest()


def cached(world: World) -> str:
    """Digest of the vectors that the cache gives."""
    rec = Recommender(SETTINGS, embedder=WordEmbedder(), cache=world.cache)
    return hashlib.sha256(np.ascontiguousarray(rec.fit([*STORIES, *CHANGES]).archive.vectors).data).hexdigest()


VIEWS: dict[str, Callable[[World], str]] = {"out": published, "snapshot": fitted, "cache": cached}


def look(world: World) -> dict[str, str]:
    """What readers of each part see; an error of ours as its message, after 'error: '."""
    found = {}
    for name, view in VIEWS.items():
        try:
            found[name] = view(world)
        except RecommenderError as error:
            found[name] = f"error: {error}"
    return found


def copy(world: World, to: Path) -> World:
    """The same state in another folder."""
    shutil.copytree(world.root, to, dirs_exist_ok=True)
    return World(to)


def warm() -> None:
    """Do every job once elsewhere, so that all is imported and compiled."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.prepare()
        for job in JOBS.values():
            job(world)
        look(world)


def become(user: str | None) -> None:
    """Give up the rights of root, for whom no file is read-only."""
    if user is not None and os.getuid() == 0:
        import pwd

        os.setgid(pwd.getpwnam(user).pw_gid)
        os.setuid(pwd.getpwnam(user).pw_uid)
