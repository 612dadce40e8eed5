"""Whether real differences are called, chance ones are not, and every figure is what others compute."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from recommender.errors import InputError, SettingsError
from recommender.evaluation.measures.pairs import auc, pair_intervals, pearson, spearman
from recommender.statistics import (
    Estimate,
    bootstrap,
    effect_size,
    group_draws,
    holm,
    randomisation,
    required_stories,
    verdict,
    wins_ties_losses,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NAN = float("nan")


def grouped(rng: np.random.Generator, number: int, shape: str) -> tuple[Floats, Ints]:
    """Differences of stories in groups of unequal size that have something in common."""
    sizes = rng.geometric(0.25, number)
    groups = np.repeat(np.arange(number), sizes)
    common, own = rng.normal(size=number)[groups], rng.normal(size=len(groups))
    if shape == "normal":
        return common + 0.7 * own, groups
    if shape == "skewed":
        return np.exp(common) + np.exp(own) - 1, groups
    return np.where(rng.random(number)[groups] < 0.5, 0.0, np.round(common + 0.3 * own, 1) / 5), groups  # ties


SHAPES = ("normal", "skewed", "ties")


def false_alarms(differences: Floats, groups: Ints, units: Ints, times: int = 2000) -> float:
    """Share of p < .05 where the sign of each group is chance, if the test takes `units` for the groups."""
    rng = np.random.default_rng(5)
    found = 0
    for number in range(times):
        signs = rng.choice([-1.0, 1.0], groups.max() + 1)[groups]
        found += randomisation(differences * signs, units, times=999, seed=number) < 0.05
    return found / times


def called(differences: Floats, groups: Ints, p_holm: float, judged_gap: float = 0.0) -> str:
    return verdict(bootstrap(differences, groups), p_holm, identical=not np.any(differences), judged_gap=judged_gap)


def test_planted_systems_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.geometric(0.3, 60))
    base, noise = rng.beta(2, 2, len(groups)), rng.normal(0, 0.2, len(groups))
    systems = {
        "better": np.clip(base + rng.normal(0.06, 0.1, len(groups)), 0, 1),
        "worse": np.clip(base - rng.normal(0.06, 0.1, len(groups)), 0, 1),
        "not shown": base + noise - noise.mean(),
        "no loss": base + rng.choice([-0.001, 0.001], len(groups)),
        "identical": base.copy(),
    }
    differences = {name: values - base for name, values in systems.items()}
    corrected = holm([randomisation(values, groups) for values in differences.values()])
    for (name, values), p_holm in zip(differences.items(), corrected, strict=True):
        assert called(values, groups, p_holm) == name


@pytest.mark.parametrize("shape", SHAPES)
def test_chance_differences_are_called_at_the_stated_rate(shape: str) -> None:
    differences, groups = grouped(np.random.default_rng(3), 60, shape)
    assert 0.035 <= false_alarms(differences, groups, groups) <= 0.065


@pytest.mark.parametrize("shape", SHAPES)
def test_without_groups_chance_differences_are_called_too_often(shape: str) -> None:
    differences, groups = grouped(np.random.default_rng(3), 60, shape)
    assert false_alarms(differences, groups, np.arange(len(groups)), 500) > 0.1


@pytest.mark.parametrize("shape", ["normal", "ties"])
def test_interval_holds_the_true_mean(shape: str) -> None:
    rng = np.random.default_rng(7)
    found = [bootstrap(*grouped(rng, 40, shape), seed=number) for number in range(400)]
    assert 0.88 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.98


def test_interval_without_groups_misses_the_true_mean() -> None:
    rng, held = np.random.default_rng(7), 0
    for _ in range(200):
        values, groups = grouped(rng, 40, "normal")
        found = bootstrap(values, np.arange(len(groups)))
        held += found.low <= 0 <= found.high
    assert held / 200 < 0.8


def test_bootstrap_is_the_plain_one_of_group_samples() -> None:
    values, groups = grouped(np.random.default_rng(1), 200, "skewed")
    means = []
    for draw in group_draws(groups, times=300, seed=4):
        chosen = np.repeat(values, draw[groups].astype(int))
        means.append(chosen.mean())
    found = bootstrap(values, groups, times=300, seed=4)
    assert found.value == pytest.approx(values.mean())
    tail = stats.norm.cdf(stats.t.ppf(0.025, 199) * np.sqrt(200 / 199))
    assert 0.023 < tail < 0.025  # all but the plain percentiles when there are many groups
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [tail, 1 - tail]))


def test_draws_are_multinomial() -> None:
    draws = group_draws(np.array([2, 0, 1, 1, 3]), times=20_000, seed=1)
    assert draws.shape == (20_000, 4)
    assert (draws.sum(axis=1) == 4).all()
    assert draws.mean(axis=0) == pytest.approx(np.ones(4), abs=0.03)
    assert np.cov(draws.T) == pytest.approx(np.eye(4) - 0.25, abs=0.03)
    with pytest.raises(SettingsError, match="times is 0"):
        group_draws(np.array([0]), times=0)


def test_what_is_missing_is_left_out() -> None:
    values, groups = grouped(np.random.default_rng(2), 20, "normal")
    holes, more = np.append(values, [NAN, NAN]), np.append(groups, [3, 20])
    assert bootstrap(holes, more) == bootstrap(values, groups)
    assert randomisation(holes, more) == randomisation(values, groups)
    assert effect_size(holes) == effect_size(values)
    assert wins_ties_losses(holes) == wins_ties_losses(values)
    assert required_stories(holes, more, difference=0.1) == required_stories(values, groups, difference=0.1)


def test_too_little_to_say() -> None:
    some, one = np.array([0.1, 0.3]), np.array([4, 4])
    assert str(bootstrap(some, one)) == ".200 [-, -]"
    assert randomisation(some, one) == 1
    for none in (np.array([]), np.array([NAN])):
        assert np.isnan(bootstrap(none, np.zeros(len(none), int)).value)
        assert np.isnan(randomisation(none, np.zeros(len(none), int)))
        assert np.isnan(effect_size(none))
        assert wins_ties_losses(none) == (0, 0, 0)
    with pytest.raises(InputError, match=r"shape \(2,\) and groups of shape \(3,\)"):
        bootstrap(some, np.arange(3))
    with pytest.raises(InputError, match="expected two and more"):
        required_stories(some, one, difference=0.1)
    with pytest.raises(SettingsError, match="other than 0"):
        required_stories(some, difference=0)


# p values


def by_enumeration(differences: Floats, groups: Ints) -> float:
    sums = [differences[groups == group].sum() for group in np.unique(groups)]
    reached = [abs(np.dot(signs, sums)) >= abs(sum(sums)) - 1e-9 for signs in product([-1, 1], repeat=len(sums))]
    return float(np.mean(reached))


tenths = st.integers(-5, 5).map(lambda number: number / 10)
rows = st.lists(st.tuples(tenths, st.integers(0, 7)), min_size=1, max_size=20)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_exact_p_is_the_share_of_all_sign_vectors(rows: list[tuple[float, int]]) -> None:
    differences, groups = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert randomisation(differences, groups) == by_enumeration(differences, groups)


def test_exact_p_of_scipy() -> None:
    differences = np.random.default_rng(8).normal(0.4, 1, 10)
    found = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert randomisation(differences, np.arange(10)) == pytest.approx(found.pvalue)


def test_random_p_is_near_the_exact_one() -> None:
    differences = np.random.default_rng(9).normal(0.45, 1, 14)
    exact = by_enumeration(differences, np.arange(14))
    assert 0.02 < exact < 0.5
    assert randomisation(differences, np.arange(14), times=50_000) == pytest.approx(exact, abs=0.01)


def test_p_is_the_same_in_blocks() -> None:
    """More groups than a block of signs holds, and more draws."""
    groups = np.arange(300_000)
    assert randomisation(np.ones(300_000), groups, times=9) == 0.1
    assert randomisation(np.resize([1.0, -1.0], 300_000), groups, times=9) == 1


@given(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_what_p_and_intervals_do_not_depend_on(seed: int, shape: str, number: int) -> None:
    rng = np.random.default_rng(seed)
    differences, groups = grouped(rng, number, shape)
    p, found = randomisation(differences, groups, times=500), bootstrap(differences, groups, times=200)
    assert 0 < p <= 1
    assert randomisation(differences, groups, times=500) == p
    assert str(bootstrap(differences, groups, times=200)) == str(found)
    assert randomisation(-differences, groups, times=500) == p  # the systems swapped
    order = rng.permutation(len(groups))
    assert randomisation(differences[order], groups[order], times=500) == p
    moved = bootstrap(differences[order], groups[order], times=200)
    assert [moved.value, moved.low, moved.high] == pytest.approx([found.value, found.low, found.high], nan_ok=True)
    base, more = rng.random(len(groups)), rng.random()
    shifted = (base + differences + more) - (base + more)
    assert randomisation(shifted, groups, times=500) == p
    assert wins_ties_losses(shifted) == wins_ties_losses(differences)
    assert wins_ties_losses(differences) == wins_ties_losses(-differences)[::-1]
    up = bootstrap(differences + 1, groups, times=200)
    assert [up.low, up.high] == pytest.approx([found.low + 1, found.high + 1], nan_ok=True)


def test_rounding_breaks_no_ties() -> None:
    groups = np.arange(20)
    assert randomisation(np.zeros(20), groups) == 1
    tied = np.array([0.1 + 0.2 - 0.3] * 10 + [0.0] * 10)
    assert randomisation(np.append(tied, [0.5, -0.5]), np.arange(22)) == 1
    assert randomisation(np.resize([0.3, -0.1, -0.2], 21), np.arange(21)) == 1
    cancelling = np.append(np.tile([0.3, -0.1, -0.2], 20), [1.0, 1.0, 1.0])
    groups = np.append(np.repeat(np.arange(20), 3), [20, 21, 22])
    assert randomisation(cancelling, groups) == 0.25  # exact: three groups with a difference


def by_steps(p: list[float]) -> list[float]:
    """Holm's procedure at every level: the least at which each hypothesis falls."""
    levels = sorted({min(value * factor, 1.0) for value in p for factor in range(1, len(p) + 1)})
    found = [1.0] * len(p)
    for level in reversed(levels):
        for step, number in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[number] * (len(p) - step) > level:
                break
            found[number] = min(found[number], level)
    return found


