"""Measures of lists without judgments and safety counts: by hand, against plain Python, and on the sample newsroom."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from math import log2
from random import Random
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from recommender import GivenVectors, ReadNext, Recommender, Rules, Settings
from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.articles.columns import to_micros
from recommender.errors import InputError, SettingsError
from recommender.evaluation.measures.arrays import blocks
from recommender.evaluation.measures.exposure import ages_days, gini, jensen_shannon
from recommender.evaluation.measures.overlap import mean_overlap
from recommender.evaluation.measures.quality import BY_LIST, FRESH_DAYS, QUALITY, list_quality, values_by_list
from recommender.evaluation.measures.reference import Reference, ShownLists
from recommender.evaluation.measures.repeats import RETOLD, RETOLD_UNDATED
from recommender.evaluation.measures.safety import SAFETY, safety
from tests.conftest import NEWSROOM
from tests.support.checkerboard import START, checkerboard
from tests.support.worlds import copy_groups, random_world

Rows = NDArray[np.int64]
TFIDF: dict[str, Any] = {"embedding": {"model": "tfidf"}}
SUM: dict[str, Any] = {"ranking": {"ranker": "none"}}


def fit(stories: list[dict[str, Any]], *, ranking: dict[str, Any] | None = None, **selection: Any) -> Recommender:
    return Recommender(Settings.of({**TFIDF, **(ranking or {}), "selection": selection})).fit(stories)


def rows_of(rec: Recommender, lists: Sequence[Sequence[str]], width: int) -> Rows:
    rows = np.full((len(lists), width), -1)
    for line, ids in enumerate(lists):
        rows[line, : len(ids)] = rec.catalog.rows(ids)
    return rows


def same(found: dict[str, float], expected: dict[str, float]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, nan_ok=True, abs=1e-6), name


# -- small values by hand -----------------------------------------------------------------------


def test_gini_by_hand() -> None:
    assert gini(np.array([2, 2, 2, 2])) == 0
    assert gini(np.array([0, 5, 0])) == pytest.approx(2 / 3)
    assert gini(np.array([1, 3])) == pytest.approx(1 / 4)
    assert gini(np.array([4])) == 0
    assert np.isnan(gini(np.array([0, 0])))
    assert np.isnan(gini(np.array([], dtype=np.int64)))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_gini_is_half_the_relative_mean_difference(values: list[int]) -> None:
    assume(sum(values))
    difference = fmean(abs(a - b) for a in values for b in values)
    assert gini(np.array(values)) == pytest.approx(difference / (2 * fmean(values)))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_jensen_shannon_is_the_square_of_scipys_distance(counts: list[tuple[int, int]]) -> None:
    p, q = np.array(counts, dtype=np.float64).T
    assume(p.sum() and q.sum())
    p, q = p / p.sum(), q / q.sum()
    expected = 0.0 if np.allclose(p, q) else jensenshannon(p, q, base=2) ** 2
    assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-12)


def test_jensen_shannon_by_hand() -> None:
    half = np.array([0.5, 0.5])
    assert jensen_shannon(half, half) == 0
    assert jensen_shannon(np.array([1.0, 0, 0]), np.array([0, 0.5, 0.5])) == pytest.approx(1)
    # of the mixture (3/4, 1/4) .8113 bits, less half a bit
    assert jensen_shannon(np.array([1.0, 0]), half) == pytest.approx(0.311278, abs=1e-6)


# -- rank-biased overlap ------------------------------------------------------------------------


def infinite_overlap(a: Sequence[int], b: Sequence[int], p: float) -> float:
    """The definition, over so many depths that the rest does not count; agreement extrapolated past the ends."""
    a, b = list(dict.fromkeys(a)), list(dict.fromkeys(b))
    short, long = sorted((a, b), key=len)
    if not short:
        return float(not long)
    least, most = len(short), len(long)
    rate = len(set(short) & set(long[:least])) / least  # what the short list goes on to agree
    total, weight = 0.0, 1 - p
    for depth in range(1, 3000):
        end = min(depth, most)
        common = len(set(short[:end]) & set(long[:end])) + rate * max(end - least, 0)
        total += weight * common / end
        weight *= p
    return total


def overlap(a: Sequence[object], b: Sequence[object], p: float = 0.9) -> float:
    """Measure the overlap of two lists of anything."""
    number = {item: place for place, item in enumerate(dict.fromkeys([*a, *b]))}
    return mean_overlap(
        *(np.array([[number[item] for item in one]], dtype=np.int64).reshape(1, -1) for one in (a, b)), p
    )


def test_overlap_by_hand() -> None:
    assert overlap("abcdefghij", "abcdefghij") == pytest.approx(1)
    assert overlap("abcdefghij", "klmnopqrst") == 0
    assert overlap("", "") == 1
    assert overlap("a", "") == overlap("", "a") == 0
    # agreement 0, 1/2, 2/3, 1, 1: .1 (.45 + .54 + .729 + .6561) + .59049
    assert overlap([1, 2, 3, 4, 5], [2, 3, 4, 1, 5], 0.9) == pytest.approx(0.828)
    # the lists of figure 5 of the paper: agreement 0, 0, 2/3, 1/2, 2/5, 1/3, 2/7
    assert overlap("abcdefg", "zcavwxy", 0.9) == pytest.approx(
        0.1 * (0.81 * 2 / 3 + 0.729 / 2 + 0.6561 * 2 / 5 + 0.59049 / 3 + 0.531441 * 2 / 7) + 0.4782969 * 2 / 7
    )
    # equation 32 for s = 1, l = 3, X = 0, 1, 1 and p = 1/2: 1 * (0 + 1/8 + 1/24) + (1/3 + 0) / 8
    assert overlap("b", "abc", 0.5) == pytest.approx(1 / 8 + 1 / 24 + 1 / 24)
    # s = 1, l = 2, X = 1, 1: 1 * (1/2 + 1/8 + 1 * 1/2 * 1/4) + (0 + 1) / 4
    assert overlap("a", "ab", 0.5) == pytest.approx(1)


lists = st.lists(st.integers(0, 8), max_size=9)


@given(lists, lists, st.sampled_from([0.3, 0.8, 0.9, 0.98]))
def test_overlap_is_the_infinite_sum(a: list[int], b: list[int], p: float) -> None:
    found = overlap(a, b, p)
    assert found == pytest.approx(infinite_overlap(a, b, p), abs=1e-9)
    assert found == overlap(b, a, p)


@given(st.lists(st.tuples(lists, lists), min_size=1, max_size=6))
def test_mean_overlap_is_the_mean_of_the_lists(pairs: list[tuple[list[int], list[int]]]) -> None:
    sides = []
    for side, width in ((0, 9), (1, 11)):
        rows = np.full((len(pairs), width), -1)
        for line, pair in enumerate(pairs):
            rows[line, : len(pair[side])] = pair[side]
        sides.append(rows)
    assert mean_overlap(*sides) == pytest.approx(fmean(overlap(a, b) for a, b in pairs))


def test_overlap_refuses_what_it_cannot_compare() -> None:
    for p in (0, 1, -0.5):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            overlap("a", "a", p)
    with pytest.raises(InputError, match="same stories"):
        mean_overlap(np.zeros((2, 3), dtype=np.int64), np.zeros((3, 3), dtype=np.int64))
    assert np.isnan(mean_overlap(np.zeros((0, 3), dtype=np.int64), np.zeros((0, 2), dtype=np.int64)))


# -- measures against plain Python --------------------------------------------------------------


def shown_of(rows: Rows) -> list[list[int]]:
    return [[row for row in line if row >= 0] for line in rows.tolist()]


def oracle(
    rows: Rows, stories: Rows, moments: Rows, reference: Reference, sources: NDArray[np.object_]
) -> dict[str, float]:
    archive = reference.archive
    table = archive.catalog.table.to_pylist()
    published = archive.catalog.published.tolist()
    vectors = archive.vectors.astype(np.float64) / 4064

    def retold(a: int, b: int) -> bool:
        """Words alike, on one day where there are days."""
        cosine, least = (
            (archive.terms[a] @ archive.terms[b].T).toarray()[0, 0],
            RETOLD if archive.dated else RETOLD_UNDATED,
        )
        assume(abs(cosine - least) > 1e-6)
        dated = UNDATED not in (published[a], published[b])
        one_day = dated and published[a] // DAY_US == published[b] // DAY_US
        return bool(cosine >= least) and (one_day or not archive.dated)

    copies = archive.catalog.copy_group.tolist()

    def reports(lead: int, others: list[int]) -> list[bool]:
        if reference.events is None:
            return [retold(lead, other) for other in others]
        told = [reference.events[lead] >= 0 and reference.events[other] == reference.events[lead] for other in others]
        if archive.dated:
            near = [abs(published[lead] - published[other]) <= DAY_US for other in others]
            known = [UNDATED not in (published[lead], published[other]) for other in others]
            told = [all(three) for three in zip(told, near, known, strict=True)]
        return [bool(one) for one in told]

    everything = shown_of(rows)
    told = [["more" if one == "more" else "related" for one in line if one] for line in sources.tolist()]
    again, own, distances, entropies, bits, ages = [], [], [], [], [], []
    first: dict[int, int] = {}
    for items, story, moment in zip(everything, stories.tolist(), moments.tolist(), strict=True):
        seen = [False] * len(items)
        for place, lead in enumerate(items):
            for later, report in enumerate(reports(lead, [o for n, o in enumerate(items) if n != place])):
                at = later + (later >= place)
                seen[at] |= at > place and (report or copies[items[at]] == copies[lead])
        again.append(sum(seen))
        if story >= 0:
            own.append(sum(reports(story, items)))
        pairs = [1 - vectors[a] @ vectors[b] for a, b in combinations(items, 2)]
        if pairs:
            distances.append(fmean(pairs))
        sections = Counter(table[row]["section"] for row in items if table[row]["section"] is not None)
        if sections:
            entropies.append(sum(-n / sections.total() * log2(n / sections.total()) for n in sections.values()))
        for row in items:
            if UNDATED not in (moment, published[row]):
                ages.append((moment - published[row]) / DAY_US)
                if moment >= published[row]:
                    first[row] = min(moment, first.get(row, moment))
    last = max(moments.tolist(), default=UNDATED)
    eligible = [row for row in range(len(table)) if archive.catalog.alive[row]]
    eligible = [row for row in eligible if last == UNDATED or published[row] <= last]
    lists_with = Counter(row for items in everything for row in set(items))
    filled = sum(1 for items in everything if items)
    for items in everything:
        bits += [-log2(lists_with[row] / filled) for row in set(items)]
    exposure = [lists_with[row] for row in eligible]
    names = sorted({story["section"] for story in table if story["section"] is not None})
    of_shown = Counter(table[row]["section"] for items in everything for row in items)
    of_archive = Counter(table[row]["section"] for row in eligible)
    p, q = (np.array([count[name] for name in names], dtype=np.float64) for count in (of_shown, of_archive))
    drift = float("nan")
    if p.sum() and q.sum():
        p, q = p / p.sum(), q / q.sum()
        drift = 0.0 if np.allclose(p, q) else jensenshannon(p, q, base=2) ** 2
    dated = [moment for moment in moments.tolist() if moment != UNDATED]
    waits, never = [], float("nan")
    if dated and min(dated) < max(dated):
        new = [row for row in range(len(table)) if archive.catalog.alive[row]]
        new = [row for row in new if min(dated) <= published[row] <= max(dated)]
        waits = [(first[row] - published[row]) / HOUR_US for row in new if row in first]
        never = mean([row not in first for row in new])
    return {
        "items": mean([len(items) for items in everything]),
        "empty lists": mean([not items for items in everything]),
        "related": mean([line.count("related") / len(line) for line in told if line]),
        "repeats": mean(again),
        "own reports": mean(own),
        "distance": mean(distances),
        "section entropy": mean(entropies),
        "section drift": drift,
        "coverage": mean([count > 0 for count in exposure]),
        "Gini": gini(np.array(exposure)),
        "novelty bits": mean(bits),
        "age median days": median(ages) if ages else float("nan"),
        "age p90 days": float(np.quantile(ages, 0.9)) if ages else float("nan"),
        f"older than {FRESH_DAYS} days": mean([age > FRESH_DAYS for age in ages]),
        "hours to first list": median(waits) if waits else float("nan"),
        "never shown": never,
    }


def mean(values: Sequence[float]) -> float:
    return fmean(values) if values else float("nan")


def random_lists(rng: Random, rec: Recommender) -> tuple[Rows, Rows, Rows]:
    size, lines, width = len(rec.catalog), rng.randint(0, 12), rng.randint(0, 7)
    rows = np.full((lines, width), -1)
    favourites = rng.sample(range(size), k=min(size, 12))
    for line in range(lines):
        length = rng.choice([0, width, rng.randint(0, width)])
        rows[line, :length] = rng.choices(rng.choice([favourites, range(size)]), k=length)
    times = [UNDATED, *(to_micros(START + timedelta(days=365 * 4 + rng.uniform(0, 110))) for _ in range(4))]
    times = rng.choice([times, times[:1], times[1:2], times[1:]])
    stories = [rng.randrange(-1, size) for _ in range(lines)]
    return rows, np.array(stories, dtype=np.int64), np.array(rng.choices(times, k=lines), dtype=np.int64)


@pytest.mark.filterwarnings("ignore:.*rows were rejected.*")
@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_measures_of_random_lists_are_those_of_plain_python(seed: int) -> None:
    rng = Random(seed)
    world = random_world(seed, rng.randint(8, 30))
    for story in world.stories:  # some archives have no dates at all, and some no sections
        story["published_at"] = story["published_at"] if seed % 4 else None
        story["section"] = story["section"] if seed % 5 else None
    rec = world.reference
    if seed % 3 == 0:  # replaced versions stay as rows that are no longer current
        rec.update([{**story, "body": story["body"] + " more"} for story in world.stories[:4]])
    rows, stories, moments = random_lists(rng, rec)
    events = {story["id"]: rng.choice([None, "fire", "flood"]) for story in world.stories}
    drawn = [[rng.choice(["related", "evergreen", "pinned", "more"]) for _ in line] for line in rows]
    sources = np.where(rows >= 0, np.array(drawn, dtype=object).reshape(rows.shape), "")
    for reference in (Reference.from_events(rec.archive), Reference.from_events(rec.archive, events)):
        k = max(rows.shape[1], 1)
        found = list_quality(ShownLists(rows, stories, moments, reference, sources=sources), k=k)
        same(found, oracle(rows, stories, moments, reference, sources))
        each = values_by_list(ShownLists(rows, stories, moments, reference, sources=sources), k=k)
        assert list(each) == list(BY_LIST)
        assert all(one.shape == stories.shape for one in each.values())


def test_long_runs_of_lists_are_measured_block_by_block(fitted: Recommender) -> None:
    """As often as it takes for several blocks, the last of which is cut."""
    rng, size, times = np.random.default_rng(1), len(fitted.catalog), 70
    rows, stories = rng.integers(0, size, (50, 5)), rng.integers(0, size, 50)
    moments = np.full(50, fitted.archive.newest(datetime.now(UTC)))
    sources = np.full(rows.shape, "related")
    reference = Reference.from_events(fitted.under(fitted.settings.override({"selection.related_at": 0.05})).archive)
    each = values_by_list(ShownLists(rows, stories, moments, reference), k=5)
    counts = safety(ShownLists(rows, stories, moments, reference, sources=sources))
    many, asked, many_moments = np.tile(rows, (times, 1)), np.tile(stories, times), np.tile(moments, times)
    assert len(list(blocks(many))) > 1
    for name, values in values_by_list(ShownLists(many, asked, many_moments, reference), k=5).items():
        np.testing.assert_array_equal(values, np.tile(each[name], times), name)
    found = safety(ShownLists(many, asked, many_moments, reference, sources=np.tile(sources, (times, 1))))
    assert found == {name: times * count for name, count in counts.items()}
    assert mean_overlap(many, many[::-1]) == pytest.approx(mean_overlap(rows, rows[::-1]))
    assert each["repeats"].sum() > 0
    assert counts["unlabelled fill"] > 0


# -- measures by hand ---------------------------------------------------------------------------


def test_two_equal_sections_are_one_bit_and_no_drift() -> None:
    rec = fit(checkerboard(per_topic=2))
    every = ["t0-s0", "t1-s0", "t2-s0", "t3-s0"]
    rows = rows_of(rec, [every[:2], every[2:], []], 3)
    moments = np.full(3, to_micros(START + timedelta(days=40)))
    found = list_quality(ShownLists(rows, np.array([-1, -1, -1]), moments, Reference.from_events(rec.archive)), k=3)
    assert found["section entropy"] == pytest.approx(1)
    assert found["section drift"] == pytest.approx(0)
    assert found["coverage"] == 0.5
    assert found["Gini"] == 0.5  # half of the stories share all of the places
    assert found["novelty bits"] == 1  # each in one of the two lists with items
    assert found["items"] == pytest.approx(4 / 3)
    assert found["empty lists"] == pytest.approx(1 / 3)
    assert np.isnan(found["own reports"])  # no story is of the archive
    assert found[f"older than {FRESH_DAYS} days"] == 1
    assert found["age median days"] == pytest.approx(40 - 1.5 / 24)


def test_distance_by_hand() -> None:
    # b at a right angle to a, c half-way, d opposite to a
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [1.0, 1.0], "d": [-1.0, 0.0]}
    rec = Recommender(Settings.of(SUM), embedder=GivenVectors(vectors))
    rec.fit([{"id": name, "title": f"ferry {name}"} for name in vectors])
    rows = rows_of(rec, [["a", "b", "c"], ["a", "d"], ["a"], []], 3)
    found = list_quality(ShownLists(rows, np.arange(4), np.full(4, UNDATED), Reference.from_events(rec.archive)), k=3)
    first = (1 + 2 * (1 - 0.5**0.5)) / 3
    assert found["distance"] == pytest.approx((first + 2) / 2, abs=1e-3)


def test_first_lists_by_hand() -> None:
    rec = fit(checkerboard(per_topic=4))  # s0 ... s3 appear on days 0 ... 3; topics an hour apart
    rows = rows_of(rec, [["t0-s0"], ["t0-s1", "t0-s3"], ["t0-s1", "t0-s2"]], 2)
    stories = rec.catalog.rows(["t1-s0", "t1-s1", "t1-s2"])
    moments = np.array([to_micros(START + timedelta(days=day, hours=6)) for day in (0, 1, 2)])
    found = list_quality(ShownLists(rows, stories, moments, Reference.from_events(rec.archive)), k=2)
    # the eight stories of days 1 and 2 count; s3 is shown before it was published, s0 appeared before the first moment
    assert found["hours to first list"] == 6
    assert found["never shown"] == 6 / 8
    assert found["coverage"] == 3 / 12
    one_moment = np.full(3, rec.catalog.published[stories[2]])
    still = list_quality(ShownLists(rows, stories, one_moment, Reference.from_events(rec.archive)), k=2)
    assert np.isnan(still["hours to first list"])
    assert np.isnan(still["never shown"])


def test_only_the_first_k_places_count(fitted: Recommender) -> None:
    rows = np.random.default_rng(0).integers(0, len(fitted.catalog), (9, 6))
    stories, moments = np.arange(9), np.full(9, UNDATED)
    reference = Reference.from_events(fitted.archive)
    cut = list_quality(ShownLists(rows[:, :4], stories, moments, reference), k=6)
    same(list_quality(ShownLists(rows, stories, moments, reference), k=4), cut)
    assert cut["items"] == 4


def test_without_dates_sections_and_lists() -> None:
    stories = [{"id": name, "title": f"{name} harbour ferry"} for name in "abc"]
    rec = fit(stories)
    reference = Reference.from_events(rec.archive)
    undated = ("age median days", "age p90 days", f"older than {FRESH_DAYS} days", "hours to first list", "never shown")
    found = list_quality(ShownLists(np.array([[1, 2], [0, -1]]), np.arange(2), np.full(2, UNDATED), reference), k=2)
    assert {name for name, value in found.items() if np.isnan(value)} == {
        *undated,
        "section entropy",
        "section drift",
        "related",
    }
    nothing = np.zeros(0, dtype=np.int64)
    found = list_quality(ShownLists(np.zeros((0, 5), dtype=np.int64), nothing, nothing, reference), k=5)
    assert {name for name, value in found.items() if not np.isnan(value)} == {"coverage"}
    assert found["coverage"] == 0
    assert not any(safety(ShownLists(np.zeros((0, 5), dtype=np.int64), nothing, nothing, reference)).values())
    alone = Reference.from_events(fit(stories[:1]).archive)
    found = list_quality(ShownLists(np.array([[-1, -1]]), np.array([0]), np.array([UNDATED]), alone), k=2)
    assert (found["empty lists"], found["own reports"], found["repeats"]) == (1, 0, 0)
    assert np.isnan(found["Gini"])
    assert np.isnan(found["distance"])


def test_shapes_and_rows_are_checked(fitted: Recommender) -> None:
    reference = Reference.from_events(fitted.archive)
    good: tuple[Rows, Rows, Rows] = np.zeros((2, 3), dtype=np.int64), np.zeros(2, dtype=np.int64), np.full(2, UNDATED)
    for bad in ((good[0][0], *good[1:]), (good[0], good[1][:1], good[2]), (*good[:2], good[2][:1])):
        with pytest.raises(InputError, match="have shapes"):
            list_quality(ShownLists(*bad, reference), k=3)
    for wrong in (-2, len(fitted.catalog)):
        with pytest.raises(InputError, match="as in the catalog"):
            safety(ShownLists(good[0], good[1] + wrong, good[2], reference))
        with pytest.raises(InputError, match="as in the catalog"):
            safety(ShownLists(good[0] + wrong, good[1], good[2], reference))
    with pytest.raises(InputError, match="sources have shape"):
        safety(ShownLists(*good, reference, sources=np.full((2, 2), "related")))


def test_stories_without_a_label_have_no_event(fitted: Recommender) -> None:
    assert Reference.from_events(fitted.archive).events is None
    labelled = Reference.from_events(fitted.archive, {"ferry-aground": "ferry"})
    assert labelled.events is not None
    assert (labelled.events >= 0).sum() == 1


# -- safety -------------------------------------------------------------------------------------

AS_OF = START + timedelta(days=30)


def small_world() -> Recommender:
    stories = checkerboard(per_topic=6)
    stories[3] |= {"expires_at": AS_OF}
    stories[5] |= {"published_at": AS_OF + timedelta(microseconds=1)}
    stories[17] |= {"published_at": AS_OF, "expires_at": AS_OF + timedelta(microseconds=1)}
    stories += [
        {**stories[0], "id": "copy-of-story"},
        {**stories[1], "id": "copy-of-item"},
        {**stories[7], "id": "undated", "body": "nobody else uses these words", "published_at": None},
    ]
    return fit(stories, ranking=SUM, related_at=0.3)


PLANTED = {
    "self": ["t0-s0", "t0-s1"],
    "future": ["t0-s1", "t0-s5"],
    "same text": ["t0-s1", "copy-of-item"],
    "repeated": ["t0-s1", "t0-s1"],
    "expired": ["t0-s3", "t0-s1"],
    "unlabelled fill": ["t0-s1", "t1-s4"],
}


def counts(rec: Recommender, items: list[str], story: str | None = "t0-s0", **more: Any) -> dict[str, int]:
    rows, stories = rows_of(rec, [items], 4), rec.catalog.rows([story] if story else [])
    found = safety(
        ShownLists(
            rows,
            stories if story else np.array([-1]),
            np.array([more.pop("moment", to_micros(AS_OF))]),
            Reference.from_events(rec.archive),
            more.get("sources"),
        ),
    )
    assert list(found) == list(SAFETY)
    return found


@pytest.fixture(scope="module")
def planted() -> Recommender:
    return small_world()


@pytest.mark.parametrize("name", SAFETY)
def test_each_fault_is_found_once_and_nothing_else(planted: Recommender, name: str) -> None:
    sources = np.full((1, 4), "evergreen", dtype=object)
    if name == "unlabelled fill":
        sources[0, :2] = "related"
    assert counts(planted, PLANTED[name], sources=sources) == {other: int(other == name) for other in SAFETY}


def test_with_a_ranker_the_cut_is_a_probability() -> None:
    rec = fit(checkerboard(per_topic=6))
    ids = [f"t0-s{number}" for number in range(1, 6)]
    chance = rec.relevance(["t0-s0"] * 5, ids)
    told = np.unique(chance)
    assert len(told) > 1, "the farther in time, the less"
    for below, above in pairwise(told.tolist()):
        archive = rec.under(rec.settings.override({"selection.related_at": (below + above) / 2})).archive
        found = safety(
            ShownLists(
                rows_of(rec, [ids], 5),
                rec.catalog.rows(["t0-s0"]),
                np.array([to_micros(AS_OF)]),
                Reference.from_events(archive),
                sources=np.full((1, 5), "related"),
            )
        )
        assert found == dict.fromkeys(SAFETY, 0) | {"unlabelled fill": int((chance <= below).sum())}


def test_copies_of_the_story_itself_are_the_same_text(planted: Recommender) -> None:
    assert counts(planted, ["copy-of-story"])["same text"] == 1
    assert counts(planted, ["copy-of-story"], story=None)["same text"] == 0
    everything = counts(planted, ["t0-s0", "copy-of-story", "copy-of-story", "t0-s0"])
    assert {name: count for name, count in everything.items() if count} == {"self": 2, "same text": 1, "repeated": 2}


def test_what_is_no_fault(planted: Recommender) -> None:
    for items in (["t0-s1", "undated", "t2-s5"], ["t0-s2"], []):
        assert not any(counts(planted, items).values())
    assert not any(counts(planted, ["t0-s5", "t0-s3", "undated"], moment=UNDATED).values())
    assert not any(counts(planted, ["t1-s2", "t1-s1"], story=None).values())
    assert counts(planted, ["t1-s4"])["unlabelled fill"] == 0  # sources are not known
    without = fit(checkerboard(per_topic=6), related_at=None)
    assert counts(without, ["t1-s4"], sources=np.full((1, 4), "related"))["unlabelled fill"] == 0


def test_older_versions_are_the_story_itself() -> None:
    rec = small_world()
    old = rec.catalog.row("t0-s0")
    rec.update([{"id": "t0-s0", "title": "A new title", "body": "quite other words", "published_at": START}])
    new = rec.catalog.row("t0-s0")
    moments, reference = np.array([to_micros(AS_OF)]), Reference.from_events(rec.archive)
    assert safety(ShownLists(np.array([[old]]), np.array([new]), moments, reference))["self"] == 1
    assert safety(ShownLists(np.array([[old, new]]), np.array([-1]), moments, reference))["repeated"] == 1


@pytest.mark.filterwarnings("ignore:.*rows were rejected.*")
@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_counts_of_random_lists_are_those_of_plain_python(seed: int) -> None:
    rng = Random(seed)
    world = random_world(seed)
    rec = world.reference
    rows, stories, moments = random_lists(rng, rec)
    sources = np.array([[rng.choice(["related", "more"]) for _ in line] for line in rows]).reshape(rows.shape)
    sources = sources.astype(object)
    found = safety(ShownLists(rows, stories, moments, Reference.from_events(rec.archive), sources=sources))
    expected = dict.fromkeys(SAFETY, 0)
    ids, groups = rec.catalog.ids.to_pylist(), copy_groups(world.stories)
    published, expires = rec.catalog.published.tolist(), rec.catalog.expires.tolist()
    archive, weights = rec.archive, rec.settings.ranking
    for line, (items, story, moment) in enumerate(zip(shown_of(rows), stories.tolist(), moments.tolist(), strict=True)):
        own = ids[story] if story >= 0 else None
        above: list[str] = []
        for place, row in enumerate(items):
            item = ids[row]
            expected["self"] += item == own
            expected["repeated"] += item in above
            others = {*above, *([own] if own else [])}
            expected["same text"] += item not in others and bool(groups[item] & others)
            expected["future"] += moment != UNDATED and published[row] > moment
            expected["expired"] += moment != UNDATED and expires[row] <= moment
            if own and archive.related_at is not None and sources[line, place] == "related":
                dense = archive.vectors[row].astype(np.float64) @ archive.vectors[story].astype(np.float64) / 4064**2
                words = (archive.terms[row] @ archive.terms[story].T).toarray()[0, 0]
                fused = weights.dense_weight * dense + weights.lexical_weight * float(words)
                if archive.ranker is not None:
                    fused = rec.relevance([own], [item])[0]
                assume(abs(fused - archive.related_at) > 1e-6)
                expected["unlabelled fill"] += fused < archive.related_at
            above.append(item)
    assert found == expected


# -- the library's own lists --------------------------------------------------------------------


def arrays(rec: Recommender, lists: list[ReadNext], k: int) -> tuple[Rows, Rows, Rows, NDArray[np.object_]]:
    rows = rows_of(rec, [[item.article_id for item in one] for one in lists], k)
    sources = np.full(rows.shape, "", dtype=object)
    for line, one in enumerate(lists):
        sources[line, : len(one)] = [item.source for item in one]
    moments = np.array([to_micros(one.as_of) if one.as_of else UNDATED for one in lists])
    return rows, rec.catalog.rows([one.article_id for one in lists]), moments, sources


@pytest.fixture(scope="module")
def labels() -> dict[str, str | None]:
    lines = (NEWSROOM.parent / "events.jsonl").read_text().splitlines()
    return {story["id"]: story["event"] for story in map(json.loads, lines)}


def test_the_librarys_lists_are_safe_and_tell_nothing_twice(fitted: Recommender, labels: dict[str, str | None]) -> None:
    asked = fitted.recommend_many(fitted.catalog.ids.to_pylist())
    rows, stories, moments, sources = arrays(fitted, asked, 5)
    assert not any(
        safety(ShownLists(rows, stories, moments, Reference.from_events(fitted.archive), sources=sources)).values()
    )
    by_test = list_quality(ShownLists(rows, stories, moments, Reference.from_events(fitted.archive)), k=5)
    assert by_test["own reports"] < 1
    by_label = list_quality(ShownLists(rows, stories, moments, Reference.from_events(fitted.archive, labels)), k=5)
    assert list(by_label) == list(by_test) == list(QUALITY)
    event = {one.article_id: labels.get(one.article_id) for one in asked}
    time = {story["id"]: story["published_at"] for story in fitted.catalog.table.to_pylist()}

    def near(a: str, b: str) -> bool:
        known = event[a] and time[a] and time[b]
        return bool(known) and event[a] == event[b] and abs(time[a] - time[b]) <= timedelta(days=1)

    shown = [(one.article_id, [item.article_id for item in one]) for one in asked]
    again = [sum(any(near(a, b) for b in items[:n]) for n, a in enumerate(items)) for _, items in shown]
    assert by_label["repeats"] == pytest.approx(fmean(again))
    assert by_label["own reports"] == pytest.approx(fmean(sum(near(a, s) for a in items) for s, items in shown))
    assert by_label["repeats"] < 0.2
    ages = ages_days(ShownLists(rows, np.full(len(rows), -1), moments, Reference.from_events(fitted.archive)))
    assert len(ages) == sum(item.published_at is not None for one in asked for item in one)
    assert ages.min() >= 0


def test_limits_on_events_show_in_the_measure(fitted: Recommender, labels: dict[str, str | None]) -> None:
    # a wire story under another headline is an event told again as well
    loose = {"same_report_hours": None, "repeat_hours": None, "drop_copies": False}
    plain = Recommender(Settings.of({**TFIDF, "selection": loose}))
    plain.embedder.fit(fitted.catalog.table)
    plain.fit_table(fitted.catalog.table)
    for reference in (Reference.from_events(fitted.archive), Reference.from_events(fitted.archive, labels)):
        with_limit, without = (
            list_quality(
                ShownLists(*arrays(rec, rec.recommend_many(rec.catalog.ids.to_pylist()), 5)[:3], reference), k=5
            )
            for rec in (fitted, plain)
        )
        assert with_limit["repeats"] < without["repeats"]
        assert with_limit["own reports"] < without["own reports"]


def test_rules_and_withdrawals_hold_in_the_librarys_lists(newsroom: Recommender) -> None:
    newsroom.rules = Rules.read(NEWSROOM.parent / "rules.toml")
    newsroom.withdraw(["ferry-inquiry", "storm-power-cut"])
    newsroom.block("op-bank")
    newsroom.block("mill-deal", story="mill-talks")
    blocked = {(block.item, block.story) for block in newsroom.rules.blocks if block.item} | newsroom.overlay.blocked
    rest = [i for i in newsroom.catalog.ids.to_pylist() if i not in newsroom.overlay.withdrawn]
    lists = newsroom.recommend_many(rest)
    rows, stories, moments, sources = arrays(newsroom, lists, 5)
    found = safety(ShownLists(rows, stories, moments, Reference.from_events(newsroom.archive), sources=sources))
    assert not any(found.values()), found
    shown = {(item.article_id, under) for one in lists for item in one for under in (None, one.article_id)}
    assert shown.isdisjoint(blocked)
    assert newsroom.overlay.withdrawn.isdisjoint(item for item, _ in shown)
