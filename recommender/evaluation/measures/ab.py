"""Two versions of lists against each other by logged clicks, and how many lists a difference needs."""

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
    """Version b against version a.

    Attributes
    ----------
    a, b : str
    lists, groups : mapping of version to int
        Lists shown, and the sessions (or sources) that they come from.
    click_through : mapping of version to Estimate
        Share of lists with a click.
    difference : Estimate
        The same, b - a.
    p : float
        Two-sided, of the difference.
    """

    a: str
    b: str
    lists: Mapping[str, int]
    groups: Mapping[str, int]
    click_through: Mapping[str, Estimate]
    difference: Estimate
    p: float


def ab_test(log: ClickLog, a: str, b: str, *, times: int = 1000, seed: int = 0) -> ABResult:
    """Compare two versions that were shown side by side to randomly divided readers.

    Lists of one session are not independent. The intervals resample whole sessions (percentile bootstrap, Field and
    Welsh 2007), or sources where sessions are unknown; p is a score test whose variance adds up within them (Liang and
    Zeger 1986), which for independent lists is the two-proportion z test. Both want some forty groups and more.

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
    second = pc.equal(log.table["version"], b).to_numpy()
    lists = {a: int((~second).sum()), b: int(second.sum())}
    if missing := [name for name in (a, b) if not lists[name]]:
        raise InputError(f"no list of version {missing[0]!r} in the log; see its column version")
    if (apart := _hours_apart(log.table["time"].cast(pa.int64()), second)) > 0:
        raise InputError(
            f"versions {a!r} and {b!r} were not shown at the same time ({apart:.1f} hours between them), so a "
            "difference may be one of the news; expected readers divided at random between both"
        )
    through = np.minimum(pc.list_value_length(log.table["clicked"]).to_numpy(), 1).astype(np.float64)
    weights = [mask * value for value in (np.ones(len(log)), through) for mask in (~second, second)]
    sums = np.stack([np.bincount(log.groups, weight) for weight in weights], axis=1)  # lists and clicked, of a and of b
    rng, count = np.random.default_rng(seed), len(sums)
    drawn = np.stack([np.bincount(rng.integers(count, size=count), minlength=count) @ sums for _ in range(times)])
    drawn = drawn[(drawn[:, :2] > 0).all(axis=1)]  # both versions are there
    rates, value = (_rates(sample) for sample in (drawn, sums.sum(axis=0)))
    low, high = np.percentile(rates, [2.5, 97.5], axis=0) if len(rates) else np.full((2, 3), np.nan)
    of_a, of_b, difference = (Estimate(*map(float, one)) for one in zip(value, low, high, strict=True))
    groups = {name: int((sums[:, column] > 0).sum()) for column, name in enumerate((a, b))}
    p = _score_test(through, second, log.groups)
    through_of = {a: of_a, b: of_b}
    return ABResult(a=a, b=b, lists=lists, groups=groups, click_through=through_of, difference=difference, p=p)


def _rates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute click-through of a and of b, and the difference, from lists and clicked lists of both; (..., 3)."""
    rates = sums[..., 2:] / sums[..., :2]
    return np.concatenate([rates, rates[..., 1:] - rates[..., :1]], axis=-1)


def _score_test(values: NDArray[np.float64], second: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Test equal means of both versions, two-sided, residuals from the common mean summed within groups."""
    share = np.where(second, 1 / second.sum(), -1 / (~second).sum()) * (values - values.mean())
    spread = float(np.sum(np.bincount(groups, share) ** 2))
    return float(2 * norm.sf(abs(share.sum()) / sqrt(spread))) if spread > 0 else 1.0


def _hours_apart(times: pa.ChunkedArray, second: NDArray[np.bool_]) -> float:
    """Measure the hours between the end of one version and the beginning of the other; 0 where undated or together."""
    parts = [times.filter(pa.array(mask)).drop_null().to_numpy() for mask in (~second, second)]
    if not all(map(len, parts)):
        return 0.0
    return max(float(max(part.min() for part in parts) - min(part.max() for part in parts)) / 3.6e9, 0.0)


def sample_size(
    rate: float, difference: float, *, power: float = 0.8, alpha: float = 0.05, design_effect: float = 1.0
) -> int:
    """Compute how many lists each version needs, so that a difference in click-through is found.

    Normal approximation of two proportions, two-sided, without continuity correction (Fleiss, Levin and Paik 2003,
    section 4.2), times the design effect.

    Parameters
    ----------
    rate : float
        Click-through of the version in use, in (0, 1).
    difference : float
        The smallest difference worth finding, absolute: 0.002 = from 2.0 % to 2.2 %.
    power : float, default 0.8
        Chance of finding it, between `alpha` and 1.
    alpha : float, default 0.05
        Chance of a false alarm.
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
    apart = norm.isf(alpha / 2) * sqrt(2 * mean * (1 - mean))
    found = norm.ppf(power) * sqrt(rate * (1 - rate) + other * (1 - other))
    needed: float = design_effect * ((apart + found) / difference) ** 2
    return ceil(needed)


def design_effect(clicked: ArrayLike, clusters: ArrayLike) -> float:
    """Estimate how many times more lists are needed because those of one session are alike (Kish 1965).

    The variance of the click-through with lists summed within clusters, over that of as many independent lists.

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
    rest, n, g = values - values.mean() if len(values) else values, len(values), len(names)
    if g < 2 or not rest.any():
        raise InputError(f"{n} lists of {g} clusters, all clicked or none; expected two clusters, and some clicked")
    together = np.sum(np.bincount(codes, rest) ** 2) * g / (g - 1)
    return float(together / (np.sum(rest**2) * n / (n - 1)))
