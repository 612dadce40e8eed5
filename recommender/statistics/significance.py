"""Tests of a difference, its size, the number of stories that would show it, and the verdict in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recommender.errors import InputError, SettingsError
from recommender.statistics.intervals import BLOCK, NOISE, Estimate, known_values

_EXACT = 13  # groups up to which all sign vectors are enumerated
_ALPHA, _MARGIN = 0.05, 0.005  # of a verdict: level of the p value, and loss that does not count


def randomisation(
    differences: NDArray[np.float64], groups: NDArray[np.integer], *, times: int = 10_000, seed: int = 0
) -> float:
    """Test paired differences by randomisation, two-sided (Fisher 1935; Smucker, Allan & Carterette 2007).

    If the two systems were alike, each group's differences could as well have the opposite sign. p is the share of
    sign vectors whose absolute sum is at least the observed one: of all 2**G with up to 13 groups, else of `times`
    random ones and the observed one.

    Raises `InputError` if the shapes differ.

    Parameters
    ----------
    differences : ndarray of float64, shape (q,)
        One system's value minus the other's, by story; NaN are left out.
    groups : ndarray of int, shape (q,)
    times : int, default 10000
    seed : int, default 0

    Returns
    -------
    float
        In (0, 1]; 1 if all differences are 0, NaN if there are none.

    Examples
    --------
    >>> randomisation(np.array([0.1, 0.2, 0.1, 0.3]), np.array([0, 1, 2, 3]))
    0.125
    """
    differences, groups = known_values(differences, groups)
    if not len(differences):
        return float("nan")
    sums = np.bincount(groups, differences)
    sums = sums[np.abs(sums) > NOISE * np.abs(differences).sum()]  # flipping a sum of 0 changes nothing
    least = np.abs(sums.sum()) - 1e-9 * np.abs(sums).sum()  # rounding must not break ties

    def reaches(flips: NDArray[np.integer]) -> NDArray[np.bool_]:
        return np.asarray(np.abs(sums.sum() - 2 * (flips @ sums)) >= least)

    if len(sums) <= _EXACT:
        return float(reaches(np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1).mean())
    rng, rows = np.random.default_rng(seed), max(BLOCK // len(sums), 1)
    blocks = [min(rows, times - done) for done in range(0, times, rows)]
    count = sum(int(reaches(rng.integers(0, 2, (block, len(sums)), dtype=np.uint8)).sum()) for block in blocks)
    return (1 + count) / (1 + times)


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p values for their number by Holm's (1979) step-down method, in the order given.

    NaN stay NaN and do not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, float("nan")]).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    adjusted = np.array(p, dtype=np.float64)
    order = np.argsort(adjusted, kind="stable")[: np.count_nonzero(~np.isnan(adjusted))]
    adjusted[order] = np.minimum(np.maximum.accumulate(adjusted[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted


def effect_size(differences: NDArray[np.float64]) -> float:
    """Compute Cohen's (1988) d_z of paired differences: mean / standard deviation (n - 1); NaN are left out.

    NaN for fewer than two differences or where all are equal.

    Examples
    --------
    >>> effect_size(np.array([1.0, 2.0, 3.0]))
    2.0
    """
    known = differences[~np.isnan(differences)]
    if len(known) < 2 or np.ptp(known) <= NOISE * np.abs(known).max():
        return float("nan")
    return float(known.mean() / known.std(ddof=1))


def wins_ties_losses(differences: NDArray[np.float64], tolerance: float = 1e-9) -> tuple[int, int, int]:
    """Count stories with a difference above, within and below the tolerance; NaN are not counted.

    Examples
    --------
    >>> wins_ties_losses(np.array([0.2, 0.0, -0.1, 0.3, np.nan]))
    (2, 1, 1)
    """
    signs = np.sign(differences) * (np.abs(differences) > tolerance)
    return int((signs > 0).sum()), int((signs == 0).sum()), int((signs < 0).sum())


def required_stories(
    differences: NDArray[np.float64],
    groups: NDArray[np.integer] | None = None,
    *,
    difference: float,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Compute how many stories a paired comparison needs to see a mean difference of this size.

    The normal approximation ``((z[1 - alpha / 2] + z[power]) * sd / difference) ** 2`` (Cohen 1988) with the spread of
    the observed differences, times the design effect of their groups (Kish 1965), which is taken as at least 1.

    Parameters
    ----------
    differences : ndarray of float64, shape (q,)
        Observed paired differences; NaN are left out.
    groups : ndarray of int, shape (q,), optional
        Default: every story on its own.
    difference : float
        Not 0.
    power : float, default 0.8
    alpha : float, default 0.05
        Two-sided.

    Returns
    -------
    int
        At least 2.

    Raises
    ------
    InputError
        With fewer than two groups of stories.
    SettingsError
        If the difference is 0, or power or alpha is not between 0 and 1.

    Examples
    --------
    >>> required_stories(np.array([-1.0, 1.0, -1.0, 1.0, 0.0]), difference=0.5)
    32
    """
    if not (difference and 0 < power < 1 and 0 < alpha < 1):
        raise SettingsError(
            f"difference {difference}, power {power}, alpha {alpha}; expected a difference other than 0, "
            "and power and alpha between 0 and 1"
        )
    known, codes = known_values(differences, np.arange(len(differences)) if groups is None else groups)
    n_groups = int(codes.max(initial=-1)) + 1
    if n_groups < 2:
        raise InputError(f"the differences come from {n_groups} groups of stories; expected two and more")
    deviations = np.bincount(codes, known - known.mean())
    variance = max(known.var(ddof=1), (deviations @ deviations) / len(known) * n_groups / (n_groups - 1))
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return max(int(np.ceil(z**2 * variance / difference**2)), 2)


def verdict(
    difference: Estimate,
    p_holm: float,
    *,
    identical: bool,
    judged_gap: float,
) -> str:
    """Return the verdict of a comparison, in words.

    Parameters
    ----------
    difference : Estimate
        Mean of system - baseline.
    p_holm : float
        Corrected p value.
    identical : bool
        Whether both systems gave the same lists or scores.
    judged_gap : float
        Share of judged items in the system's lists minus that in the baseline's; NaN where it does not apply. Beyond
        .1 either way, unjudged items may hide the truth.

    Returns
    -------
    {'identical', 'undecided', 'better', 'worse', 'no loss', 'not shown'}
        'better' and 'worse' need both the p value and the interval; 'no loss' an interval above -.005.

    Examples
    --------
    >>> verdict(Estimate(0.05, 0.02, 0.08), 0.01, identical=False, judged_gap=0.03)
    'better'
    >>> verdict(Estimate(0.05, -0.02, 0.08), 0.2, identical=False, judged_gap=0.03)
    'not shown'
    """
    if identical:
        return "identical"
    if abs(judged_gap) > 0.1:
        return "undecided"
    if np.isnan([p_holm, difference.low, difference.high]).any():
        return "not shown"
    if p_holm < _ALPHA and difference.low > 0:
        return "better"
    if p_holm < _ALPHA and difference.high < 0:
        return "worse"
    return "no loss" if difference.low > -_MARGIN else "not shown"
