"""Statistics of comparing two systems, on plain arrays: intervals, tests and what to call the outcome.

Stories of one group (an event, a series, a day) are not independent of each other, so whole groups are drawn and
flipped. A measure that does not apply to a story is NaN there, and that story is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recommender.errors import InputError, SettingsError

_EXACT = 13  # groups up to which all sign vectors are enumerated
BLOCK = 1 << 18  # numbers of a block of draws
NOISE = 1e-12  # relative size of what is rounding and not a difference


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval (bootstrap over groups of stories).

    Examples
    --------
    >>> print(Estimate(0.7352, 0.684, 0.786))
    .735 [.684, .786]
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"


def short(value: float) -> str:
    """Three decimals without the leading zero, as papers print them; - where there is none.

    Examples
    --------
    >>> short(0.5), short(-0.0312), short(1.0), short(float("nan"))
    ('.500', '-.031', '1.000', '-')
    """
    if np.isnan(value):
        return "-"
    text = f"{value:.3f}"
    text = "0.000" if text == "-0.000" else text
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def fold_of(groups: NDArray[np.integer], folds: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Give each story a fold: groups stay whole, the largest go first, each to the fold with the fewest stories.

    Parameters
    ----------
    groups : ndarray of int, shape (q,)
    folds : int
        Never more than there are groups.
    seed : int, default 0
        Of the order among groups of one size.

    Returns
    -------
    ndarray of int64, shape (q,)

    Examples
    --------
    >>> fold_of(np.array([7, 7, 7, 2, 2, 5]), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    _, code, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    held = np.zeros(min(folds, len(size)), dtype=np.int64)
    fold = np.zeros(len(size), dtype=np.int64)
    for group in order:
        fold[group] = held.argmin()
        held[fold[group]] += size[group]
    return np.asarray(fold[code])


def group_draws(groups: NDArray[np.integer], *, times: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """How often each group is in each bootstrap sample of whole groups (Field & Welsh 2007, cluster bootstrap).

    Parameters
    ----------
    groups : ndarray of int, shape (q,)
        Group of each story, 0 to G - 1.
    times : int, default 1000
    seed : int, default 0

    Returns
    -------
    ndarray of float64, shape (times, G), read-only
        Whole numbers; every line adds up to G.

    Examples
    --------
    >>> draws = group_draws(np.array([0, 0, 1, 2]), times=5)
    >>> draws.shape, draws.sum(axis=1).tolist()
    ((5, 3), [3.0, 3.0, 3.0, 3.0, 3.0])
    """
    if times < 1:
        raise SettingsError(f"times is {times}; expected 1 and more")
    return _draws(int(groups.max(initial=-1)) + 1, times, seed)


@lru_cache(maxsize=2)  # every measure of every system of a set asks for the same
def _draws(number: int, times: int, seed: int) -> NDArray[np.float64]:
    draws = counted_draws(np.random.default_rng(seed), times, number)
    draws.flags.writeable = False
    return draws


def counted_draws(rng: np.random.Generator, times: int, number: int) -> NDArray[np.float64]:
    """How often each of `number` things is among as many draws with replacement; (times, number)."""
    draws = np.zeros((times, number))
    for line in draws:
        line[:] = np.bincount(rng.integers(0, max(number, 1), number), minlength=number)
    return draws


def bootstrap(
    values: NDArray[np.float64], groups: NDArray[np.integer], *, times: int = 1000, seed: int = 0
) -> Estimate:
    """Mean over stories with its 95 % interval from samples of whole groups.

    Each sample's mean is a ratio: the sum of its values over its number of stories. The interval is Hesterberg's (2015)
    expanded percentile interval: the plain one is too narrow for few groups.

    Parameters
    ----------
    values : ndarray of float64, shape (q,)
        NaN are left out.
    groups : ndarray of int, shape (q,)
    times : int, default 1000
    seed : int, default 0

    Returns
    -------
    Estimate
        All NaN without a value; the interval NaN with a single group.

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> print(bootstrap(np.array([0.5, 0.7, 0.2, np.nan, 0.6]), np.array([0, 0, 1, 1, 2])))
    .500 [.200, .600]
    """
    values, groups = _held(values, groups)
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan)
    counted = np.column_stack([np.bincount(groups, values), np.bincount(groups)])
    sums, counts = (group_draws(groups, times=times, seed=seed) @ counted).T
    return Estimate(float(values.mean()), *expanded_interval(sums / counts, len(counted)))


def stratified_bootstrap(
    values: Sequence[NDArray[np.float64]],
    groups: Sequence[NDArray[np.integer]],
    *,
    times: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Estimate the mean over all stories of several sets, with its 95 % interval by groups drawn within each set.

    Every sample keeps as many groups of each set as there are (stratified cluster bootstrap; Davison & Hinkley 1997),
    so that chance does not trade one newsroom for another. The interval is as wide as the set with the fewest groups
    asks (see `bootstrap`).

    Parameters
    ----------
    values : sequence of ndarray of float64, shape (q_s,)
        One array a set; NaN are left out, and sets without a value.
    groups : sequence of ndarray of int, shape (q_s,)
    times : int, default 1000
    seed : int, default 0

    Returns
    -------
    Estimate

    Examples
    --------
    >>> found = stratified_bootstrap([np.array([0.5, 0.7]), np.array([0.1, 0.3, 0.2])], [np.arange(2), np.arange(3)])
    >>> round(found.value, 3)
    0.36
    """
    held = [_held(*each) for each in zip(values, groups, strict=True)]
    held = [(each, codes) for each, codes in held if len(each)]
    if not held:
        return Estimate(np.nan, np.nan, np.nan)
    sums, counts = np.zeros((2, times))
    for place, (each, codes) in enumerate(held):
        counted = np.column_stack([np.bincount(codes, each), np.bincount(codes)])
        drawn = group_draws(codes, times=times, seed=seed + place) @ counted  # else sets of one size would move as one
        sums, counts = sums + drawn[:, 0], counts + drawn[:, 1]
    fewest = min(int(codes.max()) + 1 for _, codes in held)
    mean = float(np.concatenate([each for each, _ in held]).mean())
    return Estimate(mean, *expanded_interval(sums / counts, fewest))


