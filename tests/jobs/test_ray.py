"""Ray clusters of real processes: a head that only keeps count, and nodes that compute."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender import Recommender, Settings
from recommender.errors import ClusterError, MissingExtraError, SettingsError
from recommender.jobs.engines.ray import RayEngine, RayJob
from recommender.jobs.precompute import precompute
from recommender.jobs.summary import Summary
from recommender.progress import Progress, silent
from recommender.publishing import open_publisher
from recommender.search.limits import LIMITS
from recommender.storage import checkpoints
from tests.conftest import NEWSROOM
from tests.faults.world import WordEmbedder
from tests.support.checkerboard import checkerboard
from tests.support.processes import cli

ROOT = Path(__file__).parents[2]
STORE = 100 << 20  # bytes of a node's object store
# a lost node is noticed within two seconds, not thirty
CHECKS = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
ray_data = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray Data is not installed: pip install 'recommender[ray]'"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """The head and another node, of one CPU and with processes of its own each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False, "_system_config": CHECKS}
        started = Cluster(initialize_head=True, head_node_args=head)
        try:
            second(started)
            yield started
        finally:
            started.shutdown()


def second(cluster: Any) -> Any:
    """The node beside the head; a new one if it was killed."""
    return next(iter(cluster.worker_nodes), None) or cluster.add_node(num_cpus=1, object_store_memory=STORE)


