from __future__ import annotations

import json
import random
import warnings
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import (
    Article,
    Filters,
    GivenVectors,
    InputError,
    NotFittedError,
    Recommender,
    Settings,
    SettingsError,
    SnapshotError,
    UnknownArticleError,
    WithdrawnArticleError,
    precompute,
)
from recommender.features.families import FAMILIES
from recommender.features.pairs import Pairs, pair_features
from recommender.lists.readnext import ReadNext
from tests.support.checkerboard import START, WITHIN_TOPICS, checkerboard, topic_of

SUM = {"ranking.ranker": "none", "ranking.dense_weight": 0.5, "ranking.lexical_weight": 0.5}
TOPICS = {"embedding.svd_dim": 4}  # one dimension a topic: equally relevant in any arithmetic


def board(**kwargs: Any) -> Recommender:
    return Recommender(WITHIN_TOPICS.override(TOPICS)).fit(checkerboard(**kwargs))


@pytest.fixture(scope="module")
def shared() -> Recommender:
    return board()


@pytest.fixture(scope="module")
def summed(tfidf: Settings, fitted: Recommender) -> Recommender:
    """The sample newsroom in the order of the weighted sum."""
    return Recommender(tfidf.override(SUM)).fit_table(fitted.catalog.table)


def ids(found: ReadNext) -> list[str]:
    return [item.article_id for item in found]


def test_lists_stay_inside_the_topic(shared: Recommender) -> None:
    for article_id in shared.catalog.ids.to_pylist():
        found = shared.recommend(article_id)
        assert found.status == "ok"
        assert len(found) == 5
        assert {topic_of(i) for i in ids(found)} == {topic_of(article_id)}
        assert article_id not in ids(found)
        assert [item.rank for item in found] == [1, 2, 3, 4, 5]


def test_full_lists_hold_what_is_related_before_the_next_best() -> None:
    short = board()
    rec = short.under(short.settings.override({"selection.fill": ("more",), "selection.reserves": 3}))
    for article_id in rec.catalog.ids.to_pylist():
        related, found = short.recommend(article_id, k=8), rec.recommend(article_id, k=8)
        assert (related.status, related.shortfall) == ("short", 3)
        assert (found.status, found.shortfall, len(found.reserves)) == ("filled", 0, 3)
        assert ids(found)[:5] == ids(related)
        further = (*found.items[5:], *found.reserves)
        assert [item.source for item in found] == ["related"] * 5 + ["more"] * 3
        assert {item.source for item in further} == {"more"}
        assert topic_of(article_id) not in {topic_of(item.article_id) for item in further}
        assert [item.score for item in further] == sorted((item.score for item in further), reverse=True)
        assert all(item.reasons for item in further)
        assert rec.recommend(article_id, k=5).status == "ok"


def test_only_too_few_stories_leave_a_list_short() -> None:
    rec = Recommender(WITHIN_TOPICS.override(TOPICS | {"selection.fill": ("more",)})).fit(checkerboard(2)[:3])
    assert [(found.status, len(found)) for found in rec.recommend_many(["t0-s0", "t1-s0"])] == [("short", 2)] * 2
    only = Filters(exclude=("t0-s1",), sections=("section0",))
    assert (rec.recommend("t0-s0", filters=only).status, rec.recommend("t0-s0", filters=only).shortfall) == ("empty", 5)


def test_lists_are_filled_from_beyond_the_candidates_and_the_window() -> None:
    day = timedelta(days=1)
    stories = [story | {"published_at": START + number * day} for number, story in enumerate(checkerboard())]
    few = {"retrieval.candidates": 1, "retrieval.window_days": 3, "selection.reserves": 0, "selection.fill": ("more",)}
    rec = Recommender(WITHIN_TOPICS.override(TOPICS | few)).fit(stories)
    pooled = rec.under(rec.settings.override({"selection.fill": ()}))
    for article_id in rec.catalog.ids.to_pylist():
        found, inside = rec.recommend(article_id, k=23), pooled.recommend(article_id, k=23)
        assert len(inside) < len(found) == 23, "every other story"
        assert ids(found)[: len(inside)] == ids(inside)
        assert {item.source for item in found.items[len(inside) :]} == {"more"}
        limited = rec.recommend(article_id, k=23, filters=Filters(days_around_story=3))
        assert 0 < len(limited) < 23, "the window of a call holds"
        with_rule = rec.recommend(article_id, k=23, filters=Filters(sections=("section1",)))
        assert {topic_of(item) for item in ids(with_rule)} == {"t1"}