def randomisation(
    differences: NDArray[np.float64], groups: NDArray[np.integer], *, times: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p value of the paired randomisation test (Fisher 1935; Smucker, Allan & Carterette 2007).

    If the two systems were alike, each group's differences could as well have the opposite sign. p is the share of
    sign vectors whose absolute sum is at least the observed one: of all 2**G with up to 13 groups, else of `times`
    random ones and the observed one.

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

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> randomisation(np.array([0.1, 0.2, 0.1, 0.3]), np.array([0, 1, 2, 3]))
    0.125
    """
    differences, groups = _held(differences, groups)
    if not len(differences):
        return float("nan")
    sums = np.bincount(groups, differences)
    sums = sums[np.abs(sums) > NOISE * np.abs(differences).sum()]  # flipping a sum of 0 changes nothing
    least = np.abs(sums.sum()) - 1e-9 * np.abs(sums).sum()  # rounding must not break ties

    def reached(flips: NDArray[np.integer]) -> NDArray[np.bool_]:
        return np.asarray(np.abs(sums.sum() - 2 * (flips @ sums)) >= least)

    if len(sums) <= _EXACT:
        return float(reached(np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1).mean())
    rng, rows = np.random.default_rng(seed), max(BLOCK // len(sums), 1)
    blocks = [min(rows, times - done) for done in range(0, times, rows)]
    count = sum(int(reached(rng.integers(0, 2, (block, len(sums)), dtype=np.uint8)).sum()) for block in blocks)
    return (1 + count) / (1 + times)


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """P values corrected for their number by Holm's (1979) step-down method, in the order given.

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
    """Cohen's (1988) d_z of paired differences: mean / standard deviation (n - 1); NaN are left out.

    NaN for fewer than two differences or where all are equal.

    Examples
    --------
    >>> effect_size(np.array([1.0, 2.0, 3.0]))
    2.0
    """
    held = differences[~np.isnan(differences)]
    if len(held) < 2 or np.ptp(held) <= NOISE * np.abs(held).max():
        return float("nan")
    return float(held.mean() / held.std(ddof=1))


def wins_ties_losses(differences: NDArray[np.float64], tolerance: float = 1e-9) -> tuple[int, int, int]:
    """Stories with a difference above, within and below the tolerance; NaN are not counted.

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
    """How many stories a paired comparison needs to see a mean difference of this size.

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
    held, codes = _held(differences, np.arange(len(differences)) if groups is None else groups)
    number = int(codes.max(initial=-1)) + 1
    if number < 2:
        raise InputError(f"the differences come from {number} groups of stories; expected two and more")
    off = np.bincount(codes, held - held.mean())
    variance = max(held.var(ddof=1), (off @ off) / len(held) * number / (number - 1))
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return max(int(np.ceil(z**2 * variance / difference**2)), 2)


def verdict(
    difference: Estimate,
    p_holm: float,
    *,
    identical: bool,
    judged_gap: float,
    margin: float = 0.005,
    alpha: float = 0.05,
) -> str:
    """Say what a comparison shows, in words.

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
    margin : float, default 0.005
        Loss that does not count.
    alpha : float, default 0.05

    Returns
    -------
    {'identical', 'undecided', 'better', 'worse', 'no loss', 'not shown'}
        'better' and 'worse' need both the p value and the interval; 'no loss' an interval above -margin.

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
    if p_holm < alpha and difference.low > 0:
        return "better"
    if p_holm < alpha and difference.high < 0:
        return "worse"
    return "no loss" if difference.low > -margin else "not shown"


def _held(values: NDArray[np.float64], groups: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Values other than NaN, and their groups as 0 to G - 1."""
    if values.ndim != 1 or values.shape != groups.shape:
        raise InputError(
            f"values of shape {values.shape} and groups of shape {groups.shape}; expected one of each per story"
        )
    held = ~np.isnan(values)
    return values[held], np.unique(groups[held], return_inverse=True)[1]


def expanded_interval(draws: NDArray[np.float64], groups: int) -> tuple[float, float]:
    """95 % expanded percentile interval: quantiles where a t interval of the population's spread would end."""
    draws = draws[~np.isnan(draws)]
    if groups < 2 or not len(draws):
        return float("nan"), float("nan")
    tail = stats.norm.cdf(np.sqrt(groups / (groups - 1)) * stats.t.ppf(0.025, groups - 1))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
