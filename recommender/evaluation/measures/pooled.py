"""Compare two systems over several sets at once, such as two newsrooms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.errors import InputError
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

    Every story counts the same, whichever set it is of. The interval comes from drawing groups anew within each set,
    the p value from flipping whole groups: a single set may be too small to show what all of them show.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        One for each set; both systems are in all of them.
    system, baseline : str
    measure : str, default 'nDCG@5'
    part : {'relevance', 'list'}, default 'relevance'
        The ranking before selection, or the final list.
    seed : int, default 0

    Returns
    -------
    Comparison
        `difference` holds the estimate with its interval, `verdict` what it shows. There is one comparison, so
        `p_holm` is `p`. If one of the two was trained on one of the sets there is no p value and no verdict.

    Raises
    ------
    InputError
        If a set is there twice, a system or a measure is missing, or what the ranker of a system had seen differs
        from set to set: a figure of left-out newsrooms and one of cross-validation are not the same thing.
    """
    names = [one.name for one in evaluations]
    if not names or len(set(names)) < len(names):
        raise InputError(f"the sets are {', '.join(names) or 'none'}; expected one and more, each once")
    ours, theirs = ([_result(one, name) for one in evaluations] for name in (system, baseline))
    seen = [{result.training for result in results} for results in (ours, theirs)]
    unfair = any(TRAINED_HERE in kinds for kinds in seen)
    for name, kinds in zip((system, baseline), seen, strict=True):
        if len(kinds) > 1 and not unfair:
            told = ", ".join(kind or "not trained" for kind in sorted(kinds))
            raise InputError(f"{name} is {told} in these sets; figures of one kind alone can be pooled")
    differences, groups = [], []
    offset = 0
    for one, our, their in zip(evaluations, ours, theirs, strict=True):
        differences.append(_values(one, our, part, measure) - _values(one, their, part, measure))
        groups.append(np.unique(np.array(one.groups, dtype=np.int64), return_inverse=True)[1].astype(np.int64) + offset)
        offset = int(groups[-1].max(initial=offset - 1)) + 1
    every, group = np.concatenate(differences), np.concatenate(groups)
    difference = statistics.stratified_bootstrap(differences, groups, seed=seed)
    p = np.nan if unfair else statistics.randomisation(every, group, seed=seed)
    said = statistics.verdict(
        difference,
        p,
        identical=not np.nan_to_num(every).any(),
        judged_gap=_judged(ours, part) - _judged(theirs, part),
    )
    return Comparison.by_story(
        every,
        part=part,
        measure=measure,
        system=system,
        baseline=baseline,
        difference=difference,
        p=p,
        p_holm=p,
        verdict=TRAINED_HERE if unfair else said,
    )


def _result(evaluation: Evaluation, name: str) -> SystemResult:
    for result in evaluation.systems:
        if result.system == name:
            return result
    known = ", ".join(result.system for result in evaluation.systems)
    raise InputError(f"{name} was not evaluated on {evaluation.name}; its systems are {known}")


def _values(evaluation: Evaluation, result: SystemResult, part: Part, measure: str) -> NDArray[np.float64]:
    found = result.per_story.get(part, {})
    if measure not in found or len(found[measure]) != len(evaluation.groups):
        raise InputError(
            f"{evaluation.name} has no {measure} by story of the {part} of {result.system}; "
            f"expected one of {', '.join(found) or 'none'}"
        )
    return found[measure]


def _judged(results: Sequence[SystemResult], part: Part) -> float:
    """Compute the share of judged items among the first, over the stories of all sets; 0 where not measured."""
    shares = [
        values
        for result in results
        for values in [next((v for n, v in result.per_story.get(part, {}).items() if n.startswith("Judged")), None)]
        if values is not None
    ]
    every = np.concatenate(shares) if shares else np.zeros(0)
    every = every[~np.isnan(every)]
    return float(every.mean()) if len(every) else 0.0