def test_filling_has_no_more_places_than_there_are_stories(shared: Recommender) -> None:
    few = shared.under(shared.settings.override({"retrieval.candidates": 7})).archive
    scope = few.pool_scope(few.newest(datetime.now(UTC)))
    assert [few.retriever(scope, 1, times=times).count for times in (1, 2, 8, 1 << 20)] == [7, 14, 24, 24]


def test_one_is_a_batch_of_one(fitted: Recommender) -> None:
    everyone = fitted.catalog.ids.to_pylist()
    assert fitted.recommend_many(everyone) == [fitted.recommend(i) for i in everyone]
    assert fitted.recommend_many(everyone[::-1]) == fitted.recommend_many(everyone)[::-1]


def test_order_of_input_rows_does_not_matter(tfidf: Settings) -> None:
    stories = checkerboard()
    shuffled = random.Random(0).sample(stories, len(stories))
    a, b = Recommender(tfidf).fit(stories), Recommender(tfidf).fit(shuffled)
    everyone = sorted(a.catalog.ids.to_pylist())
    assert a.recommend_many(everyone) == b.recommend_many(everyone)


@pytest.mark.parametrize("form", ["articles", "table", "generator"])
def test_every_form_of_input_gives_the_same(form: str, shared: Recommender) -> None:
    stories = checkerboard()
    source: Any = {
        "articles": [Article(**story) for story in stories],
        "table": pa.Table.from_pylist(stories),
        "generator": (story for story in stories),
    }[form]
    rec = Recommender(WITHIN_TOPICS.override(TOPICS)).fit(source)
    assert rec.recommend("t0-s0") == shared.recommend("t0-s0")


def test_of_a_sum_the_score_is_relevance_times_freshness_and_every_part_is_there(summed: Recommender) -> None:
    half_life, related_at = summed.settings.ranking.half_life_days, summed.related_at
    assert half_life
    assert related_at
    times = dict(zip(summed.catalog.ids.to_pylist(), summed.catalog.table["published_at"].to_pylist(), strict=True))
    timeless = dict(zip(summed.catalog.ids.to_pylist(), summed.catalog.timeless.tolist(), strict=True))
    checked, ageless, more = 0, 0, 0
    for article_id in summed.catalog.ids.to_pylist():
        for item in summed.recommend(article_id):
            parts = item.components
            assert parts["relevance"] == pytest.approx(0.5 * parts["dense"] + 0.5 * parts["lexical"], abs=2e-6)
            assert (parts["freshness"] is None) == timeless[item.article_id]
            if timeless[item.article_id]:
                assert item.score == pytest.approx(parts["relevance"] / 2, abs=2e-6), "as one half-life old"
                ageless += 1
            elif times[article_id]:
                age = abs((times[article_id] - times[item.article_id]) / timedelta(days=1))
                assert parts["freshness"] == pytest.approx(2 ** (-age / half_life), abs=2e-6)
                assert item.score == pytest.approx(parts["relevance"] * parts["freshness"], abs=2e-6)
                checked += 1
            assert (item.source == "more") == (parts["relevance"] < related_at)
            more += item.source == "more"
    assert checked > 200
    assert ageless
    assert more


def test_under_a_ranker_the_score_is_the_probability_of_a_link_unless_an_item_is_far(fitted: Recommender) -> None:
    stories = fitted.catalog.ids.to_pylist()
    lists = fitted.recommend_many(stories)
    items = [(found.article_id, item) for found in lists for item in (*found.items, *found.reserves)]
    assert len(items) > 500
    for _, item in items:
        assert 0 < item.score <= item.relevance < 1
        assert item.score == item.relevance or item.source == "more"
        assert item.components["freshness"] == item.components["boost"] == 1
    assert any(item.score < item.relevance for _, item in items)
    relevance = fitted.relevance([story for story, _ in items], [item.article_id for _, item in items])
    assert relevance == pytest.approx([item.relevance for _, item in items], abs=1e-6)
    for found in lists:
        places = [(item.source == "more", -item.score) for item in (*found.items, *found.reserves)]
        assert places == sorted(places)


