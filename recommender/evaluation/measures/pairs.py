"""Measures of judged pairs and their intervals, on plain arrays.

A pair has two stories, so it belongs to two groups; samples weigh pairs, and measures take weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.errors import InputError, SettingsError
from recommender.statistics import BLOCK, NOISE, Estimate, counted_draws, expanded_interval

Measure = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Of scores (n,), grades (n,) and weights (..., n): values (...), NaN where undefined. `auc`, `spearman`, `pearson`."""


@dataclass(frozen=True)
class PairFigures:
    """One measure of judged pairs for several systems.

    Attributes
    ----------
    figures : mapping of system to Estimate
    differences : mapping of system to Estimate
        System - baseline, for all others; empty without a baseline.
    p : mapping of system to float
        Two-sided bootstrap p value of each difference; NaN where it is undefined or all stories are one group.
    """

    figures: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    p: Mapping[str, float]


def pair_intervals(
    scores: Mapping[str, NDArray[np.float64]],
    grades: ArrayLike,
    group_a: NDArray[np.integer],
    group_b: NDArray[np.integer],
    measure: Measure,
    *,
    baseline: str | None = None,
    times: int = 1000,
    seed: int = 0,
) -> PairFigures:
    """Compute a measure of judged pairs with 95 % intervals, and paired differences from a baseline.

    Pairs that share a story are not independent, so groups of stories are drawn, the same for all systems. A pair
    counts the product of how often its two groups were drawn, or once that of the group that holds both stories. Such
    samples count three times the variance that belongs to two groups together and to neither alone (Owen 2007). Samples
    of independent pairs of groups measure that part, and twice of it is taken off, as inclusion and exclusion has it
    (Aronow, Samii & Assenova 2015): samples move towards the observed value. Undefined samples are left out.
    ``p = 2 * min(share of samples <= 0, share >= 0)``, with the observed one counted in (Davison & Hinkley 1997).

    Parameters
    ----------
    scores : mapping of system to ndarray of float64, shape (n,)
    grades : array_like, shape (n,)
        As the measure takes them: yes or no for `auc`.
    group_a, group_b : ndarray of int, shape (n,)
        Groups of a pair's two stories.
    measure : callable
        `auc`, `spearman`, `pearson` or another `Measure`.
    baseline : str, optional
    times : int, default 1000
    seed : int, default 0

    Raises
    ------
    InputError
        If shapes differ or a score or grade is NaN.
    SettingsError
        If the baseline is none of the systems.

    Examples
    --------
    >>> found = pair_intervals(
    ...     {"new": np.array([0.9, 0.8, 0.3, 0.1]), "old": np.array([0.9, 0.2, 0.3, 0.1])},
    ...     [True, True, False, False], np.arange(4), np.arange(4), auc, baseline="old",
    ... )
    >>> found.figures["new"].value, found.differences["new"].value
    (1.0, 0.25)
    """
    if baseline is not None and baseline not in scores:
        raise SettingsError(f"the baseline {baseline!r} is none of the systems: {', '.join(scores)}")
    graded = np.asarray(grades, dtype=np.float64)
    for name, given in {"grades": graded, **scores}.items():
        if not given.shape == (len(graded),) == group_a.shape == group_b.shape or np.isnan(given).any():
            raise InputError(
                f"{name} has shape {given.shape} and {np.isnan(given).sum()} NaN; expected one number for each of "
                f"{len(graded)} grades and {len(group_a)} pairs of groups"
            )
    codes = np.unique(np.concatenate([group_a, group_b]), return_inverse=True)[1]
    a, b = np.split(codes, 2)
    number, inside = int(codes.max(initial=-1)) + 1, a == b
    dyads, dyad = np.unique(np.minimum(a, b) * number + np.maximum(a, b), return_inverse=True)
    rng, step = np.random.default_rng(seed), max(BLOCK // max(len(a), 1), 1)
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in scores}
    for at in range(0, times, step):
        by_group = counted_draws(rng, min(step, times - at), number)
        by_dyad = counted_draws(rng, len(by_group), len(dyads))[:, dyad]
        weights = np.stack([by_group[:, a] * np.where(inside, 1, by_group[:, b]), np.where(inside, 1, by_dyad)])
        for name, given in scores.items():
            parts[name].append(measure(given, graded, weights))
    # (1 + times, 2): the observed value, then by groups and by pairs of groups
    ones = np.ones((1, 2, len(a)))
    lines = {
        name: np.concatenate([measure(given, graded, ones), *(part.T for part in parts[name])])
        for name, given in scores.items()
    }
    against = {} if baseline is None else {name: lines[name] - lines[baseline] for name in lines if name != baseline}

    def estimate(line: NDArray[np.float64]) -> Estimate:
        return Estimate(float(line[0, 0]), *expanded_interval(_settled(line), number))

    return PairFigures(
        {name: estimate(line) for name, line in lines.items()},
        {name: estimate(line) for name, line in against.items()},
        {name: _bootstrap_p(_settled(line), number) for name, line in against.items()},
    )


