"""The nodes of a Ray cluster: the connection to them, and whether they compute what this machine would."""

from __future__ import annotations

import logging
import socket
import sys
from importlib.metadata import version as installed
from itertools import islice
from pathlib import Path

import numpy as np

from recommender.errors import ClusterError
from recommender.version import __version__

_PACKAGES = ("numpy", "scipy", "pyarrow", "torch")  # packages whose releases may round differently
_CONNECT_TIMEOUT = 10.0  # seconds
_MAX_DIFFERENCES = 4  # that an error names


def connect(address: str | None) -> None:
    """Connect to a cluster, or raise `ClusterError`."""
    import ray

    if address and address.startswith("ray://"):
        raise ClusterError(f"{address} is for Ray Client; run the job on a machine of the cluster with HOST:PORT")
    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdecimal():
            # Ray itself would wait for minutes.
            socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        raise ClusterError(f"no Ray cluster at {where}: {error}; start one: ray start --head") from error


def check_nodes(work: Path) -> list[int]:
    """Return the number of CPUs of each node; every node must be like this one and see the work folder."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = work / "probe"
    probe.touch()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise ClusterError("no node of the Ray cluster has a CPU for workers; add one: ray start --address=HOST:PORT")
    tasks = []
    for node in nodes:
        on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        tasks.append(ray.remote(_inspect).options(num_cpus=0, scheduling_strategy=on_node).remote(str(probe)))
    try:
        answers = ray.get(tasks)
    except ray.exceptions.RayError as error:
        raise ClusterError(f"a node of the cluster cannot be used: {str(error).strip().splitlines()[-1]}") from error
    for found, has_probe in answers:
        refuse_others(node_class(), found)
        if not has_probe:
            raise ClusterError(f"node {found['node']} does not see {work}; name a folder that all nodes share: --work")
    return [int(node["Resources"]["CPU"]) for node in nodes]


def _inspect(probe: str) -> tuple[dict[str, str], bool]:
    return node_class(), Path(probe).exists()


def node_name() -> str:
    """Return the name of this node for messages."""
    import ray

    return f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"


def node_class() -> dict[str, str]:
    """Describe what decides, besides the input, about the bits of a result; it must be the same on all nodes."""
    instructions = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        "node": node_name(),
        "recommender": __version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        **{name: installed(name) for name in _PACKAGES},
        "instructions": " ".join(instructions),
    }


def refuse_others(expected: dict[str, str], found: dict[str, str]) -> None:
    """Raise `ClusterError` naming the node and what differs."""
    for name, value in expected.items():
        if name != "node" and found[name] != value:
            node = found.get("node") or node_name()
            raise ClusterError(
                f"node {node} differs from the driver in {name}: {_difference(found[name], value)}; use nodes of one "
                "kind with the same installation, else lists would depend on where they are made"
            )


def _difference(found: str, expected: str) -> str:
    there, here = found.split(), expected.split()
    only = [f"{word} only there" for word in there if word not in here]
    only += [f"{word} only here" for word in here if word not in there]
    return ", ".join(islice(only, _MAX_DIFFERENCES))