def test_contributions_account_for_the_relevance(summed: Recommender) -> None:
    found, told = summed.recommend("ferry-inquiry"), 0
    for item in found:
        parts = item.contributions
        assert set(parts) == {"words", "embedding"}
        assert sum(parts.values()) == pytest.approx(item.relevance, abs=1.1e-4)
        for reason in item.reasons:
            if reason.kind == "shared_terms":
                assert reason.weight == pytest.approx(parts["words"], abs=6e-5)
                told += 1
    assert told
    first = found.items[0]
    assert "marisol" in " ".join(str(reason) for reason in first.reasons).casefold()


@pytest.mark.parametrize(("ranker", "anchor"), [("none", "as_of"), ("none", "story"), ("auto", "story")])
def test_a_later_as_of_never_changes_the_order(ranker: str, anchor: str, tfidf: Settings, fitted: Recommender) -> None:
    ranking = {"ranking.ranker": ranker, "ranking.anchor": anchor}
    rec = fitted.under(tfidf.override({**ranking, "retrieval.window_days": None}))
    stories = [i for i in fitted.catalog.ids.to_pylist() if i.startswith(("ferry", "mill", "cup"))]
    now = rec.recommend_many(stories)
    later = rec.recommend_many(stories, as_of=datetime(2027, 5, 30, tzinfo=UTC))
    if anchor == "story":
        assert [ids(found) for found in now] == [ids(found) for found in later]
    # counted back from `as_of`, a piece that does not age overtakes those that do; they keep their order
    timeless = set(ids_of_rows(rec, rec.catalog.timeless))
    for one, other in zip(now, later, strict=True):
        before, after = ([item for item in ids(found) if item not in timeless] for found in (one, other))
        assert len(after) >= len(before) - 1
        assert after == before[: len(after)]


def ids_of_rows(rec: Recommender, rows: np.ndarray) -> list[str]:
    return [article_id for article_id, wanted in zip(rec.catalog.ids.to_pylist(), rows, strict=True) if wanted]


def test_of_equally_relevant_stories_the_nearer_in_time_comes_first() -> None:
    rec = Recommender(WITHIN_TOPICS.override(SUM | TOPICS)).fit(checkerboard())
    assert ids(rec.recommend("t1-s5", k=3)) == ["t1-s4", "t1-s3", "t1-s2"]


def test_ties_break_by_id() -> None:
    same = [{"id": i, "title": f"harbour ferry captain unique{i}", "body": f"unique{i}"} for i in "cab"]
    rec = Recommender(WITHIN_TOPICS).fit([*same, {"id": "q", "title": "harbour ferry"}])
    assert ids(rec.recommend("q", k=3)) == ["a", "b", "c"]


def test_stories_after_as_of_do_not_exist_yet(shared: Recommender) -> None:
    moment = START + timedelta(days=3)
    found = shared.recommend("t0-s1", as_of=moment)
    assert set(ids(found)) == {"t0-s0", "t0-s2", "t0-s3"}
    assert found.status == "short"
    assert found.shortfall == 2
    assert shared.recommend("t0-s5", as_of=moment).status == "not_computed"


def test_expired_stories_are_not_shown() -> None:
    stories = checkerboard()
    stories[1]["expires_at"] = START + timedelta(days=2)
    rec = Recommender(WITHIN_TOPICS).fit(stories)
    assert "t0-s1" not in ids(rec.recommend("t0-s0"))
    assert "t0-s1" in ids(rec.recommend("t0-s0", as_of=START + timedelta(days=1.5)))


def test_old_stories_look_around_their_own_time() -> None:
    rows = [("old", 0), ("old-near", 20), ("middle", 900), ("new", 2000), ("newest", 2010)]
    stories = [
        {"id": i, "title": f"harbour ferry captain x{i}", "published_at": START + timedelta(days=d)} for i, d in rows
    ]
    rec = Recommender(WITHIN_TOPICS.override(SUM | {"retrieval.window_days": 365})).fit(stories)
    assert set(ids(rec.recommend("old"))) == {"old-near", "new", "newest"}
    assert set(ids(rec.recommend("newest"))) == {"new"}
    assert set(ids(rec.recommend("middle"))) == {"new", "newest"}


def test_without_a_window_every_age_is_found(tfidf: Settings) -> None:
    stories = [
        {"id": f"s{d}", "title": f"harbour ferry captain x{d}", "published_at": START + timedelta(days=d)}
        for d in (0, 20, 900, 2000)
    ]
    options = {
        "selection.related_at": None,
        "selection.same_report_hours": None,
        "selection.repeat_hours": None,
        "selection.series_limit": False,
    }
    rec = Recommender(tfidf.override(options)).fit(stories)
    for story in stories:
        assert set(ids(rec.recommend(story["id"]))) == {other["id"] for other in stories} - {story["id"]}