@given(st.lists(st.integers(0, 1000).map(lambda number: number / 1000), max_size=8))
@settings(max_examples=60, deadline=None)
def test_holm_step_by_step(p: list[float]) -> None:
    assert holm(p).tolist() == by_steps(p)
    assert holm([NAN, *p, NAN])[1:-1].tolist() == by_steps(p)
    assert np.isnan(holm([NAN, *p, NAN])[[0, -1]]).all()


def test_holm_of_a_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]


# sizes and words


def test_effect_size() -> None:
    differences = np.array([0.1, 0.4, -0.2, 0.3])
    t = stats.ttest_1samp(differences, 0).statistic
    assert effect_size(differences) == pytest.approx(t / 2)
    assert np.isnan(effect_size(np.full(5, 0.1)))
    assert np.isnan(effect_size(np.zeros(5)))
    assert np.isnan(effect_size(np.array([0.1])))


def test_wins_ties_losses() -> None:
    assert wins_ties_losses(np.array([0.2, 1e-10, -1e-10, 0.0, -0.1, 2e-9])) == (2, 3, 1)
    assert wins_ties_losses(np.array([0.2, -0.1]), tolerance=0.15) == (1, 1, 0)


def test_so_many_stories_see_the_difference() -> None:
    rng = np.random.default_rng(4)
    pilot = rng.normal(0, 0.3, 4000)
    needed = required_stories(pilot, difference=0.1)
    assert needed == pytest.approx((1.96 + 0.8416) ** 2 * 9, rel=0.1)
    seen = [stats.ttest_1samp(rng.normal(0.1, 0.3, needed), 0).pvalue < 0.05 for _ in range(1000)]
    assert 0.74 < np.mean(seen) < 0.86
    assert required_stories(pilot, difference=-0.05) == pytest.approx(4 * needed, abs=4)
    assert required_stories(pilot, difference=0.1, power=0.9) > needed
    assert required_stories(np.zeros(5), difference=0.1) == 2


