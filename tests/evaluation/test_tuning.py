"""Tuning: what is there is found, what is noise is not, and nobody looks at held-out stories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import Recommender, Settings
from recommender.embedders import GivenVectors
from recommender.errors import PublishError, SettingsError
from recommender.evaluation import ClickLog, EvaluationSet, Judgments, Measure, OwnSystem, load_set, next_click
from recommender.evaluation.measures.relevance import per_story
from recommender.evaluation.protocol import ask, stories_to_evaluate
from recommender.evaluation.tuning.bench import Bench, Questions, rankings
from recommender.evaluation.tuning.cross_validation import (
    Chosen,
    Point,
    Values,
    cross_validated,
    one_by_one,
    one_standard_error,
)
from recommender.evaluation.tuning.tunable import AGE, DIVERSITY, EVENTS, GRID, WEIGHT, grid_of
from recommender.evaluation.tuning.tune import Tuned, tune, write_settings
from recommender.statistics import Estimate, fold_of

RANKER = Settings.of({"embedding": {"model": "tfidf"}})
EQUAL = Settings.of({"ranking": {"ranker": "none", "dense_weight": 0.5, "lexical_weight": 0.5}})
"""Without a ranker, both parts alike."""
TFIDF = EQUAL.override({"embedding.model": "tfidf"})
TOPICS, EACH = 12, 6
SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te")


# -- worlds ---------------------------------------------------------------------------------


def word(number: int) -> str:
    return "".join(SYLLABLES[number // len(SYLLABLES) ** place % len(SYLLABLES)] for place in range(4))


def name_of(topic: int, number: int) -> str:
    return f"t{topic:02}-{number}"


def stories(rng: np.random.Generator, *, dated: bool = False) -> list[dict[str, Any]]:
    """Topics of six stories, each with words of its topic, words of its own and words that mislead."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    made = []
    for topic in range(TOPICS):
        for number in range(EACH):
            own = [word(1000 + 50 * topic + place) for place in rng.choice(20, 8, replace=False)]
            other = [word(5000 + place) for place in rng.choice(60, 6, replace=False)]
            made.append({"id": name_of(topic, number), "title": f"{own[0]} {other[0]}", "body": " ".join(own + other)})
            if dated:
                made[-1]["published_at"] = start + timedelta(days=int(20 * number), hours=topic)
    return made


def topic_judgments(*, symmetric: bool = True, where: Callable[[str], bool] = lambda _: True) -> Judgments:
    """Stories of one topic are good under each other, and every other pair is bad."""
    ids = [name_of(topic, number) for topic in range(TOPICS) for number in range(EACH)]
    rows = [(a, b, 1.0) for a in ids for b in ids if a != b and a[:3] == b[:3] and where(a)]
    return Judgments.of(rows, symmetric=symmetric, complete=ids)


def world(judgments: Judgments, *, dated: bool = False, **values: Any) -> EvaluationSet:
    made = EvaluationSet.of("world", stories(np.random.default_rng(0), dated=dated), judgments, part="development")
    group = {name_of(topic, number): f"topic {topic}" for topic in range(TOPICS) for number in range(EACH)}
    return replace(made, **{"group": group, **values})