@pytest.mark.filterwarnings("ignore:no story has")
def test_filters(shared: Recommender) -> None:
    day = timedelta(days=1)

    def get(**filters: Any) -> set[str]:
        return set(ids(shared.recommend("t0-s2", k=10, filters=Filters(**filters))))

    assert get() == {"t0-s0", "t0-s1", "t0-s3", "t0-s4", "t0-s5"}
    assert get(after=START + 3 * day) == {"t0-s3", "t0-s4", "t0-s5"}
    assert get(before=(START + day).replace(tzinfo=None)) == {"t0-s0", "t0-s1"}
    assert get(days_around_story=1) == {"t0-s1", "t0-s3"}
    assert get(days_before_as_of=1) == {"t0-s5"}
    assert get(exclude=("t0-s0", "t0-s5", "no-such")) == {"t0-s1", "t0-s3", "t0-s4"}
    assert get(sections=("section1",)) == set()
    assert get(sections=("section0",), kinds=("news",)) == get()
    assert get(kinds=("opinion",)) == get(languages=("de",)) == get(tags=("sea",)) == set()
    assert set(ids(shared.recommend("t0-s2", exclude=["t0-s3"]))) == {"t0-s0", "t0-s1", "t0-s4", "t0-s5"}
    with pytest.raises(SettingsError, match=r"expected a tuple such as \('sport',\)"):
        Filters(sections="sport")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:no story has")
def test_tag_and_language_rules() -> None:
    stories = checkerboard()
    stories[1] |= {"tags": ["sea", "law"]}
    stories[2] |= {"language": "de"}
    rec = Recommender(WITHIN_TOPICS).fit(stories)
    assert ids(rec.recommend("t0-s0", filters=Filters(tags=("law", "none")))) == ["t0-s1"]
    assert "t0-s2" not in ids(rec.recommend("t0-s0"))
    assert ids(rec.recommend("t0-s2")) == []


def test_copies_never_appear(fitted: Recommender) -> None:
    assert "astrolabe-found-weekend" not in ids(fitted.recommend("astrolabe-found"))
    both = {"astrolabe-found", "astrolabe-found-weekend"}
    for article_id in fitted.catalog.ids.to_pylist():
        assert len(both & set(ids(fitted.recommend(article_id)))) < 2


def test_one_timeless_piece_at_most_in_the_place_of_its_score(fitted: Recommender) -> None:
    timeless = set(ids_of_rows(fitted, fitted.catalog.timeless))
    places = []
    for article_id in fitted.catalog.ids.to_pylist():
        shown = [item for item in fitted.recommend(article_id) if item.source != "more"]
        every = fitted.recommend(article_id)
        assert sum(item.article_id in timeless for item in (*every.items, *every.reserves)) <= 1
        assert all((item.source == "evergreen") == (item.article_id in timeless) for item in shown)
        places += [(rank, len(shown)) for rank, item in enumerate(shown, 1) if item.source == "evergreen"]
    assert places
    assert any(rank < length for rank, length in places), "not always last"


def test_undated_archives_run_without_time() -> None:
    rec = board(dated=False)
    found = rec.recommend("t2-s0")
    assert not rec.archive.dated
    assert found.as_of is None
    assert len(found) == 5
    assert all(item.components["freshness"] == 1 for item in found)
    with pytest.raises(SettingsError, match="archive with dates"):
        rec.recommend("t2-s0", filters=Filters(days_before_as_of=3))


def test_relevance_only_ranks_the_whole_archive_by_relevance(fitted: Recommender) -> None:
    rec = Recommender(Settings.relevance_only().override({"embedding.model": "tfidf"})).fit_table(fitted.catalog.table)
    found = rec.recommend("ferry-aground", k=len(rec.catalog))
    assert len(found) == len(rec.catalog) - 1
    relevance = [item.relevance for item in found]
    assert relevance == sorted(relevance, reverse=True)
    assert [item.score for item in found] == relevance


PLAIN = {"same_report_hours": None, "repeat_hours": None, "series_limit": False, "live_hours": None, "caps": ()}


def best_by_hand(rec: Recommender, score: np.ndarray, fits: np.ndarray, own: int) -> list[str]:
    """Ids of greatest score that fit, one of each group of copies and none of the story's own."""
    everyone, group = rec.catalog.ids.to_pylist(), rec.catalog.copy_group
    best, seen = [], {group[own]}
    for place in sorted(np.flatnonzero(fits), key=lambda p: (-score[p], everyone[p])):
        if group[place] not in seen:
            best.append(everyone[place])
        seen.add(group[place])
    return best