def test_stories_in_groups_count_less() -> None:
    rng = np.random.default_rng(4)
    same = np.repeat(rng.normal(0, 0.3, 500), 4)  # four stories tell as much as one
    alone = required_stories(same, difference=0.1)
    assert required_stories(same, np.arange(2000), difference=0.1) == alone
    assert required_stories(same, np.repeat(np.arange(500), 4), difference=0.1) == pytest.approx(4 * alone, rel=0.02)
    few, three = np.array([0.3, -0.1, 0.4]), np.repeat(np.arange(3), 4)
    expected = 4 * required_stories(few, difference=0.01)
    assert required_stories(np.repeat(few, 4), three, difference=0.01) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize(
    ("interval", "p_holm", "identical", "gap", "expected"),
    [
        ((0.02, 0.01, 0.03), 0.01, False, 0.0, "better"),
        ((0.02, 0.01, 0.03), 0.05, False, 0.0, "no loss"),
        ((0.02, -0.001, 0.03), 0.01, False, 0.0, "no loss"),
        ((0.02, -0.005, 0.03), 0.01, False, 0.0, "not shown"),
        ((-0.02, -0.03, -0.01), 0.01, False, 0.0, "worse"),
        ((-0.002, -0.003, -0.001), 0.01, False, 0.0, "worse"),
        ((-0.02, -0.03, -0.01), 0.06, False, 0.0, "not shown"),
        ((0.02, 0.01, 0.03), 0.01, False, 0.11, "undecided"),
        ((0.02, 0.01, 0.03), 0.01, False, -0.11, "undecided"),
        ((0.02, 0.01, 0.03), 0.01, False, 0.1, "better"),
        ((0.02, 0.01, 0.03), 0.01, False, NAN, "better"),
        ((0.0, 0.0, 0.0), 1.0, True, 0.2, "identical"),
        ((0.02, 0.01, 0.03), NAN, False, 0.0, "not shown"),
        ((0.02, NAN, NAN), 0.01, False, 0.0, "not shown"),
    ],
)
def test_verdicts(
    interval: tuple[float, float, float], p_holm: float, identical: bool, gap: float, expected: str
) -> None:
    assert verdict(Estimate(*interval), p_holm, identical=identical, judged_gap=gap) == expected