def vectors(kind: str, seed: int = 1) -> GivenVectors:
    """Vectors that tell the topic, or nothing."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(TOPICS, 16)) * (kind == "telling")
    return GivenVectors(
        {
            name_of(topic, number): centres[topic] + rng.normal(size=16) * 0.5
            for topic in range(TOPICS)
            for number in range(EACH)
        }
    )


def table_values(table: dict[Point, NDArray[np.float64]], fold: NDArray[np.int64]) -> Values:
    """Values by story as the search asks for them: those of a fold are hidden from its line."""

    def values(point: Point) -> NDArray[np.float64]:
        lines = np.repeat(table[point][None], fold.max() + 2, axis=0)
        for number in range(fold.max() + 1):
            lines[number, fold == number] = np.nan
        return lines

    return values


WEIGHTS, LIMITS = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.1, 0.2)


def simulated(seed: int, effect: float = 0.0) -> Chosen:
    """Twenty groups of five stories, fifteen settings that differ by noise, and by `effect` at one weight."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(20), 5)
    base = rng.uniform(0, 1, len(groups))
    table = {
        (weight, limit): base
        + rng.normal(0, 0.15, len(groups))
        + rng.normal(0, 0.05, 20)[groups]
        + effect * (weight == 0.75)
        for weight in WEIGHTS
        for limit in LIMITS
    }
    fold = fold_of(groups, 5, seed=seed)
    return cross_validated(table_values(table, fold), (WEIGHTS, LIMITS), (0.5, 0.0), fold, groups, seed=seed)


# -- choosing, on plain arrays ----------------------------------------------------------------


def test_noise_is_hardly_ever_called_a_gain() -> None:
    runs = [simulated(seed) for seed in range(200)]
    moved = sum(run.final != (0.5, 0.0) for run in runs)
    gains = sum(run.verdict() == "better" for run in runs)
    assert moved > 60, "the search must be tempted, or the test says nothing"
    assert gains <= 0.05 * len(runs)
    assert abs(np.mean([run.gain.value for run in runs])) < 0.005, "held-out differences are not biased"


def test_a_real_effect_is_found() -> None:
    runs = [simulated(seed, effect=0.1) for seed in range(20)]
    assert all(run.final[0] == 0.75 for run in runs)
    assert sum(run.verdict() == "better" for run in runs) >= 18
    assert np.mean([run.gain.value for run in runs]) == pytest.approx(0.1, abs=0.02)


def test_the_gain_is_measured_on_the_held_out_fold() -> None:
    """In each fold another value is best: what the others choose is no good there."""
    groups = np.arange(30)
    fold = fold_of(groups, 3)
    table: dict[Point, NDArray[np.float64]] = {(0.0,): np.full(30, 0.5)}
    table |= {(float(value),): np.where(fold == value - 1, 1.0, 0.3) for value in (1, 2, 3)}
    values = table_values(table, fold)
    found = cross_validated(values, ((0.0, 1.0, 2.0, 3.0),), (0.0,), fold, groups)
    for number, point in enumerate(found.folds):
        assert point != (float(number + 1),)
        np.testing.assert_array_equal(found.differences[fold == number], (table[point] - 0.5)[fold == number])
    assert found.verdict() != "better"


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 25))
def test_one_standard_error(seed: int, rows: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    values, groups = rng.integers(0, 6, (rows, size)) / 5, rng.integers(0, 8, size)
    values[:, rng.random(size) < 0.2] = np.nan
    start = int(rng.integers(rows))
    held = [story for story in range(size) if not np.isnan(values[0, story])]
    if not held:
        assert one_standard_error(values, groups, start) == start
        return
    # sums of equal terms in another order differ in the last digit
    means = [round(sum(values[row, s] for s in held) / len(held), 9) for row in range(rows)]
    best = sorted(range(rows), key=lambda row: (-means[row], abs(row - start), row))
    within = []
    for row in range(rows):
        behind = {s: values[best[0], s] - values[row, s] for s in held}
        mean = sum(behind.values()) / len(held)
        names = {groups[s] for s in held}
        squares = sum(sum(behind[s] - mean for s in held if groups[s] == name) ** 2 for name in names)
        error = np.sqrt(squares * len(names) / max(len(names) - 1, 1)) / len(held)
        if abs(mean - error) < 1e-9 and mean > 1e-9:
            return  # on the very edge rounding decides
        if mean <= error + 1e-9:
            within.append(row)
    assert one_standard_error(values, groups, start) == min(
        within, key=lambda row: (abs(row - start), -means[row], row)
    )


def test_within_one_standard_error_the_start_stays() -> None:
    values = np.array([[0.5, 0.5, 0.5, 0.5], [0.9, 0.2, 0.8, 0.3], [0.5, 0.5, 0.5, 0.6]])
    assert one_standard_error(values, np.arange(4), start=0) == 0
    clear = values + np.array([[0.0], [0.0], [0.3]])
    assert one_standard_error(clear, np.arange(4), start=0) == 2


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(2, 7), st.integers(0, 3))
def test_folds_never_tear_a_group(groups: list[int], folds: int, seed: int) -> None:
    code = np.array(groups)
    fold = fold_of(code, folds, seed=seed)
    for group in set(groups):
        assert len(set(fold[code == group].tolist())) == 1
    sizes = np.bincount(fold)
    assert len(sizes) == min(folds, len(set(groups)))
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= max(groups.count(group) for group in groups)
    np.testing.assert_array_equal(fold, fold_of(code, folds, seed=seed))


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_even_where_groups_allow_it(seed: int) -> None:
    assert np.bincount(fold_of(np.array([0, 1, 2, 3, 3, 3]), 2, seed=seed)).tolist() == [3, 3]


