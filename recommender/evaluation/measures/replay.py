"""Put the lists of a click log in the order of a system, and measure where the clicks end up."""

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
    """What the lists of a click log are worth in another order, by their clicks.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Rows of the log that count.
    values, logged : mapping of measure to ndarray of float64, shape (m,)
        Of the system's order and of the logged one.
    groups : ndarray of int64, shape (m,)
        What to resample together, as in `ClickLog.groups`.
    left_out : int
        Lists of the log without a source, without a click, or with clicks on everything.
    """

    rows: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    logged: Mapping[str, NDArray[np.float64]]
    groups: NDArray[np.int64]
    left_out: int

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Write the replay as arrays by name, which `of` reads."""
        tables = {"values": self.values, "logged": self.logged}
        columns = {f"replay.{table}.{name}": array for table, one in tables.items() for name, array in one.items()}
        rest = {"rows": self.rows, "groups": self.groups, "left_out": np.array(self.left_out)}
        return {**columns, **{f"replay.{name}": array for name, array in rest.items()}}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Replay:
        """Rebuild a replay from what `arrays` gave."""
        values, logged = (
            {name.removeprefix(table): one for name, one in arrays.items() if name.startswith(table)}
            for table in ("replay.values.", "replay.logged.")
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
    """Order what each list showed by a system's relevance, and measure where the clicks end up.

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
        If no list counts, or the relevance is not m numbers.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c", "d"], "clicked": ["d"]}])
    >>> found = replay(log, lambda sources, items: np.array([item == "d" for item in items], dtype=float))
    >>> found.mean["RR"], round(found.logged_mean["RR"], 3)
    (1.0, 0.333)
    """
    items = log.items
    lists, hit = items["list"].to_numpy(), items["clicked"].to_numpy()
    clicks, shown = np.bincount(lists, hit, len(log)), np.bincount(lists, minlength=len(log))
    counts = (clicks > 0) & (clicks < shown) & pc.is_valid(log.table["source"]).to_numpy()
    if not counts.any():
        raise InputError("no list of the log has a source, a click and an item without one; there is nothing to replay")
    items, hit = items.filter(pa.array(counts[lists])), hit[counts[lists]]
    lists = (np.cumsum(counts) - 1)[items["list"].to_numpy()]
    sources, names = encode_names(items["source"]), encode_names(items["item"])
    _, first, pair = np.unique(sources * (names.max() + 1) + names, return_index=True, return_inverse=True)
    asked = items.take(pa.array(first))
    scores = np.asarray(relevance(asked["source"].to_pylist(), asked["item"].to_pylist()), dtype=np.float64)
    if scores.shape != (len(first),) or np.isnan(scores).any():
        raise InputError(
            f"the relevance of {len(first):,} pairs has shape {scores.shape} and {np.isnan(scores).sum()} NaN; "
            f"expected ({len(first)},) and none (-inf = last)"
        )
    return Replay(
        np.flatnonzero(counts),
        _measured(lists, scores[pair], hit),
        _measured(lists, -items["place"].to_numpy().astype(np.float64), hit),
        log.groups[counts],
        int((~counts).sum()),
    )


def _measured(
    lists: NDArray[np.int64], scores: NDArray[np.float64], clicked: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """Compute expected measures over random orders of ties; `lists` ascend from 0; each has clicks and other items."""
    order = np.lexsort((-scores, lists))
    scores, hit = scores[order], clicked[order].astype(np.float64)
    size, clicks = np.bincount(lists), np.bincount(lists, hit)
    rank = np.arange(len(lists)) - (np.cumsum(size) - size)[lists] + 1
    tied = np.ones(len(lists), dtype=bool)
    tied[1:] = (lists[1:] != lists[:-1]) | (scores[1:] != scores[:-1])
    start, tie = np.flatnonzero(tied), np.cumsum(tied) - 1
    ties, hits = np.bincount(tie)[tie], np.bincount(tie, hit)[tie]
    expected = hits / ties  # clicks at this rank
    rank_sum = np.bincount(lists, expected * (size[lists] + 1 - rank))
    found: dict[str, NDArray[np.float64]] = {"AUC": (rank_sum - clicks * (clicks + 1) / 2) / (clicks * (size - clicks))}
    # P(the first of h clicks among t ties is the jth) = C(t - j, h - 1) / C(t, h)
    place = np.arange(len(lists)) - start[tie] + 1
    before = np.cumsum(hit) - hit
    leading = (before[start][tie] == before[np.cumsum(size) - size][lists]) & (hits > 0)
    t, j, h = ties[leading], place[leading], hits[leading]
    first = np.exp(_log_choose(t - j, h - 1) - _log_choose(t, h))
    found["RR"] = np.bincount(lists[leading], first / rank[leading]).astype(np.float64)
    for k in (5, 10):
        gain = np.where(rank <= k, expected / np.log2(rank + 1), 0)
        ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))[np.minimum(clicks, k).astype(np.int64) - 1]
        found[f"nDCG@{k}"] = np.bincount(lists, gain) / ideal
    return found


def _log_choose(n: NDArray[np.floating], k: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the natural logarithm of the binomial coefficient; -inf where k > n."""
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
