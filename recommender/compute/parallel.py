"""Tasks on all cores: results in order, rows copied in parts, threads for PyTorch."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from itertools import chain, islice
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
    """Run tasks in as many threads as there are cores, or in given workers, and yield the results in their order.

    A few tasks are run ahead. The first runs by itself: it fills the caches that the others share.

    Examples
    --------
    >>> list(in_order(len, ["a", "bcd", "ef"]))
    [1, 3, 2]
    """
    tasks, cores = iter(tasks), os.cpu_count() or 1
    for first in islice(tasks, 1):
        yield run(first)
    try:
        tasks = chain([next(tasks)], tasks)
    except StopIteration:  # a single task needs no threads
        return
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


def concatenate(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Concatenate the rows of two arrays, as `np.concatenate` does, on all cores.

    For arrays of gigabytes, whose new pages cost more than their bytes.

    Examples
    --------
    >>> concatenate(np.zeros((1, 2)), np.ones((1, 2))).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    both = np.empty((len(first) + len(second), *first.shape[1:]), dtype=first.dtype)
    both[len(first) :] = second

    def copy(start: int) -> None:
        part = slice(start, min(start + _COPIED, len(first)))
        both[part] = first[part]

    for _ in in_order(copy, range(0, len(first), _COPIED)):
        pass
    return both


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
        torch.get_num_threads()  # sets this thread up with the common number; only then can its own be changed
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="torch")
    for job in [pool.submit(start) for _ in range(count)]:
        job.result()
    torch.set_num_threads(count)  # new threads take the number that was set last
    return pool


def torch_threads() -> int:
    """Return how many tasks `torch_workers` run at once."""
    import torch

    return int(torch.get_num_threads())


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=torch_workers.cache_clear)
