"""The steps of a run by shards. Each shard is a file of its own, so that a step may be repeated."""

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
"""The input or the output of a step for one shard: numbers, names of files, bytes."""

_ARCHIVE, _POOLS, _LIST_ROWS = "archive", "pools.npy", "wanted.npy"


class Read:
    """Read a file of stories into an Arrow file of usable rows, and report on it."""

    def __init__(self, read: Callable[[Stream], Part]) -> None:
        self.read = read

    @staticmethod
    def rows(streams: list[Stream], work: Path) -> list[Row]:
        """Return the input of the step for each stream, all of which must be files."""
        paths = [stream.path.absolute() for stream in streams if stream.path]
        return [
            {
                "stream": pickle.dumps(replace(stream, path=path)),
                "size": path.stat().st_size,
                "to": str(work / "read" / f"{number:06d}.arrow"),
            }
            for number, (stream, path) in enumerate(zip(streams, paths, strict=True))
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
        """Load the stories and the report that the step wrote."""
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
    """How the stories of a fitted archive are divided into shards, and which of them get lists."""

    work: Path  # folder of all files
    size: int  # rows of the archive
    stories: int  # of a shard
    moment: int  # that the lists are for, in microseconds
    limits: Limits
    overlay: Overlay
    pool_ledger: Ledger  # pools of the shards
    list_ledger: Ledger | None = None  # lists of the shards, once lists are made

    def save(self, archive: Archive, embedder: Embedder) -> None:
        """Write the archive, which the steps map into memory."""
        snapshot.write(self.work / _ARCHIVE, archive, embedder)

    def lister(self) -> Lister:
        """Prepare lists of the archive as it was saved."""
        archive, _ = snapshot.load(self.work / _ARCHIVE)
        return Lister.for_moment(archive, self.overlay, self.moment)

    def save_list_rows(self, rows: NDArray[np.int64]) -> None:
        """Write the rows that lists are made for, ascending."""
        np.save(self.work / _LIST_ROWS, rows)

    def list_rows(self, shard: int) -> NDArray[np.int64]:
        """Return the rows of a shard that lists are made for."""
        all_rows, shard_rows = np.load(self.work / _LIST_ROWS, mmap_mode="r"), self.rows(shard)
        start, end = np.searchsorted(all_rows, [shard_rows[0], shard_rows[-1] + 1])
        return np.asarray(all_rows[start:end])

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-self.size // self.stories))

    def rows(self, shard: int) -> NDArray[np.int64]:
        """Return the rows of a shard."""
        return np.arange(shard * self.stories, min((shard + 1) * self.stories, self.size))

    def gather_pools(self) -> Pools:
        """Write the pools of all shards to one file, in the order of rows, and map it into memory."""
        all_rows: np.memmap[Any, Any] | None = None
        for shard in self.shards:
            arrays = self.pool_ledger.arrays(shard_name(shard))
            if arrays is None:
                raise SnapshotError(f"a shard of pools in {self.pool_ledger.folder} is gone; run again")
            rows = arrays["rows"]
            if all_rows is None:
                shape = self.size, rows.shape[1]
                all_rows = np.lib.format.open_memmap(self.work / _POOLS, mode="w+", dtype=rows.dtype, shape=shape)
            all_rows[self.rows(shard)] = rows
        assert all_rows is not None
        all_rows.flush()
        return self.pools()

    def pools(self) -> Pools:
        """Map the gathered pools of all rows into memory."""
        return Pools(np.load(self.work / _POOLS, mmap_mode="r"), self.limits.spare)


def shard_name(shard: int) -> str:
    """Return the name of a shard in a ledger."""
    return f"{shard:06d}"


class Search:
    """Find the pools of a shard, and keep them in a ledger."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.lister = plan, plan.lister()

    def __call__(self, row: Row) -> Row:
        """Search for one shard."""
        shard = row["shard"]
        pools = self.lister.pools(self.plan.rows(shard))
        self.plan.pool_ledger.keep(shard_name(shard), rows=pools.rows)
        return row


class Select:
    """Make the lists of a shard, and keep them in a ledger as Parquet."""

    def __init__(self, plan: Plan, version: str) -> None:
        self.plan, self.lister, self.version = plan, plan.lister(), version

    def __call__(self, row: Row) -> Row:
        """Make the lists of one shard."""
        plan, shard = self.plan, row["shard"]
        rows = plan.list_rows(shard)
        lists = list(self.lister.lists(rows, version=self.version, pools=plan.pools().take(rows)))
        assert plan.list_ledger is not None
        with plan.list_ledger.add(shard_name(shard)) as sink:
            pq.write_table(pa.Table.from_batches(lists, RECORD), sink, compression="zstd", write_page_checksum=True)
        return row

    @staticmethod
    def blocks(ledger: Ledger, shards: Iterable[int], size: int) -> Iterator[pa.RecordBatch]:
        """Yield the records of finished shards in blocks of `size`, as a run without shards does."""
        rest: list[pa.RecordBatch] = []
        for shard in shards:
            path = ledger.path(shard_name(shard))
            if path is None:
                raise SnapshotError(f"a shard of lists in {ledger.folder} is gone; run again")
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(size):
                    table = pa.Table.from_batches([*rest, batch], RECORD).combine_chunks()
                    end_of_blocks = len(table) // size * size
                    yield from table.slice(0, end_of_blocks).to_batches(size)
                    rest = table.slice(end_of_blocks).to_batches()
        yield from rest


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)