def test_brute_force_agrees(summed: Recommender) -> None:
    """Scores of every pair, computed without retrieval, select the same lists."""
    summed = summed.under(summed.settings.override({f"selection.{name}": value for name, value in PLAIN.items()}))
    archive = summed.archive
    vectors = archive.vectors.astype(np.int64)
    dense = (vectors @ vectors.T) / 4064**2
    fused = 0.5 * dense + 0.5 * (archive.terms @ archive.terms.T).toarray()
    published, timeless = archive.catalog.published / 86_400e6, archive.catalog.timeless
    assert summed.related_at
    for row, article_id in enumerate(archive.catalog.ids.to_pylist()):
        if timeless[row]:
            continue
        score = fused[row] * 2 ** (-np.abs(published - published[row]) / 90)
        best = best_by_hand(summed, score, (fused[row] >= summed.related_at) & ~timeless, row)
        related = [item.article_id for item in summed.recommend(article_id) if item.source == "related"]
        assert related == best[: len(related)]
        assert len(related) >= min(len(best), 4)


def test_brute_force_agrees_under_a_ranker(fitted: Recommender) -> None:
    """Features of every pair, computed without retrieval, select the same lists."""
    rec = fitted.under(fitted.settings.override({f"selection.{name}": value for name, value in PLAIN.items()}))
    archive, size = rec.archive, len(rec.catalog)
    assert archive.ranker is not None
    assert size <= rec.settings.retrieval.candidates, "all stories are candidates"
    shown = archive.pool_scope(archive.newest(datetime.now(UTC))).allowed
    rows = np.tile(np.arange(size), (size, 1))
    pool = shown & (archive.languages[:, None] == archive.languages) & ~np.eye(size, dtype=bool)
    pairs = Pairs(archive.table, np.arange(size), archive.table, rows, pool)
    raw = archive.ranker.raw(pair_features(pairs, archive.ranker.features, FAMILIES).reshape(size * size, -1))
    raw, checked = raw.reshape(size, size), 0
    assert archive.closeness is not None
    every_chance = archive.ranker.probability(raw)
    cosines = pairs.texts["whole_whole"], pairs.titles, pairs.dense
    close = archive.closeness.is_close(*cosines, pairs.texts["shared"], every_chance)
    for row, article_id in enumerate(archive.catalog.ids.to_pylist()):
        chance = archive.ranker.probability(raw[row])
        fits = pool[row] & ~archive.catalog.timeless & close[row] & (chance >= (rec.related_at or 0.0))
        best = best_by_hand(rec, raw[row], fits, row)
        related = [item for item in rec.recommend(article_id) if item.source == "related"]
        assert [item.article_id for item in related] == best[: len(related)]
        assert len(related) >= min(len(best), 4)
        scores = [chance[archive.catalog.row(item.article_id)] for item in related]
        assert [item.score for item in related] == pytest.approx(scores, abs=1e-6)
        checked += len(related)
    assert checked > 200


def test_withdrawn_stories_vanish_everywhere_until_restored(newsroom: Recommender) -> None:
    everyone = newsroom.catalog.ids.to_pylist()
    before = newsroom.recommend("astrolabe-arrest")
    assert "astrolabe-suspect-profile" in ids(before)
    assert newsroom.withdraw("astrolabe-suspect-profile") == 1
    with pytest.raises(UnknownArticleError, match=r"'not-yet-here'; nothing was done.*unknown_too"):
        newsroom.withdraw(["ferry-inquiry", "not-yet-here"])
    assert "ferry-inquiry" not in newsroom.overlay.withdrawn
    assert newsroom.withdraw(["astrolabe-suspect-profile", "not-yet-here"], unknown_too=True) == 1
    assert newsroom.withdraw("not-yet-here") == 0
    for found in newsroom.recommend_many([i for i in everyone if i != "astrolabe-suspect-profile"]):
        shown = [item.article_id for item in (*found.items, *found.reserves)]
        assert "astrolabe-suspect-profile" not in shown
    with pytest.raises(WithdrawnArticleError, match="astrolabe-suspect-profile"):
        newsroom.recommend("astrolabe-suspect-profile")
    newsroom.update([{"id": "astrolabe-suspect-profile", "title": "Back again", "body": "astrolabe theft"}])
    newsroom.update([{"id": "not-yet-here", "title": "New astrolabe theft suspect"}])
    with pytest.raises(WithdrawnArticleError):
        newsroom.recommend("astrolabe-suspect-profile")
    assert not {"astrolabe-suspect-profile", "not-yet-here"} & set(ids(newsroom.recommend("astrolabe-arrest")))
    assert newsroom.restore(["astrolabe-suspect-profile"]) == 1
    assert newsroom.recommend("astrolabe-suspect-profile").items


