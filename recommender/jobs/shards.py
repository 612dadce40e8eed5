"""The steps of a run by shards. Each writes a file of its own, so that a step may be done twice."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommender.archive import snapshot
from recommender.archive.archive import Archive
from recommender.archive.lister import Lister
from recommender.editorial.overlay import Overlay
from recommender.embedders import Embedder
from recommender.errors import InputError, SnapshotError
from recommender.lists.records import RECORD
from recommender.reading.formats import Stream
from recommender.reading.read import Part
from recommender.search.limits import Limits
from recommender.search.pools import Pools
from recommender.storage.atomic import write_atomically
from recommender.storage.checkpoints import Ledger

Row: TypeAlias = dict[str, Any]
"""What a step is told of a shard, and what it tells: numbers, names of files, bytes."""

_ARCHIVE, _POOLS, _WANTED = "archive", "pools.npy", "wanted.npy"


class Read:
    """Read a file of stories into an Arrow file of usable rows, and report on it."""

    def __init__(self, read: Callable[[Stream], Part]) -> None:
        self.read = read

    @staticmethod
    def rows(streams: list[Stream], work: Path) -> list[Row]:
        """Make a row of each file, for the step that reads it; all streams must be files."""
        files = [replace(stream, path=stream.path.absolute()) for stream in streams if stream.path]
        return [
            {
                "stream": pickle.dumps(file),
                "size": file.path.stat().st_size,
                "to": str(work / "read" / f"{at:06d}.arrow"),
            }
            for at, file in enumerate(files)
            if file.path
        ]

    def __call__(self, row: Row) -> Row:
        """Read one file."""
        stream = pickle.loads(row["stream"])
        if not stream.path.is_file() or stream.path.stat().st_size != row["size"]:
            raise InputError(
                f"{stream.path} is another file on {socket.gethostname()}, or none; use storage that all nodes share"
            )
        table, report = self.read(stream)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        _write(Path(row["to"]), sink.getvalue())
        return {"to": row["to"], "report": pickle.dumps(report)}

    @staticmethod
    def part(row: Row) -> Part:
        """Load what the step read."""
        return pa.ipc.open_file(Path(row["to"]).read_bytes()).read_all(), pickle.loads(row["report"])


class Embed:
    """Embed texts with a model that is loaded once."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    def __call__(self, row: Row) -> Row:
        """Embed one batch."""
        return {"vectors": self.embedder.encode([str(text) for text in row["texts"]])}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the stories of a fitted archive are divided into shards, and which of them get lists.

    Attributes
    ----------
    work : path
        Folder of all files.
    size : int
        Rows of the archive.
    stories : int
        Of a shard.
    moment : int
        That the lists are for, in microseconds.
    limits : Limits
    overlay : Overlay
    found : Ledger
        Pools of the shards.
    made : Ledger or None
        Lists of the shards, once they are asked for.
    """

    work: Path
    size: int
    stories: int
    moment: int
    limits: Limits
    overlay: Overlay
    found: Ledger
    made: Ledger | None = None

    def save(self, archive: Archive, embedder: Embedder) -> None:
        """Write the archive, which steps map into memory."""
        snapshot.write(self.work / _ARCHIVE, archive, embedder)

    def lister(self) -> Lister:
        """Prepare lists of the archive as it was saved."""
        archive, _ = snapshot.load(self.work / _ARCHIVE)
        return Lister.of(archive, self.overlay, self.moment)

    def want(self, rows: NDArray[np.int64]) -> None:
        """Write down the rows that lists are made for, ascending."""
        np.save(self.work / _WANTED, rows)

    def wanted(self, shard: int) -> NDArray[np.int64]:
        """Find the rows of a shard that lists are made for."""
        rows, own = np.load(self.work / _WANTED, mmap_mode="r"), self.shard(shard)
        return np.asarray(rows[slice(*np.searchsorted(rows, [own[0], own[-1] + 1]))])

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-self.size // self.stories))

    def shard(self, number: int) -> NDArray[np.int64]:
        """Find the rows of a shard."""
        return np.arange(number * self.stories, min((number + 1) * self.stories, self.size))

    def gather(self) -> Pools:
        """Write the pools of all shards to one file, in the order of rows, and map it."""
        gathered: np.memmap[Any, Any] | None = None
        for shard in self.shards:
            held = self.found.arrays(shard_name(shard))
            if held is None:
                raise SnapshotError(f"a shard of pools in {self.found.folder} is gone; run again")
            rows = held["rows"]
            if gathered is None:
                shape = self.size, rows.shape[1]
                gathered = np.lib.format.open_memmap(self.work / _POOLS, mode="w+", dtype=rows.dtype, shape=shape)
            gathered[self.shard(shard)] = rows
        assert gathered is not None
        gathered.flush()
        return self.pools()

    def pools(self) -> Pools:
        """Map the pools of all rows, once they are gathered."""
        return Pools(np.load(self.work / _POOLS, mmap_mode="r"), self.limits.spare)


def shard_name(shard: int) -> str:
    """Name the file of a shard in a ledger."""
    return f"{shard:06d}"


class Search:
    """Find the pools of a shard, and keep them in a ledger."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.lister = plan, plan.lister()

    def __call__(self, row: Row) -> Row:
        """Search for one shard."""
        shard = row["shard"]
        self.plan.found.keep(shard_name(shard), rows=self.lister.pools(self.plan.shard(shard)).rows)
        return row


class Select:
    """Make the lists of a shard, and keep them in a ledger as Parquet."""

    def __init__(self, plan: Plan, version: str) -> None:
        self.plan, self.lister, self.version = plan, plan.lister(), version

    def __call__(self, row: Row) -> Row:
        """Make the lists of one shard."""
        plan, shard = self.plan, row["shard"]
        rows = plan.wanted(shard)
        lists = list(self.lister.lists(rows, version=self.version, pools=plan.pools().take(rows)))
        assert plan.made is not None
        with plan.made.add(shard_name(shard)) as sink:
            pq.write_table(pa.Table.from_batches(lists, RECORD), sink, compression="zstd", write_page_checksum=True)
        return row

    @staticmethod
    def blocks(made: Ledger, shards: Iterable[int], size: int) -> Iterator[pa.RecordBatch]:
        """Read the records of shards, as they are finished, in blocks of `size`, as a run without shards has them."""
        waiting: list[pa.RecordBatch] = []
        for shard in shards:
            path = made.path(shard_name(shard))
            if path is None:
                raise SnapshotError(f"a shard of lists in {made.folder} is gone; run again")
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(size):
                    whole = pa.Table.from_batches([*waiting, batch], RECORD).combine_chunks()
                    full = len(whole) // size * size
                    yield from whole.slice(0, full).to_batches(size)
                    waiting = whole.slice(full).to_batches()
        yield from waiting


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)