def test_the_search_goes_on_while_settings_depend_on_each_other() -> None:
    """The best weight shows only under the right limit, which is searched after it."""
    table = {(weight, limit): np.full(10, weight * limit + 0.1 * limit) for weight in WEIGHTS for limit in LIMITS}
    asked: list[Point] = []

    def values(point: Point) -> NDArray[np.float64]:
        asked.append(point)
        return table[point][None]

    assert one_by_one(values, (WEIGHTS, LIMITS), (0.0, 0.0), -1, np.arange(10)) == (1.0, 0.2)
    assert len(set(asked)) < len(table)
    flat = {point: np.full(10, 0.5) for point in table}
    asked.clear()
    assert one_by_one(lambda point: flat[point][None], (WEIGHTS, LIMITS), (0.5, 0.1), -1, np.arange(10)) == (0.5, 0.1)


# -- whole runs -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text_tells() -> Tuned:
    return tune(world(topic_judgments()), start=EQUAL, embedder=vectors("nothing"))


def test_text_that_tells_beats_vectors_that_do_not(text_tells: Tuned, tmp_path: Path) -> None:
    assert text_tells.shown
    assert text_tells.part == "relevance"
    share = text_tells.chosen[WEIGHT]
    assert share is not None
    assert share > 0.5
    ranking = text_tells.settings.ranking
    assert (ranking.lexical_weight, ranking.dense_weight) == (share, pytest.approx(1 - share))
    assert text_tells.gain.low > 0
    assert text_tells.p < 0.05
    path = tmp_path / "made" / "tuned.toml"
    write_settings(text_tells, path)
    assert Settings.from_toml(path) == text_tells.settings
    text = path.read_text()
    for said in (f"{WEIGHT} = {share}, was 0.5", str(text_tells.gain), "nDCG@5", "5 folds, seed 0"):
        assert said in text
    assert "[selection]" not in text


def test_vectors_that_tell_pull_the_other_way() -> None:
    rng = np.random.default_rng(5)
    blurred = [
        {**row, "title": "", "body": " ".join(word(place) for place in rng.choice(60, 14, replace=False))}
        for row in stories(rng)
    ]
    judged = EvaluationSet.of("w", blurred, topic_judgments(), part="development", group=world(topic_judgments()).group)
    start = EQUAL.override({"ranking.lexical_weight": 1.5})
    tuned = tune(judged, embedder=vectors("telling"), start=start)
    assert tuned.trials[0].values[WEIGHT] == 0.75
    assert tuned.shown
    weights = tuned.settings.ranking
    assert weights.lexical_weight == 2 * tuned.chosen[WEIGHT] < 1.5
    assert weights.dense_weight + weights.lexical_weight == pytest.approx(2.0), "the sum of both stays"


def test_same_input_same_result(text_tells: Tuned) -> None:
    again = tune(world(topic_judgments()), start=EQUAL, embedder=vectors("nothing"))
    assert again == text_tells