def test_update_adds_replaces_and_leaves_alone() -> None:
    rec = board()
    stories = checkerboard()
    assert rec.update(stories) == type(rec.update([stories[0]]))(added=0, replaced=0, unchanged=24)
    new = {"id": "t0-s9", "title": "harbour ferry captain late", "published_at": START + timedelta(days=4)}
    changed = stories[1] | {"title": "glacier moraine icefield", "body": "glacier moraine icefield"}
    changes = rec.update([new, changed, stories[2]])
    assert (changes.added, changes.replaced, changes.unchanged) == (1, 1, 1)
    assert "t0-s9" in ids(rec.recommend("t0-s5"))
    assert "t0-s1" not in ids(rec.recommend("t0-s0", k=10))
    assert "t0-s1" in ids(rec.recommend("t2-s1", k=10))
    older = changed | {"title": "opera", "updated_at": START}
    rec.update([changed | {"updated_at": START + timedelta(days=1)}])
    with pytest.warns(UserWarning, match="1 changed rows are older than the archive's versions"):
        assert rec.update([older]).unchanged == 1


def test_compacting_changes_no_list() -> None:
    rec = board()
    stories = checkerboard()
    rec.update([{**stories[3], "title": "harbour ferry captain again"}, {"id": "t9", "title": "harbour ferry"}])
    everyone = sorted(set(rec.catalog.ids.to_pylist()))
    before = rec.recommend_many(everyone)
    rows = len(rec.catalog)
    assert rec.compact().recommend_many(everyone) == before
    assert len(rec.catalog) == rows - 1


def test_a_draft_without_an_id_is_called_draft(fitted: Recommender) -> None:
    story = {"title": "harbour ferry captain", "body": "The harbour ferry and its captain."}
    found = fitted.recommend_for(story)
    assert found.article_id == "draft"
    assert found.items == fitted.recommend_for({**story, "id": "another"}).items
    with pytest.raises(InputError, match="neither title nor body"):
        fitted.recommend_for({"section": "local"})


