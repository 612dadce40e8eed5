"""Figures of every system with their intervals, and its differences from the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.evaluation.answered import Answered, Case
from recommender.evaluation.measures import pairs
from recommender.evaluation.measures.relevance import PAIRS
from recommender.evaluation.results import TRAINED_HERE, Comparison, Part
from recommender.statistics import Estimate


def compare_stories(
    case: Case, answered: Sequence[Answered], seed: int
) -> tuple[dict[str, dict[Part, dict[str, Estimate]]], list[Comparison]]:
    """Measure every system, and compare each with the first, by all measures that have a value by story."""
    base = answered[0]
    figures: dict[str, dict[Part, dict[str, Estimate]]] = {one.system.name: {} for one in answered}
    comparisons: list[Comparison] = []
    for one in answered:
        for part, values in one.values.items():
            groups = _groups(case, part, one)
            figures[one.system.name][part] = {
                name: statistics.bootstrap(array, groups, seed=seed) for name, array in values.items()
            }
    for part, values in base.values.items():
        groups = _groups(case, part, base)
        others = [one for one in answered[1:] if part in one.values]
        for name in values:
            if name.startswith("Judged"):
                continue
            differences = [one.values[part][name] - values[name] for one in others]
            p = [
                statistics.randomisation(each, groups, seed=seed) if _fair(one, base) else np.nan
                for one, each in zip(others, differences, strict=True)
            ]
            for one, each, alone, corrected in zip(others, differences, p, statistics.holm(p), strict=True):
                difference = statistics.bootstrap(each, groups, seed=seed)
                identical, gap = _identical(part, one, base), _judged_gap(part, one, base)
                said = statistics.verdict(difference, float(corrected), identical=identical, judged_gap=gap)
                comparisons.append(
                    Comparison.by_story(
                        each,
                        part=part,
                        measure=name,
                        system=one.system.name,
                        baseline=base.system.name,
                        difference=difference,
                        p=alone,
                        p_holm=float(corrected),
                        verdict=said if _fair(one, base) else TRAINED_HERE,
                    )
                )
    return figures, comparisons


def _groups(case: Case, part: Part, base: Answered) -> NDArray[np.int64]:
    if part == "replay" and base.replayed is not None:
        return np.unique(base.replayed.groups, return_inverse=True)[1].astype(np.int64)
    return case.groups


def _fair(*compared: Answered) -> bool:
    """Tell whether no system was trained on the set: else there is neither p value nor verdict."""
    return all(one.training != TRAINED_HERE for one in compared)


def _identical(part: Part, one: Answered, base: Answered) -> bool:
    if part == "replay":
        return all(np.array_equal(one.values[part][name], values) for name, values in base.values[part].items())
    a, b = (x.answers.ranked if part == "relevance" else x.answers.lists for x in (one, base))
    return np.array_equal(a.rows, b.rows)


def _judged_gap(part: Part, one: Answered, base: Answered) -> float:
    """Compute the difference in the share of judged items among those shown, by the least measured cut-off."""
    name = next((name for name in base.values[part] if name.startswith("Judged")), None)
    shown = [x.values[part][name] for x in (one, base)] if name else []
    shown = [share[~np.isnan(share)] for share in shown]
    return float(shown[0].mean() - shown[1].mean()) if shown and all(map(len, shown)) else 0.0


def compare_pairs(
    case: Case, answered: Sequence[Answered], seed: int
) -> tuple[dict[str, dict[Part, dict[str, Estimate]]], list[Comparison]]:
    """Measure every system on judged pairs, and compare each with the first."""
    base = answered[0].system.name
    named = {one.system.name: one for one in answered}
    scores = {one.system.name: one.answers.pairs for one in answered if one.answers.pairs is not None}
    figures: dict[str, dict[Part, dict[str, Estimate]]] = {name: {"pairs": {}} for name in scores}
    comparisons: list[Comparison] = []
    if not scores:
        return figures, comparisons
    judgments = case.judged.judgments
    sides = [judgments.table[side].to_pylist() for side in ("story", "item")]
    group_a, group_b = np.split(case.judged.groups_of([*sides[0], *sides[1]]), 2)
    relevant = judgments.grades >= judgments.relevant
    for name in PAIRS:
        found = pairs.pair_intervals(
            scores,
            relevant if name == "AUC" else judgments.grades,
            group_a,
            group_b,
            getattr(pairs, name.lower()),
            baseline=base if base in scores else None,
            seed=seed,
        )
        for system, estimate in found.figures.items():
            figures[system]["pairs"][name] = estimate
        others = list(found.differences)
        p_values = {one: found.p[one] if _fair(named[one], answered[0]) else np.nan for one in others}
        for system, corrected in zip(others, statistics.holm(list(p_values.values())), strict=True):
            difference, p = found.differences[system], p_values[system]
            identical = np.array_equal(scores[system], scores[base])
            said = statistics.verdict(difference, float(corrected), identical=identical, judged_gap=0.0)
            said = said if _fair(named[system], answered[0]) else TRAINED_HERE
            comparisons.append(
                Comparison(
                    part="pairs",
                    measure=name,
                    system=system,
                    baseline=base,
                    difference=difference,
                    p=p,
                    p_holm=float(corrected),
                    verdict=said,
                )
            )
    return figures, comparisons