# pairs

pairs = st.lists(
    st.tuples(st.integers(0, 6).map(float), st.integers(0, 3).map(float), st.integers(0, 3)), min_size=2, max_size=25
)


@given(pairs)
@settings(max_examples=150, deadline=None)
def test_measures_of_pairs_are_those_of_scipy_and_scikit_learn(pairs: list[tuple[float, float, int]]) -> None:
    scores, grades, weights = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    many = np.stack([weights, np.ones(len(pairs)), weights * 2.5])
    again, graded = np.repeat(scores, weights.astype(int)), np.repeat(grades, weights.astype(int))
    for measure, oracle in ((spearman, stats.spearmanr), (pearson, stats.pearsonr)):
        expected = [
            NAN if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0 else oracle(x, y).statistic
            for x, y in ((again, graded), (scores, grades), (again, graded))
        ]
        assert measure(scores, grades, many) == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert float(measure(scores, grades, weights)) == pytest.approx(expected[0], abs=1e-9, nan_ok=True)
    relevant = grades >= 2
    found = auc(scores, relevant, many)
    for line, value in zip(many, found, strict=True):
        if not 0 < line[relevant].sum() < line.sum():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(roc_auc_score(relevant, scores, sample_weight=line))


def test_constant_scores_have_no_correlation() -> None:
    grades, ones = np.arange(7.0), np.ones(7)
    for constant in (0.1, 0.0, 1e9 / 3):
        assert np.isnan(spearman(np.full(7, constant), grades, ones))
        assert np.isnan(pearson(np.full(7, constant), grades, ones))
        assert auc(np.full(7, constant), grades > 2, ones) == 0.5
    assert np.isnan(auc(grades, np.ones(7, bool), ones))


def dyads(rng: np.random.Generator, kind: str) -> tuple[Ints, Ints]:
    if kind == "all of 40":
        first, second = np.triu_indices(40, 1)
        return first, second
    if kind == "each story once":
        return np.arange(150), np.arange(150) + 150
    first = rng.integers(0, 40, 200)
    return first, np.where(rng.random(200) < 0.5, first, rng.integers(0, 40, 200))  # half within a group


def judged(rng: np.random.Generator, grades: Floats, a: Ints, b: Ints, noise: float) -> Floats:
    """Scores that follow the grades, with something of each group and something of each pair."""
    group = rng.normal(size=400)
    return np.asarray(grades + noise * (0.5 * (group[a] + group[b]) + rng.normal(size=len(a))))


@pytest.mark.parametrize("kind", ["all of 40", "each story once", "half within a group"])
def test_intervals_of_pairs_hold_and_chance_is_not_called(kind: str) -> None:
    rng, values, alarms, found = np.random.default_rng(11), [], 0, []
    for number in range(100):
        a, b = dyads(rng, kind)
        grades = rng.integers(0, 4, len(a)).astype(float)
        systems = {name: judged(rng, grades, a, b, 1.5) for name in ("new", "old")}
        one = pair_intervals(systems, grades, a, b, pearson, baseline="old", times=300, seed=number)
        alarms += one.p["new"] < 0.05
        found.append(one.differences["new"])
        values.append(one.differences["new"].value)
    assert alarms <= 11
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.88
    width = np.mean([one.high - one.low for one in found]) / (2 * 1.96 * np.std(values))
    assert 0.8 < width < 1.3  # samples of products of counts alone: 1.4 to 1.7


