"""A decorator that compiles loops over stories or pairs with numba, and shares their lines out among the cores.

Not numba's own threads: two callers at once would abort its default threading layer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import Any

_CORES = os.cpu_count() or 1
_SHARES = 2  # of the lines a core: lines differ in cost


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_CORES, thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)


def kernel(
    least: int, parts: tuple[Callable[..., Any], ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a loop at its first call; later processes find the machine code on disk.

    The loop takes the lines ``[start, stop)`` of its arrays and writes what it finds into the last ones. It is called
    with the number of lines in their place, and runs without the interpreter's lock.

    Parameters
    ----------
    least : int
        Lines that are worth a thread.
    parts : tuple of functions
        Functions that the loop calls, compiled with it. They stand in the loop's own file: a change of another file
        would not be noticed.

    Examples
    --------
    >>> import numpy as np
    >>> @kernel(least=1_000)
    ... def doubles(start, stop, values, found):
    ...     for line in range(start, stop):
    ...         found[line] = 2 * values[line]
    >>> found = np.empty(3)
    >>> doubles(3, np.arange(3.0), found)
    >>> found.tolist()
    [0.0, 2.0, 4.0]
    """

    def wrap(loop: Callable[..., None]) -> Callable[..., None]:
        @cache
        def machine_code() -> Callable[..., None]:
            import numba  # slow to import, and not needed by those who read finished lists

            for part in parts:
                numba.extending.register_jitable(part)
            try:
                return numba.njit(nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
            except RuntimeError:  # no folder to keep machine code in: neither that of the file nor the user's cache
                return numba.njit(nogil=True)(loop)  # type: ignore[no-any-return]

        @wraps(loop)
        def run(lines: int, *arrays: Any) -> None:
            compiled = machine_code()
            step = max(-(-lines // (_CORES * _SHARES)), least)
            if lines <= step:
                compiled(0, lines, *arrays)
                return
            shares = range(0, lines, step)
            jobs = [_pool().submit(compiled, start, min(start + step, lines), *arrays) for start in shares]
            for job in jobs:
                job.result()

        return run

    return wrap
