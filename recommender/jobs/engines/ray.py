"""`precompute` on a Ray cluster: its steps as Ray Data maps over shards.

Ray places, restarts and orders; a shard is computed by the functions of the local run. Vectors and reports come back
through Ray, everything large lies in files on storage that all nodes share.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version as installed
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.embedders import Embedder, Encode
from recommender.errors import ClusterError, MissingExtraError, RecommenderError, SettingsError
from recommender.facade import Recommender
from recommender.jobs.run import Run
from recommender.jobs.shards import Embed, Plan, Read, Row, Search, Select, shard_name
from recommender.reading.formats import Stream
from recommender.reading.read import Part
from recommender.storage import checkpoints
from recommender.storage.atomic import check_writable
from recommender.storage.checkpoints import Ledger, Ledgers
from recommender.storage.database import is_database
from recommender.version import __version__

_PACKAGES = ("numpy", "scipy", "pyarrow", "torch")  # whose releases may round in another way
_CONNECT = 10.0  # seconds
_NAMED = 4  # differences that an error names


@dataclass(frozen=True)
class RayEngine:
    """Where and how `precompute` uses Ray.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of a cluster's head. Default: the cluster that RAY_ADDRESS names or that runs on this machine,
        else one that is started here for the job.
    workers : int, optional
        Long-lived processes that hold the model, or the archive. Default: one a node, with all of its CPUs.
    work : path, optional
        Folder on storage that all nodes share; the job's own folder in it goes when the job ends. Default: that of the
        lists.
    stories : int, default 2,048
        Stories of a shard.

    Raises
    ------
    SettingsError
        If a number is less than 1.

    Examples
    --------
    >>> from recommender import precompute
    >>> precompute("stories/", "lists", engine=RayEngine("10.0.0.1:6379")).lists    # doctest: +SKIP
    1000000
    """

    address: str | None = None
    workers: int | None = None
    work: str | Path | None = None
    stories: int = 2_048

    def __post_init__(self) -> None:
        for name in ("workers", "stories"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise SettingsError(f"{name} of the cluster is {value}, expected at least 1")

    @contextmanager
    def started(self, lists: str | Path) -> Iterator[RayJob]:
        """Connect, and check every node, before any work.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        SettingsError
            If lists go to a database and no folder is named.
        ClusterError
            If there is no cluster, a node differs from this one or does not see the folder, or there are more workers
            than room.
        """
        try:
            import ray.data
        except ImportError:
            raise MissingExtraError(
                "the engine ray needs Ray Data, which is not installed: pip install 'recommender[ray]'"
            ) from None
        work = self._folder(lists, ".work")
        connected = ray.is_initialized()
        if not connected:
            _connect(self.address)
        consoles = [one for one in logging.getLogger("ray.data").handlers if one.name == "console"]
        levels = [console.level for console in consoles]
        try:
            for console in consoles:  # Ray's log files tell the rest
                console.setLevel(logging.ERROR)
            shutil.rmtree(work, ignore_errors=True)
            check_writable(work)
            yield RayJob(self, work, _checked(work))
        finally:
            shutil.rmtree(work, ignore_errors=True)
            for console, level in zip(consoles, levels, strict=True):
                console.setLevel(level)
            if not connected:
                ray.shutdown()

    def resume(self, lists: str | Path) -> Path:
        """Name the folder of finished shards, on the storage that all nodes share."""
        return self._folder(lists, checkpoints.FOLDER)

    def _folder(self, lists: str | Path, name: str) -> Path:
        """Name the folder of this job: whoever publishes to another place has another."""
        if self.work is None and is_database(lists):
            raise SettingsError("lists go to a database: name a folder that all nodes share with --work (work=)")
        if self.work is None:
            return Path(lists).absolute() / name
        place = str(lists) if is_database(lists) else str(Path(lists).absolute())
        return Path(self.work).absolute() / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


class RayJob:
    """The steps of one job; each gives what the local step gives.

    Parameters
    ----------
    engine : RayEngine
    work : path
        Folder that all nodes share.
    cpus : list of int
        CPUs of each node.

    Raises
    ------
    ClusterError
        If there are more workers than room.
    """

    def __init__(self, engine: RayEngine, work: Path, cpus: list[int]) -> None:
        self.engine, self.work = engine, work
        together = -(-(engine.workers or len(cpus)) // len(cpus))  # workers on one node
        self._cpus = max(min(cpus) // together, 1)
        room = sum(cpu // self._cpus for cpu in cpus)
        self._workers = engine.workers or room
        if self._workers > room:
            raise ClusterError(
                f"{self._workers} workers were asked for, the {sum(cpus)} CPUs of the cluster hold {room}"
            )
        self._plan: Plan | None = None
        self._shards: dict[str, str] = {}

    def read(self, read: Callable[[Stream], Part], streams: list[Stream]) -> Iterator[Part]:
        """Read each file in a task; what is no file is read here.

        These tasks end before any worker starts: readers have the CPUs for themselves and never wait for workers.
        """
        if all(stream.path for stream in streams):
            yield from map(Read.part, self._map(Read, (read,), Read.rows(streams, self.work), tasks=True))
        else:
            yield from map(read, streams)

    def encode(self, embedder: Embedder) -> Encode | None:
        """Embed batches of texts by the workers; None where vectors depend on the archive, or were given."""
        if not embedder.fingerprint:
            return None
        if (device := getattr(embedder, "device", "cpu")) != "cpu":  # Ray hides GPUs from who asks for CPUs
            raise ClusterError(f"workers embed on CPUs and the driver on {device}: set embedding.device = 'cpu'")

        def encode(batches: Iterable[Sequence[str]]) -> Iterator[NDArray[np.int16]]:
            rows = [{"texts": list(batch)} for batch in batches]
            found = self._map(partial(_embed, embedder.fingerprint), (embedder,), rows)
            return (row["vectors"] for row in found)

        return encode

    def pool(self, rec: Recommender, run: Run, keep: bool) -> None:
        """Search by shards; pools stay in files, with `keep` they come back."""
        size, stories = len(rec.catalog), self.engine.stories
        self._shards = {"shards": f"{stories:,} stories"}
        kept = _opened(run.ledgers, "pools", {**run.inputs.parts, **self._shards}, -(-size // stories))
        lister, overlay = rec.lister(as_of=run.inputs.as_of), rec.overlay.copied()
        moment = lister.selection.scope.as_of
        self._plan = plan = Plan(
            work=self.work,
            size=size,
            stories=stories,
            moment=moment,
            limits=rec.archive.limits,
            overlay=overlay,
            found=copy(kept),
        )
        plan.save(rec.archive, rec.embedder)
        rest = [{"shard": shard} for shard in plan.shards if not kept.path(shard_name(shard))]
        for _ in self._map(Search, (plan,), rest):
            pass
        pools = plan.gather()
        if keep:
            rec.archive = lister.with_pools(found=pools)

    def lists(self, rec: Recommender, rows: NDArray[np.int64], run: Run) -> Iterator[pa.RecordBatch]:
        """Yield the lists that the workers write, in the order and blocks of the local run; `pool` must come first."""
        assert self._plan is not None
        self._plan.want(rows)
        shards = self._plan.shards
        kept = _opened(run.ledgers, "lists", {**run.inputs.with_rows(rows), **self._shards}, len(shards))
        plan = replace(self._plan, made=copy(kept))
        rest = [shard for shard in shards if not kept.path(shard_name(shard))]
        made = self._map(Select, (plan, run.inputs.version), [{"shard": shard} for shard in rest])

        def finished() -> Iterator[int]:
            waiting = set(rest)
            for shard in shards:
                if shard in waiting:
                    next(made)
                yield shard

        return Select.blocks(copy(kept), finished(), rec.archive.limits.lists)

    def _map(
        self, step: Callable[..., Callable[[Row], Row]], given: tuple[Any, ...], rows: list[Row], tasks: bool = False
    ) -> Iterator[Row]:
        """Run each row through a step, in order; a step is set up once a worker, or once a task."""
        if not rows:
            return
        import ray

        context = ray.data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        given, workers = (_node_class(), step, given), min(self._workers, len(rows))
        with ray.data.DataContext.current(context):
            shards = ray.data.from_items(rows, override_num_blocks=len(rows))
            if tasks:
                found = shards.map(_Step(*given).__call__, num_cpus=1)
            else:
                pool = ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers)
                found = shards.map(_Step, fn_constructor_args=given, compute=pool, num_cpus=self._cpus)
        try:
            for row in found.iter_rows():
                if "error" in row:
                    raise pickle.loads(row["error"])
                yield row
        except RecommenderError:
            raise
        except Exception as error:  # Ray Data has no common class of its own
            raise ClusterError(f"the cluster failed: {str(error).strip().partition(chr(10))[0]}") from error


class _Step:
    """A step on a node, which is checked first: nodes may join a cluster late. Errors come back as values."""

    def __init__(
        self, expected: dict[str, str], step: Callable[..., Callable[[Row], Row]], given: tuple[Any, ...]
    ) -> None:
        self.expected, self.step, self.given = expected, step, given
        self.run: Callable[[Row], Row] | None = None

    def __call__(self, row: Row) -> Row:
        try:
            if self.run is None:
                _refuse_others(self.expected, _node_class())
                self.run = self.step(*self.given)
            return self.run(row)
        except RecommenderError as error:
            return {"error": pickle.dumps(error)}
        except Exception as error:  # whatever a model or a disk raises
            return {"error": pickle.dumps(ClusterError(f"node {_node()}: {type(error).__name__}: {error}"))}


def _opened(ledgers: Ledgers, stage: str, inputs: Mapping[str, str], total: int) -> Ledger:
    kept = ledgers.open(stage, inputs, total)
    assert kept is not None  # `RayEngine` always has a folder
    return kept


def _embed(fingerprint: str, embedder: Embedder) -> Embed:
    """Make a step whose model is that of the driver."""
    _refuse_others({"embedder": fingerprint}, {"embedder": embedder.fingerprint})
    return Embed(embedder)


def _connect(address: str | None) -> None:
    import ray

    if address and address.startswith("ray://"):
        raise ClusterError(f"{address} is for Ray Client; run the job on a machine of the cluster with HOST:PORT")
    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdecimal():
            socket.create_connection((host, int(port)), timeout=_CONNECT).close()  # Ray itself waits for minutes
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        raise ClusterError(f"no Ray cluster at {where}: {error}; start one: ray start --head") from error


def _checked(work: Path) -> list[int]:
    """Count the CPUs of each node; every node must be like this one and see the work folder."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = work / "probe"
    probe.touch()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise ClusterError("no node of the Ray cluster has a CPU for workers; add one: ray start --address=HOST:PORT")
    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked.append(ray.remote(_seen).options(num_cpus=0, scheduling_strategy=there).remote(str(probe)))
    try:
        answers = ray.get(asked)
    except ray.exceptions.RayError as error:
        raise ClusterError(f"a node of the cluster cannot be used: {str(error).strip().splitlines()[-1]}") from error
    for found, sees in answers:
        _refuse_others(_node_class(), found)
        if not sees:
            raise ClusterError(f"node {found['node']} does not see {work}; name a folder that all nodes share: --work")
    return [int(node["Resources"]["CPU"]) for node in nodes]


def _seen(probe: str) -> tuple[dict[str, str], bool]:
    return _node_class(), Path(probe).exists()


def _node() -> str:
    import ray

    return f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"


def _node_class() -> dict[str, str]:
    """Name what decides, with the input, about the bits of a result: the same on all nodes of one job."""
    instructions = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        "node": _node(),
        "recommender": __version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        **{name: installed(name) for name in _PACKAGES},
        "instructions": " ".join(instructions),
    }


def _refuse_others(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise `ClusterError` naming the node and what differs."""
    for name, value in expected.items():
        if name != "node" and found[name] != value:
            node = found.get("node") or _node()
            raise ClusterError(
                f"node {node} differs from the driver in {name}: {_difference(found[name], value)}; use nodes of one "
                "kind with the same installation, else lists would depend on where they are made"
            )


def _difference(found: str, expected: str) -> str:
    there, here = found.split(), expected.split()
    only = [f"{word} only there" for word in there if word not in here]
    only += [f"{word} only here" for word in here if word not in there]
    return ", ".join(islice(only, _NAMED))
