"""Loops are compiled by one process of the tests, not by each that needs them at the same time."""

from __future__ import annotations

import fcntl
from typing import Any

from numba.core.dispatcher import Dispatcher

_compile = Dispatcher.compile


def compile_once(loop: Dispatcher, signature: Any) -> Any:
    """Compile a loop, or wait for the process that compiles it and read what that leaves on disk."""
    if loop.stats.cache_path is None:
        return _compile(loop, signature)
    with open(loop.py_func.__code__.co_filename) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return _compile(loop, signature)


Dispatcher.compile = compile_once
