"""The steps of a job in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.compute.hardware import release_memory
from recommender.embedders import Embedder, Encode
from recommender.facade import Recommender
from recommender.jobs.pool_checkpoint import PoolCheckpoint
from recommender.jobs.run import Run
from recommender.lists.records import RECORD
from recommender.storage import checkpoints


class LocalEngine:
    """Compute every step in this process."""

    read_files = None  # `read_articles` does it in this process

    def ledger_folder(self, lists: str | Path) -> Path | None:
        """Return None: finished shards are kept in the default folder."""
        return None

    @contextmanager
    def started(self, lists: str | Path) -> Iterator[LocalEngine]:
        """Return this engine: there is nothing to connect to."""
        yield self

    def encode(self, embedder: Embedder) -> Encode | None:
        """Return None: the embedder itself embeds the texts."""
        return None

    def pool(self, rec: Recommender, run: Run, keep: bool) -> None:
        """Find the candidates of all stories, except those that an interrupted run has left."""
        rec.archive = rec.lister(as_of=run.inputs.as_of).with_pools(checkpoint=pool_checkpoint(rec, run))
        release_memory()

    def lists(self, rec: Recommender, rows: NDArray[np.int64], run: Run) -> Iterator[pa.RecordBatch]:
        """Make the lists shard by shard; shards that an interrupted run has left are read, new ones are kept."""
        inputs, lister = run.inputs, rec.lister(as_of=run.inputs.as_of)
        starts = range(0, len(rows), checkpoints.SHARD)
        ledger = run.ledgers.open("lists", inputs.with_rows(rows), len(starts)) if len(starts) > 1 else None
        for number, start in enumerate(starts):
            batches = lister.lists(rows[start : start + checkpoints.SHARD], version=inputs.version)
            yield from ledger.batches(f"{number:05d}", batches, RECORD) if ledger else batches
            release_memory()


def pool_checkpoint(rec: Recommender, run: Run) -> PoolCheckpoint | None:
    """Open the checkpoint of pools of a job; None for an archive too small to need one."""
    ledger = run.ledgers.open("pools", run.inputs.parts) if len(rec.catalog) > checkpoints.SHARD else None
    return None if ledger is None else PoolCheckpoint(ledger)
