"""Measures of judged pairs and their intervals, on plain arrays.

A pair has two stories, so it belongs to two groups; samples weigh pairs, and measures take weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.errors import InputError, SettingsError
from recommender.evaluation.measures.arrays import ratio
from recommender.statistics import BLOCK, NOISE, Estimate, counted_draws, expanded_interval

Measure = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Computes values (...) of scores (n,), grades (n,) and weights of the pairs (..., n); NaN where undefined."""


@dataclass(frozen=True)
class PairFigures:
    """One measure of judged pairs, by system."""

    figures: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]  # from the baseline; empty without one
    p: Mapping[str, float]  # two-sided bootstrap p value of each difference; NaN if undefined or for a single group


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

    Pairs that share a story are not independent, so groups of stories are drawn, the same for all systems. The weight
    of a pair is the product of how often its two groups were drawn, or how often the one group of both stories was.
    Such samples count three times the variance that belongs to two groups together and to neither alone (Owen 2007).
    Samples of independent pairs of groups measure that part, and twice of it is subtracted (Aronow, Samii & Assenova
    2015): samples move towards the observed value. Undefined samples are left out.
    ``p = 2 * min(share of samples <= 0, share >= 0)``, with the observed one included (Davison & Hinkley 1997).

    `scores` are those of each system, (n,); `grades` (n,) are as the measure takes them, booleans for `auc`; `group_a`
    and `group_b` (n,) are the groups of the two stories of each pair.

    Raises `InputError` if shapes differ or a score or grade is NaN, and `SettingsError` if the baseline is none of the
    systems.

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
    grade_array = np.asarray(grades, dtype=np.float64)
    for name, array in {"grades": grade_array, **scores}.items():
        if not array.shape == (len(grade_array),) == group_a.shape == group_b.shape or np.isnan(array).any():
            raise InputError(
                f"{name} has shape {array.shape} and {np.isnan(array).sum()} NaN; expected one number for each of "
                f"{len(grade_array)} grades and {len(group_a)} pairs of groups"
            )
    codes = np.unique(np.concatenate([group_a, group_b]), return_inverse=True)[1]
    n_groups = int(codes.max(initial=-1)) + 1
    a, b = np.split(codes, 2)
    ones = np.ones((1, 2, len(a)))
    parts = {name: [measure(array, grade_array, ones)] for name, array in scores.items()}
    for weights in _sample_weights(a, b, n_groups, times, np.random.default_rng(seed)):
        for name, array in scores.items():
            parts[name].append(measure(array, grade_array, weights).T)
    # (1 + times, 2): the observed value, then samples by groups and by pairs of groups
    samples = {name: np.concatenate(blocks) for name, blocks in parts.items()}
    differences = {
        name: samples[name] - samples[baseline] for name in samples if baseline is not None and name != baseline
    }

    def estimate(sample: NDArray[np.float64]) -> Estimate:
        return Estimate(float(sample[0, 0]), *expanded_interval(_corrected(sample), n_groups))

    return PairFigures(
        {name: estimate(sample) for name, sample in samples.items()},
        {name: estimate(sample) for name, sample in differences.items()},
        {name: _bootstrap_p(_corrected(sample), n_groups) for name, sample in differences.items()},
    )


def _sample_weights(
    a: NDArray[np.integer], b: NDArray[np.integer], n_groups: int, times: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Yield weights of pairs, (2, times of a block, n): by drawing groups, and by drawing pairs of groups."""
    is_within = a == b
    dyads, dyad = np.unique(np.minimum(a, b) * n_groups + np.maximum(a, b), return_inverse=True)
    step = max(BLOCK // max(len(a), 1), 1)
    for start in range(0, times, step):
        by_group = counted_draws(rng, min(step, times - start), n_groups)
        by_dyad = counted_draws(rng, len(by_group), len(dyads))[:, dyad]
        yield np.stack([by_group[:, a] * np.where(is_within, 1, by_group[:, b]), np.where(is_within, 1, by_dyad)])


def _corrected(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct the spread of samples by groups; `sample` as in `pair_intervals`."""
    value, by_group, by_dyad = sample[0, 0], sample[1:, 0], sample[1:, 1]
    by_group, by_dyad = by_group[~np.isnan(by_group)], by_dyad[~np.isnan(by_dyad)]
    if np.isnan(value) or not len(by_group):
        return np.zeros(0)
    dyad_variance = by_dyad.var() if len(by_dyad) else 0.0
    variance = max(by_group.var() - 2 * dyad_variance, min(dyad_variance, by_group.var()))
    return np.asarray(value + (by_group - value) * np.sqrt(variance / by_group.var() if variance else 1.0))


def _bootstrap_p(samples: NDArray[np.float64], n_groups: int) -> float:
    if n_groups < 2 or not len(samples):
        return float("nan")
    smaller_tail = min((samples <= NOISE).sum(), (samples >= -NOISE).sum())
    return float(min(2 * (1 + smaller_tail) / (1 + len(samples)), 1))


def auc(
    scores: NDArray[np.float64], relevant: NDArray[np.generic], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the share of (relevant, other) pairs in the right order, ties half (Mann & Whitney 1947).

    A `Measure`; NaN where all weighted pairs are relevant, or none.

    Examples
    --------
    >>> float(auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]), np.ones(4)))
    0.875
    """
    is_relevant = np.asarray(relevant, dtype=bool)
    positive, negative = weights * is_relevant, weights * ~is_relevant
    won = (positive * _mid_ranks(scores, negative)).sum(axis=-1)
    return ratio(won, positive.sum(axis=-1) * negative.sum(axis=-1))


def pearson(
    scores: NDArray[np.float64], grades: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the weighted product-moment correlation (Pearson 1895).

    A `Measure` that also takes scores and grades of shape (..., n); NaN where either is constant.

    Examples
    --------
    >>> float(pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 9.0]), np.array([1.0, 1.0, 0.0])))
    1.0
    """
    x, y = _centred(scores, weights), _centred(grades, weights)
    covariance, x_variance, y_variance = ((weights * p * q).sum(axis=-1) for p, q in ((x, y), (x, x), (y, y)))
    return np.clip(ratio(covariance, np.sqrt(x_variance * y_variance)), -1, 1)


def spearman(
    scores: NDArray[np.float64], grades: NDArray[np.float64], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the weighted rank correlation (Spearman 1904): `pearson` of mid-ranks; a weight of 2 is a pair twice.

    A `Measure`; NaN where either is constant.

    Examples
    --------
    >>> float(spearman(np.array([0.1, 0.4, 0.9]), np.array([1.0, 2.0, 50.0]), np.ones(3)))
    1.0
    """
    return pearson(_mid_ranks(scores, weights), _mid_ranks(grades, weights), weights)


def _mid_ranks(values: NDArray[np.float64], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the weight below each value plus half of the weight at it, in the shape of `weights`."""
    order = np.argsort(values, kind="stable")
    is_new = np.diff(values[order], prepend=np.nan) != 0
    weight = np.add.reduceat(weights[..., order], np.flatnonzero(is_new), axis=-1, dtype=np.float64)
    distinct_index = np.empty_like(order)
    distinct_index[order] = np.cumsum(is_new) - 1
    return np.asarray((np.cumsum(weight, axis=-1) - weight / 2)[..., distinct_index])


def _centred(values: NDArray[np.float64], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Subtract the weighted mean; exactly 0 where only rounding errors remain."""
    mean = ratio((weights * values).sum(axis=-1), weights.sum(axis=-1))[..., None]
    centred = values - mean
    return np.where(np.abs(centred) <= NOISE * np.abs(mean), 0.0, centred)
