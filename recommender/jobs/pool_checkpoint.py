"""Finished pools kept in a ledger: a search that was interrupted continues where it stopped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.search.pools import Pools
from recommender.storage import checkpoints
from recommender.storage.checkpoints import Ledger


class PoolCheckpoint:
    """A `pools.Checkpoint` that keeps shards of `checkpoints.SHARD` stories; a smaller rest is not kept.

    A shard names the stories that it holds, since a search may finish them in any order.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._next = 1 + max((int(name) for name in ledger.names), default=-1)
        self._waiting = np.zeros(0, dtype=np.int64)

    def restore(self, pools: Pools, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        wanted = wanted.copy()
        for name in self._ledger.names:
            shard = self._ledger.arrays(name)
            if shard is not None:
                is_wanted = wanted[shard["places"]]
                stories = shard["places"][is_wanted]
                pools.rows[stories] = shard["rows"][is_wanted]
                wanted[stories] = False
        return wanted

    def finished(self, pools: Pools, places: NDArray[np.int64]) -> None:
        self._waiting = np.concatenate([self._waiting, places])
        while len(self._waiting) >= checkpoints.SHARD:
            shard, self._waiting = self._waiting[: checkpoints.SHARD], self._waiting[checkpoints.SHARD :]
            self._ledger.keep(f"{self._next:05d}", places=shard, rows=pools.rows[shard])
            self._next += 1