def test_random_judgments_show_nothing() -> None:
    shown = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        ids = [name_of(topic, number) for topic in range(TOPICS) for number in range(EACH)]
        rows = [(a, b, float(rng.random() < 0.1)) for a in ids for b in ids if a < b]
        judged = world(Judgments.of(rows, symmetric=True), group={})
        tuned = tune(judged, start=EQUAL, embedder=vectors("nothing", seed), seed=seed)
        assert tuned.shown or tuned.settings == tuned.start == EQUAL
        assert tuned.shown or tuned.notes[0].startswith("no gain shown")
        shown.append(tuned.shown)
    assert sum(shown) <= 1


def test_a_choice_never_sees_the_held_out_stories() -> None:
    """Other judgments of the held-out stories, in either direction, change nothing in what is chosen without them."""
    judged = world(topic_judgments())
    ids = judged.judgments.directed().stories
    fold = dict(zip(ids, fold_of(judged.groups_of(ids), 5).tolist(), strict=True))
    rng = np.random.default_rng(3)
    rows = [tuple(row.values()) for row in judged.judgments.table.to_pylist()]
    kept = [row for row in rows if fold[str(row[0])] != 0 and fold[str(row[1])] != 0]
    held = [name for name in ids if fold[name] == 0]
    wild = [(a, b, 5.0) for a in held for b in rng.choice(ids, 12, replace=False).tolist() if a != b]
    other = replace(judged, judgments=Judgments.of([*kept, *wild], symmetric=True, complete=ids))
    assert other.judgments.directed().stories == ids, "the same stories are asked, so folds are the same"
    embedder = vectors("nothing")
    one, two = (tune(some, start=EQUAL, embedder=embedder) for some in (judged, other))
    assert one.folds[0] == two.folds[0]
    assert one.gain != two.gain


def test_lines_hide_the_fold_and_whatever_touches_it() -> None:
    judged = world(topic_judgments(), group={})  # a story's topic is spread over the folds
    asked = Questions.from_set(judged)
    fold = fold_of(asked.groups, 3)
    rec = Recommender(EQUAL, embedder=vectors("telling"))
    bench = Bench.fit(asked, fold, 3, rec, width=5)
    plain = Settings.relevance_only()
    lines, _ = bench.values(plain, Measure("nDCG", 5), Measure("Judged", 5))
    assert lines.shape == (4, len(asked.stories))
    of = dict(zip(asked.stories, fold.tolist(), strict=True))
    shown = rankings(rec.under(plain), judged, asked.stories, 5)
    for number, line in enumerate(lines):
        for place, story in enumerate(asked.stories):
            good = [item for item in of if item[:3] == story[:3] and item != story and of[item] != number]
            if of[story] == number or not good:
                assert np.isnan(line[place])
                continue
            left = [item for item in shown[place] if of[item] != number]
            gains = sum(1 / np.log2(2 + rank) for rank, item in enumerate(left) if item in good)
            ideal = sum(1 / np.log2(2 + rank) for rank in range(min(len(good), 5)))
            assert line[place] == pytest.approx(gains / ideal)


def test_where_nothing_was_judged_bad_an_unjudged_item_was_not_chosen() -> None:
    judgments = replace(topic_judgments(), complete=frozenset())
    assert tune(world(judgments), start=EQUAL, embedder=vectors("nothing")).shown


