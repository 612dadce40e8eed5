"""Reorder the lists of a click log by a system, and measure at which places the clicks then are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import gammaln

from recommender.errors import InputError
from recommender.reading.clicks import ClickLog, encode_names

Relevance = Callable[[Sequence[str], Sequence[str]], NDArray[np.floating]]
"""Relevance of each item under the source at the same place: two sequences of m ids -> shape (m,)."""


@dataclass(frozen=True, eq=False)
class Replay:
    """Measures of the lists of a click log in another order, by their clicks.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Rows of the log that count.
    values, logged : mapping of measure to ndarray of float64, shape (m,)
        Values of the system's order and of the logged one.
    groups : ndarray of int64, shape (m,)
        Groups to resample, as in `ClickLog.groups`.
    left_out : int
        Lists of the log without a source, without a click, or with clicks on everything.
    """

    rows: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    logged: Mapping[str, NDArray[np.float64]]
    groups: NDArray[np.int64]
    left_out: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the replay as arrays by name, which `from_arrays` reads."""
        return {
            **{f"replay.values.{name}": array for name, array in self.values.items()},
            **{f"replay.logged.{name}": array for name, array in self.logged.items()},
            "replay.rows": self.rows,
            "replay.groups": self.groups,
            "replay.left_out": np.array(self.left_out),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Replay:
        """Build a replay from the result of `arrays`."""
        values, logged = (
            {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            for prefix in ("replay.values.", "replay.logged.")
        )
        left_out = int(arrays["replay.left_out"])
        return cls(arrays["replay.rows"], values, logged, arrays["replay.groups"], left_out)

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each measure, in the system's order."""
        return {name: float(values.mean()) for name, values in self.values.items()}

    @property
    def logged_mean(self) -> dict[str, float]:
        """Mean of each measure, in the logged order."""
        return {name: float(values.mean()) for name, values in self.logged.items()}


def replay(log: ClickLog, relevance: Relevance) -> Replay:
    """Order the items of each list by a system's relevance, and measure at which places the clicks then are.

    The measures of MIND (Wu et al. 2020) with clicks as grades of 1: AUC, reciprocal rank of the first click (MIND's
    own script averages over all clicks), nDCG@5 and nDCG@10 (Jarvelin and Kekalainen 2002). Equal relevance counts as
    the mean over all orders of the equal items (McSherry and Najork 2008), so the logged order decides nothing. The
    system only reorders what was shown, and clicks were drawn by the logged places: the logged order has an advantage.

    Parameters
    ----------
    log : ClickLog
        Lists with a source, at least one click and one item without a click.
    relevance : callable
        Called once with every distinct pair: sources and items, sequences of m ids; returns shape (m,).

    Raises
    ------
    InputError
        If no list of the log can be used, or the relevance is not m numbers.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c", "d"], "clicked": ["d"]}])
    >>> found = replay(log, lambda sources, items: np.array([item == "d" for item in items], dtype=float))
    >>> found.mean["RR"], round(found.logged_mean["RR"], 3)
    (1.0, 0.333)
    """
    items = log.items
    lists, is_clicked = items["list"].to_numpy(), items["clicked"].to_numpy()
    n_clicks, n_shown = np.bincount(lists, is_clicked, len(log)), np.bincount(lists, minlength=len(log))
    is_used = (n_clicks > 0) & (n_clicks < n_shown) & pc.is_valid(log.table["source"]).to_numpy()
    if not is_used.any():
        raise InputError("no list of the log has a source, a click and an item without one; there is nothing to replay")
    items, is_clicked = items.filter(pa.array(is_used[lists])), is_clicked[is_used[lists]]
    lists = (np.cumsum(is_used) - 1)[items["list"].to_numpy()]
    sources, item_codes = encode_names(items["source"]), encode_names(items["item"])
    pairs = sources * (item_codes.max() + 1) + item_codes
    _, first, pair_index = np.unique(pairs, return_index=True, return_inverse=True)
    distinct = items.take(pa.array(first))
    scores = np.asarray(relevance(distinct["source"].to_pylist(), distinct["item"].to_pylist()), dtype=np.float64)
    if scores.shape != (len(first),) or np.isnan(scores).any():
        raise InputError(
            f"the relevance of {len(first):,} pairs has shape {scores.shape} and {np.isnan(scores).sum()} NaN; "
            f"expected ({len(first)},) and none (-inf = last)"
        )
    return Replay(
        np.flatnonzero(is_used),
        _expected_measures(lists, scores[pair_index], is_clicked),
        _expected_measures(lists, -items["place"].to_numpy().astype(np.float64), is_clicked),
        log.groups[is_used],
        int((~is_used).sum()),
    )


def _expected_measures(
    lists: NDArray[np.int64], scores: NDArray[np.float64], is_clicked: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Compute expected measures over random orders of equal scores.

    `lists` ascend from 0, and each list has items with and without a click.
    """
    order = np.lexsort((-scores, lists))
    scores, clicked = scores[order], is_clicked[order].astype(np.float64)
    size, clicks = np.bincount(lists), np.bincount(lists, clicked)
    starts_of_lists = np.cumsum(size) - size
    rank = np.arange(len(lists)) - starts_of_lists[lists] + 1
    # A tie is a run of items of one list with equal scores.
    starts_tie = np.ones(len(lists), dtype=bool)
    starts_tie[1:] = (lists[1:] != lists[:-1]) | (scores[1:] != scores[:-1])
    starts_of_ties, tie = np.flatnonzero(starts_tie), np.cumsum(starts_tie) - 1
    tie_size, tie_clicks = np.bincount(tie)[tie], np.bincount(tie, clicked)[tie]
    expected = tie_clicks / tie_size  # clicks at this rank
    rank_sum = np.bincount(lists, expected * (size[lists] + 1 - rank))
    measures: dict[str, NDArray[np.float64]] = {
        "AUC": (rank_sum - clicks * (clicks + 1) / 2) / (clicks * (size - clicks))
    }
    # P(the first of h clicks among t ties is the jth) = C(t - j, h - 1) / C(t, h)
    position = np.arange(len(lists)) - starts_of_ties[tie] + 1
    before = np.cumsum(clicked) - clicked
    has_first_click = (before[starts_of_ties][tie] == before[starts_of_lists][lists]) & (tie_clicks > 0)
    t, j, h = tie_size[has_first_click], position[has_first_click], tie_clicks[has_first_click]
    is_first = np.exp(_log_choose(t - j, h - 1) - _log_choose(t, h))
    measures["RR"] = np.bincount(lists[has_first_click], is_first / rank[has_first_click]).astype(np.float64)
    for k in (5, 10):
        gain = np.where(rank <= k, expected / np.log2(rank + 1), 0)
        ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))[np.minimum(clicks, k).astype(np.int64) - 1]
        measures[f"nDCG@{k}"] = np.bincount(lists, gain) / ideal
    return measures


def _log_choose(n: NDArray[np.floating], k: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the natural logarithm of the binomial coefficient; -inf where k > n."""
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
