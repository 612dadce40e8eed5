from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from recommender import EmbedderError, Recommender, Settings
from recommender.embedders.cache import VectorCache
from tests.support.checkerboard import checkerboard


class Counter:
    """An encoder that counts, and may break off."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.breaks_after = breaks_after

    def __call__(self, texts: object) -> np.ndarray:
        batch = list(texts)  # type: ignore[call-overload]
        self.seen += [text for text in batch if text]
        if self.breaks_after is not None and len(self.seen) > self.breaks_after:
            raise KeyboardInterrupt
        return np.array([[len(text), hash(text) % 97, 1] for text in batch], dtype=np.int16)


def test_running_twice_encodes_nothing_and_a_change_encodes_one(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "deep" / "cache.sqlite")
    texts = [f"text {n}" for n in range(1200)]
    first = Counter()
    vectors, encoded = cache.vectors(texts, "model", partial(map, first))
    assert encoded == len(first.seen) == 1200
    second = Counter()
    again, encoded = cache.vectors(texts, "model", partial(map, second))
    assert encoded == len(second.seen) == 0
    assert np.array_equal(again, vectors)
    third = Counter()
    cache.vectors([*texts[:5], "changed", *texts[6:]], "model", partial(map, third))
    assert third.seen == ["changed"]
    other = Counter()
    assert cache.vectors(texts[:3], "another model", partial(map, other))[1] == 3


def test_repeated_texts_are_encoded_once_and_stand_in_their_rows(tmp_path: Path) -> None:
    encoder = Counter()
    vectors, encoded = VectorCache(tmp_path / "c").vectors(["b", "a", "b", "ccc", "a"], "m", partial(map, encoder))
    assert encoded == 3
    assert vectors[:, 0].tolist() == [1, 1, 1, 3, 1]
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_an_interruption_keeps_what_was_encoded(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "c")
    texts = [f"text {n}" for n in range(2000)]
    with pytest.raises(KeyboardInterrupt):
        cache.vectors(texts, "m", partial(map, Counter(breaks_after=1100)))
    rest = Counter()
    cache.vectors(texts, "m", partial(map, rest))
    assert len(rest.seen) == 2000 - 1024  # of batches of 128 texts the ninth was not finished


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"no database" * 100)
    with pytest.raises(EmbedderError, match="delete it"):
        VectorCache(tmp_path / "c").vectors(["a"], "m", partial(map, Counter()))


def test_the_facade_embeds_only_what_is_new(tmp_path: Path) -> None:
    stories = checkerboard(per_topic=2)
    settings = Settings.of({"embedding": {"tokens": 16}, "ranking": {"ranker": "none"}})
    assert Recommender(settings, cache=tmp_path / "c").fit(stories).embedded == 8
    second = Recommender(settings, cache=tmp_path / "c").fit(stories)
    assert second.embedded == 0
    stories[3]["title"] = "a new headline"
    assert Recommender(settings, cache=tmp_path / "c").fit(stories).embedded == 1
    plain = Recommender(settings).fit(checkerboard(per_topic=2))
    assert np.array_equal(plain.archive.vectors, second.archive.vectors)


def test_without_a_cache_too_equal_texts_are_embedded_once() -> None:
    stories = checkerboard(per_topic=2)
    copies = [{**story, "id": f"{story['id']}-copy"} for story in stories]
    rec = Recommender(Settings.of({"embedding": {"tokens": 16}, "ranking": {"ranker": "none"}})).fit(
        [*stories, *copies]
    )
    assert rec.embedded == len(stories)
    rows = [[rec.catalog.row(story["id"]) for story in some] for some in (stories, copies)]
    assert np.array_equal(rec.archive.vectors[rows[0]], rec.archive.vectors[rows[1]])
