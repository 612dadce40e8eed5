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
from recommender.archive.lister import BLOCK, Lister
from recommender.editorial.overlay import Tombstones
from recommender.embedders import Embedder
from recommender.errors import InputError, SnapshotError
from recommender.lists.records import RECORD
from recommender.reading.formats import Stream
from recommender.reading.read import Part
from recommender.search.pools import Pool, Pools
from recommender.storage.atomic import write_atomically
from recommender.storage.checkpoints import Ledger

Row: TypeAlias = dict[str, Any]
"""What a step is told of a shard, and what it tells: numbers, names of files, bytes."""

_ARCHIVE, _WANTED = "archive", "wanted.npy"


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
    rows : int
        Of a part of the archive; the pools of all parts are joined.
    moment : int
        That the lists are for, in microseconds.
    stones : Tombstones
    found : Ledger
        Pools of the shards in the parts.
    made : Ledger or None
        Lists of the shards, once they are asked for.
    """

    work: Path
    size: int
    stories: int
    rows: int
    moment: int
    stones: Tombstones
    found: Ledger
    made: Ledger | None = None

    def save(self, archive: Archive, embedder: Embedder) -> None:
        """Write the archive, which steps map into memory."""
        snapshot.write(self.work / _ARCHIVE, archive, embedder)

    def lister(self) -> Lister:
        """Prepare lists of the archive as it was saved."""
        archive, _ = snapshot.load(self.work / _ARCHIVE)
        return Lister.of(archive, self.stones, self.moment)

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

    @property
    def parts(self) -> range:
        """Numbers of the parts."""
        return range(-(-self.size // self.rows))

    def shard(self, number: int) -> NDArray[np.int64]:
        """Find the rows of a shard."""
        return np.arange(number * self.stories, min((number + 1) * self.stories, self.size))

    def part(self, number: int) -> slice | None:
        """Find the rows of a part; None = all."""
        return slice(number * self.rows, (number + 1) * self.rows) if len(self.parts) > 1 else None

    def pools(self, lister: Lister, shard: int) -> Pools:
        """Read the pools of a shard, from the files of all parts."""
        found = []
        for part in self.parts:
            held = self.found.arrays(pools_name(shard, part))
            if held is None:
                raise SnapshotError(f"a shard of pools in {self.found.folder} is gone; run again")
            found.append(Pools(*(Pool(held[f"{name}.rows"]) for name in Pools._fields)))
        return lister.joined(self.shard(shard), found)

    def all_pools(self, lister: Lister) -> Pools:
        """Read the pools of all rows."""
        found = [self.pools(lister, shard) for shard in self.shards]
        return Pools(*(Pool(np.concatenate([pool.rows for pool in pools])) for pools in zip(*found, strict=True)))


def pools_name(shard: int, part: int) -> str:
    """Name the pools of a shard in a part."""
    return f"{shard:06d}-{part:06d}"


def lists_name(shard: int) -> str:
    """Name the lists of a shard."""
    return f"{shard:06d}"


class Search:
    """Find the pools of a shard in a part of the archive, and keep them in a ledger."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.lister = plan, plan.lister()

    def __call__(self, row: Row) -> Row:
        """Search for one shard in one part."""
        plan, shard, part = self.plan, row["shard"], row["part"]
        pools = self.lister.pools(plan.shard(shard), plan.part(part))
        rows = {f"{name}.rows": pool.rows for name, pool in pools._asdict().items()}
        plan.found.keep(pools_name(shard, part), **rows)
        return row


class Select:
    """Make the lists of a shard, and keep them in a ledger as Parquet."""

    def __init__(self, plan: Plan, version: str) -> None:
        self.plan, self.lister, self.version = plan, plan.lister(), version

    def __call__(self, row: Row) -> Row:
        """Make the lists of one shard."""
        plan, shard = self.plan, row["shard"]
        rows = plan.wanted(shard)
        pools = plan.pools(self.lister, shard).take(rows - plan.shard(shard)[0])
        lists = list(self.lister.lists(rows, version=self.version, pools=pools))
        assert plan.made is not None
        with plan.made.add(lists_name(shard)) as sink:
            pq.write_table(pa.Table.from_batches(lists, RECORD), sink, compression="zstd", write_page_checksum=True)
        return row

    @staticmethod
    def blocks(made: Ledger, shards: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Read the records of shards, as they are finished, in the blocks of a run without shards."""
        waiting: list[pa.RecordBatch] = []
        for shard in shards:
            path = made.path(lists_name(shard))
            if path is None:
                raise SnapshotError(f"a shard of lists in {made.folder} is gone; run again")
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BLOCK):
                    whole = pa.Table.from_batches([*waiting, batch], RECORD).combine_chunks()
                    full = len(whole) // BLOCK * BLOCK
                    yield from whole.slice(0, full).to_batches(BLOCK)
                    waiting = whole.slice(full).to_batches()
        yield from waiting


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)