@pytest.mark.parametrize("measure", [auc, spearman, pearson])
def test_planted_systems_of_pairs(measure: object) -> None:
    rng = np.random.default_rng(12)
    a, b = rng.integers(0, 90, 500), rng.integers(0, 90, 500)
    grades = rng.integers(0, 4, 500).astype(float)
    old = judged(rng, grades, a, b, 1.5)
    systems = {
        "better": judged(rng, grades, a, b, 0.7),
        "worse": judged(rng, grades, a, b, 5.0),
        "identical": old.copy(),
        "old": old,
    }
    target = grades >= 2 if measure is auc else grades
    found = pair_intervals(systems, target, a, b, measure, baseline="old", times=400)  # type: ignore[arg-type]
    for name in ("better", "worse", "identical"):
        same = name == "identical"
        assert verdict(found.differences[name], found.p[name], identical=same, judged_gap=NAN) == name
        assert found.figures[name].low <= found.figures[name].value <= found.figures[name].high
    assert found.p["identical"] == 1
    assert found.differences["identical"] == Estimate(0.0, 0.0, 0.0)
    again = pair_intervals(systems, target, a, b, measure, baseline="old", times=400)  # type: ignore[arg-type]
    assert again == found
    alone = pair_intervals({"old": old}, target, a, b, measure, times=400)  # type: ignore[arg-type]
    assert alone.figures["old"] == found.figures["old"]
    assert not alone.differences
    turned = pair_intervals(systems, target, a, b, measure, baseline="better", times=400)  # type: ignore[arg-type]
    assert turned.differences["old"].value == -found.differences["better"].value
    assert turned.p["old"] == found.p["better"]


def weighted_mean(scores: Floats, grades: Floats, weights: Floats) -> Floats:
    return np.asarray((weights * scores).sum(axis=-1) / weights.sum(axis=-1))


def test_pairs_within_groups_are_drawn_as_groups() -> None:
    """Where no pair crosses groups, the interval is that of whole groups."""
    rng = np.random.default_rng(13)
    groups = np.repeat(np.arange(200), 3)
    scores = rng.normal(size=600)
    found = pair_intervals({"one": scores}, np.zeros(600), groups, groups, weighted_mean).figures["one"]
    expected = bootstrap(scores, groups)
    assert [found.value, found.low, found.high] == pytest.approx(
        [expected.value, expected.low, expected.high], abs=0.02
    )


@pytest.mark.parametrize("crossing", [0.0, 0.3, 0.6, 1.0])
def test_spread_of_pairs_is_the_dyadic_one(crossing: float) -> None:
    """Aronow, Samii & Assenova (2015) written out: products of residuals over all two pairs that share a group."""
    rng = np.random.default_rng(14)
    a = rng.integers(0, 150, 700)
    b = np.where(rng.random(700) < crossing, rng.integers(0, 150, 700), a)
    a, b = np.append(a, b[:100]), np.append(b, a[:100])  # some pairs of groups in both directions
    group = rng.normal(size=150)
    scores = group[a] + group[b] + 2 * rng.normal(size=800)
    found = pair_intervals({"one": scores}, np.zeros(800), a, b, weighted_mean, times=3000).figures["one"]
    off = (scores - scores.mean()) / 800
    shared = np.logical_or.reduce([one[:, None] == other for one in (a, b) for other in (a, b)])
    assert (found.high - found.low) / (2 * stats.t.ppf(0.975, 149)) == pytest.approx(
        np.sqrt(off @ shared @ off), rel=0.08
    )


def test_pairs_too_few_or_wrong() -> None:
    two, ones = np.array([0.1, 0.9]), np.array([1, 1])
    one = pair_intervals({"a": two, "b": two[::-1]}, [False, True], ones, ones, auc, baseline="a")
    assert one.figures["a"].value == 1
    assert np.isnan([one.figures["a"].low, one.differences["b"].high, one.p["b"]]).all()
    undefined = pair_intervals({"a": two, "b": two}, [True, True], ones, ones + 1, auc, baseline="a")
    assert np.isnan([undefined.figures["a"].value, undefined.figures["a"].low, undefined.p["b"]]).all()
    some = pair_intervals({"a": two}, [False, True], np.arange(2), np.arange(2), auc)  # half of the samples undefined
    assert some.figures["a"] == Estimate(1.0, 1.0, 1.0)
    none = pair_intervals({"a": np.array([])}, [], np.array([], int), np.array([], int), spearman)
    assert np.isnan(none.figures["a"].value)
    with pytest.raises(SettingsError, match="'c' is none of the systems: a"):
        pair_intervals({"a": two}, two, ones, ones, pearson, baseline="c")
    with pytest.raises(InputError, match="a has shape"):
        pair_intervals({"a": np.array([0.1, NAN])}, two, ones, ones, pearson)
    with pytest.raises(InputError, match="3 pairs of groups"):
        pair_intervals({"a": two}, two, np.arange(3), ones, pearson)