def test_unjudged_items_may_hide_the_truth() -> None:
    """Only what vectors find was judged; text finds what nobody looked at, and some of it was good."""
    ids = [name_of(topic, number) for topic in range(TOPICS) for number in range(EACH)]
    rng = np.random.default_rng(0)
    telling = topic_judgments().table.to_pylist()
    judged_pairs = [(row["story"], row["item"], 1.0) for row in telling if rng.random() < 0.6]
    rec = Recommender(Settings.relevance_only().override({"ranking.lexical_weight": 0.0}), embedder=vectors("nothing"))
    rec.fit(stories(np.random.default_rng(0)))
    good = {(a, b) for a, b, _ in judged_pairs}
    pool = [(one.article_id, item.article_id) for one in rec.recommend_many(ids, k=5) for item in one.items]
    bad = [(a, b, 0.0) for a, b in pool if not {(a, b), (b, a)} & good and a[:3] != b[:3]]
    judged = world(Judgments.of([*judged_pairs, *bad], symmetric=True))
    tuned = tune(judged, embedder=vectors("nothing"), start=EQUAL.override({"ranking.lexical_weight": 0.0}))
    assert tuned.gain.low > 0
    assert tuned.p < 0.05
    assert not tuned.shown
    assert tuned.settings == tuned.start
    assert "unjudged ones may hide the truth" in tuned.notes[0]


@pytest.mark.parametrize("fill", [("more",), ()], ids=["full lists", "short lists"])
def test_trials_agree_with_the_protocol(fill: tuple[str, ...]) -> None:
    judged, start = load_set("sample"), TFIDF.override({"selection.related_at": 0.3, "selection.fill": fill})
    other = start.override({"ranking.lexical_weight": 0.35, "ranking.dense_weight": 0.65})
    stories, judgments, _ = stories_to_evaluate(judged)
    answers = ask(OwnSystem("other", other), judged, stories, k=5, depth=100)
    ids = judged.catalog.ids.to_pylist()
    wanted = {"relevance": {WEIGHT: 0.35}, "list": {WEIGHT: 0.35, DIVERSITY: 0.0}}
    for part, ranking in (("relevance", answers.ranked), ("list", answers.lists)):
        shown = [[ids[row] for row in rows if row >= 0] for rows in ranking.rows]
        value = per_story([Measure("nDCG", 5)], judgments, stories, shown)["nDCG@5"].mean()
        tuned = tune(judged, start=start, names=list(wanted[part]), folds=2)
        assert tuned.part == part
        (mean,) = [trial.mean for trial in tuned.trials if trial.values == wanted[part]]
        assert mean == pytest.approx(value)


def test_the_sample_newsroom_is_reported_honestly() -> None:
    judged = load_set("sample")
    heard: list[tuple[str, int, int | None]] = []
    tuned = tune(judged, start=TFIDF, progress=lambda *said: heard.append(said))
    assert list(tuned.chosen) == [WEIGHT, EVENTS, DIVERSITY]
    assert tuned.part == "list"
    assert tuned.trials[0].values == {WEIGHT: 0.5, EVENTS: TFIDF.selection.event_threshold, DIVERSITY: 0.0}
    assert tuned.trials[0].difference == Estimate(0.0, 0.0, 0.0)
    assert len(tuned.trials) == heard[-1][1] <= 40
    assert tuned.settings is tuned.start
    assert not tuned.shown
    assert not any("recommender learn" in note for note in tuned.notes)
    assert any(judged.notes[0] in note for note in tuned.notes)


def test_lists_of_a_ranker_can_be_tuned_but_not_its_order() -> None:
    judged = load_set("sample")
    tuned = tune(judged, start=RANKER, folds=2)
    assert list(tuned.chosen) == [EVENTS, DIVERSITY]
    assert tuned.part == "list"
    stories, judgments, _ = stories_to_evaluate(judged)
    assert any("`recommender learn` improves the ranking" in note for note in tuned.notes)
    system = OwnSystem("start", RANKER.override({"selection.reserves": 0}))
    lists = ask(system, judged, stories, k=5, depth=5).lists
    ids = judged.catalog.ids.to_pylist()
    shown = [[ids[row] for row in rows if row >= 0] for rows in lists.rows]
    value = per_story([Measure("nDCG", 5)], judgments, stories, shown)["nDCG@5"].mean()
    assert tuned.trials[0].mean == pytest.approx(value)


