"""Distinct nDCG and repeats: by hand, against plain Python and exhaustive search, and beside nDCG itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import Recommender, Settings
from recommender.evaluation import Measure
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.measures.distinct import DistinctNDCG
from recommender.evaluation.measures.reference import Reference
from recommender.evaluation.measures.relevance import per_story
from recommender.evaluation.measures.repeats import mask_own_reports, mask_repeats, report_same_event

Rows = NDArray[np.int64]
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORDS = ("ferry", "opera", "mayor", "glacier", "mill", "bread", "chess", "storm", "radar", "goal", "tram", "museum")
SIZE = len(WORDS)


def archive_of(times: list[datetime | None], texts: list[str] | None = None) -> Recommender:
    texts = texts or [f"The {word} story of {word} number {n}" for n, word in enumerate(WORDS[: len(times)])]
    stories = [
        {"id": f"s{n:02}", "title": text, "published_at": time}
        for n, (time, text) in enumerate(zip(times, texts, strict=True))
    ]
    return Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit(stories)


def rows_of(rec: Recommender, *lists: list[int]) -> Rows:
    rows = np.full((len(lists), max(map(len, lists))), -1)
    for line, numbers in enumerate(lists):
        rows[line, : len(numbers)] = rec.catalog.rows([f"s{n:02}" for n in numbers])
    return rows


@pytest.fixture(scope="module")
def apart() -> Recommender:
    """Twelve stories, five hours apart, that share next to nothing."""
    return archive_of([START + 5 * n * HOUR for n in range(SIZE)])


@pytest.fixture(scope="module")
def undated() -> Recommender:
    """The same without dates."""
    return archive_of([None] * SIZE)


# -- repeats ------------------------------------------------------------------------------------


def test_reports_of_one_event_repeat_within_a_day_and_developments_do_not(apart: Recommender) -> None:
    told = Reference.from_events(apart.archive, dict.fromkeys(["s00", "s04", "s05", "s11"], "fire"))
    # s00 and s04 are 20 hours apart, s00 and s05 25 hours, s05 and s11 30 hours
    rows = rows_of(apart, [0, 5, 4], [0, 5, 11], [0, 1, 2])
    assert mask_repeats(rows, told).tolist() == [[False, False, True], [False, False, False], [False, False, False]]
    own = mask_own_reports(rows, apart.catalog.rows(["s04", "s04", "s04"]), told)
    assert own.tolist() == [[True, True, True], [True, True, False], [True, False, False]]
    assert not mask_own_reports(rows, np.full(3, -1), told).any()


def test_without_dates_an_event_is_one_report() -> None:
    rec = archive_of([None] * 4)
    told = Reference.from_events(rec.archive, {"s00": "fire", "s02": "fire"})
    assert mask_repeats(rows_of(rec, [0, 1, 2, 3]), told).tolist() == [[False, False, True, False]]


def test_a_story_without_a_date_repeats_nothing_where_others_have_dates() -> None:
    rec = archive_of([START, START, None])
    told = Reference.from_events(rec.archive, dict.fromkeys(["s00", "s01", "s02"], "fire"))
    assert mask_repeats(rows_of(rec, [0, 2, 1]), told).tolist() == [[False, False, True]]


def test_without_labels_words_alike_on_one_calendar_day_repeat() -> None:
    text = "Ferry aground at the harbour mouth, passengers taken off"
    late = START + 15 * HOUR  # 23 o'clock: what comes two hours later is of another day
    times = [late, late - 9 * HOUR, late + 2 * HOUR, START]
    rec = archive_of([*times], [text, f"{text} by boat", f"{text} at night", "Opera opens with a new tenor"])
    assert mask_repeats(rows_of(rec, [0, 1, 2, 3]), Reference(rec.archive)).tolist() == [[False, True, False, False]]


def test_a_copy_repeats_whatever_its_event_and_day() -> None:
    body = " ".join(f"word{n}" for n in range(60))
    stories = [
        {"id": f"s0{n}", "title": f"Title {n}", "body": body, "published_at": START + n * 50 * HOUR} for n in (0, 1)
    ]
    rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit(stories)
    for reference in (Reference(rec.archive), Reference.from_events(rec.archive, {})):
        assert mask_repeats(rows_of(rec, [0, 1], [1, 1]), reference).tolist() == [[False, True], [False, True]]


# -- distinct nDCG ------------------------------------------------------------------------------


def test_by_hand(apart: Recommender) -> None:
    told = Reference.from_events(apart.archive, {"s01": "fire", "s02": "fire", "s06": "flood", "s07": "flood"})
    judgments = Judgments.of([("s00", "s01", 2), ("s00", "s02", 1), ("s00", "s03", 1), ("s00", "s06", 1)])
    measure = DistinctNDCG.from_judgments(["s00", "s09"], judgments, told, 4)
    best = 2 + 1 / log2(3) + 1 / 2  # s01, then s03 and s06; s02 repeats s01
    rows = rows_of(apart, [1, 2, 3, 6], [1])
    found = measure(rows)
    assert found[0] == pytest.approx((2 + 1 / 2 + 1 / log2(5)) / best)
    assert np.isnan(found[1]), "nothing is wanted under s09"
    # an item that nobody graded takes the gain from those that repeat it
    assert measure(rows_of(apart, [7, 6, 1], [1]))[0] == pytest.approx(2 / 2 / best)
    # a report with a lesser grade in front costs what the better one has more
    assert measure(rows_of(apart, [2, 1], [1]))[0] == pytest.approx(1 / best)
    assert measure(rows_of(apart, [1, 3, 6], [1]))[0] == pytest.approx(1)
    assert measure(np.full((2, 4), -1))[0] == 0


grades = st.lists(st.integers(0, 3), min_size=SIZE, max_size=SIZE)
orders = st.permutations(range(1, SIZE))


@given(grades, orders, st.integers(1, 8))
@settings(deadline=None)
def test_without_repeats_it_is_ndcg(apart: Recommender, given_grades: list[int], order: list[int], k: int) -> None:
    told = Reference.from_events(apart.archive, {})
    judgments = Judgments.of([("s00", f"s{n:02}", given_grades[n]) for n in range(1, SIZE)])
    items = [f"s{n:02}" for n in order[:k]]
    expected = per_story([Measure("nDCG", k)], judgments, ["s00"], [items])[f"nDCG@{k}"]
    rows = rows_of(apart, order[:k])
    assert DistinctNDCG.from_judgments(["s00"], judgments, told, k)(rows) == pytest.approx(expected, nan_ok=True)


@given(grades, orders, st.lists(st.sampled_from(["", "fire", "flood"]), min_size=SIZE, max_size=SIZE))
@settings(deadline=None, max_examples=60)
def test_it_is_the_definition_and_no_list_is_better_than_the_best(
    undated: Recommender, given_grades: list[int], order: list[int], events: list[str]
) -> None:
    rec, k = undated, 3
    told = Reference.from_events(rec.archive, {f"s{n:02}": event for n, event in enumerate(events) if event})
    judgments = Judgments.of([("s00", f"s{n:02}", given_grades[n]) for n in range(1, SIZE)])

    def gain(items: tuple[int, ...]) -> float:
        seen: set[str] = set()
        total = 0.0
        for place, item in enumerate(items, 2):
            total += 0 if events[item] in seen else given_grades[item] / log2(place)
            seen |= {events[item]} - {""}
        return total

    measure = DistinctNDCG.from_judgments(["s00"], judgments, told, k)
    wanted = [n for n in range(1, SIZE) if given_grades[n]]
    best = max((gain(items) for size in range(1, k + 1) for items in permutations(wanted, size)), default=0.0)
    found = measure(rows_of(rec, order[:k]))[0]
    assert measure.best[0] == pytest.approx(best)
    assert found == pytest.approx(gain(tuple(order[:k])) / best) if best else np.isnan(found)


def test_the_best_list_of_equal_grades_takes_what_fewest_others_repeat() -> None:
    # 20 hours apart by labels: the middle one repeats both of the others, which do not repeat each other
    rec = archive_of([START, START + 20 * HOUR, START + 40 * HOUR, START + 400 * HOUR])
    told = Reference.from_events(rec.archive, dict.fromkeys(["s00", "s01", "s02"], "fire"))
    judgments = Judgments.of([("s03", f"s0{n}", 1) for n in range(3)])
    measure = DistinctNDCG.from_judgments(["s03"], judgments, told, 3)
    assert measure(rows_of(rec, [0, 2, 1])).tolist() == [1.0]
    assert measure(rows_of(rec, [1, 0, 2]))[0] == pytest.approx(1 / (1 + 1 / log2(3)))


def test_pairs_of_any_shape_are_told(apart: Recommender) -> None:
    told = Reference.from_events(apart.archive, dict.fromkeys(["s00", "s01"], "fire"))
    rows = rows_of(apart, [0, 1, 2])[0]
    table = report_same_event(*np.broadcast_arrays(rows[:, None], rows[None, :]), told)
    assert table.tolist() == [[True, True, False], [True, True, False], [False, False, False]]
    assert report_same_event(rows[:0], rows[:0], told).shape == (0,)
