"""A decorator that compiles loops over stories or pairs with numba, and shares them out among the cores.

Not numba's own threads: two callers at once would abort its default threading layer.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

_CORES = os.cpu_count() or 1
_SHARES = 2  # for each core, as stories differ in cost
_UNREADABLE = (AttributeError, ImportError, EOFError, pickle.UnpicklingError)
_recompiling = threading.Lock()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_CORES, thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)


def kernel(
    least: int, parts: tuple[Callable[..., Any], ...] = (), results: int = 1
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a loop at its first call; later processes find the machine code on disk.

    The loop takes the rows ``[start, stop)`` of its arrays and writes its results into the last ones. It is called with
    the number of rows instead of these two, and runs without the interpreter's lock.

    Parameters
    ----------
    least : int
        Number of rows that is worth a thread.
    parts : tuple of functions
        Functions that the loop calls, compiled with it.
    results : int, default 1
        Number of arguments, the last ones, that the loop writes.

    Examples
    --------
    >>> import numpy as np
    >>> @kernel(least=1_000)
    ... def double(start, stop, values, out):
    ...     for row in range(start, stop):
    ...         out[row] = 2 * values[row]
    >>> out = np.empty(3)
    >>> double(3, np.arange(3.0), out)
    >>> out.tolist()
    [0.0, 2.0, 4.0]
    """

    def decorate(loop: Callable[..., None]) -> Callable[..., None]:
        @cache
        def compiled_loop() -> Callable[..., None]:
            import numba  # slow to import, and not needed by those who read finished lists

            for part in parts:
                numba.extending.register_jitable(part)
            try:
                loop.__qualname__ += _digest_of_files(loop, parts)
                return numba.njit(nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
            except (RuntimeError, OSError):  # no folder for machine code, next to the file or of the user; or no file
                return numba.njit(nogil=True)(loop)  # type: ignore[no-any-return]

        @wraps(loop)
        def run(n_rows: int, *arguments: Any) -> None:
            compiled = compiled_loop()
            # arrays of a saved archive are read-only: without this they would ask for machine code of their own
            arrays = (*map(_read_only, arguments[:-results]), *arguments[-results:])
            size = max(-(-n_rows // (_CORES * _SHARES)), least)
            if n_rows <= size:
                _call(compiled, 0, n_rows, *arrays)
                return
            starts = range(0, n_rows, size)
            jobs = [_pool().submit(_call, compiled, start, min(start + size, n_rows), *arrays) for start in starts]
            for job in jobs:
                job.result()

        return run

    return decorate


def _digest_of_files(loop: Callable[..., None], parts: tuple[Callable[..., Any], ...]) -> str:
    """Return a suffix that changes with the files of parts; empty if all are in the file of the loop.

    Numba compiles a loop again if its own file changes, and finds machine code by the name of the loop.
    """
    files = {part.__code__.co_filename for part in parts} - {loop.__code__.co_filename}
    contents = b"".join(Path(file).read_bytes() for file in sorted(files))
    return f"_{sha256(contents).hexdigest()[:16]}" if files else ""


def _read_only(argument: Any) -> Any:
    """Return an array, or a plain tuple of arrays, as one that cannot be written."""
    if type(argument) is tuple:
        return tuple(map(_read_only, argument))
    if isinstance(argument, np.ndarray) and argument.flags.writeable:
        argument = argument.view()
        argument.setflags(write=False)
    return argument


def _call(compiled: Any, *arguments: Any) -> None:
    """Call a compiled loop, anew compiled where what is on disk cannot be read.

    The index of kept machine code names the classes of the arguments. After an upgrade one of them may be gone, and
    numba would fail before it sees that the code is old.
    """
    try:
        compiled(*arguments)
    except _UNREADABLE:
        with _recompiling:
            compiled.recompile()
        compiled(*arguments)
