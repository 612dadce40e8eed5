"""How near a story's neighbours are: found once, against the stories of the last whole run, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender import Recommender, Settings
from recommender.archive import snapshot
from recommender.errors import SnapshotError

SETTINGS = Settings.of({"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}})
WORDS = [f"word{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]


def stories(first: int, last: int) -> list[dict[str, Any]]:
    made = []
    for number in range(first, last):
        words = np.random.default_rng(number).choice(WORDS, 15)
        made.append({"id": f"s{number:03d}", "title": "", "body": " ".join(words), "published_at": None})
    return made


def scale_of(rec: Recommender, story: str) -> bytes:
    return rec.archive.neighbours.scale[rec.catalog.rows([story])].tobytes()


def test_the_local_scale_of_a_newcomer_does_not_depend_on_who_came_before(tmp_path: Path) -> None:
    rec = Recommender(SETTINGS).fit(stories(0, 80))
    before = rec.archive.neighbours.scale.copy()
    rec.save(tmp_path)
    new = stories(80, 90)
    together, backwards = Recommender.load(tmp_path), Recommender.load(tmp_path)
    together.update(new)
    for story in reversed(new):
        backwards.update([story])
    for story in new:
        draft = together.archive.foreign_queries(*_drafts(together, story)).scale
        assert scale_of(together, story["id"]) == scale_of(backwards, story["id"]) == draft.tobytes()
    old = together.catalog.rows([story["id"] for story in stories(0, 80)])
    assert (
        together.archive.neighbours.scale[old].tobytes()
        == before[rec.catalog.rows([story["id"] for story in stories(0, 80)])].tobytes()
    )


def _drafts(rec: Recommender, story: dict[str, Any]) -> tuple[Any, Any]:
    row = rec.catalog.rows([story["id"]])
    return rec.catalog.table.take(row), rec.archive.vectors[row]


def test_an_archive_without_local_scales_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rec, save = Recommender(SETTINGS).fit(stories(0, 20)), np.save

    def earlier(path: Path, array: np.ndarray) -> None:
        if path.name not in ("scale.npy", "hubness.vectors.npy"):
            save(path, array)

    monkeypatch.setattr(snapshot.np, "save", earlier)
    snapshot.write(tmp_path, rec.archive, rec.embedder)
    with pytest.raises(SnapshotError, match="whose stories had no local scale: run precompute with --archive again"):
        Recommender.load(tmp_path)
