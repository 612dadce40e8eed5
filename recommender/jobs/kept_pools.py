"""Finished lines of pools in a ledger: a search that was interrupted goes on where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.search.pools import Pool
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledger


class KeptPools:
    """A `pools.Keeper` that keeps `checkpoints.SHARD` stories at a time; what comes after the last shard is not kept.

    A shard names the stories that it holds: in which order a search finishes them is its own affair.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next = 1 + max((int(name.rpartition("-")[2]) for name in ledger.names), default=-1)
        self._waiting: dict[str, list[NDArray[np.int64]]] = {}

    def restore(self, channel: str, pool: Pool, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        wanted = wanted.copy()
        for name in self._ledger.names:
            held = self._ledger.arrays(name) if name.startswith(f"{channel}-") else None
            if held is not None:
                some = wanted[held["places"]]
                places = held["places"][some]
                pool.rows[places] = held["rows"][some]
                wanted[places] = False
        return wanted

    def finished(self, channel: str, pool: Pool, places: NDArray[np.int64]) -> None:
        waiting = np.concatenate([*self._waiting.pop(channel, ()), places])
        while len(waiting) >= checkpoints.SHARD:
            some, waiting = waiting[: checkpoints.SHARD], waiting[checkpoints.SHARD :]
            self._ledger.keep(f"{channel}-{self._next:05d}", places=some, rows=pool.rows[some])
            self._next += 1
        self._waiting[channel] = [waiting]