def contents(folder: Path) -> dict[str, bytes]:
    """All files that a run leaves, but the cache and the lock."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sqlite" and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@ray_data
def test_lists_and_snapshot_are_the_local_ones_by_shards_of_the_archive(
    cluster: Any, tfidf: Settings, tmp_path: Path
) -> None:
    assert second(cluster) is not cluster.head_node
    (tmp_path / "in").mkdir()
    lines = NEWSROOM.read_bytes().splitlines(keepends=True)
    for number in range(3):
        (tmp_path / "in" / f"{number}.jsonl").write_bytes(b"".join([*lines[number::3], b"nonsense\n"]))
    (tmp_path / "in" / "late.jsonl").write_text('{"id": "gone", "title": "Ferry", "updated_at": "2026-05-01"}\n')

    def run(name: str, **engine: Any) -> dict[str, bytes]:
        out = tmp_path / name
        open_publisher(out).overlay.record("withdraw", ["ferry-inquiry"])
        trashed = datetime(2026, 5, 2, tzinfo=UTC)
        open_publisher(out / "lists").overlay.take_back({"gone": (trashed, None)}, ())
        summary = precompute(
            tmp_path / "in",
            out / "lists",
            settings=tfidf,
            rules=NEWSROOM.parent / "rules.toml",
            archive=out / "snapshot",
            **engine,
        )
        assert (summary.rejected, summary.superseded) == (3, 2), "the row of what was trashed later is older"
        assert any("took their stories back" in note for note in summary.notes)
        return contents(out)

    local = run("local")
    assert run("ray", engine=RayEngine(cluster.address, stories=20)) == local
    assert any(name.endswith("lists.jsonl") for name in local)
    assert any(name.endswith("pools.rows.npy") for name in local)


@ray_data
def test_a_job_that_lost_a_node_and_then_was_broken_off_redoes_only_the_rest(cluster: Any, tmp_path: Path) -> None:
    stories, size = checkerboard(per_topic=200), 40
    shards = -(-len(stories) // size)
    settings = Settings.of({"retrieval": {"window_days": 60}})
    node = second(cluster)
    written: list[int] = []
    resumed: list[tuple[str, int, int | None]] = []
    done = threading.Event()

    class Broken(Exception):
        pass

    def run(name: str, progress: Progress = silent, **engine: Any) -> tuple[dict[str, bytes], Summary]:
        out = tmp_path / name
        cache = tmp_path / f"{name}.sqlite"
        rec = Recommender(settings, embedder=WordEmbedder(), cache=cache, limits=replace(LIMITS, lists=size))
        summary = precompute(stories, out, format="parquet", recommender=rec, progress=progress, **engine)
        assert summary.lists == len(stories)
        return contents(out), summary

    def kill() -> None:
        """Kill a node with all its processes as soon as a shard of lists is there."""
        while not written and not done.is_set():
            if found := len(list((tmp_path / "ray" / checkpoints.FOLDER).glob("lists-*/[0-9]*"))):
                written.append(found)
                for process in (*children(node), raylet(node)):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.002)

    def break_off(stage: str, done: int, total: int | None) -> None:
        if stage == "writing" and done > len(stories) / 2:
            raise Broken

    def listen(stage: str, done: int, total: int | None) -> None:
        if stage.startswith("resumed"):
            resumed.append((stage, done, total))

    engine = RayEngine(cluster.address, stories=size)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(Broken):
            run("ray", break_off, engine=engine)
    finally:
        done.set()
        killer.join()
        cluster.remove_node(node, allow_graceful=False)
    assert 0 < written[0] < shards / 2, "the node was lost before the job was broken off"
    assert not (tmp_path / "ray" / "CURRENT").exists()
    found, summary = run("ray", listen, engine=engine)
    assert found == run("local")[0]
    assert resumed[0] == ("resumed pools", shards, shards)
    assert resumed[1][0] == "resumed lists"
    assert shards / 2 <= resumed[1][1] <= shards
    assert summary.resumed >= shards + resumed[1][1]
    assert not (tmp_path / "ray" / checkpoints.FOLDER).exists()


def raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def children(node: Any) -> list[int]:
    """Workers and agents of a node."""
    path = Path(f"/proc/{raylet(node)}/task/{raylet(node)}/children")
    return [int(child) for child in path.read_text().split()]


@ray_data
def test_errors_of_a_stage_are_those_of_the_local_run(cluster: Any, tmp_path: Path) -> None:
    stories = tmp_path / "stories.jsonl"
    stories.write_text('{"id": "a", "title": "Ferry aground"}\n{"id": "b"}\n')
    done = [
        cli("precompute", stories, "--lists", tmp_path / name, "--model", "tfidf", "--strict", "--engine", *engine)
        for name, *engine in (("here", "local"), ("there", "ray", "--address", cluster.address))
    ]
    assert done[0].returncode == done[1].returncode == 2
    assert done[0].stderr.startswith("error: ")
    assert done[0].stderr in done[1].stderr
    assert not (tmp_path / "there" / "CURRENT").exists()
    assert not (tmp_path / "there" / ".work").exists()


@ray_data
def test_a_node_of_another_kind_is_refused_before_any_work(cluster: Any, tfidf: Settings, tmp_path: Path) -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    if not found:
        pytest.skip("this processor has no instructions that NumPy could do without")
    disabled = {"NPY_DISABLE_CPU_FEATURES": found[-1]}
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE, env_vars=disabled)
    try:
        with pytest.raises(ClusterError, match=f"{socket.gethostname()}.* in instructions: {found[-1]} only here"):
            precompute(checkerboard(), tmp_path / "out", settings=tfidf, engine="ray", address=cluster.address)
    finally:
        cluster.remove_node(node)
    assert not (tmp_path / "out" / "CURRENT").exists()


def test_more_workers_than_the_nodes_have_room_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="9 workers were asked for, the 3 CPUs of the cluster hold 3"):
        RayJob(RayEngine(workers=9), tmp_path, [1, 2])
    RayJob(RayEngine(workers=3), tmp_path, [1, 2])


def test_workers_do_not_embed_beside_a_gpu_of_the_driver(tmp_path: Path) -> None:
    class OnGpu(WordEmbedder):
        device = "cuda"

    job = RayJob(RayEngine(), tmp_path, [1])
    assert job.encode(WordEmbedder()) is not None
    with pytest.raises(ClusterError, match=r"the driver on cuda: set embedding\.device = 'cpu'"):
        job.encode(OnGpu())


def test_what_keeps_a_job_from_the_cluster_is_told(
    tfidf: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="workers of the cluster is 0"):
        RayEngine(workers=0)
    if find_spec("ray") is not None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"  # nobody listens once it is closed
        with pytest.raises(ClusterError, match=f"no Ray cluster at {address}"):
            precompute(checkerboard(), tmp_path / "out", settings=tfidf, engine="ray", address=address)
        with pytest.raises(SettingsError, match="--work"):
            precompute(checkerboard(), f"sqlite:///{tmp_path}/lists.db", settings=tfidf, format="sql", engine="ray")
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recommender\[ray\]'"):
        precompute(checkerboard(), tmp_path / "out", settings=tfidf, engine="ray")
    assert not (tmp_path / "out" / "CURRENT").exists()
