"""A/B tests of two versions of lists by logged clicks, and the number of lists that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from recommender.errors import InputError, SettingsError
from recommender.reading.clicks import ClickLog
from recommender.statistics import Estimate


@dataclass(frozen=True, eq=False, kw_only=True)
class ABResult:
    """The comparison of version b with version a.

    Attributes
    ----------
    lists, groups : mapping of version to int
        Number of lists shown, and of the sessions (or sources) that they come from.
    click_through : mapping of version to Estimate
        Share of lists with a click.
    difference : Estimate
        Difference of the shares, b - a.
    p : float
        Two-sided p value of the difference.
    """

    a: str
    b: str
    lists: Mapping[str, int]
    groups: Mapping[str, int]
    click_through: Mapping[str, Estimate]
    difference: Estimate
    p: float


def ab_test(log: ClickLog, a: str, b: str, *, times: int = 1000, seed: int = 0) -> ABResult:
    """Compare two versions that were shown at the same time to readers divided at random.

    Lists of one session are not independent. The intervals resample whole sessions (percentile bootstrap, Field and
    Welsh 2007), or sources where sessions are unknown; p is a score test whose variance adds up within them (Liang and
    Zeger 1986), which for independent lists is the two-proportion z test. Both need about forty groups or more.

    Parameters
    ----------
    log : ClickLog
        Lists of other versions are left out.
    a, b : str
        Names in `version`.
    times : int, default 1000
        Resamples.
    seed : int, default 0

    Raises
    ------
    InputError
        If a version has no list, or the second began after the first had ended.
    SettingsError
        If `times` is below 1 or a is b.

    Examples
    --------
    >>> shown = [{"version": "ab"[i % 2], "shown": ["x", "y"], "clicked": ["x"] * (i % 5 == 0 or i % 4 == 1)}
    ...          for i in range(800)]
    >>> result = ab_test(ClickLog.of(shown), "a", "b")
    >>> print(result.difference, result.p < 0.001)
    .400 [.336, .460] True
    """
    if times < 1 or a == b:
        raise SettingsError(f"times {times}, versions {a!r} and {b!r}; expected at least 1 and two different versions")
    log = ClickLog(log.table.filter(pc.fill_null(pc.is_in(log.table["version"], pa.array([a, b])), False)))
    is_b = pc.equal(log.table["version"], b).to_numpy()
    lists = {a: int((~is_b).sum()), b: int(is_b.sum())}
    if missing := [name for name in (a, b) if not lists[name]]:
        raise InputError(f"no list of version {missing[0]!r} in the log; see its column version")
    if (hours := _hours_between(log.table["time"].cast(pa.int64()), is_b)) > 0:
        raise InputError(
            f"versions {a!r} and {b!r} were not shown at the same time ({hours:.1f} hours between them), so a "
            "difference may be one of the news; expected readers divided at random between both"
        )
    has_click = np.minimum(pc.list_value_length(log.table["clicked"]).to_numpy(), 1).astype(np.float64)
    # Columns of the sums by group: lists of a and of b, then clicked lists of a and of b.
    weights = [mask * value for value in (np.ones(len(log)), has_click) for mask in (~is_b, is_b)]
    sums = np.stack([np.bincount(log.groups, weight) for weight in weights], axis=1)
    rng, n_groups = np.random.default_rng(seed), len(sums)
    draws = (np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups) for _ in range(times))
    samples = np.stack([draw @ sums for draw in draws])
    samples = samples[(samples[:, :2] > 0).all(axis=1)]  # those with lists of both versions
    rates = _rates(samples)
    low, high = np.percentile(rates, [2.5, 97.5], axis=0) if len(rates) else np.full((2, 3), np.nan)
    of_a, of_b, difference = (
        Estimate(*map(float, values)) for values in zip(_rates(sums.sum(axis=0)), low, high, strict=True)
    )
    return ABResult(
        a=a,
        b=b,
        lists=lists,
        groups={name: int((sums[:, column] > 0).sum()) for column, name in enumerate((a, b))},
        click_through={a: of_a, b: of_b},
        difference=difference,
        p=_score_test(has_click, is_b, log.groups),
    )


def _rates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute click-through of a and of b, and the difference, from lists and clicked lists of both; (..., 3)."""
    rates = sums[..., 2:] / sums[..., :2]
    return np.concatenate([rates, rates[..., 1:] - rates[..., :1]], axis=-1)


