"""The protocols of an engine and of the job that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.embedders import Embedder, Encode
from recommender.facade import Recommender
from recommender.jobs.run import Run
from recommender.reading.read import Each


class Job(Protocol):
    """The steps of a job that are worth more than one machine."""

    @property
    def read_files(self) -> Each | None:
        """Reads the files, as the `each` of `read_articles`; None = they are read in this process."""
        ...

    def encode(self, embedder: Embedder) -> Encode | None:
        """Return the function that embeds batches of texts; None = the embedder does it."""
        ...

    def pool(self, rec: Recommender, run: Run, keep: bool) -> None:
        """Find the candidates of all stories; with `keep` they are put into the archive."""

    def lists(self, rec: Recommender, rows: NDArray[np.int64], run: Run) -> Iterator[pa.RecordBatch]:
        """Make the lists of some rows, in the blocks of `Lister.lists`."""
        ...


class Engine(Protocol):
    """Computes the steps of a job."""

    def ledger_folder(self, lists: str | Path) -> Path | None:
        """Return the folder of ledgers of a job that publishes to `lists`; None = the default one."""
        ...

    def started(self, lists: str | Path) -> AbstractContextManager[Job]:
        """Start a job that publishes to `lists`; it ends with the block."""
        ...
