"""`precompute` on a Ray cluster: its steps as Ray Data maps over shards.

Ray places, restarts and orders the work; a shard is computed by the functions of the local run. Vectors and reports
come back through Ray, everything large is in files on storage that all nodes share.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.embedders import Embedder, Encode
from recommender.errors import ClusterError, MissingExtraError, RecommenderError, SettingsError
from recommender.facade import Recommender
from recommender.jobs.engines.nodes import check_nodes, connect, node_class, node_name, refuse_others
from recommender.jobs.run import Run
from recommender.jobs.shards import Embed, Plan, Read, Row, Search, Select, shard_name
from recommender.reading.formats import Stream
from recommender.reading.read import Part
from recommender.storage import checkpoints
from recommender.storage.atomic import check_writable
from recommender.storage.checkpoints import Ledger, Ledgers
from recommender.storage.database import is_database

MakeStep = Callable[..., Callable[[Row], Row]]
_THREAD_TIMEOUT = 60.0  # seconds
_RAY_DATA_THREADS = ("StreamingExecutor", "Prefetcher", "ray-data", "iter_threaded", "map_tp")  # of a single dataset


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
        Folder on storage that all nodes share; the folder of the job in it is deleted when the job ends. Default: the
        folder of the lists.
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
        """Connect to the cluster and check every node, before any work.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        SettingsError
            If lists go to a database and no folder is named.
        ClusterError
            If there is no cluster, a node differs from this one or does not see the folder, or the workers need more
            CPUs than there are.
        """
        try:
            import ray.data
        except ImportError:
            raise MissingExtraError(
                "the engine ray needs Ray Data, which is not installed: pip install 'recommender[ray]'"
            ) from None
        work = self._folder(lists, ".work")
        was_connected = ray.is_initialized()
        if not was_connected:
            connect(self.address)
        consoles = [handler for handler in logging.getLogger("ray.data").handlers if handler.name == "console"]
        levels = [console.level for console in consoles]
        try:
            for console in consoles:  # Ray's log files hold the rest
                console.setLevel(logging.ERROR)
            shutil.rmtree(work, ignore_errors=True)
            check_writable(work)
            job = RayJob(self, work, check_nodes(work))
            with closing(job):
                yield job
        finally:
            shutil.rmtree(work, ignore_errors=True)
            for console, level in zip(consoles, levels, strict=True):
                console.setLevel(level)
            if not was_connected:
                ray.shutdown()

    def ledger_folder(self, lists: str | Path) -> Path:
        """Return the folder of finished shards, on the storage that all nodes share."""
        return self._folder(lists, checkpoints.FOLDER)

    def _folder(self, lists: str | Path, name: str) -> Path:
        """Return the folder of this job; jobs that publish to another place have another one."""
        if self.work is None and is_database(lists):
            raise SettingsError("lists go to a database: name a folder that all nodes share with --work (work=)")
        if self.work is None:
            return Path(lists).absolute() / name
        place = str(lists) if is_database(lists) else str(Path(lists).absolute())
        return Path(self.work).absolute() / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


class RayJob:
    """The steps of one job; each gives the same result as the local step.

    Parameters
    ----------
    work : path
        Folder that all nodes share.
    cpus : list of int
        CPUs of each node.

    Raises
    ------
    ClusterError
        If the workers need more CPUs than there are.
    """

    def __init__(self, engine: RayEngine, work: Path, cpus: list[int]) -> None:
        self.engine, self.work = engine, work
        workers_per_node = -(-(engine.workers or len(cpus)) // len(cpus))
        self._cpus_per_worker = max(min(cpus) // workers_per_node, 1)
        max_workers = sum(cpu // self._cpus_per_worker for cpu in cpus)
        self._workers = engine.workers or max_workers
        if self._workers > max_workers:
            raise ClusterError(
                f"{self._workers} workers were asked for, the {sum(cpus)} CPUs of the cluster hold {max_workers}"
            )
        self._plan: Plan | None = None
        self._shards = {"shards": f"{engine.stories:,} stories"}
        self._outputs: list[Generator[Row]] = []
        self._threads_before = set(threading.enumerate())

    def close(self) -> None:
        """End the steps that are under way, and wait for the threads of Ray Data that served them.

        After the connection has ended one of them would make Ray connect again, or end this process.
        """
        for outputs in self._outputs:
            outputs.close()
        self._outputs.clear()
        for thread in set(threading.enumerate()) - self._threads_before:
            if thread.name.startswith(_RAY_DATA_THREADS):
                thread.join(_THREAD_TIMEOUT)

    def read_files(self, read: Callable[[Stream], Part], streams: list[Stream]) -> Iterator[Part]:
        """Read each file in a task; streams that are no files are read in this process.

        These tasks end before any worker starts, so that readers have all CPUs and never wait for workers.
        """
        if all(stream.path for stream in streams):
            yield from map(Read.part, self._map(Read, (read,), Read.rows(streams, self.work), tasks=True))
        else:
            yield from map(read, streams)

    def encode(self, embedder: Embedder) -> Encode | None:
        """Return the embedding by the workers; None where vectors depend on the archive, or are given."""
        if not embedder.fingerprint:
            return None
        if (device := getattr(embedder, "device", "cpu")) != "cpu":  # Ray hides GPUs from steps that need CPUs
            raise ClusterError(f"workers embed on CPUs and the driver on {device}: set embedding.device = 'cpu'")

        def encode(batches: Iterable[Sequence[str]]) -> Iterator[NDArray[np.int16]]:
            rows = [{"texts": list(batch)} for batch in batches]
            embedded = self._map(partial(_embed, embedder.fingerprint), (embedder,), rows)
            return (row["vectors"] for row in embedded)

        return encode

    def pool(self, rec: Recommender, run: Run, keep: bool) -> None:
        """Search shard by shard; pools stay in files, and with `keep` are put into the archive."""
        size, stories = len(rec.catalog), self.engine.stories
        ledger = _open_ledger(run.ledgers, "pools", {**run.inputs.parts, **self._shards}, -(-size // stories))
        lister = rec.lister(as_of=run.inputs.as_of)
        self._plan = plan = Plan(
            work=self.work,
            size=size,
            stories=stories,
            moment=lister.selection.scope.as_of,
            limits=rec.archive.limits,
            overlay=rec.overlay.copy(),
            pool_ledger=copy(ledger),
        )
        plan.save(rec.archive, rec.embedder)
        for _ in self._map(Search, (plan,), [{"shard": shard} for shard in _unfinished(ledger, plan)]):
            pass
        pools = plan.gather_pools()
        if keep:
            rec.archive = lister.with_pools(found=pools)

    def lists(self, rec: Recommender, rows: NDArray[np.int64], run: Run) -> Iterator[pa.RecordBatch]:
        """Yield the lists that the workers write, in the order and blocks of the local run; `pool` must come first."""
        assert self._plan is not None
        self._plan.save_list_rows(rows)
        shards = self._plan.shards
        ledger = _open_ledger(run.ledgers, "lists", {**run.inputs.with_rows(rows), **self._shards}, len(shards))
        plan = replace(self._plan, list_ledger=copy(ledger))
        unfinished = _unfinished(ledger, plan)
        selected = self._map(Select, (plan, run.inputs.version), [{"shard": shard} for shard in unfinished])

        def finished_shards() -> Iterator[int]:
            waiting = set(unfinished)
            for shard in shards:
                if shard in waiting:
                    next(selected)
                yield shard

        return Select.blocks(copy(ledger), finished_shards(), rec.archive.limits.lists)

    def _map(self, step: MakeStep, arguments: tuple[Any, ...], rows: list[Row], tasks: bool = False) -> Iterator[Row]:
        """Yield the output of a step for each row, in order; the step is set up once per worker, or per task."""
        self._outputs.append(self._run(step, arguments, rows, tasks))
        return self._outputs[-1]

    def _run(self, step: MakeStep, arguments: tuple[Any, ...], rows: list[Row], tasks: bool) -> Generator[Row]:
        if not rows:
            return
        import ray

        context = ray.data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        step_arguments, workers = (node_class(), step, arguments), min(self._workers, len(rows))
        with ray.data.DataContext.current(context):
            shards = ray.data.from_items(rows, override_num_blocks=len(rows))
            if tasks:
                outputs = shards.map(_Step(*step_arguments).__call__, num_cpus=1)
            else:
                outputs = shards.map(
                    _Step,
                    fn_constructor_args=step_arguments,
                    compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
                    num_cpus=self._cpus_per_worker,
                )
        try:
            with closing(iter(outputs.iter_rows())) as output_rows:
                for row in output_rows:
                    if "error" in row:
                        raise pickle.loads(row["error"])
                    yield row
        except RecommenderError:
            raise
        except Exception as error:  # Ray Data has no common class of its own
            raise ClusterError(f"the cluster failed: {str(error).strip().partition(chr(10))[0]}") from error


class _Step:
    """A step on a node, which is checked first, as it may have joined the cluster late. Errors come back as values."""

    def __init__(self, expected: dict[str, str], step: MakeStep, arguments: tuple[Any, ...]) -> None:
        self.expected, self.step, self.arguments = expected, step, arguments
        self.run: Callable[[Row], Row] | None = None

    def __call__(self, row: Row) -> Row:
        try:
            if self.run is None:
                refuse_others(self.expected, node_class())
                self.run = self.step(*self.arguments)
            return self.run(row)
        except RecommenderError as error:
            return {"error": pickle.dumps(error)}
        except Exception as error:  # whatever a model or a disk raises
            return {"error": pickle.dumps(ClusterError(f"node {node_name()}: {type(error).__name__}: {error}"))}


def _open_ledger(ledgers: Ledgers, stage: str, inputs: Mapping[str, str], total: int) -> Ledger:
    ledger = ledgers.open(stage, inputs, total)
    assert ledger is not None  # `RayEngine` always has a folder
    return ledger


def _unfinished(ledger: Ledger, plan: Plan) -> list[int]:
    return [shard for shard in plan.shards if not ledger.path(shard_name(shard))]


def _embed(fingerprint: str, embedder: Embedder) -> Embed:
    """Make the step that embeds, if the model of this node is that of the driver."""
    refuse_others({"embedder": fingerprint}, {"embedder": embedder.fingerprint})
    return Embed(embedder)
