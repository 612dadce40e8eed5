"""The results of an evaluation as frozen values, for reports and gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.statistics import Estimate

Part = Literal["relevance", "list", "pairs", "replay"]
"""What a measure is computed on: the ranking before selection, the final list, the scores of judged pairs, or the
reordered lists of a click log."""


Training = Literal["", "left out", "cross-validated", "chronological", "trained on this set"]
"""What the ranker of a system had seen of the set. 'left out': it was trained elsewhere, without this newsroom.
'cross-validated': on links of other groups of the set. 'chronological': on links of older stories, measured on newer
ones. 'trained on this set': it knows the answers. '': it was not trained."""

TRAINED_HERE: Training = "trained on this set"


@dataclass(frozen=True, eq=False, kw_only=True)
class SystemResult:
    """One system on one set.

    Attributes
    ----------
    system, about : str
        Name and one line of description.
    figures : mapping of part to mapping of measure to Estimate
        `figures["relevance"]["nDCG@5"]`; unjudged items count as grade 0, unanswered stories as 0.
    condensed : mapping, as `figures`
        The same with unjudged items taken out of the ranking first; "relevance" and "list" only.
    per_story : mapping of part to mapping of measure to ndarray of float64, shape (q,)
        Values by story, in the order of `Evaluation.stories`, or by logged list; no "pairs".
    quality : mapping of str to float
        Measures of the final lists that need no judgments; NaN where one does not apply.
    intervals : mapping of str to Estimate
        Intervals of those that are means over lists.
    statuses : mapping of str to int
        Lists by status: 'ok', 'filled', 'short', 'empty'; see `ReadNext.status`.
    safety : mapping of str to int
        Counts that must be 0.
    unanswered : int
        Stories with an empty final list.
    items : float
        Mean items of a final list.
    seconds_fit, seconds_story : float
        Fitting the archive, and one story's ranking and list.
    ages_days : ndarray of float64
        Age of every shown item at the moment of its list; empty where undated.
    training : {'', 'left out', 'cross-validated', 'chronological', 'trained on this set'}
        See `Training`.
    """

    system: str
    about: str
    figures: Mapping[Part, Mapping[str, Estimate]]
    condensed: Mapping[Part, Mapping[str, Estimate]]
    per_story: Mapping[Part, Mapping[str, NDArray[np.float64]]]
    quality: Mapping[str, float]
    safety: Mapping[str, int]
    unanswered: int
    items: float
    seconds_fit: float
    seconds_story: float
    ages_days: NDArray[np.float64]
    training: Training = ""
    intervals: Mapping[str, Estimate] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One system against another on one measure.

    Attributes
    ----------
    difference : Estimate
        Mean of system - baseline, with its 95 % interval.
    p, p_holm : float
        Two-sided p value (randomisation by groups of stories; for pairs bootstrap), alone and corrected by Holm's
        method for the number of systems compared on this measure.
    verdict : str
        'better', 'worse', 'no loss' (the interval lies above -.005), 'not shown', 'identical',
        'undecided' (the share of judged items differs too much), or 'trained on this set': one of the two knows the
        answers, so there is no verdict and p and p_holm are NaN.
    effect : float
        Cohen's d of the paired differences (mean / standard deviation); NaN for pairs.
    wins, ties, losses : int
        Stories (logged lists) where the system has the greater, the same and the smaller value; all 0 for pairs.
    """

    part: Part
    measure: str
    system: str
    baseline: str
    difference: Estimate
    p: float
    p_holm: float
    verdict: str
    effect: float = float("nan")
    wins: int = 0
    ties: int = 0
    losses: int = 0

    @classmethod
    def judge(
        cls,
        difference: Estimate,
        p_holm: float,
        *,
        is_fair: bool,
        identical: bool,
        judged_gap: float = 0.0,
        by_story: NDArray[np.float64] | None = None,
        **values: Any,
    ) -> Comparison:
        """Build a comparison with its verdict and, from the differences `by_story`, (q,), its effect, wins and losses.

        A comparison with a system that was trained on the set is not fair.
        """
        verdict = statistics.verdict(difference, p_holm, identical=identical, judged_gap=judged_gap)
        if by_story is not None:
            values |= zip(("wins", "ties", "losses"), statistics.wins_ties_losses(by_story), strict=True)
            values["effect"] = statistics.effect_size(by_story)
        return cls(difference=difference, p_holm=p_holm, verdict=verdict if is_fair else TRAINED_HERE, **values)


@dataclass(frozen=True, slots=True)
class Example:
    """One story of a report, with the items that each system showed and the items that the judges wanted."""

    story: str
    title: str
    values: Mapping[str, float]  # nDCG@k of each system: of the list, or of the ranking if the grades judge only that
    lists: Mapping[str, tuple[tuple[str, str, float | None], ...]]  # id, title and grade of the items of each system
    wanted: tuple[tuple[str, str, float], ...]  # id, title and grade of the best judged items


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """All systems on one set.

    Attributes
    ----------
    name, about, licence : str
        The set, in one line, and what it may be used for.
    protocol : {'archive', 'at_publication', 'undated'}
    k : int
        Items of a final list.
    relevant : float
        The least grade that counts as relevant.
    headline : tuple of (part, measure)
        The measure of sentences and plots: nDCG@k of lists or, where grades judge only them, of rankings; AUC of
        reordered lists of a click log, or of pairs.
    stories : tuple of str
        Stories evaluated, in the order of per-story values; empty for a set of pairs only.
    counts : mapping of str to int
        Articles, judged pairs, groups, stories without judgments ... in words.
    notes : tuple of str
        What readers of the figures must know: weak labels, no dates, small sample.
    baseline : str
        The system that the others are compared with.
    worst, changed : tuple of Example
        Stories with the lowest nDCG@k of the first system, and those that differ most from the baseline.
    stability : mapping of system to float
        Mean rank-biased overlap of its lists with the baseline's.
    groups : tuple of int
        Group of each story in `stories`: what intervals and tests resample.
    """

    name: str
    about: str
    licence: str
    protocol: str
    k: int
    relevant: float
    headline: tuple[Part, str]
    stories: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    systems: tuple[SystemResult, ...]
    baseline: str
    comparisons: tuple[Comparison, ...]
    worst: tuple[Example, ...]
    changed: tuple[Example, ...]
    stability: Mapping[str, float]
    groups: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values for JSON: NaN as None, arrays as lists."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray):
        return [None if number != number else number for number in np.round(value, 6).tolist()]
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else round(float(value), 6)
    return int(value) if isinstance(value, np.integer) else value
