"""Tasks on all cores: one after another with the results in order, or all at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.compute.hardware import keep_apart_large_memory

_COPIED = 1 << 16  # rows copied at a time
Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    run: Callable[[Task], Result], tasks: Iterable[Task], workers: ThreadPoolExecutor | None = None
) -> Iterator[Result]:
    """Work on tasks by as many threads as there are cores, or by some workers; gives results in the order of tasks.

    A few tasks are worked on ahead. The first is done alone: it fills the caches that the others share.

    Examples
    --------
    >>> list(in_order(len, ["a", "bcd", "ef"]))
    [1, 3, 2]
    """
    tasks, cores = iter(tasks), os.cpu_count() or 1
    for first in islice(tasks, 1):
        yield run(first)
    with nullcontext(workers) if workers is not None else ThreadPoolExecutor(cores) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                ahead.append(pool.submit(run, task))
                if len(ahead) > cores:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def joined(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Join the rows of two arrays, as `np.concatenate` does, by all cores.

    For arrays of gigabytes, whose new pages cost more than their bytes.

    Examples
    --------
    >>> joined(np.zeros((1, 2)), np.ones((1, 2))).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    found = np.empty((len(first) + len(second), *first.shape[1:]), dtype=first.dtype)
    found[len(first) :] = second

    def copy(part: slice) -> None:
        found[part] = first[part]

    deque(in_order(copy, (slice(at, min(at + _COPIED, len(first))) for at in range(0, len(first), _COPIED))), 0)
    return found


@cache
def torch_workers() -> ThreadPoolExecutor:
    """Start as many threads as PyTorch would use, within each of which PyTorch uses no other.

    Tasks that share no work need no barriers within each operation, nor do threads that have nothing to do
    keep a core busy while they wait for the next.
    """
    import torch

    keep_apart_large_memory()
    count = torch.get_num_threads()
    started = threading.Barrier(count)

    def start() -> None:
        torch.get_num_threads()  # sets the thread up by the number that holds for all; only then can it be changed
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="torch")
    for job in [pool.submit(start) for _ in range(count)]:
        job.result()
    torch.set_num_threads(count)  # new threads take the number that was set last
    return pool


def torch_threads() -> int:
    """Tell how many tasks `torch_workers` run at once."""
    import torch

    return int(torch.get_num_threads())


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=torch_workers.cache_clear)