def _settled(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct the spread of samples by groups; `line` as in `pair_intervals`."""
    value, by_group, by_dyad = line[0, 0], line[1:, 0], line[1:, 1]
    by_group, by_dyad = by_group[~np.isnan(by_group)], by_dyad[~np.isnan(by_dyad)]
    if np.isnan(value) or not len(by_group):
        return np.zeros(0)
    alone = by_dyad.var() if len(by_dyad) else 0.0
    least = max(by_group.var() - 2 * alone, min(alone, by_group.var()))
    return np.asarray(value + (by_group - value) * np.sqrt(least / by_group.var() if least else 1.0))


def _bootstrap_p(draws: NDArray[np.float64], groups: int) -> float:
    """Compute the two-sided p value of a difference from its samples."""
    if groups < 2 or not len(draws):
        return float("nan")
    fewer = min((draws <= NOISE).sum(), (draws >= -NOISE).sum())
    return float(min(2 * (1 + fewer) / (1 + len(draws)), 1))


def auc(
    scores: NDArray[np.float64], relevant: NDArray[np.generic], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the share of (relevant, other) pairs in the right order, ties half (Mann & Whitney 1947).

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
    relevant : ndarray of bool (or 0 and 1), shape (n,)
    weights : ndarray of float64, shape (..., n)

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where either kind is missing.

    Examples
    --------
    >>> float(auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]), np.ones(4)))
    0.875
    """
    yes = np.asarray(relevant, dtype=bool)
    positive, negative = weights * yes, weights * ~yes
    won = (positive * _mid_ranks(scores, negative)).sum(axis=-1)
    return _ratio(won, positive.sum(axis=-1) * negative.sum(axis=-1))


def pearson(
    scores: NDArray[np.float64], grades: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the weighted product-moment correlation (Pearson 1895).

    Parameters
    ----------
    scores, grades : ndarray of float64, shape (n,) or (..., n)
    weights : ndarray of float64, shape (..., n)

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where either is constant.

    Examples
    --------
    >>> float(pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 9.0]), np.array([1.0, 1.0, 0.0])))
    1.0
    """
    x, y = _centred(scores, weights), _centred(grades, weights)
    products = [(weights * one * other).sum(axis=-1) for one, other in ((x, y), (x, x), (y, y))]
    return np.clip(_ratio(products[0], np.sqrt(products[1] * products[2])), -1, 1)


def spearman(
    scores: NDArray[np.float64], grades: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the weighted rank correlation (Spearman 1904): `pearson` of mid-ranks; a weight of 2 is a pair twice.

    Parameters
    ----------
    scores, grades : ndarray of float64, shape (n,)
    weights : ndarray of float64, shape (..., n)

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where either is constant.

    Examples
    --------
    >>> float(spearman(np.array([0.1, 0.4, 0.9]), np.array([1.0, 2.0, 50.0]), np.ones(3)))
    1.0
    """
    return pearson(_mid_ranks(scores, weights), _mid_ranks(grades, weights), weights)


def _mid_ranks(values: NDArray[np.float64], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum the weight below each value and half of the weight at it; as `weights`."""
    order = np.argsort(values, kind="stable")
    new = np.diff(values[order], prepend=np.nan) != 0
    at = np.add.reduceat(weights[..., order], np.flatnonzero(new), axis=-1, dtype=np.float64)
    place = np.empty_like(order)
    place[order] = np.cumsum(new) - 1
    return np.asarray((np.cumsum(at, axis=-1) - at / 2)[..., place])


def _centred(values: NDArray[np.float64], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Subtract the weighted mean; exactly 0 where only rounding is left."""
    mean = _ratio((weights * values).sum(axis=-1), weights.sum(axis=-1))[..., None]
    off = values - mean
    return np.where(np.abs(off) <= NOISE * np.abs(mean), 0.0, off)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, NaN for nothing below the line."""
    return np.where(under > 0, over, np.nan) / np.where(under > 0, under, 1)