@pytest.mark.parametrize(("value", "place"), [(None, -1), (1.0, 0), (60.0, 2)])
def test_the_value_at_the_start_joins_the_grid_in_its_place(value: float | None, place: int) -> None:
    tried = grid_of([clicked_world()], [AGE], EQUAL.override({AGE: value}))[AGE]
    assert tried[place] == value
    numbers = [one for one in tried if one is not None]
    assert numbers == sorted({*GRID[AGE], *([value] if value else [])})


def test_stories_of_several_sets_count_the_same() -> None:
    one = world(topic_judgments(where=lambda story: story < "t04"))
    two = load_set("sample")
    alone = [tune(judged, start=TFIDF, names=[WEIGHT]) for judged in (one, two)]
    both = tune([one, two], start=TFIDF)
    assert len(both.folds) == 5
    assert list(both.chosen) == [WEIGHT]
    mean = np.average([tuned.trials[0].mean for tuned in alone], weights=[4 * EACH, 30])
    assert both.trials[0].mean == pytest.approx(mean)


def test_groups_of_different_sets_are_not_one_group() -> None:
    one = world(topic_judgments(where=lambda story: story < "t01"))
    with pytest.raises(SettingsError, match="6 stories of 1 group"):
        tune(one, start=TFIDF)
    assert len(tune([one, one], start=TFIDF).folds) == 2


def test_under_a_story_stand_only_older_ones_where_time_counts() -> None:
    judged = world(
        topic_judgments(symmetric=False, where=lambda story: story < "t02"), dated=True, protocol="at_publication"
    )
    start = Settings.relevance_only().override({"ranking.lexical_weight": 0.0})
    rec = Recommender(start, embedder=vectors("telling")).fit_table(judged.catalog.table)
    ids, published = judged.catalog.ids.to_pylist(), judged.catalog.published
    asked = stories_to_evaluate(judged)[0]
    for story, found in zip(asked, rankings(rec, judged, asked, 10), strict=True):
        older = [item for item in ids if published[ids.index(item)] < published[ids.index(story)]]
        relevance = rec.relevance([story] * len(older), older)
        assert found == [older[place] for place in np.argsort(-relevance, kind="stable")][:10]
    tuned = tune(judged, start=start, embedder=vectors("telling"), names=[WEIGHT])
    assert any("later stories included" in note for note in tuned.notes)


def test_stories_of_one_moment_do_not_show_each_other() -> None:
    rows = [{**row, "published_at": f"2024-03-0{int(row['id'][-1]) + 1}"} for row in stories(np.random.default_rng(0))]
    judged = EvaluationSet.of("w", rows, topic_judgments(symmetric=False), protocol="at_publication")
    rec = Recommender(Settings.relevance_only(), embedder=vectors("telling")).fit_table(judged.catalog.table)
    found = rankings(rec, judged, ["t00-1", "t05-1"], 100)
    assert [{item[-1] for item in items} for items in found] == [{"0"}, {"0"}]
    assert [len(items) for items in found] == [TOPICS, TOPICS]


def clicked_world(*, times: bool = True) -> EvaluationSet:
    """Readers take the story of their topic that is nearest in time, of all stories shown."""
    start = datetime(2024, 7, 1, tzinfo=UTC)
    rows = []
    for topic in range(TOPICS):
        for number in range(1, EACH):
            shown = [name_of(t, n) for t in range(TOPICS) for n in range(EACH) if (t, n) != (topic, number)]
            rows.append(
                {
                    "story": name_of(topic, number),
                    "items": shown,
                    "clicks": [name_of(topic, number - 1)],
                    "time": start if times else None,
                }
            )
    log = ClickLog.of(rows)
    return world(next_click(log), dated=True, clicks=log)


def test_dated_clicks_tell_how_age_counts() -> None:
    start = EQUAL.override({AGE: 3650.0})
    tuned = tune(clicked_world(), start=start, names=[AGE], embedder=vectors("telling"))
    assert tuned.shown
    assert tuned.settings.ranking.half_life_days == tuned.chosen[AGE]
    assert tuned.settings.ranking.half_life_days < 3650
    assert any("clicks favour" in note for note in tuned.notes)