def test_calls_that_get_something_else_say_what_they_take(fitted: Recommender) -> None:
    with pytest.raises(SettingsError, match=r"recommend takes one id, got list .*; recommend_many makes the lists"):
        fitted.recommend(["t0-s0", "t0-s1"])  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="recommend takes one id, got Article"):
        fitted.recommend(Article(id="t0-s0", title="Ferry"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="recommend_for got a str, expected an Article or a dict with its fields"):
        fitted.recommend_for("harbour ferry")  # type: ignore[arg-type]


def test_a_draft_gets_the_list_that_it_would_get_inside() -> None:
    stories = checkerboard()
    draft = stories.pop(0)
    rec = Recommender(WITHIN_TOPICS).fit(stories)
    found = rec.recommend_for(draft | {"published_at": datetime(2030, 1, 1, tzinfo=UTC)})
    assert {topic_of(i) for i in ids(found)} == {"t0"}
    assert draft["id"] not in rec.catalog
    inside = rec.catalog.table.slice(rec.catalog.row("t1-s2"), 1).to_pylist()[0]
    again = rec.recommend_for({**inside, "extra": None, "id": "another-id"})
    assert "t1-s2" not in ids(again)
    assert ids(rec.recommend_for({**inside, "extra": None})) == ids(rec.recommend("t1-s2"))


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_what_is_rejected_stands_in_no_list(diversity: float, fitted: Recommender) -> None:
    rec = fitted.under(fitted.settings.override({"selection.diversity": diversity, "selection.reserves": 0}))
    everyone = rec.catalog.ids.to_pylist()
    rejected = rec.explain_rejected(everyone)
    for found in rec.recommend_many(everyone):
        left = {one.article_id for one in rejected[found.article_id]}
        assert not left & set(ids(found)), found.article_id
        assert len(left) + len(found) == len(everyone) - 1, "all others are candidates"


def test_a_story_that_is_named_twice_has_each_rejected_candidate_once(fitted: Recommender) -> None:
    story = fitted.catalog.ids[0].as_py()
    assert fitted.explain_rejected([story, story]) == fitted.explain_rejected([story])


def test_given_vectors_decide() -> None:
    vectors = {f"t{t}-s{s}": np.eye(4)[(t + 1) % 4] + 0.01 * s for t in range(4) for s in range(6)}
    only_dense = {
        "ranking": {"ranker": "none", "dense_weight": 1, "lexical_weight": 0},
        "selection": {"related_at": 0.5, "fill": ()},
    }
    rec = Recommender(Settings.of(only_dense), embedder=GivenVectors(vectors)).fit(checkerboard())
    assert {topic_of(i) for i in ids(rec.recommend("t3-s0"))} == {"t3"}


def test_errors_say_what_is_wrong(shared: Recommender) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        Recommender(WITHIN_TOPICS).recommend("x")
    with pytest.raises(UnknownArticleError, match="'nope' among the 24"):
        shared.recommend("nope")
    with pytest.raises(UnknownArticleError):
        shared.recommend_many(["t0-s0", "nope"])
    with pytest.raises(SettingsError, match="k is 0"):
        shared.recommend("t0-s0", k=0)
    with pytest.raises(InputError, match="no such file"):
        Recommender(WITHIN_TOPICS).fit("no-such.jsonl")
    with pytest.warns(UserWarning, match="1 of 2 rows were rejected"):
        Recommender(WITHIN_TOPICS).fit([{"id": "a", "title": "b"}, {"id": "c"}])


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"sections": ("Section0",)}, "no story has the section 'Section0', .*did you mean 'section0'"),
        ({"sections": ("section1", "sport")}, "no story has the section 'sport', which the filters name$"),
        ({"kinds": ("newz",)}, "no story has the kind 'newz'.*did you mean 'news'"),
        ({"tags": ("no such",)}, "no story has the tag 'no such'"),
        ({"languages": ("xx",)}, "no story has the language 'xx'"),
    ],
)
def test_values_of_filters_that_no_story_has_are_told(shared: Recommender, filters: dict[str, Any], told: str) -> None:
    with pytest.warns(UserWarning, match=told):
        shared.recommend("t0-s0", filters=Filters(**filters))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shared.recommend("t0-s0", filters=Filters(sections=("section0", "section1"), kinds=("News",)))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda rec: rec.recommend("t0-s0", as_of="2026-04-12"), "a moment is '2026-04-12', expected a datetime"),
        (lambda rec: rec.recommend("t0-s0", filters=Filters(after="2026-04-12")), "expected a datetime"),
        (lambda rec: rec.recommend("t0-s0", filters={"sections": ("a",)}), "filters are a dict, expected Filters"),
        (lambda rec: Filters(days_around_story="3"), "Filters.days_around_story is '3', expected a whole number"),
        (lambda rec: rec.fit([], columns=["title"]), "columns are .*, expected a mapping of fields"),
        (lambda rec: rec.under({"selection": {"k": 3}}), "under takes Settings, such as rec.settings.override"),
        (lambda rec: precompute([], "no-such-lists", as_of="now"), "a moment is 'now', expected a datetime"),
        (lambda rec: rec.fit([], links=[("a", "b")]), "links are a list, expected a file or a table"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused_in_words(shared: Recommender, call: Any, told: str) -> None:
    with pytest.raises((SettingsError, InputError), match=told):
        call(shared)


def test_an_empty_archive_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match="no usable story among 0 rows"):
        Recommender(WITHIN_TOPICS).fit([])
    with pytest.raises(InputError, match=r"among 2 rows: 1 missing id; 1 status draft \(--column id=NAME names"):
        Recommender(WITHIN_TOPICS).fit([{"title": "a"}, {"id": "b", "title": "b", "status": "draft"}])


