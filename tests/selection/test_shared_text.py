"""Of texts that share most of the shorter one, such as wire copy that was cut or extended, a list holds one."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import Recommender, Settings
from recommender.articles.copies import Marks
from recommender.selection.shared_text import SharedText, TextSamples

SETTINGS = Settings.of(
    {"embedding": {"model": "tfidf"}, "ranking": {"ranker": "none"}, "selection": {"related_at": None, "k": 8}}
)
TOPIC = ["harbour", "dockers", "cranes", "quay", "strike", "ferry"]


def text(seed: int, words: int) -> str:
    """Write a text about one topic; no two of different seeds share a run of four words."""
    rng = Random(seed)
    return " ".join(rng.choice(TOPIC) if n % 3 == 0 else f"word{seed}x{n}" for n in range(words))


def story(article_id: str, body: str, day: int | None = None) -> dict[str, Any]:
    published = None if day is None else f"2026-05-{day:02d}T08:00:00Z"
    title = f"{article_id} on the harbour strike"
    return {"id": article_id, "title": title, "body": body, "published_at": published, "language": "en"}


WIRE = text(1, 300)
EXTENDED = f"{WIRE} {text(2, 400)}"
CUT = f"{text(3, 60)} {WIRE.rsplit(' ', 150)[0]}"
OTHERS = [story(f"other{n}", text(10 + n, 200), n + 1) for n in range(3)]


def shared(*texts: str) -> list[list[bool]]:
    """Ask of all pairs of texts, each once as the story's and once as an item's of its list."""
    samples = TextSamples.from_marks(Marks.from_texts(pa.array(texts, pa.large_string())))
    rows = np.tile(np.arange(len(texts)), (len(texts), 1))
    compared, is_open = SharedText.of_candidates(rows, samples), np.ones(rows.shape, dtype=bool)
    with_stories = compared.with_stories(samples, is_open)
    np.testing.assert_array_equal(with_stories, compared.with_items(np.arange(len(texts)), is_open))
    np.testing.assert_array_equal(with_stories, with_stories.T)
    assert not compared.with_items(np.full(len(texts), -1), is_open).any()
    assert not compared.with_stories(samples, ~is_open).any()
    found: list[list[bool]] = with_stories.tolist()
    return found


@pytest.mark.parametrize("days", [(None, None), (3, 3), (3, 20)])
@pytest.mark.parametrize("twins", [(WIRE, EXTENDED), (EXTENDED, WIRE), (CUT, WIRE), (WIRE, CUT)])
def test_wire_copy_that_was_cut_or_extended_stands_once(
    days: tuple[int | None, int | None], twins: tuple[str, str]
) -> None:
    pair = [story(f"wire{n}", twins[n], days[n]) for n in range(2)]
    rec = Recommender(SETTINGS).fit([*pair, *OTHERS])
    assert sorted(item.article_id for item in rec.recommend("wire0")) == ["other0", "other1", "other2"]
    for other in OTHERS:
        assert sum(item.article_id.startswith("wire") for item in rec.recommend(other["id"])) == 1
    rejected = {one.article_id: (one.rule, one.detail) for one in rec.explain_rejected(["other0"])["other0"]}
    ((name, (rule, detail)),) = rejected.items()
    assert name.startswith("wire")
    assert rule == "shared_text"
    assert detail.startswith("shares most of its text with “wire")


def test_a_draft_is_kept_apart_from_the_text_that_it_extends() -> None:
    rec = Recommender(SETTINGS).fit([story("wire", WIRE, 2), *OTHERS])
    for article_id in ("draft", "wire"):  # also one that is going to replace the story
        draft = {"id": article_id, "title": "The strike", "body": EXTENDED}
        assert sorted(item.article_id for item in rec.recommend_for(draft)) == ["other0", "other1", "other2"]
    replaced = {"id": "wire", "title": "The strike", "body": text(9, 300)}
    draft = {"id": "draft", "title": "The strike", "body": text(9, 300)}
    assert sorted(item.article_id for item in rec.recommend_for(replaced)) == ["other0", "other1", "other2"]
    assert "wire" in [item.article_id for item in rec.recommend_for(draft)]


def test_editors_may_pin_such_a_text_or_allow_all() -> None:
    pair = [story("wire0", WIRE, 3), story("wire1", EXTENDED, 9)]
    rec = Recommender(SETTINGS, rules={"pins": [{"story": "wire0", "item": "wire1", "position": 1}]})
    assert rec.fit([*pair, *OTHERS]).recommend("wire0").items[0].article_id == "wire1"
    loose = Recommender(SETTINGS.override({"selection.drop_copies": False})).fit([*pair, *OTHERS])
    assert "wire1" in [item.article_id for item in loose.recommend("wire0")]


def test_few_words_a_quotation_or_much_more_text_are_told_apart() -> None:
    quotation = f"{text(4, 200)} {WIRE.rsplit(' ', 240)[0]}"  # a fifth of the wire
    archive = f"{WIRE} {text(5, 9 * 300)}"
    few = " ".join(WIRE.split()[:39])
    (of_wire, *_) = shared(WIRE, quotation, archive, few, "", WIRE)
    assert of_wire == [True, False, False, False, False, True]


def test_briefs_that_share_their_terms_of_use_stand_together() -> None:
    """The terms are no sentence of their own, so they are not found to be boilerplate."""
    terms = " ".join(f"term{n}" for n in range(45))
    briefs = [story(f"brief{n}", f"{text(30 + n, 25)} {terms}") for n in range(60)]
    rec = Recommender(SETTINGS).fit(briefs)
    assert not rec.catalog.boilerplate.passages
    assert [len(rec.recommend(brief["id"])) for brief in briefs] == [8] * len(briefs)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(40, 1_500), st.floats(0, 1), st.floats(0.2, 1))
def test_samples_agree_with_the_whole_texts(seed: int, words: int, share: float, ratio: float) -> None:
    """The longer text takes over a share of the shorter one, which has a ratio of its length."""
    shorter = text(seed + 100, max(int(words * ratio), 40)).split()
    taken = shorter[: int(share * len(shorter))]
    longer = taken + text(seed + 20_000, max(words, len(shorter)) - len(taken)).split()
    (_, is_shared), _ = shared(" ".join(shorter), " ".join(longer))
    if share < 0.1:
        assert not is_shared
    if share > 0.95 and len(shorter) >= 80:
        assert is_shared
