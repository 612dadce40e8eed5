"""One task after another on all cores, with the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(run: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Results of tasks in their order, worked on by as many threads as there are cores, a few tasks ahead.

    The first is done alone: it fills the caches that the others share.

    Examples
    --------
    >>> list(in_order(len, ["a", "bcd", "ef"]))
    [1, 3, 2]
    """
    tasks, cores = iter(tasks), os.cpu_count() or 1
    for first in islice(tasks, 1):
        yield run(first)
    with ThreadPoolExecutor(cores) as pool:
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
