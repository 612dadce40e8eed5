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

    read = None

    def resume(self, lists: str | Path) -> Path | None:
        """Keep finished shards in the usual folder."""
        return None

    @contextmanager
    def started(self, lists: str | Path) -> Iterator[LocalEngine]:
        """Begin and end a job: there is nothing to connect to."""
        yield self

    def encode(self, embedder: Embedder) -> Encode | None:
        """Leave embedding to the embedder."""
        return None

    def pool(self, rec: Recommender, run: Run, keep: bool) -> None:
        """Find the candidates of all stories, or take over those of an interrupted run."""
        rec.archive = rec.lister(as_of=run.inputs.as_of).with_pools(checkpoint=pool_checkpoint(rec, run))
        release_memory()

    def lists(self, rec: Recommender, rows: NDArray[np.int64], run: Run) -> Iterator[pa.RecordBatch]:
        """Make the lists a shard at a time; those of an interrupted run are taken over, new ones kept for the next."""
        inputs = run.inputs
        starts, kept, lister = range(0, len(rows), checkpoints.SHARD), None, rec.lister(as_of=inputs.as_of)
        if len(starts) > 1:
            kept = run.ledgers.open("lists", inputs.with_rows(rows), len(starts))
        for number, start in enumerate(starts):
            made = lister.lists(rows[start : start + checkpoints.SHARD], version=inputs.version)
            yield from kept.batches(f"{number:05d}", made, RECORD) if kept else made


def pool_checkpoint(rec: Recommender, run: Run) -> PoolCheckpoint | None:
    """Keep pools for a job that is interrupted, if the archive is large enough."""
    kept = run.ledgers.open("pools", run.inputs.parts) if len(rec.catalog) > checkpoints.SHARD else None
    return None if kept is None else PoolCheckpoint(kept)