def test_rows_of_an_update_that_were_rejected_are_told() -> None:
    rec = Recommender(WITHIN_TOPICS).fit([{"id": number, "title": f"Ferry {number}"} for number in range(3)])
    with pytest.warns(UserWarning, match="1 of 2 rows were rejected; the first: .*, line 2: missing id"):
        assert rec.update([{"id": 3, "title": "Fog"}, {"title": "Ice"}]).added == 1


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_list_breaks_a_rule(data: st.DataObject) -> None:
    """Random archives, withdrawals and exclusions: nothing forbidden in any list."""
    words = ["ferry", "opera", "glacier", "striker", "bridge", "fire"]
    size = data.draw(st.integers(2, 14))
    stories: list[dict[str, Any]] = []
    for number in range(size):
        text = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=4)))
        day = data.draw(st.none() | st.integers(0, 2000))
        stories.append({"id": f"s{number}", "title": text, "body": data.draw(st.sampled_from(["", text, "same body"]))})
        if day is not None:
            stories[-1]["published_at"] = START + timedelta(days=day)
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}, "selection": {"related_at": None}})).fit(stories)
    gone = set(data.draw(st.lists(st.sampled_from([s["id"] for s in stories]), max_size=3)))
    rec.withdraw(gone)
    excluded = data.draw(st.sampled_from([s["id"] for s in stories]))
    text = {s["id"]: s["body"] or "title:" + s["title"] for s in stories}
    live = [s["id"] for s in stories if s["id"] not in gone]
    for found in rec.recommend_many(live, k=3, exclude=[excluded]):
        shown = [item.article_id for item in (*found.items, *found.reserves)]
        texts = [text[i] for i in shown]
        assert not gone & set(shown)
        assert found.article_id not in shown
        assert excluded not in shown
        assert len(set(texts)) == len(texts)
        assert text[found.article_id] not in texts
        assert len(found) <= 3
        assert found.status == ("ok" if len(found) == 3 else "short" if found.items else "empty")


def test_snapshot_round_trip(newsroom: Recommender, tmp_path: Path) -> None:
    newsroom.withdraw("lynx-kittens")
    newsroom.save(tmp_path / "snap")
    again = Recommender.load(tmp_path / "snap")
    everyone = [i for i in newsroom.catalog.ids.to_pylist() if i != "lynx-kittens"]
    assert again.recommend_many(everyone) == newsroom.recommend_many(everyone)
    draft = {"id": "draft", "title": "Ferry grounding at Gull Point, the Marisol report"}
    assert again.recommend_for(draft) == newsroom.recommend_for(draft)
    with pytest.raises(WithdrawnArticleError):
        again.recommend("lynx-kittens")
    # a withdrawal in one process reaches the other through the folder
    again.withdraw("cup-final")
    with pytest.raises(WithdrawnArticleError):
        newsroom.recommend("cup-final")
    assert again.update([{"id": "new", "title": "Ferry Marisol sails again"}]).added == 1
    again.save(tmp_path / "snap")
    assert "new" in Recommender.load(tmp_path / "snap").catalog


def test_an_archive_that_an_earlier_version_saved_is_refused_with_what_to_do(tmp_path: Path) -> None:
    board().save(tmp_path)
    (path,) = tmp_path.glob("versions/*/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["floor"] = manifest.pop("related_at")
    chosen = manifest["settings"]["selection"]
    chosen |= {"floor": chosen.pop("related_at"), "event_limit": True}
    path.write_text(json.dumps(manifest))
    pointer = {"folder": path.parent.name, "manifest_sha256": sha256(path.read_bytes()).hexdigest()}
    (tmp_path / "CURRENT").write_text(json.dumps(pointer))
    with pytest.raises(SnapshotError, match=r"earlier version of recommender, .*: run precompute with --archive again"):
        Recommender.load(tmp_path)


def test_a_single_id_is_a_list_of_one_wherever_several_are_taken() -> None:
    rec = Recommender(WITHIN_TOPICS.override(TOPICS)).fit(checkerboard())
    assert rec.recommend_many("t0-s0") == [rec.recommend("t0-s0")]
    assert rec.explain_rejected("t0-s0") == rec.explain_rejected(["t0-s0"])
    assert rec.relevance("t0-s0", "t0-s1").tolist() == rec.relevance(["t0-s0"], ["t0-s1"]).tolist()


def test_a_k_beyond_the_archive_takes_no_memory(shared: Recommender) -> None:
    assert len(shared.recommend("t0-s0", k=1_000)) == len(shared.recommend("t0-s0", k=24))
    with pytest.raises(SettingsError, match=r"k is 1,000,000,000, expected at most the 24 stories"):
        shared.recommend("t0-s0", k=10**9)


@pytest.mark.parametrize("k", ["five", 2.5, 0])
def test_a_k_that_is_no_number_of_items_is_refused(k: Any) -> None:
    rec = Recommender(WITHIN_TOPICS.override(TOPICS)).fit(checkerboard())
    with pytest.raises(SettingsError, match=f"k is {k!r}, expected a whole number"):
        rec.recommend("t0-s0", k=k)
