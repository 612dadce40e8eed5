"""Compare two systems over several sets together, such as two newsrooms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.errors import InputError
from recommender.evaluation.measures.arrays import mean
from recommender.evaluation.results import TRAINED_HERE, Comparison, Evaluation, Part, SystemResult


def pooled(
    evaluations: Sequence[Evaluation],
    system: str,
    baseline: str,
    measure: str = "nDCG@5",
    *,
    part: Part = "relevance",
    seed: int = 0,
) -> Comparison:
    """Compare a system with a baseline over the stories of all sets together.

    Every story has the same weight, whatever its set. The interval comes from resampling groups within each set, the p
    value from flipping whole groups: a single set may be too small to show what all of them show. `p_holm` is `p`, as
    there is one comparison. If a system was trained on one of the sets, there is neither p value nor verdict.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        One for each set; both systems are in all of them.
    system, baseline : str
    measure : str, default 'nDCG@5'
    part : {'relevance', 'list'}, default 'relevance'
        The ranking before selection, or the final list.
    seed : int, default 0

    Raises
    ------
    InputError
        If a set is given twice, a system or a measure is missing, or the `training` of a system differs between sets:
        figures of left-out newsrooms and of cross-validation are not the same.
    """
    names = [evaluation.name for evaluation in evaluations]
    if not names or len(set(names)) < len(names):
        raise InputError(f"the sets are {', '.join(names) or 'none'}; expected one and more, each once")
    ours, theirs = ([_result(evaluation, name) for evaluation in evaluations] for name in (system, baseline))
    trainings = {system: {result.training for result in ours}, baseline: {result.training for result in theirs}}
    is_fair = not any(TRAINED_HERE in kinds for kinds in trainings.values())
    for name, kinds in trainings.items():
        if len(kinds) > 1 and is_fair:
            listed = ", ".join(kind or "not trained" for kind in sorted(kinds))
            raise InputError(f"{name} is {listed} in these sets; figures of one kind alone can be pooled")
    differences, groups = [], []
    offset = 0
    for evaluation, our, their in zip(evaluations, ours, theirs, strict=True):
        differences.append(_values(evaluation, our, part, measure) - _values(evaluation, their, part, measure))
        codes = np.unique(np.array(evaluation.groups, dtype=np.int64), return_inverse=True)[1]
        groups.append(codes.astype(np.int64) + offset)
        offset = int(groups[-1].max(initial=offset - 1)) + 1
    all_differences = np.concatenate(differences)
    p = statistics.randomisation(all_differences, np.concatenate(groups), seed=seed) if is_fair else np.nan
    return Comparison.judge(
        statistics.stratified_bootstrap(differences, groups, seed=seed),
        p,
        is_fair=is_fair,
        identical=not np.nan_to_num(all_differences).any(),
        judged_gap=_judged_share(ours, part) - _judged_share(theirs, part),
        by_story=all_differences,
        part=part,
        measure=measure,
        system=system,
        baseline=baseline,
        p=p,
    )


def _result(evaluation: Evaluation, name: str) -> SystemResult:
    for result in evaluation.systems:
        if result.system == name:
            return result
    known = ", ".join(result.system for result in evaluation.systems)
    raise InputError(f"{name} was not evaluated on {evaluation.name}; its systems are {known}")


def _values(evaluation: Evaluation, result: SystemResult, part: Part, measure: str) -> NDArray[np.float64]:
    values = result.per_story.get(part, {})
    if measure not in values or len(values[measure]) != len(evaluation.groups):
        raise InputError(
            f"{evaluation.name} has no {measure} by story of the {part} of {result.system}; "
            f"expected one of {', '.join(values) or 'none'}"
        )
    return values[measure]


def _judged_share(results: Sequence[SystemResult], part: Part) -> float:
    """Compute the share of judged items, by the smallest cut-off, over the stories of all sets; 0 if not measured."""
    shares = [np.zeros(0)]
    for result in results:
        values = result.per_story.get(part, {})
        shares += [values[name] for name in values if name.startswith("Judged")][:1]
    return float(np.nan_to_num(mean(np.concatenate(shares))))
