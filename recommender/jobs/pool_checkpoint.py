"""Finished lines of pools in a ledger: a search that was interrupted goes on where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.search.pools import Pools
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledger


class PoolCheckpoint:
    """Keep `checkpoints.SHARD` stories at a time, for `pools.Checkpoint`; what comes after the last shard is not kept.

    A shard names the stories that it holds: in which order a search finishes them is its own affair.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next = 1 + max((int(name) for name in ledger.names), default=-1)
        self._waiting = np.zeros(0, dtype=np.int64)

    def restore(self, pools: Pools, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        wanted = wanted.copy()
        for name in self._ledger.names:
            held = self._ledger.arrays(name)
            if held is not None:
                some = wanted[held["places"]]
                places = held["places"][some]
                pools.rows[places] = held["rows"][some]
                wanted[places] = False
        return wanted

    def finished(self, pools: Pools, places: NDArray[np.int64]) -> None:
        self._waiting = np.concatenate([self._waiting, places])
        while len(self._waiting) >= checkpoints.SHARD:
            some, self._waiting = self._waiting[: checkpoints.SHARD], self._waiting[checkpoints.SHARD :]
            self._ledger.keep(f"{self._next:05d}", places=some, rows=pools.rows[some])
            self._next += 1
