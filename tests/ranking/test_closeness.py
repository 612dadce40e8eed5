"""Closeness: what two cosines and shared terms tell of a pair, in rankers, their files and lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender import Recommender, Settings, SettingsError
from recommender.ranking.closeness import Closeness, Odds
from recommender.ranking.ranker import Ranker

WORDS = Odds(base=-4.0, words=40.0, title=10.0, meaning=0.0, least=0.9)
BOTH = Odds(base=-5.0, words=20.0, title=8.0, meaning=12.0, least=0.93)
COSINES = st.floats(-1, 1, width=32)
MAYBE = st.one_of(COSINES, st.just(float("nan")))


@given(MAYBE, MAYBE, MAYBE, st.booleans())
def test_a_pair_is_close_by_the_odds_of_what_it_has(
    lexical: float, titles: float, dense: float, meaning_counts: bool
) -> None:
    closeness = Closeness(words=WORDS, both=BOTH if meaning_counts else None)
    odds = BOTH if meaning_counts and not np.isnan(dense) else WORDS
    texts = odds.words * np.nan_to_num(lexical) + odds.title * np.nan_to_num(titles)
    chance = 1 / (1 + np.exp(-(odds.base + texts + (odds.meaning * dense if odds is BOTH else 0))))
    found = closeness.is_close(*(np.array([[value]], np.float32) for value in (lexical, titles, dense, 0, 0)))
    assert found.shape == (1, 1)
    assert bool(found[0, 0]) == (chance >= odds.least) or abs(chance - odds.least) < 1e-9


MORE = st.floats(0, 1, width=32)


@given(st.tuples(COSINES, COSINES, COSINES, st.integers(0, 30)), st.tuples(MORE, MORE, MORE, st.integers(0, 30)))
def test_a_pair_that_shares_more_is_never_less_close(pair: tuple[float, ...], more: tuple[float, ...]) -> None:
    closeness = Closeness(words=WORDS, both=BOTH, terms=10, few=4.0)
    first_and_second = np.array([pair, np.add(pair, more)], np.float32).T
    first, second = closeness.is_close(*first_and_second, np.zeros(2))
    assert second or not first


def test_a_pair_that_shares_few_terms_must_be_closer() -> None:
    shared = np.array([0, 1, 5, 10, 40], np.float32)
    lexical, none = np.full(5, 0.2, np.float32), np.full(5, np.nan, np.float32)  # log odds of 4, and 2.2 are enough
    chance = np.full(5, 0.2)
    closeness = Closeness(words=WORDS, both=None, terms=10, few=3.0, likely=0.3)
    assert closeness.is_close(lexical, none, none, shared, chance).tolist() == [False, False, True, True, True]
    assert closeness.is_close(lexical, none, none, shared, np.full(5, 0.3)).all(), "a link is likely"
    assert Closeness(words=WORDS, both=None).is_close(lexical, none, none, shared, chance).all()


def test_files_from_before_titles_counted_are_read() -> None:
    data = {"words": {"base": -4.0, "words": 45.0, "meaning": 0.0, "least": 0.9}, "both": None}
    assert Closeness.from_json(data).words.title == 0


@pytest.mark.parametrize("name", ["minilm-lead", "lexical"])
def test_a_file_keeps_the_closeness_of_its_ranker(name: str, tmp_path: Path) -> None:
    ranker = Ranker.default(name)
    assert ranker.closeness is not None
    assert (ranker.closeness.both is not None) == (name == "minilm-lead")
    ranker.save(tmp_path / "ranker.json")
    again = Ranker.load(tmp_path / "ranker.json")
    assert again.closeness == ranker.closeness
    assert again.sha256 == ranker.sha256


def test_a_file_that_tells_no_closeness_asks_for_none(tmp_path: Path) -> None:
    held = orjson.loads(Ranker.default("lexical").to_json())
    del held["closeness"]
    assert Ranker.from_json(orjson.dumps(held), "ranker.json").closeness is None


@pytest.mark.parametrize(
    "harm",
    [
        {"words": None, "both": None},
        {"words": {"base": 0.0, "words": -1.0, "meaning": 0.0, "least": 0.9}, "both": None},
        {"words": {"base": 0.0, "words": 1.0, "meaning": 0.0, "least": 1.0}, "both": None},
        {"words": {"base": 0.0, "words": 1.0, "title": -1.0, "meaning": 0.0, "least": 0.9}, "both": None},
        {"words": {"base": 0.0, "words": 1.0, "meaning": 0.0}, "both": None},
        {"words": {"base": "x", "words": 1.0, "meaning": 0.0, "least": 0.5}, "both": None},
        {"words": {"base": 0.0, "words": 1.0, "meaning": 0.0, "least": 0.5}, "both": None, "terms": 10, "few": -1.0},
        [1, 2],
    ],
)
def test_a_damaged_closeness_is_refused(harm: Any) -> None:
    held = orjson.loads(Ranker.default("lexical").to_json()) | {"closeness": harm}
    with pytest.raises(SettingsError, match="is no ranker"):
        Ranker.from_json(orjson.dumps(held), "ranker.json")


TOPICS = (
    "harbour cranes dockers quay",
    "orchard apples cider blossom",
    "museum statues curator vault",
    "quarry slate blasting dust",
)
STORIES = [
    {
        "id": f"{topic.split()[0]}{number}",
        "title": f"{topic} w{number}{topic[:2]}",
        "body": f"{topic} today and x{number}{topic[:2]} y{number}{topic[:2]}.",
        "published_at": f"2026-05-{10 + number:02d}T08:00:00Z",
        "language": "en",
    }
    for topic in TOPICS
    for number in range(5)
]


def sources(rec: Recommender, story: str) -> dict[str, str]:
    return {item.article_id: item.source for item in rec.recommend(story)}


def test_what_is_not_close_comes_after_what_is_as_the_next_best(tmp_path: Path) -> None:
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit(STORIES)
    found = sources(rec, "harbour0")
    related = [name for name, source in found.items() if source == "related"]
    assert related
    assert all(name.startswith("harbour") for name in related)
    assert list(found)[: len(related)] == related
    others = {source for name, source in found.items() if not name.startswith("harbour")}
    assert others == {"more"}

    # a cut of one's own is of the relevance alone, and short lists hold only what is related
    every = rec.under(rec.settings.override({"selection.related_at": 0.0}))
    assert set(sources(every, "harbour0").values()) == {"related"}
    short = rec.under(rec.settings.override({"selection.fill": ()}))
    assert list(sources(short, "harbour0")) == related

    # a ranker without closeness goes by its probability, here of no item too low
    replace(Ranker.default("lexical"), closeness=None, related_at=0.0).save(tmp_path / "ranker.json")
    bare = rec.under(rec.settings.override({"ranking.ranker": str(tmp_path / "ranker.json")}))
    assert set(sources(bare, "harbour0").values()) == {"related"}
