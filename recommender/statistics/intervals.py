"""Figures with their intervals: whole groups of stories are drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recommender.errors import InputError, SettingsError

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
    """Write three decimals without the leading zero, as papers print them; - where there is none.

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
    """Assign each story to a fold: groups stay whole, the largest go first, each to the fold with the fewest stories.

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
    fold_sizes = np.zeros(min(folds, len(size)), dtype=np.int64)
    fold = np.zeros(len(size), dtype=np.int64)
    for group in order:
        fold[group] = fold_sizes.argmin()
        fold_sizes[fold[group]] += size[group]
    return np.asarray(fold[code])


def group_draws(groups: NDArray[np.integer], *, times: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """Draw whole groups, and count each in each bootstrap sample (Field & Welsh 2007, cluster bootstrap).

    Parameters
    ----------
    groups : ndarray of int, shape (q,)
        Group of each story, 0 to G - 1.
    times : int, default 1000
    seed : int, default 0

    Returns
    -------
    ndarray of float64, shape (times, G), read-only
        Whole numbers; every row sums to G.

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
    """Draw `number` things as often with replacement, and count each; (times, number)."""
    draws = np.zeros((times, number))
    for counts in draws:
        counts[:] = np.bincount(rng.integers(0, max(number, 1), number), minlength=number)
    return draws


def bootstrap(
    values: NDArray[np.float64], groups: NDArray[np.integer], *, times: int = 1000, seed: int = 0
) -> Estimate:
    """Compute the mean over stories with its 95 % interval from samples of whole groups.

    Each sample's mean is a ratio: the sum of its values over its number of stories. The interval is Hesterberg's (2015)
    expanded percentile interval: the plain one is too narrow for few groups.

    Raises `InputError` if the shapes differ.

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

    Examples
    --------
    >>> print(bootstrap(np.array([0.5, 0.7, 0.2, np.nan, 0.6]), np.array([0, 0, 1, 1, 2])))
    .500 [.200, .600]
    """
    values, groups = known_values(values, groups)
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan)
    by_group = np.column_stack([np.bincount(groups, values), np.bincount(groups)])
    sums, counts = (group_draws(groups, times=times, seed=seed) @ by_group).T
    return Estimate(float(values.mean()), *expanded_interval(sums / counts, len(by_group)))


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
        One array for each set; NaN are left out, and sets without a value.
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
    known = [known_values(*of_set) for of_set in zip(values, groups, strict=True)]
    sets = [(set_values, set_groups) for set_values, set_groups in known if len(set_values)]
    if not sets:
        return Estimate(np.nan, np.nan, np.nan)
    sums, counts = np.zeros((2, times))
    for number, (set_values, set_groups) in enumerate(sets):
        by_group = np.column_stack([np.bincount(set_groups, set_values), np.bincount(set_groups)])
        # with one seed sets of one size would be drawn alike
        drawn = group_draws(set_groups, times=times, seed=seed + number) @ by_group
        sums, counts = sums + drawn[:, 0], counts + drawn[:, 1]
    fewest = min(int(set_groups.max()) + 1 for _, set_groups in sets)
    mean = float(np.concatenate([set_values for set_values, _ in sets]).mean())
    return Estimate(mean, *expanded_interval(sums / counts, fewest))


def known_values(
    values: NDArray[np.float64], groups: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Leave out NaN, and number the groups of the rest 0 to G - 1."""
    if values.ndim != 1 or values.shape != groups.shape:
        raise InputError(
            f"values of shape {values.shape} and groups of shape {groups.shape}; expected one of each per story"
        )
    is_known = ~np.isnan(values)
    return values[is_known], np.unique(groups[is_known], return_inverse=True)[1]


def expanded_interval(draws: NDArray[np.float64], groups: int) -> tuple[float, float]:
    """Compute a 95 % expanded percentile interval: quantiles where a t interval of the population's spread ends."""
    draws = draws[~np.isnan(draws)]
    if groups < 2 or not len(draws):
        return float("nan"), float("nan")
    tail = stats.norm.cdf(np.sqrt(groups / (groups - 1)) * stats.t.ppf(0.025, groups - 1))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
