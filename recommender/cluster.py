"""`precompute` on a Ray cluster: the stages of the local run as Ray Data maps over shards.

Ray places, restarts and orders; what a shard computes are the functions of the local run. Shards meet in files with
names of their own on storage that all nodes share, so that one computed twice is the same file written again.
"""

from __future__ import annotations

import io
import logging
import pickle
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib.metadata import version as installed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommender import snapshot
from recommender.database import is_database
from recommender.embedders import Embedder, Encode
from recommender.engine import BLOCK, Recommender
from recommender.errors import ClusterError, InputError, MissingExtraError, RecommenderError, SettingsError
from recommender.formats import Stream
from recommender.lists import RECORD
from recommender.reading import Part
from recommender.retrieval import Pool, Pools
from recommender.storage import check_writable, write_atomically
from recommender.tombstones import Tombstones
from recommender.version import __version__

_PACKAGES = ("numpy", "scipy", "pyarrow", "torch")
_CONNECT = 10.0  # seconds
_ARCHIVE, _WANTED = "archive", "wanted.npy"


@dataclass(frozen=True)
class RayEngine:
    """Where and how `precompute` uses Ray.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of a cluster's head, or ``auto`` for the one of this machine. Default: the cluster that
        RAY_ADDRESS names or that runs on this machine, else one that is started here for the job.
    workers : int, optional
        Long-lived processes that hold the model, or the archive. Default: one a node, with all of its CPUs.
    work : path, optional
        Folder on storage that all nodes share, for the time of the job; default ``.work`` in the output folder.
    stories : int, default 2,048
        Stories of a shard.
    rows : int, default 1,048,576
        Rows of the archive that a search looks at where no window limits them; the best of all such parts are joined.

    Examples
    --------
    >>> from recommender.batch import precompute
    >>> precompute("stories/", "out", engine=RayEngine("10.0.0.1:6379")).lists    # doctest: +SKIP
    1000000
    """

    address: str | None = None
    workers: int | None = None
    work: str | Path | None = None
    stories: int = 2_048
    rows: int = 1 << 20

    def __post_init__(self) -> None:
        for name in ("workers", "stories", "rows"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise SettingsError(f"{name} of the cluster is {value}, expected at least 1")

    @contextmanager
    def started(self, out: str | Path) -> Iterator[RayJob]:
        """Connect, and check every node, before any work.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        ClusterError
            If there is no cluster, or a node differs from this one or does not see the work folder.
        """
        try:
            import ray.data
        except ImportError:
            raise MissingExtraError(
                "the engine ray needs Ray Data, which is not installed: pip install 'recommender[ray]'"
            ) from None
        if self.work is None and is_database(out):
            raise SettingsError("lists go to a database: name a folder that all nodes share with --work (work=)")
        work = (Path(out) / ".work" if self.work is None else Path(self.work)).absolute()
        connected = ray.is_initialized()
        if not connected:
            _connect(self.address)
        try:
            shutil.rmtree(work, ignore_errors=True)
            check_writable(work)
            yield RayJob(self, work, _checked(work))
        finally:
            shutil.rmtree(work, ignore_errors=True)
            if not connected:
                ray.shutdown()


class RayJob:
    """The steps of one job; each returns what the local step returns.

    Parameters
    ----------
    engine : RayEngine
    work : path
        Folder that all nodes share.
    cpus : list of int
        CPUs of each node.
    """

    def __init__(self, engine: RayEngine, work: Path, cpus: list[int]) -> None:
        self.engine, self.work = engine, work
        beside = -(-(engine.workers or len(cpus)) // len(cpus))  # workers of one node
        self._cpus = max(min(cpus) // beside, 1)
        room = sum(cpu // self._cpus for cpu in cpus)
        self._workers = engine.workers or room
        if self._workers > room:
            raise ClusterError(
                f"{self._workers} workers were asked for, the {sum(cpus)} CPUs of the cluster hold {room}"
            )
        self._shared: tuple[Path, tuple[int, int, int], datetime, Tombstones] | None = None

    def read(self, read: Callable[[Stream], Part], streams: list[Stream]) -> Iterator[Part]:
        """Each file as a task of its own; what is no file is read here.

        These tasks are over before any worker starts: readers never wait for CPUs that workers hold.
        """
        if not all(stream.path for stream in streams):
            yield from map(read, streams)
            return
        files = [replace(stream, path=stream.path and stream.path.absolute()) for stream in streams]
        rows = [
            {"stream": pickle.dumps(stream), "bytes": stream.path.stat().st_size, "to": str(self._file("read", at))}
            for at, stream in enumerate(files)
            if stream.path
        ]
        for row in self._map(_Read, (read,), rows, tasks=True):
            with pa.memory_map(row["to"]) as source:
                yield pa.ipc.open_file(source).read_all(), pickle.loads(row["report"])

    def encode(self, embedder: Embedder) -> Encode | None:
        """Batches of texts embedded by the workers; here, where an embedder was fitted or holds its vectors itself."""
        if not embedder.fingerprint:
            return None

        def encode(batches: Iterable[Sequence[str]]) -> Iterator[NDArray[np.int16]]:
            rows = [{"texts": list(batch)} for batch in batches]
            for row in self._map(_Embed, (embedder, embedder.fingerprint), rows):
                yield row["vectors"]

        return encode

    def pool(self, rec: Recommender, as_of: datetime | None, keep: bool) -> None:
        """Search by shards of stories and, without a window, of the archive; the pools stay in files, or come back."""
        moment, parts = rec.moment(as_of), self._parts(rec)
        self._shared = self.work, (self.engine.stories, self.engine.rows, parts), moment, rec.tombstones.copied()
        snapshot.write(self.work / _ARCHIVE, rec.archive, rec.embedder)
        rows = [{"shard": shard, "part": part} for shard in range(self._shards(rec)) for part in range(parts)]
        for _ in self._map(_Search, self._shared, rows):
            pass
        if keep:
            search = _Shards(*self._shared, rec)
            found = [search.pools(shard) for shard in range(self._shards(rec))]
            channels = (Pool(*map(np.concatenate, zip(*pools, strict=True))) for pools in zip(*found, strict=True))
            rec.pool(as_of=moment, found=Pools(*channels))

    def lists(
        self, rec: Recommender, rows: NDArray[np.int64], as_of: datetime | None, version: str
    ) -> Iterator[pa.RecordBatch]:
        """Lists written as Parquet by the workers, read back in order and in the blocks of the local run."""
        np.save(self.work / _WANTED, rows)
        shards = [{"shard": shard} for shard in range(self._shards(rec))]
        assert self._shared is not None  # the search comes first
        written = self._map(_Select, (*self._shared, version), shards)
        return _blocks(batch for row in written for batch in pq.ParquetFile(row["file"]).iter_batches(BLOCK))

    def _file(self, folder: str, number: int) -> Path:
        return self.work / folder / f"{number:06d}.arrow"

    def _shards(self, rec: Recommender) -> int:
        return -(-len(rec.catalog) // self.engine.stories)

    def _parts(self, rec: Recommender) -> int:
        """Parts of the archive; a story with a window meets only a slice of it anyway."""
        windowed = rec.dated and rec.settings.retrieval.window_days is not None
        return 1 if windowed else -(-len(rec.catalog) // self.engine.rows)

    def _map(
        self, stage: type, arguments: tuple[Any, ...], rows: list[dict[str, Any]], tasks: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Each row through a stage, one block each, in order; a stage is loaded once a worker, or once a task."""
        if not rows:
            return
        import ray

        context = ray.data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        given, size = (_node_class(), stage, arguments), min(self._workers, len(rows))
        with ray.data.DataContext.current(context):
            shards = ray.data.from_items(rows, override_num_blocks=len(rows))
            if tasks:
                found = shards.map(partial(_once, *given), num_cpus=1)
            else:
                pool = ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size)
                found = shards.map(_Stage, fn_constructor_args=given, compute=pool, num_cpus=self._cpus)
        try:
            yield from found.iter_rows()
        except Exception as error:
            raise _cause(error) from error


class _Stage:
    """A stage on a node, which is checked first: nodes may join a cluster late."""

    def __init__(self, expected: dict[str, str], stage: type, arguments: tuple[Any, ...]) -> None:
        _refuse_others(expected, _node_class())
        self.run = stage(*arguments)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.run(row)
        return found


def _once(expected: dict[str, str], stage: type, arguments: tuple[Any, ...], row: dict[str, Any]) -> dict[str, Any]:
    return _Stage(expected, stage, arguments)(row)


class _Read:
    """One file of stories to an Arrow file and a report."""

    def __init__(self, read: Callable[[Stream], Part]) -> None:
        self.read = read

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        stream = pickle.loads(row["stream"])
        if not stream.path.is_file() or stream.path.stat().st_size != row["bytes"]:
            raise InputError(
                f"node {_node()} does not see {stream.path}; stories must lie on storage that all nodes share"
            )
        table, report = self.read(stream)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        _write(Path(row["to"]), sink.getvalue())
        return {"to": row["to"], "report": pickle.dumps(report)}


class _Embed:
    """Texts to vectors with a model that is loaded once."""

    def __init__(self, embedder: Embedder, fingerprint: str) -> None:
        _refuse_others({"embedder": fingerprint}, {"embedder": embedder.fingerprint})
        self.embedder = embedder

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"vectors": self.embedder.encode([str(text) for text in row["texts"]])}


class _Shards:
    """Shards of stories of the archive in the work folder, which is memory-mapped, and the pools in their files.

    Parameters
    ----------
    work : path
    size : tuple of int
        Stories of a shard, rows of a part, number of parts.
    moment : datetime
    stones : Tombstones
    rec : Recommender, optional
        With the archive, where it is loaded already.
    """

    def __init__(
        self,
        work: Path,
        size: tuple[int, int, int],
        moment: datetime,
        stones: Tombstones,
        rec: Recommender | None = None,
    ) -> None:
        self.work, self.moment = work, moment
        self.stories, self.part, self.parts = size
        if rec is None:
            rec = Recommender.load(work / _ARCHIVE)
            rec.tombstones = stones
        self.rec = rec

    def rows(self, shard: int) -> NDArray[np.int64]:
        """Rows of a shard."""
        return np.arange(shard * self.stories, min((shard + 1) * self.stories, len(self.rec.catalog)))

    def file(self, shard: int, part: int) -> Path:
        """Where the pools of a shard that were found in a part are kept."""
        return self.work / "pools" / f"{shard:06d}-{part:06d}.npz"

    def pools(self, shard: int) -> Pools:
        """The pools of a shard."""
        parts = []
        for part in range(self.parts):
            with np.load(self.file(shard, part)) as held:
                near, timeless = (Pool(held[f"{name}.rows"], held[f"{name}.dots"]) for name in Pools._fields)
            parts.append(Pools(near, timeless))
        return self.rec.joined(self.rows(shard), parts, as_of=self.moment)


class _Search(_Shards):
    """The pools of a shard in a part of the archive, to a file."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part = slice(row["part"] * self.part, (row["part"] + 1) * self.part) if self.parts > 1 else None
        pools = self.rec.pools(self.rows(row["shard"]), as_of=self.moment, part=part)
        arrays = {
            f"{name}.{key}": array for name in Pools._fields for key, array in getattr(pools, name)._asdict().items()
        }
        beside = io.BytesIO()
        np.savez(beside, **arrays)
        _write(self.file(row["shard"], row["part"]), beside.getvalue())
        return row


class _Select(_Shards):
    """The lists of a shard to a Parquet file."""

    def __init__(self, *arguments: Any) -> None:
        *shards, self.version = arguments
        super().__init__(*shards)
        self.wanted = np.load(self.work / _WANTED, mmap_mode="r")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        first, *_ = every = self.rows(row["shard"])
        rows = np.asarray(self.wanted[slice(*np.searchsorted(self.wanted, [first, every[-1] + 1]))])
        pools = self.pools(row["shard"]).take(rows - first)
        lists = list(self.rec.lists(rows, as_of=self.moment, version=self.version, pools=pools))
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_batches(lists, schema=RECORD), sink, compression="zstd", write_page_checksum=True)
        path = self.work / "lists" / f"{row['shard']:06d}.parquet"
        _write(path, sink.getvalue())
        return {"file": str(path)}


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, data)


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same records, `BLOCK` at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(map(len, waiting)) >= BLOCK:
            whole = pa.Table.from_batches(waiting, RECORD).combine_chunks()
            yield from whole.slice(0, BLOCK).to_batches()
            waiting = whole.slice(BLOCK).to_batches()
    if waiting:
        yield from pa.Table.from_batches(waiting, RECORD).combine_chunks().to_batches()


def _connect(address: str | None) -> None:
    import ray

    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdecimal() and "/" not in host:
            socket.create_connection((host, int(port)), timeout=_CONNECT).close()  # Ray itself waits for minutes
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray cluster at {address or 'this machine'}: {error}; start one: ray start --head"
        ) from error


def _checked(work: Path) -> list[int]:
    """CPUs of each node; every node must be like this one and see the work folder."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = work / "probe"
    probe.touch()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise ClusterError("no node of the Ray cluster has a CPU for workers; start one: ray start --address=HEAD")
    asked = []
    for node in nodes:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked.append(ray.remote(_seen).options(num_cpus=0, scheduling_strategy=here).remote(str(probe)))
    try:
        for found, sees in ray.get(asked):
            _refuse_others(_node_class(), found)
            if not sees:
                raise ClusterError(
                    f"node {found['node']} does not see {work}; name a folder that all nodes share: --work"
                )
    except ray.exceptions.RayError as error:
        raise _cause(error) from error
    return [int(node["Resources"]["CPU"]) for node in nodes]


def _seen(probe: str) -> tuple[dict[str, str], bool]:
    return _node_class(), Path(probe).exists()


def _node() -> str:
    import ray

    return f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"


def _node_class() -> dict[str, str]:
    """What decides, with the input, about the bits of a result: the same on all nodes of one job."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        "node": _node(),
        "recommender": __version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        **{name: installed(name) for name in _PACKAGES},
        "instructions": " ".join(found),
    }


def _refuse_others(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise `ClusterError` naming the node and what differs."""
    for name, value in expected.items():
        if name != "node" and found[name] != value:
            node = found.get("node") or _node()
            raise ClusterError(
                f"node {node} has another {name} than the driver: {_first_difference(found[name], value)}; lists would "
                "not be the same: use nodes of one kind with the same installation"
            )


def _first_difference(found: str, expected: str) -> str:
    there, here = found.split(), expected.split()
    only = [f"{word} only there" for word in there if word not in here]
    only += [f"{word} only here" for word in here if word not in there]
    return ", ".join(islice(only, 4))


def _cause(error: BaseException) -> RecommenderError:
    """The error of ours that a stage raised, or what Ray says."""
    seen: list[BaseException] = [error]
    for one in seen:
        if isinstance(one, RecommenderError):
            return one
        with suppress(Exception):
            seen += [
                other
                for other in (getattr(one, "cause", None), one.__cause__, one.__context__)
                if isinstance(other, BaseException) and other not in seen
            ]
    return ClusterError(f"the cluster failed: {str(error).strip().splitlines()[-1]}")