def _score_test(values: NDArray[np.float64], is_b: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Test equal means of both versions, two-sided, residuals from the common mean summed within groups."""
    scores = np.where(is_b, 1 / is_b.sum(), -1 / (~is_b).sum()) * (values - values.mean())
    variance = float(np.sum(np.bincount(groups, scores) ** 2))
    return float(2 * norm.sf(abs(scores.sum()) / sqrt(variance))) if variance > 0 else 1.0


def _hours_between(times: pa.ChunkedArray, is_b: NDArray[np.bool_]) -> float:
    """Compute the hours from the end of one version to the start of the other; 0 if they overlap or are undated."""
    dated = [times.filter(pa.array(mask)).drop_null().to_numpy() for mask in (~is_b, is_b)]
    if not all(map(len, dated)):
        return 0.0
    last_start, first_end = max(version.min() for version in dated), min(version.max() for version in dated)
    return max(float(last_start - first_end) / 3.6e9, 0.0)


def sample_size(
    rate: float, difference: float, *, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0
) -> int:
    """Compute how many lists each version needs so that a difference in click-through is found.

    Normal approximation of two proportions, two-sided, without continuity correction (Fleiss, Levin and Paik 2003,
    section 4.2), times the design effect.

    Parameters
    ----------
    rate : float
        Click-through of the version in use, in (0, 1).
    difference : float
        The smallest difference worth finding, absolute: 0.002 = from 2.0 % to 2.2 %.
    power : float, default 0.8
        Probability of finding it, between `alpha` and 1.
    alpha : float, default 0.05
        Probability of a false alarm.
    design_effect : float, default 1.0
        See `design_effect`.

    Raises
    ------
    SettingsError
        If a value is impossible.

    Examples
    --------
    >>> sample_size(0.02, 0.002), sample_size(0.02, 0.002, design_effect=1.5)
    (80682, 121023)
    """
    other = rate + difference
    if not (0 < rate < 1 and 0 < other < 1 and difference):
        raise SettingsError(
            f"rate {rate} and difference {difference}; expected shares of lists: the rate and their sum between "
            "0 and 1, and some difference"
        )
    if not (0 < alpha < power < 1 and 0 < design_effect < np.inf):
        raise SettingsError(
            f"power {power}, alpha {alpha}, design_effect {design_effect}; expected 0 < alpha < power < 1 and a design "
            "effect above 0"
        )
    mean = (rate + other) / 2
    null_quantile = norm.isf(alpha / 2) * sqrt(2 * mean * (1 - mean))
    power_quantile = norm.ppf(power) * sqrt(rate * (1 - rate) + other * (1 - other))
    size: float = design_effect * ((null_quantile + power_quantile) / difference) ** 2
    return ceil(size)


def design_effect(clicked: ArrayLike, clusters: ArrayLike) -> float:
    """Estimate the factor by which more lists are needed because those of a session are similar (Kish 1965).

    It is the variance of the click-through of clusters of lists, over that of as many independent lists.

    Parameters
    ----------
    clicked : array_like of bool or float, shape (n,)
        Whether a list was clicked.
    clusters : array_like, shape (n,)
        Session of each list.

    Returns
    -------
    float
        1 if every list has a session of its own.

    Raises
    ------
    InputError
        If there are fewer than two clusters, or all lists were clicked or none.

    Examples
    --------
    >>> round(design_effect([1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 2, 2, 3, 3, 4, 4]), 2)
    2.33
    """
    values = np.asarray(clicked, dtype=np.float64)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if values.ndim != 1 or values.shape != codes.shape:
        raise InputError(f"clicked has shape {values.shape}, clusters {codes.shape}; expected (n,) twice")
    residuals, n, g = values - values.mean() if len(values) else values, len(values), len(names)
    if g < 2:
        sessions = "one session" if g else "no session"
        raise InputError(f"{n:,} lists of {sessions}; expected lists of at least two sessions (column session)")
    if not residuals.any():
        outcome = "all lists were clicked" if values[0] else "no list was clicked"
        raise InputError(f"{outcome} ({n:,} lists); expected some lists with a click and some without")
    clustered = np.sum(np.bincount(codes, residuals) ** 2) * g / (g - 1)
    return float(clustered / (np.sum(residuals**2) * n / (n - 1)))
