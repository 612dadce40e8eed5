"""Figures of every system with their intervals, and its differences from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.evaluation.answered import Answered, Case
from recommender.evaluation.measures import pairs
from recommender.evaluation.measures.arrays import mean
from recommender.evaluation.measures.relevance import PAIRS
from recommender.evaluation.results import TRAINED_HERE, Comparison, Part
from recommender.statistics import Estimate

Figures = dict[str, dict[Part, dict[str, Estimate]]]
"""Estimates by system, part and measure."""


def compare_stories(case: Case, answered: Sequence[Answered], seed: int) -> tuple[Figures, list[Comparison]]:
    """Measure every system, and compare each with the first, by all measures that have a value by story."""
    base = answered[0]
    figures: Figures = {
        each.system.name: {
            part: estimates(values, _groups(case, part, each), seed) for part, values in each.values.items()
        }
        for each in answered
    }
    comparisons: list[Comparison] = []
    for part, values in base.values.items():
        others = [each for each in answered[1:] if part in each.values]
        for name in values:
            if not name.startswith("Judged"):
                comparisons += _compare_measure(case, part, name, base, others, seed)
    return figures, comparisons


def estimates(values: Mapping[str, NDArray[np.float64]], groups: NDArray[np.int64], seed: int) -> dict[str, Estimate]:
    """Compute the mean of each measure with its interval."""
    return {name: statistics.bootstrap(array, groups, seed=seed) for name, array in values.items()}


def _compare_measure(
    case: Case, part: Part, name: str, base: Answered, others: Sequence[Answered], seed: int
) -> list[Comparison]:
    """Compare systems with the first by one measure; p values are corrected for the number of systems."""
    groups = _groups(case, part, base)
    differences = [other.values[part][name] - base.values[part][name] for other in others]
    p_values = [
        statistics.randomisation(array, groups, seed=seed) if _is_fair(other, base) else np.nan
        for other, array in zip(others, differences, strict=True)
    ]
    return [
        Comparison.judge(
            statistics.bootstrap(array, groups, seed=seed),
            float(corrected),
            is_fair=_is_fair(other, base),
            identical=_is_identical(part, other, base),
            judged_gap=_judged_gap(part, other, base),
            by_story=array,
            part=part,
            measure=name,
            system=other.system.name,
            baseline=base.system.name,
            p=p,
        )
        for other, array, p, corrected in zip(others, differences, p_values, statistics.holm(p_values), strict=True)
    ]


def _groups(case: Case, part: Part, answered: Answered) -> NDArray[np.int64]:
    if part == "replay" and answered.replayed is not None:
        return np.unique(answered.replayed.groups, return_inverse=True)[1].astype(np.int64)
    return case.groups


def _is_fair(*compared: Answered) -> bool:
    """Check that no system was trained on the set: otherwise there is neither p value nor verdict."""
    return all(each.training != TRAINED_HERE for each in compared)


def _is_identical(part: Part, other: Answered, base: Answered) -> bool:
    if part == "replay":
        return all(np.array_equal(other.values[part][name], values) for name, values in base.values[part].items())
    a, b = (each.answers.ranked if part == "relevance" else each.answers.lists for each in (other, base))
    return np.array_equal(a.rows, b.rows)


def _judged_gap(part: Part, other: Answered, base: Answered) -> float:
    """Compute the difference in the share of judged items, by the smallest cut-off that is measured."""
    name = next((name for name in base.values[part] if name.startswith("Judged")), None)
    gap = mean(other.values[part][name]) - mean(base.values[part][name]) if name else 0.0
    return 0.0 if np.isnan(gap) else gap


def compare_pairs(case: Case, answered: Sequence[Answered], seed: int) -> tuple[Figures, list[Comparison]]:
    """Measure every system on judged pairs, and compare each with the first."""
    base = answered[0]
    by_name = {each.system.name: each for each in answered}
    scores = {name: each.answers.pairs for name, each in by_name.items() if each.answers.pairs is not None}
    figures: Figures = {name: {"pairs": {}} for name in scores}
    comparisons: list[Comparison] = []
    if not scores:
        return figures, comparisons
    judgments = case.judged.judgments
    stories, items = (judgments.table[side].to_pylist() for side in ("story", "item"))
    group_a, group_b = np.split(case.judged.groups_of([*stories, *items]), 2)
    is_relevant = judgments.grades >= judgments.relevant
    for name in PAIRS:
        estimated = pairs.pair_intervals(
            scores,
            is_relevant if name == "AUC" else judgments.grades,
            group_a,
            group_b,
            getattr(pairs, name.lower()),
            baseline=base.system.name if base.system.name in scores else None,
            seed=seed,
        )
        for system, estimate in estimated.figures.items():
            figures[system]["pairs"][name] = estimate
        p_values = {system: p if _is_fair(by_name[system], base) else np.nan for system, p in estimated.p.items()}
        comparisons += [
            Comparison.judge(
                estimated.differences[system],
                float(corrected),
                is_fair=_is_fair(by_name[system], base),
                identical=np.array_equal(scores[system], scores[base.system.name]),
                part="pairs",
                measure=name,
                system=system,
                baseline=base.system.name,
                p=p,
            )
            for (system, p), corrected in zip(p_values.items(), statistics.holm(list(p_values.values())), strict=True)
        ]
    return figures, comparisons