def test_a_measure_that_charges_for_bad_items_prefers_short_lists() -> None:
    """Every story has its topic's stories as picks: of twenty places only five can be filled well."""
    judged = replace(topic_judgments(symmetric=False), picks=True)
    ids = frozenset(world(judged).catalog.ids.to_pylist())
    chosen = world(replace(judged, complete=ids))
    means = []
    for fill in ((), ("more",)):
        start = EQUAL.override(
            {
                "selection.related_at": 0.4,
                "selection.fill": fill,
                "selection.same_report_hours": None,
                "selection.repeat_hours": None,
            }
        )
        tuned = tune(chosen, start=start, names=[DIVERSITY], measure="SetF", k=20, embedder=vectors("telling"))
        means.append(tuned.trials[0].mean)
    assert means[0] > 0.9
    assert means[1] == pytest.approx(2 * 5 / (20 + 5))


# -- what is refused ------------------------------------------------------------------------


def picks() -> EvaluationSet:
    return world(topic_judgments(symmetric=False))


@pytest.mark.parametrize(
    ("judged", "values", "said"),
    [
        (lambda: picks().split()[1], {}, "tuning on test judgments would spoil them; use .split()"),
        (lambda: replace(picks(), part="all"), {}, "'all'.*use .split()"),
        (lambda: replace(picks(), uses=("pairs",)), {}, "judges pairs, not lists"),
        (lambda: [], {}, "no set was given"),
        (picks, {"names": [AGE]}, "half_life_days cannot be tuned on world: .*dated clicks"),
        (lambda: clicked_world(times=False), {"names": [AGE]}, "dated clicks"),
        (clicked_world, {"names": [EVENTS]}, "clicks do not show whether a repeat was welcome"),
        (lambda: world(topic_judgments()), {"names": [EVENTS]}, "reward repeats; it needs an editor's picks"),
        (lambda: world(topic_judgments()), {"names": [DIVERSITY]}, "reward repeats; it needs an editor's picks"),
        (
            lambda: replace(picks(), events={name_of(0, 1): "e", name_of(0, 2): "e"}),
            {"names": [EVENTS]},
            "world: 4 of its good items repeat an event",
        ),
        (
            lambda: world(Judgments.of([("t00-0", name_of(t, n), 1.0) for t in range(9) for n in range(1, 6)])),
            {"names": [DIVERSITY]},
            "more than 10 good items a story",
        ),
        (lambda: [picks(), world(topic_judgments())], {"names": [WEIGHT, EVENTS]}, "cannot be tuned on world"),
        (
            picks,
            {"names": ["selection.related_at"]},
            "selection.related_at is not tuned: lists are filled up",
        ),
        (picks, {"names": ["selection.same_report_hours"]}, "an editor's decision"),
        (picks, {"names": ["selection.repeat_hours"]}, "an editor's decision"),
        (picks, {"names": ["selection.k"]}, "'selection.k' is not tuned; expected one of ranking.lexical_weight"),
        (picks, {"names": []}, "no setting to tune was named"),
        (picks, {"measure": "AUC"}, "AUC cannot choose settings"),
        (picks, {"measure": "Judged@5"}, "cannot choose settings"),
        (picks, {"measure": "nonsense"}, "unknown measure"),
        (picks, {"folds": 1}, "folds is 1; expected at least"),
        (picks, {"k": 0}, "k is 0"),
        (
            picks,
            {"start": EQUAL.override({"ranking.lexical_weight": 0, "ranking.dense_weight": 0})},
            "both weights of the ranking are 0",
        ),
        (picks, {"start": RANKER, "names": [WEIGHT]}, "lexical_weight cannot be tuned on any set while a ranker"),
        (clicked_world, {"start": RANKER, "names": [AGE]}, "half_life_days cannot be tuned on any set while a ranker"),
        (
            lambda: world(topic_judgments()),
            {"start": RANKER},
            "no setting can be tuned: ranking.lexical_weight, ranking.half_life_days not on any set while a ranker "
            "orders the candidates: learn one, or set ranking.ranker to 'none'; .* reward repeats",
        ),
        (
            lambda: replace(picks(), group={name_of(t, n): "one" for t in range(TOPICS) for n in range(EACH)}),
            {},
            "72 stories of 1 group; cross-validation needs two groups",
        ),
    ],
)
def test_refused(judged: Callable[[], Any], values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        tune(judged(), **{"start": TFIDF, **values})


def test_defaults_are_what_the_set_can_judge() -> None:
    embedder = vectors("telling")
    judged = replace(picks(), events={name_of(0, 1): "e"})
    tuned = tune(judged, start=EQUAL, embedder=embedder, folds=2)
    assert list(tuned.chosen) == [WEIGHT, EVENTS, DIVERSITY]
    clicks = tune(clicked_world(), start=EQUAL, embedder=embedder, folds=2)
    assert list(clicks.chosen) == [WEIGHT, DIVERSITY, AGE]
    assert list(tune(judged, start=RANKER, folds=2).chosen) == [EVENTS, DIVERSITY]
    assert list(tune(clicked_world(), start=RANKER, folds=2).chosen) == [DIVERSITY]
    assert list(GRID) == [WEIGHT, EVENTS, DIVERSITY, AGE]


# -- the file -------------------------------------------------------------------------------


def made(settings: Settings, **values: Any) -> Tuned:
    start = Settings()
    return Tuned(
        settings=settings,
        chosen={WEIGHT: 0.65},
        gain=Estimate(0.02, 0.01, 0.03),
        p=0.01,
        shown=True,
        folds=({WEIGHT: 0.65},),
        trials=(),
        measure="nDCG@5",
        part="list",
        start=start,
        seed=0,
        **{"notes": (), **values},
    )


def test_without_a_gain_the_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tuned.toml"
    write_settings(replace(made(Settings()), shown=False), path)
    assert "# nothing was changed" in path.read_text().splitlines()
    assert "was 0.5" not in path.read_text()
    assert Settings.from_toml(path) == Settings()


@example('\x7f\\"\n', 0.5, True, ())
@given(
    st.text(min_size=1, max_size=12).filter("none".__ne__),
    st.floats(1e-12, 1),
    st.booleans(),
    st.sampled_from([(), ("more",)]),
)
def test_every_setting_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, share: float, limit: bool, fill: tuple[str, ...]
) -> None:
    settings = Settings.of(
        {
            "reading": {"site_language": text},
            "ranking": {
                "ranker": "none",
                "lexical_weight": share,
                "half_life_days": None if limit else share,
                "anchor": "as_of",
            },
            "selection": {
                "same_report_hours": None if limit else share,
                "repeat_hours": share if limit else None,
                "related_at": share,
                "fill": fill,
                "caps": [{"by": "section", "at_most": 2}, {"by": "source", "value": text, "at_most": 1}],
                "series": [{"name": text, "section": text}],
            },
        }
    )
    path = tmp_path_factory.mktemp("toml") / "tuned.toml"
    write_settings(made(settings, notes=(f"of\n[selection]\r\x00 {text}",)), path)
    assert Settings.from_toml(path) == settings


def test_a_setting_that_is_none_is_written_as_a_word(tmp_path: Path) -> None:
    write_settings(made(EQUAL.override({AGE: None, "selection.related_at": None})), tmp_path / "tuned.toml")
    text = (tmp_path / "tuned.toml").read_text()
    for said in ('half_life_days = "none"', 'related_at = "none"', 'ranker = "none"'):
        assert said in text
    assert Settings.from_toml(tmp_path / "tuned.toml") == EQUAL.override({AGE: None, "selection.related_at": None})


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match="cannot write"):
        write_settings(made(Settings()), tmp_path / "file" / "tuned.toml")
